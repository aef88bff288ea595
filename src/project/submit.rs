//! Handing runs to Slurm: a job a run, an array where they are variants of one experiment that wait for nothing.

use super::queue::is_underway;
use super::sources::{absolute, head};
use super::{Project, Queued, Sources, Underway};
use crate::sight::Sight;
use anyhow::{Context, anyhow, bail};
use mocolab::config::Slurm;
use mocolab::executor::slurm::{self, Submission};
use mocolab::experiment::{Experiment, Origin};
use mocolab::run::{RunDir, Ticket, scheduled};
use mocolab::status::Status;

/// What was submitted, each with its job.
pub type Submitted = Vec<(RunDir, String)>;

/// Runs that are submitted together, and the jobs they wait for.
type Batch = (Vec<RunDir>, Vec<String>);

/// A run that is about to be submitted.
struct Made {
    run: Queued,
    /// The job that has to end well before it.
    after: Option<String>,
}

impl Project {
    /// Submits runs of `of`, each after those it takes weights from; what has been goes into `done`, with what the user
    /// should know of it into `notes`. Unless `again`, one that is under way is an error, [`Underway`].
    ///
    /// # Errors
    /// Where data or weights can't be found, a run can't be made, or Slurm refuses; what was submitted stays so.
    pub fn submit(
        &self,
        of: &[&Experiment],
        (sources, settings, again): (&mut Sources, &Slurm, bool),
        (done, notes): (&mut Submitted, &mut Vec<String>),
    ) -> anyhow::Result<()> {
        let mut batches: Vec<Batch> = Vec::new();
        let made = self.make_all(of, (sources, settings, again), (&mut batches, notes));
        let mut result = made;
        for (runs, after) in batches {
            // What was made and can't be submitted any more must not look as if it waited.
            let handed = match &result {
                Ok(()) => source_jobs(&runs, after).and_then(|after| hand_over(&runs, settings, &after)),
                Err(_) => Err(anyhow!("")),
            };
            match handed {
                Ok(submitted) => done.extend(submitted),
                Err(error) => {
                    for run in &runs {
                        let _ = self.runs.trash(run);
                    }
                    result = result.and(Err(error));
                }
            }
        }
        result
    }

    /// Makes all runs behind the gate, with tickets that say they are being submitted: whoever looks later finds them.
    fn make_all(
        &self,
        of: &[&Experiment],
        (sources, settings, again): (&mut Sources, &Slurm, bool),
        (batches, notes): (&mut Vec<Batch>, &mut Vec<String>),
    ) -> anyhow::Result<()> {
        let _gate = self.runs.gate().with_context(|| format!("locking `{}`", self.runs.path().display()))?;
        for experiment in of {
            if !again && let Some((run, status)) = self.underway(experiment, sources)? {
                return Err(Underway { run, status }.into());
            }
        }
        for part in parts(of, sources)? {
            batches.push((Vec::new(), Vec::new()));
            for experiment in part {
                let Made { run: (run, said), after } = self.make(experiment, sources, settings)?;
                sources.add(&experiment.name, Ok(run.clone()));
                notes.extend(said);
                if let Some((runs, jobs)) = batches.last_mut() {
                    runs.push(run);
                    jobs.extend(after);
                }
            }
        }
        Ok(())
    }

    /// A run of `of` with a ticket, and the job it waits for.
    fn make(&self, of: &Experiment, sources: &Sources, settings: &Slurm) -> anyhow::Result<Made> {
        let mut awaited: Option<RunDir> = None;
        if let (Some(source), Origin::Experiment { moment, .. }) = (sources.awaited(of)?, of.recipe.origin()) {
            let stands = self.stands(source, *moment, sources).with_context(|| head(of, source))?;
            awaited = stands.best().filter(|(_, status)| is_underway(*status)).map(|(run, _)| run.clone());
        }
        let job = |run: &RunDir| {
            let sight = Sight::glimpse(run.clone());
            scheduled(sight.job.as_ref(), sight.ticket.as_ref()).map(|(id, _)| id)
        };
        let after = match &awaited {
            None => None,
            Some(run) => match job(run) {
                Some(id) => Some(id),
                None => bail!(
                    "`{}` takes its weights from {}, which is under way and no job of Slurm: wait for it, or queue it here",
                    of.name,
                    run.label()
                ),
            },
        };
        let source = awaited.as_ref().map(|run| absolute(run.path())).transpose()?;
        // It is in no machine's queue, whatever becomes of the submission.
        let ticket = Ticket { source, job: Some(String::new()), ..Ticket::default() };
        // The machine that submits is not the one that trains.
        let threads = if of.threads == 0 { settings.cpus.unwrap_or(Slurm::CPUS) } else { of.threads };
        let of = Experiment { threads, ..of.clone() };
        let run = self.begin_with(&of, sources, (awaited.as_ref(), Some(&ticket)))?;
        Ok(Made { run, after })
    }
}

/// The jobs that `runs` wait for: those known when they were made, and those submitted since.
fn source_jobs(runs: &[RunDir], known: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut jobs: Vec<String> = known.into_iter().filter(|id| !id.is_empty()).collect();
    for run in runs {
        let Some(source) = run.read_ticket()?.and_then(|ticket| ticket.source) else { continue };
        let source = Sight::glimpse(RunDir::new(source));
        let job = scheduled(source.job.as_ref(), source.ticket.as_ref()).map(|(id, _)| id);
        jobs.extend(job.filter(|id| !id.is_empty()));
    }
    jobs.sort();
    jobs.dedup();
    Ok(jobs)
}

/// What goes into one job each: variants that stand one after another and wait for nothing are one array.
fn parts<'a>(of: &[&'a Experiment], sources: &Sources) -> anyhow::Result<Vec<Vec<&'a Experiment>>> {
    let mut parts: Vec<Vec<&Experiment>> = Vec::new();
    for experiment in of {
        let waits = sources.awaited(experiment)?.is_some();
        let group = |of: &Experiment| sources.group(&of.name);
        match parts.last_mut() {
            Some(part) if !waits && group(part[0]).is_some() && group(part[0]) == group(experiment) => {
                part.push(experiment);
            }
            _ => parts.push(vec![experiment]),
        }
    }
    Ok(parts)
}

/// A run whose job Slurm starts by itself must not be started by anybody else. One that is at work or done has nothing to go
/// on with; where `force`, what can't be told is taken for gone.
///
/// # Errors
/// Where it is so.
pub fn refuse_pending(sight: &Sight, force: bool) -> anyhow::Result<()> {
    let label = sight.run.label();
    if let Some(id) = sight.scheduled().filter(|id| !id.is_empty() && !force) {
        bail!("`{label}` waits in Slurm as job {id}, which starts it: `mocolab stop {label}` cancels that first");
    }
    let gone = sight.status == Status::Unknown && force;
    if !gone && !sight.status.can_start() {
        bail!("`{label}` is {}: there is nothing to resume", sight.status);
    }
    Ok(())
}

/// Has a run go on as a job of Slurm after its last attempt.
///
/// # Errors
/// Where it is a job or at work already, a file can't be written, or Slurm refuses.
pub fn resubmit(sight: &Sight, settings: &Slurm, force: bool) -> anyhow::Result<Submitted> {
    refuse_pending(sight, force)?;
    let run = &sight.run;
    let before = run.read_ticket()?;
    let after = sight.job.as_ref().map_or(0, |job| job.attempt);
    let source = before.as_ref().and_then(|ticket| ticket.source.clone()).filter(|_| after == 0);
    let awaited = source.as_ref().map(|source| Sight::glimpse(RunDir::new(source)));
    let awaited = awaited.filter(|source| source.status != Status::Done);
    let id = awaited.as_ref().and_then(|source| scheduled(source.job.as_ref(), source.ticket.as_ref()));
    let ticket = Ticket { after, source, job: Some(String::new()), ..Ticket::default() };
    run.write_ticket(&ticket).with_context(|| format!("writing `{}`", run.ticket().display()))?;
    let handed = hand_over(std::slice::from_ref(run), settings, &id.map(|(id, _)| id).into_iter().collect::<Vec<_>>());
    if handed.is_err() {
        // It is as it was.
        match before {
            Some(ticket) => run.write_ticket(&ticket)?,
            None => run.leave_queue()?,
        }
    }
    handed
}

/// Submits runs that have their tickets, and writes into these what became of it.
fn hand_over(runs: &[RunDir], settings: &Slurm, after: &[String]) -> anyhow::Result<Submitted> {
    let program = std::env::current_exe().context("finding this program")?;
    let name = runs[0].experiment_name().map(|name| name.to_string()).unwrap_or_default();
    let submission = Submission { runs, name: &name, settings, program: &program, after };
    let names = || runs.iter().map(RunDir::label).collect::<Vec<_>>().join(", ");
    let ids = slurm::submit(&submission).with_context(|| format!("submitting {}", names()))?;
    let noted = |(run, id): (RunDir, String)| {
        // From now on its absence from an answer of Slurm's means that it is gone.
        let ticket = run.read_ticket()?.unwrap_or_default();
        let ticket = Ticket { job: Some(id.clone()), t: mocolab::run::now(), ..ticket };
        run.write_ticket(&ticket).with_context(|| format!("writing `{}`; its job is {id}", run.ticket().display()))?;
        Ok((run, id))
    };
    runs.iter().cloned().zip(ids).map(noted).collect()
}
