//! What is known of a run: the fold of its events. The terminal, `show`, exports and tests all read this, so they agree.

use crate::curve::Curve;
use crate::event::{Alert, Best, Checkpoint, Classes, Epoch, Event, Finished, Line, Metrics, Started};
use std::collections::BTreeMap;

/// Alerts kept; older ones stay in the file.
const ALERTS: usize = 100;

/// A run as its events tell it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunState {
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
    pub latest: BTreeMap<String, f64>,
    /// The best value of every metric that has a direction.
    pub best: BTreeMap<String, Best>,
    /// Every metric over steps.
    pub curves: BTreeMap<String, Curve>,
    /// How the classes fared, latest of each split.
    pub classes: BTreeMap<String, Classes>,
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
}

impl RunState {
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
                self.step = step.step;
                self.steps = step.of;
                self.epoch = step.epoch;
                self.measure(step.step, &step.metrics, line.t);
            }
            Event::Epoch(epoch) => self.complete(epoch, line.t),
            Event::Classes(classes) => {
                self.classes.insert(classes.split.clone(), classes.clone());
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
                self.finished = Some(finished.clone());
            }
            // An attempt that takes up the last checkpoint may note the same again.
            Event::Note(note) if self.notes.contains(&note.message) => {}
            Event::Note(note) => self.notes.push(note.message.clone()),
            Event::Embedding(_) | Event::Unknown => {}
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
        if self.curves.contains_key(&neighbours) { neighbours } else { format!("{split}/macro_accuracy") }
    }

    /// The class names, once known.
    pub fn class_names(&self) -> &[String] {
        self.started.as_ref().map_or(&[], |started| &started.classes)
    }

    fn start(&mut self, started: &Started, t: f64) {
        for curve in self.curves.values_mut() {
            if started.from_step == 0 {
                *curve = Curve::default();
            } else {
                curve.cut(started.from_step);
            }
        }
        self.checkpoints.retain(|checkpoint| checkpoint.step <= started.from_step);
        let known = std::mem::take(&mut self.latest);
        let last = |(name, _)| Some((self.curves.get(&name)?.last()?.1, name));
        self.latest = known.into_iter().filter_map(last).map(|(value, name)| (name, value)).collect();
        self.last_epoch = self.last_epoch.take().filter(|epoch| epoch.step <= started.from_step);
        self.best.clone_from(&started.best);
        self.classes.retain(|_, classes| classes.epoch * started.steps_per_epoch <= started.from_step);
        self.attempt_began = t;
        self.step = started.from_step;
        self.steps = started.steps;
        self.epochs = started.epochs;
        self.epoch = (started.from_step / started.steps_per_epoch.max(1) + 1).min(started.epochs);
        self.finished = None;
        self.acknowledged = None;
        self.pace_from = Some((started.from_step, t));
        self.pace_to = t;
        self.started = Some(started.clone());
    }

    fn measure(&mut self, step: u64, metrics: &Metrics, t: f64) {
        for (name, value) in metrics {
            self.latest.insert(name.clone(), value.0);
            self.curves.entry(name.clone()).or_default().push(step, value.0);
        }
        self.pace_to = t;
    }

    fn complete(&mut self, epoch: &Epoch, t: f64) {
        self.step = epoch.step;
        self.epoch = epoch.epoch;
        self.epochs = epoch.of;
        self.best.clone_from(&epoch.best);
        let own = |name: &&String| !name.starts_with("train/");
        for (name, value) in epoch.metrics.iter().filter(|(name, _)| own(name)) {
            self.latest.insert(name.clone(), value.0);
            self.curves.entry(name.clone()).or_default().push(epoch.step, value.0);
        }
        for (name, value) in epoch.metrics.iter().filter(|(name, _)| !own(name)) {
            // The epoch's mean is a curve of its own beside that of the steps.
            self.curves.entry(format!("epoch/{name}")).or_default().push(epoch.step, value.0);
        }
        self.pace_to = t;
        self.last_epoch = Some(epoch.clone());
    }

    fn alert(&mut self, alert: Alert, t: f64) {
        if self.alerts.len() == ALERTS {
            self.alerts.remove(0);
        }
        self.alerts.push((t, alert));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Outcome, Real, Step};

    fn feed(state: &mut RunState, attempt: u32, t: f64, event: Event) {
        state.apply(&Line { attempt, seq: 0, t, event });
    }

    fn started(from_step: u64) -> Event {
        let reached = |epoch| ("val/macro_accuracy".to_owned(), Best { value: epoch as f64 / 10.0, epoch });
        let best = (from_step >= 10).then(|| reached(from_step / 10)).into_iter().collect();
        Event::Started(Box::new(Started {
            from_step,
            steps: 100,
            epochs: 10,
            steps_per_epoch: 10,
            best,
            ..Started::default()
        }))
    }

    fn step(step: u64, loss: f64) -> Event {
        let metrics = [("train/loss".to_owned(), Real(loss))].into();
        Event::Step(Step { step, of: 100, epoch: step / 10 + 1, metrics })
    }

    fn epoch(number: u64, accuracy: f64) -> Event {
        let best = [("val/macro_accuracy".to_owned(), Best { value: accuracy, epoch: number })].into();
        let metrics = [("val/macro_accuracy".to_owned(), Real(accuracy)), ("train/loss".to_owned(), Real(1.5))].into();
        Event::Epoch(Epoch { epoch: number, of: 10, step: number * 10, seconds: 1.0, metrics, best })
    }

    #[test]
    fn a_resumed_run_forgets_what_came_after_its_checkpoint() {
        let mut state = RunState::default();
        feed(&mut state, 1, 0.0, started(0));
        for at in 1..=25 {
            feed(&mut state, 1, at as f64, step(at, 100.0 - at as f64));
            if at % 10 == 0 {
                feed(&mut state, 1, at as f64, epoch(at / 10, at as f64 / 100.0));
            }
        }
        assert_eq!((state.step, state.epoch, state.curves["train/loss"].len()), (25, 3, 25));
        feed(&mut state, 2, 60.0, started(10));
        assert_eq!((state.attempt, state.step, state.epoch), (2, 10, 2));
        assert_eq!(state.curves["train/loss"].last(), Some((10, 90.0)));
        assert_eq!(state.latest.get("val/macro_accuracy"), Some(&0.1));
        assert_eq!(state.best["val/macro_accuracy"], Best { value: 0.1, epoch: 1 });
        assert_eq!(state.latest.get("epoch/train/loss"), None, "an undisturbed run has none either");
        feed(&mut state, 2, 62.0, step(11, 50.0));
        assert_eq!(state.latest.get("train/loss"), Some(&50.0));
        assert_eq!(state.seconds_left(), Some(2.0 * 89.0));
    }

    #[test]
    fn an_end_counts_until_the_next_attempt() {
        let mut state = RunState::default();
        feed(&mut state, 1, 0.0, started(0));
        feed(&mut state, 1, 1.0, Event::Finished(Finished { outcome: Outcome::Stopped, step: 3, cause: None }));
        assert_eq!((state.step, state.progress()), (3, 0.03));
        feed(&mut state, 2, 2.0, started(3));
        assert_eq!(state.finished, None);
        feed(&mut state, 3, 3.0, Event::Finished(Finished { outcome: Outcome::Failed, step: 0, cause: None }));
        assert_eq!((state.step, state.progress()), (3, 0.03), "it failed before it began");
    }
}
