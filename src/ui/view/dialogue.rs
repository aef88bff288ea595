//! Questions and the page of keys, over the screen.

mod settings;
mod sheet;
mod start;
#[cfg(test)]
mod tests;

use super::fit;
use crate::sight::Sight;
use crate::ui::keys::{Action, Place};
use crate::ui::model::{Dialogue, Model};
use crate::ui::palette;
use mocolab::run::RunDir;
use mocolab::status::Wish;
use mocolab::text::sanitize;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Draws `dialogue` in the middle of `rect`.
pub fn draw(model: &Model, dialogue: &Dialogue, frame: &mut Frame, rect: Rect) {
    let key = |action| model.keys.key_for(Place::List, action).unwrap_or_default();
    let (title, lines) = match dialogue {
        Dialogue::Start(asked) => {
            return match &asked.editor {
                Some(editor) => settings::draw(model, asked, editor, (frame, rect)),
                None => start::draw(model, asked, frame, rect),
            };
        }
        Dialogue::Stop { run, wish } => {
            let job = model.runs.get(run).filter(|sight| !sight.status.is_live()).and_then(Sight::scheduled);
            let (verb, lines) = match job {
                Some(id) => {
                    ("cancel", vec![Line::from(format!("It waits in Slurm; its job {} is cancelled.", sanitize(&id)))])
                }
                None => stop(*wish, model, &key(Action::Resume)),
            };
            (format!("{verb} {}?", run.label()), lines)
        }
        Dialogue::Interrupted(runs) => interrupted(runs),
        Dialogue::Trash(run) => (
            format!("put {} into the trash?", run.label()),
            vec![
                Line::from("It goes to runs/.trash with all its checkpoints."),
                Line::from(format!("{} brings it back.", key(Action::Restore))),
            ],
        ),
        Dialogue::Palette(palette) => return palette::draw(palette, model.theme, frame, rect),
        Dialogue::Help(first) => {
            let lines = help(model);
            // The last line never leaves the foot of a page that holds not all.
            let most = lines.len().saturating_sub(usize::from(rect.height.saturating_sub(2)));
            ("keys".to_owned(), lines.into_iter().skip((*first).min(most)).collect())
        }
    };
    window(model, &title, lines, frame, rect);
}

/// How a run is stopped: the verb, and what becomes of it.
fn stop(wish: Wish, model: &Model, resume: &str) -> (&'static str, Vec<Line<'static>>) {
    let (verb, texts) = match wish {
        Wish::Terminate => (
            "terminate",
            vec![
                "It has been asked already and is writing a checkpoint.".to_owned(),
                "SIGTERM is sent: it saves and ends if it still can.".to_owned(),
            ],
        ),
        Wish::Kill => (
            "kill",
            vec![
                "It was sent SIGTERM and is still there.".to_owned(),
                "Killed, it loses what came after its newest checkpoint.".to_owned(),
            ],
        ),
        _ => {
            let pause = model.keys.key_for(Place::Stopping, Action::Hold).unwrap_or_default();
            let texts = vec![
                "The step under way is finished and a checkpoint is written.".to_owned(),
                format!("{resume} resumes it later, from there."),
                format!("{pause} says the same, and that it is only paused."),
            ];
            ("stop", texts)
        }
    };
    (verb, texts.into_iter().map(Line::from).collect())
}

/// Runs named in the question whether those that were cut off go on.
const NAMED: usize = 8;

fn interrupted(runs: &[RunDir]) -> (String, Vec<Line<'static>>) {
    let were = if runs.len() == 1 { "1 run was".to_owned() } else { format!("{} runs were", runs.len()) };
    let mut lines: Vec<Line> =
        runs.iter().take(NAMED).map(|run| Line::from(format!("  {}", sanitize(&run.label())))).collect();
    if runs.len() > NAMED {
        lines.push(Line::from(format!("  and {} more", runs.len() - NAMED)));
    }
    lines.push(Line::from("Each goes on from its newest checkpoint, when its turn has come."));
    (format!("{were} at work when this machine went down: go on?"), lines)
}

fn window(model: &Model, title: &str, lines: Vec<Line>, frame: &mut Frame, rect: Rect) {
    let title = &sanitize(title);
    let longest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.width());
    let width = (longest as u16 + 4).min(rect.width);
    let height = (lines.len() as u16 + 2).min(rect.height);
    let place = Rect { x: rect.x + (rect.width - width) / 2, y: rect.y + (rect.height - height) / 2, width, height };
    let block = Block::bordered().title(Span::styled(format!(" {title} "), model.theme.title()));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), place);
}

/// The keys that count on the screen in front, then those of every screen, two a line.
fn help(model: &Model) -> Vec<Line<'static>> {
    let here = model.screen.place();
    let mut lines = Vec::new();
    for (place, title) in
        [(here, format!("on this screen ({})", model.screen.tab().word())), (Place::Screens, "on every screen".into())]
    {
        lines.push(Line::styled(title, model.theme.title()));
        let bindings: Vec<_> = model.keys.at(here).filter(|row| row.place == place).collect();
        for pair in bindings.chunks(2) {
            let spans = pair.iter().flat_map(|binding| {
                let key = Span::styled(fit(&binding.label, 9, false), model.theme.key());
                [key, Span::raw(fit(binding.text, 27, false))]
            });
            lines.push(Line::from(spans.collect::<Vec<_>>()));
        }
    }
    lines
}
