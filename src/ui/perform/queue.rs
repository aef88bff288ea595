//! What the screen wants done with the queue.

use super::{changed, tail, told};
use crate::project::{Project, release};
use crate::ui::model::{Cmd, Msg, Start};
use mocolab::device::Choice;
use mocolab::run::{RunDir, Ticket};
use tokio::sync::mpsc::UnboundedSender;

/// Does it, and tells how it went.
pub(super) fn perform(project: &Project, tell: &UnboundedSender<Msg>, command: Cmd) -> Msg {
    match command {
        Cmd::Queue(what, device) => queue(project, tell, what, &device),
        Cmd::Hold(run) => told(run.change_notes(|notes| notes.held = true).map(|_| format!("{} is held", run.label()))),
        Cmd::Release(run) => {
            let released = release(&run).map_err(anyhow::Error::from).and_then(|()| project.wake_agent());
            told(released.map(|()| format!("{} is let go", run.label())))
        }
        Cmd::Order(runs) => told(reorder(&runs).map(|()| "the order is changed".to_owned())),
        _ => match project.wake_agent() {
            Ok(()) => Msg::Redraw,
            Err(error) => told(Err::<String, _>(error)),
        },
    }
}

/// Numbers those that wait; one that has its number already is left alone.
fn reorder(runs: &[RunDir]) -> std::io::Result<()> {
    for (run, place) in runs.iter().zip(-(runs.len() as i64)..) {
        if run.read_notes()?.unwrap_or_default().place != place {
            run.change_notes(|notes| notes.place = place)?;
        }
    }
    Ok(())
}

/// Lets a run wait for its turn, after one of its source where there is none.
fn queue(project: &Project, tell: &UnboundedSender<Msg>, what: Start, device: &Choice) -> Msg {
    let mut queued = Vec::new();
    let add = || -> anyhow::Result<()> {
        let (experiment, changes) = match what {
            Start::New(experiment) => (experiment, Vec::new()),
            Start::Changed(experiment, changes) => (experiment, changes),
            Start::Again(_) => return Ok(()),
        };
        let ticket = Ticket { device: Some(device.to_string()), ..Ticket::default() };
        project.queue_alone(&experiment, &ticket, &mut queued)?;
        if let Some(made) = queued.last_mut().filter(|_| !changes.is_empty()) {
            changed(made, &changes);
        }
        Ok(())
    };
    let added = add().and(project.wake_if_waiting());
    if let Some((run, _)) = queued.last() {
        let _ = tell.send(Msg::Made(run.clone()));
    }
    told(added.map(|()| {
        let names: Vec<String> = queued.iter().map(|(run, _)| run.label()).collect();
        let notes: String = queued.iter().map(|(_, notes)| tail(notes)).collect();
        format!("queued {}{notes}", names.join(" and "))
    }))
}
