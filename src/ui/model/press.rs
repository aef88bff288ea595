//! What a key does, by the screen or dialogue it is pressed on.

use super::{Cmd, Dialogue, Model, Notice, Row, RunScreen, Screen, Start, StartDialogue};
use crate::ui::keys::{self, Action, Place};
use crossterm::event::KeyEvent;
use mocolab::run::RunDir;
use mocolab::status::{Status, Wish};

/// Rows of a page.
const PAGE: usize = 5;

/// A key is pressed.
pub fn press(model: &mut Model, key: &KeyEvent) -> Vec<Cmd> {
    model.notice = None;
    let place = model.front();
    let Some(action) = keys::action(place, key) else { return Vec::new() };
    match (action, place) {
        (Action::Quit, _) => model.leaving = true,
        (action, Place::Choice | Place::Question | Place::Page) => return answer(model, action),
        (Action::Help, _) => model.dialogue = Some(Dialogue::Help),
        (Action::Start, _) => return ask_start(model),
        (Action::Resume, _) => return ask_resume(model),
        (Action::Stop, _) => return ask_stop(model),
        (Action::Enter, Place::List) => return open_chosen(model),
        (action, Place::List) => model.cursor = moved(model.cursor, action, model.rows().len()),
        (action, _) => return on_run(model, action),
    }
    Vec::new()
}

/// Where `action` moves a cursor among `rows` rows.
fn moved(cursor: usize, action: Action, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    match action {
        Action::Up => cursor.saturating_sub(1),
        Action::Down => (cursor + 1).min(last),
        Action::PageUp => cursor.saturating_sub(PAGE),
        Action::PageDown => (cursor + PAGE).min(last),
        Action::First => 0,
        Action::Last => last,
        _ => cursor,
    }
}

/// Says why nothing is done.
fn fail(model: &mut Model, text: impl Into<String>) -> Vec<Cmd> {
    model.notice = Some(Notice::Failed(text.into()));
    Vec::new()
}

fn open_chosen(model: &mut Model) -> Vec<Cmd> {
    let rows = model.rows();
    // On an experiment, its newest run, the row below, is what one wants to see.
    let run = rows.iter().skip(model.cursor).take(2).find_map(|row| match row {
        Row::Run(sight) => Some(sight.run.clone()),
        _ => None,
    });
    let Some(run) = run else { return fail(model, "not run yet: s starts it") };
    open(model, run)
}

/// Shows a run.
pub fn open(model: &mut Model, run: RunDir) -> Vec<Cmd> {
    model.screen = Screen::Run(RunScreen { run: run.clone(), log: Vec::new(), up: 0 });
    vec![Cmd::Follow(Some(run))]
}

/// Leaves a run's screen.
pub fn back_to_list(model: &mut Model) -> Vec<Cmd> {
    model.screen = Screen::List;
    vec![Cmd::Follow(None)]
}

fn on_run(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Screen::Run(screen) = &mut model.screen else { return Vec::new() };
    let most = screen.log.len().saturating_sub(1);
    match action {
        Action::Back => return back_to_list(model),
        Action::Previous | Action::Next => return neighbour(model, action),
        Action::Up => screen.up = (screen.up + 1).min(most),
        Action::PageUp => screen.up = (screen.up + PAGE).min(most),
        Action::Down => screen.up = screen.up.saturating_sub(1),
        Action::PageDown => screen.up = screen.up.saturating_sub(PAGE),
        Action::First => screen.up = most,
        Action::Last => screen.up = 0,
        _ => {}
    }
    Vec::new()
}

/// From one run's screen to that of the run above or below it on the list.
fn neighbour(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Screen::Run(screen) = &model.screen else { return Vec::new() };
    let run = |(at, row): (usize, Row)| if let Row::Run(sight) = row { Some((at, sight.run.clone())) } else { None };
    let runs: Vec<(usize, RunDir)> = model.rows().into_iter().enumerate().filter_map(run).collect();
    let here = runs.iter().position(|(_, run)| *run == screen.run);
    let there = here.and_then(|here| if action == Action::Next { here.checked_add(1) } else { here.checked_sub(1) });
    let Some((at, run)) = there.and_then(|there| runs.get(there).cloned()) else {
        return fail(model, "no further run");
    };
    model.cursor = at;
    open(model, run)
}

fn ask_start(model: &mut Model) -> Vec<Cmd> {
    let Some(experiment) = model.experiment() else {
        return fail(model, "no experiment here: choose one that experiments.toml describes");
    };
    let what = Start::New(Box::new(experiment.clone()));
    ask_where(model, what)
}

fn ask_resume(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.can_start() => ask_where(model, Start::Again(run)),
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to resume")),
        None => fail(model, "choose a run to resume"),
    }
}

fn ask_where(model: &mut Model, what: Start) -> Vec<Cmd> {
    model.dialogue = Some(Dialogue::Start(StartDialogue { what, devices: None, cursor: 0 }));
    vec![Cmd::FindDevices]
}

fn ask_stop(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.is_live() => {
            model.dialogue = Some(Dialogue::Stop { run, now: status == Status::Stopping });
            Vec::new()
        }
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to stop")),
        None => fail(model, "choose a run to stop"),
    }
}

fn answer(model: &mut Model, action: Action) -> Vec<Cmd> {
    let command = match (&mut model.dialogue, action) {
        (Some(Dialogue::Start(dialogue)), Action::Up | Action::Down) => {
            let rows = dialogue.devices.as_ref().map_or(0, |devices| devices.devices.len());
            dialogue.cursor = moved(dialogue.cursor, action, rows);
            return Vec::new();
        }
        (Some(Dialogue::Start(dialogue)), Action::Enter) => {
            let chosen = dialogue.devices.as_ref().and_then(|devices| devices.devices.get(dialogue.cursor));
            // Before the devices are known there is nothing to say yes to.
            let Some(device) = chosen.and_then(|device| device.name.parse().ok()) else { return Vec::new() };
            Some(Cmd::Start(dialogue.what.clone(), device))
        }
        (Some(Dialogue::Stop { run, now: false }), Action::Enter) => Some(Cmd::Ask(run.clone(), Wish::Stop)),
        (Some(Dialogue::Stop { run, now: true }), Action::Enter) => Some(Cmd::Kill(run.clone())),
        (_, Action::Enter | Action::Back) => None,
        _ => return Vec::new(),
    };
    model.dialogue = None;
    command.into_iter().collect()
}
