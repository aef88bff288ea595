//! The lock of a machine's queue: whoever holds it starts what waits there, and nobody else.

use super::{Runs, host, plain};
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long another may be in the gate of starts.
const PATIENCE: Duration = Duration::from_mins(1);

/// The lock, held as long as this lives.
#[derive(Debug)]
pub struct AgentLock(File);

impl AgentLock {
    /// Takes the lock of this machine's queue among `runs`; none where another has it.
    ///
    /// # Errors
    /// Where the file can't be opened or locked.
    pub fn take(runs: &Runs) -> io::Result<Option<Self>> {
        runs.make()?;
        let file = plain::check(plain::options().create(true).truncate(false).write(true).open(runs.agent("lock")))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The lock for a process that is started under it: it is held until that lets go too. A launcher does when it has
    /// become a trainer, so that no agent plans while the launcher of one that was killed is still on its way.
    ///
    /// # Errors
    /// Where there is no room for another descriptor.
    pub fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

impl Runs {
    /// The gate of starts, held as long as the file lives: whoever looks whether a run is there and makes one passes it, so
    /// that two who do so at the same moment make one run. It waits while another is in it.
    ///
    /// # Errors
    /// Where the file can't be opened or locked, or another is in it for a minute.
    pub fn gate(&self) -> io::Result<File> {
        self.make()?;
        let path = self.path().join(".starts");
        let file = plain::check(plain::options().create(true).truncate(false).write(true).open(path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    let why = "another start has it for a minute: look for a `mocolab start` that hangs";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// The agent's log, to be written on at the end.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn append_agent_log(&self) -> io::Result<File> {
        plain::check(plain::options().create(true).append(true).open(self.agent("log")))
    }

    /// The agent's file with this ending: `lock`, `log`. One a machine: a file system may be shared.
    pub fn agent(&self, ending: &str) -> PathBuf {
        self.path().join(format!(".agent-{}.{ending}", host()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_until_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let first = AgentLock::take(&runs).unwrap();
        assert!(first.is_some() && AgentLock::take(&runs).unwrap().is_none());
        drop(first);
        assert!(AgentLock::take(&runs).unwrap().is_some());
        assert!(runs.list().unwrap().is_empty(), "no run");
    }
}
