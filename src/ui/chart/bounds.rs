//! How far the axis up reaches: by what is visible, without spikes where they are to be passed over.

use super::trace::{Bar, Trace};
use super::{Level, Plot, Scale};

/// The axis up for what is visible of `traces` between the ends of `along`.
pub fn bounds(plot: &Plot, traces: &[Trace], along: Scale) -> Scale {
    let bars = || traces.iter().flat_map(|trace| &trace.bars);
    let inside = |bar: &&Bar| along.part(bar.x).is_some_and(|part| (-1e-9..=1.0 + 1e-9).contains(&part));
    let visible: Vec<&Bar> = bars().filter(inside).collect();
    // Between two points far apart only the line that joins them is seen.
    let visible = if visible.is_empty() { bars().collect() } else { visible };
    let ends = visible.iter().map(|bar| (bar.low, bar.high)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let Some((mut low, mut high)) = ends else {
        let levels = || plot.levels.iter().map(|level| level.value).filter(|value| value.is_finite());
        let ends = levels().map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        return roomy(ends.unwrap_or((0.0, 1.0)), plot.y.log);
    };
    if plot.y.robust {
        (low, high) = without_spikes(&visible, (low, high), plot.y.log);
    }
    let (mut a, mut b) = (low, high);
    for Level { value, .. } in &plot.levels {
        // A level far away would flatten the curves; the legend says on which side it lies.
        if value.is_finite() && (low - value).max(value - high) <= (high - low).max(high.abs() * 0.1) {
            (a, b) = (a.min(*value), b.max(*value));
        }
    }
    roomy((a, b), plot.y.log)
}

/// The 1st to the 99th percentile, by points; an end that lies not far beyond stays.
fn without_spikes(bars: &[&Bar], ends: (f64, f64), log: bool) -> (f64, f64) {
    let bent = |value: f64| if log { value.log10() } else { value };
    let total: f64 = bars.iter().map(|bar| f64::from(bar.count)).sum();
    let rank = |value: fn(&Bar) -> f64, beyond: f64| {
        let mut sorted: Vec<(f64, f64)> = bars.iter().map(|bar| (value(bar), f64::from(bar.count))).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut passed = 0.0;
        let found = sorted.iter().find(|(_, count)| {
            passed += count;
            passed > beyond
        });
        found.or(sorted.last()).map_or(0.0, |(value, _)| *value)
    };
    // At least one point is beyond either end, so that the first step of a short run counts as a spike too.
    let few = (total * 0.01).max(1.0);
    let low = rank(|bar| bar.low, few);
    let high = rank(|bar| bar.high, total - few - 0.5).max(low);
    let near = (bent(high) - bent(low)) * 0.5;
    let keep = |inner: f64, end: f64| if (bent(end) - bent(inner)).abs() <= near { end } else { inner };
    (keep(low, ends.0), keep(high, ends.1))
}

/// With a little room, so that lines don't lie on the border.
fn roomy((low, high): (f64, f64), log: bool) -> Scale {
    if log {
        let room = (high / low).powf(0.03).max(1.02);
        return Scale::new(low / room, high * room, true);
    }
    let room = if high > low { (high - low) * 0.03 } else { high.abs().max(1e-3) * 0.1 };
    // What is never negative isn't drawn below zero.
    Scale::new(if low >= 0.0 { (low - room).max(0.0) } else { low - room }, high + room, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> Vec<Bar> {
        let bar = |(x, value): (usize, &f64)| Bar {
            x: x as f64,
            low: *value,
            high: *value,
            count: 1,
            smooth: *value,
            joined: true,
        };
        values.iter().enumerate().map(bar).collect()
    }

    fn ends(values: &[f64]) -> (f64, f64) {
        let bars = bars(values);
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
        without_spikes(&bars.iter().collect::<Vec<_>>(), (low, high), false)
    }

    #[test]
    fn a_first_loss_of_forty_is_a_spike_and_the_last_and_lowest_is_none() {
        let mut values: Vec<f64> = (0..30).map(|step| 2.0 / (1.0 + f64::from(step))).collect();
        values[0] = 40.0;
        assert_eq!(ends(&values), (values[29], 1.0));
    }

    #[test]
    fn nothing_is_cut_where_nothing_sticks_out() {
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(ends(&values), (0.0, 199.0));
        assert_eq!(ends(&[3.0]), (3.0, 3.0));
    }
}
