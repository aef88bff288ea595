//! The log of a run, as much of it as there is room for.
//!
//! ```text
//! ─ log of quick/20261124-223629  3 of 418 lines hold `nan`  12 lines up, G follows ─
//!  epoch 3/6  train loss 1.2  val macro 61.0%
//! ```

use super::part;
use crate::ui::log::LogLook;
use crate::ui::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};

/// Draws the lines that `look` is at, wrapped, the last of them at the bottom.
pub fn draw(title: &str, lines: &[String], look: &LogLook, theme: Theme, (frame, rect): (&mut Frame, Rect)) {
    let block = part(Line::from(heading(title, lines, look, theme)), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    // At the top of the log the page is full all the same.
    let end = lines.len().saturating_sub(look.up).max(lines.len().min(inner.height as usize));
    let start = end.saturating_sub(inner.height as usize);
    let shown = lines.get(start..end).unwrap_or_default();
    let text: Vec<Line> = shown.iter().map(|line| marked(line, look, theme)).collect();
    let paragraph = Paragraph::new(text).wrap(Wrap { trim: false }).block(Block::new().padding(Padding::horizontal(1)));
    // Wrapped lines take more room than there is: the last ones are those to see.
    let hidden = paragraph.line_count(inner.width.saturating_sub(2)).saturating_sub(inner.height as usize);
    frame.render_widget(paragraph.scroll((u16::try_from(hidden).unwrap_or(u16::MAX), 0)), inner);
}

fn heading(title: &str, lines: &[String], look: &LogLook, theme: Theme) -> Vec<Span<'static>> {
    let mut spans = vec![Span::styled(format!(" {title} "), theme.title())];
    if !look.query.is_empty() {
        let (found, all) = (look.count(lines), lines.len());
        let style = if found > 0 { theme.faint() } else { theme.bad() };
        spans.push(Span::styled(format!(" {found} of {all} lines hold `{}` ", look.query), style));
    }
    if look.up > 0 {
        spans.push(Span::styled(format!(" {} lines up ", look.up), theme.faint()));
    }
    spans
}

/// A line with what is looked for standing out.
fn marked<'a>(line: &'a str, look: &LogLook, theme: Theme) -> Line<'a> {
    let mut spans = Vec::new();
    let mut from = 0;
    for (start, end) in look.matches(line) {
        spans.push(Span::raw(&line[from..start]));
        spans.push(Span::styled(&line[start..end], theme.chosen()));
        from = end;
    }
    spans.push(Span::styled(&line[from..], level(line, theme)));
    Line::from(spans)
}

/// What went wrong is seen from afar.
fn level(line: &str, theme: Theme) -> Style {
    let starts = |word: &str| line.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match () {
        () if starts("error") || starts("thread '") => theme.bad(),
        () if starts("warning") => Style::new().add_modifier(Modifier::BOLD),
        () => Style::new(),
    }
}
