//! Where to train, and what to know before.
//!
//! ```text
//! ┌ start moco: where? ──────────────────────────────────────────────────────┐
//! │   [ ] cpu  EPYC, 16 threads                     50.0 of 64.0 GiB free    │
//! │   [ ] 0    H100 80GB HBM3     97% busy           6.0 of 80.0 GiB free  ! too small
//! │            ● base/20261124-110000, epoch 3 of 100                        │
//! │ > [x] 1    H100 80GB HBM3      0% busy          79.0 of 80.0 GiB free    │
//! │                                                                          │
//! │ needs    about 4.1 GiB: resnet18, a batch of 512, 32x32, bf16            │
//! │ takes    about 1:02:00, 18.6 s an epoch as on cuda:0 on 24 Nov           │
//! │ changed  batch = 256 instead of 512                                      │
//! │ ! logging out ends the run: …                                            │
//! └──────────────────────────────────────────────────────────────────────────┘
//! ```

use super::sheet::{self, Row};
use crate::ui::model::{Model, Start, StartDialogue, underway};
use crate::ui::view::devices::who;
use crate::ui::view::fit;
use mocolab::device::Device;
use mocolab::experiment::Experiment;
use mocolab::experiment::need::{Need, Sizes};
use mocolab::survival::Level;
use mocolab::text::{bytes, duration, sanitize};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of the dialogue at most.
const WIDEST: u16 = 100;
/// Columns that the list of devices needs beside the name of a model.
const COLUMNS: usize = 2 + 5 + 10 + 23 + 13;

/// Draws the devices and what is known before a start.
pub fn draw(model: &Model, start: &StartDialogue, frame: &mut Frame, rect: Rect) {
    let title = match &start.what {
        Start::New(experiment) | Start::Changed(experiment, _) => format!("start {}: where?", experiment.name),
        Start::Again(run) => format!("resume {}: where?", run.label()),
    };
    let place = sheet::middle(rect, WIDEST);
    let width = sheet::inside(place);
    let (list, cursor) = devices(model, start, width);
    let below = about(model, start, width);
    sheet::draw((&sanitize(&title), model.theme), (list, cursor, below), frame, place);
}

/// The lines of the list, and which of them has the cursor.
fn devices(model: &Model, start: &StartDialogue, width: usize) -> (Vec<Line<'static>>, usize) {
    let Some(found) = &start.devices else { return (vec![Line::from("looking for devices")], 0) };
    let (mut lines, mut cursor) = (Vec::new(), 0);
    for (row, device) in found.devices.iter().enumerate() {
        let chosen = row == start.cursor;
        let need = start.need(row).filter(|need| free(device).is_some_and(|free| free < need.memory));
        let text = device_line(start, (row, device), need.is_some(), width);
        if chosen {
            cursor = lines.len();
        }
        let style = match (chosen, need.is_some()) {
            (true, _) => model.theme.chosen(),
            (false, true) => model.theme.bad(),
            (false, false) => Style::new(),
        };
        lines.push(Line::styled(text, style));
        lines.extend(
            users(model, device).into_iter().map(|user| Line::styled(fit(&user, width, false), model.theme.faint())),
        );
    }
    if let Some(about) = &start.slurm {
        let chosen = start.is_far();
        let mark = if chosen { "> " } else { "  " };
        let share = if start.can_share() { "    " } else { "" };
        let text = format!("{mark}{share}slurm  a job: {}", sanitize(about));
        if chosen {
            cursor = lines.len();
        }
        let style = if chosen { model.theme.chosen() } else { Style::new() };
        lines.push(Line::styled(fit(&text, width, false), style));
    }
    lines.extend(found.note.iter().map(|note| Line::styled(fit(&sanitize(note), width, false), model.theme.faint())));
    (lines, cursor)
}

fn device_line(start: &StartDialogue, (row, device): (usize, &Device), lacks: bool, width: usize) -> String {
    let mark = if row == start.cursor { "> " } else { "  " };
    let share = match (start.can_share(), start.together.contains(&row)) {
        (false, _) => "",
        (true, _) if device.name == "cpu" => "    ",
        (true, true) => "[x] ",
        (true, false) => "[ ] ",
    };
    let room = width.saturating_sub(COLUMNS + share.len()).clamp(8, 48);
    let model = sanitize(device.model.trim_start_matches("NVIDIA "));
    let busy = device.busy.map_or_else(String::new, |percent| format!("{percent}% busy"));
    let memory = device.memory.map_or_else(String::new, |(used, total)| {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        format!("{:.1} of {:.1} GiB free", gib(total.saturating_sub(used)), gib(total))
    });
    let [name, model] = [(device.name.as_str(), 5), (model.as_str(), room)].map(|(text, room)| fit(text, room, false));
    let [busy, memory] = [(busy, 10), (memory, 23)].map(|(text, room)| fit(&text, room, true));
    fit(&format!("{mark}{share}{name}{model}{busy}{memory}{}", if lacks { "  ! too small" } else { "" }), width, false)
}

fn free(device: &Device) -> Option<u64> {
    device.memory.map(|(used, total)| total.saturating_sub(used))
}

/// Who is on `device` now: runs of this project, or whoever else holds memory of a GPU.
fn users(model: &Model, device: &Device) -> Vec<String> {
    let runs = model.runs.values().filter(|sight| sight.trains_on(device, &model.here.boot_id));
    let mut users: Vec<String> =
        runs.map(|sight| format!("       ● {} is {}, {}", sight.run.label(), sight.status, sight.progress())).collect();
    // A driver and a desktop take some of an idle card's memory.
    let held = device.memory.filter(|(used, total)| device.name != "cpu" && used * 20 >= *total);
    if let (Some((used, _)), true) = (held, users.is_empty()) {
        let seen = model.sample.as_ref().and_then(|sample| sample.gpus.iter().find(|gpu| gpu.uuid == device.uuid));
        let who = seen.filter(|gpu| gpu.processes.is_some()).map(|gpu| who(gpu, model.theme).content.into_owned());
        users.push(format!("       ○ {}", who.unwrap_or_else(|| format!("others hold {} of its memory", bytes(used)))));
    }
    users.iter().map(|user| sanitize(user)).collect()
}

/// What is known before a start: need, time, changes, advice.
fn about(model: &Model, start: &StartDialogue, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut rows = Vec::new();
    if let Some(experiment) = start.experiment.as_deref() {
        let need = start.need(start.cursor);
        rows.push(("needs", needs(start, experiment, need), Style::new()));
        rows.push(("takes", takes(start, experiment), Style::new()));
        let free = start.facts.as_ref().and_then(|facts| facts.disk.free);
        if let Some(need) = need {
            let free = free.map(|free| format!("; the disk has {} free", bytes(free))).unwrap_or_default();
            let text = format!("about {} in {} checkpoints and maps{free}", bytes(need.disk()), need.checkpoints);
            rows.push(("keeps", text, Style::new()));
        }
    }
    if let Some(sight) = start.file().and_then(|of| underway(model, of)) {
        rows.push((
            "there is",
            format!("{} already, {}: this is a second one", sight.run.label(), sight.status),
            theme.warn(),
        ));
    }
    let changes = start.changes();
    if !changes.is_empty() {
        rows.push(("changed", changes.join(", "), theme.title()));
    }
    let mut lines: Vec<Line> = rows
        .into_iter()
        .flat_map(|(label, text, style)| {
            let label = Span::styled(fit(label, 9, false), theme.faint());
            sheet::hang(Row { label, text: &sanitize(&text), style }, width)
        })
        .collect();
    for advice in start.advice() {
        let (sign, style) = if advice.level == Level::Warning { ("! ", theme.bad()) } else { ("· ", theme.faint()) };
        lines.extend(sheet::hang(Row { label: Span::styled(sign, style), text: &advice.text, style }, width));
    }
    lines
}

fn needs(start: &StartDialogue, experiment: &Experiment, need: Option<Need>) -> String {
    if start.chosen().is_none() {
        return "–".into();
    }
    let (Some(need), Some(Sizes { size, .. })) = (need, Sizes::of(experiment)) else {
        return "not known before the pictures of the folder are read".into();
    };
    let recipe = &experiment.recipe;
    let format = if need.bf16 { "bf16" } else { "fp32" };
    let shared = if start.together.contains(&start.cursor) { start.together.len() } else { 1 };
    let each = if shared > 1 { format!(" on each of {shared} GPUs") } else { String::new() };
    let batch = recipe.descent().batch;
    format!(
        "about {}{each}: {}, a batch of {batch}, {}x{}, {format}",
        bytes(need.memory),
        recipe.subject(),
        size.0,
        size.1
    )
}

fn takes(start: &StartDialogue, experiment: &Experiment) -> String {
    let gpu = start.chosen().is_some_and(|device| device.name != "cpu");
    let best = start.earlier.iter().find(|earlier| earlier.gpu == gpu).or(start.earlier.first());
    let Some(earlier) = best else { return "not known: no run like it has been made here".into() };
    let whole = duration(earlier.epoch * experiment.recipe.epochs() as f64);
    let day = if earlier.day.is_empty() { String::new() } else { format!(" on {}", earlier.day) };
    let other = if earlier.same { "" } else { " with other settings" };
    let epoch = if earlier.epoch < 60.0 { format!("{:.1} s", earlier.epoch) } else { duration(earlier.epoch) };
    format!("about {whole}, {epoch} an epoch as on {}{day}{other}", earlier.devices)
}
