//! The trainer: `mocolab-train RUN` trains one run and ends. `mocolab launch` starts it, with the run's lock as its
//! standard input and the run's `output.log` as its output.
//!
//! Two threads: one trains; this one keeps the heartbeat and listens to signals and requests.

mod augment;
mod bench;
mod checkpoint;
mod control;
mod device;
mod embed;
mod eval;
mod lbfgs;
mod method;
mod mirror;
mod moco;
mod model;
mod network;
#[cfg(test)]
mod on_gpu;
mod online;
mod optim;
mod parameters;
#[cfg(test)]
mod parity;
mod pictures;
mod preview;
mod probe;
mod replicas;
mod session;
mod source;
mod start;
mod supervised;
mod training;
mod trouble;
mod tsne;
mod views;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use control::Control;
use mirror::Mirror;
use mocolab::config::read_snapshot;
use mocolab::data::{self, Places};
use mocolab::event::Outcome;
use mocolab::executor::slurm;
use mocolab::experiment::{Experiment, Recipe};
use mocolab::run::{HeldLock, Job, Reader, RunDir};
use session::Session;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use training::Ended;
use trouble::{caught, cause_of, no_room};

/// Between two looks at requests.
const LISTEN: Duration = Duration::from_millis(100);
/// Between two beats of the heart.
const BEAT: Duration = Duration::from_secs(5);
/// The exit code of a run that found no room on the disk (sysexits.h: "temporary failure"): to be continued once there is.
const NO_ROOM: u8 = 75;
/// The exit code of a run that was stopped or paused, where a scheduler has others wait for it to be done.
const NOT_DONE: u8 = 3;

/// Prints a line to the run's log.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn main() -> ExitCode {
    mocolab::survival::outlive_file_limits();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag] if flag == "--version" => say(Ok(concat!("mocolab-train ", env!("CARGO_PKG_VERSION")).to_owned())),
        [word, file, count] if word == "preview" => preview::run(file, count),
        [command, ..] if command == "bench" => {
            let arguments = bench::Arguments::parse_from(&arguments);
            network::keep_memory(arguments.devices());
            say(bench::run(&arguments))
        }
        [command, ..] if command == "embed" => say(caught(|| embed::run(&embed::Arguments::parse_from(&arguments)))),
        [command, ..] if command == "tsne" => {
            say(caught(|| embed::layout(&embed::TsneArguments::parse_from(&arguments))))
        }
        [run] if !run.starts_with('-') => attend(&RunDir::new(run)),
        _ => {
            print(
                "usage: mocolab-train RUN\n       mocolab-train bench --help\n       mocolab-train embed --help\n       mocolab-train tsne --help\n\nTrains the run in the directory RUN; \
                 `mocolab start` makes and starts one.",
            );
            ExitCode::from(2)
        }
    }
}

/// Prints a result on standard output, or what went wrong.
fn say(result: Result<String>) -> ExitCode {
    match result.and_then(|text| writeln!(std::io::stdout().lock(), "{text}").context("printing")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("mocolab-train: {}", cause_of(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Trains `run` on a thread and attends to it from here until it ends.
fn attend(run: &RunDir) -> ExitCode {
    let (ended, end) = std::sync::mpsc::channel();
    let begun = begin(run).and_then(|(lock, job, experiment)| {
        let scheduled = job.executor == "slurm";
        network::keep_memory(&job.devices);
        let (control, asked) = Control::new(run, job.attempt, scheduled).context("taking over signals")?;
        let session = Session::open(run, job.attempt, asked)?;
        Ok((lock, job, experiment, control, session))
    });
    let (_lock, job, experiment, mut control, session) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            print(&format!("mocolab-train: {error:#}"));
            return ExitCode::from(if no_room(&error) { NO_ROOM } else { 1 });
        }
    };
    let mirror = Mirror::start(run, job.attempt, experiment.recipe.keeping().tensorboard);
    let (place, scheduled) = (run.clone(), job.executor == "slurm");
    // It may never come to the thread: how that ends is to be recorded too.
    let session = Arc::new(Mutex::new(session));
    let work = {
        let session = Arc::clone(&session);
        move || {
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            let result = caught(|| train(&place, &job, experiment, &mut session));
            let _ = ended.send(finish(result, &mut session));
        }
    };
    let trainer = std::thread::Builder::new().name("trainer".into()).spawn(work);
    let (outcome, code) = match trainer {
        Ok(trainer) => {
            let end = listen(run, &mut control, &end);
            // libtorch's own clean-up at exit must not meet a thread that still ends.
            let _ = trainer.join();
            end
        }
        Err(error) => {
            let error = anyhow!(error).context("starting a thread");
            finish(Err(error), &mut session.lock().unwrap_or_else(PoisonError::into_inner))
        }
    };
    // A scheduler waits for nobody: the job goes back before the last is told.
    let code = if scheduled { hand_back(outcome, code) } else { code };
    mirror.finish();
    ExitCode::from(code)
}

/// Gives the job back to Slurm: to be started again where the run is to be continued. What waits for a run that was stopped
/// must not take it for done.
fn hand_back(outcome: Outcome, code: u8) -> u8 {
    match outcome {
        Outcome::Stopped | Outcome::Paused => NOT_DONE,
        // Said first: what asks for it may not live to see the answer.
        Outcome::Requeued => match slurm::requeue(|| print("the job is requeued")) {
            Ok(requeued) => {
                if !requeued {
                    print("the job has been taken away");
                }
                code
            }
            Err(error) => {
                print(&format!("mocolab-train: the job can't be requeued: {error}"));
                1
            }
        },
        Outcome::Done | Outcome::Failed => code,
    }
}

/// Keeps the heart beating and passes on what is wanted until the training ends. Returns how it did, and its exit code.
fn listen(run: &RunDir, control: &mut Control, end: &Receiver<(Outcome, u8)>) -> (Outcome, u8) {
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
            Ok(end) => return end,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return (Outcome::Failed, 1),
        }
    }
}

/// Makes sure that this process alone trains the run, and learns what it is to do.
fn begin(run: &RunDir) -> Result<(HeldLock, Job, Experiment)> {
    let path = run.experiment().display().to_string();
    let text = run.read_experiment().with_context(|| format!("reading `{path}`"))?;
    let experiment = read_snapshot(&text, &path)?;
    let lock = HeldLock::inherit(run)?;
    if let Err(error) = run.remove_unfinished() {
        print(&format!("mocolab-train: clearing `{}`: {error}", run.path().display()));
    }
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

fn train(run: &RunDir, job: &Job, experiment: Experiment, session: &mut Session) -> Result<Ended> {
    source::write(run, job, experiment.threads).with_context(|| format!("writing `{}`", run.source().display()))?;
    let devices = open_all(&job.devices)?;
    print(&format!("{}, attempt {}: reading {}", run.label(), job.attempt, experiment.data));
    let project = run.path().ancestors().nth(3).unwrap_or(run.path()).to_owned();
    let dataset = data::load(&experiment.data, &Places::new(project))?;
    let job = method::Job::new(experiment, dataset, (devices, job.devices.clone()))?;
    print(&format!("{} training images, {} test images", job.dataset.train.len(), job.dataset.test.len()));
    follow(&job, session)
}

/// Trains `job` by its recipe.
fn follow(job: &method::Job, session: &mut Session) -> Result<Ended> {
    match &job.experiment.recipe {
        Recipe::Supervised(settings) => supervised::run(settings, job, session),
        Recipe::Moco(settings) => moco::run(settings, job, session),
        Recipe::Probe(settings) => probe::run(settings, job, session),
        other => bail!("this trainer does not know the recipe `{}`: it is older than mocolab", other.name()),
    }
}

/// Opens the devices called `names`. The launcher has made the chosen GPUs the only ones that can be seen, in their order.
fn open_all(names: &[String]) -> Result<Vec<tch::Device>> {
    // No question about CUDA may be asked before this loads it: libtorch keeps its first answer.
    let name = |(place, name): (usize, &String)| if name == "cpu" { name.clone() } else { format!("cuda:{place}") };
    let names: Vec<String> = names.iter().enumerate().map(name).collect();
    anyhow::ensure!(!names.is_empty(), "the job names no device");
    names.iter().map(|name| device::open(name)).collect()
}

/// Records how it ended. Returns that, and the exit code.
fn finish(result: Result<Ended>, session: &mut Session) -> (Outcome, u8) {
    let (outcome, cause, code) = match result {
        Ok((outcome, cause)) => (outcome, cause, 0),
        Err(error) => {
            let code = if no_room(&error) { NO_ROOM } else { 1 };
            let cause = cause_of(&error);
            print(&format!("mocolab-train: {cause}"));
            (Outcome::Failed, Some(cause), code)
        }
    };
    match session.finish(outcome, cause) {
        Ok(()) => {
            print(&format!("ended: {outcome:?}").to_lowercase());
            (outcome, code)
        }
        Err(error) => {
            print(&format!("mocolab-train: the end can't be recorded: {error:#}"));
            (Outcome::Failed, if no_room(&error) { NO_ROOM } else { code.max(1) })
        }
    }
}
