//! When the steps of a run were done, over all its attempts, so that a curve can be drawn over time.

use crate::curve::Curve;

/// Times of steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clock {
    /// Seconds since the run's first line.
    times: Curve,
    /// Seconds from the moment when a step was first done to the one when it was taken up again, by that step.
    lost: Vec<(u64, f64)>,
}

impl Clock {
    /// An attempt takes up the run at `step`, `seconds` after the run's first line.
    pub(super) fn start(&mut self, step: u64, seconds: f64) {
        if step == 0 {
            *self = Self::default();
            self.times.push(0, seconds);
            self.lost.push((0, seconds));
            return;
        }
        self.times.cut(step);
        self.lost.retain(|(at, _)| *at < step);
        // A step between two points of the record is known to within these.
        if let Some((_, reached)) = self.times.last() {
            self.lost.push((step, seconds - reached));
        }
    }

    /// `step` is done.
    pub(super) fn see(&mut self, step: u64, seconds: f64) {
        // What is evaluated after a step belongs to the next.
        if self.times.last().is_none_or(|(last, _)| last < step) {
            self.times.push(step, seconds);
        }
    }

    /// Seconds from the run's first line to the moment when each step was done, time in which nothing ran included.
    pub fn times(&self) -> &Curve {
        &self.times
    }

    /// Seconds from the run's first line to the moment when `step` was done.
    pub(super) fn wall(&self, step: u64) -> Option<f64> {
        self.times.at(step)
    }

    /// The same without the seconds lost.
    pub(super) fn worked(&self, step: u64) -> Option<f64> {
        let lost: f64 = self.lost.iter().filter(|(at, _)| *at == 0 || *at < step).map(|(_, seconds)| seconds).sum();
        Some(self.wall(step)? - lost)
    }

    pub(super) fn shrink(&mut self) {
        self.times.shrink();
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        self.times.encode(bytes);
        let mut lost = Curve::default();
        self.lost.iter().for_each(|(step, seconds)| lost.push(*step, *seconds));
        lost.encode(bytes);
    }

    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (times, lost) = (Curve::decode(bytes)?, Curve::decode(bytes)?);
        Some(Self { times, lost: lost.points().collect() })
    }
}
