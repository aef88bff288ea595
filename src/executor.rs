//! Starting and ending the process that trains a run: a process of this machine ([`local`]), or a job of a cluster
//! ([`slurm`]), which becomes such a process on its node.

pub mod libtorch;
pub mod local;
pub mod slurm;

use std::path::{Path, PathBuf};

/// Where a program of this name is found.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| Path::is_file(program))
}
