//! Several experiments, one after another: each after those it takes weights from, and a table of all at the end.

use super::follow::Launched;
use super::output::{say, table};
use super::start::{Turn, go};
use crate::project::{self, Begun, Project, Sources, Underway};
use crate::sight::Sight;
use anyhow::{anyhow, bail};
use mocolab::device::{Choice, Devices};
use mocolab::executor::local::Launch;
use mocolab::experiment::{Experiment, Monitor};
use mocolab::metrics;
use mocolab::run::{RunDir, Watch};
use mocolab::status::Status;
use mocolab::text::{duration, log_line, percent};
use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks at a run that is waited for.
const POLL: Duration = Duration::from_millis(200);

/// How a series is trained.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Where.
    pub device: Choice,
    /// The user named the device: it holds for runs that were begun on another too.
    pub named: bool,
    /// What is there already is brought to its end.
    pub missing: bool,
    /// Stay until all is done.
    pub wait: bool,
    /// Who else may be there.
    pub turn: Turn,
}

impl Manner {
    /// How `run` is launched. The CPU is everybody's.
    pub fn launch(&self, run: &RunDir) -> Launch {
        let own = || project::experiment(run).map_or(1, |experiment| experiment.slots);
        let (devices, slots) = (self.device.clone(), self.turn.slots.unwrap_or_else(own));
        Launch { slots, force: self.turn.force || devices == Choice::Cpu, ..Launch::on(devices) }
    }
}

/// What became of an experiment.
enum Fate {
    /// It was trained here, or before.
    Trained(RunDir),
    /// It could not be begun, for this reason.
    NotStarted(String),
}

/// Trains `experiments` in their order; where `missing`, those with a finished run are passed over, and a run that was
/// begun goes on. One that fails stops only those that need it.
///
/// # Errors
/// Where the runs can't be read, or standard output is gone.
pub fn series(
    project: &Project,
    experiments: &[&Experiment],
    sources: &mut Sources,
    manner: &Manner,
) -> anyhow::Result<ExitCode> {
    let mut fates = Vec::new();
    for (number, experiment) in (1..).zip(experiments) {
        let name = &experiment.name;
        let there = if manner.missing { found(project, experiment, sources)? } else { None };
        if let Some((run, Status::Done)) = there {
            say(format!("{name} has a finished run: {}", run.label()))?;
            sources.add(name, Ok(run.clone()));
            fates.push((*experiment, Fate::Trained(run)));
            continue;
        }
        say(format!("{name}: {number} of {}", experiments.len()))?;
        let trained = match there {
            Some((run, status)) => finish(project, &run, status, manner).map(|()| run),
            None => train(project, experiment, sources, manner),
        };
        let fate = trained.map_or_else(|error| Fate::NotStarted(format!("{error:#}")), Fate::Trained);
        match &fate {
            Fate::Trained(run) => sources.add(name, Ok(run.clone())),
            Fate::NotStarted(why) => {
                say(format!("{name} was not started: {why}"))?;
                sources.add(name, Err("was not started".into()));
            }
        }
        fates.push((*experiment, fate));
    }
    let good = fates.iter().all(|(_, fate)| match fate {
        Fate::Trained(run) => {
            let status = Sight::read(run.clone()).status;
            let comes = status.is_live() || status.is_waiting();
            status == Status::Done || (!manner.wait && comes)
        }
        Fate::NotStarted(_) => false,
    });
    if experiments.len() > 1 {
        report(&fates)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The run that is there of `experiment` as the file has it.
fn found(
    project: &Project,
    experiment: &Experiment,
    sources: &mut Sources,
) -> anyhow::Result<Option<(RunDir, Status)>> {
    project.settle(experiment, sources)?;
    project.run_of(experiment, sources)
}

/// Brings a run to its end that is not done: follows it, or goes on with it.
fn finish(project: &Project, run: &RunDir, status: Status, manner: &Manner) -> anyhow::Result<()> {
    let (label, sight) = (run.label(), Sight::read(run.clone()));
    if status.is_waiting() && sight.ticket.is_some() {
        say(format!("{label} waits in the queue: no other is started"))?;
        project.wake_agent()?;
        if !manner.wait {
            return Ok(());
        }
        let mut watch = Watch::new(run.clone());
        while watch.status()?.is_waiting() {
            std::thread::sleep(POLL);
        }
        return Launched::join(run)?.follow().map(|_| ());
    }
    if status.is_live() {
        say(format!("{label} {}: no other is started", sight.standing()))?;
        return if manner.wait { Launched::join(run)?.follow().map(|_| ()) } else { Ok(()) };
    }
    if !status.can_start() {
        bail!(
            "{}; if you know that it is gone, `mocolab resume {label} --force --wait` first",
            sight.trouble.unwrap_or_else(|| format!("whether {label} lives can't be told from here"))
        );
    }
    project::refuse_pending(&sight, false)?;
    let words = if status.is_waiting() { "is launched" } else { "goes on" };
    say(format!("{label} {}: it {words}", sight.standing()))?;
    let before = sight.placed(&Devices::find()).filter(|_| !manner.named);
    let manner = Manner { device: before.unwrap_or_else(|| manner.device.clone()), ..manner.clone() };
    launch(project, run, &manner, None)
}

/// Waits for what `experiment` takes its weights from, where that is under way.
fn await_source(project: &Project, experiment: &Experiment, sources: &Sources) -> anyhow::Result<()> {
    let Some(run) = project.awaited(experiment, sources)? else { return Ok(()) };
    let sight = Sight::read(run.clone());
    say(format!("{} waits for {}, which {}", experiment.name, run.label(), sight.standing()))?;
    let mut watch = Watch::new(run);
    while watch.status()?.is_live() {
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Trains one as a new run, whatever comes of it.
fn train(project: &Project, experiment: &Experiment, sources: &Sources, manner: &Manner) -> anyhow::Result<RunDir> {
    let Begun { run, gate, .. } = begin(project, experiment, sources, manner)?;
    launch(project, &run, manner, Some(gate))?;
    Ok(run)
}

/// Makes a run of `experiment`; where `manner` waits, also where what it takes its weights from is still under way.
///
/// # Errors
/// Where something that it needs isn't there, one of the same settings is under way, or standard output is gone.
pub fn begin(project: &Project, experiment: &Experiment, sources: &Sources, manner: &Manner) -> anyhow::Result<Begun> {
    if manner.wait {
        await_source(project, experiment, sources)?;
    }
    let begun = project.begin(experiment, sources, manner.turn.again);
    let mut begun = begun.map_err(|error| match error.downcast_ref::<Underway>() {
        Some(underway) => anyhow!("{underway}: no other is started; --again starts a second one"),
        None => error,
    })?;
    std::mem::take(&mut begun.notes).into_iter().try_for_each(say)?;
    Ok(begun)
}

/// Launches a run; where that fails its status says the same.
fn launch(project: &Project, run: &RunDir, manner: &Manner, gate: Option<File>) -> anyhow::Result<()> {
    match go(project, run, &manner.launch(run), (manner.wait, gate)) {
        Ok(_) => Ok(()),
        Err(error) => say(format!("{error:#}")),
    }
}

fn report(fates: &[(&Experiment, Fate)]) -> anyhow::Result<()> {
    let head = ["EXPERIMENT", "STATUS", "VAL MACRO", "VAL KNN", "TEST MACRO", "TIME"].map(str::to_owned).to_vec();
    let rows = fates.iter().map(|(experiment, fate)| row(experiment, fate));
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    say("")?;
    table(&rows, &[2, 3, 4, 5]).iter().try_for_each(say)?;
    for (experiment, fate) in fates {
        if let Fate::NotStarted(why) = fate {
            say(format!("{}: {}", experiment.name, log_line(why)))?;
        }
    }
    Ok(())
}

fn row(experiment: &Experiment, fate: &Fate) -> Vec<String> {
    let name = experiment.name.to_string();
    let Fate::Trained(run) = fate else { return vec![name, "  not started".into()] };
    let sight = Sight::read(run.clone());
    let state = &sight.state;
    let shown = |value: Option<f64>| value.map_or("–".to_owned(), percent);
    let best = |metric: &str| shown(state.best.get(metric).map(|best| best.value));
    vec![
        name,
        format!("{} {}", sight.status.symbol(), sight.status),
        best(metrics::VAL_MACRO),
        best(Monitor::Knn.as_str()),
        shown(state.latest.get(metrics::TEST_MACRO).copied()),
        duration(state.last_seen - state.began),
    ]
}
