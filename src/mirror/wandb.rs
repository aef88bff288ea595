//! Weights & Biases: a run's record as the transaction log of an offline run, which `wandb sync` uploads and `wandb leet`
//! shows: `offline-run-<when>-<id>/run-<id>.wandb`.

mod blocks;
#[cfg(test)]
mod tests;
mod wire;

use super::{Once, each, flat, points, recalls};
use crate::config::read_snapshot;
use crate::event::{Event, Histogram, Line, Outcome, Started};
use crate::run::{RunDir, Source};
use blocks::Blocks;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wire::{Item, Record, StatsItem, Time, What};

/// Most bytes of a log that are taken along: its end.
const LONGEST_LOG: u64 = 64 << 20;

/// A run as it was written for Weights & Biases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The folder that `wandb sync` takes.
    pub folder: PathBuf,
    /// The id that the run has there; always the same for the same run.
    pub id: String,
    /// Rows of its history.
    pub rows: u64,
    /// Damaged lines of the record that were passed over.
    pub passed: usize,
}

/// Where a run is to appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The project.
    pub project: String,
    /// The user or team; the user's own where it is not said.
    pub entity: Option<String>,
}

/// Writes the record of `run` below `out`, replacing what an earlier export of it left there. Work that was lost and done
/// again is told once, as it came out at last. The same record gives the same bytes.
///
/// # Errors
/// Where the record can't be read, a file not be written, or the run has not begun.
pub fn export(run: &RunDir, out: &Path, target: &Target) -> io::Result<Exported> {
    let mut first = None;
    let mut back = Vec::new();
    each(run, |line| {
        first.get_or_insert(line.t);
        if let Event::Started(started) = &line.event {
            back.push((line.seq, started.from_step));
        }
        Ok(())
    })?;
    let began = first.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("{} has not begun: its record is empty", run.label()))
    })?;
    let id = id(run);
    let when =
        Timestamp::from_second(began as i64).map_err(io::Error::other)?.in_tz("UTC").map_err(io::Error::other)?;
    let folder = out.join(format!("offline-run-{}-{id}", when.strftime("%Y%m%d_%H%M%S")));
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("run-{id}.wandb"));
    let half = folder.join(format!(".run-{id}.half"));
    let mut teller = Teller::new(Blocks::create(&half)?, began, back);
    teller.begin(run, (&id, target))?;
    let passed = each(run, |line| teller.tell(line))?;
    teller.output(run)?;
    let rows = teller.end()?;
    fs::rename(&half, &path)?;
    Ok(Exported { folder, id, rows, passed })
}

/// The id of `run`: letters and digits, the same for ever.
fn id(run: &RunDir) -> String {
    let digest = Sha256::digest(run.label().as_bytes());
    let first: [u8; 8] = std::array::from_fn(|place| digest[place]);
    format!("{:012x}", u64::from_be_bytes(first) >> 16)
}

/// Values by their names, which may have several parts.
type Row = BTreeMap<Vec<String>, Value>;

/// Writes one run.
struct Teller {
    blocks: Blocks,
    began: f64,
    number: i64,
    /// Lines that say that the run went back, and to which step.
    back: Vec<(u64, u64)>,
    /// The row under way.
    row: Option<(u64, f64, Row)>,
    /// The step of the last row that was written.
    last: Option<u64>,
    once: Once,
    summary: BTreeMap<String, Value>,
    classes: Vec<String>,
    steps_per_epoch: u64,
    seen: f64,
    outcome: Option<Outcome>,
    rows: u64,
}

impl Teller {
    fn new(blocks: Blocks, began: f64, back: Vec<(u64, u64)>) -> Self {
        Self {
            blocks,
            began,
            number: 0,
            back,
            row: None,
            last: None,
            once: Once::default(),
            summary: BTreeMap::new(),
            classes: Vec::new(),
            steps_per_epoch: 1,
            seen: began,
            outcome: None,
            rows: 0,
        }
    }

    fn begin(&mut self, run: &RunDir, (id, target): (&str, &Target)) -> io::Result<()> {
        self.write(What::Header(wire::Header::new()))?;
        let mut config = BTreeMap::new();
        if let Ok(text) = run.read_experiment()
            && let Ok(experiment) = read_snapshot(&text, "experiment")
        {
            config.extend(flat(&experiment));
        }
        let source = run.read_sources().ok().flatten().and_then(|sources| sources.last().cloned());
        if let Some(Source { version, commit, libtorch, cpu, devices, .. }) = &source {
            config.insert("mocolab".into(), json!({ "version": version, "commit": commit }));
            config.insert("machine".into(), json!({ "libtorch": libtorch, "cpu": cpu, "devices": devices }));
        }
        let notes = run.read_notes().ok().flatten().unwrap_or_default();
        let items = config.into_iter().map(|(key, value)| Item::of(vec![key], &value)).collect();
        let experiment = run.experiment_name().map(|name| name.to_string()).unwrap_or_default();
        self.write(What::Run(Box::new(wire::Run {
            id: id.to_owned(),
            entity: target.entity.clone().unwrap_or_default(),
            project: target.project.clone(),
            config: Some(wire::Config { update: items }),
            group: experiment.split('.').next().unwrap_or_default().to_owned(),
            job_type: experiment.clone(),
            display_name: run.label(),
            notes: notes.note,
            tags: notes.tags,
            host: source.map(|source| source.host).unwrap_or_default(),
            start_time: Some(Time::at(self.began)),
        })))
    }

    fn tell(&mut self, line: &Line) -> io::Result<()> {
        self.seen = line.t;
        match &line.event {
            Event::Started(started) => self.start(started),
            Event::Step(_) | Event::Epoch(_) => {
                let Some((step, metrics)) = points(&line.event) else { return Ok(()) };
                let mut values: Vec<_> = metrics.into_iter().map(|(name, value)| (vec![name], real(value.0))).collect();
                values.push((vec!["epoch".into()], json!(step as f64 / self.steps_per_epoch as f64)));
                self.add((line, step), values)
            }
            Event::Classes(classes) => {
                let step = classes.epoch * self.steps_per_epoch;
                let recalls = recalls(classes, &self.classes);
                self.add((line, step), recalls.into_iter().map(|(name, value)| (vec![name], real(value))).collect())
            }
            Event::Histograms(histograms) => {
                let values = histograms.weights.iter().flat_map(|(name, weights)| histogram(name, weights)).collect();
                self.add((line, histograms.step), values)
            }
            Event::Usage(usage) => {
                let item = |(name, value): (&String, &crate::event::Real)| StatsItem {
                    key: system(name),
                    value_json: scaled(name, value.0).to_string(),
                };
                let item = usage.metrics.iter().map(item).collect();
                self.write(What::Stats(wire::Stats { kind: 0, timestamp: Some(Time::at(line.t)), item }))
            }
            Event::Checkpoint(checkpoint) => {
                self.once.save(checkpoint.step);
                Ok(())
            }
            Event::Finished(finished) => {
                self.outcome = Some(finished.outcome);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, started: &Started) -> io::Result<()> {
        self.flush()?;
        self.once.go_back(started.from_step);
        self.classes.clone_from(&started.classes);
        self.steps_per_epoch = started.steps_per_epoch.max(1);
        self.outcome = None;
        Ok(())
    }

    /// Adds to the row of a step what is told of it for the first time, unless that was lost later.
    fn add(&mut self, (line, step): (&Line, u64), values: Vec<(Vec<String>, Value)>) -> io::Result<()> {
        if self.back.iter().any(|(seq, from)| *seq > line.seq && *from < step) {
            return Ok(());
        }
        if self.row.as_ref().is_some_and(|row| row.0 != step) {
            self.flush()?;
        }
        let once = &mut self.once;
        let new: Vec<_> = values.into_iter().filter(|(key, _)| once.is_new(step, &key.join("."))).collect();
        // Rows can't go back: what is told of a step after a later one's row was written is not.
        if new.is_empty() || self.last.is_some_and(|last| last >= step) {
            return Ok(());
        }
        let row = self.row.get_or_insert_with(|| (step, line.t, BTreeMap::new()));
        row.2.extend(new);
        Ok(())
    }

    /// Writes the row under way.
    fn flush(&mut self) -> io::Result<()> {
        let Some((step, t, mut values)) = self.row.take() else { return Ok(()) };
        for (key, value) in &values {
            if let ([name], true) = (key.as_slice(), value.is_number() || value.is_null()) {
                self.summary.insert(name.clone(), value.clone());
            }
        }
        values.insert(vec!["_step".into()], json!(step));
        values.insert(vec!["_timestamp".into()], json!(t));
        values.insert(vec!["_runtime".into()], json!(t - self.began));
        let item = values.iter().map(|(key, value)| Item::measured(key.clone(), value)).collect();
        (self.last, self.rows) = (Some(step), self.rows + 1);
        self.write(What::History(wire::History { item, step: Some(wire::Step { num: step as i64 }) }))
    }

    /// What the trainer printed.
    fn output(&mut self, run: &RunDir) -> io::Result<()> {
        let bytes = run.read_output(0, LONGEST_LOG).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let cut = format!("mocolab: only the last {} MiB of what this run printed are here\n", LONGEST_LOG >> 20);
        let cut = if bytes.len() as u64 == LONGEST_LOG { cut.as_str() } else { "" };
        cut.lines().chain(text.lines()).try_for_each(|line| {
            let time = Some(Time::at(self.seen));
            self.write(What::Output(wire::Output { kind: wire::STDOUT, timestamp: time, line: format!("{line}\n") }))
        })
    }

    fn end(mut self) -> io::Result<u64> {
        self.flush()?;
        let runtime = (self.seen - self.began) as i32;
        let mut summary = std::mem::take(&mut self.summary);
        summary.insert("_runtime".into(), json!(self.seen - self.began));
        summary.insert("_timestamp".into(), json!(self.seen));
        self.last.map(|step| summary.insert("_step".into(), json!(step)));
        let update = summary.iter().map(|(key, value)| Item::measured(vec![key.clone()], value)).collect();
        self.write(What::Summary(wire::Config { update }))?;
        let exit_code = match self.outcome {
            Some(Outcome::Done) => 0,
            // It goes on, or was cut off: what a killed process has.
            Some(Outcome::Stopped | Outcome::Paused | Outcome::Requeued) | None => 255,
            Some(Outcome::Failed) => 1,
        };
        self.write(What::Exit(wire::Exit { exit_code, runtime }))?;
        self.blocks.close()?;
        Ok(self.rows)
    }

    fn write(&mut self, what: What) -> io::Result<()> {
        self.number += 1;
        self.blocks.record(&Record { num: self.number, what: Some(what) })
    }
}

/// A number as JSON; what JSON has no word for is null.
fn real(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The parts of a histogram of the weights `name`.
fn histogram(name: &str, weights: &Histogram) -> Vec<(Vec<String>, Value)> {
    let width = (weights.max - weights.min) / weights.counts.len().max(1) as f64;
    let bins: Vec<f64> = (0..=weights.counts.len()).map(|bin| weights.min + width * bin as f64).collect();
    let key = |part: &str| vec![format!("weights/{name}"), part.to_owned()];
    vec![(key("_type"), json!("histogram")), (key("values"), json!(weights.counts)), (key("bins"), json!(bins))]
}

/// The name that W&B's own system metrics have for `name`.
fn system(name: &str) -> String {
    match name.split('.').collect::<Vec<_>>().as_slice() {
        ["cpu"] => "cpu".into(),
        ["memory"] => "proc.memory.rssMB".into(),
        ["gpu", number, "busy"] => format!("gpu.{number}.gpu"),
        ["gpu", number, "memory_busy"] => format!("gpu.{number}.memory"),
        ["gpu", number, "temperature"] => format!("gpu.{number}.temp"),
        ["gpu", number, "power"] => format!("gpu.{number}.powerWatts"),
        ["gpu", number, "memory"] => format!("gpu.{number}.memoryAllocatedBytes"),
        _ => name.to_owned(),
    }
}

/// The value in the units that W&B's own have: percent, megabytes.
fn scaled(name: &str, value: f64) -> f64 {
    match name {
        "memory" => value / 1024.0 / 1024.0,
        _ if name == "cpu" || name.ends_with("busy") => value * 100.0,
        _ => value,
    }
}
