//! A stretch of an axis, linear or logarithmic: from values to shares of the way and back.

/// From `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Where it begins.
    pub low: f64,
    /// Where it ends; always above `low`.
    pub high: f64,
    /// Logarithmic: both ends are above 0.
    pub log: bool,
}

/// Beyond this, differences would overflow.
const MOST: f64 = 1e300;

impl Scale {
    /// A scale that is never empty, whatever it is made from.
    pub fn new(low: f64, high: f64, log: bool) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let (low, high) = (low.min(high).clamp(-MOST, MOST), low.max(high).clamp(-MOST, MOST));
        if log {
            let high = if high > 1e-300 { high } else { 1.0 };
            let low = if low > 1e-300 { low } else { high / 1e3 };
            let high = if high > low * (1.0 + 1e-9) { high } else { low * 2.0 };
            return Self { low, high, log };
        }
        let least = (low.abs() * 1e-9).max(f64::MIN_POSITIVE);
        Self { low, high: if high - low > least { high } else { low + least.max(1.0) }, log }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high one, beyond them outside. None for what has no place: what is
    /// not finite, or not above 0 on a logarithmic scale.
    pub fn part(self, value: f64) -> Option<f64> {
        if !value.is_finite() || (self.log && value <= 0.0) {
            return None;
        }
        let (low, high) = (self.bent(self.low), self.bent(self.high));
        Some((self.bent(value) - low) / (high - low))
    }

    /// The value at a share of the way.
    pub fn value(self, part: f64) -> f64 {
        let (low, high) = (self.bent(self.low), self.bent(self.high));
        let bent = low + (high - low) * part;
        if self.log { 10_f64.powf(bent) } else { bent }
    }

    /// The cell of `cells` that holds `value`, from the low end; none outside.
    pub fn cell(self, value: f64, cells: u16) -> Option<u16> {
        let part = self.part(value).filter(|part| (-1e-9..=1.0 + 1e-9).contains(part))?;
        (cells > 0).then(|| ((part * f64::from(cells)).max(0.0) as u16).min(cells - 1))
    }

    fn bent(self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decades_are_equally_far_apart_and_zero_has_no_place() {
        let scale = Scale::new(0.01, 100.0, true);
        assert!((scale.part(1.0).unwrap() - 0.5).abs() < 1e-12);
        assert!((scale.value(0.25) - 0.1).abs() < 1e-12);
        assert_eq!(scale.part(0.0), None);
        assert_eq!(scale.part(f64::NAN), None);
        assert_eq!(Scale::new(0.0, 10.0, false).cell(10.0, 5), Some(4));
        assert_eq!(Scale::new(0.0, 10.0, false).cell(10.1, 5), None);
    }

    proptest! {
        #[test]
        fn any_ends_make_a_scale(low in any::<f64>(), high in any::<f64>(), log: bool, part in 0.0..1.0) {
            let scale = Scale::new(low, high, log);
            prop_assert!(scale.low < scale.high && (!log || scale.low > 0.0), "{scale:?}");
            let back = scale.part(scale.value(part)).unwrap();
            prop_assert!((back - part).abs() < 1e-3, "{scale:?} {part} {back}");
        }
    }
}
