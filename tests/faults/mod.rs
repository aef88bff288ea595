//! What must not lose anything, struck again and again: the promises of docs/reliability.md. A seeded sample by default;
//! `MOCOLAB_FAULTS=full` (`make faults`) strikes as often as the table there says, `MOCOLAB_FAULTS_SEED` elsewhere.

mod corruption;
mod crashes;
mod disk;
mod full;
mod laboratory;
mod liveness;
mod load;
mod memory;
mod power;
mod security;
mod writes;

use mocolab::random::{Purpose, Random};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A training of some seconds that writes a file of every kind.
const SMALL: &str = "arch = \"resnet8\"\nepochs = 4\nbatch = 60\nlr = 0.05\nwarmup_epochs = 1\nlog_every = 1\nval_fraction = 0.2\nmap_every = 2\n\
     test_every = 2\nhistograms_every = 2\n";

/// How often to strike: `sample` times, or `full` times where everything is asked for.
fn count(sample: u64, full: u64) -> u64 {
    if std::env::var("MOCOLAB_FAULTS").is_ok_and(|wanted| wanted == "full") { full } else { sample }
}

/// Where and when, for the test `number`.
fn random(number: u64) -> Random {
    let seed = std::env::var("MOCOLAB_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    Random::new(seed, Purpose::Drawing, (number, 0))
}

/// Says what was seen, for the table: to the test's output, and as a line of the file that `MOCOLAB_FAULTS_TABLE` names.
fn tell(test: &str, figure: &str) {
    eprintln!("faults: {test}: {figure}");
    if let Some(path) = std::env::var_os("MOCOLAB_FAULTS_TABLE") {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(format!("| `{test}` | {figure} |\n").as_bytes()).unwrap();
    }
}

/// All files below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
