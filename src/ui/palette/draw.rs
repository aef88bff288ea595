//! The palette's picture.

use super::{Found, Palette};
use crate::ui::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns and rows that the palette takes at most.
const WIDTH: u16 = 72;
const HEIGHT: u16 = 18;

/// Draws the palette over the upper part of `rect`.
pub fn draw(palette: &Palette, theme: Theme, frame: &mut Frame, rect: Rect) {
    let rows = (palette.found.len().max(1) as u16).saturating_add(3).min(HEIGHT).min(rect.height);
    let width = WIDTH.min(rect.width);
    let area = Rect { x: rect.x + (rect.width - width) / 2, y: rect.y, width, height: rows };
    if area.is_empty() {
        return;
    }
    frame.render_widget(Clear, area);
    let counts = format!(" {} of {} ", palette.found.len(), palette.items.len());
    let hint = " Enter does it  ↑↓ choose  Esc closes ";
    let block = Block::bordered()
        .border_style(theme.border())
        .title(Span::styled(" commands ", theme.title()))
        .title_bottom(Span::styled(counts, theme.faint()))
        .title_bottom(Line::styled(hint, theme.faint()).right_aligned());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.is_empty() {
        return;
    }
    typed(palette, theme, frame, Rect { height: 1, ..inner });
    let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if palette.found.is_empty() && list.height > 0 {
        let text = Span::styled("  nothing fits; Backspace takes a character back", theme.faint());
        frame.render_widget(text, Rect { height: 1, ..list });
    }
    let height = list.height as usize;
    let first = (palette.chosen + 1).saturating_sub(height);
    for (line, (at, found)) in palette.found.iter().enumerate().skip(first).take(height).enumerate() {
        let rect = Rect { y: list.y + line as u16, height: 1, ..list };
        row(palette, found, theme, frame, rect);
        if at == palette.chosen {
            frame.buffer_mut().set_style(rect, theme.chosen());
            frame.render_widget(Span::styled("▌", theme.mark()), rect);
        }
    }
}

/// The line that is typed in: its end where it is too long.
fn typed(palette: &Palette, theme: Theme, frame: &mut Frame, rect: Rect) {
    let room = (rect.width as usize).saturating_sub(2);
    let query: Vec<char> = palette.query.chars().collect();
    let width = |from: usize| query[from..palette.cursor].iter().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let from = (0..=palette.cursor).find(|from| width(*from) <= room).unwrap_or(palette.cursor);
    let shown: String = query[from..].iter().collect();
    let line = Line::from(vec![Span::styled(":", theme.key()), Span::raw(mocolab::text::sanitize(&shown))]);
    frame.render_widget(line, rect);
    // The place where the next character goes, as on every line that is typed.
    let column = (rect.x + 1 + width(from) as u16).min(rect.right().saturating_sub(1));
    frame.buffer_mut().set_style(Rect { x: column, width: 1, ..rect }, theme.chosen());
}

/// What it does, with the characters that fit set off, and its key at the right.
fn row(palette: &Palette, found: &Found, theme: Theme, frame: &mut Frame, rect: Rect) {
    let item = &palette.items[found.item];
    let key = item.key.width() as u16;
    // A key that is cut off would teach something wrong: it is shown whole or not at all.
    let key = if item.text.width() as u16 + key + 5 <= rect.width { key + 2 } else { 0 };
    let room = (rect.width - key.min(rect.width)) as usize;
    let mut spans = vec![Span::raw("  ")];
    let mut used = 2;
    for (at, c) in item.text.chars().enumerate() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > room {
            spans.push(Span::raw("…"));
            break;
        }
        used += width;
        let fits = found.fits.binary_search(&at).is_ok();
        let style = if fits { theme.key().add_modifier(Modifier::UNDERLINED) } else { Style::new() };
        spans.push(Span::styled(c.to_string(), style));
    }
    frame.render_widget(Line::from(spans), rect);
    if key > 0 {
        let at = Rect { x: rect.right() - key, width: key, ..rect };
        frame.render_widget(Span::styled(item.key.as_str(), theme.key()), at);
    }
}
