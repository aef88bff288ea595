//! Does what the model wants done, each thing on a thread of its own, and tells how it went.

use super::model::{Cmd, Msg, Notice, Start};
use super::watcher::{self, Order};
use crate::project::{self, Project};
use anyhow::Context;
use mocolab::device::{Choice, Devices};
use mocolab::executor::local;
use mocolab::run::RunDir;
use mocolab::text::log_line;
use std::sync::mpsc::Sender;
use std::thread;
use tokio::sync::mpsc::UnboundedSender;

/// Where commands are carried out.
pub struct Hands {
    project: Project,
    tell: UnboundedSender<Msg>,
    watcher: Sender<Order>,
}

impl Hands {
    /// Starts watching `project`; all that happens is told to `tell`.
    pub fn new(project: Project, tell: UnboundedSender<Msg>) -> Self {
        let watcher = watcher::spawn(project.clone(), tell.clone());
        Self { project, tell, watcher }
    }

    /// Carries out `command`; returns at once.
    pub fn perform(&self, command: Cmd) {
        if let Cmd::Follow(run) = command {
            let _ = self.watcher.send(Order::Follow(run));
            return;
        }
        let (project, tell, watcher) = (self.project.clone(), self.tell.clone(), self.watcher.clone());
        thread::spawn(move || {
            let message = match command {
                Cmd::FindDevices => Msg::Devices(Devices::find()),
                Cmd::Start(what, device) => start(&project, &tell, &watcher, what, &device),
                Cmd::Ask(run, wish) => told(local::ask(&run, wish).map(|_| format!("asked {} to stop", run.label()))),
                Cmd::Kill(run) => told(local::kill(&run).map(|()| format!("killed {}", run.label()))),
                Cmd::Follow(_) => return,
            };
            let _ = watcher.send(Order::Look);
            // Nobody listens any more once the user has left.
            let _ = tell.send(message);
        });
    }
}

fn told<E: Into<anyhow::Error>>(result: Result<String, E>) -> Msg {
    Msg::Notice(match result {
        Ok(text) => Notice::Done(text),
        Err(error) => Notice::Failed(log_line(&format!("{:#}", error.into()))),
    })
}

/// Launches, and waits for the process that became the trainer, so that it leaves no zombie. Says so at once where the
/// launch fails; what happens to a training later is in its record.
fn start(project: &Project, tell: &UnboundedSender<Msg>, watcher: &Sender<Order>, what: Start, device: &Choice) -> Msg {
    let launched = || -> anyhow::Result<(RunDir, Vec<String>, u64, std::process::Child)> {
        let (run, notes) = match what {
            Start::New(experiment) => project.begin_alone(&experiment)?,
            Start::Again(run) => (run, Vec::new()),
        };
        let before = project::printed(&run);
        let child = project::launcher(&run, device)?.spawn().context("starting the launcher")?;
        Ok((run, notes, before, child))
    };
    let (run, notes, before, mut child) = match launched() {
        Ok(launched) => launched,
        Err(error) => return told(Err::<String, _>(error)),
    };
    let _ = watcher.send(Order::Look);
    let _ = tell.send(Msg::Made(run.clone()));
    let note: String = notes.iter().flat_map(|note| ["; ", note]).collect();
    let _ = tell.send(Msg::Notice(Notice::Done(format!("started {} on {device}{note}", run.label()))));
    match child.wait() {
        // Without a code a signal ended it: the list shows it crashed.
        Ok(code) if code.success() || code.code().is_none() => Msg::Redraw,
        Ok(_) => {
            let told = project::said(&run, before, 5).into_iter().rfind(|line| !line.starts_with("ended:"));
            Msg::Notice(Notice::Failed(format!("{}: {}", run.label(), told.unwrap_or_else(|| "failed".into()))))
        }
        Err(error) => told(Err::<String, _>(error)),
    }
}
