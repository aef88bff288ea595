//! The top confusions: what is taken for what, by the share of the images of its class.

use super::{Seen, bar, fit, labels, moved, part, points};
use crate::ui::theme::Theme;
use mocolab::metrics::{Confusion, Mistake};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Columns of the mark, the share, the count and the change.
const FIGURES: usize = 25;

/// Draws as many confusions as have room, the greatest first; those of the chosen class are marked.
pub fn draw(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let mistakes = seen.confusion.mistakes();
    let title = vec![
        Span::styled(" top confusions ", theme.title()),
        Span::styled(" % of the images of the class ", theme.faint()),
    ];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    if mistakes.is_empty() {
        let text = if seen.rows.iter().all(|row| row.images == 0) { " no answers" } else { " no wrong answers" };
        frame.render_widget(Line::styled(text, theme.faint()), inner);
        return;
    }
    let former = seen.past.and_then(|past| past.former.as_ref());
    let former = former.map(|former| Confusion::from_counts(former.confusion.clone()));
    let shown = &mistakes[..mistakes.len().min(inner.height as usize)];
    let width = inner.width as usize;
    let (texts, longest) = texts(shown, &seen.names, width.saturating_sub(FIGURES));
    let name = longest.min(width.saturating_sub(FIGURES).max(12));
    let room = width.saturating_sub(name + FIGURES + 1).min(30);
    for (at, (mistake, text)) in shown.iter().zip(&texts).enumerate() {
        let chosen = seen.chosen().is_some_and(|class| class == mistake.truth || class == mistake.answer);
        let known = former.as_ref().and_then(|former| former.share(mistake.truth, mistake.answer));
        let change = known.map(|known| mistake.share - known);
        let line = Line::from(vec![
            Span::styled(if chosen { "▸" } else { " " }, theme.key()),
            Span::styled(fit(text, name, false), if chosen { theme.title() } else { Style::new() }),
            Span::raw(format!(" {:>5.1} % {:>7}", mistake.share * 100.0, format!("({})", mistake.count))),
            // More of a confusion is worse.
            Span::styled(format!(" {} ", fit(&points(change), 7, true)), moved(change.map(|change| -change), theme)),
            Span::styled(bar(mistake.share / shown[0].share, room), theme.worse()),
        ]);
        frame.render_widget(line, Rect { y: inner.y + at as u16, height: 1, ..inner });
    }
}

/// The confusions in words, or with an arrow where words are longer than `room`; and how long the longest is.
fn texts(mistakes: &[Mistake], names: &[String], room: usize) -> (Vec<String>, usize) {
    let written = |between: &str| -> (Vec<String>, usize) {
        let text = |mistake: &Mistake| {
            format!("{}{between}{}", labels::of(names, mistake.truth), labels::of(names, mistake.answer))
        };
        let texts: Vec<String> = mistakes.iter().map(text).collect();
        let longest = texts.iter().map(|text| text.width()).max().unwrap_or(0);
        (texts, longest)
    };
    let words = written(" taken for ");
    if words.1 > room { written(" → ") } else { words }
}
