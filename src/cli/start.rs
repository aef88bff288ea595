//! Verbs that change what runs: start, resume, stop.

use super::follow::Launched;
use super::names;
use super::output::{complain, say};
use super::queue;
use super::series::{Manner, begin, series};
use super::slurm;
use crate::project::{self, Begun, Here, Project, Sources};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::device::{Choice, Devices, Wanted};
use mocolab::executor::local::{self, ExecutorError, Launch};
use mocolab::executor::slurm as executor_slurm;
use mocolab::experiment::need::{Need, Place, Sizes};
use mocolab::experiment::{Executor, Experiment};
use mocolab::run::{RunDir, Ticket, Watch, boot_id, scheduled};
use mocolab::status::{Lock, Status, Wish};
use mocolab::survival::{Facts, warnings};
use mocolab::text::sanitize;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Which experiments to start.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Experiments of experiments.toml, or variants of them; `*` stands for any characters.
    #[arg(add = names::experiments(), value_name = "NAME", required_unless_present_any = ["all", "missing"])]
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
#[derive(Debug, Clone, clap::Args)]
pub struct Turn {
    /// Queue them, each after what it takes weights from: they start one after another as devices come free, also when no
    /// terminal is open.
    #[arg(long, short, conflicts_with_all = ["wait", "missing"])]
    queue: bool,
    /// How many runs may share a device with these, themselves among them [default: `slots` of the experiment].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) slots: Option<u32>,
    /// Also on a GPU that somebody else uses, or that has too little memory by our estimate.
    #[arg(long)]
    pub(super) force: bool,
    /// Where: on this machine, or as a job of Slurm [default: `executor` of the experiment].
    #[arg(long, value_name = "local|slurm", value_parser = executor)]
    pub(super) on: Option<Executor>,
    /// Also where a run of the same settings is at work or waits already: a second one.
    #[arg(long)]
    pub(super) again: bool,
}

fn executor(word: &str) -> Result<Executor, String> {
    Executor::named(word).ok_or_else(|| format!("allowed: {}", Executor::ALLOWED))
}

/// `mocolab start`.
pub fn start(project: &Project, which: &Which, device: Option<Wanted>, wait: bool) -> anyhow::Result<ExitCode> {
    let suite = project.suite()?;
    let mut sources = Sources::new(&suite);
    let experiments = if which.names.is_empty() {
        suite.in_order()
    } else {
        suite.choose(&which.names).map_err(anyhow::Error::msg)?
    };
    let turn = &which.turn;
    let (far, experiments): (Vec<&Experiment>, Vec<&Experiment>) =
        experiments.into_iter().partition(|one| turn.on.unwrap_or(one.executor) == Executor::Slurm);
    if !far.is_empty() {
        if device.is_some() {
            bail!("Slurm chooses the device: leave --device out, or add --on local");
        }
        if !experiments.is_empty() && !turn.queue {
            bail!("some of these are for Slurm and others for this machine: add --queue, or --on");
        }
        let settings = Project::slurm(&suite)?;
        let far = if which.missing { slurm::missing(project, far, (&mut sources, &settings))? } else { far };
        slurm::submit(project, &far, (&mut sources, &settings, turn.again), wait)?;
        if experiments.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let found = Devices::find();
    if turn.queue {
        let ticket = Project::ticket(&device.unwrap_or(Wanted::Any), &found)?;
        warn(project, &experiments)?;
        let ticket = Ticket { slots: turn.slots.unwrap_or(0), force: turn.force, ..ticket };
        return queue::add(project, &experiments, &mut sources, (&ticket, turn.again));
    }
    if experiments.len() > 1 && !wait {
        bail!(
            "{}: name one, or add --queue, or --wait to stay while they are trained one after another",
            several(which, &experiments)
        );
    }
    let named = device.is_some();
    let device = free(device.as_ref(), found)?;
    // Of those that are missing it isn't known yet which are begun.
    warn(project, if which.missing { &[] } else { &experiments })?;
    let manner = Manner { device, named, missing: which.missing, wait, turn: turn.clone() };
    if let ([experiment], false) = (experiments.as_slice(), which.missing) {
        let Begun { run, gate, .. } = begin(project, experiment, &sources, &manner)?;
        return go(project, &run, &manner.launch(&run), (wait, Some(gate)));
    }
    if experiments.len() > 1 {
        let again = if which.names.is_empty() { "`mocolab start --missing --wait`" } else { "the same with --missing" };
        say(format!("Ctrl-C leaves the run under way alone and starts no more; {again} goes on"))?;
    }
    series(project, &experiments, &mut sources, &manner)
}

/// What there is to take of what is `wanted`; where only the work of the last second speaks against it, a little later.
fn free(wanted: Option<&Wanted>, mut found: Devices) -> anyhow::Result<Choice> {
    const LONGEST: Duration = Duration::from_secs(3);
    const BETWEEN: Duration = Duration::from_millis(250);
    let began = Instant::now();
    loop {
        match project::choose(wanted, &found) {
            Err(_) if project::may_settle(&found) && began.elapsed() < LONGEST => std::thread::sleep(BETWEEN),
            chosen => return chosen,
        }
        found = Devices::find();
    }
}

fn several(which: &Which, experiments: &[&Experiment]) -> String {
    let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
    let (count, names) = (names.len(), names.join(", "));
    match which.names.as_slice() {
        [name] if !name.contains('*') => format!("`{name}` has {count} variants ({names})"),
        _ => format!("these are {count} experiments ({names})"),
    }
}

/// Which runs go on, and where.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// A run: NAME (its latest), NAME/ID or a path.
    #[arg(add = names::runs(), required_unless_present = "interrupted")]
    run: Option<String>,
    /// Every run that was at work here when the machine went down, one after another as devices come free.
    #[arg(long, conflicts_with_all = ["run", "wait", "on"])]
    interrupted: bool,
    /// Where to train [default: where it trained before].
    #[arg(long, short, value_name = "any|cpu|N,N|N/N")]
    device: Option<Wanted>,
    #[command(flatten)]
    when: When,
    /// Where: on this machine, or as a job of Slurm [default: as before].
    #[arg(long, value_name = "local|slurm", value_parser = executor)]
    on: Option<Executor>,
    /// Also where it can't be told from here whether the run still lives elsewhere: look there first. Also on a GPU that
    /// another run has.
    #[arg(long)]
    force: bool,
}

/// Whether a run that goes on waits, or is waited for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct When {
    /// Let it wait for its turn in this machine's queue.
    #[arg(long, short, conflicts_with = "wait")]
    queue: bool,
    /// Stay and report every epoch until it ends.
    #[arg(long, short)]
    wait: bool,
}

/// `mocolab resume`.
pub fn resume(project: &Project, asked: &Resume) -> anyhow::Result<ExitCode> {
    let found = Devices::find();
    let Some(name) = &asked.run else { return resume_interrupted(project, asked.device.as_ref(), &found) };
    let run = project.runs.find(name).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run.clone());
    if sight.status == Status::Unknown && !asked.force {
        let why = sight.trouble.unwrap_or_else(|| match &sight.job {
            Some(job) if job.boot_id == boot_id() => "its file system tells of no locks".to_owned(),
            Some(job) => format!("it was launched on `{}`, which can't be asked from here", sanitize(&job.host)),
            None => "it was launched on another machine, which can't be asked from here".to_owned(),
        });
        bail!("whether `{}` lives is unknown: {why}; if you know that it is gone, --force resumes it", run.label());
    }
    if !sight.status.can_start() && sight.status != Status::Unknown {
        bail!("`{}` is {}: there is nothing to resume", run.label(), sight.status);
    }
    let far = scheduled(sight.job.as_ref(), sight.ticket.as_ref()).is_some();
    let local = asked.device.is_some() || asked.when.queue;
    if asked.on == Some(Executor::Slurm) || (asked.on.is_none() && far && !local) {
        return slurm::resume(project, &sight, (asked.when.wait, asked.force));
    }
    project::refuse_pending(&sight, asked.force)?;
    warn(project, &[])?;
    if asked.when.queue {
        project::requeue(&sight, (asked.device.as_ref(), asked.force), &found)?;
        project.wake_agent()?;
        say(format!("queued {}; `mocolab queue` shows who waits for what", run.label()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let ticket = sight.ticket.as_ref().and_then(|ticket| ticket.device.as_ref()?.parse::<Wanted>().ok());
    let device = match (&asked.device, sight.placed(&found)) {
        (None, Some(before)) => before,
        (None, None) => project::choose(ticket.as_ref(), &found)?,
        (named, _) => project::choose(named.as_ref(), &found)?,
    };
    let own = || project::experiment(&run).map_or(1, |experiment| experiment.slots);
    let slots = sight.job.as_ref().map(|job| job.slots).filter(|slots| *slots > 0).unwrap_or_else(own);
    let launch = Launch { slots, force: asked.force || device == Choice::Cpu, ..Launch::on(device) };
    go(project, &run, &launch, (asked.when.wait, None))
}

/// Queues what was at work here when the machine went down.
fn resume_interrupted(project: &Project, wanted: Option<&Wanted>, found: &Devices) -> anyhow::Result<ExitCode> {
    let sights: Vec<Sight> = project.runs.list()?.into_iter().map(Sight::glimpse).collect();
    let interrupted = project::interrupted(sights.iter(), &Here::now());
    if interrupted.is_empty() {
        say("nothing was at work here when the machine went down")?;
        return Ok(ExitCode::SUCCESS);
    }
    warn(project, &[])?;
    for sight in interrupted {
        project::requeue(sight, (wanted, false), found)?;
        say(format!("queued {}", sight.run.label()))?;
    }
    project.wake_agent()?;
    say("they go on as devices come free; `mocolab queue` shows who waits for what")?;
    Ok(ExitCode::SUCCESS)
}

/// Says what may end a run here before its time, or find no room for what `experiments` will keep.
fn warn(project: &Project, experiments: &[&Experiment]) -> anyhow::Result<()> {
    let place = Place { devices: 1, gpu: false, bf16: false };
    let disk = |experiment: &&Experiment| Some(Need::of(experiment, &Sizes::of(experiment)?, place).disk());
    let checkpoints = (!experiments.is_empty()).then(|| experiments.iter().filter_map(disk).sum());
    let facts = Facts { checkpoints, ..Facts::gather(project.runs.path()) };
    warnings(&facts).try_for_each(|warning| say(format!("warning: {warning}")))
}

/// Launches, and where asked to, stays. A gate is let go as soon as others can see that the run is launched.
pub(super) fn go(
    project: &Project,
    run: &RunDir,
    launch: &Launch,
    (wait, gate): (bool, Option<File>),
) -> anyhow::Result<ExitCode> {
    let device = &launch.devices;
    for other in busy(project, device)? {
        say(format!("note: `{other}` is training on {device} too; both will be slower"))?;
    }
    let launched = Launched::new(run, launch, gate)?;
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

/// Runs of this project that train on `choice` now.
fn busy(project: &Project, choice: &Choice) -> anyhow::Result<Vec<String>> {
    // Records are read only of runs that some process holds.
    let held = project.runs.list()?.into_iter().filter(|run| run.probe() == Lock::Held);
    let (here, found) = (boot_id(), Devices::find());
    let on = |sight: &Sight| found.those(choice).any(|device| sight.trains_on(device, &here));
    Ok(held.map(Sight::read).filter(on).map(|sight| sight.run.label()).collect())
}

/// Between two looks at a run that was told to end.
const LOOK: Duration = Duration::from_millis(50);

/// `mocolab stop`: asked, then told by SIGTERM, then killed, each with so many seconds.
pub fn stop(project: &Project, run: &str, (now, grace): (bool, u64)) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let mut watch = Watch::new(run.clone());
    if slurm::cancel_pending(project, &run)? {
        return Ok(());
    }
    live(&run, &mut watch, "stop")?;
    if !now {
        local::ask(&run, Wish::Stop)?;
        say(format!("{} stops after the step under way; a checkpoint is written first", run.label()))?;
        if ends(&run, &mut watch, grace)? {
            return Ok(());
        }
        say(format!("{} has not stopped within {grace} s: SIGTERM", run.label()))?;
        match local::end(&run, false) {
            Ok(()) if ends(&run, &mut watch, grace)? => return Ok(()),
            // It may have ended this very moment.
            Err(error) => return if ends(&run, &mut watch, 1)? { Ok(()) } else { Err(error.into()) },
            Ok(()) => {}
        }
        say(format!(
            "{} has not ended within {grace} s: SIGKILL; what came after its newest checkpoint is lost",
            run.label()
        ))?;
    }
    if let Err(error) = local::end(&run, true)
        && watch.status()?.is_live()
    {
        return Err(error.into());
    }
    if ends(&run, &mut watch, 60)? {
        return Ok(());
    }
    bail!("`{}` is killed and not gone: its machine waits for a disk or a device", run.label())
}

/// `mocolab pause`.
pub fn pause(project: &Project, run: &str) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let mut watch = Watch::new(run.clone());
    live(&run, &mut watch, "pause")?;
    local::ask(&run, Wish::Pause)?;
    if ends(&run, &mut watch, 60)? {
        return say(format!("`mocolab resume {}` goes on with it, with --device anywhere", run.label()));
    }
    bail!("`{}` has not paused within a minute; it does after the step under way", run.label())
}

fn live(run: &RunDir, watch: &mut Watch, what: &str) -> anyhow::Result<()> {
    match watch.status()? {
        status if status.is_live() => Ok(()),
        status => bail!("`{}` is {status}: there is nothing to {what}", run.label()),
    }
}

/// Waits for a run to end, so many seconds at most, and says how it did.
fn ends(run: &RunDir, watch: &mut Watch, seconds: u64) -> anyhow::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let status = watch.status()?;
        if !status.is_live() {
            say(format!("{} is {status} at step {}", run.label(), Sight::read(run.clone()).state.step))?;
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

/// How a launcher was told to launch.
#[derive(Debug, clap::Args)]
pub struct Told {
    /// Which; `allocated`: those that Slurm gave.
    #[arg(long)]
    device: String,
    /// Runs that may be on it.
    #[arg(long, default_value_t = 1)]
    slots: u32,
    /// Also where a run is that does not share.
    #[arg(long)]
    force: bool,
    /// Only after this attempt.
    #[arg(long)]
    after: Option<u32>,
}

/// `mocolab launch`: returns only where it fails.
pub fn launch(run: &Path, told: Told) -> anyhow::Result<ExitCode> {
    let run = RunDir::new(std::fs::canonicalize(run).with_context(|| format!("finding the run `{}`", run.display()))?);
    let Told { device, slots, force, after } = told;
    let by_slurm = device == "allocated";
    let devices = if by_slurm {
        // A job that was requeued while somebody went on with the run by hand.
        if Watch::new(run.clone()).status()? == Status::Done {
            say(format!("{} is done already", run.label()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let (job, ticket) = (run.read_job()?, run.read_ticket()?);
        let owner = scheduled(job.as_ref(), ticket.as_ref()).map(|(id, _)| id);
        // An empty one is that of a submission that has not been noted yet.
        if !owner.as_ref().is_some_and(|id| id.is_empty() || Some(id) == executor_slurm::here().as_ref()) {
            say(format!("{} is no longer this job's: it was resumed elsewhere, or taken out of Slurm", run.label()))?;
            return Ok(ExitCode::SUCCESS);
        }
        project::settle(&run)?;
        Devices::find().allocated().map_err(anyhow::Error::msg)?
    } else {
        device.parse().map_err(anyhow::Error::msg)?
    };
    match local::launch(&run, &Launch { devices, slots, force, after, scheduled: by_slurm }) {
        Err(taken @ ExecutorError::Taken(_)) => {
            complain(&taken.into());
            Ok(ExitCode::from(local::TAKEN))
        }
        result => match result? {},
    }
}
