//! A project: the folder of an `experiments.toml`, its suite, and its runs. Where the command line and the screen meet.

mod missing;
mod queue;
mod sources;
mod submit;
mod weights;

pub use queue::{Here, Queued, Stand, interrupted, release, requeue, settle};
pub use sources::Sources;
pub use submit::{Submitted, refuse_pending, resubmit};

use anyhow::{Context, bail};
use mocolab::config::{self, Hook, Slurm, Suite};
use mocolab::data::Places;
use mocolab::device::{self, Choice, Device, Devices, Wanted};
use mocolab::executor::local::{self, Launch};
use mocolab::experiment::{Experiment, Origin};
use mocolab::run::{RunDir, Runs};
use mocolab::status::Status;
use mocolab::text::log_line;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A project on the disk.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its `experiments.toml`.
    pub file: PathBuf,
    /// Its runs: `runs/` beside the file.
    pub runs: Runs,
    /// Where pictures are looked for.
    pub places: Places,
}

/// A new run that is about to be launched.
#[derive(Debug)]
pub struct Begun {
    /// The run.
    pub run: RunDir,
    /// What the user should know of it.
    pub notes: Vec<String>,
    /// As long as this lives nobody else can begin one: until it is seen to be launched.
    pub gate: fs::File,
}

/// A run of the same is at work or waits already.
#[derive(Debug, thiserror::Error)]
#[error("{} is {status} already", run.label())]
pub struct Underway {
    /// The run.
    pub run: RunDir,
    /// What it is.
    pub status: Status,
}

impl Project {
    /// The project of `file`, which need not exist (runs can be looked at without it); `runs` overrides where they lie.
    pub fn at(file: &Path, runs: Option<PathBuf>) -> Self {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let folder = fs::canonicalize(&folder).unwrap_or(folder);
        let runs = runs.map_or_else(|| folder.join("runs"), |runs| std::path::absolute(&runs).unwrap_or(runs));
        let runs = Runs::new(runs);
        Self { file: file.to_owned(), runs, places: Places::new(folder) }
    }

    /// Reads the suite.
    ///
    /// # Errors
    /// Where the file is missing or wrong: every problem, at its line.
    pub fn suite(&self) -> anyhow::Result<Suite> {
        let name = self.file.display();
        let file = match fs::File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("there is no `{name}`: `mocolab init` writes one to start from, or name another with --file")
            }
            Err(error) => return Err(error).with_context(|| format!("opening `{name}`")),
        };
        let mut text = String::new();
        // One byte more than is allowed is enough for the refusal.
        file.take(config::LARGEST_FILE as u64 + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("reading `{name}`"))?;
        Ok(config::parse(&text, &name.to_string())?)
    }

    /// What jobs of Slurm ask for: as `suite` says, else as the user's own file does.
    ///
    /// # Errors
    /// Where the user's file is wrong.
    pub fn slurm(suite: &Suite) -> anyhow::Result<Slurm> {
        Ok(suite.slurm.clone().over(crate::ui::own()?.0))
    }

    /// Who is told of runs: those whom the project's file names, and those of the user's own; of one name the project's.
    ///
    /// # Errors
    /// Where one of the files is wrong.
    pub fn hooks(&self) -> anyhow::Result<Vec<Hook>> {
        let name = self.file.display();
        let mut text = String::new();
        match fs::File::open(&self.file) {
            Ok(file) => file
                .take(config::LARGEST_FILE as u64)
                .read_to_string(&mut text)
                .with_context(|| format!("reading `{name}`"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error).with_context(|| format!("opening `{name}`")),
        };
        let mut hooks = config::hooks(&text, &name.to_string())?;
        for own in crate::ui::own()?.1 {
            if !hooks.iter().any(|hook| hook.name == own.name) {
                hooks.push(own);
            }
        }
        Ok(hooks)
    }

    /// Makes a new run of `experiment`: its data and its first weights found, its threads counted, its directory written.
    /// With it come notes where the user should know what was chosen.
    ///
    /// # Errors
    /// Where the data or the weights can't be found or the directory can't be written.
    ///
    /// Unless `again`, one that is under way is an error, [`Underway`]. What comes back is to be launched before the gate,
    /// the last of it, is dropped: so long nobody else can begin the same.
    pub fn begin(&self, experiment: &Experiment, sources: &Sources, again: bool) -> anyhow::Result<Begun> {
        let gate = self.runs.gate().with_context(|| format!("locking `{}`", self.runs.path().display()))?;
        if !again && let Some((run, status)) = self.underway(experiment, sources)? {
            return Err(Underway { run, status }.into());
        }
        let (run, notes) = self.begin_with(experiment, sources, (None, None))?;
        Ok(Begun { run, notes, gate })
    }

    /// As [`Project::begin`], of one experiment alone.
    ///
    /// # Errors
    /// As there; and where the experiments can't be read again to find what its weights come from.
    pub fn begin_alone(&self, experiment: &Experiment, again: bool) -> anyhow::Result<Begun> {
        let named = matches!(experiment.recipe.origin(), Origin::Experiment { .. });
        let suite = if named { self.suite()? } else { Suite::default() };
        self.begin(experiment, &Sources::new(&suite), again)
    }
}

/// The threads that a run of `of` is given.
fn threads(of: &Experiment) -> u32 {
    if of.threads == 0 { device::threads() } else { of.threads }
}

/// The experiment that a run is of.
///
/// # Errors
/// Where its file can't be read.
pub fn experiment(run: &RunDir) -> anyhow::Result<Experiment> {
    let path = run.experiment();
    let name = path.display().to_string();
    let text = run.read_experiment().with_context(|| format!("reading `{name}`"))?;
    Ok(config::read_snapshot(&text, &name)?)
}

/// The command that launches `run` with this very program.
///
/// # Errors
/// Where this program or the run's log can't be opened, or what it takes its weights from is not done.
pub fn launcher(run: &RunDir, launch: &Launch) -> anyhow::Result<Command> {
    settle(run)?;
    let program = std::env::current_exe().context("finding this program")?;
    Ok(local::start(&program, run, launch)?)
}

/// How much a run's trainers have printed so far, for [`said`].
pub fn printed(run: &RunDir) -> u64 {
    fs::metadata(run.output()).map_or(0, |log| log.len())
}

/// Bytes of a log in which its last lines are looked for.
const LOG: u64 = 256 << 10;

/// The last `count` lines that a run's trainer has printed since the log was `from` bytes long, safe to show.
pub fn said(run: &RunDir, from: u64, count: usize) -> Vec<String> {
    let bytes = run.read_output(from, LOG).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(log_line).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// The devices to take at once of what is `wanted`; none is any.
///
/// # Errors
/// Where one isn't there, or all are in use.
pub fn choose(wanted: Option<&Wanted>, found: &Devices) -> anyhow::Result<Choice> {
    match wanted.unwrap_or(&Wanted::Any) {
        Wanted::Any => default_device(found),
        Wanted::These(choice) => choice.visible(found).map(|_| choice.clone()).map_err(anyhow::Error::msg),
        Wanted::OneOf(numbers) => {
            let gpus = numbers.iter().map(|number| found.gpu(*number).cloned());
            let devices = gpus.collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
            default_device(&Devices { devices, note: None })
        }
    }
}

/// Whether one of the GPUs may be free in a moment: nothing lies on it, but it has just been at work. A driver tells of the
/// second before, in which a run has ended.
pub fn may_settle(found: &Devices) -> bool {
    found.devices.iter().any(|device| device.name != "cpu" && is_empty(device) && is_busy(device))
}

/// A driver and a desktop take some of an idle card's memory.
fn is_empty(device: &Device) -> bool {
    device.memory.is_some_and(|(used, total)| used * 20 < total)
}

fn is_busy(device: &Device) -> bool {
    device.busy.unwrap_or(0) >= 10
}

/// The device to take where the user names none: a GPU that nobody uses, the CPU where there is no GPU.
///
/// # Errors
/// Where all GPUs are in use: that choice is the user's.
pub fn default_device(found: &Devices) -> anyhow::Result<Choice> {
    let mut gpus = found.devices.iter().filter(|device| device.name != "cpu").peekable();
    if gpus.peek().is_none() {
        return Ok(Choice::Cpu);
    }
    match gpus.find(|device| is_empty(device) && !is_busy(device)) {
        Some(gpu) => gpu.name.parse().map_err(anyhow::Error::msg),
        None => bail!("every GPU is in use: choose one with --device (`mocolab devices` shows them), or --device cpu"),
    }
}
