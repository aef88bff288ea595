//! Text that fits its place, bars and shares: what all that is drawn is written with.

use super::input::Input;
use super::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};
use std::borrow::Cow;
use std::ops::Range;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` in exactly `width` columns: cut with `…`, or filled up; set to the right if `right`.
pub fn fit(text: &str, width: usize, right: bool) -> String {
    let mut text = Cow::Borrowed(text);
    if text.width() > width {
        let mut room = width.saturating_sub(1);
        let whole = |c: &char| room.checked_sub(c.width().unwrap_or(0)).map(|rest| room = rest).is_some();
        let cut: String = text.chars().take_while(whole).collect();
        text = Cow::Owned(if width == 0 { cut } else { format!("{cut}…") });
    }
    let fill = " ".repeat(width.saturating_sub(text.width()));
    if right { format!("{fill}{text}") } else { format!("{text}{fill}") }
}

/// A bar of `width` columns, filled by `share`, with eighths where the font has them.
pub fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

/// A share in percent, short: `72.5%`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}%", share * 100.0) } else { format!("{share}") }
}

/// A title line over a part of a screen.
pub fn part(title: Line<'static>, faint: Style) -> Block<'static> {
    Block::new().borders(Borders::TOP).border_style(faint).title(title)
}

/// A line that is typed in `width` columns, with the cursor in it; of one too long the part around the cursor. The bytes
/// `wrong` of its text stand out.
pub fn typed(input: &Input, width: usize, wrong: &Range<usize>, theme: Theme) -> Vec<Span<'static>> {
    let (window, column) = input.window(width.saturating_sub(1));
    let start = window.start;
    let mut spans = Vec::new();
    let mut at = 0;
    for (place, c) in input.text()[window].char_indices() {
        let style = if wrong.contains(&(start + place)) { theme.bad() } else { Style::new() };
        let columns = c.width().unwrap_or(0);
        let here = at == column && columns > 0;
        spans.push(Span::styled(c.to_string(), if here { style.patch(theme.chosen()) } else { style }));
        at += columns;
    }
    if at <= column {
        spans.push(Span::styled(" ", theme.chosen()));
    }
    spans
}

/// The first of `rows` rows in sight where `height` of them fit: the chosen one stays away from the edges.
pub fn first_in_sight(chosen: usize, rows: usize, height: usize) -> usize {
    chosen.saturating_sub(height * 2 / 3).min(rows.saturating_sub(height))
}
