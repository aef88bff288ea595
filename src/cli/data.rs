//! Verbs about data sets.

use super::output::say;
use crate::project::Project;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Download a data set into data/: cifar10 (the official archive, 163 MiB).
    Get {
        /// Which.
        #[arg(value_parser = ["cifar10"])]
        name: String,
        /// Another place to get the same archive from.
        #[arg(long)]
        url: Option<String>,
    },
}

/// `mocolab data …`.
pub fn run(_project: &Project, command: Command) -> anyhow::Result<()> {
    let Command::Get { name, url } = command;
    say(format!("{name} {url:?}"))
}
