//! Verbs that change what runs: start, resume, stop.

use super::output::say;
use crate::project::{self, Project};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::device::{Choice, Devices};
use mocolab::event::{Event, Line};
use mocolab::executor::local;
use mocolab::metrics;
use mocolab::run::{RunDir, Watch};
use mocolab::status::{Status, Wish};
use mocolab::text::{duration, log_line, number, percent};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long `start` watches for the first event before it leaves the run to itself.
const HANDSHAKE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

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
    let device = device.map_or_else(|| project::default_device(&Devices::find()), Ok)?;
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
pub fn resume(project: &Project, run: &str, device: Option<Choice>, wait: bool) -> anyhow::Result<ExitCode> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run.clone());
    if !sight.status.can_start() {
        bail!("`{}` is {}: there is nothing to resume", run.label(), sight.status);
    }
    let before = sight.job.and_then(|job| job.devices.join(",").parse().ok());
    let device = device.or(before).map_or_else(|| project::default_device(&Devices::find()), Ok)?;
    go(project, &run, &device, wait)
}

/// Launches and, where asked to, stays.
fn go(project: &Project, run: &RunDir, device: &Choice, wait: bool) -> anyhow::Result<ExitCode> {
    for other in busy(project, device)? {
        say(format!("note: `{other}` is training on {device} too; both will be slower"))?;
    }
    let attempt = Sight::read(run.clone()).job.map_or(0, |job| job.attempt);
    let mut child = project::launcher(run, device)?.spawn().context("starting the launcher")?;
    let mut watch = Watch::new(run.clone());
    let mut sight = Sight::new(run.clone());
    let mut said = Vec::new();
    let deadline = Instant::now() + HANDSHAKE;
    loop {
        let gone = child.try_wait()?;
        said.extend(look(&mut watch, &mut sight)?.into_iter().filter(|line| line.attempt > attempt));
        let launched = sight.job.as_ref().is_some_and(|job| job.attempt > attempt);
        if launched && sight.status != Status::Starting {
            break;
        }
        match gone {
            Some(code) if !code.success() || !launched => bail!("`{}` did not start:\n{}", run.label(), tail(run, 12)),
            _ if Instant::now() > deadline => break,
            _ => std::thread::sleep(POLL),
        }
    }
    say(format!("{} is {} on {device}", run.label(), sight.status))?;
    if wait { follow(watch, sight, said) } else { hint(run, sight.status) }
}

fn hint(run: &RunDir, status: Status) -> anyhow::Result<ExitCode> {
    if matches!(status, Status::Failed | Status::Crashed) {
        bail!("`{}` {status}:\n{}", run.label(), tail(run, 12));
    }
    say("it goes on when this terminal closes; `mocolab` shows it live, `mocolab stop` ends it")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs of this project that train on `device` now.
fn busy(project: &Project, device: &Choice) -> anyhow::Result<Vec<String>> {
    let live = |run: RunDir| Some(Sight::read(run)).filter(|sight| sight.status.is_live());
    let shares =
        |sight: &Sight| sight.job.as_ref().is_some_and(|job| job.devices.iter().any(|d| device.names().contains(d)));
    Ok(project.runs.list()?.into_iter().filter_map(live).filter(shares).map(|sight| sight.run.label()).collect())
}

/// Takes in what is new. Returns the new lines.
fn look(watch: &mut Watch, sight: &mut Sight) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    loop {
        let look = watch.look(usize::MAX)?;
        sight.take(&look.batch);
        sight.job = look.job;
        lines.extend(look.batch.lines);
        if let Some(status) = look.status {
            sight.status = status;
            return Ok(lines);
        }
    }
}

/// Reports every epoch until the run ends, those first that the new attempt has `said` already. Leaving (Ctrl-C) leaves
/// the run alone.
fn follow(mut watch: Watch, mut sight: Sight, mut said: Vec<Line>) -> anyhow::Result<ExitCode> {
    loop {
        said.extend(look(&mut watch, &mut sight)?);
        for line in said.drain(..) {
            match line.event {
                Event::Epoch(epoch) => report(&epoch, &sight)?,
                Event::Alert(alert) => say(format!("alert: {}", log_line(&alert.message)))?,
                _ => {}
            }
        }
        if !sight.status.is_live() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    say(format!(
        "{} is {} after {}",
        sight.run.label(),
        sight.status,
        duration(sight.state.last_seen - sight.state.began)
    ))?;
    if sight.status == Status::Done {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(cause) = sight.cause() {
        say(log_line(cause))?;
    }
    if matches!(sight.status, Status::Failed | Status::Crashed) {
        say(tail(&sight.run, 12))?;
    }
    Ok(ExitCode::FAILURE)
}

fn report(epoch: &mocolab::event::Epoch, sight: &Sight) -> anyhow::Result<()> {
    let mut parts = vec![format!("epoch {}/{}", epoch.epoch, epoch.of)];
    let mut add = |title: &str, name: &str, show: fn(f64) -> String| {
        parts.extend(epoch.metrics.get(name).map(|value| format!("{title} {}", show(value.0))));
    };
    add("train loss", metrics::TRAIN_LOSS, number);
    add("val loss", metrics::VAL_LOSS, number);
    add("val macro", metrics::VAL_MACRO, percent);
    add("test macro", metrics::TEST_MACRO, percent);
    parts.push(duration(epoch.seconds));
    parts.extend(sight.state.seconds_left().filter(|left| *left > 0.0).map(|left| format!("{} left", duration(left))));
    say(parts.join("  "))
}

/// `mocolab stop`.
pub fn stop(project: &Project, run: &str, now: bool) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let status = Sight::read(run.clone()).status;
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
        let sight = Sight::read(run.clone());
        if !sight.status.is_live() {
            return say(format!("{} is {} at step {}", run.label(), sight.status, sight.state.step));
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

/// The last lines of a run's log.
fn tail(run: &RunDir, count: usize) -> String {
    let bytes = std::fs::read(run.output()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(log_line).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
