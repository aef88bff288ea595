//! Whose a run is. Anybody may look at the runs of a shared folder; what is in one decides what its trainer does, which
//! process is ended, and who is told, so only its owner acts on it.

use super::RunDir;
use std::fs;
use std::os::unix::fs::MetadataExt;

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
    /// Whether it is this user's.
    pub fn is_own(&self) -> bool {
        fs::metadata(self.path()).is_ok_and(|data| data.uid() == me())
    }

    /// Makes sure that this user may act on it. Where the file system has owners of its own (a share of Windows, some network
    /// file systems), that is who can write there.
    ///
    /// # Errors
    /// Where it is somebody else's.
    pub fn ensure_own(&self) -> Result<(), NotOwn> {
        let Ok(data) = fs::metadata(self.path()) else { return Ok(()) };
        if data.uid() == me() || self.owners_are_made_up() {
            return Ok(());
        }
        Err(NotOwn { label: self.label(), uid: data.uid() })
    }

    /// Whether even what this process makes there is somebody else's.
    fn owners_are_made_up(&self) -> bool {
        let probe = self.path().join(format!(".owner-{}", std::process::id()));
        let made = fs::File::create_new(&probe).and_then(|file| file.metadata()).map(|data| data.uid());
        let _ = fs::remove_file(&probe);
        made.is_ok_and(|uid| uid != me())
    }
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
        let run = RunDir::new(folder.path());
        assert!(run.is_own() && run.ensure_own().is_ok());
        // Only root can give a folder away; elsewhere this is seen at the root of all.
        let other =
            if std::os::unix::fs::chown(folder.path(), Some(65534), None).is_ok() { run } else { RunDir::new("/") };
        assert!(!other.is_own());
        assert!(other.ensure_own().unwrap_err().to_string().contains("another user"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of the asking");
    }
}
