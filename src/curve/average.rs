//! `TensorBoard`'s running average: an exponential moving average freed from the pull of its start at 0, from bins instead
//! of points. A bin of n points is taken as n times its mean, which is exact where the bins hold one point each. Where
//! they hold more, only the order of points within one bin is lost, and a bin is at most a column wide: the line may be
//! off by what the curve moves within that column, never by more, and later bins forget it.

use super::Curve;

/// Bins asked for at a time.
const BINS: usize = 256;

/// The average so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    weight: f64,
    sum: f64,
    /// The share of the start still in the sum.
    start: f64,
    /// What is kept of the past by so many points: bins of one level mostly hold the same number.
    kept: (u32, f64),
}

impl Average {
    /// Of nothing yet; `weight` is that of the past, 0 to 0.99.
    pub fn new(weight: f64) -> Self {
        Self { weight: weight.clamp(0.0, 0.99), sum: 0.0, start: 1.0, kept: (0, 1.0) }
    }

    /// Of all points of `curve` before step `end`.
    pub fn until(curve: &Curve, end: u64, weight: f64) -> Self {
        let mut average = Self::new(weight);
        let end = end.min(curve.last().map_or(0, |(last, _)| last.saturating_add(1)));
        let (mut from, mut bins) = (0, BINS);
        // Whole bins first; then finer ones from where a bin would reach over the end.
        while from < end {
            let fine = (end - 1 - from) / (bins as u64) < 4;
            let before = from;
            for bin in curve.bins(from, end - 1, bins) {
                if bin.last < end {
                    average.add(bin.mean(), bin.count);
                    from = bin.last + 1;
                }
            }
            if fine {
                break;
            }
            bins = if from == before { bins.saturating_mul(4) } else { BINS };
        }
        average
    }

    /// Takes in `count` points of this mean.
    pub fn add(&mut self, mean: f64, count: u32) {
        if count > 0 {
            if self.kept.0 != count {
                self.kept = (count, self.weight.powf(f64::from(count)));
            }
            let (_, kept) = self.kept;
            self.sum = self.sum * kept + mean * (1.0 - kept);
            self.start *= kept;
        }
    }

    /// NaN before the first point.
    pub fn value(self) -> f64 {
        if self.start < 1.0 { self.sum / (1.0 - self.start) } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `TensorBoard` writes it, point by point.
    fn exact(points: impl Iterator<Item = f64>, weight: f64) -> Vec<f64> {
        let (mut last, mut count) = (0.0, 0);
        let mut next = |value: f64| {
            last = last * weight + (1.0 - weight) * value;
            count += 1;
            last / (1.0 - weight.powi(count))
        };
        points.map(&mut next).collect()
    }

    fn noisy(steps: u64) -> Curve {
        let mut curve = Curve::default();
        for step in 0..steps {
            let noise = (step.wrapping_mul(2_654_435_761) % 1000) as f64 / 1000.0 - 0.5;
            curve.push(step, 2.0 / (1.0 + step as f64 / 5000.0) + noise * 0.2);
        }
        curve
    }

    #[test]
    fn a_bin_a_point_is_exact() {
        let curve = noisy(200);
        for weight in [0.0, 0.6, 0.9, 0.99] {
            let exact = exact(curve.points().map(|(_, value)| value), weight);
            for step in [0, 1, 17, 199] {
                let found = Average::until(&curve, step + 1, weight).value();
                assert!((found - exact[step as usize]).abs() < 1e-9, "{weight} {step}: {found}");
            }
        }
    }

    #[test]
    fn many_points_a_bin_are_off_by_less_than_the_noise_that_is_left() {
        let curve = noisy(100_000);
        for weight in [0.6, 0.9, 0.99] {
            let exact = exact(curve.points().map(|(_, value)| value), weight);
            let left = 0.2 * ((1.0_f64 - weight) / (1.0 + weight)).sqrt();
            for step in [1_000, 33_333, 54_321, 99_999] {
                let found = Average::until(&curve, step + 1, weight).value();
                assert!(
                    (found - exact[step as usize]).abs() < left,
                    "{weight} {step}: {found} {}",
                    exact[step as usize]
                );
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_passed_over() {
        let mut curve = Curve::default();
        for (step, value) in [(1, 1.0), (2, f64::NAN), (3, 3.0)] {
            curve.push(step, value);
        }
        let found = Average::until(&curve, u64::MAX, 0.5).value();
        assert!((found - exact([1.0, 3.0].into_iter(), 0.5)[1]).abs() < 1e-12);
        assert!(Average::until(&curve, 1, 0.5).value().is_nan());
    }
}
