//! What the screen wants done with the queue.

use super::{changed, tail, told};
use crate::project::{self, Project, Sources, Submitted, Underway, release, resubmit};
use crate::sight::Sight;
use crate::ui::model::{Cmd, Msg, Notice, Start};
use mocolab::config::Suite;
use mocolab::device::{Devices, Wanted};
use mocolab::run::{RunDir, Ticket};
use tokio::sync::mpsc::UnboundedSender;

/// Does it, and tells how it went.
pub(super) fn perform(project: &Project, tell: &UnboundedSender<Msg>, command: Cmd) -> Msg {
    match command {
        Cmd::Queue(what, wanted, again) => queue(project, tell, what, (&wanted, again)),
        Cmd::Requeue(runs) => {
            let sights: Vec<Sight> = runs.into_iter().map(Sight::glimpse).collect();
            told(requeue(project, &sights, None))
        }
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

/// Has runs go on when their turn has come.
fn requeue(project: &Project, sights: &[Sight], wanted: Option<&Wanted>) -> anyhow::Result<String> {
    let found = Devices::find();
    sights.iter().try_for_each(|sight| project::requeue(sight, (wanted, false), &found))?;
    project.wake_agent()?;
    let names: Vec<String> = sights.iter().map(|sight| sight.run.label()).collect();
    Ok(format!("queued {}", names.join(" and ")))
}

/// Hands a run to Slurm.
pub(super) fn submit(project: &Project, tell: &UnboundedSender<Msg>, what: Start, again: bool) -> Msg {
    let (mut done, mut notes) = (Submitted::new(), Vec::new());
    let hand_over = || -> anyhow::Result<()> {
        // Without a file a run that is there can go on all the same.
        let suite = if project.file.exists() { project.suite()? } else { Suite::default() };
        let settings = Project::slurm(&suite)?;
        let (experiment, changes) = match what {
            Start::New(experiment) => (experiment, Vec::new()),
            Start::Changed(experiment, changes) => (experiment, changes),
            Start::Again(run) => {
                done = resubmit(&Sight::glimpse(run), &settings, false)?;
                return Ok(());
            }
        };
        let mut sources = Sources::new(&suite);
        project.submit(&[&experiment], (&mut sources, &settings, again), (&mut done, &mut notes))?;
        if let Some((run, _)) = done.last().filter(|_| !changes.is_empty()) {
            changed(run, &mut notes, &changes);
        }
        Ok(())
    };
    let result = hand_over();
    if let Some((run, _)) = done.last() {
        let _ = tell.send(Msg::Made(run.clone()));
    }
    if let Err(error) = &result
        && let Some(underway) = error.downcast_ref::<Underway>()
    {
        let _ = tell.send(Msg::Made(underway.run.clone()));
        return Msg::Notice(Notice::Done(format!("{underway}: no other is submitted")));
    }
    told(result.map(|()| {
        let jobs: Vec<String> = done.iter().map(|(run, id)| format!("{} as job {id}", run.label())).collect();
        format!("submitted {}{}", jobs.join(" and "), tail(&notes))
    }))
}

/// Lets a run wait for its turn, after one of its source where there is none.
fn queue(project: &Project, tell: &UnboundedSender<Msg>, what: Start, (wanted, again): (&Wanted, bool)) -> Msg {
    let (experiment, changes) = match what {
        Start::New(experiment) => (experiment, Vec::new()),
        Start::Changed(experiment, changes) => (experiment, changes),
        Start::Again(run) => return told(requeue(project, &[Sight::glimpse(run)], Some(wanted))),
    };
    let mut queued = Vec::new();
    let mut add = || -> anyhow::Result<()> {
        let ticket = Ticket { slots: 0, ..Project::ticket(wanted, &Devices::find())? };
        project.queue_alone(&experiment, (&ticket, again), &mut queued)?;
        if let Some((run, notes)) = queued.last_mut().filter(|_| !changes.is_empty()) {
            changed(run, notes, &changes);
        }
        Ok(())
    };
    let added = add().and_then(|()| project.wake_if_waiting());
    if let Some((run, _)) = queued.last() {
        let _ = tell.send(Msg::Made(run.clone()));
    }
    if let Err(error) = &added
        && let Some(underway) = error.downcast_ref::<Underway>()
    {
        let _ = tell.send(Msg::Made(underway.run.clone()));
        return Msg::Notice(Notice::Done(format!("{underway}: no other is queued")));
    }
    told(added.map(|()| {
        let names: Vec<String> = queued.iter().map(|(run, _)| run.label()).collect();
        let notes: String = queued.iter().map(|(_, notes)| tail(notes)).collect();
        format!("queued {}{notes}", names.join(" and "))
    }))
}
