//! The experiments with their runs, as the user wants them filtered, grouped and sorted.
//!
//! ```text
//!  /recipe:moco                                       6 of 18 runs · sorted by best ↓
//!   NAME                  STATUS      ON     EPOCH    TIME      BEST↓      TREND
//!  ▾ moco  moco resnet18, 200 epochs, cifar10         6 runs  ●2 ✗1 ✓3  best 71.2%
//! ◆  queue-6400.seed-1    ● running   cuda:0 112/200  2h05 left 61.2% @110 ▁▃▅▆▇█
//! ```

use super::columns::{columns, is_right};
use super::{bar, cells, empty};
use crate::sight::Sight;
use crate::ui::figures::first_in_sight;
use crate::ui::list::rows::Group;
use crate::ui::list::{Column, ListState, Row, Rows};
use crate::ui::theme::Theme;
use crate::ui::view::{fit, percent};
use mocolab::config::Suite;
use mocolab::run::RunDir;
use mocolab::status::Status;
use mocolab::text::{sanitize, sanitize_lines};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};
use std::collections::BTreeMap;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A marked run.
const MARK: &str = "◆";

/// What the list shows.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The experiments of the file, where it can be read.
    pub suite: Option<&'a Suite>,
    /// What is wrong with the file.
    pub problem: Option<&'a str>,
    /// All runs have been read once.
    pub complete: bool,
    /// Every run.
    pub runs: &'a BTreeMap<RunDir, Sight>,
    /// The rows that follow from these and the state.
    pub rows: &'a Rows,
    /// What the user asked for.
    pub state: &'a ListState,
    /// Seconds since 1970.
    pub now: f64,
}

/// Draws the list.
pub fn draw(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let [above, head, titles, body] = areas(seen, rect);
    if let Some(problem) = seen.problem {
        let text = Text::styled(sanitize_lines(problem), theme.bad());
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), above);
    }
    bar::draw(seen, theme, frame, head);
    let columns = columns(rect.width as usize, seen.rows, seen.state);
    if seen.rows.rows().is_empty() {
        frame.render_widget(Paragraph::new(empty::text(seen, theme)).wrap(Wrap { trim: false }), body);
        return;
    }
    frame.render_widget(headings(seen, &columns, theme), titles);
    rows(seen, &columns, theme, frame, body);
}

/// What is wrong with the file, the line of the filter, the titles, the rows.
fn areas(seen: &Seen, rect: Rect) -> [Rect; 4] {
    let lines = seen.problem.map_or(0, |problem| problem.lines().count() as u16 + 1);
    Layout::vertical([
        Constraint::Length(lines.min(rect.height * 2 / 3)),
        Constraint::Length(bar::height(seen, rect.width)),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(rect)
}

/// The row that lies at line `y` of the screen.
pub fn row_at(seen: &Seen, rect: Rect, y: u16) -> Option<usize> {
    let [.., body] = areas(seen, rect);
    let place = usize::from(y.checked_sub(body.y)?);
    let at = first(seen, body.height.into()) + place;
    (place < usize::from(body.height) && at < seen.rows.rows().len()).then_some(at)
}

/// The first row in sight.
fn first(seen: &Seen, height: usize) -> usize {
    let rows = seen.rows.rows().len();
    let cursor = seen.state.cursor().min(rows.saturating_sub(1));
    first_in_sight(cursor, rows, height)
}

/// The titles, each after a gap; with an arrow at the column that decides the order.
fn headings(seen: &Seen, columns: &[(Column, usize)], theme: Theme) -> Line<'static> {
    let sort = &seen.state.sort;
    let title = |(column, width): &(Column, usize)| {
        let indent = if *column == Column::Name { "  " } else { "" };
        let title = format!("{indent}{}", column.title());
        if sort.by.as_ref() == Some(column) {
            let arrow = if column.falls() == sort.reversed { "↑" } else { "↓" };
            let title = fit(&title, title.width().min(width.saturating_sub(1)), false);
            return Span::styled(
                format!(" {}", fit(&format!("{title}{arrow}"), *width, is_right(column))),
                theme.title(),
            );
        }
        Span::styled(format!(" {}", fit(&title, *width, is_right(column))), theme.faint())
    };
    Line::from(columns.iter().map(title).collect::<Vec<_>>())
}

fn rows(seen: &Seen, columns: &[(Column, usize)], theme: Theme, frame: &mut Frame, rect: Rect) {
    let (rows, height) = (seen.rows.rows(), rect.height as usize);
    let cursor = seen.state.cursor().min(rows.len().saturating_sub(1));
    let first = first(seen, height);
    for (place, (at, row)) in rows.iter().enumerate().skip(first).take(height).enumerate() {
        let line = match row {
            Row::Group(group) => heading(seen, group, theme, rect.width as usize),
            Row::Experiment { label, .. } => waiting(label, columns, theme),
            Row::Run { run, label } => self::run(seen, (run, label), columns, theme),
        };
        let rect = Rect { y: rect.y + place as u16, height: 1, ..rect };
        frame.render_widget(line, rect);
        if at == cursor {
            frame.buffer_mut().set_style(rect, theme.chosen());
        }
    }
    let used = rows.len().min(height) as u16;
    if seen.runs.is_empty() && seen.complete {
        let below = Rect { y: rect.y + used, height: rect.height - used, ..rect };
        frame.render_widget(empty::first_steps(theme), below);
    }
}

/// What the runs below have in common, and how they stand.
fn heading(seen: &Seen, group: &Group, theme: Theme, width: usize) -> Line<'static> {
    let marked = !group.runs.is_empty() && group.runs.iter().all(|run| seen.state.marks.contains(run));
    let sign = if group.folded { "▸" } else { "▾" };
    let name = format!("{}{sign} {}", if marked { MARK } else { " " }, sanitize(&group.key));
    let standing = standing(group);
    let counts: usize = standing.iter().map(|(status, count)| 1 + symbol(*status, *count).width()).sum();
    let runs = match group.runs.len() {
        0 => String::new(),
        1 => "  1 run ".to_owned(),
        count => format!("  {count} runs "),
    };
    let best = group.best.map(|best| format!("  best {}", percent(best))).unwrap_or_default();
    // What it is gives way to how it stands.
    let room = width.saturating_sub(name.width() + runs.width() + counts + best.width());
    let about = match about(seen, group) {
        about if about.width() + 2 <= room || about.is_empty() => format!("  {about}"),
        about => fit(&format!("  {about}"), room, false),
    };
    let mut spans = vec![Span::styled(name, theme.title()), Span::styled(about, theme.faint()), Span::raw(runs)];
    for (status, count) in standing {
        spans.push(Span::styled(format!(" {}", symbol(status, count)), theme.status(status)));
    }
    spans.push(Span::raw(best));
    Line::from(spans)
}

/// Runs by status; those with one symbol as one.
fn standing(group: &Group) -> Vec<(Status, usize)> {
    let mut standing: Vec<(Status, usize)> = Vec::new();
    for (status, count) in &group.counts {
        match standing.last_mut().filter(|(last, _)| last.symbol() == status.symbol()) {
            Some((_, sum)) => *sum += count,
            None => standing.push((*status, *count)),
        }
    }
    standing
}

fn symbol(status: Status, count: usize) -> String {
    format!("{}{count}", status.symbol())
}

/// What a heading's experiment is; nothing where runs are put together by something else.
fn about(seen: &Seen, group: &Group) -> String {
    if group.former {
        return if seen.suite.is_some() { "no longer in experiments.toml".into() } else { String::new() };
    }
    let of_file = seen.suite.filter(|_| seen.state.grouping == crate::ui::list::Grouping::Experiment);
    let found = of_file.and_then(|suite| suite.groups.iter().find(|one| one.name.as_str() == group.key));
    let Some((experiment, variants)) = found.and_then(|one| Some((one.experiments.first()?, one.experiments.len())))
    else {
        return String::new();
    };
    let recipe = &experiment.recipe;
    let hint = match (group.runs.is_empty(), variants) {
        (true, 1) => ", not run yet".to_owned(),
        (true, variants) => format!(", {variants} variants, not run yet"),
        (false, _) if group.waiting > 0 => format!(", {} of {variants} not run yet", group.waiting),
        (false, _) => String::new(),
    };
    sanitize(&format!("{} {}, {} epochs, {}{hint}", recipe.name(), recipe.subject(), recipe.epochs(), experiment.data))
}

/// An experiment that was never run.
fn waiting(label: &str, columns: &[(Column, usize)], theme: Theme) -> Line<'static> {
    let width = columns.first().map_or(0, |(_, width)| *width);
    let name = fit_middle(&format!("  {label}"), width);
    Line::from(vec![Span::raw(format!(" {name}")), Span::styled(" · not run yet", theme.faint())])
}

fn run(seen: &Seen, (run, label): (&RunDir, &str), columns: &[(Column, usize)], theme: Theme) -> Line<'static> {
    let Some(sight) = seen.runs.get(run) else { return Line::default() };
    let values = seen.rows.values(run);
    let mark = if seen.state.marks.contains(run) { MARK } else { " " };
    let mut spans = vec![Span::styled(mark, theme.key())];
    for (column, width) in columns {
        if *column == Column::Name {
            spans.push(Span::raw(fit_middle(&format!("  {label}"), *width)));
            continue;
        }
        let (text, style) = cells::cell(column, *width, (sight, values), seen.now, theme);
        spans.push(Span::styled(format!(" {}", fit(&text, *width, is_right(column))), style));
    }
    Line::from(spans)
}

/// `text` in exactly `width` columns. What is too long loses its middle: names of variants begin alike and differ at the
/// end.
fn fit_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return fit(text, width, false);
    }
    let head = fit(text, width * 2 / 5, false);
    let mut room = width.saturating_sub(head.width());
    let fits = |c: &char| room.checked_sub(c.width().unwrap_or(0)).map(|rest| room = rest).is_some();
    let tail: Vec<char> = text.chars().rev().take_while(fits).collect();
    let whole = format!("{head}{}", tail.into_iter().rev().collect::<String>());
    fit(&whole, width, false)
}
