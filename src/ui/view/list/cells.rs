//! What stands in the cells of a run's row.

use crate::sight::Sight;
use crate::ui::list::settings::Values;
use crate::ui::list::{Column, filter};
use crate::ui::theme::Theme;
use crate::ui::view::percent;
use mocolab::curve::Curve;
use mocolab::metrics;
use mocolab::text::{number, sanitize};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Where nothing is known.
const NONE: &str = "–";

/// What `column` says of a run in `width` columns, and how it looks. The name is the row's own.
pub(super) fn cell(
    column: &Column,
    width: usize,
    (sight, values): (&Sight, Option<&Values>),
    now: f64,
    theme: Theme,
) -> (String, Style) {
    let plain = |text: String| (text, Style::new());
    match column {
        Column::Name => plain(String::new()),
        Column::Status => (status(sight, width), theme.status(sight.status)),
        Column::Device => plain(sanitize(&sight.devices())),
        Column::Epoch => plain(epoch(sight, width)),
        Column::Done => plain(done(sight)),
        Column::Time => time(sight, now, theme),
        Column::Best => plain(best(sight, width)),
        Column::Loss => plain(sight.loss().map_or(NONE.into(), number)),
        Column::Trend => trend(sight, width, theme),
        Column::Tags => (sanitize(&sight.notes.tags.join(" ")), theme.key()),
        Column::Metric(name) => plain(metric(sight, name)),
        Column::Setting(name) => {
            (values.and_then(|values| values.get(name)).unwrap_or_default().to_owned(), Style::new())
        }
    }
}

fn status(sight: &Sight, width: usize) -> String {
    let symbol = sight.status.symbol();
    if width > 1 { format!("{symbol} {}", sight.status) } else { symbol.to_string() }
}

fn epoch(sight: &Sight, width: usize) -> String {
    let (now, all) = (sight.state.epoch.min(sight.state.epochs), sight.state.epochs);
    match format!("{now}/{all}") {
        _ if all == 0 => NONE.into(),
        text if text.len() > width => now.to_string(),
        text => text,
    }
}

fn done(sight: &Sight) -> String {
    // Rounded down: 100 % is for what is done.
    if sight.state.steps == 0 { NONE.into() } else { format!("{:.0}%", (sight.state.progress() * 100.0).floor()) }
}

/// What is left of a live run, what a whole one took, how long ago another spoke last.
fn time(sight: &Sight, now: f64, theme: Theme) -> (String, Style) {
    let state = &sight.state;
    if sight.status.is_live() {
        let text = state.seconds_left().map_or(String::new(), |left| format!("{} left", short(left)));
        return (text, Style::new());
    }
    let text = match sight.status {
        _ if state.attempt == 0 => String::new(),
        mocolab::status::Status::Done => format!("took {}", short(state.last_seen - state.began)),
        _ => ago(now - state.last_seen),
    };
    (text, theme.faint())
}

/// A duration in at most 5 characters: `8s`, `3:07`, `2h05`, `3d4h`, `120d`.
fn short(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}:{:02}", whole / 60, whole % 60),
        3600..86_400 => format!("{}h{:02}", whole / 3600, whole / 60 % 60),
        86_400..864_000 => format!("{}d{}h", whole / 86_400, whole / 3600 % 24),
        864_000..864_000_000 => format!("{}d", whole / 86_400),
        _ => "ages".into(),
    }
}

/// How long ago, roughly: what stands still is not to be drawn anew every second.
fn ago(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => "just now".into(),
        60..3600 => format!("{}m ago", whole / 60),
        3600..86_400 => format!("{}h ago", whole / 3600),
        86_400..864_000_000 => format!("{}d ago", whole / 86_400),
        _ => "long ago".into(),
    }
}

fn best(sight: &Sight, width: usize) -> String {
    let Some(best) = sight.best_macro() else { return NONE.into() };
    let whole = format!("{} @{}", percent(best.value), best.epoch);
    if whole.width() > width { percent(best.value) } else { whole }
}

fn metric(sight: &Sight, name: &str) -> String {
    let share = metrics::direction(name) == Some(metrics::Direction::Higher);
    let show = |value: f64| if share { percent(value) } else { number(value) };
    filter::subject::metric(sight, name).map_or(NONE.into(), show)
}

/// The metric that tells how good it is over the epochs so far; the loss where that was never measured.
fn trend(sight: &Sight, width: usize, theme: Theme) -> (String, Style) {
    let curve = |name: &str| sight.state.curves.get(name).filter(|curve| !curve.is_empty());
    if let Some(curve) = curve(&sight.state.headline("val")) {
        return (sparkline(curve, width), theme.val());
    }
    if let Some(curve) = curve(metrics::VAL_LOSS) {
        return (sparkline(curve, width), theme.val());
    }
    (curve(metrics::TRAIN_LOSS).map(|curve| sparkline(curve, width)).unwrap_or_default(), theme.train())
}

/// A curve as at most `width` bars between its lowest and highest value. Costs the columns, not the points.
fn sparkline(curve: &Curve, width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (Some((first, _)), Some((last, _))) = (curve.first(), curve.last()) else { return String::new() };
    let bins = curve.bins(first, last, width);
    let values: Vec<f64> = bins.iter().filter(|bin| bin.count > 0).map(mocolab::curve::Bin::mean).collect();
    let columns = width.min(values.len());
    // The last value of each stretch: a trend is where things have got to.
    let shown: Vec<f64> = (1..=columns).map(|column| values[column * values.len() / columns - 1]).collect();
    let (low, high) = shown.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let place = |value: &f64| if high > low { ((value - low) / (high - low) * 7.0).round() as usize } else { 3 };
    shown.iter().map(|value| BARS[place(value).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fit_their_column() {
        let seconds = [8.0, 187.0, 7500.0, 273_600.0, 10_368_000.0, 1e18, f64::NAN];
        assert_eq!(seconds.map(short), ["8s", "3:07", "2h05", "3d4h", "120d", "ages", "0s"]);
        assert_eq!(seconds.map(ago)[1..5], ["3m ago", "2h ago", "3d ago", "120d ago"]);
    }

    #[test]
    fn a_trend_costs_its_columns_and_ends_where_the_curve_ends() {
        let mut curve = Curve::default();
        (0..100_000).for_each(|step| curve.push(step, step as f64));
        assert_eq!(sparkline(&curve, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&Curve::default(), 8), "");
    }
}
