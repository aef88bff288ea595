//! Verbs about data sets.

use super::output::{note, say};
use super::preview::preview;
use crate::project::Project;
use indicatif::{ProgressBar, ProgressStyle};
use mocolab::data::{self, CIFAR10_SHA256, CIFAR10_URL, Progress};
use mocolab::text::bytes;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Download a data set: cifar10 (the official archive, 163 MiB).
    Get {
        /// Which.
        #[arg(value_parser = ["cifar10"])]
        name: String,
        /// Where to [default: data/ beside experiments.toml].
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
        /// Another place to get the archive from.
        #[arg(long, default_value = CIFAR10_URL)]
        url: String,
        /// The checksum that the archive must have.
        #[arg(long, default_value = CIFAR10_SHA256, hide_default_value = true)]
        sha256: String,
    },
    /// Look at training pictures and what an experiment makes of them: each as it is, and four views of it.
    Preview {
        /// An experiment of experiments.toml, or one variant of it.
        name: String,
        /// How many pictures, chosen by the experiment's seed.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// Write them to this PNG file, four times as large, instead of showing them here.
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
    },
}

/// `mocolab data …`.
pub fn run(project: &Project, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Get { url, sha256, into, .. } => get(project, &url, &sha256, into),
        Command::Preview { name, count, png } => preview(project, &name, count, png.as_deref()),
    }
}

/// `mocolab data get`.
fn get(project: &Project, url: &str, sha256: &str, into: Option<PathBuf>) -> anyhow::Result<()> {
    let into = into.unwrap_or_else(|| project.places.project.join("data"));
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}  {eta} left  {msg}",
    )?);
    let folder = data::get_cifar10(url, sha256, &into, &mut |progress| show(&bar, &progress));
    bar.finish_and_clear();
    say(format!("CIFAR-10 is in `{}`", folder?.display()))
}

/// Moves the bar; what is worth keeping is printed above it, also where there is no terminal.
fn show(bar: &ProgressBar, progress: &Progress) {
    match progress {
        Progress::Downloading { bytes: done, total } => {
            bar.set_length(total.unwrap_or(*done));
            bar.set_position(*done);
        }
        Progress::Waiting => bar.set_message("another mocolab is at it: waiting"),
        Progress::Retrying { problem, wait } => {
            let done = bytes(bar.position());
            let line = format!("{problem}: again in {:.0} s, from {done} on", wait.as_secs_f64());
            if bar.is_hidden() { note(&line) } else { bar.println(mocolab::text::sanitize_lines(&line)) }
        }
        Progress::Checking => bar.set_message("checking"),
        Progress::Unpacking => bar.set_message("unpacking"),
        _ => {}
    }
}
