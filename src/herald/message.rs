//! What is said of a run.

use crate::config::Occasion;
use crate::event::{Event, Line, Outcome};
use crate::state::{Depth, RunState};
use crate::text::{duration, number, percent};
use serde::Serialize;
use std::collections::BTreeMap;

/// Steps of a sparkline.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Points of a sparkline.
const SPARKED: usize = 24;

/// Something said of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// The format, which only grows.
    pub schema: u32,
    /// The same for the same happening, however often it is sent.
    pub id: String,
    /// What happened.
    pub event: Occasion,
    /// `experiment/id`.
    pub run: String,
    /// Where it trains.
    pub host: String,
    /// When, seconds since 1970.
    pub t: f64,
    /// What happened, in a sentence.
    pub title: String,
    /// What else is to be known, a line each.
    pub lines: Vec<String>,
    /// Complete epochs, and those to be made.
    pub epoch: [u64; 2],
    /// The latest values.
    pub metrics: BTreeMap<String, f64>,
    /// The best values.
    pub best: BTreeMap<String, f64>,
}

/// What is to be said as a record grows.
pub struct Told {
    run: String,
    host: String,
    state: RunState,
    best: Option<f64>,
}

impl Told {
    /// Nothing yet of the run called `run`, which trains on `host`.
    pub fn new(run: String, host: String) -> Self {
        Self { run, host, state: RunState::of(Depth::Summary), best: None }
    }

    /// What the next line of the record gives occasion to say.
    pub fn tell(&mut self, line: &Line) -> Vec<Message> {
        self.state.apply(line);
        let run = &self.run;
        match &line.event {
            Event::Started(started) => {
                self.best = started.best.get(&self.state.headline("val")).map(|best| best.value);
                let title = if started.from_step == 0 { "started" } else { "goes on" };
                let plan = format!(
                    "{} {}, {}, {} epochs, batch {}",
                    started.recipe, started.arch, started.data, started.epochs, started.batch
                );
                let place = format!("on {} of {}", started.devices.join(", "), self.host);
                vec![self.message(line, Occasion::Started, format!("{run} {title}"), vec![plan, place])]
            }
            Event::Epoch(epoch) => {
                let mut messages = vec![self.message(line, Occasion::Epoch, format!("{run}: {epoch}"), self.curve())];
                let headline = self.state.headline("val");
                let best = epoch.best.get(&headline).filter(|best| best.epoch == epoch.epoch).map(|best| best.value);
                if let Some(best) = best.filter(|best| self.best.is_none_or(|before| *best > before)) {
                    self.best = Some(best);
                    let title = format!("{run}: best so far, {headline} {} in epoch {}", percent(best), epoch.epoch);
                    messages.push(self.message(line, Occasion::Best, title, self.curve()));
                }
                messages
            }
            Event::Alert(alert) => {
                let title = format!("{run}: {}", alert.message);
                vec![self.message(line, Occasion::Alert, title, self.curve())]
            }
            Event::Finished(finished) => {
                let took = duration(line.t - self.state.attempt_began);
                let (occasion, verb) = match finished.outcome {
                    Outcome::Done => (Occasion::Finished, "is done"),
                    Outcome::Stopped => (Occasion::Stopped, "was stopped"),
                    Outcome::Paused => (Occasion::Stopped, "is paused"),
                    Outcome::Requeued => (Occasion::Stopped, "will be started again"),
                    Outcome::Failed => (Occasion::Failed, "failed"),
                };
                let lines = finished.cause.iter().cloned().chain(self.results()).collect();
                vec![self.message(line, occasion, format!("{run} {verb} after {took}"), lines)]
            }
            _ => Vec::new(),
        }
    }

    fn message(&self, line: &Line, event: Occasion, title: String, lines: Vec<String>) -> Message {
        let best = self.state.best.iter().map(|(name, best)| (name.clone(), best.value));
        Message {
            schema: 1,
            id: format!("{}#{}.{}.{}", self.run, line.attempt, line.seq, event.name()),
            event,
            run: self.run.clone(),
            host: self.host.clone(),
            t: line.t,
            title,
            lines,
            epoch: [self.state.last_epoch.as_ref().map_or(0, |epoch| epoch.epoch), self.state.epochs],
            metrics: self
                .state
                .latest
                .iter()
                .filter(|(_, value)| value.is_finite())
                .map(|(k, v)| (k.clone(), *v))
                .collect(),
            best: best.collect(),
        }
    }

    /// How what it is judged by went, where there is anything to see.
    fn curve(&self) -> Vec<String> {
        let name = self.state.headline("val");
        let Some(curve) = self.state.curves.get(&name) else { return Vec::new() };
        let values: Vec<f64> = curve.points().map(|(_, value)| value).collect();
        let last = values.last().copied().unwrap_or(f64::NAN);
        vec![format!("{name} {} {}", sparkline(&values), percent(last))]
    }

    /// The results, a line each, after the curve.
    fn results(&self) -> Vec<String> {
        let show = |name: &str, value: f64| if name.contains("loss") { number(value) } else { percent(value) };
        let best =
            self.state.best.iter().filter(|(name, _)| !name.starts_with("train/") && !name.starts_with("epoch/"));
        let width = best.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
        let row = |(name, best): (&String, &crate::event::Best)| {
            format!("{name:width$}  {:>8}  epoch {}", show(name, best.value), best.epoch)
        };
        self.curve().into_iter().chain(best.map(row)).collect()
    }
}

/// That the process of `run` is gone without a word.
pub fn crashed(run: &str, (host, attempt, t): (&str, u32, f64), state: &RunState, last: Vec<String>) -> Message {
    Message {
        schema: 1,
        id: format!("{run}#{attempt}.crashed"),
        event: Occasion::Crashed,
        run: run.to_owned(),
        host: host.to_owned(),
        t,
        title: format!("{run} crashed: its process is gone without a word"),
        lines: last.into_iter().chain([format!("mocolab resume {run}")]).collect(),
        epoch: [state.last_epoch.as_ref().map_or(0, |epoch| epoch.epoch), state.epochs],
        metrics: state.latest.iter().filter(|(_, value)| value.is_finite()).map(|(k, v)| (k.clone(), *v)).collect(),
        best: state.best.iter().map(|(name, best)| (name.clone(), best.value)).collect(),
    }
}

/// What `mocolab hook test` says.
pub fn test(host: &str, t: f64) -> Message {
    let (run, title) = ("test/run".to_owned(), "mocolab can tell you of runs here".to_owned());
    let lines = vec![format!("val/macro_accuracy {} {}", sparkline(&[0.1, 0.4, 0.6, 0.7, 0.75, 0.77]), percent(0.77))];
    let (metrics, best) = (BTreeMap::new(), BTreeMap::from([("val/macro_accuracy".to_owned(), 0.77)]));
    let (host, id) = (host.to_owned(), format!("test#{t}"));
    Message { schema: 1, id, event: Occasion::Finished, run, host, t, title, lines, epoch: [6, 6], metrics, best }
}

/// `▁▃▆█`: how values went, from their least to their greatest, the last of each part.
pub fn sparkline(values: &[f64]) -> String {
    let part = values.len().div_ceil(SPARKED).max(1);
    let shown: Vec<f64> = values.chunks(part).filter_map(|part| part.last().copied()).collect();
    let finite = || shown.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let spark = |value: &f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        if value.is_finite() { SPARKS[(share * 7.0).round().clamp(0.0, 7.0) as usize] } else { '·' }
    };
    shown.iter().map(spark).collect()
}
