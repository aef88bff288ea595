//! Questions before something is done, and their answers.

use super::{fail, rows_down};
use crate::ui::keys::Action;
use crate::ui::model::{Cmd, Dialogue, Model, Start, start};
use mocolab::status::{Status, Wish};

pub(super) fn ask_start(model: &mut Model) -> Vec<Cmd> {
    let Some(experiment) = model.experiment() else {
        return fail(model, "no experiment here: choose one that experiments.toml describes");
    };
    let what = Start::New(Box::new(experiment.clone()));
    start::ask(model, what)
}

pub(super) fn ask_resume(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.can_start() => start::ask(model, Start::Again(run)),
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to resume")),
        None => fail(model, "choose a run to resume"),
    }
}

pub(super) fn ask_stop(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.is_live() => {
            let wish = match status {
                Status::Stopping | Status::Pausing => Wish::Terminate,
                Status::Terminating => Wish::Kill,
                _ => Wish::Stop,
            };
            model.dialogue = Some(Dialogue::Stop { run, wish });
            Vec::new()
        }
        // A job that waits is cancelled.
        Some((run, _)) if model.runs.get(&run).is_some_and(|sight| sight.scheduled().is_some()) => {
            model.dialogue = Some(Dialogue::Stop { run, wish: Wish::Terminate });
            Vec::new()
        }
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to stop")),
        None => fail(model, "choose a run to stop"),
    }
}

pub(super) fn ask_trash(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((_, status)) if status.is_live() => {
            let text = format!("the run is {status}: stop it first ({})", model.key(Action::Stop));
            fail(model, text)
        }
        Some((_, Status::Unknown)) => {
            fail(model, "it can't be told from here whether the run lives: look at its machine first")
        }
        Some((run, _)) if model.runs.get(&run).is_some_and(|sight| sight.scheduled().is_some()) => {
            let text = format!("it is a job of Slurm: cancel that first ({})", model.key(Action::Stop));
            fail(model, text)
        }
        Some((run, _)) => {
            model.dialogue = Some(Dialogue::Trash(run));
            Vec::new()
        }
        None => fail(model, "choose a run to put into the trash"),
    }
}

pub(super) fn restore(model: &mut Model) -> Vec<Cmd> {
    match model.trash.pop() {
        Some((run, place)) => vec![Cmd::Restore(run, place)],
        None => fail(model, "nothing was put into the trash from here; what lies there is in .trash among the runs"),
    }
}

pub(super) fn answer(model: &mut Model, action: Action) -> Vec<Cmd> {
    if let (Some(Dialogue::Help(first)), Some(down)) = (&mut model.dialogue, rows_down(action)) {
        *first = first.saturating_add_signed(down).min(model.keys.at(model.screen.place()).count().div_ceil(2));
        return Vec::new();
    }
    let command = match (&model.dialogue, action) {
        (Some(Dialogue::Stop { run, wish: Wish::Stop }), Action::Hold) => Some(Cmd::Ask(run.clone(), Wish::Pause)),
        (Some(Dialogue::Stop { run, wish: Wish::Stop }), Action::Enter) => Some(Cmd::Ask(run.clone(), Wish::Stop)),
        (Some(Dialogue::Stop { run, wish }), Action::Enter) => Some(Cmd::End(run.clone(), *wish == Wish::Kill)),
        (Some(Dialogue::Interrupted(runs)), Action::Enter) => Some(Cmd::Requeue(runs.clone())),
        (Some(Dialogue::Trash(run)), Action::Enter) => Some(Cmd::Trash(run.clone())),
        (_, Action::Enter | Action::Back) => None,
        _ => return Vec::new(),
    };
    model.dialogue = None;
    command.into_iter().collect()
}
