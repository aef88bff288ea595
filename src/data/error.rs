//! What can be wrong with a data set, or go wrong on the way to it.

use std::{
    io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why a data set cannot be had. Every message names the file, and the row where there is one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// No CIFAR-10 in any of the usual places, or not in the place given.
    #[error(
        "no CIFAR-10 found; `mocolab data get cifar10` brings it (162 MiB). Looked for `{first}` in {list}",
        first = super::cifar10::FILES[0],
        list = listed(looked_in)
    )]
    NotFound {
        /// The folders looked in, in order.
        looked_in: Vec<PathBuf>,
    },
    /// A file or folder that is not what it should be.
    #[error("`{}` {problem}", path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do: completes a sentence that begins with the path.
        problem: String,
    },
    /// The disk is full.
    #[error("no space left for `{}`: free some (CIFAR-10 needs 360 MB while it is unpacked) and run this again", path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("{action} `{}`: {source}", path.display())]
    Io {
        /// What was being done: `reading`, `writing`, `locking`, `renaming`.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A download that did not come, after all attempts.
    #[error("downloading `{url}`: {problem}")]
    Download {
        /// The address.
        url: String,
        /// What happened, and what to do.
        problem: String,
    },
    /// A download that is not what was asked for. It has been deleted.
    #[error(
        "`{url}` is not the expected file: its sha256 is `{found}`, expected `{expected}`; nothing was kept. Run this \
         again; if it happens again, the file at this address has changed, or something on the way changes it"
    )]
    Checksum {
        /// The address.
        url: String,
        /// The sum of what came.
        found: String,
        /// The sum of what was asked for.
        expected: String,
    },
}

impl DataError {
    pub(super) fn invalid(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), problem: problem.into() }
    }

    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::doing("reading", path)
    }

    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::doing("writing", path)
    }

    /// Wraps what the system answered to `action` on `path`; a full disk is told apart.
    pub(super) fn doing(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { action, path, source },
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
