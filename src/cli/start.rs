//! Verbs that change what runs: start, resume, stop.

use super::follow::{Launched, POLL};
use super::output::say;
use crate::project::{self, Project};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::device::{Choice, Devices};
use mocolab::executor::local;
use mocolab::run::{RunDir, Watch};
use mocolab::status::{Lock, Status, Wish};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// `mocolab start`.
pub fn start(project: &Project, name: &str, device: Option<Choice>, wait: bool) -> anyhow::Result<ExitCode> {
    let suite = project.suite()?;
    let experiments = suite.find(name).map_err(anyhow::Error::msg)?;
    if experiments.len() > 1 && !wait {
        let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        bail!(
            "`{name}` has {} variants ({}): name one, or add --wait to train them one after another",
            names.len(),
            names.join(", ")
        );
    }
    let found = Devices::find();
    let device = device.map_or_else(|| project::default_device(&found), Ok)?;
    device.visible(&found).map_err(anyhow::Error::msg)?;
    for experiment in experiments {
        let (run, note) = project.begin(experiment)?;
        note.into_iter().try_for_each(say)?;
        let code = go(project, &run, &device, wait)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `mocolab resume`.
pub fn resume(
    project: &Project,
    run: &str,
    device: Option<Choice>,
    (force, wait): (bool, bool),
) -> anyhow::Result<ExitCode> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run.clone());
    if sight.status == Status::Unknown && !force {
        let host = sight.job.as_ref().map_or("another machine", |job| job.host.as_str());
        let why =
            sight.trouble.unwrap_or_else(|| format!("it was launched on `{host}`, which can't be asked from here"));
        bail!("whether `{}` lives is unknown: {why}; if you know that it is gone, --force resumes it", run.label());
    }
    if !sight.status.can_start() && sight.status != Status::Unknown {
        bail!("`{}` is {}: there is nothing to resume", run.label(), sight.status);
    }
    let before = sight.job.and_then(|job| job.devices.join(",").parse().ok());
    let device = device.or(before).map_or_else(|| project::default_device(&Devices::find()), Ok)?;
    go(project, &run, &device, wait)
}

/// Launches, and where asked to, stays.
fn go(project: &Project, run: &RunDir, device: &Choice, wait: bool) -> anyhow::Result<ExitCode> {
    for other in busy(project, device)? {
        say(format!("note: `{other}` is training on {device} too; both will be slower"))?;
    }
    let launched = Launched::new(run, device)?;
    let status = launched.status();
    say(format!("{} is {status} on {device}", run.label()))?;
    if wait {
        return launched.follow();
    }
    if matches!(status, Status::Failed | Status::Crashed) {
        bail!("`{}` {status}:\n{}", run.label(), launched.words());
    }
    say("it goes on when this terminal closes; `mocolab` shows it live, `mocolab stop` ends it")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs of this project that train on `device` now.
fn busy(project: &Project, device: &Choice) -> anyhow::Result<Vec<String>> {
    // Records are read only of runs that some process holds.
    let held = project.runs.list()?.into_iter().filter(|run| run.probe() == Lock::Held);
    Ok(held.map(Sight::read).filter(|sight| sight.trains_on(device)).map(|sight| sight.run.label()).collect())
}

/// `mocolab stop`.
pub fn stop(project: &Project, run: &str, now: bool) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let mut watch = Watch::new(run.clone());
    let status = watch.status()?;
    if !status.is_live() {
        bail!("`{}` is {status}: there is nothing to stop", run.label());
    }
    if now {
        local::kill(&run)?;
    } else {
        local::ask(&run, Wish::Stop)?;
        say(format!("{} stops after the step under way; a checkpoint is written first", run.label()))?;
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        let status = watch.status()?;
        if !status.is_live() {
            return say(format!("{} is {status} at step {}", run.label(), Sight::read(run.clone()).state.step));
        }
        std::thread::sleep(POLL);
    }
    bail!("`{}` has not stopped within a minute; wait on, or end it with `mocolab stop --now`", run.label())
}

/// `mocolab launch`: returns only where it fails.
pub fn launch(run: &Path, device: &Choice) -> anyhow::Result<ExitCode> {
    let run = RunDir::new(std::fs::canonicalize(run).with_context(|| format!("finding the run `{}`", run.display()))?);
    match local::launch(&run, device)? {}
}
