//! Two evaluations set side by side: what the one does better and worse than the other, class by class and cell by cell.
//!
//! ```text
//! ─ recall  A less B, val, macro ▲ +2.1 ───────────────────────────────
//!  A base/20261124-223629 epoch 42  B quick/20261124-101500 epoch 33
//!  CLASS       A      B     A−B              worse │ better
//!  cat     61.2%  55.0%  ▲ +6.2                    │██████▏
//! ─ confusion matrix  truth ↓ answer →, A less B in points ────────────
//! ```
//!
//! Colours tell better from worse, signs more from less: more of a confusion is worse.

use super::grid::{self, Cell, FIGURES, Grid, Measure};
use super::{bar, fit, labels, moved, part, points, share};
use crate::ui::figures::first_in_sight;
use crate::ui::theme::{LEVELS, Theme};
use mocolab::event::Classes;
use mocolab::metrics::{Confusion, Difference};
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// From which difference on a cell has the next shade, in points.
const STEPS: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// An evaluation with the name of its run.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// For the titles.
    pub name: &'a str,
    /// How its classes fared.
    pub classes: &'a Classes,
}

/// Two evaluations of the same classes.
#[derive(Debug, Clone, Copy)]
pub struct Versus<'a> {
    /// The one that is looked at.
    pub ours: Side<'a>,
    /// The one it is measured by.
    pub baseline: Side<'a>,
    /// Of the classes.
    pub names: &'a [String],
    /// The place in the table of the row that is kept in sight.
    pub place: usize,
}

/// A class in both.
struct Row {
    class: usize,
    ours: Option<f64>,
    baseline: Option<f64>,
    difference: Option<f64>,
}

/// Both matrices, and what they differ in.
struct Both {
    names: Vec<String>,
    /// The most fallen recall first.
    rows: Vec<Row>,
    difference: Difference,
    sides: [Confusion; 2],
    macro_difference: f64,
    place: usize,
}

impl Both {
    fn new(versus: &Versus) -> Option<Self> {
        let [ours, baseline] =
            [versus.ours, versus.baseline].map(|side| Confusion::from_counts(side.classes.confusion.clone()));
        let difference = ours.difference(&baseline)?;
        let (recalls, known) = (ours.recalls(), baseline.recalls());
        let row = |(class, difference)| Row { class, ours: recalls[class], baseline: known[class], difference };
        let mut rows: Vec<Row> = difference.recalls().into_iter().enumerate().map(row).collect();
        rows.sort_by(|a, b| a.difference.unwrap_or(f64::MAX).total_cmp(&b.difference.unwrap_or(f64::MAX)));
        let macro_difference = ours.macro_accuracy() - baseline.macro_accuracy();
        let place = versus.place.min(rows.len().saturating_sub(1));
        let (names, sides) = (labels::names(versus.names, rows.len()), [ours, baseline]);
        Some(Self { names, rows, difference, sides, macro_difference, place })
    }
}

/// Draws the differences: the table beside the matrix, or above it where there is no room beside it.
pub fn draw(versus: &Versus, theme: Theme, frame: &mut Frame, rect: Rect) {
    let Some(both) = Both::new(versus) else {
        let count = |side: Side| format!("`{}` has {} classes", sanitize(side.name), side.classes.confusion.len());
        let text = format!(
            " {}, {}: their answers can't be set side by side; mark runs of the same classes",
            count(versus.ours),
            count(versus.baseline)
        );
        frame.render_widget(Paragraph::new(text).style(theme.faint()).wrap(Wrap { trim: false }), rect);
        return;
    };
    let layout = if rect.width >= 130 {
        Layout::horizontal([Constraint::Length(64), Constraint::Fill(1)]).spacing(1)
    } else {
        let lines = (both.rows.len() as u16).saturating_add(3).min(rect.height / 2);
        Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)])
    };
    let [first, second] = layout.areas(rect);
    table(versus, &both, theme, frame, first);
    matrix(&both, theme, frame, second);
}

fn table(versus: &Versus, both: &Both, theme: Theme, frame: &mut Frame, rect: Rect) {
    let [ours, baseline] = [versus.ours, versus.baseline].map(|side| sanitize(&side.classes.split));
    let splits = if ours == baseline { ours } else { format!("{ours} less {baseline}") };
    let change = Some(both.macro_difference).filter(|change| change.is_finite());
    let title = vec![
        Span::styled(" recall ", theme.title()),
        Span::styled(format!(" A less B, {splits}, macro "), theme.faint()),
        Span::styled(format!("{} ", points(change)), moved(change, theme)),
    ];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let [sides, head, inner] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    frame.render_widget(Line::from(format!(" A {}  B {}", about(versus.ours), about(versus.baseline))), sides);
    let name = both.names.iter().map(|name| name.width()).max().unwrap_or(0).clamp(5, 16);
    let half = (inner.width as usize).saturating_sub(name + 29) / 2;
    frame.render_widget(Line::styled(titles(name, half), theme.faint()), head);
    let height = inner.height as usize;
    let first = first_in_sight(both.place, both.rows.len(), height);
    // The longest bar is the greatest difference, but at least 5 points: small ones look small.
    let greatest = both.rows.iter().filter_map(|row| row.difference).fold(0.05, |most, d| d.abs().max(most));
    for (at, row) in both.rows.iter().enumerate().skip(first).take(height) {
        let rect = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        frame.render_widget(line(row, &both.names[row.class], (name, half, greatest), theme), rect);
        if at == both.place {
            frame.buffer_mut().set_style(rect, theme.chosen());
        }
    }
}

/// Whose answers they are: run, epoch, and who answered where it wasn't the network.
fn about(side: Side) -> String {
    let by = side.classes.by.split(' ').next().filter(|by| !by.is_empty());
    let by = by.map(|by| format!(" by {}", sanitize(by))).unwrap_or_default();
    format!("{} epoch {}{by}", sanitize(side.name), side.classes.epoch)
}

fn titles(name: usize, half: usize) -> String {
    let [class, worse, better] = [("CLASS", name, false), ("worse ", half, true), (" better", half, false)]
        .map(|(title, width, right)| fit(title, width, right));
    format!(" {class} {:>6} {:>6} {:>7}  {worse}│{better}", "A", "B", "A−B")
}

fn line(row: &Row, name: &str, (width, half, greatest): (usize, usize, f64), theme: Theme) -> Line<'static> {
    let difference = row.difference.unwrap_or(0.0);
    // Bars to the left have whole and half blocks only: there are no others that are full on the right.
    let halves = ((-difference / greatest).max(0.0) * half as f64 * 2.0).round() as usize;
    let left = format!("{}{}", if halves % 2 == 1 { "▐" } else { "" }, "█".repeat(halves / 2));
    Line::from(vec![
        Span::raw(format!(" {} {:>6} {:>6}", fit(name, width, false), share(row.ours), share(row.baseline))),
        Span::styled(format!(" {}  ", fit(&points(row.difference), 7, true)), moved(row.difference, theme)),
        Span::styled(fit(&left, half, true), theme.worse()),
        Span::styled("│", theme.faint()),
        Span::styled(bar((difference / greatest).max(0.0), half), theme.better()),
    ])
}

fn matrix(both: &Both, theme: Theme, frame: &mut Frame, rect: Rect) {
    let chosen = both.rows.get(both.place).map(|row| row.class);
    // Rows come before the scale, where there is no room for all.
    let [full, spared] =
        [1, 2].map(|taken| Measure::new(&both.names, chosen, (rect.width, rect.height.saturating_sub(taken))));
    let measure = if spared.part() == full.part() { spared } else { full };
    let part_seen = measure.part().map(|part| format!(", {part}")).unwrap_or_default();
    let title = vec![
        Span::styled(" confusion matrix ", theme.title()),
        Span::styled(format!(" truth ↓ answer →, A less B in points{part_seen} "), theme.faint()),
    ];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let cell = |truth, answer, width| cell(both, (truth, answer), width, theme);
    grid::draw(&Grid { names: &both.names, chosen, cell: &cell }, &measure, theme, frame, inner);
    if inner.height > measure.lines() {
        let rect = Rect { y: inner.y + measure.lines(), height: 1, ..inner };
        frame.render_widget(scale(&measure, theme), rect);
    }
}

fn cell(both: &Both, (truth, answer): (usize, usize), width: usize, theme: Theme) -> Cell {
    let diagonal = truth == answer;
    let difference = both.difference.share(truth, answer);
    let points = difference.unwrap_or(0.0) * 100.0;
    let level = level(points);
    let better = (points > 0.0) == diagonal;
    let style = match level {
        0 => theme.wrong(0),
        _ if better => theme.right(level),
        _ => theme.wrong(level),
    };
    let text = match width {
        0..FIGURES => sign(points).into(),
        _ if difference.is_none() => String::new(),
        _ if level == 0 => "·".into(),
        FIGURES..6 => format!("{points:+.0}"),
        _ => format!("{points:+.1}"),
    };
    let style = if diagonal && !theme.has_shades() { style.patch(theme.title()) } else { style };
    let [ours, baseline] = both.sides.each_ref().map(|side| side.share(truth, answer).unwrap_or(0.0) * 100.0);
    let under = if level > 0 && width >= 7 { format!("{ours:.0} {baseline:.0}") } else { String::new() };
    Cell { text, under, style }
}

/// More or less, in one sign.
fn sign(points: f64) -> &'static str {
    match points {
        8.0.. => "▲",
        0.5.. => "+",
        ..=-8.0 => "▼",
        ..=-0.5 => "-",
        _ => "·",
    }
}

/// The shade of a difference in points, from 0 for none.
fn level(points: f64) -> usize {
    // Every other shade at first: six are easier told apart than nine.
    let steps = STEPS.iter().filter(|step| points.abs() >= **step).count();
    (steps * 3).div_ceil(2).min(LEVELS - 1)
}

fn scale(measure: &Measure, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    if theme.has_shades() {
        for (title, shade) in [(" better by", Theme::right as fn(Theme, usize) -> _), ("  worse by", Theme::wrong)] {
            spans.push(Span::styled(format!("{title} "), theme.faint()));
            spans.extend(STEPS.iter().map(|step| Span::styled(format!(" {step} "), shade(theme, level(*step)))));
        }
        spans.push(Span::styled(" points", theme.faint()));
    } else {
        spans.push(Span::styled(" + on the diagonal is better, elsewhere worse", theme.faint()));
    }
    let signs = match (measure.width, measure.height) {
        (..FIGURES, _) => "  + - from 0.5, ▲ ▼ from 8",
        (7.., 2..) => "  · under 0.5  beneath: A and B in %",
        _ => "  · <0.5",
    };
    spans.push(Span::styled(signs, theme.faint()));
    Line::from(spans)
}
