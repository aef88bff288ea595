//! Runs as processes of this machine, in sessions of their own, so that they outlive the terminal they were started in.
//!
//! [`start`] spawns `mocolab launch RUN`; that process, by [`launch`], takes the run's lock, writes `job.json` and becomes
//! `mocolab-train`, which inherits the lock as its standard input: there is no moment in which a started run looks dead,
//! and no two processes can train one run.

use crate::device::{Choice, Devices};
use crate::embedding::About;
use crate::run::{HeldLock, Job, Reader, Request, RunDir, boot_id, host, now, process_start};
use crate::status::{Lock, Wish};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a run could not be launched or ended.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The lock is held, or can't be taken.
    #[error(transparent)]
    Lock(#[from] crate::run::LockError),
    /// A file of the run can't be read or written.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// The trainer isn't there.
    #[error(
        "the trainer `{0}` is missing: this mocolab was built without libtorch, or moved away from it; build both with \
         `make`, or say where it is with MOCOLAB_TRAIN=PATH"
    )]
    NoTrainer(PathBuf),
    /// The device isn't there.
    #[error("{0}")]
    NoDevice(String),
    /// It was to be launched for the first time.
    #[error("`{0}` was launched before: `mocolab resume {0}` goes on with it")]
    Begun(String),
    /// A map was not made.
    #[error("{0}")]
    NoMap(String),
    /// There is no process to speak to.
    #[error("`{0}` has no process on this machine")]
    NoProcess(String),
}

fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> ExecutorError {
    let what = what.into();
    |error| ExecutorError::Io { what, error }
}

/// The command that launches `run` on `devices` with `mocolab` at `program`. Its output goes to the run's `output.log`.
///
/// # Errors
/// Where the log can't be opened.
pub fn start(program: &Path, run: &RunDir, devices: &Choice) -> Result<Command, ExecutorError> {
    let path = run.output();
    let log = OpenOptions::new().create(true).append(true).open(&path);
    let log = log.map_err(io(format!("opening `{}`", path.display())))?;
    let copy = log.try_clone().map_err(io("copying a descriptor"))?;
    let mut command = Command::new(program);
    command.arg("launch").arg(run.path()).arg("--device").arg(devices.to_string());
    command.stdin(Stdio::null()).stdout(log).stderr(copy);
    Ok(command)
}

/// Turns this process into the trainer of `run`; where `first`, only if it was never launched. Returns only where that
/// fails.
///
/// # Errors
/// Where the run is being trained already, or something can't be written or started.
pub fn launch(run: &RunDir, devices: &Choice, first: bool) -> Result<std::convert::Infallible, ExecutorError> {
    let trainer = trainer()?;
    let visible = devices.visible(&Devices::find()).map_err(ExecutorError::NoDevice)?;
    // Under Slurm the scheduler must be able to end the process; elsewhere a terminal that closes must not. A process
    // group's leader, started by hand in a shell, stays where it is.
    if std::env::var_os("SLURM_JOB_ID").is_none() {
        let _ = rustix::process::setsid();
    }
    let lock = HeldLock::take(run)?;
    if first && run.read_job().map_err(io("reading the last job"))?.is_some() {
        return Err(ExecutorError::Begun(run.label()));
    }
    run.write_job(&job(run, devices)?).map_err(io(format!("writing `{}`", run.job().display())))?;
    let mut command = Command::new(&trainer);
    command.arg(run.path()).stdin(lock.into_file());
    // Where a core has other work, OpenMP's threads that wait for each other by spinning take it from the one they wait
    // for; by default they spin for as long as a step lasts.
    if std::env::var_os("GOMP_SPINCOUNT").is_none() && std::env::var_os("OMP_WAIT_POLICY").is_none() {
        command.env("GOMP_SPINCOUNT", "10000");
    }
    if let Some(visible) = visible {
        command.env("CUDA_VISIBLE_DEVICES", visible).env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    }
    Err(io(format!("starting `{}`", trainer.display()))(command.exec()))
}

/// Where the trainer is: `MOCOLAB_TRAIN`, else beside this program.
///
/// # Errors
/// Where it isn't there.
pub fn trainer() -> Result<PathBuf, ExecutorError> {
    let trainer = match std::env::var_os("MOCOLAB_TRAIN") {
        Some(path) => path.into(),
        None => std::env::current_exe().map_err(io("finding this program"))?.with_file_name("mocolab-train"),
    };
    if trainer.exists() { Ok(trainer) } else { Err(ExecutorError::NoTrainer(trainer)) }
}

/// Has the trainer map what a checkpoint of `run` makes of the test pictures (`mocolab-train embed RUN`), with further
/// `arguments` of that; waits for it. Gives what is known of the map.
///
/// # Errors
/// Where there is no trainer, or what it says is wrong.
pub fn embed(run: &RunDir, arguments: &[String]) -> Result<About, ExecutorError> {
    let trainer = trainer()?;
    let mut command = Command::new(&trainer);
    command.arg("embed").arg(run.path()).args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(io(format!("starting `{}`", trainer.display())))?;
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("the trainer said nothing").to_owned()
    };
    if output.status.success() {
        let line = text(&output.stdout);
        return serde_json::from_str(&line).map_err(|_| ExecutorError::NoMap(format!("the trainer said `{line}`")));
    }
    Err(ExecutorError::NoMap(match output.status.signal() {
        Some(signal) => format!("the trainer was ended by signal {signal}; with 9 the machine may be out of memory"),
        None => text(&output.stderr).trim_start_matches("mocolab-train: ").to_owned(),
    }))
}

fn job(run: &RunDir, devices: &Choice) -> Result<Job, ExecutorError> {
    // A damaged one is replaced: the record knows the attempts that have said anything.
    let before = match run.read_job() {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => 0,
        job => job.map_err(io("reading the last job"))?.map_or(0, |job| job.attempt),
    };
    let pid = std::process::id();
    Ok(Job {
        attempt: before.max(Reader::last_attempt(run).map_err(io("reading the record"))?) + 1,
        executor: "local".into(),
        id: pid.to_string(),
        devices: devices.names(),
        host: host(),
        boot_id: boot_id(),
        pid,
        process_start: process_start(pid).unwrap_or(0),
        t: now(),
    })
}

/// Asks the attempt under way for something; it answers within a step.
///
/// # Errors
/// Where there is no attempt, or the request can't be written.
pub fn ask(run: &RunDir, wish: Wish) -> Result<Request, ExecutorError> {
    let job = run.read_job().map_err(io("reading the job"))?;
    let job = job.ok_or_else(|| ExecutorError::NoProcess(run.label()))?;
    let id = format!("{:.0}-{}", now() * 1000.0, std::process::id());
    let request = Request { attempt: job.attempt, id, wish };
    run.write_request(&request).map_err(io(format!("writing `{}`", run.request().display())))?;
    Ok(request)
}

/// Ends the process of `run` at once (SIGKILL). Only the very process that was launched can be hit, never another that
/// got its number since; a checkpoint is all that is left of it.
///
/// # Errors
/// Where it is gone already, or not of this machine.
pub fn kill(run: &RunDir) -> Result<(), ExecutorError> {
    let none = || ExecutorError::NoProcess(run.label());
    let job = run.read_job().map_err(io("reading the job"))?.filter(|job| job.boot_id == boot_id()).ok_or_else(none)?;
    let pid = i32::try_from(job.pid).ok().and_then(rustix::process::Pid::from_raw).ok_or_else(none)?;
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map_err(|_| none())?;
    if process_start(job.pid) != Some(job.process_start) || run.probe() != Lock::Held {
        return Err(none());
    }
    rustix::process::pidfd_send_signal(&process, rustix::process::Signal::KILL)
        .map_err(|error| io("sending SIGKILL")(error.into()))
}
