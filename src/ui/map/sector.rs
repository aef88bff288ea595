//! What of a map is in sight.

use super::{MapScreen, Way};
use mocolab::embedding::Frame;

/// How much nearer a step of the zoom brings.
pub(super) const CLOSER: f32 = 1.5;
pub(super) const CLOSEST: f32 = 1.0 / 64.0;
/// The share of what is in sight that a step aside moves by.
pub(super) const ASIDE: f32 = 0.25;

impl MapScreen {
    /// What is in sight on `size` dots: the same while epochs are played.
    pub fn frame(&self, size: [usize; 2]) -> Frame {
        let all = Frame::around(self.bounds.unwrap_or([[0.0, 1.0]; 2]), size);
        match self.zoom {
            Some(zoom) => Frame { middle: self.middle, ..all.zoomed(zoom) },
            None => all,
        }
    }

    /// What is in sight at least, whatever the proportions of the plot: half of it lies beside its middle.
    pub(super) fn surely_in_sight(&self) -> Frame {
        let all = self.bounds.unwrap_or([[0.0, 1.0]; 2]);
        let half = all.map(|[low, high]| (high - low) / 2.0 * self.zoom.unwrap_or(1.0));
        Frame { middle: self.frame([1, 1]).middle, reach: half }
    }

    /// How many times nearer than all.
    pub fn nearness(&self) -> f32 {
        1.0 / self.zoom.unwrap_or(1.0)
    }

    /// Closer to `about`, or to the point under the cursor, or the middle; or further away from it.
    pub fn zoom(&mut self, closer: bool, about: Option<[f32; 2]>) {
        let Some(map) = self.map().cloned() else { return };
        // The scale of dots does not matter for what is in the middle.
        let now = self.frame([1, 1]);
        let chosen = self.place(&map).map(|place| map.points[place].at);
        let before = self.zoom.unwrap_or(1.0);
        let zoom = (before * if closer { 1.0 / CLOSER } else { CLOSER }).max(CLOSEST);
        if zoom >= 0.999 {
            self.zoom = None;
            return;
        }
        let factor = zoom / before;
        if (factor - 1.0).abs() < f32::EPSILON {
            return;
        }
        self.middle = match (about, chosen) {
            // What lies under the mouse stays there.
            (Some(about), _) => [0, 1].map(|axis| about[axis] + (now.middle[axis] - about[axis]) * factor),
            (None, Some(chosen)) if closer => chosen,
            _ => now.middle,
        };
        self.zoom = Some(zoom);
    }

    /// Moves what is in sight aside, by parts of its width and height.
    pub fn pan(&mut self, way: Way) {
        let now = self.surely_in_sight();
        let [across, up] = way.steps();
        if self.zoom.is_some() {
            self.middle =
                [now.middle[0] + across * ASIDE * 2.0 * now.reach[0], now.middle[1] + up * ASIDE * 2.0 * now.reach[1]];
        }
    }
}
