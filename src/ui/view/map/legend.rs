//! What the colours and letters stand for; hidden groups are struck out.

use super::plot::letter;
use crate::ui::figures::fit;
use crate::ui::map::MapScreen;
use crate::ui::theme::Theme;
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// The longest that a name is written.
const LONGEST: usize = 18;

/// Columns of an entry: all alike, so that they stand below each other.
fn width(names: &[String]) -> usize {
    names.iter().map(|name| sanitize(name).width().min(LONGEST)).max().unwrap_or(0) + 4
}

fn columns(names: &[String], room: u16) -> usize {
    (usize::from(room) / width(names)).max(1)
}

/// Lines that it takes.
pub fn lines(names: &[String], room: u16) -> u16 {
    names.len().div_ceil(columns(names, room)) as u16
}

/// Draws it.
pub fn draw(screen: &MapScreen, names: &[String], theme: Theme, frame: &mut Frame, rect: Rect) {
    let (columns, width) = (columns(names, rect.width), width(names));
    for ((row, names), y) in names.chunks(columns).enumerate().zip(rect.y..rect.bottom()) {
        let mut spans = Vec::new();
        for (column, name) in names.iter().enumerate() {
            let group = (row * columns + column) as u16;
            let name = fit(&sanitize(name), width - 4, false);
            let shown = screen.is_shown(group);
            let style =
                if shown { theme.class(group.into()) } else { theme.faint().add_modifier(Modifier::CROSSED_OUT) };
            let sign = if shown { letter(group) } else { '-' };
            spans.push(Span::styled(format!(" {sign} "), style.add_modifier(Modifier::BOLD)));
            spans.push(Span::styled(name + " ", style));
        }
        frame.render_widget(Line::from(spans), Rect { y, height: 1, ..rect });
    }
}

/// The group whose entry stands at a place.
pub fn group_at(names: &[String], rect: Rect, place: Position) -> Option<u16> {
    if !rect.contains(place) {
        return None;
    }
    let columns = columns(names, rect.width);
    let (column, row) = (usize::from(place.x - rect.x) / width(names), usize::from(place.y - rect.y));
    let group = row * columns + column;
    (column < columns && group < names.len()).then_some(group as u16)
}
