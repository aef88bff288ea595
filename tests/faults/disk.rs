//! File systems of their own for a test: for root, on a system that lets root mount them.

use crate::project::poll;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system that is mounted for as long as this lives.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// One in memory, of `size` (`64m`). None where it can't be had, which is said aloud.
    pub fn in_memory(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        Self::mounted(path, &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    /// The one in the file `image`.
    pub fn of_image(image: &Path, path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        Self::mounted(path, &["-o", "loop", image.to_str()?])
    }

    fn mounted(path: &Path, words: &[&str]) -> Option<Self> {
        succeeds("mount", words.iter().map(OsStr::new).chain([path.as_os_str()]))
            .then(|| Self { path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that can still be written.
    pub fn free(&self) -> u64 {
        let facts = rustix::fs::statvfs(&self.path).unwrap();
        facts.f_bavail * facts.f_frsize
    }

    /// Takes it off, as at a shutdown: all that was written reaches its image.
    pub fn unmount(self) {
        // A process that was killed lets go a moment later.
        poll("the disk to be let go", || succeeds("umount", [self.path.as_os_str()]).then_some(()));
        std::mem::forget(self);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds("umount", [OsStr::new("-l"), self.path.as_os_str()]);
    }
}

/// Whether a command succeeds; where not, what it said is said aloud.
pub fn succeeds<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> bool {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        Err(error) => {
            eprintln!("{program}: {error}");
            false
        }
    }
}
