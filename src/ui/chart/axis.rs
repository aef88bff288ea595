//! Ticks at round places, as dense as their labels can stand without touching.

use super::{By, Scale, label};
use unicode_width::UnicodeWidthStr;

/// A marked place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The cell, from the low end.
    pub cell: u16,
    /// The first cell of the label, where the axis runs along.
    pub start: u16,
    /// What is written there.
    pub label: String,
}

/// How an axis is labelled.
#[derive(Clone, Copy)]
struct Kind {
    by: By,
    percent: bool,
    /// Cells between ticks, at least.
    apart: f64,
}

/// Steps of time in seconds, up to a day.
const TIMES: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0,
    43_200.0, 86_400.0,
];

/// The ticks of the axis along, over `cells` columns.
pub fn along(scale: Scale, by: By, cells: u16) -> Vec<Tick> {
    let room = if cells >= 40 { 4 } else { 3 };
    let fits = |ticks: &[Tick]| {
        let end = |tick: &Tick| tick.start + tick.label.width() as u16;
        let apart = |pair: &[Tick]| pair[0].cell < pair[1].cell && end(&pair[0]) + room <= pair[1].start;
        ticks.iter().all(|tick| end(tick) <= cells) && ticks.windows(2).all(apart)
    };
    densest(scale, Kind { by, percent: false, apart: 4.0 }, cells, fits)
}

/// The ticks of the axis up, over `cells` rows; in percent where the values are shares.
pub fn up(scale: Scale, percent: bool, cells: u16) -> Vec<Tick> {
    let gap = match cells {
        0..=4 => 1,
        5..=9 => 2,
        _ => 3,
    };
    let fits = |ticks: &[Tick]| ticks.windows(2).all(|pair| pair[0].cell + gap <= pair[1].cell);
    // Numbers of epochs are written as any others.
    let ticks = densest(scale, Kind { by: By::Epoch, percent, apart: 0.3 }, cells, fits);
    if ticks.len() > 1 || cells < 2 {
        return ticks;
    }
    let ends = [scale.value(0.5 / f64::from(cells)), scale.value(1.0 - 0.5 / f64::from(cells))];
    let digits = (0.8 - (ends[1] - ends[0]).log10()).ceil().clamp(-300.0, 300.0);
    let rounded = ends.map(|end| (end * 10_f64.powf(digits)).round() / 10_f64.powf(digits));
    let labels = label::numbers(&rounded, percent);
    labels.into_iter().zip([0, cells - 1]).map(|(label, cell)| Tick { cell, start: 0, label }).collect()
}

/// The first of the rows of ticks, from dense to sparse, that fits.
fn densest(scale: Scale, kind: Kind, cells: u16, fits: impl Fn(&[Tick]) -> bool) -> Vec<Tick> {
    let place = |(value, label): (&f64, String)| {
        let cell = scale.cell(*value, cells)?;
        let width = label.width() as u16;
        Some(Tick { cell, start: cell.saturating_sub(width / 2).min(cells.saturating_sub(width)), label })
    };
    let rows = rows(scale, kind, cells);
    let ticks = rows.map(|(values, labels)| values.iter().zip(labels).filter_map(place).collect::<Vec<_>>());
    let mut fitting = ticks.filter(|ticks| fits(ticks));
    fitting.next().unwrap_or_default()
}

type Row = (Vec<f64>, Vec<String>);

/// Rows of round places with their labels, from dense to sparse.
fn rows(scale: Scale, kind: Kind, cells: u16) -> Box<dyn Iterator<Item = Row>> {
    let Kind { by, percent, apart } = kind;
    if scale.log && scale.high / scale.low >= 4.0 {
        return Box::new(decades(scale).map(move |values| {
            let write = |value: &f64| match by {
                By::Relative | By::Wall(_) => label::times(&[*value], *value, By::Relative),
                By::Step | By::Epoch => label::numbers(&[*value], percent),
            };
            let labels = values.iter().flat_map(write).collect();
            (values, labels)
        }));
    }
    let least = (scale.high - scale.low) / f64::from(cells.max(1)) * apart;
    let east = if let By::Wall(east) = by { f64::from(east) } else { 0.0 };
    let steps = steps(by, if percent { least * 100.0 } else { least });
    Box::new(steps.map(move |step| {
        let step = if percent { step / 100.0 } else { step };
        let first = ((scale.low + east) / step - 1e-9).ceil();
        let count = (((scale.high + east) / step + 1e-9).floor() - first).clamp(-1.0, 4e5) as i64;
        let values: Vec<f64> = (0..=count).map(|index| (first + index as f64) * step - east).collect();
        let labels = match by {
            By::Relative | By::Wall(_) => label::times(&values, step, by),
            By::Step | By::Epoch => label::numbers(&values, percent),
        };
        (values, labels)
    }))
}

/// Round steps from `least` on: 1, 2, 5, 10, …, or those of clocks.
fn steps(by: By, least: f64) -> impl Iterator<Item = f64> {
    let (base, times): (f64, &[f64]) = match by {
        By::Step => (1.0, &[]),
        By::Epoch => (0.0, &[]),
        By::Relative | By::Wall(_) => (2.0 * 86_400.0, &TIMES),
    };
    let day = if times.is_empty() { 1.0 } else { 86_400.0 };
    let first = (least.max(base) / day).max(f64::MIN_POSITIVE).log10().floor() as i32;
    let nice = (0..40).flat_map(move |power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(first + power) * day));
    let nice = nice.filter(move |step| *step >= least.max(base) * (1.0 - 1e-9));
    times.iter().copied().filter(move |step| *step >= least).chain(nice)
}

/// 1, 2 and 5 of each decade; each decade; every second, third, fifth, … one.
fn decades(scale: Scale) -> impl Iterator<Item = Vec<f64>> {
    let (first, last) = (scale.low.log10().floor() as i32, scale.high.log10().ceil() as i32);
    let inside = move |value: &f64| *value >= scale.low * (1.0 - 1e-9) && *value <= scale.high * (1.0 + 1e-9);
    let fine = (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let fine: Vec<f64> = fine.filter(inside).collect();
    let coarse = [1, 2, 3, 5, 10, 20, 50, 100].into_iter().map(move |every| {
        let powers = (first..=last).filter(|power| power.rem_euclid(every) == 0);
        powers.map(|power| 10_f64.powi(power)).filter(inside).collect()
    });
    std::iter::once(fine).chain(coarse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_on_every_kind_of_axis() {
        let row = |low, high, log, by, cells| {
            let ticks = along(Scale::new(low, high, log), by, cells);
            labels(&ticks).join(" ")
        };
        assert_eq!(row(0.0, 37.0, false, By::Step, 30), "0 10 20 30");
        assert_eq!(row(0.0, 37.0, false, By::Step, 60), "0 5 10 15 20 25 30 35");
        assert_eq!(row(0.0, 100_000.0, false, By::Step, 60), "0 20k 40k 60k 80k 100k");
        assert_eq!(row(0.0, 3.0, false, By::Step, 100), "0 1 2 3", "no half steps");
        assert_eq!(row(0.0, 1.2, false, By::Epoch, 40), "0.0 0.5 1.0");
        assert_eq!(row(1.0, 1e5, true, By::Step, 60), "1 10 100 1000 10k 100k");
        assert_eq!(row(0.0, 7200.0, false, By::Relative, 40), "0:00 0:30 1:00 1:30 2:00");
        assert_eq!(row(1_764_028_800.0, 1_764_040_000.0, false, By::Wall(0), 40), "Nov 25 01:00 02:00 03:00");
        let rows = |low, high, log, percent, cells| labels(&up(Scale::new(low, high, log), percent, cells)).join(" ");
        assert_eq!(rows(0.4413, 2.139, false, false, 8), "0.5 1.0 1.5 2.0");
        assert_eq!(rows(0.0858, 0.2002, false, false, 3), "0.10 0.15 0.20");
        assert_eq!(rows(0.101, 0.149, false, false, 2), "0.12 0.14");
        assert_eq!(rows(0.118, 0.382, false, true, 6), "20% 30%");
        assert_eq!(rows(1e-4, 2.0, true, false, 12), "1e-4 0.01 1");
    }

    proptest! {
        #[test]
        fn labels_never_touch(low in -1e6..1e6_f64, width in 1e-9..1e9_f64, kind in 0..4_u8, log: bool, cells in 0..300_u16) {
            let by = [By::Step, By::Epoch, By::Relative, By::Wall(7200)][usize::from(kind)];
            let scale = Scale::new(low, low + width, log);
            let ticks = along(scale, by, cells);
            for pair in ticks.windows(2) {
                prop_assert!(pair[0].start + pair[0].label.width() as u16 + 2 < pair[1].start, "{pair:?}");
            }
            prop_assert!(ticks.iter().all(|tick| tick.start + tick.label.width() as u16 <= cells));
            let ticks = up(scale, kind == 0, cells);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].cell < pair[1].cell && pair[0].label != pair[1].label), "{ticks:?}");
            prop_assert!(cells < 2 || ticks.len() > 1, "{scale:?} {cells}");
        }
    }
}
