//! The trainer: `mocolab-train RUN` trains one run and ends. `mocolab launch` starts it, with the run's lock as its
//! standard input and the run's `output.log` as its output.
//!
//! Two threads: one trains; this one keeps the heartbeat and listens to signals and requests.

mod augment;
mod checkpoint;
mod control;
mod device;
mod eval;
mod learner;
mod optim;
mod parameters;
mod pictures;
mod resnet;
mod session;
mod source;
mod supervised;

use anyhow::{Context, Result, anyhow, bail};
use control::Control;
use mocolab::config::read_snapshot;
use mocolab::data::{self, Places};
use mocolab::event::Outcome;
use mocolab::experiment::{Experiment, Recipe};
use mocolab::run::{HeldLock, Job, LogError, Reader, RunDir};
use session::Session;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Between two looks at requests.
const LISTEN: Duration = Duration::from_millis(100);
/// Between two beats of the heart.
const BEAT: Duration = Duration::from_secs(5);
/// The exit code of a run that found no room on the disk (sysexits.h: "temporary failure"): to be continued once there is.
const NO_ROOM: u8 = 75;

/// Prints a line to the run's log.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag] if flag == "--version" => print(concat!("mocolab-train ", env!("CARGO_PKG_VERSION"))),
        [run] if !run.starts_with('-') => return attend(&RunDir::new(run)),
        _ => {
            print(
                "usage: mocolab-train RUN\n\nTrains the run in the directory RUN; `mocolab start` makes and starts one.",
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Trains `run` on a thread and attends to it from here until it ends.
fn attend(run: &RunDir) -> ExitCode {
    let (ended, end) = std::sync::mpsc::channel();
    let begun = begin(run).and_then(|(lock, job, experiment)| {
        let (control, asked) = Control::new(run, job.attempt).context("taking over signals")?;
        let session = Session::open(run, job.attempt, asked)?;
        Ok((lock, job, experiment, control, session))
    });
    let (_lock, job, experiment, mut control, mut session) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            print(&format!("mocolab-train: {error:#}"));
            return ExitCode::from(if no_room(&error) { NO_ROOM } else { 1 });
        }
    };
    let place = run.clone();
    let trainer = std::thread::Builder::new().name("trainer".into()).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| train(&place, &job, experiment, &mut session)));
        let code = finish(result.unwrap_or_else(|panic| Err(anyhow!(words(panic.as_ref())))), &mut session);
        let _ = ended.send(code);
    });
    let trainer = match trainer {
        Ok(trainer) => trainer,
        Err(error) => {
            print(&format!("mocolab-train: starting a thread: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = listen(run, &mut control, &end);
    // libtorch's own clean-up at exit must not meet a thread that still ends.
    let _ = trainer.join();
    ExitCode::from(code)
}

/// Keeps the heart beating and passes on what is wanted until the training ends. Returns its exit code.
fn listen(run: &RunDir, control: &mut Control, end: &Receiver<u8>) -> u8 {
    let mut beats = 0;
    let mut beat = Instant::now();
    loop {
        if Instant::now() >= beat {
            beats += 1;
            run.beat(beats);
            beat += BEAT;
        }
        control.look();
        match end.recv_timeout(LISTEN) {
            Ok(code) => return code,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return 1,
        }
    }
}

/// Makes sure that this process alone trains the run, and learns what it is to do.
fn begin(run: &RunDir) -> Result<(HeldLock, Job, Experiment)> {
    let path = run.experiment().display().to_string();
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading `{path}`"))?;
    let experiment = read_snapshot(&text, &path)?;
    let lock = HeldLock::inherit(run)?;
    let job = run
        .read_job()?
        .with_context(|| format!("`{}` has no job.json: start it with `mocolab resume`", run.label()))?;
    let said = Reader::last_attempt(run)?;
    if said >= job.attempt {
        bail!(
            "attempt {} of `{}` has been made already: start the next with `mocolab resume`",
            job.attempt,
            run.label()
        );
    }
    Ok((lock, job, experiment))
}

fn train(run: &RunDir, job: &Job, experiment: Experiment, session: &mut Session) -> Result<Outcome> {
    source::write(run, job, experiment.threads).with_context(|| format!("writing `{}`", run.source().display()))?;
    let [device] = job.devices.as_slice() else { bail!("a run trains on one device so far, not on {:?}", job.devices) };
    // The launcher has made the chosen GPU the only one that can be seen. No question about CUDA may be asked before
    // this loads it: libtorch keeps its first answer.
    let device = device::open(if device.starts_with("cuda") { "cuda:0" } else { device })?;
    print(&format!("{}, attempt {}: reading {}", run.label(), job.attempt, experiment.data));
    let project = run.path().ancestors().nth(3).unwrap_or(run.path()).to_owned();
    let dataset = data::load(&experiment.data, &Places::new(project))?;
    print(&format!("{} training images, {} test images", dataset.train.len(), dataset.test.len()));
    match experiment.recipe.clone() {
        Recipe::Supervised(settings) => {
            let devices = job.devices.clone();
            supervised::run(&settings, &supervised::Job { experiment, dataset, device, devices }, session)
        }
        other => bail!("this trainer does not know the recipe `{}`: it is older than mocolab", other.name()),
    }
}

/// Records how it ended. Returns the exit code.
fn finish(result: Result<Outcome>, session: &mut Session) -> u8 {
    let (outcome, cause, code) = match result {
        Ok(outcome) => (outcome, None, 0),
        Err(error) => {
            let code = if no_room(&error) { NO_ROOM } else { 1 };
            print(&format!("mocolab-train: {error:#}"));
            (Outcome::Failed, Some(format!("{error:#}")), code)
        }
    };
    match session.finish(outcome, cause) {
        Ok(()) => {
            print(&format!("ended: {outcome:?}").to_lowercase());
            code
        }
        Err(error) => {
            print(&format!("mocolab-train: the end can't be recorded: {error:#}"));
            if no_room(&error) { NO_ROOM } else { code.max(1) }
        }
    }
}

fn no_room(error: &anyhow::Error) -> bool {
    let full = |kind| {
        matches!(
            kind,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge
        )
    };
    error.chain().any(|cause| {
        let log = cause.downcast_ref::<LogError>().map(|error| error.error.kind());
        log.or_else(|| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)).is_some_and(full)
    })
}

/// What a panic says: libtorch's errors come as panics through tch.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    // Only the first lines of a C++ error are for people; the rest is its stack, and in the log.
    text.unwrap_or("the trainer panicked").lines().take(2).collect::<Vec<_>>().join(" ")
}
