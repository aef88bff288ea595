//! What of a series is seen: bars from the lowest to the highest value of each stretch, in order.

use super::way::Way;
use super::{Plot, Scale, Series};
use mocolab::curve::Average;
use mocolab::curve::Curve;

/// A stretch of a series, a fraction of a column wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Its place along, in the axis's units.
    pub x: f64,
    /// Lowest value.
    pub low: f64,
    /// Highest one.
    pub high: f64,
    /// Points in it.
    pub count: u32,
    /// The running average at its end.
    pub smooth: f64,
    /// Joined to the bar before it: no gap lies between.
    pub joined: bool,
}

/// What of a series is seen.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Its bars, and the nearest beyond either end, so that lines lead out of the picture.
    pub bars: Vec<Bar>,
    /// Places of points that are not finite.
    pub holes: Vec<f64>,
    /// How many those are.
    pub not_finite: u64,
    /// Something has no place on a logarithmic axis.
    pub left_out: bool,
}

impl Trace {
    /// The trace of `series` where `shown` is over `columns`.
    pub fn new(plot: &Plot, series: &Series, way: &Way, shown: Scale, columns: usize) -> Self {
        let mut trace = Self::default();
        let Some(curve) = series.curve.filter(|curve| !curve.is_empty()) else { return trace };
        let (low, high) = (way.step(shown.low).floor() as u64, way.step(shown.high).ceil() as u64);
        let from = before(curve, low).map_or(low, |(step, _)| step);
        let to = after(curve, high).map_or(high, |(step, _)| step);
        let mut average = None;
        let mut joined = false;
        for (from, to, columns) in stretches(way, shown, (from, to), columns) {
            for bin in curve.bins(from, to, columns) {
                let x = way.x(f64::midpoint(bin.first as f64, bin.last as f64));
                let average = average.get_or_insert_with(|| Average::until(curve, bin.first, plot.smoothing));
                average.add(bin.mean(), bin.count);
                if bin.holes > 0 {
                    trace.holes.push(x);
                    trace.not_finite += u64::from(bin.holes);
                    joined = false;
                }
                let bar = Bar { x, low: bin.low, high: bin.high, count: bin.count, smooth: average.value(), joined };
                joined = bin.count > 0 && trace.add(bar, bin.mean(), plot) && bin.holes == 0;
            }
        }
        trace
    }

    /// Adds a bar as far as its axes have a place for it; false where they have none.
    fn add(&mut self, mut bar: Bar, mean: f64, plot: &Plot) -> bool {
        if plot.x.log && bar.x <= 0.0 {
            self.left_out = true;
            return false;
        }
        if plot.y.log && bar.low <= 0.0 {
            self.left_out = true;
            // Its lowest value above 0 isn't known.
            bar.low = if mean > 0.0 { mean } else { bar.high };
        }
        let seen = !plot.y.log || bar.high > 0.0;
        if seen {
            self.bars.push(bar);
        }
        seen
    }
}

/// The steps to read, in parts that share out the columns. A logarithmic axis shows early steps wider: parts end at powers
/// of 4, where no bin lies across.
fn stretches(way: &Way, shown: Scale, steps: (u64, u64), columns: usize) -> Vec<(u64, u64, usize)> {
    let (from, to) = steps;
    if !shown.log {
        return vec![(from, to, columns)];
    }
    let cuts = (0..32).map(|power| 4_u64.pow(power)).filter(|cut| (from + 1..=to).contains(cut));
    let ends: Vec<u64> = std::iter::once(from).chain(cuts).chain([to.saturating_add(1)]).collect();
    let part = |step: u64| shown.part(way.x(step as f64)).unwrap_or(0.0).clamp(0.0, 1.0);
    let share = |a: u64, b: u64| ((part(b) - part(a)) * columns as f64).ceil().max(1.0) as usize;
    ends.windows(2).map(|pair| (pair[0], pair[1] - 1, share(pair[0], pair[1]))).collect()
}

/// The last point before `step`.
pub fn before(curve: &Curve, step: u64) -> Option<(u64, f64)> {
    let (first, _) = curve.first().filter(|(first, _)| *first < step)?;
    let mut reach = 4_u64;
    loop {
        let from = step.saturating_sub(reach);
        // As many columns as steps: single points.
        let points = curve.bins(from, step - 1, reach as usize);
        if let Some(bin) = points.last() {
            return Some((bin.last, bin.mean()));
        }
        if from <= first {
            return None;
        }
        reach = reach.saturating_mul(4);
    }
}

/// The first point after `step`.
pub fn after(curve: &Curve, step: u64) -> Option<(u64, f64)> {
    let (last, _) = curve.last().filter(|(last, _)| *last > step)?;
    let mut reach = 4_u64;
    loop {
        let to = step.saturating_add(reach);
        if let Some(bin) = curve.bins(step + 1, to, reach as usize).first() {
            return Some((bin.first, bin.mean()));
        }
        if to >= last {
            return None;
        }
        reach = reach.saturating_mul(4);
    }
}

/// The point nearest to `step`, the earlier of two.
pub fn nearest(curve: &Curve, step: f64) -> Option<(u64, f64)> {
    let whole = step.max(0.0).floor() as u64;
    match (before(curve, whole.saturating_add(1)), after(curve, whole)) {
        (Some(a), Some(b)) if b.0 as f64 - step < step - a.0 as f64 => Some(b),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(steps: impl Iterator<Item = u64>) -> Curve {
        let mut curve = Curve::default();
        steps.for_each(|step| curve.push(step, step as f64));
        curve
    }

    #[test]
    fn the_nearest_point_is_found_across_wide_gaps() {
        let curve = every([0, 7, 1000, 90_000].into_iter());
        let found = |step| nearest(&curve, step).unwrap().0;
        assert_eq!([0.4, 6.0, 503.0, 504.0, 45_500.1, 1e9].map(found), [0, 7, 7, 1000, 90_000, 90_000]);
        assert_eq!((before(&curve, 0), after(&curve, 90_000)), (None, None));
        assert_eq!((before(&curve, 7), after(&curve, 7)), (Some((0, 0.0)), Some((1000, 1000.0))));
        assert_eq!(nearest(&Curve::default(), 3.0), None);
    }

    #[test]
    fn a_logarithmic_axis_reads_each_point_once_and_early_ones_singly() {
        let curve = every(0..50_000);
        let shown = Scale::new(1.0, 50_000.0, true);
        let mut next = 0;
        let mut bins = 0;
        for (from, to, columns) in stretches(&Way::Even(1.0), shown, (0, 50_000), 160) {
            for bin in curve.bins(from, to, columns) {
                assert_eq!(bin.first, next);
                assert!(bin.first >= 64 || bin.count == 1);
                next = bin.last + 1;
                bins += 1;
            }
        }
        assert_eq!(next, 50_000);
        assert!(bins < 160 * 5, "{bins}");
    }
}
