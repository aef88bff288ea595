//! The ten figures of `shapes`, as signed distances: negative inside, positive outside, in units of the figure's radius
//! (formulas after I. Quilez, "2D distance functions", <https://iquilezles.org/articles/distfunctions2d>).

/// A class of `shapes`; its place in [`Figure::ALL`] is the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Disc,
    Ring,
    Square,
    Triangle,
    Cross,
    Star,
    Crescent,
    Heart,
    Stripes,
    Checker,
}

impl Figure {
    pub(super) const ALL: [Self; 10] = [
        Self::Disc,
        Self::Ring,
        Self::Square,
        Self::Triangle,
        Self::Cross,
        Self::Star,
        Self::Crescent,
        Self::Heart,
        Self::Stripes,
        Self::Checker,
    ];

    pub(super) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Signed distance of the point (x, y) from the outline of the figure of radius 1 around the origin.
    ///
    /// Only `+ - * /`, square roots and comparisons: the same to the last bit on every machine.
    pub(super) fn distance(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Disc => length(x, y) - 0.92,
            Self::Ring => (length(x, y) - 0.74).abs() - 0.22,
            Self::Square => square(x, y),
            Self::Triangle => (0.866 * x.abs() + 0.5 * y).max(-y) - 0.56,
            Self::Cross => bar(x, y).min(bar(y, x)),
            Self::Star => star(x, y),
            Self::Crescent => (length(x, y) - 1.0).max(0.8 - length(x - 0.5, y)),
            Self::Heart => heart(x, y),
            Self::Stripes => square(x, y).max(stripes(x)),
            Self::Checker => {
                let (columns, rows) = (stripes(x), stripes(y));
                square(x, y).max(columns.min(rows).max(-columns.max(rows)))
            }
        }
    }
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

fn square(x: f32, y: f32) -> f32 {
    x.abs().max(y.abs()) - 0.82
}

fn bar(along: f32, across: f32) -> f32 {
    (along.abs() - 1.0).max(across.abs() - 0.33)
}

/// Parallel stripes, one of them in the middle, as wide as the gaps; the square ends where a stripe does.
fn stripes(x: f32) -> f32 {
    const PERIOD: f32 = 0.656;
    let place = x / PERIOD;
    (0.25 - (place - place.floor() - 0.5).abs()) * PERIOD
}

/// Five points of radius 1: the plane is folded onto one arm, whose edge is a segment.
fn star(x: f32, y: f32) -> f32 {
    const FOLD: (f32, f32) = (0.809_017, -0.587_785_24);
    const DEPTH: f32 = 0.46;
    let (mut x, mut y) = (x.abs(), y);
    for fold_x in [FOLD.0, -FOLD.0] {
        let beyond = 2.0 * (fold_x * x + FOLD.1 * y).max(0.0);
        (x, y) = (x - beyond * fold_x, y - beyond * FOLD.1);
    }
    (x, y) = (x.abs(), y - 1.0);
    let edge = (DEPTH * -FOLD.1, DEPTH * FOLD.0 - 1.0);
    let along = ((x * edge.0 + y * edge.1) / (edge.0 * edge.0 + edge.1 * edge.1)).clamp(0.0, 1.0);
    length(x - along * edge.0, y - along * edge.1).copysign(y * edge.0 - x * edge.1)
}

/// Two round lobes on a square standing on its corner.
fn heart(x: f32, y: f32) -> f32 {
    const SCALE: f32 = 1.7;
    let (x, y) = (x.abs() / SCALE, y / SCALE + 0.55);
    let distance = if x + y > 1.0 {
        length(x - 0.25, y - 0.75) - 0.353_553_4
    } else {
        let side = 0.5 * (x + y).max(0.0);
        length(x, y - 1.0).min(length(x - side, y - side)).copysign(x - y)
    };
    distance * SCALE
}

#[cfg(test)]
mod tests {
    use super::Figure;

    #[test]
    fn every_figure_covers_a_fair_part_of_its_square_and_stays_inside_it() {
        for figure in Figure::ALL {
            let steps = || (-150_i16..=150).map(|step| f32::from(step) / 100.0);
            let inside: Vec<(f32, f32)> = steps()
                .flat_map(|x| steps().map(move |y| (x, y)))
                .filter(|&(x, y)| figure.distance(x, y) < 0.0)
                .collect();
            let share = inside.len() as f32 / 40_000.0;
            assert!((0.2..0.7).contains(&share), "{figure:?} covers {share}");
            assert!(inside.iter().all(|&(x, y)| x.abs() < 1.2 && y.abs() < 1.2), "{figure:?}");
        }
    }

    #[test]
    fn known_points_lie_in_and_out() {
        assert!(Figure::Ring.distance(0.0, 0.0) > 0.0 && Figure::Ring.distance(0.74, 0.0) < 0.0);
        assert!(Figure::Star.distance(0.0, 0.95) < 0.0 && Figure::Star.distance(0.0, -0.95) > 0.0);
        assert!(Figure::Heart.distance(0.0, 0.95) > 0.0 && Figure::Heart.distance(0.0, -0.8) < 0.0);
        assert!(Figure::Crescent.distance(-0.8, 0.0) < 0.0 && Figure::Crescent.distance(0.5, 0.0) > 0.0);
        assert!(Figure::Cross.distance(0.6, 0.6) > 0.0 && Figure::Cross.distance(0.0, 0.9) < 0.0);
    }
}
