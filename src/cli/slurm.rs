//! What the verbs do with jobs of Slurm.

use super::follow::Launched;
use super::output::{note, say};
use crate::project::{Project, Sources, Submitted, Underway, resubmit};
use crate::sight::Sight;
use anyhow::{bail, ensure};
use mocolab::config::{Slurm, Suite};
use mocolab::executor::slurm;
use mocolab::experiment::Experiment;
use mocolab::run::{RunDir, Watch, scheduled};
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Between two questions while a verb waits: a controller has many who ask.
const POLL: Duration = Duration::from_secs(15);
/// Between two looks at a job that waits.
const LOOK: Duration = Duration::from_millis(500);

/// Whether a run of `project` is or was a job.
fn has_jobs(project: &Project) -> bool {
    let is_job = |run: &RunDir| {
        let (job, ticket) = (run.read_job().ok().flatten(), run.read_ticket().ok().flatten());
        scheduled(job.as_ref(), ticket.as_ref()).is_some()
    };
    slurm::is_here() && project.runs.list().unwrap_or_default().iter().any(is_job)
}

/// Asks Slurm once how all jobs stand where a run of `project` is one of them, and again and again for verbs that stay.
pub fn attend(project: &Project) {
    if !has_jobs(project) {
        return;
    }
    if slurm::look().jobs.is_none() {
        note("Slurm does not answer: how its jobs stand is not known");
    }
    if let Err(error) = keep_asking(project) {
        note(&format!("Slurm is not asked again how its jobs stand: {error}"));
    }
}

/// Asks again and again, on a thread.
///
/// # Errors
/// Where the system gives none.
pub fn keep_asking(project: &Project) -> io::Result<()> {
    let project = project.clone();
    let asking = thread::Builder::new().spawn(move || {
        loop {
            thread::sleep(POLL);
            if has_jobs(&project) {
                slurm::look();
            }
        }
    });
    asking.map(drop)
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
    if wait { follow(project, &done) } else { Ok(()) }
}

fn told(done: &Submitted) -> anyhow::Result<()> {
    for (run, id) in done {
        say(format!("submitted {} as job {id}", run.label()))?;
    }
    Ok(())
}

/// Waits for runs, one after another, until all have ended.
fn follow(project: &Project, done: &Submitted) -> anyhow::Result<()> {
    keep_asking(project)?;
    let mut bad = 0;
    for (run, _) in done {
        if !ends_well(run)? {
            bad += 1;
        }
    }
    ensure!(bad == 0, "{bad} of {} did not end well", done.len());
    Ok(())
}

/// Follows a run to its end, also where its job is requeued on the way.
fn ends_well(run: &RunDir) -> anyhow::Result<bool> {
    let mut watch = Watch::new(run.clone());
    loop {
        while watch.status()?.is_waiting() {
            thread::sleep(LOOK);
        }
        if Launched::join(run)?.follow()? == ExitCode::SUCCESS {
            return Ok(true);
        }
        // What was given back to Slurm is seen to wait there at its next answer.
        slurm::look();
        match watch.status()? {
            status if status.is_waiting() || status.is_live() => {}
            _ => return Ok(false),
        }
    }
}

/// Has a run go on as a job.
pub fn resume(project: &Project, sight: &Sight, (wait, force): (bool, bool)) -> anyhow::Result<ExitCode> {
    let suite = if project.file.exists() { project.suite()? } else { Suite::default() };
    let done = resubmit(sight, &Project::slurm(&suite)?, force)?;
    told(&done)?;
    if wait {
        follow(project, &done)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Of `experiments` those that have no run yet; what is there is told, and goes on where it ended before it was done.
pub fn missing<'a>(
    project: &Project,
    experiments: Vec<&'a Experiment>,
    (sources, settings): (&mut Sources, &Slurm),
) -> anyhow::Result<Vec<&'a Experiment>> {
    let mut new = Vec::new();
    for experiment in experiments {
        match project.run_of(experiment, sources)? {
            None => new.push(experiment),
            Some((run, status)) => {
                let sight = Sight::glimpse(run.clone());
                if status.is_cut_short() && sight.scheduled().is_none() {
                    told(&resubmit(&sight, settings, false)?)?;
                } else {
                    say(format!("{} {}: no other is submitted", run.label(), sight.standing()))?;
                }
                sources.add(&experiment.name, Ok(run));
            }
        }
    }
    Ok(new)
}

/// Cancels the job that a run waits in, if it does.
pub fn cancel_pending(project: &Project, run: &RunDir) -> anyhow::Result<bool> {
    let sight = Sight::read(run.clone());
    let Some(id) = sight.scheduled().filter(|id| !id.is_empty() && !sight.status.is_live()) else { return Ok(false) };
    slurm::cancel(&id, false)?;
    if run.has_turn()? {
        run.leave_queue()?;
    }
    let words = format!("{} is no longer in Slurm: job {id} is cancelled", run.label());
    // One that was never launched is nothing without its job.
    let place = if run.read_job()?.is_none() { Some(project.runs.trash(run)?) } else { None };
    let place = place.map(|place| format!("; it lies in {}", place.display())).unwrap_or_default();
    say(format!("{words}{place}")).map(|()| true)
}
