//! The list: each experiment with its runs, newest first.
//!
//! ```text
//!  NAME              STATUS      DEVICE   EPOCH DONE    LEFT   LOSS  MACRO TREND
//!  quick  resnet8, 6 epochs, cifar10 else shapes
//!    20261124-223629 ● running   cpu        3/6  48%    1:12 1.2345  61.2% ▁▃▅▆▇
//! ```

use super::{fit, percent};
use crate::sight::Sight;
use crate::ui::model::{Model, Row};
use crate::ui::theme::Theme;
use mocolab::curve::Curve;
use mocolab::experiment::Experiment;
use mocolab::metrics;
use mocolab::text::{duration, number};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

/// A column: title, width, set to the right, what stands in it.
struct Column {
    title: &'static str,
    width: usize,
    right: bool,
    cell: fn(&Sight) -> String,
}

/// Columns of every list; they and their gaps fill 80.
const COLUMNS: [Column; 9] = [
    Column { title: "NAME", width: 17, right: false, cell: name },
    Column {
        title: "STATUS",
        width: 11,
        right: false,
        cell: |sight| format!("{} {}", sight.status.symbol(), sight.status),
    },
    Column { title: "DEVICE", width: 7, right: false, cell: Sight::devices },
    Column { title: "EPOCH", width: 7, right: true, cell: epoch },
    Column { title: "DONE", width: 4, right: true, cell: done },
    Column { title: "LEFT", width: 7, right: true, cell: left },
    Column { title: "LOSS", width: 6, right: true, cell: |sight| sight.loss().map_or("–".into(), number) },
    Column {
        title: "MACRO",
        width: 6,
        right: true,
        cell: |sight| sight.best_macro().map_or("–".into(), |best| percent(best.value)),
    },
    Column { title: "TREND", width: 6, right: false, cell: trend },
];

/// Columns that a wide terminal has room for.
const MORE: [Column; 3] = [
    Column { title: "VAL LOSS", width: 8, right: true, cell: |sight| latest(sight, metrics::VAL_LOSS, number) },
    Column {
        title: "TEST",
        width: 6,
        right: true,
        cell: |sight| latest(sight, &sight.state.headline("test"), percent),
    },
    Column {
        title: "IMAGES/S",
        width: 8,
        right: true,
        cell: |sight| latest(sight, metrics::IMAGES_PER_S, |x| format!("{x:.0}")),
    },
];

/// Draws the list.
pub fn draw(model: &Model, frame: &mut Frame, rect: Rect) {
    let problem = match &model.suite {
        Some(Err(problem)) => Some(problem.as_str()),
        _ => None,
    };
    let lines = problem.map_or(0, |problem| problem.lines().count() as u16 + 1);
    let [above, titles, body] = Layout::vertical([
        Constraint::Length(lines.min(rect.height * 2 / 3)),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(rect);
    if let Some(problem) = problem {
        let text = Text::styled(mocolab::text::sanitize_lines(problem), model.theme.bad());
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), above);
    }
    let columns = columns(rect.width as usize);
    let cells: Vec<String> = columns.iter().map(|column| fit(column.title, column.width, column.right)).collect();
    frame.render_widget(Span::styled(format!(" {}", cells.join(" ")), model.theme.faint()), titles);
    rows(model, &columns, frame, body);
}

fn columns(width: usize) -> Vec<&'static Column> {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let mut used: usize = 1 + COLUMNS.iter().map(|column| column.width + 1).sum::<usize>();
    for column in &MORE {
        used += column.width + 1;
        if used <= width + 1 {
            columns.push(column);
        }
    }
    columns
}

fn rows(model: &Model, columns: &[&Column], frame: &mut Frame, rect: Rect) {
    let rows = model.rows();
    if rows.is_empty() {
        let text = match &model.suite {
            None => " reading",
            Some(Err(_)) => "",
            Some(Ok(_)) => " no experiments",
        };
        frame.render_widget(Span::styled(text, model.theme.faint()), rect);
        return;
    }
    let height = rect.height as usize;
    // The chosen row stays away from the edges where the list is longer than the screen.
    let first = model.cursor.saturating_sub(height * 2 / 3).min(rows.len().saturating_sub(height));
    let has_runs = |at: usize| matches!(rows.get(at + 1), Some(Row::Run(_)));
    for (place, (at, row)) in rows.iter().enumerate().skip(first).take(height).enumerate() {
        let line = match row {
            Row::Experiment(experiment) => title(experiment, has_runs(at), model.theme),
            Row::Former(name) => former(name, matches!(model.suite, Some(Ok(_))), model.theme),
            Row::Run(sight) => run(sight, columns, model.theme),
        };
        let style = if at == model.cursor { model.theme.chosen() } else { Style::new() };
        let rect = Rect { y: rect.y + place as u16, height: 1, ..rect };
        frame.render_widget(line.style(style), rect);
        if at == model.cursor {
            frame.buffer_mut().set_style(rect, style);
        }
    }
}

fn title(experiment: &Experiment, has_runs: bool, theme: Theme) -> Line<'static> {
    let recipe = &experiment.recipe;
    let about = format!("  {} {}, {} epochs, {}", recipe.name(), recipe.subject(), recipe.epochs(), experiment.data);
    let hint = if has_runs { "" } else { "  not run yet" };
    Line::from(vec![
        Span::styled(format!(" {}", experiment.name), theme.title()),
        Span::styled(mocolab::text::sanitize(&about), theme.faint()),
        Span::styled(hint, theme.faint()),
    ])
}

fn former(name: &str, certain: bool, theme: Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!(" {}", mocolab::text::sanitize(name)), theme.title()),
        Span::styled(if certain { "  no longer in experiments.toml" } else { "" }, theme.faint()),
    ])
}

fn run(sight: &Sight, columns: &[&Column], theme: Theme) -> Line<'static> {
    let cell = |column: &&Column| {
        let text = format!(" {}", fit(&(column.cell)(sight), column.width, column.right));
        let style = match column.title {
            "STATUS" => theme.status(sight.status),
            "TREND" => theme.val(),
            _ => Style::new(),
        };
        Span::styled(text, style)
    };
    Line::from(columns.iter().map(cell).collect::<Vec<_>>())
}

/// The id, its end where it is long: what tells two runs of the same second apart.
fn name(sight: &Sight) -> String {
    let id = sight.run.id();
    match id.char_indices().rev().nth(14).filter(|(at, _)| *at > 0) {
        Some((at, _)) => format!("  …{}", &id[at..][1..]),
        None => format!("  {id}"),
    }
}

fn epoch(sight: &Sight) -> String {
    let (now, all) = (sight.state.epoch.min(sight.state.epochs), sight.state.epochs);
    match format!("{now}/{all}") {
        _ if all == 0 => "–".into(),
        text if text.len() > 7 => now.to_string(),
        text => text,
    }
}

fn done(sight: &Sight) -> String {
    // Rounded down: 100 % is for what is done.
    if sight.state.steps == 0 { "–".into() } else { format!("{:.0}%", (sight.state.progress() * 100.0).floor()) }
}

fn left(sight: &Sight) -> String {
    let live = sight.state.seconds_left().filter(|_| sight.status.is_live());
    live.map_or(String::new(), |seconds| match duration(seconds) {
        long if long.len() > 7 => format!("{:.0} h", seconds / 3600.0),
        text => text,
    })
}

fn latest(sight: &Sight, name: &str, show: impl Fn(f64) -> String) -> String {
    sight.state.latest.get(name).map_or("–".into(), |value| show(*value))
}

/// The macro accuracy of the epochs so far as a row of bars.
fn trend(sight: &Sight) -> String {
    sight.state.curves.get(&sight.state.headline("val")).map(|curve| sparkline(curve, 6)).unwrap_or_default()
}

/// A curve as `width` bars between its lowest and highest value.
fn sparkline(curve: &Curve, width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<f64> = curve.points().map(|(_, value)| value).filter(|value| value.is_finite()).collect();
    let columns = width.min(values.len());
    // The last value of each stretch: a trend is where things have got to.
    let shown: Vec<f64> = (1..=columns).map(|column| values[column * values.len() / columns - 1]).collect();
    let (low, high) = shown.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let place = |value: &f64| if high > low { ((value - low) / (high - low) * 7.0).round() as usize } else { 3 };
    shown.iter().map(|value| BARS[place(value)]).collect()
}
