//! The line above the table: how much is shown, in which order, under which filter; or the filter while it is typed, and
//! what is wrong with it.
//!
//! ```text
//!  /queue>6400 status:done▏                                       5 of 18 runs
//!  `statsu:done`: no key is called `statsu`; did you mean `status`?
//! ```

use super::table::Seen;
use crate::ui::figures;
use crate::ui::list::order::Grouping;
use crate::ui::theme::Theme;
use crate::ui::view::fit;
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Lines that it takes: none where nothing is filtered, marked or in another order.
pub(super) fn height(seen: &Seen, width: u16) -> u16 {
    let search = &seen.state.search;
    if search.line().is_none() && search.text().is_empty() && about(seen).is_empty() {
        return 0;
    }
    1 + complaint(seen).map_or(0, |complaint| complaint.line_count(width.saturating_sub(2)).min(4) as u16)
}

/// What is wrong with what is typed.
fn complaint(seen: &Seen) -> Option<Paragraph<'static>> {
    let error = sanitize(&seen.state.search.error()?.to_string());
    let block = Block::new().padding(Padding::horizontal(1));
    Some(Paragraph::new(error).wrap(Wrap { trim: true }).block(block))
}

pub(super) fn draw(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let [line, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(rect);
    let right = format!("{} ", about(seen));
    let room = (rect.width as usize).saturating_sub(right.width() + 1);
    // What is typed needs a place even where the screen is narrow.
    let typing = seen.state.search.line().is_some() || !seen.state.search.text().is_empty();
    let right = if typing && room < 16 { String::new() } else { right };
    let [left, beside] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(right.width() as u16)]).areas(line);
    frame.render_widget(filter(seen, theme, left.width as usize), left);
    frame.render_widget(Span::styled(right, theme.faint()), beside);
    if let Some(complaint) = complaint(seen) {
        frame.render_widget(complaint.style(theme.bad()), below);
    }
}

/// The filter in force, or the line it is typed on with its cursor.
fn filter(seen: &Seen, theme: Theme, width: usize) -> Line<'static> {
    let search = &seen.state.search;
    let Some(input) = search.line() else {
        let text = if search.text().is_empty() { String::new() } else { format!(" /{}", sanitize(search.text())) };
        return Line::styled(fit(&text, width, false), theme.key());
    };
    let wrong = search.error().map_or(0..0, |error| error.span.clone());
    let mut spans = vec![Span::styled(" /", theme.key())];
    spans.extend(figures::typed(input, width.saturating_sub(1), &wrong, theme));
    Line::from(spans)
}

/// How much is shown, what is marked, and in which order.
fn about(seen: &Seen) -> String {
    let (rows, state) = (seen.rows, seen.state);
    let mut parts = Vec::new();
    match (rows.shown, rows.total) {
        // How many there are stands in the header.
        (shown, total) if shown == total => {}
        (shown, total) => parts.push(format!("{shown} of {total} runs")),
    }
    if !state.marks.is_empty() {
        parts.push(format!("{} marked", state.marks.len()));
    }
    match state.grouping {
        Grouping::Experiment => {}
        Grouping::Nothing => parts.push("one list".into()),
        grouping => parts.push(format!("by {}", grouping.as_str())),
    }
    match (&state.sort.by, state.sort.reversed) {
        (None, false) => {}
        (None, true) => parts.push("oldest first".into()),
        (Some(column), reversed) => {
            let arrow = if column.falls() == reversed { '↑' } else { '↓' };
            parts.push(format!("sorted by {} {arrow}", column.title().to_lowercase()));
        }
    }
    parts.join(" · ")
}
