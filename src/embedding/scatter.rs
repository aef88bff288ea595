//! A map on a grid of cells: what lies in each.

/// The part of a map that is shown: what lies in the middle, and how much to either side of it across and down, in units of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// In the middle.
    pub middle: [f32; 2],
    /// To either side.
    pub reach: [f32; 2],
}

impl Frame {
    /// All of a map with a little room around it, and the same scale across and down on `size` dots.
    pub fn around([across, down]: [[f32; 2]; 2], size: [usize; 2]) -> Self {
        let middle = [across, down].map(|[low, high]| f32::midpoint(low, high));
        let half = [across, down].map(|[low, high]| ((high - low) / 2.0).max(f32::MIN_POSITIVE) * 1.02);
        let scale = (half[0] / size[0].max(1) as f32).max(half[1] / size[1].max(1) as f32);
        Self { middle, reach: size.map(|dots| scale * dots.max(1) as f32) }
    }

    /// The same with `factor` times as much in sight.
    #[must_use]
    pub fn zoomed(self, factor: f32) -> Self {
        Self { reach: self.reach.map(|reach| reach * factor), ..self }
    }

    /// Which of `size` dots a place lies on, from the upper left; none outside.
    pub fn dot(&self, at: [f32; 2], size: [usize; 2]) -> Option<[usize; 2]> {
        let part = |axis: usize| {
            let part = (at[axis] - self.middle[axis]) / self.reach[axis] / 2.0 + 0.5;
            (0.0..1.0).contains(&part).then(|| ((part * size[axis] as f32) as usize).min(size[axis] - 1))
        };
        // Up is more.
        Some([part(0)?, size[1] - 1 - part(1)?])
    }
}

/// For each of `size` dots, row by row, the group with the most points on it and how many those are; of equal ones the lower.
/// Points whose group is `None` are left out.
pub fn scatter(
    points: &[[f32; 2]],
    group: impl Fn(usize) -> Option<u16>,
    (frame, size): (Frame, [usize; 2]),
) -> Vec<Option<(u16, u32)>> {
    let mut counts: std::collections::HashMap<(usize, u16), u32> = std::collections::HashMap::new();
    for (place, point) in points.iter().enumerate() {
        if let (Some(group), Some([x, y])) = (group(place), frame.dot(*point, size)) {
            *counts.entry((y * size[0] + x, group)).or_default() += 1;
        }
    }
    let mut dots: Vec<Option<(u16, u32)>> = vec![None; size[0] * size[1]];
    for ((dot, group), count) in counts {
        let better = |(there, most): (u16, u32)| count > most || (count == most && group < there);
        if dots[dot].is_none_or(better) {
            dots[dot] = Some((group, count));
        }
    }
    dots
}
