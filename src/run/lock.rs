//! The lock of a run (flock): held from launch to the trainer's end, so that alive and dead can be told at once, also
//! after `kill -9`, also for a zombie or a stopped process, and so that no run is trained twice.

use super::{NotOwn, RunDir, plain};
use crate::status::Lock;
use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

/// A lock that is held as long as this lives, or any copy of its descriptor.
#[derive(Debug)]
pub struct HeldLock(File);

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The run is being trained.
    #[error("`{0}` is running already: one process trains a run at a time; stop it first, or start a new run")]
    Running(String),
    /// It is somebody else's.
    #[error(transparent)]
    NotOwn(#[from] NotOwn),
    /// The file could not be opened or locked.
    #[error("locking `{path}`: {error}; runs need a file system with locks (NFS mounted with them, or a local disk)")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        error: io::Error,
    },
}

impl HeldLock {
    /// Takes the lock. A watcher's probe can hold it for an instant, so a refusal is believed only after a second.
    ///
    /// # Errors
    /// Where another process holds it, or the file can't be opened.
    pub fn take(run: &RunDir) -> Result<Self, LockError> {
        let failed = |error| LockError::Io { path: run.lock().display().to_string(), error };
        run.ensure_own()?;
        if run.is_held_without_file() {
            return Err(LockError::Running(run.label()));
        }
        let file = open(run, true).map_err(failed)?;
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(LockError::Running(run.label()));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// The lock handed on as a process's standard input, or taken anew where that is something else (a trainer started
    /// by hand).
    ///
    /// # Errors
    /// As [`HeldLock::take`].
    pub fn inherit(run: &RunDir) -> Result<Self, LockError> {
        let failed = |error: io::Error| LockError::Io { path: run.lock().display().to_string(), error };
        let given = rustix::fs::fstat(rustix::stdio::stdin()).ok();
        let expected = rustix::fs::stat(run.lock()).ok();
        let same = given.zip(expected).is_some_and(|(a, b)| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino));
        if !same {
            return Self::take(run);
        }
        // The copy is close-on-exec, so no child of the trainer can keep the run looking alive.
        let file =
            File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(|e| failed(e.into()))?);
        let null = File::open("/dev/null").map_err(failed)?;
        rustix::stdio::dup2_stdin(&null).map_err(|e| failed(e.into()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(_) => Self::take(run),
        }
    }

    /// The file, to be handed on to the process that goes on holding the lock.
    pub fn into_file(self) -> File {
        self.0
    }
}

impl RunDir {
    /// Asks whether some process holds the lock, without disturbing it.
    pub fn probe(&self) -> Lock {
        match open(self, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.is_held_without_file() {
                    Lock::Held
                } else {
                    Lock::Free
                }
            }
            Err(_) => Lock::Untold,
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Lock::Free,
                Err(TryLockError::WouldBlock) => Lock::Held,
                Err(TryLockError::Error(_)) => Lock::Untold,
            },
        }
    }
}

impl RunDir {
    /// Whether its trainer lives although somebody has removed the file that it locked.
    fn is_held_without_file(&self) -> bool {
        let gone = || self.lock().try_exists().is_ok_and(|exists| !exists);
        gone() && self.read_job().is_ok_and(|job| job.is_some_and(|job| job.lives()))
    }
}

fn open(run: &RunDir, write: bool) -> io::Result<File> {
    plain::check(plain::options().read(true).write(write).create(write).truncate(false).open(run.lock()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Job, boot_id, process_start};

    #[test]
    fn one_holder_at_a_time_and_probes_do_not_disturb() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        assert_eq!(run.probe(), Lock::Free);
        let held = HeldLock::take(&run).unwrap();
        assert_eq!(run.probe(), Lock::Held);
        assert!(matches!(HeldLock::take(&run), Err(LockError::Running(_))));
        let copy = held.into_file().try_clone().unwrap();
        assert_eq!(run.probe(), Lock::Held, "a copy of the descriptor goes on holding");
        drop(copy);
        assert_eq!(run.probe(), Lock::Free);
        HeldLock::take(&run).unwrap();
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_held_while_its_process_lives() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let _held = HeldLock::take(&run).unwrap();
        let pid = std::process::id();
        let start = process_start(pid).unwrap();
        let job = Job { pid, process_start: start, boot_id: boot_id(), ..Job::default() };
        run.write_job(&job).unwrap();
        std::fs::remove_file(run.lock()).unwrap();
        assert_eq!(run.probe(), Lock::Held);
        assert!(matches!(HeldLock::take(&run), Err(LockError::Running(_))));
        assert!(!run.lock().exists(), "and asking makes none anew");
        // Another process that has got its number, or one of an earlier boot.
        for other in [Job { process_start: start + 1, ..job.clone() }, Job { boot_id: "other".into(), ..job }] {
            run.write_job(&other).unwrap();
            assert_eq!(run.probe(), Lock::Free);
        }
        HeldLock::take(&run).unwrap();
    }
}
