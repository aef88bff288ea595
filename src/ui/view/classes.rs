//! How a run's classes fare: on the validation split or the test set, at the latest evaluation.
//!
//! ```text
//! ● running  base/20261124-223629  val, epoch 42 of 200
//! macro 75.3% ▲ +0.4 since epoch 41  plain 75.3%  10 classes, 10000 images
//! ─ classes  worst recall first ─────────────────────────── 1 of 10 ─
//!  CLASS  RECALL ██████▌   CHANGE PRECISION  F1  IMAGES  TREND
//! ─ top confusions ─── ─ confusion matrix (instead, or beside them) ─
//! ```

mod confusions;
pub mod difference;
mod grid;
mod labels;
mod matrix;
mod rows;
mod screen;
mod table;
#[cfg(test)]
mod tests;

pub use screen::ClassesScreen;

use super::{bar, fit, part, percent};
use crate::sight::Sight;
use crate::ui::theme::Theme;
use mocolab::event::Classes;
use mocolab::metrics::Confusion;
use mocolab::state::{Past, RunState};
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use rows::Row;

/// All that the parts of the screen show.
struct Seen<'a> {
    classes: &'a Classes,
    past: Option<&'a Past>,
    confusion: Confusion,
    /// By class.
    names: Vec<String>,
    /// In order.
    rows: Vec<Row>,
    /// The place of the chosen row.
    place: usize,
    order: &'static str,
}

impl<'a> Seen<'a> {
    fn new(state: &'a RunState, screen: &ClassesScreen) -> Option<Self> {
        let classes = screen.seen(state)?;
        let (rows, place) = screen.rows(state);
        Some(Self {
            classes,
            past: state.past.get(&classes.split),
            confusion: Confusion::from_counts(classes.confusion.clone()),
            names: labels::names(state.class_names(), rows.len()),
            rows,
            place,
            order: screen.order(),
        })
    }

    /// The chosen class.
    fn chosen(&self) -> Option<usize> {
        self.rows.get(self.place).map(|row| row.class)
    }

    /// The looks of the split's figures.
    fn style(&self, theme: Theme) -> Style {
        if self.classes.split == "test" { theme.test() } else { theme.val() }
    }
}

/// Draws the screen of the classes.
pub fn draw(sight: &Sight, screen: &ClassesScreen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(rect);
    let seen = Seen::new(&sight.state, screen);
    header(sight, seen.as_ref(), theme, frame, head);
    let Some(seen) = seen else { return };
    if screen.is_matrix() {
        matrix::draw(&seen, theme, frame, body);
    } else if body.width >= 160 && body.height >= 30 {
        let [left, right] = Layout::horizontal([Constraint::Length(78), Constraint::Fill(1)]).spacing(1).areas(body);
        stacked(&seen, theme, frame, left);
        matrix::draw(&seen, theme, frame, right);
    } else if body.width >= 110 && body.height >= 30 {
        let lines = (seen.rows.len() as u16).saturating_add(2).clamp(8, body.height / 2);
        let [top, below] = Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(body);
        let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(1).areas(top);
        table::draw(&seen, theme, frame, left);
        confusions::draw(&seen, theme, frame, right);
        matrix::draw(&seen, theme, frame, below);
    } else {
        stacked(&seen, theme, frame, body);
    }
}

/// The table over the confusions.
fn stacked(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let lines = (seen.rows.len() as u16).saturating_add(2).min((rect.height * 2 / 3).max(6));
    let [above, below] = Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(rect);
    table::draw(seen, theme, frame, above);
    confusions::draw(seen, theme, frame, below);
}

fn header(sight: &Sight, seen: Option<&Seen>, theme: Theme, frame: &mut Frame, rect: Rect) {
    let mut first = vec![
        Span::styled(format!(" {} {}", sight.status.symbol(), sight.status), theme.status(sight.status)),
        Span::styled(format!("  {}", sanitize(&sight.run.label())), theme.title()),
    ];
    let Some(seen) = seen else {
        let text = " no class was judged yet: that is done at the end of an epoch";
        frame.render_widget(Text::from(vec![Line::from(first), Line::styled(text, theme.faint())]), rect);
        return;
    };
    let Classes { epoch, split, by, .. } = seen.classes;
    let of = if sight.state.epochs > 0 { format!(" of {}", sight.state.epochs) } else { String::new() };
    first.push(Span::styled(format!("  {}, epoch {epoch}{of}", sanitize(split)), seen.style(theme)));
    if !by.is_empty() {
        first.push(Span::styled(format!("  answered by {}", sanitize(by)), theme.faint()));
    }
    frame.render_widget(Text::from(vec![Line::from(first), summary(seen, theme)]), rect);
}

fn summary(seen: &Seen, theme: Theme) -> Line<'static> {
    let mut spans =
        vec![Span::raw(" macro "), Span::styled(percent(seen.confusion.macro_accuracy()), seen.style(theme))];
    let changes: Vec<f64> = seen.rows.iter().filter_map(|row| row.change).collect();
    if let Some(past) = seen.past.and_then(|past| past.before(seen.classes.epoch)).filter(|_| !changes.is_empty()) {
        // Macro accuracy is the mean of the recalls, and so its change of theirs.
        let change = Some(changes.iter().sum::<f64>() / changes.len() as f64);
        spans.push(Span::styled(format!(" {}", points(change)), moved(change, theme)));
        spans.push(Span::styled(format!(" since epoch {}", past.epoch), theme.faint()));
    }
    spans.push(Span::raw("  plain "));
    spans.push(Span::styled(percent(seen.confusion.accuracy()), seen.style(theme)));
    let images: u64 = seen.rows.iter().map(|row| row.images).sum();
    let without = seen.rows.iter().filter(|row| row.images == 0).count();
    let mut about = vec![format!("{} classes", seen.rows.len())];
    about.extend((without > 0).then(|| format!("{without} without images")));
    about.push(format!("{images} images"));
    spans.push(Span::styled(format!("  {}", about.join(", ")), theme.faint()));
    Line::from(spans)
}

/// A change of a share in points, with its direction: `▲ +1.2`.
fn points(change: Option<f64>) -> String {
    match change.map(|change| change * 100.0) {
        Some(points) if points >= 0.05 => format!("▲ {points:+.1}"),
        Some(points) if points <= -0.05 => format!("▼ {points:+.1}"),
        Some(_) => "=  0.0".into(),
        None => String::new(),
    }
}

/// The looks of a change for the better or worse.
fn moved(change: Option<f64>, theme: Theme) -> Style {
    match change {
        Some(change) if change >= 0.0005 => theme.better(),
        Some(change) if change <= -0.0005 => theme.worse(),
        _ => theme.faint(),
    }
}

/// A share for a column, `–` where there is none.
fn share(share: Option<f64>) -> String {
    share.map_or("–".into(), percent)
}
