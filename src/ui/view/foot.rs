//! What stands below and over every screen: what was said, the line that is typed, the keys, what happened to runs.

use super::{fit, wrapped};
use crate::ui::figures;
use crate::ui::keys::{Action, Place, Row};
use crate::ui::model::{Dialogue, Model, Notice, Words};
use mocolab::text::{sanitize, sanitize_lines};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

/// The line that is typed, else what was said, and how many lines it takes.
pub fn said(model: &Model, width: u16) -> (Paragraph<'static>, u16) {
    if let Some(words) = &model.words {
        return (Paragraph::new(typed(model, words, width.into())), 1);
    }
    match &model.notice {
        Some(Notice::Done(text)) => wrapped(&sanitize_lines(text), Style::new(), width),
        Some(Notice::Failed(text)) => wrapped(&sanitize_lines(text), model.theme.bad(), width),
        None => wrapped("", Style::new(), width),
    }
}

fn typed(model: &Model, words: &Words, width: usize) -> Line<'static> {
    let title = sanitize(&words.about.title());
    let mut spans = vec![Span::styled(format!(" {title}"), model.theme.key())];
    spans.extend(figures::typed(&words.input, width.saturating_sub(title.width() + 1), &(0..0), model.theme));
    Line::from(spans)
}

/// The keys that count now, the screen's own first; what helps and what leaves is always there.
pub fn draw(model: &Model, frame: &mut Frame, rect: Rect) {
    if matches!(model.dialogue, Some(Dialogue::Palette(_))) {
        return;
    }
    if model.words.is_some() || model.list_is_typed() {
        let hint = " Enter keeps it   Esc leaves it as it was";
        frame.render_widget(Span::styled(hint, model.theme.faint()), rect);
        return;
    }
    let shown: Vec<&Row> = model.keys.at(model.front()).filter(|row| !row.short.is_empty()).collect();
    let always = |row: &&&Row| {
        row.place == Place::Screens && matches!(row.action, Action::Palette | Action::Help | Action::Quit)
    };
    let mut room = usize::from(rect.width).saturating_sub(shown.iter().filter(always).map(|row| width(row)).sum());
    let mut kept: Vec<&Row> = Vec::new();
    for row in shown.iter().filter(|row| !always(row)) {
        let Some(left) = room.checked_sub(width(row)) else { break };
        room = left;
        kept.push(row);
    }
    kept.extend(shown.iter().filter(always));
    let spans = kept.into_iter().flat_map(|row| {
        let style = model.theme.faint();
        [Span::styled(format!(" {}", key(row)), model.theme.key()), Span::styled(format!(" {} ", row.short), style)]
    });
    frame.render_widget(Line::from(spans.collect::<Vec<_>>()), rect);
}

fn key(row: &Row) -> &str {
    row.label.split(' ').next().unwrap_or_default()
}

fn width(row: &Row) -> usize {
    key(row).width() + row.short.width() + 3
}

/// What happened to runs lately, at the upper right, over all else.
pub fn toasts(model: &Model, frame: &mut Frame, rect: Rect) {
    let width = usize::from(rect.width * 2 / 3).min(72);
    for (toast, y) in model.toasts.iter().rev().zip(rect.y..rect.bottom()) {
        let (sign, style) = if toast.bad { ("!", model.theme.bad()) } else { ("✓", model.theme.good()) };
        let text = format!(" {sign} {} ", toast.text);
        let text = fit(&text, text.width().min(width), false);
        let columns = (text.width() as u16).min(rect.width);
        let place = Rect { x: rect.right() - columns, y, width: columns, height: 1 };
        frame.render_widget(Clear, place);
        frame.render_widget(Span::styled(text, style.add_modifier(ratatui::style::Modifier::REVERSED)), place);
    }
}
