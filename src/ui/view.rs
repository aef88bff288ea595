//! Shows the model. Every function here takes what is to be seen, the frame and its rectangle, and is safe at any size.
//!
//! ```text
//! mocolab  ~/project                                        1 running, 3 runs
//! (the list of experiments, or one run)
//! (a notice)
//! s start  x stop  ? help  q leave
//! ```

mod chart;
mod dialogue;
mod list;
mod run;

use crate::ui::keys;
use crate::ui::model::{Model, Notice, Screen};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Draws the whole screen.
pub fn draw(model: &Model, frame: &mut Frame) {
    let (text, style) = match &model.notice {
        Some(Notice::Done(text)) => (text.as_str(), Style::new()),
        Some(Notice::Failed(text)) => (text.as_str(), model.theme.bad()),
        None => ("", Style::new()),
    };
    let (said, lines) = wrapped(text, style, frame.area().width);
    let [head, body, notice, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(lines),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    header(model, frame, head);
    match &model.screen {
        Screen::List => list::draw(model, frame, body),
        Screen::Run(screen) => run::draw(model, screen, frame, body),
    }
    frame.render_widget(said, notice);
    footer(model, frame, foot);
    if let Some(open) = &model.dialogue {
        dialogue::draw(model, open, frame, body);
    }
}

fn header(model: &Model, frame: &mut Frame, rect: Rect) {
    let live = model.runs.values().filter(|sight| sight.status.is_live()).count();
    let total = model.runs.len();
    let runs = match total {
        _ if !model.complete => "reading".to_owned(),
        0 => "no runs".to_owned(),
        1 => "1 run".to_owned(),
        _ => format!("{total} runs"),
    };
    let right = if live > 0 { format!("{live} running, {runs} ") } else { format!("{runs} ") };
    let left = Line::from(vec![
        Span::styled(" mocolab", model.theme.title()),
        Span::styled(format!("  {}", model.place), model.theme.faint()),
    ]);
    let [a, b] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(right.chars().count() as u16)]).areas(rect);
    frame.render_widget(left, a);
    frame.render_widget(Span::styled(right, model.theme.faint()), b);
}

fn footer(model: &Model, frame: &mut Frame, rect: Rect) {
    let mut spans = Vec::new();
    for binding in keys::at(model.front()).filter(|binding| !binding.short.is_empty()) {
        let key = binding.label.split(' ').next().unwrap_or_default();
        spans.push(Span::styled(format!(" {key}"), model.theme.key()));
        spans.push(Span::styled(format!(" {} ", binding.short), model.theme.faint()));
    }
    frame.render_widget(Line::from(spans), rect);
}

/// `text` over as many lines of `width` as it needs, at most 4, and how many those are.
fn wrapped(text: &str, style: Style, width: u16) -> (Paragraph<'static>, u16) {
    let paragraph = Paragraph::new(Text::styled(text.to_owned(), style)).wrap(Wrap { trim: true });
    let paragraph = paragraph.block(Block::new().padding(Padding::horizontal(1)));
    let lines = if text.is_empty() { 0 } else { paragraph.line_count(width).min(4) as u16 };
    (paragraph, lines)
}

/// `text` in exactly `width` columns: cut with `…`, or filled up; set to the right if `right`.
fn fit(text: &str, width: usize, right: bool) -> String {
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
fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

/// A share in percent, short: `72.5%`.
fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}%", share * 100.0) } else { format!("{share}") }
}

/// A title line over a part of a screen.
fn part(title: Line<'static>, faint: Style) -> Block<'static> {
    Block::new().borders(ratatui::widgets::Borders::TOP).border_style(faint).title(title)
}
