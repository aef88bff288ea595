//! An attempt that was just launched: watched until it has begun, and on request until it ends.

use super::output::say;
use crate::project;
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::event::{Epoch, Event, Line};
use mocolab::executor::local::Launch;
use mocolab::run::{RunDir, Watch};
use mocolab::status::Status;
use mocolab::text::{duration, log_line};
use std::fs::File;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a launch is watched for its first event before the run is left to itself.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// Between two looks at a launch.
pub const POLL: Duration = Duration::from_millis(50);

/// An attempt, and what it has said that was not reported yet.
pub struct Launched {
    watch: Watch,
    sight: Sight,
    lines: Vec<Line>,
    /// Bytes of the log that earlier attempts wrote.
    before: u64,
}

impl Launched {
    /// Launches `run` and watches until it has said something or a while has passed; the gate of starts is let go once it
    /// is launched.
    ///
    /// # Errors
    /// Where it does not start: with what the launcher or the trainer printed.
    pub fn new(run: &RunDir, launch: &Launch, mut gate: Option<File>) -> anyhow::Result<Self> {
        let attempt = run.read_job().ok().flatten().map_or(0, |job| job.attempt);
        let before = project::printed(run);
        let mut child = project::launcher(run, launch)?.spawn().context("starting the launcher")?;
        let (watch, sight) = (Watch::new(run.clone()), Sight::new(run.clone()));
        let mut seen = Self { watch, sight, lines: Vec::new(), before };
        let deadline = Instant::now() + HANDSHAKE;
        loop {
            let gone = child.try_wait()?;
            match seen.look() {
                // What is damaged the launcher replaces first of all.
                Err(_) if gone.is_none() && Instant::now() < deadline => {
                    std::thread::sleep(POLL);
                    continue;
                }
                result => result?,
            }
            seen.lines.retain(|line| line.attempt > attempt);
            let launched = seen.sight.job.as_ref().is_some_and(|job| job.attempt > attempt);
            gate = gate.filter(|_| !launched);
            if launched && seen.status() != Status::Starting {
                return Ok(seen);
            }
            match gone {
                Some(code) if !code.success() || !launched => {
                    bail!("`{}` did not start:\n{}", run.label(), seen.words())
                }
                _ if Instant::now() > deadline => return Ok(seen),
                _ => std::thread::sleep(POLL),
            }
        }
    }

    /// An attempt that some other process launched: what it has said so far is not said again.
    ///
    /// # Errors
    /// Where the run can't be read.
    pub fn join(run: &RunDir) -> anyhow::Result<Self> {
        let (watch, sight) = (Watch::new(run.clone()), Sight::new(run.clone()));
        let mut seen = Self { watch, sight, lines: Vec::new(), before: 0 };
        seen.look()?;
        seen.lines.clear();
        Ok(seen)
    }

    /// What it is.
    pub fn status(&self) -> Status {
        self.sight.status
    }

    /// The last lines that the trainer printed.
    pub fn words(&self) -> String {
        let lines = project::said(&self.sight.run, self.before, 12);
        lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }

    /// Reports every epoch until the run ends. Leaving (Ctrl-C) leaves the run alone.
    ///
    /// # Errors
    /// Where the run can't be read any more, or standard output is gone.
    pub fn follow(mut self) -> anyhow::Result<ExitCode> {
        loop {
            self.look()?;
            for line in std::mem::take(&mut self.lines) {
                match line.event {
                    Event::Epoch(epoch) => report(&epoch, &self.sight)?,
                    Event::Alert(alert) => say(format!("alert: {}", log_line(&alert.message)))?,
                    _ => {}
                }
            }
            if !self.status().is_live() {
                return self.end();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Says how it ended.
    fn end(&self) -> anyhow::Result<ExitCode> {
        let (run, state) = (self.sight.run.label(), &self.sight.state);
        say(format!("{run} is {} after {}", self.status(), duration(state.last_seen - state.began)))?;
        if self.status() == Status::Done {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(cause) = self.sight.cause() {
            say(log_line(cause))?;
        }
        if matches!(self.status(), Status::Failed | Status::Crashed) {
            say(self.words())?;
        }
        Ok(ExitCode::FAILURE)
    }

    /// Takes in what is new.
    fn look(&mut self) -> anyhow::Result<()> {
        self.lines.extend(self.sight.look(&mut self.watch)?);
        Ok(())
    }
}

fn report(epoch: &Epoch, sight: &Sight) -> anyhow::Result<()> {
    let left = sight.state.seconds_left().filter(|left| *left > 0.0).map(|left| format!("  {} left", duration(left)));
    say(format!("{epoch}{}", left.unwrap_or_default()))
}
