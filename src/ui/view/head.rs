//! The line above every screen: which screens there are, which is in front, how many runs there are.

use crate::ui::model::{Model, Tab};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// The name before the screens, where there is room for it.
const NAME: &str = " mocolab ";
/// From here on there is room for it, and between the screens' names.
const WIDE: u16 = 100;

/// Draws the line.
pub fn draw(model: &Model, frame: &mut Frame, rect: Rect) {
    let right = format!("{} ", standing(model));
    let [left, beside] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(right.width() as u16)]).areas(rect);
    let mut spans = vec![Span::styled(name(rect.width), model.theme.title())];
    for (at, tab) in Tab::ALL.into_iter().enumerate() {
        let text = format!(" {} {}", at + 1, tab.word());
        let style = if tab == model.screen.tab() { model.theme.chosen() } else { model.theme.faint() };
        spans.push(Span::styled(text, style));
        if rect.width >= WIDE {
            spans.push(Span::raw(" "));
        }
    }
    // Where the project lies is the first to give way.
    let place = format!("  {}", model.place);
    let used: usize = spans.iter().map(Span::width).sum();
    if used + place.width() < usize::from(left.width) {
        spans.push(Span::styled(place, model.theme.faint()));
    }
    frame.render_widget(Line::from(spans), left);
    let style = if model.frozen.is_some() { model.theme.warn() } else { model.theme.faint() };
    frame.render_widget(Span::styled(right, style), beside);
}

fn name(width: u16) -> &'static str {
    if width >= WIDE { NAME } else { "" }
}

/// The screen whose name stands in column `x` of a line of `width`.
pub fn tab_at(x: u16, width: u16) -> Option<Tab> {
    let mut end = name(width).len();
    Tab::ALL.into_iter().find(|tab| {
        let start = end;
        end += tab.word().len() + if width >= WIDE { 4 } else { 3 };
        (start..end).contains(&usize::from(x))
    })
}

fn standing(model: &Model) -> String {
    let live = model.runs.values().filter(|sight| sight.status.is_live()).count();
    let runs = match model.runs.len() {
        _ if !model.complete => "reading".to_owned(),
        0 => "no runs".to_owned(),
        1 => "1 run".to_owned(),
        total => format!("{total} runs"),
    };
    let mut parts = Vec::new();
    parts.extend(model.frozen.as_ref().map(|held| format!("held still, {} news", held.len())));
    parts.extend(model.read_only.then(|| "read-only".to_owned()));
    parts.extend((live > 0).then(|| format!("{live} live")));
    parts.push(runs);
    parts.join(", ")
}
