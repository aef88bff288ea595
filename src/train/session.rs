//! What a recipe knows of the run around it: it writes events, and asks after each step what is wanted.

use super::control::Asked;
pub use super::control::Wanted;
use super::print;
use anyhow::{Context, Result};
use mocolab::device::Meter;
use mocolab::event::{Event, Finished, Outcome, Usage};
use mocolab::run::{Log, RunDir, make_folder};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

/// One attempt at a run.
pub struct Session {
    run: RunDir,
    checkpoints: PathBuf,
    log: Log,
    asked: Receiver<Asked>,
    step: u64,
    usage: Meter,
}

impl Session {
    /// An attempt at `run`, of which `asked` tells what is wanted.
    ///
    /// # Errors
    /// Where the record or the folder of checkpoints can't be opened.
    pub fn open(run: &RunDir, attempt: u32, asked: Receiver<Asked>) -> Result<Self> {
        let checkpoints = run.checkpoints();
        make_folder(&checkpoints).with_context(|| format!("making `{}`", checkpoints.display()))?;
        Ok(Self { run: run.clone(), checkpoints, log: Log::open(run, attempt)?, asked, step: 0, usage: Meter::new() })
    }

    /// In `directory`; the question numbered `at` (from 1) is answered by `wanted`, all others by [`Wanted::Go`].
    #[cfg(test)]
    pub fn scripted(directory: &Path, at: u64, wanted: Wanted) -> Result<Self> {
        let (tell, asked) = std::sync::mpsc::channel();
        (1..at).try_for_each(|_| tell.send((Wanted::Go, None))).and_then(|()| tell.send((wanted, None)))?;
        Self::open(&RunDir::new(directory), 1, asked)
    }

    /// In `directory`; nothing is ever wanted.
    #[cfg(test)]
    pub fn new(directory: &Path) -> Result<Self> {
        Self::open(&RunDir::new(directory), 1, std::sync::mpsc::channel().1)
    }

    /// Appends `event` to the record. Where that fails the training must end: what isn't recorded has not been.
    ///
    /// # Errors
    /// Where the record can't be written.
    pub fn write(&mut self, event: Event) -> Result<()> {
        match &event {
            Event::Started(started) => self.step = started.from_step,
            Event::Step(step) => self.step = step.step,
            Event::Epoch(epoch) => {
                self.step = epoch.step;
                print(&epoch.to_string());
            }
            Event::Note(note) => print(&note.message),
            Event::Alert(alert) => print(&format!("alert: {}", alert.message)),
            Event::Checkpoint(checkpoint) => self.step = checkpoint.step,
            _ => {}
        }
        Ok(self.log.write(event)?)
    }

    /// Brings the record to the disk: before a checkpoint, so that no checkpoint is ahead of it.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn sync(&mut self) -> Result<()> {
        Ok(self.log.sync()?)
    }

    /// What is wanted now: ask after every step. What was asked for by a request is acknowledged.
    ///
    /// # Errors
    /// Where the record can't be written.
    pub fn wanted(&mut self) -> Result<Wanted> {
        if let Some(metrics) = self.usage.read() {
            self.write(Event::Usage(Usage { step: self.step, metrics }))?;
        }
        let Ok((wanted, request)) = self.asked.try_recv() else { return Ok(Wanted::Go) };
        if let Some(request) = request {
            self.write(Event::Acknowledged { request })?;
        }
        Ok(wanted)
    }

    /// The run.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// Where checkpoints lie; it exists.
    pub fn checkpoints(&self) -> &Path {
        &self.checkpoints
    }

    /// Writes the last event of the attempt.
    ///
    /// # Errors
    /// Where the record can't be written.
    pub fn finish(&mut self, outcome: Outcome, cause: Option<String>) -> Result<()> {
        self.log.write(Event::Finished(Finished { outcome, step: self.step, cause }))?;
        self.sync()
    }
}
