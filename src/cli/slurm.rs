//! What the verbs do with jobs of Slurm.

use super::follow::Launched;
use super::output::{note, say};
use crate::project::{Project, Sources, Submitted, Underway, resubmit};
use crate::sight::Sight;
use anyhow::{anyhow, bail, ensure};
use mocolab::config::{Slurm, Suite};
use mocolab::executor::slurm;
use mocolab::experiment::Experiment;
use mocolab::run::{Listing, RunDir, Watch, scheduled};
use mocolab::status::Scheduler;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Between two questions while a verb waits: a controller has many who ask.
const POLL: Duration = Duration::from_secs(15);
/// Between two looks at a job that waits.
const LOOK: Duration = Duration::from_millis(500);

/// Asks Slurm once how all jobs stand where a run of `project` is one of them, and again and again for verbs that stay.
pub fn attend(project: &Project) {
    let is_job = |run: &RunDir| {
        let (job, ticket) = (run.read_job().ok().flatten(), run.read_ticket().ok().flatten());
        scheduled(job.as_ref(), ticket.as_ref()).is_some()
    };
    if !slurm::is_here() || !project.runs.list().unwrap_or_default().iter().any(is_job) {
        return;
    }
    if slurm::look().jobs.is_none() {
        note("Slurm does not answer: how its jobs stand is not known");
    }
    keep_asking();
}

fn keep_asking() {
    thread::spawn(|| {
        loop {
            thread::sleep(POLL);
            slurm::look();
        }
    });
}

/// Submits new runs, and where asked to, waits for all of them.
pub fn submit(
    project: &Project,
    experiments: &[&Experiment],
    (sources, settings, again): (&mut Sources, &Slurm, bool),
    wait: bool,
) -> anyhow::Result<()> {
    let (mut done, mut notes) = (Submitted::new(), Vec::new());
    let result = project.submit(experiments, (sources, settings, again), (&mut done, &mut notes));
    notes.iter().try_for_each(say)?;
    told(&done)?;
    match result {
        Err(error) if error.is::<Underway>() => bail!("{error}: no other is submitted; --again submits a second one"),
        result => result?,
    }
    if wait { follow(&done) } else { Ok(()) }
}

fn told(done: &Submitted) -> anyhow::Result<()> {
    for (run, id) in done {
        say(format!("submitted {} as job {id}", run.label()))?;
    }
    Ok(())
}

/// Waits for runs, one after another, until all have ended.
fn follow(done: &Submitted) -> anyhow::Result<()> {
    keep_asking();
    let mut bad = 0;
    for (run, _) in done {
        let mut watch = Watch::new(run.clone());
        while watch.status()?.is_waiting() {
            thread::sleep(LOOK);
        }
        if Launched::join(run)?.follow()? != ExitCode::SUCCESS {
            bad += 1;
        }
    }
    ensure!(bad == 0, "{bad} of {} did not end well", done.len());
    Ok(())
}

/// Has a run go on as a job.
pub fn resume(project: &Project, sight: &Sight, wait: bool) -> anyhow::Result<ExitCode> {
    refuse_pending(sight)?;
    let suite = if project.file.exists() { project.suite()? } else { Suite::default() };
    let done = resubmit(sight, &Project::slurm(&suite)?)?;
    told(&done)?;
    if wait {
        follow(&done)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A run whose job Slurm will start again by itself must not be started by anybody else.
pub fn refuse_pending(sight: &Sight) -> anyhow::Result<()> {
    match pending(sight) {
        Some(id) => {
            let label = sight.run.label();
            Err(anyhow!(
                "`{label}` waits in Slurm as job {id}, which starts it: `mocolab stop {label}` cancels that first"
            ))
        }
        None => Ok(()),
    }
}

/// The job that a run waits in, as far as Slurm says so.
fn pending(sight: &Sight) -> Option<String> {
    let (id, since) = scheduled(sight.job.as_ref(), sight.ticket.as_ref())?;
    let state = Listing::latest().map(|listing| listing.state(&id, since))?;
    (state == Scheduler::Pending || (state == Scheduler::None && sight.status.is_waiting() && !id.is_empty()))
        .then_some(id)
}

/// Cancels the job that a run waits in, if it does.
pub fn cancel_pending(run: &RunDir) -> anyhow::Result<bool> {
    let Some(id) = pending(&Sight::read(run.clone())) else { return Ok(false) };
    slurm::cancel(&id, false)?;
    if run.has_turn()? {
        run.leave_queue()?;
    }
    say(format!("{} is no longer in Slurm: job {id} is cancelled", run.label())).map(|()| true)
}
