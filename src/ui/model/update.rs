//! One message changes the model and says what is to be done.

use super::press::{back_to_list, open, press};
use super::{Cmd, Dialogue, LOG_LINES, Model, Msg, News, Row, Screen, Start, StartDialogue};
use crate::project;
use crate::sight::Sight;
use mocolab::device::{Choice, Devices};
use mocolab::run::RunDir;
use mocolab::status::Status;

/// Takes in what happened.
pub fn update(model: &mut Model, message: Msg) -> Vec<Cmd> {
    match message {
        Msg::Key(key) => return press(model, &key),
        Msg::Redraw => {}
        Msg::Suite(suite) => keep_choice(model, |model| model.suite = Some(suite)),
        Msg::News(news) => keep_choice(model, |model| hear(model, *news)),
        Msg::Complete => model.complete = true,
        Msg::Gone(run) => return forget(model, &run),
        Msg::Log(run, lines) => show_log(model, &run, lines),
        Msg::Devices(devices) => offer(model, devices),
        Msg::Notice(notice) => model.notice = Some(notice),
        Msg::Made(run) => return choose(model, run),
    }
    Vec::new()
}

/// Changes the model so that the cursor stays on the row it was on, though rows come and go above it.
fn keep_choice(model: &mut Model, change: impl FnOnce(&mut Model)) {
    let name = |row: &Row| match row {
        Row::Experiment(experiment) => format!("experiment {}", experiment.name),
        Row::Former(name) => format!("former {name}"),
        Row::Run(sight) => format!("run {}", sight.run.path().display()),
    };
    let chosen = model.rows().get(model.cursor).map(name);
    change(model);
    let rows = model.rows();
    let same = rows.iter().position(|row| Some(name(row)) == chosen);
    model.cursor = same.unwrap_or_else(|| model.cursor.min(rows.len().saturating_sub(1)));
}

fn hear(model: &mut Model, news: News) {
    let sight = model.runs.entry(news.run.clone()).or_insert_with(|| Sight::unread(news.run));
    if let Some(experiment) = news.experiment {
        sight.experiment = experiment;
    }
    sight.take(&news.batch);
    sight.status = news.status.unwrap_or(sight.status);
    sight.job = news.job;
    sight.trouble = news.trouble;
}

fn forget(model: &mut Model, run: &RunDir) -> Vec<Cmd> {
    keep_choice(model, |model| {
        model.runs.remove(run);
    });
    match &model.screen {
        Screen::Run(screen) if screen.run == *run => back_to_list(model),
        _ => Vec::new(),
    }
}

fn show_log(model: &mut Model, run: &RunDir, mut lines: Vec<String>) {
    if let Screen::Run(screen) = &mut model.screen
        && screen.run == *run
    {
        lines.drain(..lines.len().saturating_sub(LOG_LINES));
        // Who has scrolled up goes on seeing the same lines.
        let more = if screen.up > 0 { lines.len().saturating_sub(screen.log.len()) } else { 0 };
        screen.log = lines;
        screen.up = (screen.up + more).min(screen.log.len().saturating_sub(1));
    }
}

/// Fills the dialogue that waits for devices: first where the run was before, else what `mocolab start` would take.
fn offer(model: &mut Model, found: Devices) {
    let Some(Dialogue::Start(StartDialogue { what, devices: devices @ None, cursor })) = &mut model.dialogue else {
        return;
    };
    let before = match what {
        Start::Again(run) => model.runs.get(run).and_then(|sight| sight.job.as_ref()?.devices.join(",").parse().ok()),
        Start::New(_) => None,
    };
    let choice: Option<Choice> = before.or_else(|| project::default_device(&found).ok());
    let name = choice.map(|choice| choice.to_string());
    *cursor = found.devices.iter().position(|device| Some(&device.name) == name.as_ref()).unwrap_or(0);
    *devices = Some(found);
}

/// A run this screen has started: the list has it chosen, a run's screen shows it. The watcher may not have seen it yet.
fn choose(model: &mut Model, run: RunDir) -> Vec<Cmd> {
    keep_choice(model, |model| {
        let launched = || Sight { status: Status::Starting, ..Sight::unread(run.clone()) };
        model.runs.entry(run.clone()).or_insert_with(launched);
    });
    let at = model.rows().iter().position(|row| matches!(row, Row::Run(sight) if sight.run == run));
    model.cursor = at.unwrap_or(model.cursor);
    match &model.screen {
        Screen::Run(screen) if screen.run != run => open(model, run),
        _ => Vec::new(),
    }
}
