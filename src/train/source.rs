//! `source.json`: what ran, for whoever wants to know later how a number came about.

use super::device;
use mocolab::run::{Job, RunDir, Source, host, now};
use std::path::Path;
use std::process::Command;

/// Adds an entry for this attempt.
///
/// # Errors
/// Where the file can't be read or written.
pub fn write(run: &RunDir, job: &Job, threads: u32) -> std::io::Result<()> {
    // An unreadable one is no reason not to train: it is begun anew.
    let mut sources = run.read_sources().ok().flatten().unwrap_or_default();
    sources.push(Source {
        attempt: job.attempt,
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("MOCOLAB_COMMIT").into(),
        project_commit: run.path().ancestors().nth(3).and_then(commit),
        host: host(),
        devices: named(&job.devices),
        cpu: mocolab::device::cpu_model(),
        threads,
        libtorch: libtorch().unwrap_or_else(|| "unknown".into()),
        t: now(),
    });
    run.write_sources(&sources)
}

/// The devices with the models of the GPUs that this process sees.
fn named(devices: &[String]) -> Vec<String> {
    let found = mocolab::device::Devices::find().devices;
    let gpus = found.iter().filter(|device| device.name != "cpu").map(|gpu| format!(" {}", gpu.model));
    let models = gpus.chain(std::iter::repeat(String::new()));
    devices
        .iter()
        .zip(models)
        .map(|(device, model)| format!("{device}{}", if device == "cpu" { "" } else { &model }))
        .collect()
}

/// The commit of the git repository around `folder`, `-dirty` where tracked files differ from it.
fn commit(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    Some(if changed { format!("{commit}-dirty") } else { commit })
}

/// The version of the libtorch that is loaded, as the files beside it say.
fn libtorch() -> Option<String> {
    let root = device::libraries()?.parent()?.to_owned();
    if let Ok(version) = std::fs::read_to_string(root.join("build-version")) {
        return Some(version.trim().to_owned());
    }
    let module = std::fs::read_to_string(root.join("version.py")).ok()?;
    let line = module.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim_matches(['\'', '"']).to_owned())
}
