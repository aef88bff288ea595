//! From steps to places along an axis and back.

use super::{By, Pace};
use mocolab::curve::Curve;

/// Bins of a clock that make its knots.
const BINS: usize = 256;

/// The way of one run along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// A place is a step times this.
    Even(f64),
    /// Steps and their places, both rising; straight between them.
    Knots(Vec<(f64, f64)>),
}

impl Way {
    /// None where the run's pace doesn't tell: no epochs, or no times.
    pub fn new(pace: Pace, by: By) -> Option<Self> {
        match by {
            By::Step => Some(Self::Even(1.0)),
            By::Epoch => (pace.steps_per_epoch > 0).then(|| Self::Even(1.0 / pace.steps_per_epoch as f64)),
            By::Relative => Self::timed(pace.seconds?, 0.0),
            By::Wall(_) => Self::timed(pace.seconds?, pace.began),
        }
    }

    fn timed(seconds: &Curve, began: f64) -> Option<Self> {
        let (last, _) = seconds.last()?;
        let knots = knots(seconds, 0, last, began);
        (!knots.is_empty()).then_some(Self::Knots(knots))
    }

    /// The same way, finer between two places: a knot at most a fraction of a column apart once it fills the screen.
    pub fn closer(self, pace: Pace, from: f64, to: f64) -> Self {
        let (Self::Knots(coarse), Some(seconds)) = (&self, pace.seconds) else { return self };
        let began = coarse.first().map_or(0.0, |(_, x)| *x) - seconds.first().map_or(0.0, |(_, value)| value);
        let (from, to) = (self.step(from).floor(), self.step(to).ceil());
        let fine = knots(seconds, from as u64, to as u64, began);
        let (Some(first), Some(last)) = (fine.first(), fine.last()) else { return self };
        let before = coarse.iter().filter(|knot| knot.0 < first.0);
        let after = coarse.iter().filter(|knot| knot.0 > last.0);
        Self::Knots(before.chain(&fine).chain(after).copied().collect())
    }

    /// Where `step` lies.
    pub fn x(&self, step: f64) -> f64 {
        match self {
            Self::Even(factor) => step * factor,
            Self::Knots(knots) => between(knots, step, |knot| *knot),
        }
    }

    /// The step, with a fraction, that lies at `x`.
    pub fn step(&self, x: f64) -> f64 {
        let step = match self {
            Self::Even(factor) => x / factor,
            Self::Knots(knots) => between(knots, x, |(step, x)| (*x, *step)),
        };
        step.max(0.0)
    }
}

/// The lowest and highest time of each bin are those of its first and last step, since time only rises.
fn knots(seconds: &Curve, from: u64, to: u64, began: f64) -> Vec<(f64, f64)> {
    let mut knots: Vec<(f64, f64)> = Vec::new();
    for bin in seconds.bins(from, to, BINS) {
        for (step, value) in [(bin.first, bin.low), (bin.last, bin.high)] {
            // A clock that was set back stands still here.
            let x = (began + value).max(knots.last().map_or(f64::NEG_INFINITY, |knot| knot.1));
            if bin.count > 0 && knots.last().is_none_or(|knot| knot.0 < step as f64) {
                knots.push((step as f64, x));
            }
        }
    }
    knots
}

/// On the line through the knots around `at`; the nearest end beyond them.
fn between(knots: &[(f64, f64)], at: f64, read: fn(&(f64, f64)) -> (f64, f64)) -> f64 {
    let next = knots.partition_point(|knot| read(knot).0 < at);
    let ((x0, y0), (x1, y1)) = match (next.checked_sub(1).and_then(|index| knots.get(index)), knots.get(next)) {
        (Some(before), Some(after)) => (read(before), read(after)),
        (Some(end), None) | (None, Some(end)) => return read(end).1,
        (None, None) => return at,
    };
    if x1 > x0 { y0 + (y1 - y0) * (at - x0) / (x1 - x0) } else { y1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second a step, with a night's pause after step 60,000.
    fn clock() -> Curve {
        let mut seconds = Curve::default();
        for step in 1..=100_000 {
            seconds.push(step, step as f64 + if step > 60_000 { 30_000.0 } else { 0.0 });
        }
        seconds
    }

    #[test]
    fn epochs_and_times_are_found_and_found_back() {
        let seconds = clock();
        let pace = Pace { steps_per_epoch: 100, seconds: Some(&seconds), began: 1e9 };
        assert!((Way::new(pace, By::Epoch).unwrap().x(250.0) - 2.5).abs() < 1e-12);
        let way = Way::new(pace, By::Wall(0)).unwrap();
        for (step, x) in [(1.0, 1.0), (59_000.0, 59_000.0), (70_000.0, 100_000.0)] {
            assert!((way.x(step) - 1e9 - x).abs() < 1.0, "{step}: {}", way.x(step) - 1e9);
            assert!((way.step(1e9 + x) - step).abs() < 1.0, "{step}");
        }
        let close = way.closer(pace, 1e9 + 59_990.0, 1e9 + 90_010.0);
        assert!((close.x(60_000.0) - 1e9 - 60_000.0).abs() < 1e-3 && (close.x(60_001.0) - 1e9 - 90_001.0).abs() < 1e-3);
        assert!((close.x(20_000.0) - 1e9 - 20_000.0).abs() < 1.0, "outside it is as before");
    }

    #[test]
    fn what_is_not_known_has_no_way() {
        assert_eq!(Way::new(Pace::default(), By::Epoch), None);
        assert_eq!(Way::new(Pace::default(), By::Relative), None);
        let empty = Curve::default();
        assert_eq!(Way::new(Pace { seconds: Some(&empty), ..Pace::default() }, By::Relative), None);
    }
}
