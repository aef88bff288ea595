//! Questions and the page of keys, over the screen.

use super::fit;
use crate::ui::keys::{self, Place};
use crate::ui::model::{Dialogue, Model, Start, StartDialogue};
use mocolab::device::Device;
use mocolab::text::bytes;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// Draws `dialogue` in the middle of `rect`.
pub fn draw(model: &Model, dialogue: &Dialogue, frame: &mut Frame, rect: Rect) {
    let (title, lines) = match dialogue {
        Dialogue::Start(start) => where_to(model, start),
        Dialogue::Stop { run, now: false } => (
            format!("stop {}?", run.label()),
            vec![
                Line::from("The step under way is finished and a checkpoint is written."),
                Line::from("r resumes it later, from there."),
            ],
        ),
        Dialogue::Stop { run, now: true } => (
            format!("kill {}?", run.label()),
            vec![
                Line::from("It has been asked to stop already and is writing a checkpoint."),
                Line::from("Killed, it loses what came after its newest checkpoint."),
            ],
        ),
        Dialogue::Help => ("keys".to_owned(), help(model)),
    };
    window(model, &title, lines, frame, rect);
}

fn window(model: &Model, title: &str, lines: Vec<Line>, frame: &mut Frame, rect: Rect) {
    let longest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.width());
    let width = (longest as u16 + 4).min(rect.width);
    let height = (lines.len() as u16 + 2).min(rect.height);
    let place = Rect { x: rect.x + (rect.width - width) / 2, y: rect.y + (rect.height - height) / 2, width, height };
    let block = Block::bordered().title(Span::styled(format!(" {title} "), model.theme.title()));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), place);
}

fn where_to(model: &Model, start: &StartDialogue) -> (String, Vec<Line<'static>>) {
    let title = match &start.what {
        Start::New(experiment) => format!("start {}: where?", experiment.name),
        Start::Again(run) => format!("resume {}: where?", run.label()),
    };
    let Some(found) = &start.devices else { return (title, vec![Line::from(" looking for devices")]) };
    let mut lines = Vec::new();
    for (at, device) in found.devices.iter().enumerate() {
        let style = if at == start.cursor { model.theme.chosen() } else { ratatui::style::Style::new() };
        lines.push(Line::styled(device_line(device), style));
        for run in busy_with(model, device) {
            lines.push(Line::styled(format!("         ● {run} trains here"), model.theme.faint()));
        }
    }
    lines.extend(found.note.clone().map(|note| Line::styled(format!(" {note}"), model.theme.faint())));
    (title, lines)
}

fn device_line(device: &Device) -> String {
    let memory = device.memory.map(|(used, total)| format!("  {} of {} in use", bytes(used), bytes(total)));
    let busy = device.busy.map(|percent| format!("  {percent}% busy"));
    format!(
        " {} {}{}{} ",
        fit(&device.name, 4, false),
        device.model,
        memory.unwrap_or_default(),
        busy.unwrap_or_default()
    )
}

/// Runs of this project that train on `device` now.
fn busy_with(model: &Model, device: &Device) -> Vec<String> {
    let Ok(device) = device.name.parse() else { return Vec::new() };
    model.runs.values().filter(|sight| sight.trains_on(&device)).map(|sight| sight.run.label()).collect()
}

fn help(model: &Model) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (place, title) in [(Place::List, "on the list"), (Place::Run, "on a run")] {
        lines.push(Line::styled(title, model.theme.title()));
        let bindings: Vec<_> = keys::at(place).collect();
        // Two bindings a line keep it within 24 rows.
        for pair in bindings.chunks(2) {
            let spans = pair.iter().flat_map(|binding| {
                let key = Span::styled(fit(binding.label, 8, false), model.theme.key());
                [key, Span::raw(fit(binding.text, 27, false))]
            });
            lines.push(Line::from(spans.collect::<Vec<_>>()));
        }
    }
    lines
}
