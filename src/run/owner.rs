//! Whose a run is. Anybody may look at the runs of a shared folder; what is in one decides what its trainer does, which
//! process is ended, and who is told, so only its owner acts on it.

use super::RunDir;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

/// A run is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{label}` belongs to another user (uid {uid}): look at it, or start a run of your own; only its owner can start, stop or move it"
)]
pub struct NotOwn {
    label: String,
    uid: u32,
}

impl RunDir {
    /// Whether it is this user's. Where the file system has owners of its own (a share of Windows, some network file systems),
    /// it is that of all who can write into the folder of all runs.
    pub fn is_own(&self) -> bool {
        self.ensure_own().is_ok()
    }

    /// Makes sure that this user may act on it.
    ///
    /// # Errors
    /// Where it is somebody else's.
    pub fn ensure_own(&self) -> Result<(), NotOwn> {
        let Ok(data) = fs::metadata(self.path()) else { return Ok(()) };
        if data.uid() == me() || self.path().ancestors().nth(2).is_some_and(owners_are_made_up) {
            return Ok(());
        }
        Err(NotOwn { label: self.label(), uid: data.uid() })
    }
}

/// Whether even what this process makes in `folder` is somebody else's. Asked once: a process has one folder of runs.
fn owners_are_made_up(folder: &Path) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let probe = folder.join(format!(".owner-{}", std::process::id()));
        let made = File::create_new(&probe).and_then(|file| file.metadata()).map(|data| data.uid());
        if made.is_ok() {
            let _ = fs::remove_file(&probe);
        }
        made.is_ok_and(|uid| uid != me())
    })
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_acts() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("runs/quick/1");
        fs::create_dir_all(&own).unwrap();
        let run = RunDir::new(&own);
        assert!(run.is_own());
        // Only root can give a folder away; elsewhere this is seen at the root of all.
        let other = if std::os::unix::fs::chown(&own, Some(65534), None).is_ok() { run } else { RunDir::new("/") };
        assert!(other.ensure_own().unwrap_err().to_string().contains("another user") || other.path() == Path::new("/"));
        assert_eq!(fs::read_dir(folder.path().join("runs")).unwrap().count(), 1, "nothing is left of the asking");
    }
}
