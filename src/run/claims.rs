//! Which runs of this user have which devices of this machine, whatever project they are of: so that two that are launched
//! at the same moment can't both get the last place on one. A claim is a line in a file of the user's, and counts as long as
//! the run that made it holds its own lock: whoever is killed leaves nothing that has to be cleaned.

use super::{RunDir, host, records};
use crate::status::Lock;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the file may be busy: it is held for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run.
    pub run: PathBuf,
    /// The attempt that has them; a later one of the same run has others.
    pub attempt: u32,
    /// Its devices: a GPU's UUID, or its number where that is all that is known; `cpu`.
    pub devices: Vec<String>,
    /// Runs that may be on them, itself among them.
    pub slots: u32,
}

/// Somebody has the device.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{run} is on {device}, which is not to be shared: wait for it with --queue, or take it all the same with --force"
)]
pub struct Taken {
    /// The device.
    pub device: String,
    /// The run that has it, as a user names it.
    pub run: String,
}

/// The claims of this user on this machine.
#[derive(Debug, Clone)]
pub struct Claims {
    file: PathBuf,
    gate: PathBuf,
}

impl Claims {
    /// Those in `$XDG_STATE_HOME/mocolab`, else `~/.local/state/mocolab`; none without a home.
    pub fn of_user() -> Option<Self> {
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
        Some(Self::at(state.join("mocolab")))
    }

    /// Those in `folder`: one file a machine, since the folder may be shared.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let path = |ending: &str, folder: PathBuf| folder.join(format!("devices-{}.{ending}", host()));
        let folder = folder.into();
        Self { file: path("json", folder.clone()), gate: path("gate", folder) }
    }

    /// The claims of runs that live. A file that is damaged is none: the plan and the driver still tell most.
    pub fn living(&self) -> Vec<Claim> {
        let all: Vec<Claim> = records::read(&self.file).ok().flatten().unwrap_or_default();
        all.into_iter().filter(Claim::lives).collect()
    }

    /// Gives `claim` its devices. Its run must hold its lock already. Where `force`, whoever is there.
    ///
    /// # Errors
    /// Where the file can't be locked or written; as the answer, where a run is there that does not share.
    pub fn take(&self, claim: Claim, force: bool) -> io::Result<Result<(), Taken>> {
        let _gate = self.gate()?;
        let mut all = self.living();
        all.retain(|other| other.run != claim.run);
        if let (false, Some(taken)) = (force, conflict(&all, &claim)) {
            return Ok(Err(taken));
        }
        all.push(claim);
        records::replace(&self.file, &serde_json::to_vec_pretty(&all)?).map(Ok)
    }

    fn gate(&self) -> io::Result<File> {
        if let Some(folder) = self.gate.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.gate)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::Error(error)) => return Err(error),
                Err(fs::TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "another mocolab holds it"));
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Claim {
    fn lives(&self) -> bool {
        let run = RunDir::new(&self.run);
        let later = || run.read_job().is_ok_and(|job| job.is_some_and(|job| job.attempt > self.attempt));
        run.probe() == Lock::Held && !later()
    }
}

/// The first that `claim` can't be beside: on each device as many as all on it allow.
fn conflict(all: &[Claim], claim: &Claim) -> Option<Taken> {
    claim.devices.iter().find_map(|device| {
        let there: Vec<&Claim> = all.iter().filter(|other| other.devices.contains(device)).collect();
        let allowed = there.iter().map(|other| other.slots).chain([claim.slots]).min().unwrap_or(1).max(1);
        let first = there.first().filter(|_| there.len() >= allowed as usize)?;
        Some(Taken { device: device.clone(), run: RunDir::new(&first.run).label() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::HeldLock;

    fn run(folder: &std::path::Path, name: &str) -> RunDir {
        let path = folder.join("runs").join(name).join("1");
        fs::create_dir_all(&path).unwrap();
        RunDir::new(path)
    }

    fn claim(run: &RunDir, devices: &[&str], slots: u32) -> Claim {
        let devices = devices.iter().map(|device| (*device).to_owned()).collect();
        Claim { run: run.path().to_owned(), attempt: 1, devices, slots }
    }

    #[test]
    fn a_device_is_had_once_as_long_as_its_run_lives() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::at(folder.path().join("state"));
        let (a, b) = (run(folder.path(), "a"), run(folder.path(), "b"));
        let first = HeldLock::take(&a).unwrap();
        assert_eq!(claims.take(claim(&a, &["GPU-1", "GPU-2"], 1), false).unwrap(), Ok(()));
        let _second = HeldLock::take(&b).unwrap();
        let taken = Taken { device: "GPU-2".into(), run: "a/1".into() };
        assert_eq!(claims.take(claim(&b, &["GPU-2"], 1), false).unwrap(), Err(taken));
        assert_eq!(claims.living().len(), 1, "what was refused left nothing");
        assert_eq!(claims.take(claim(&b, &["GPU-3"], 1), false).unwrap(), Ok(()));
        // Started again elsewhere, it has only the new place.
        assert_eq!(claims.take(claim(&a, &["GPU-1"], 1), false).unwrap(), Ok(()));
        assert_eq!(claims.take(claim(&b, &["GPU-2"], 1), false).unwrap(), Ok(()));
        assert_eq!(claims.take(claim(&b, &["GPU-1"], 1), true).unwrap(), Ok(()), "by force");
        let job = crate::run::Job { attempt: 2, ..Default::default() };
        a.write_job(&job).unwrap();
        assert_eq!(claims.living().len(), 1, "a later attempt has what it claims itself");
        drop(first);
        assert_eq!(claims.living().len(), 1, "who lets go of the lock has nothing");
    }

    #[test]
    fn as_many_share_as_all_of_them_allow() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::at(folder.path());
        let runs: Vec<RunDir> = ["a", "b", "c"].iter().map(|name| run(folder.path(), name)).collect();
        let _locks: Vec<HeldLock> = runs.iter().map(|run| HeldLock::take(run).unwrap()).collect();
        let take = |at: usize, slots| claims.take(claim(&runs[at], &["cpu"], slots), false).unwrap().is_ok();
        assert_eq!([take(0, 2), take(1, 3), take(2, 3)], [true, true, false]);
    }

    #[test]
    fn a_damaged_file_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::at(folder.path());
        let a = run(folder.path(), "a");
        let _lock = HeldLock::take(&a).unwrap();
        fs::write(&claims.file, "[{\"run\":").unwrap();
        assert_eq!(claims.living(), []);
        assert_eq!(claims.take(claim(&a, &["cpu"], 1), false).unwrap(), Ok(()));
        assert_eq!(claims.living().len(), 1);
    }

    #[test]
    fn of_many_at_once_one_gets_the_last_place() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::at(folder.path());
        let runs: Vec<RunDir> = (0..8).map(|number| run(folder.path(), &format!("r{number}"))).collect();
        let _locks: Vec<HeldLock> = runs.iter().map(|run| HeldLock::take(run).unwrap()).collect();
        let got = std::thread::scope(|scope| {
            let take = |run: &RunDir| claims.take(claim(run, &["GPU-1"], 1), false).unwrap().is_ok();
            let all: Vec<_> = runs.iter().map(|run| scope.spawn(move || take(run))).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|got| *got).count()
        });
        assert_eq!(got, 1);
    }
}
