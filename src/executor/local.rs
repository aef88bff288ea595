//! Runs as processes of this machine, in sessions of their own, so that they outlive the terminal they were started in.
//!
//! [`start`] spawns `mocolab launch RUN`; that process, by [`launch`], takes the run's lock, writes `job.json` and becomes
//! `mocolab-train`, which inherits the lock as its standard input: there is no moment in which a started run looks dead,
//! and no two processes can train one run.

use crate::device::{Choice, Devices};
use crate::run::{
    Claim, Claims, HeldLock, Job, Reader, Request, RunDir, Taken, boot_id, host, now, process_start, scheduled,
};
use crate::status::{Lock, Wish};
use crate::survival::{Facts, lasting};
use rustix::process::Signal;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a run could not be launched or ended.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The lock is held, or can't be taken.
    #[error(transparent)]
    Lock(#[from] crate::run::LockError),
    /// It is somebody else's.
    #[error(transparent)]
    NotOwn(#[from] crate::run::NotOwn),
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
    /// libtorch isn't there, or is of another version.
    #[error("{0}")]
    NoLibtorch(String),
    /// The device isn't there.
    #[error("{0}")]
    NoDevice(String),
    /// It was to be launched after an attempt that is not its last.
    #[error("`{0}` was launched by another meanwhile: `mocolab show {0}` tells how it stands")]
    Begun(String),
    /// Slurm can't be asked, or refuses.
    #[error(transparent)]
    Slurm(#[from] super::slurm::SlurmError),
    /// A run that does not share is on the device.
    #[error(transparent)]
    Taken(#[from] Taken),
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

/// How a run is launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// On which devices.
    pub devices: Choice,
    /// Runs that may be on them, itself among them.
    pub slots: u32,
    /// Also where a run is that does not share.
    pub force: bool,
    /// Only after this attempt, 0 before the first; none after whichever is the last.
    pub after: Option<u32>,
    /// By Slurm, which gave the devices and is to be given the job back.
    pub scheduled: bool,
}

impl Launch {
    /// On `devices` alone, after whichever attempt is the last.
    pub fn on(devices: Choice) -> Self {
        Self { devices, slots: 1, force: false, after: None, scheduled: false }
    }
}

/// The exit status of a launcher that found its device taken: it may be free later.
pub const TAKEN: u8 = 69;

/// The command that launches `run` as `launch` says with `mocolab` at `program`. Its output goes to the run's `output.log`.
///
/// # Errors
/// Where the log can't be opened.
pub fn start(program: &Path, run: &RunDir, launch: &Launch) -> Result<Command, ExecutorError> {
    run.ensure_own()?;
    let log = run.append_output().map_err(io(format!("opening `{}`", run.output().display())))?;
    let copy = log.try_clone().map_err(io("copying a descriptor"))?;
    let mut command = lasting(program, &Facts::gather(run.path()));
    command.arg("launch").arg(run.path()).arg("--device").arg(launch.devices.to_string());
    command.arg("--slots").arg(launch.slots.to_string()).args(launch.force.then_some("--force"));
    if let Some(after) = launch.after {
        command.arg("--after").arg(after.to_string());
    }
    command.stdin(Stdio::null()).stdout(log).stderr(copy);
    Ok(command)
}

/// Turns this process into the trainer of `run`, as `launch` says. Returns only where that fails.
///
/// # Errors
/// Where the run is being trained already, its device is taken, or something can't be written or started.
pub fn launch(run: &RunDir, launch: &Launch) -> Result<std::convert::Infallible, ExecutorError> {
    let (trainer, mut command) = trainer_command()?;
    let found = Devices::find();
    let visible = launch.devices.visible(&found).map_err(ExecutorError::NoDevice)?;
    // Under Slurm the scheduler must be able to end the process; elsewhere a terminal that closes must not. A process
    // group's leader, started by hand in a shell, stays where it is.
    if std::env::var_os("SLURM_JOB_ID").is_none() {
        let _ = rustix::process::setsid();
    }
    let lock = HeldLock::take(run)?;
    let before = last_attempt(run)?;
    if launch.after.is_some_and(|after| after != before) {
        return Err(ExecutorError::Begun(run.label()));
    }
    let job = job(run, launch, (before, visible.as_deref()))?;
    claim(run, launch, (job.attempt, visible.as_deref()))?;
    run.write_job(&job).map_err(io(format!("writing `{}`", run.job().display())))?;
    command.arg(run.path()).stdin(lock.into_file());
    // Where a core has other work, OpenMP's threads that wait for each other by spinning take it from the one they wait
    // for; by default they spin for as long as a step lasts.
    if std::env::var_os("GOMP_SPINCOUNT").is_none() && std::env::var_os("OMP_WAIT_POLICY").is_none() {
        command.env("GOMP_SPINCOUNT", "10000");
    }
    if let Some(due) = launch.scheduled.then(super::slurm::due).flatten() {
        command.env(super::slurm::DUE, due.to_string());
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

/// The trainer and a command that starts it, with a libtorch that it finds.
///
/// # Errors
/// Where one of the two isn't there, or they don't fit each other.
pub fn trainer_command() -> Result<(PathBuf, Command), ExecutorError> {
    let trainer = trainer()?;
    let mut command = Command::new(&trainer);
    super::libtorch::provide(&mut command, &trainer)?;
    Ok((trainer, command))
}

/// Has the trainer map what a checkpoint of `run` makes of the test pictures (`mocolab-train embed RUN`), with further
/// `arguments` of that; waits for it. Gives what it says: of a map what is known of it.
///
/// # Errors
/// Where there is no trainer, or what it says is wrong.
pub fn embed<T: serde::de::DeserializeOwned>(run: &RunDir, arguments: &[String]) -> Result<T, ExecutorError> {
    let (trainer, mut command) = trainer_command()?;
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

/// The attempt that was launched last, 0 before the first. A damaged file is none: the record knows the attempts that have
/// said anything.
fn last_attempt(run: &RunDir) -> Result<u32, ExecutorError> {
    match run.read_job() {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(0),
        job => Ok(job.map_err(io("reading the last job"))?.map_or(0, |job| job.attempt)),
    }
}

/// Takes the devices for `run`, whose lock is held. Without a home, or on a file system without locks, what the driver
/// tells has to do.
fn claim(run: &RunDir, launch: &Launch, (attempt, visible): (u32, Option<&str>)) -> Result<(), ExecutorError> {
    let Some(claims) = Claims::of_user().filter(|_| !launch.scheduled) else { return Ok(()) };
    let devices = visible.unwrap_or("cpu").split(',').map(str::to_owned).collect();
    let path = std::path::absolute(run.path()).map_err(io("finding this folder"))?;
    match claims.take(Claim { run: path, attempt, devices, slots: launch.slots }, launch.force) {
        Ok(taken) => Ok(taken?),
        Err(error) => {
            // Into the run's log.
            let _ = writeln!(io::stderr(), "note: which devices are in use can't be kept for other starts: {error}");
            Ok(())
        }
    }
}

fn job(run: &RunDir, launch: &Launch, (before, visible): (u32, Option<&str>)) -> Result<Job, ExecutorError> {
    let pid = std::process::id();
    let uuids: Vec<String> = visible.iter().flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let job = super::slurm::here().filter(|_| launch.scheduled);
    let known = uuids.iter().all(|id| id.parse::<u32>().is_err());
    Ok(Job {
        attempt: before.max(Reader::last_attempt(run).map_err(io("reading the record"))?) + 1,
        executor: if job.is_some() { "slurm".into() } else { "local".into() },
        id: job.unwrap_or_else(|| pid.to_string()),
        devices: launch.devices.names(),
        uuids: if known { uuids } else { Vec::new() },
        slots: launch.slots,
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
    run.ensure_own()?;
    let job = run.read_job().map_err(io("reading the job"))?;
    let job = job.ok_or_else(|| ExecutorError::NoProcess(run.label()))?;
    let id = format!("{:.0}-{}", now() * 1000.0, std::process::id());
    let request = Request { attempt: job.attempt, id, wish };
    run.write_request(&request).map_err(io(format!("writing `{}`", run.request().display())))?;
    Ok(request)
}

/// Has the process of `run` end: by SIGTERM, upon which it saves and ends if it still can; where `now` at once, by SIGKILL,
/// when a checkpoint is all that is left of it. Only the very process that was launched can be hit, never another that got
/// its number since.
///
/// # Errors
/// Where it is gone already, or not of this machine.
pub fn end(run: &RunDir, now: bool) -> Result<(), ExecutorError> {
    run.ensure_own()?;
    let none = || ExecutorError::NoProcess(run.label());
    let job = run.read_job().map_err(io("reading the job"))?;
    let ticket = run.read_ticket().map_err(io("reading the ticket"))?;
    if let Some((id, _)) = scheduled(job.as_ref(), ticket.as_ref()) {
        if run.has_turn().map_err(io("reading the ticket"))? {
            run.leave_queue().map_err(io("taking the ticket away"))?;
        } else if run.probe_for(job.as_ref()) != Lock::Free {
            let _ = ask(run, if now { Wish::Kill } else { Wish::Terminate });
        }
        return Ok(super::slurm::cancel(&id, now && run.probe() != Lock::Free)?);
    }
    let job = job.filter(|job| job.boot_id == boot_id()).ok_or_else(none)?;
    let pid = i32::try_from(job.pid).ok().and_then(rustix::process::Pid::from_raw).ok_or_else(none)?;
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map_err(|_| none())?;
    if process_start(job.pid) != Some(job.process_start) || run.probe() != Lock::Held {
        return Err(none());
    }
    let (signal, wish) = if now { (Signal::KILL, Wish::Kill) } else { (Signal::TERM, Wish::Terminate) };
    // Written first, so that what is gone is known to have been ended; on a full disk it is ended all the same.
    let _ = ask(run, wish);
    rustix::process::pidfd_send_signal(&process, signal).map_err(|error| io("sending a signal")(error.into()))
}
