//! Handing runs to Slurm: a job a run, an array where they are variants of one experiment that wait for nothing.

use super::queue::is_underway;
use super::sources::{absolute, head};
use super::{Project, Queued, Sources, Underway};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::config::Slurm;
use mocolab::executor::slurm::{self, Submission};
use mocolab::experiment::{Experiment, Origin};
use mocolab::run::{RunDir, Ticket, scheduled};
use mocolab::status::Status;

/// What was submitted, each with its job.
pub type Submitted = Vec<(RunDir, String)>;

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
        let _gate = self.runs.gate().with_context(|| format!("locking `{}`", self.runs.path().display()))?;
        for part in parts(of, sources)? {
            let mut made: Vec<Made> = Vec::new();
            for experiment in part {
                if !again && let Some((run, status)) = self.underway(experiment, sources)? {
                    return Err(Underway { run, status }.into());
                }
                let one = self.make(experiment, sources, settings)?;
                sources.add(&experiment.name, Ok(one.run.0.clone()));
                notes.extend(one.run.1.iter().cloned());
                made.push(one);
            }
            let after: Vec<String> = made.iter().filter_map(|one| one.after.clone()).collect();
            let runs: Vec<RunDir> = made.into_iter().map(|one| one.run.0).collect();
            done.extend(hand_over(&runs, settings, &after)?);
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

/// Has `run` go on as a job of Slurm after its last attempt.
///
/// # Errors
/// Where a file can't be written, or Slurm refuses.
pub fn resubmit(sight: &Sight, settings: &Slurm) -> anyhow::Result<Submitted> {
    let run = &sight.run;
    let before = run.read_ticket()?;
    let after = sight.job.as_ref().map_or(0, |job| job.attempt);
    let source = before.and_then(|ticket| ticket.source).filter(|_| after == 0);
    let awaited = source.as_ref().map(|source| Sight::glimpse(RunDir::new(source)));
    let awaited = awaited.filter(|source| source.status != Status::Done);
    let id = awaited.as_ref().and_then(|source| scheduled(source.job.as_ref(), source.ticket.as_ref()));
    let ticket = Ticket { after, source, job: Some(String::new()), ..Ticket::default() };
    run.write_ticket(&ticket).with_context(|| format!("writing `{}`", run.ticket().display()))?;
    hand_over(std::slice::from_ref(run), settings, &id.map(|(id, _)| id).into_iter().collect::<Vec<_>>())
}

/// Submits runs that have their tickets, and writes into these what became of it.
fn hand_over(runs: &[RunDir], settings: &Slurm, after: &[String]) -> anyhow::Result<Submitted> {
    let program = std::env::current_exe().context("finding this program")?;
    let name = runs[0].experiment_name().map(|name| name.to_string()).unwrap_or_default();
    let submission = Submission { runs, name: &name, settings, program: &program, after };
    let noted = |run: &RunDir, job: Option<String>, trouble: Option<String>| -> anyhow::Result<()> {
        let ticket = run.read_ticket()?.unwrap_or_default();
        let ticket = Ticket { job: job.or(ticket.job), trouble, ..ticket };
        run.write_ticket(&ticket).with_context(|| format!("writing `{}`", run.ticket().display()))
    };
    match slurm::submit(&submission) {
        Ok(ids) => {
            let pairs = runs.iter().cloned().zip(ids);
            pairs.map(|(run, id)| noted(&run, Some(id.clone()), None).map(|()| (run, id))).collect()
        }
        Err(error) => {
            for run in runs {
                noted(run, None, Some(error.to_string()))?;
            }
            let names: Vec<String> = runs.iter().map(RunDir::label).collect();
            Err(error).with_context(|| format!("submitting {}", names.join(", ")))
        }
    }
}
