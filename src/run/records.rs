//! The small files of a run, each JSON, each replaced whole: what was launched, what is wanted, who lives, what ran.

use super::{RunDir, folder, plain};
use crate::config::Hook;
use crate::disk::write_whole;
use crate::status::{Heartbeat, Lock, Wish};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// `job.json`: the attempt launched last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// `local` or `slurm`.
    pub executor: String,
    /// The executor's own id of the job: a process id, or Slurm's job id.
    pub id: String,
    /// The devices: `cpu`, or `cuda:0`, …
    pub devices: Vec<String>,
    /// The GPUs' UUIDs, in the same order, where they are known: numbers change, these don't.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uuids: Vec<String>,
    /// Runs that may be on its devices, itself among them; 0 is 1.
    pub slots: u32,
    /// Where it was launched.
    pub host: String,
    /// Tells one boot of a machine from the next.
    pub boot_id: String,
    /// The trainer's process on that host.
    pub pid: u32,
    /// When that process started, in clock ticks since boot: with the pid it names one process for ever.
    pub process_start: u64,
    /// When it was launched, seconds since 1970.
    pub t: f64,
}

impl Job {
    /// Whether the very process that was launched lives on this machine.
    pub fn lives(&self) -> bool {
        self.boot_id == boot_id() && process_start(self.pid) == Some(self.process_start)
    }
}

/// `request.json`: what the user wants of an attempt. A later one replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The attempt it is meant for.
    pub attempt: u32,
    /// Tells one request from the next.
    pub id: String,
    /// What is wanted.
    pub wish: Wish,
}

/// `notes.json`: what people say of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Free text.
    pub note: String,
    /// Shown first.
    pub pinned: bool,
    /// Not to be started until let go.
    pub held: bool,
    /// Place in the queue; lower goes first.
    pub place: i64,
}

/// `ticket.json`: how a run is to be started next, while it waits in a machine's queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ticket {
    /// The machine whose queue it is in.
    pub host: String,
    /// The attempt that it goes on after; 0 before its first. It counts only while no later one was launched.
    pub after: u32,
    /// Its devices, as `--device` takes them; none takes the first that is free.
    pub device: Option<String>,
    /// UUIDs of the GPUs that are meant, where they were known; without a device, of those that it may have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uuids: Vec<String>,
    /// Runs that may be on its devices, itself among them.
    pub slots: u32,
    /// Also on a device that somebody else is on.
    pub force: bool,
    /// The run that it takes its weights from, where that was not done when it was queued.
    pub source: Option<PathBuf>,
    /// When it was queued, seconds since 1970: earlier goes first.
    pub t: f64,
    /// Slurm's id of the job that it waits in; empty while that is being submitted. None in a machine's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Why it could not be started; it is not tried again until it is let go.
    pub trouble: Option<String>,
}

impl Default for Ticket {
    fn default() -> Self {
        Self {
            host: host(),
            after: 0,
            device: None,
            uuids: Vec::new(),
            slots: 1,
            force: false,
            source: None,
            t: now(),
            job: None,
            trouble: None,
        }
    }
}

/// `source.json`: what ran, an entry an attempt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Number of the attempt.
    pub attempt: u32,
    /// mocolab's version.
    pub version: String,
    /// mocolab's git commit, with `-dirty` where it was changed.
    pub commit: String,
    /// The commit of the git repository that holds `experiments.toml`, where there is one.
    pub project_commit: Option<String>,
    /// Name of the machine.
    pub host: String,
    /// The devices as used, with their names.
    pub devices: Vec<String>,
    /// The processor.
    pub cpu: String,
    /// CPU threads.
    pub threads: u32,
    /// libtorch's version.
    pub libtorch: String,
    /// When, seconds since 1970.
    pub t: f64,
}

macro_rules! record {
    ($record:ty, $read:ident, $write:ident, $path:ident) => {
        impl RunDir {
            #[doc = concat!("Reads the ", stringify!($path), " file; none where there is none.")]
            ///
            /// # Errors
            /// Where it is there but can't be read.
            pub fn $read(&self) -> io::Result<Option<$record>> {
                read(&self.$path())
            }

            #[doc = concat!("Replaces the ", stringify!($path), " file.")]
            ///
            /// # Errors
            /// Where it can't be written; the old one is left then.
            pub fn $write(&self, record: &$record) -> io::Result<()> {
                replace(&self.$path(), &serde_json::to_vec_pretty(record)?)
            }
        }
    };
}

record!(Job, read_job, write_job, job);
record!(Request, read_request, write_request, request);
record!(Notes, read_notes, write_notes, notes);
record!(Ticket, read_ticket, write_ticket, ticket);
record!(Vec<Source>, read_sources, write_sources, source);
record!(Vec<Hook>, read_hooks, write_hooks, hooks);
record!(u32, read_told, write_told, told);

impl RunDir {
    /// Whether it has a ticket that still counts: nothing was launched since it was written.
    ///
    /// # Errors
    /// Where a file is there but can't be read.
    pub fn has_turn(&self) -> io::Result<bool> {
        let Some(ticket) = self.read_ticket()? else { return Ok(false) };
        Ok(ticket.after == self.read_job()?.map_or(0, |job| job.attempt))
    }

    /// Whether somebody will start it: this machine's queue, or a scheduler that has its job.
    pub fn comes(&self) -> bool {
        let is_job = || self.read_job().is_ok_and(|job| job.is_some_and(|job| job.executor == "slurm"));
        self.has_turn().unwrap_or(true) || is_job()
    }

    /// Takes the ticket away: it waits no longer.
    ///
    /// # Errors
    /// Where that can't be done.
    pub fn leave_queue(&self) -> io::Result<()> {
        match fs::remove_file(self.ticket()) {
            Ok(()) => folder::sync_above(&self.ticket()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Changes what is said of the run as it lies on the disk now: somebody else may have written since.
    ///
    /// # Errors
    /// Where it can't be read or written; it is as it was then.
    pub fn change_notes(&self, change: impl FnOnce(&mut Notes)) -> io::Result<Notes> {
        let mut notes = self.read_notes()?.unwrap_or_default();
        change(&mut notes);
        self.write_notes(&notes).map(|()| notes)
    }
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match plain::read(path, plain::SMALL) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("`{}` can't be read: {error}", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a text whole, with an end of its last line.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole(path, &[bytes, b"\n"].concat())
}

/// A watcher's view of a heartbeat: only changes count, by the watcher's own clock, since clocks of two hosts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heart {
    count: Option<u64>,
    since: Instant,
    moved: bool,
}

impl Heart {
    /// How long a heart may rest. It should beat every 5 s.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A heart first looked at `now`.
    pub fn new(run: &RunDir, now: Instant) -> Self {
        Self { count: count(run), since: now, moved: false }
    }

    /// Looks again.
    pub fn look(&mut self, run: &RunDir, now: Instant) -> Heartbeat {
        let count = count(run);
        if count.is_some() && count != self.count {
            *self = Self { count, since: now, moved: true };
        }
        match (self.count, now.duration_since(self.since) > Self::PATIENCE) {
            (Some(_), true) => Heartbeat::Silent,
            (Some(_), false) if self.moved => Heartbeat::Moving,
            _ => Heartbeat::Untold,
        }
    }
}

fn count(run: &RunDir) -> Option<u64> {
    String::from_utf8(plain::read(&run.heartbeat(), 64).ok()?).ok()?.trim().parse().ok()
}

impl RunDir {
    /// Moves the heartbeat to `count`. Made to fail quietly: a missed beat is no harm.
    pub fn beat(&self, count: u64) {
        let file = plain::check(plain::options().write(true).create(true).truncate(true).open(self.heartbeat()));
        let _ = file.and_then(|mut file| file.write_all(format!("{count}\n").as_bytes()));
    }

    /// Probes the lock, and says [`Lock::Untold`] where a free lock proves nothing: the job runs on another machine.
    pub fn probe_for(&self, job: Option<&Job>) -> Lock {
        let here = job.is_none_or(|job| job.boot_id == boot_id() || job.host == host());
        match self.probe() {
            Lock::Free if !here => Lock::Untold,
            lock => lock,
        }
    }
}

/// Seconds since 1970, by this machine's clock.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Linux's id of this boot; empty where it can't be read.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/PID/stat`); none where it is gone, or dead and not
/// yet buried by the one that started it.
pub fn process_start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the command, field 2, may hold anything: what follows is behind its last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let dead = ["Z", "X"].contains(&fields.next()?);
    fields.nth(18).filter(|_| !dead)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_no_process_any_more() {
        assert!(process_start(std::process::id()).is_some());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(process_start(child.id()).is_some());
        child.kill().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        // Nobody has waited for it yet.
        while process_start(child.id()).is_some() {
            assert!(Instant::now() < deadline, "a zombie is taken for alive");
        }
        assert!(Path::new(&format!("/proc/{}", child.id())).exists(), "it is a zombie");
        child.wait().unwrap();
    }

    #[test]
    fn records_are_replaced_whole_and_missing_ones_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        assert_eq!(run.read_job().unwrap(), None);
        let job = Job { attempt: 3, devices: vec!["cpu".into()], pid: 7, ..Job::default() };
        run.write_job(&Job::default()).unwrap();
        run.write_job(&job).unwrap();
        assert_eq!(run.read_job().unwrap(), Some(job));
        fs::write(run.job(), "{\"attempt\":").unwrap();
        assert!(run.read_job().unwrap_err().to_string().contains("job.json"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_heart_is_judged_by_its_changes() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heart = Heart::new(&run, start);
        assert_eq!(heart.look(&run, at(99)), Heartbeat::Untold, "no heart is not a silent one");
        run.beat(1);
        assert_eq!(heart.look(&run, at(100)), Heartbeat::Moving);
        assert_eq!(heart.look(&run, at(129)), Heartbeat::Moving);
        assert_eq!(heart.look(&run, at(131)), Heartbeat::Silent);
        run.beat(2);
        assert_eq!(heart.look(&run, at(132)), Heartbeat::Moving);
        let mut other = Heart::new(&run, at(0));
        assert_eq!(other.look(&run, at(5)), Heartbeat::Untold, "not watched long enough");
        assert_eq!(other.look(&run, at(31)), Heartbeat::Silent);
    }

    #[test]
    fn this_process_has_a_start() {
        let start = process_start(std::process::id()).unwrap();
        assert!(start > 0);
        assert_eq!(process_start(std::process::id()), Some(start));
        assert_eq!(process_start(u32::MAX), None);
    }

    #[test]
    fn a_free_lock_proves_nothing_of_another_machine() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let elsewhere = Job { host: "elsewhere".into(), boot_id: "other".into(), ..Job::default() };
        assert_eq!(run.probe_for(Some(&elsewhere)), Lock::Untold);
        assert_eq!(run.probe_for(Some(&Job { host: host(), ..elsewhere })), Lock::Free);
    }
}
