//! A curve of any length that costs a frame only its columns: a pyramid of bins 1, 4, 16, … steps wide, each with its
//! lowest, highest and mean value, so that spikes survive. Bins are aligned to steps and never move as points come.

/// Each level's bins are this many times as wide as those of the level below: 2 bits.
const SHIFT: u32 = 2;
const LEVELS: u32 = 12;

/// What a stretch of steps held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// First step of the stretch that has a point.
    pub first: u64,
    /// Last one.
    pub last: u64,
    /// Lowest finite value; infinite where there is none.
    pub low: f64,
    /// Highest finite value; minus infinite where there is none.
    pub high: f64,
    sum: f64,
    /// Finite points.
    pub count: u32,
    /// Points that are NaN or infinite.
    pub holes: u32,
}

impl Bin {
    fn point(step: u64, value: f64) -> Self {
        let empty =
            Self { first: step, last: step, low: f64::INFINITY, high: f64::NEG_INFINITY, sum: 0.0, count: 0, holes: 1 };
        if value.is_finite() {
            Self { low: value, high: value, sum: value, count: 1, holes: 0, ..empty }
        } else {
            empty
        }
    }

    fn add(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.sum += other.sum;
        self.count += other.count;
        self.holes += other.holes;
    }

    /// Mean of the finite points; NaN where there is none.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

/// Values over steps, in the order of the steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    levels: Vec<Vec<Bin>>,
}

impl Default for Curve {
    fn default() -> Self {
        Self { levels: vec![Vec::new(); LEVELS as usize] }
    }
}

impl Curve {
    /// Adds a point. One at a step not after the last replaces all from that step on.
    pub fn push(&mut self, step: u64, value: f64) {
        if self.last().is_some_and(|(last, _)| step <= last) {
            self.cut(step.saturating_sub(1));
            if step == 0 {
                *self = Self::default();
            }
        }
        let point = Bin::point(step, value);
        for (level, shift) in self.levels.iter_mut().zip((0..).step_by(SHIFT as usize)) {
            match level.last_mut() {
                Some(bin) if bin.first >> shift == step >> shift => bin.add(&point),
                _ => level.push(point),
            }
        }
    }

    /// Forgets all points after `step`.
    pub fn cut(&mut self, step: u64) {
        let keep = self.levels[0].partition_point(|bin| bin.first <= step);
        if keep < self.levels[0].len() {
            let points = self.levels[0][..keep].to_vec();
            *self = Self::default();
            for bin in points {
                self.push(bin.first, if bin.count > 0 { bin.low } else { f64::NAN });
            }
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.levels[0].len()
    }

    /// No points?
    pub fn is_empty(&self) -> bool {
        self.levels[0].is_empty()
    }

    /// Step and value of the first point.
    pub fn first(&self) -> Option<(u64, f64)> {
        self.levels[0].first().map(|bin| (bin.first, bin.mean()))
    }

    /// Step and value of the last point.
    pub fn last(&self) -> Option<(u64, f64)> {
        self.levels[0].last().map(|bin| (bin.first, bin.mean()))
    }

    /// All points, step and value; NaN for holes.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (u64, f64)> + '_ {
        self.levels[0].iter().map(|bin| (bin.first, bin.mean()))
    }

    /// The stretch from step `from` to step `to` in about `columns` bins (at most 4 times as many), in order.
    pub fn bins(&self, from: u64, to: u64, columns: usize) -> &[Bin] {
        let width = (to.saturating_sub(from) / columns.max(1) as u64).max(1);
        let level = (width.ilog2() / SHIFT).min(LEVELS - 1) as usize;
        let bins = &self.levels[level];
        let start = bins.partition_point(|bin| bin.last < from);
        let end = bins.partition_point(|bin| bin.first <= to);
        &bins[start..end.max(start)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spike_among_a_hundred_thousand_points_survives() {
        let mut curve = Curve::default();
        for step in 0..100_000 {
            curve.push(step, if step == 54_321 { 99.0 } else { 1.0 });
        }
        let bins = curve.bins(0, 100_000, 80);
        assert!(bins.len() <= 320, "{}", bins.len());
        assert!(bins.iter().any(|bin| bin.high > 98.0));
    }

    #[test]
    fn nan_leaves_a_hole_and_spoils_nothing() {
        let mut curve = Curve::default();
        for (step, value) in [(1, 1.0), (2, f64::NAN), (3, 3.0)] {
            curve.push(step, value);
        }
        let top = curve.bins(0, 4_000, 1);
        assert_eq!((top[0].low, top[0].high, top[0].count, top[0].holes), (1.0, 3.0, 2, 1));
        assert!((top[0].mean() - 2.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn every_level_holds_all_points(steps in prop::collection::btree_set(0..5000_u64, 0..200), columns in 1..100_usize, cut in 0..5000_u64) {
            let mut curve = Curve::default();
            for step in &steps { curve.push(*step, *step as f64); }
            let bins = curve.bins(0, 5000, columns);
            prop_assert_eq!(bins.iter().map(|bin| bin.count as usize).sum::<usize>(), steps.len());
            prop_assert!(bins.iter().all(|bin| (bin.first as f64, bin.last as f64) == (bin.low, bin.high)));
            prop_assert!(bins.windows(2).all(|pair| pair[0].last < pair[1].first));
            curve.cut(cut);
            let kept: Vec<u64> = curve.points().map(|(step, _)| step).collect();
            prop_assert_eq!(kept, steps.iter().copied().filter(|s| *s <= cut).collect::<Vec<_>>());
        }
    }
}
