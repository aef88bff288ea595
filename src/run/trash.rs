//! The trash: a run that is in the way goes to `runs/.trash`, whole, and can come back until somebody empties that.

use super::{HeldLock, RunDir, Runs, Watch, folder};
use crate::status::Status;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a run stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum TrashError {
    /// Somebody trains it, or its lock can't be had.
    #[error(transparent)]
    Lock(#[from] super::LockError),
    /// It may be trained on another machine, whose lock can't be seen from here.
    #[error("it can't be told from here whether `{0}` lives: look at the machine it was started on first")]
    Elsewhere(String),
    /// It can't be moved.
    #[error("moving `{path}`: {error}")]
    Io {
        /// What was to be moved.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// Its place is taken.
    #[error("`{0}` is there again: what lies in the trash stays there")]
    Taken(String),
}

impl Runs {
    /// Puts `run` into the trash. Returns where it lies now.
    ///
    /// # Errors
    /// Where it is being trained or can't be moved; it is where it was then.
    pub fn trash(&self, run: &RunDir) -> Result<PathBuf, TrashError> {
        let failed = |error| TrashError::Io { path: run.path().display().to_string(), error };
        let status = Watch::new(run.clone()).status().map_err(failed)?;
        if status == Status::Unknown {
            return Err(TrashError::Elsewhere(run.label()));
        }
        // Held until it has moved, so that nobody starts it meanwhile.
        let _lock = HeldLock::take(run)?;
        let experiment = run.path().parent().and_then(Path::file_name).unwrap_or_default();
        let trash = self.path().join(".trash").join(experiment);
        folder::make(&trash).map_err(failed)?;
        let name = |number: u32| if number == 1 { run.id() } else { format!("{}.{number}", run.id()) };
        let free = (1..=10_000).map(|number| trash.join(name(number))).find(|path| !path.exists());
        let place = free.unwrap_or_else(|| trash.join(run.id()));
        carry(run.path(), &place).map_err(failed)?;
        Ok(place)
    }

    /// Brings `run` back from `place` in the trash.
    ///
    /// # Errors
    /// Where something is in its old place, or it can't be moved; it stays in the trash then.
    pub fn restore(&self, run: &RunDir, place: &Path) -> Result<(), TrashError> {
        if run.path().exists() {
            return Err(TrashError::Taken(run.label()));
        }
        // The last run of an experiment takes no folder along, but somebody may have tidied up.
        let parent = run.path().parent().map_or(Ok(()), folder::make);
        parent
            .and_then(|()| carry(place, run.path()))
            .map_err(|error| TrashError::Io { path: place.display().to_string(), error })
    }
}

/// Moves a run. It is in its new place for certain before it is gone for certain from the old one.
fn carry(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    folder::sync_above(to)?;
    folder::sync_above(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::create;

    fn project() -> (tempfile::TempDir, Runs, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let moment: jiff::ZonedDateTime = "2026-11-24T22:36:29[UTC]".parse().unwrap();
        let run = create(&runs, &"quick".parse().unwrap(), &moment, "x = 1").unwrap();
        (folder, runs, run)
    }

    #[test]
    fn a_run_goes_into_the_trash_whole_and_comes_back() {
        let (_folder, runs, run) = project();
        let place = runs.trash(&run).unwrap();
        assert!(runs.list().unwrap().is_empty() && place.join("experiment.toml").exists());
        runs.restore(&run, &place).unwrap();
        assert_eq!(runs.list().unwrap(), [run]);
    }

    #[test]
    fn what_lies_in_the_trash_is_never_written_over() {
        let (_folder, runs, run) = project();
        let first = runs.trash(&run).unwrap();
        fs::create_dir_all(run.path()).unwrap();
        fs::write(run.experiment(), "x = 2").unwrap();
        assert!(matches!(runs.restore(&run, &first), Err(TrashError::Taken(_))));
        let second = runs.trash(&run).unwrap();
        assert_ne!(first, second);
        assert_eq!(fs::read_to_string(first.join("experiment.toml")).unwrap(), "x = 1");
    }

    #[test]
    fn a_run_that_is_trained_stays() {
        let (_folder, runs, run) = project();
        let lock = HeldLock::take(&run).unwrap();
        assert!(matches!(runs.trash(&run), Err(TrashError::Lock(_))));
        assert!(run.experiment().exists());
        drop(lock);
    }
}
