//! Verbs that change what runs: start, resume, stop.

use super::follow::{Launched, POLL};
use super::output::say;
use super::queue;
use super::series::{Manner, begin, series};
use crate::project::{self, Project, Sources};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::device::{Choice, Devices};
use mocolab::executor::local;
use mocolab::experiment::Experiment;
use mocolab::experiment::need::{Need, Place, Sizes};
use mocolab::run::{RunDir, Ticket, Watch};
use mocolab::status::{Lock, Status, Wish};
use mocolab::survival::{Facts, warnings};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Which experiments to start.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Experiments of experiments.toml, or variants of them; `*` stands for any characters.
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "missing"])]
    names: Vec<String>,
    /// Every experiment of the file, each after those it takes weights from. Ctrl-C leaves the run under way alone and
    /// starts no more; `mocolab start --missing --wait` goes on.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Only those that have no finished run of the same settings; without names: of the whole file. One that is under way
    /// is followed, one that was stopped, failed or crashed goes on.
    #[arg(long)]
    missing: bool,
    #[command(flatten)]
    turn: Turn,
}

/// Whether, and how, they wait for their turn.
#[derive(Debug, clap::Args)]
pub struct Turn {
    /// Queue them, each after what it takes weights from: they start one after another as devices come free, also when no
    /// terminal is open.
    #[arg(long, short, conflicts_with_all = ["wait", "missing"])]
    queue: bool,
    /// With --queue: how many runs may share a device with these, themselves among them.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "queue", value_parser = clap::value_parser!(u32).range(1..=64))]
    slots: u32,
    /// With --queue: also on a GPU that somebody else uses, or that has too little memory by our estimate.
    #[arg(long, requires = "queue")]
    force: bool,
}

/// `mocolab start`.
pub fn start(project: &Project, which: &Which, device: Option<Choice>, wait: bool) -> anyhow::Result<ExitCode> {
    let suite = project.suite()?;
    let mut sources = Sources::new(&suite);
    let experiments = if which.names.is_empty() {
        suite.in_order()
    } else {
        suite.choose(&which.names).map_err(anyhow::Error::msg)?
    };
    if which.turn.queue {
        if let Some(device) = &device {
            device.visible(&Devices::find()).map_err(anyhow::Error::msg)?;
        }
        warn(project, &experiments)?;
        let device = device.map(|device| device.to_string());
        let ticket = Ticket { device, slots: which.turn.slots, force: which.turn.force, ..Ticket::default() };
        return queue::add(project, &experiments, &mut sources, &ticket);
    }
    if experiments.len() > 1 && !wait {
        bail!(
            "{}: name one, or add --queue, or --wait to stay while they are trained one after another",
            several(which, &experiments)
        );
    }
    let found = Devices::find();
    let named = device.is_some();
    let device = device.map_or_else(|| project::default_device(&found), Ok)?;
    device.visible(&found).map_err(anyhow::Error::msg)?;
    // Of those that are missing it isn't known yet which are begun.
    warn(project, if which.missing { &[] } else { &experiments })?;
    if let ([experiment], false) = (experiments.as_slice(), which.missing) {
        let run = begin(project, experiment, &sources, wait)?;
        return go(project, &run, &device, wait);
    }
    if experiments.len() > 1 {
        let again = if which.names.is_empty() { "`mocolab start --missing --wait`" } else { "the same with --missing" };
        say(format!("Ctrl-C leaves the run under way alone and starts no more; {again} goes on"))?;
    }
    series(project, &experiments, &mut sources, &Manner { device, named, missing: which.missing, wait })
}

fn several(which: &Which, experiments: &[&Experiment]) -> String {
    let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
    let (count, names) = (names.len(), names.join(", "));
    match which.names.as_slice() {
        [name] if !name.contains('*') => format!("`{name}` has {count} variants ({names})"),
        _ => format!("these are {count} experiments ({names})"),
    }
}

/// `mocolab resume`.
pub fn resume(
    project: &Project,
    run: &str,
    device: Option<Choice>,
    (force, wait): (bool, bool),
) -> anyhow::Result<ExitCode> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run.clone());
    if sight.status == Status::Unknown && !force {
        let host = sight.job.as_ref().map_or("another machine", |job| job.host.as_str());
        let why =
            sight.trouble.unwrap_or_else(|| format!("it was launched on `{host}`, which can't be asked from here"));
        bail!("whether `{}` lives is unknown: {why}; if you know that it is gone, --force resumes it", run.label());
    }
    if !sight.status.can_start() && sight.status != Status::Unknown {
        bail!("`{}` is {}: there is nothing to resume", run.label(), sight.status);
    }
    let ticket = sight.ticket.as_ref().and_then(|ticket| ticket.device.as_ref()?.parse().ok());
    let device = device.or(sight.placed()).or(ticket).map_or_else(|| project::default_device(&Devices::find()), Ok)?;
    warn(project, &[])?;
    go(project, &run, &device, wait)
}

/// Says what may end a run here before its time, or find no room for what `experiments` will keep.
fn warn(project: &Project, experiments: &[&Experiment]) -> anyhow::Result<()> {
    let place = Place { devices: 1, gpu: false, bf16: false };
    let disk = |experiment: &&Experiment| Some(Need::of(experiment, &Sizes::of(experiment)?, place).disk());
    let checkpoints = (!experiments.is_empty()).then(|| experiments.iter().filter_map(disk).sum());
    let facts = Facts { checkpoints, ..Facts::gather(project.runs.path()) };
    warnings(&facts).try_for_each(|warning| say(format!("warning: {warning}")))
}

/// Launches, and where asked to, stays.
pub(super) fn go(project: &Project, run: &RunDir, device: &Choice, wait: bool) -> anyhow::Result<ExitCode> {
    for other in busy(project, device)? {
        say(format!("note: `{other}` is training on {device} too; both will be slower"))?;
    }
    let launched = Launched::new(run, device)?;
    let status = launched.status();
    say(format!("{} is {status} on {device}", run.label()))?;
    // What waits for it goes on when it is done.
    if let Err(error) = project.wake_if_waiting() {
        say(format!("warning: the queue can't be woken: {error:#}"))?;
    }
    if wait {
        return launched.follow();
    }
    if matches!(status, Status::Failed | Status::Crashed) {
        bail!("`{}` {status}:\n{}", run.label(), launched.words());
    }
    say("it goes on when this terminal closes; `mocolab` shows it live, `mocolab stop` ends it")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs of this project that train on `device` now.
fn busy(project: &Project, device: &Choice) -> anyhow::Result<Vec<String>> {
    // Records are read only of runs that some process holds.
    let held = project.runs.list()?.into_iter().filter(|run| run.probe() == Lock::Held);
    let here = mocolab::run::boot_id();
    Ok(held.map(Sight::read).filter(|sight| sight.trains_on(device, &here)).map(|sight| sight.run.label()).collect())
}

/// `mocolab stop`.
pub fn stop(project: &Project, run: &str, now: bool) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let mut watch = Watch::new(run.clone());
    let status = watch.status()?;
    if !status.is_live() {
        bail!("`{}` is {status}: there is nothing to stop", run.label());
    }
    if now {
        local::kill(&run)?;
    } else {
        local::ask(&run, Wish::Stop)?;
        say(format!("{} stops after the step under way; a checkpoint is written first", run.label()))?;
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        let status = watch.status()?;
        if !status.is_live() {
            return say(format!("{} is {status} at step {}", run.label(), Sight::read(run.clone()).state.step));
        }
        std::thread::sleep(POLL);
    }
    bail!("`{}` has not stopped within a minute; wait on, or end it with `mocolab stop --now`", run.label())
}

/// `mocolab launch`: returns only where it fails.
pub fn launch(run: &Path, device: &Choice, first: bool) -> anyhow::Result<ExitCode> {
    let run = RunDir::new(std::fs::canonicalize(run).with_context(|| format!("finding the run `{}`", run.display()))?);
    match local::launch(&run, device, first)? {}
}
