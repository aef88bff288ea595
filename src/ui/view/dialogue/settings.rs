//! The table of settings of a run that is about to start.
//!
//! ```text
//! ┌ start moco: settings of this run ────────────────────────────────────────┐
//! │   arch               "resnet18"                default                   │
//! │   queue              6400                      default 4096              │
//! │>* batch              256                       file: 512                 │
//! │                                                                          │
//! │ batch: images per step, over all devices; …                              │
//! │ allowed: a whole number from 1 to 1000000000                             │
//! └──────────────────────────────────────────────────────────────────────────┘
//! ```

use super::sheet::{self, Row};
use crate::ui::figures::typed;
use crate::ui::model::Model;
use crate::ui::model::start::{Editor, StartDialogue, Typing};
use crate::ui::view::fit;
use mocolab::config::{Entry, entries};
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Columns of the dialogue at most.
const WIDEST: u16 = 100;
/// Columns of a setting's name.
const NAME: usize = 19;

/// Draws the table.
pub fn draw(model: &Model, start: &StartDialogue, editor: &Editor, (frame, rect): (&mut Frame, Rect)) {
    let file = start.file().map(entries).unwrap_or_default();
    let name = start.file().map(|file| file.name.to_string()).unwrap_or_default();
    let place = sheet::middle(rect, WIDEST);
    let width = sheet::inside(place);
    let lines = editor.entries.iter().enumerate().map(|(row, entry)| {
        let typing = editor.typing.as_ref().filter(|_| row == editor.cursor);
        let before = file.iter().find(|before| before.name == entry.name).filter(|before| before.value != entry.value);
        line(model, (entry, before), (row == editor.cursor, typing), width)
    });
    let list = lines.collect();
    let below = below(model, start, editor, width);
    let title = format!("start {name}: settings of this run");
    sheet::draw((&sanitize(&title), model.theme), (list, editor.cursor, below), frame, place);
}

/// A setting; `before` is what the file says where that differs.
fn line(
    model: &Model,
    (entry, before): (&Entry, Option<&Entry>),
    (chosen, typing): (bool, Option<&Typing>),
    width: usize,
) -> Line<'static> {
    let theme = model.theme;
    let marks = format!("{}{} ", if chosen { '>' } else { ' ' }, if before.is_some() { '*' } else { ' ' });
    let name = fit(entry.name, NAME, false);
    let rest = width.saturating_sub(marks.width() + NAME);
    if let Some(typing) = typing {
        let mut spans = vec![Span::styled(format!("{marks}{name}"), theme.title())];
        spans.extend(typed(&typing.input, rest, &(0..0), theme));
        return Line::from(spans);
    }
    let note = match before {
        Some(before) => format!("file: {}", before.value),
        None if entry.value == entry.default => "default".to_owned(),
        None => format!("default {}", entry.default),
    };
    let value = fit(&sanitize(&entry.value), rest * 3 / 5, false);
    let note = fit(&format!(" {}", sanitize(&note)), rest - rest * 3 / 5, false);
    if chosen {
        return Line::styled(format!("{marks}{name}{value}{note}"), theme.chosen());
    }
    let style = if before.is_some() { theme.title() } else { Style::new() };
    Line::from(vec![
        Span::styled(format!("{marks}{name}"), style),
        Span::styled(value, if entry.value == entry.default && before.is_none() { theme.faint() } else { style }),
        Span::styled(note, theme.faint()),
    ])
}

/// What the setting does, what is allowed, what is wrong.
fn below(model: &Model, start: &StartDialogue, editor: &Editor, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut lines = Vec::new();
    let mut say = |label: Span<'static>, text: &str, style| {
        lines.extend(sheet::hang(Row { label, text: &sanitize(text), style }, width));
    };
    if let Some(entry) = editor.chosen() {
        say(Span::styled(format!("{}: ", entry.name), theme.title()), entry.meaning, Style::new());
        let default = format!("{}; default {}", entry.allowed, entry.default);
        say(Span::styled("allowed: ", theme.faint()), &default, theme.faint());
    }
    let refused = editor.typing.iter().flat_map(|typing| &typing.refused).cloned();
    let conflicts = start.experiment.iter().flat_map(|now| now.recipe.conflicts());
    let conflicts = conflicts.flat_map(|conflict| [conflict.message, conflict.help]);
    let wrong: Vec<String> = if editor.typing.is_some() { refused.collect() } else { conflicts.collect() };
    for (index, text) in wrong.iter().enumerate() {
        say(Span::styled(if index == 0 { "! " } else { "  " }, theme.bad()), text, theme.bad());
    }
    lines
}
