//! Which epoch is in front, and all of them one after the other.

use super::MapScreen;

/// Seconds from one epoch to the next while they are played.
pub(super) const BETWEEN: f64 = 1.0;
/// Seconds between two pictures of that.
pub(super) const FRAME: f64 = 0.1;

impl MapScreen {
    /// How far the map in front is on its way to the next, 0 to 1.
    pub(super) fn way(&self, now: f64) -> f32 {
        self.playing.map_or(0.0, |since| ((now - since) / BETWEEN).clamp(0.0, 1.0) as f32)
    }

    /// Epochs are being played.
    pub fn plays(&self) -> bool {
        self.playing.is_some()
    }

    /// Plays from the epoch in front on, from the first where that is the last; or stops. Gives false where there is but one.
    pub fn play(&mut self, now: f64) -> bool {
        let Some(here) = self.step() else { return false };
        if self.playing.take().is_some() {
            return true;
        }
        if self.maps.len() < 2 {
            return false;
        }
        self.step = if self.next(here).is_some() { Some(here) } else { self.maps.keys().next().copied() };
        self.playing = Some(now);
        self.put_in_order();
        true
    }

    /// When it looks different by itself.
    pub fn next_change(&self, now: f64) -> Option<f64> {
        self.playing.map(|_| now + FRAME)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: f64) {
        while let (Some(since), Some(here)) = (self.playing, self.step()) {
            if now - since < BETWEEN {
                return;
            }
            let Some(next) = self.next(here) else {
                self.playing = None;
                return;
            };
            self.step = Some(next);
            // At the end it rests: the newest is in front again.
            self.playing = self.next(next).map(|_| since + BETWEEN);
            if self.playing.is_none() {
                self.step = None;
            }
            self.put_in_order();
        }
    }

    /// To the epoch after or before. Gives false where there is none.
    pub fn turn_epoch(&mut self, later: bool) -> bool {
        self.playing = None;
        let Some(here) = self.step() else { return false };
        let there = if later { self.next(here) } else { self.maps.range(..here).next_back().map(|(step, _)| *step) };
        // The newest stays the newest when one more comes.
        self.step = there.filter(|step| self.next(*step).is_some()).or(if there.is_none() { self.step } else { None });
        self.put_in_order();
        there.is_some()
    }
}
