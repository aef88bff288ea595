//! What a recipe knows of the run around it: it writes events, and asks after each step what is wanted. (Minimal.)

use anyhow::{Context, Result};
use mocolab::event::{Event, Line, Outcome};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// What a recipe is to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Go on.
    Go,
    /// Write a checkpoint and go on.
    Checkpoint,
    /// Write a checkpoint and return this outcome.
    Leave(Outcome),
}

/// One attempt at a run.
#[derive(Debug)]
pub struct Session {
    checkpoints: PathBuf,
    log: File,
    seq: u64,
    polls: std::cell::Cell<u64>,
    script: Option<(u64, Wanted)>,
}

impl Session {
    /// In the run directory `directory`.
    pub fn new(directory: &Path) -> Result<Self> {
        let log = OpenOptions::new().append(true).create(true).open(directory.join("events.jsonl"));
        let log = log.context("opening `events.jsonl`")?;
        let checkpoints = directory.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).context("making `checkpoints`")?;
        Ok(Self { checkpoints, log, seq: 0, polls: 0.into(), script: None })
    }

    /// In `directory`; the question numbered `at` (from 1) is answered by `wanted`, all others by [`Wanted::Go`].
    #[cfg(test)]
    pub fn scripted(directory: &Path, at: u64, wanted: Wanted) -> Result<Self> {
        Ok(Self { script: Some((at, wanted)), ..Self::new(directory)? })
    }

    /// Appends `event` to the record.
    pub fn write(&mut self, event: Event) -> Result<()> {
        let line = Line { attempt: 1, seq: self.seq, t: 0.0, event };
        self.seq += 1;
        self.log.write_all(&line.encode()).context("writing `events.jsonl`")
    }

    /// Brings the record to the disk: call it before a checkpoint.
    pub fn sync(&mut self) -> Result<()> {
        self.log.sync_data().context("writing `events.jsonl` to the disk")
    }

    /// What is wanted now: ask after every step.
    pub fn wanted(&self) -> Wanted {
        self.polls.set(self.polls.get() + 1);
        match self.script {
            Some((at, wanted)) if at == self.polls.get() => wanted,
            _ => Wanted::Go,
        }
    }

    /// Where checkpoints lie; it exists.
    pub fn checkpoints(&self) -> &Path {
        &self.checkpoints
    }
}
