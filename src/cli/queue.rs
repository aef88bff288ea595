//! Verbs of this machine's queue: what waits for what, and who goes first.

use super::output::{say, say_json, table};
use crate::project::{Here, Project, Queued, Sources, Stand, Underway, interrupted, release};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::device::sample::Sampler;
use mocolab::experiment::Experiment;
use mocolab::queue::{Turn, Waiting};
use mocolab::run::{Listing, RunDir, Ticket};
use mocolab::status::Status;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// What to change of a run in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Change {
    /// It goes first.
    First,
    /// It goes last.
    Last,
    /// It is held until it is released.
    Hold,
    /// It is no longer held, and tried again where it could not be started.
    Release,
    /// It leaves the queue: for the trash, or as it was where it was launched before.
    Cancel,
    /// It waits in this machine's queue instead of another's.
    Here,
}

/// A run in the queue, for scripts.
#[derive(Debug, serde::Serialize)]
struct Line {
    run: String,
    device: Option<String>,
    slots: u32,
    starts: bool,
    why: String,
}

/// `mocolab start --queue`.
///
/// # Errors
/// Where one of them can't be queued; those before it stay queued.
pub fn add(
    project: &Project,
    experiments: &[&Experiment],
    sources: &mut Sources,
    ticket: (&Ticket, bool),
) -> anyhow::Result<ExitCode> {
    let mut queued: Vec<Queued> = Vec::new();
    let several = experiments.len() > 1;
    let mut add_all = || -> anyhow::Result<()> {
        for experiment in experiments {
            // One that was queued as the source of another is not queued twice.
            let is_there = |(run, _): &Queued| run.experiment_name().as_ref() == Some(&experiment.name);
            if !queued.iter().any(is_there) {
                match project.queue(experiment, sources, ticket, &mut queued) {
                    // Of several the others are queued all the same.
                    Err(error) if several && error.is::<Underway>() => say(format!("{error:#}: no other is queued"))?,
                    Err(error) if error.is::<Underway>() => {
                        bail!("{error:#}: no other is queued; --again queues a second one")
                    }
                    result => result?,
                }
            }
        }
        Ok(())
    };
    let added = add_all();
    for (run, notes) in &queued {
        let notes: String = notes.iter().flat_map(|note| ["; ", note]).collect();
        say(format!("queued {}{notes}", run.label()))?;
    }
    if !queued.is_empty() {
        project.wake_agent()?;
        say(
            "they start as devices come free, also when this terminal is closed; `mocolab queue` shows who waits for what",
        )?;
    }
    added.map(|()| ExitCode::SUCCESS)
}

/// `mocolab queue`.
///
/// # Errors
/// Where the runs can't be read, or the run named is not in the queue.
pub fn queue(project: &Project, asked: Option<(&str, Change)>, json: bool) -> anyhow::Result<()> {
    let sights = sights(project)?;
    let stand = Stand::of(sights.values(), &Here::now(), |sight| sight.status.is_live());
    match asked {
        Some((name, change)) => {
            // Of several runs of an experiment the one that waits is meant.
            let named =
                |run: &&RunDir| run.label() == name || run.experiment_name().is_some_and(|own| own.as_str() == name);
            let waits = stand.waiting.iter().map(|(run, _)| run).find(named).cloned();
            let run = waits.map_or_else(|| project.runs.find(name).map_err(anyhow::Error::msg), Ok)?;
            self::change(project, &stand, &run, change)
        }
        None => list(project, &sights, &stand, json),
    }
}

fn sights(project: &Project) -> anyhow::Result<BTreeMap<RunDir, Sight>> {
    let runs = project.runs.list().with_context(|| format!("reading `{}`", project.runs.path().display()))?;
    Ok(runs.into_iter().map(|run| (run.clone(), Sight::glimpse(run))).collect())
}

fn change(project: &Project, stand: &Stand, run: &RunDir, change: Change) -> anyhow::Result<()> {
    let label = run.label();
    if change == Change::Here {
        let ticket = run.read_ticket()?.filter(|_| run.has_turn().unwrap_or(false));
        let Some(ticket) = ticket.filter(|ticket| ticket.job.is_none()) else {
            bail!("`{label}` waits in no machine's queue")
        };
        let from = ticket.host.clone();
        // Its devices were those of the other machine.
        run.write_ticket(&Ticket { host: mocolab::run::host(), uuids: Vec::new(), trouble: None, ..ticket })?;
        project.wake_agent()?;
        return say(format!("{label} waits here, no longer on {from}"));
    }
    if !stand.waiting.iter().any(|(waiting, _)| waiting == run) {
        bail!("`{}` is not in this machine's queue; `mocolab queue` lists what is", run.label());
    }
    let places = || stand.waiting.iter().map(|(_, waiting)| waiting.place);
    let place = |place| run.change_notes(|notes| notes.place = place).map(|_| ());
    let (done, word) = match change {
        Change::Here => return Ok(()),
        Change::Cancel if run.read_job()?.is_some() => {
            run.leave_queue()?;
            return say(format!("{label} has left the queue"));
        }
        Change::Cancel => {
            let place = project.runs.trash(run)?;
            return say(format!("{label} has left the queue; it lies in {}", place.display()));
        }
        Change::First => (place(places().min().unwrap_or(0) - 1), "goes first"),
        Change::Last => {
            // Later ones come after it, whatever was moved before.
            let ticket = run.read_ticket()?.unwrap_or_default();
            run.write_ticket(&Ticket { t: mocolab::run::now(), ..ticket })?;
            (place(places().max().unwrap_or(0).max(0)), "goes last")
        }
        Change::Hold => (run.change_notes(|notes| notes.held = true).map(|_| ()), "is held"),
        Change::Release => (release(run), "is released"),
    };
    done.with_context(|| format!("writing `{}`", run.notes().display()))?;
    project.wake_agent()?;
    say(format!("{label} {word}"))
}

fn list(project: &Project, sights: &BTreeMap<RunDir, Sight>, stand: &Stand, json: bool) -> anyhow::Result<()> {
    let turns = stand.turns(&Sampler::new(project.runs.path()).sample());
    if !turns.iter().all(Turn::is_stuck) {
        // One that was killed, or went down with the machine, is at work again.
        project.wake_agent()?;
    }
    let line = |((run, waiting), turn): (&(RunDir, Waiting), &Turn)| {
        let device = sights.get(run).and_then(|sight| sight.ticket.as_ref()?.device.clone());
        let (starts, why) = (matches!(turn, Turn::Start(_)), turn.to_string());
        Line { run: run.label(), device, slots: waiting.slots, starts, why }
    };
    let lines: Vec<Line> = stand.waiting.iter().zip(&turns).map(line).collect();
    if json {
        return say_json(&lines);
    }
    let interrupted = interrupted(sights.values(), &Here::now()).len();
    if interrupted > 0 {
        let words = if interrupted == 1 { "1 run was" } else { &format!("{interrupted} runs were") };
        say(format!("{words} at work when this machine went down: `mocolab resume --interrupted` has them go on"))?;
    }
    for (run, live) in &stand.live {
        say(format!("{} trains on {}", run.label(), live.devices.join(",")))?;
    }
    let waits = |sight: &&Sight| sight.status.is_waiting() || sight.status == Status::Suspended;
    let jobs: Vec<(String, String)> =
        sights.values().filter(waits).filter_map(|sight| Some((sight.run.label(), sight.scheduled()?))).collect();
    for (run, id) in &jobs {
        let words = Listing::latest().map_or_else(|| "not asked".into(), |listing| listing.words(id));
        say(format!("{run} is job {id} of Slurm: {words}"))?;
    }
    if lines.is_empty() && !jobs.is_empty() {
        return Ok(());
    }
    if lines.is_empty() {
        let waits = sights.values().filter(|sight| sight.status == Status::Queued && sight.ticket.is_some()).count();
        return say(match waits {
            0 => "nothing waits; `mocolab start NAME --queue` queues a run".to_owned(),
            waits => format!(
                "nothing waits here; {waits} in the queues of other machines (`mocolab queue NAME here` takes one over)"
            ),
        });
    }
    let head = ["", "RUN", "ON", "WHY"].map(str::to_owned).to_vec();
    let row = |(at, line): (usize, &Line)| {
        vec![
            (at + 1).to_string(),
            line.run.clone(),
            line.device.clone().unwrap_or_else(|| "any".into()),
            line.why.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(lines.iter().enumerate().map(row)).collect();
    table(&rows, &[0]).iter().try_for_each(say)
}
