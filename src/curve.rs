//! A curve of any length that costs a frame only its columns. The points are kept exactly; above them lies a pyramid of
//! blocks of 16, 256, … points with their lowest, highest and summed values, so that a stretch of any length is gathered
//! from a few of them and spikes survive. Bins are aligned to steps and never move as points come.

mod average;
mod parts;
mod steps;

pub use average::Average;

use steps::Steps;

/// Bins are 1, 4, 16, … steps wide: 2 bits.
const SHIFT: u32 = 2;
/// Members of a block of the level below: 4 bits.
const BLOCK: usize = 16;

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
    /// Mean of the finite points; NaN where there is none.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

/// What some points in a row hold.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Block {
    low: f64,
    high: f64,
    sum: f64,
    holes: u32,
}

impl Block {
    const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY, sum: 0.0, holes: 0 };

    fn add(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            sum: self.sum + other.sum,
            holes: self.holes + other.holes,
        }
    }
}

impl From<f64> for Block {
    fn from(value: f64) -> Self {
        let point = Self { low: value, high: value, sum: value, holes: 0 };
        if value.is_nan() { Self { holes: 1, ..Self::EMPTY } } else { point }
    }
}

/// Values over steps, in the order of the steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    steps: Steps,
    /// NaN for holes.
    values: Vec<f64>,
    /// Whole blocks of points, of those blocks, and so on. What is left over at an end is looked up below.
    levels: Vec<Vec<Block>>,
}

impl Curve {
    /// Adds a point. One at a step not after the last replaces all from that step on.
    pub fn push(&mut self, step: u64, value: f64) {
        if self.last().is_some_and(|(last, _)| step <= last) {
            self.keep(self.steps.before(step));
        }
        self.steps.push(step);
        self.values.push(if value.is_finite() { value } else { f64::NAN });
        self.raise();
    }

    /// Forgets all points after `step`.
    pub fn cut(&mut self, step: u64) {
        self.keep(self.steps.up_to(step));
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// No points?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Step and value of the first point.
    pub fn first(&self) -> Option<(u64, f64)> {
        self.points().next()
    }

    /// Step and value of the last point.
    pub fn last(&self) -> Option<(u64, f64)> {
        self.points().next_back()
    }

    /// All points, step and value; NaN for holes.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (u64, f64)> + ExactSizeIterator + '_ {
        (0..self.values.len()).map(|at| (self.steps.get(at), self.values[at]))
    }

    /// The value at `step`, between two points on the straight line that joins them; none before the first point and
    /// after the last.
    pub fn at(&self, step: u64) -> Option<f64> {
        let after = self.steps.before(step);
        let right = (after < self.len()).then(|| (self.steps.get(after), self.values[after]))?;
        if right.0 == step {
            return Some(right.1);
        }
        let left = after.checked_sub(1).map(|at| (self.steps.get(at), self.values[at]))?;
        let part = (step - left.0) as f64 / (right.0 - left.0) as f64;
        Some(left.1 + part * (right.1 - left.1))
    }

    /// The stretch from step `from` to step `to` in about `columns` bins (at most 4 times as many), in order.
    pub fn bins(&self, from: u64, to: u64, columns: usize) -> Vec<Bin> {
        let width = (to.saturating_sub(from) / columns.max(1) as u64).max(1);
        let shift = width.ilog2() / SHIFT * SHIFT;
        let mut bins = Vec::new();
        let seen = self.steps.before(from);
        if seen == self.len() {
            return bins;
        }
        let mut at = self.steps.before(self.steps.get(seen) >> shift << shift);
        while at < self.len() {
            let first = self.steps.get(at);
            if first > to {
                break;
            }
            let end = self.steps.up_to(first | ((1 << shift) - 1));
            bins.push(self.bin(at, end));
            at = end;
        }
        bins
    }

    /// Gives back memory that was held for more points.
    pub fn shrink(&mut self) {
        self.steps.shrink();
        self.values.shrink_to_fit();
        self.levels.iter_mut().for_each(Vec::shrink_to_fit);
    }

    fn bin(&self, from: usize, to: usize) -> Bin {
        let Block { low, high, sum, holes } = self.gather(from, to);
        let count = (to - from) as u32 - holes;
        Bin { first: self.steps.get(from), last: self.steps.get(to - 1), low, high, sum, count, holes }
    }

    /// What the points from place `from` to before place `to` hold, from the largest blocks that fit.
    fn gather(&self, mut from: usize, mut to: usize) -> Block {
        let mut all = Block::EMPTY;
        for level in 0..=self.levels.len() {
            let member = |at: usize| match level.checked_sub(1) {
                None => Block::from(self.values[at]),
                Some(level) => self.levels[level][at],
            };
            let top = level == self.levels.len();
            while from < to && (top || !from.is_multiple_of(BLOCK)) {
                all = all.add(member(from));
                from += 1;
            }
            while from < to && !to.is_multiple_of(BLOCK) {
                to -= 1;
                all = all.add(member(to));
            }
            (from, to) = (from / BLOCK, to / BLOCK);
            if from >= to {
                break;
            }
        }
        all
    }

    fn keep(&mut self, mut count: usize) {
        self.steps.truncate(count);
        self.values.truncate(count);
        for level in &mut self.levels {
            count /= BLOCK;
            level.truncate(count);
        }
        self.levels.retain(|level| !level.is_empty());
    }

    /// Adds the blocks that the last point made whole.
    fn raise(&mut self) {
        let mut count = self.values.len();
        let mut level = 0;
        while count > 0 && count.is_multiple_of(BLOCK) {
            let block = match level {
                0 => {
                    self.values[count - BLOCK..].iter().map(|value| Block::from(*value)).fold(Block::EMPTY, Block::add)
                }
                _ => self.levels[level - 1][count - BLOCK..].iter().copied().fold(Block::EMPTY, Block::add),
            };
            count /= BLOCK;
            match self.levels.get_mut(level) {
                Some(blocks) => blocks.push(block),
                None => self.levels.push(vec![block]),
            }
            level += 1;
        }
    }
}

#[cfg(test)]
mod tests;
