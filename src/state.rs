//! What is known of a run: the fold of its events. The terminal, `show`, exports and tests all read this, so they agree.
//! A list needs no curves and not all lines: how much was folded is the state's [`Depth`].

mod clock;
mod parts;
mod past;

pub use clock::Clock;
pub use past::{Past, Recalls};

use crate::curve::Curve;
use crate::event::{Alert, Best, Checkpoint, Classes, Embedding, Epoch, Event, Finished, Line, Metrics, Started};
use crate::metrics;
use crate::text::sanitize;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts kept; older ones stay in the file.
const ALERTS: usize = 100;

/// The curves of a summary: enough for a trend.
const TREND: [&str; 3] = [metrics::VAL_MACRO, metrics::VAL_KNN_MACRO, metrics::VAL_LOSS];

/// How much of a record a state is the fold of. Where it isn't whole it tells less, and what it tells is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Depth {
    /// Of the first line and of some at the end. As if whole: attempt, times of the first and last line, step, steps,
    /// epoch, epochs, how it ended. Where there: the latest values, the bests, the last epoch, what was acknowledged.
    /// The latest alone: alerts, notes, checkpoints, embeddings, trend. The time left is judged by the pace of late.
    Glimpse,
    /// Of all lines but points of the training curves. All is there but these curves, classes and the clock; of the
    /// values of steps the latest.
    Summary,
    /// Of all lines.
    #[default]
    Whole,
}

/// A run as its events tell it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunState {
    /// How much of the record this is the fold of.
    pub depth: Depth,
    /// The latest attempt that wrote an event; 0 before the first.
    pub attempt: u32,
    /// What the latest attempt set out to do.
    pub started: Option<Started>,
    /// When the latest attempt's first event was written, seconds since 1970.
    pub attempt_began: f64,
    /// When the run's first event was written.
    pub began: f64,
    /// When the latest event was written.
    pub last_seen: f64,
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps the run will have; 0 where not known yet.
    pub steps: u64,
    /// The epoch under way or, after the last, the last; from 1; 0 before the first.
    pub epoch: u64,
    /// Epochs the run will have.
    pub epochs: u64,
    /// The latest complete epoch.
    pub last_epoch: Option<Epoch>,
    /// Latest value of every metric.
    #[serde(with = "parts::reals")]
    pub latest: BTreeMap<String, f64>,
    /// The best value of every metric that has a direction.
    pub best: BTreeMap<String, Best>,
    /// Every metric over steps.
    #[serde(skip)]
    pub curves: BTreeMap<String, Curve>,
    /// When steps were done.
    #[serde(skip)]
    pub clock: Clock,
    /// How the classes fared, latest of each split.
    pub classes: BTreeMap<String, Classes>,
    /// Features embedded in the plane, oldest first.
    pub embeddings: Vec<Embedding>,
    /// How they fared before that, by split.
    pub past: BTreeMap<String, Past>,
    /// Checkpoints written, oldest first; the older ones may be gone.
    pub checkpoints: Vec<Checkpoint>,
    /// Latest alerts with their time.
    pub alerts: Vec<(f64, Alert)>,
    /// What was noted on the way.
    pub notes: Vec<String>,
    /// How the latest attempt ended, if it has.
    pub finished: Option<Finished>,
    /// The request that was acknowledged last.
    pub acknowledged: Option<String>,
    /// The latest attempt that has said what it sets out to do.
    began_in: u32,
    /// Steps already done and time at the start of the attempt's steps, for the estimate of what is left.
    pace_from: Option<(u64, f64)>,
    /// Time of the latest step or epoch.
    pace_to: f64,
    /// In a state that isn't whole: the metrics that steps have told.
    of_steps: BTreeSet<String>,
}

impl RunState {
    /// Nothing known yet, to be the fold of as much as `depth` says.
    pub fn of(depth: Depth) -> Self {
        Self { depth, ..Self::default() }
    }

    /// The lines that come next are passed over up to some at the end: of what is known only that stays which they can't
    /// change. A run's plan is one for all its attempts, since what it trains is written once.
    pub fn gap(&mut self) {
        let Self { attempt, began, steps, epochs, .. } = *self;
        *self = Self { attempt, began, steps, epochs, ..Self::of(Depth::Glimpse) };
    }

    /// Points of the training curves are passed over, but not the last before another line.
    pub fn skip_steps(&mut self) {
        let Self { latest, of_steps, .. } = self;
        latest.retain(|name, _| !of_steps.contains(name));
    }

    /// Takes in the next line of the record.
    pub fn apply(&mut self, line: &Line) {
        if self.attempt == 0 {
            self.began = line.t;
        }
        self.last_seen = line.t;
        if line.attempt > self.attempt {
            (self.attempt, self.finished) = (line.attempt, None);
        }
        match &line.event {
            Event::Started(started) => {
                self.began_in = line.attempt;
                self.start(started, line.t);
            }
            Event::Step(step) => {
                self.began_in = line.attempt;
                self.step = step.step;
                self.steps = step.of;
                self.epoch = step.epoch;
                self.measure(step.step, &step.metrics, line.t);
            }
            Event::Epoch(epoch) => {
                self.began_in = line.attempt;
                self.complete(epoch, line.t);
            }
            Event::Classes(classes) if self.depth == Depth::Whole => {
                let former = self.classes.insert(classes.split.clone(), classes.clone());
                self.past.entry(classes.split.clone()).or_default().add(former, classes);
            }
            Event::Checkpoint(checkpoint) => {
                self.checkpoints.retain(|known| known.file != checkpoint.file);
                self.checkpoints.push(checkpoint.clone());
            }
            Event::Alert(alert) => self.alert(alert.clone(), line.t),
            Event::Acknowledged { request } => self.acknowledged = Some(request.clone()),
            Event::Recovered { bytes } => {
                let message = format!("a torn end of the record ({bytes} bytes) was moved to events.torn");
                self.alert(Alert { what: "recovered".into(), message }, line.t);
            }
            Event::Finished(finished) => {
                // An attempt that fails before it begins has done no step and undone none.
                if self.began_in == line.attempt {
                    self.step = finished.step;
                }
                self.finished = Some(Finished { cause: finished.cause.as_deref().map(sanitize), ..finished.clone() });
            }
            // An attempt that takes up the last checkpoint may note the same again.
            Event::Note(note) if self.notes.contains(&sanitize(&note.message)) => {}
            Event::Note(note) => self.notes.push(sanitize(&note.message)),
            Event::Embedding(embedding) => {
                self.embeddings.retain(|known| known.file != embedding.file);
                self.embeddings.push(embedding.clone());
            }
            Event::Classes(_) | Event::Picture(_) | Event::Histograms(_) | Event::Usage(_) | Event::Unknown => {}
        }
    }

    /// The part done, 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.steps == 0 { 0.0 } else { self.step as f64 / self.steps as f64 }
    }

    /// Seconds left at the pace of this attempt, evaluation included; none before there is a pace.
    pub fn seconds_left(&self) -> Option<f64> {
        let (from, began) = self.pace_from?;
        let done = self.step.checked_sub(from).filter(|done| *done > 0)?;
        let pace = (self.pace_to - began) / done as f64;
        (pace > 0.0).then(|| pace * self.steps.saturating_sub(self.step) as f64)
    }

    /// The metric that tells how good the run is on `split` (`val` or `test`): macro accuracy, that of the nearest
    /// neighbours where the network itself answers nothing.
    pub fn headline(&self, split: &str) -> String {
        let neighbours = format!("{split}/knn_macro_accuracy");
        if self.curves.contains_key(&neighbours) || self.best.contains_key(&neighbours) {
            neighbours
        } else {
            format!("{split}/macro_accuracy")
        }
    }

    /// The class names, once known.
    pub fn class_names(&self) -> &[String] {
        self.started.as_ref().map_or(&[], |started| &started.classes)
    }

    /// Seconds from the run's first line to the moment when `step` was done, time in which nothing ran included; between
    /// two points on the straight line. None outside of what is known.
    pub fn seconds_at(&self, step: u64) -> Option<f64> {
        self.clock.wall(step)
    }

    /// Seconds of training until `step` was done, without time between attempts and work that was lost.
    pub fn worked_at(&self, step: u64) -> Option<f64> {
        self.clock.worked(step)
    }

    /// The epochs that were complete when `step` was done; none before the run has said how long one is.
    pub fn epochs_at(&self, step: u64) -> Option<f64> {
        let each = self.started.as_ref()?.steps_per_epoch;
        (each > 0).then(|| step as f64 / each as f64)
    }

    /// Gives back memory that was held for more points.
    pub fn shrink(&mut self) {
        self.curves.values_mut().for_each(Curve::shrink);
        self.clock.shrink();
    }

    fn start(&mut self, started: &Started, t: f64) {
        for curve in self.curves.values_mut() {
            if started.from_step == 0 {
                *curve = Curve::default();
            } else {
                curve.cut(started.from_step);
            }
        }
        if self.depth == Depth::Whole {
            self.clock.start(started.from_step, t - self.began);
        }
        self.checkpoints.retain(|checkpoint| checkpoint.step <= started.from_step);
        let known = std::mem::take(&mut self.latest);
        let last = |(name, _)| Some((self.curves.get(&name)?.last()?.1, name));
        self.latest = known.into_iter().filter_map(last).map(|(value, name)| (name, value)).collect();
        self.last_epoch = self.last_epoch.take().filter(|epoch| epoch.step <= started.from_step);
        self.best.clone_from(&started.best);
        let holds = |epoch: u64| epoch * started.steps_per_epoch <= started.from_step;
        self.embeddings.retain(|embedding| holds(embedding.epoch));
        self.classes.retain(|_, classes| holds(classes.epoch));
        for (split, past) in &mut self.past {
            let former = past.cut(holds, self.classes.contains_key(split));
            self.classes.extend(former.map(|former| (split.clone(), former)));
        }
        self.attempt_began = t;
        self.step = started.from_step;
        self.steps = started.steps;
        self.epochs = started.epochs;
        self.epoch = (started.from_step / started.steps_per_epoch.max(1) + 1).min(started.epochs);
        self.finished = None;
        self.acknowledged = None;
        self.pace_from = Some((started.from_step, t));
        self.pace_to = t;
        self.started = Some(safe(started));
    }

    fn measure(&mut self, step: u64, metrics: &Metrics, t: f64) {
        for (name, value) in metrics {
            self.know(name, value.0);
            if self.depth == Depth::Whole {
                self.point(name, step, value.0);
            } else if !self.of_steps.contains(name) {
                self.of_steps.insert(name.clone());
            }
        }
        self.keep_time(step, t);
    }

    fn complete(&mut self, epoch: &Epoch, t: f64) {
        self.step = epoch.step;
        self.epoch = epoch.epoch;
        self.epochs = epoch.of;
        self.best.clone_from(&epoch.best);
        for (name, value) in &epoch.metrics {
            if !name.starts_with("train/") {
                self.know(name, value.0);
                self.point(name, epoch.step, value.0);
            } else if self.depth == Depth::Whole {
                // The epoch's mean is a curve of its own beside that of the steps.
                self.point(&metrics::of_epoch(name), epoch.step, value.0);
            }
        }
        self.keep_time(epoch.step, t);
        self.last_epoch = Some(epoch.clone());
    }

    fn know(&mut self, name: &str, value: f64) {
        match self.latest.get_mut(name) {
            Some(latest) => *latest = value,
            None => _ = self.latest.insert(name.to_owned(), value),
        }
    }

    fn point(&mut self, name: &str, step: u64, value: f64) {
        match self.curves.get_mut(name) {
            Some(curve) => curve.push(step, value),
            None if self.depth == Depth::Whole || TREND.contains(&name) => {
                self.curves.entry(name.to_owned()).or_default().push(step, value);
            }
            None => {}
        }
    }

    fn keep_time(&mut self, step: u64, t: f64) {
        match self.depth {
            Depth::Whole => self.clock.see(step, t - self.began),
            Depth::Glimpse if self.pace_from.is_none() => self.pace_from = Some((step, t)),
            Depth::Glimpse | Depth::Summary => {}
        }
        self.pace_to = t;
    }

    fn alert(&mut self, alert: Alert, t: f64) {
        if self.alerts.len() == ALERTS {
            self.alerts.remove(0);
        }
        self.alerts.push((t, alert));
    }
}

/// What is told of a start, each text one line that a terminal can print.
fn safe(started: &Started) -> Started {
    let mut safe = started.clone();
    let single = [&mut safe.recipe, &mut safe.arch, &mut safe.precision, &mut safe.data];
    for text in single.into_iter().chain(&mut safe.devices).chain(&mut safe.classes).chain(&mut safe.notes) {
        *text = sanitize(text);
    }
    safe
}

#[cfg(test)]
mod tests;
