//! Mirrors: what a run's record says, told in the formats of other programs. Each is a fold of [`Line`]s, so that what is
//! written beside a training is what an export of its record writes.

pub mod tensorboard;
pub mod wandb;

mod once;
mod settings;

pub use settings::flat;

use crate::event::{BadLine, Classes, Event, Line, Metrics};
use crate::metrics::{self, Confusion};
use crate::run::{Reader, RunDir};
use once::Once;
use std::collections::BTreeMap;
use std::io;

/// Lines read at once.
const CHUNK: usize = 10_000;

/// Hands all whole lines of the record of `run` to `take`. Gives how many damaged ones were passed over.
///
/// # Errors
/// Where the record can't be read, `take` fails, or a newer mocolab wrote it.
pub fn each(run: &RunDir, mut take: impl FnMut(&Line) -> io::Result<()>) -> io::Result<usize> {
    let mut reader = Reader::new(run);
    let mut passed = 0;
    loop {
        let batch = reader.read(CHUNK)?;
        if let Some((number, newer)) = batch.damaged.iter().find(|(_, what)| matches!(what, BadLine::Version(_))) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {number} of the record: {newer}")));
        }
        passed += batch.damaged.len();
        batch.lines.iter().try_for_each(&mut take)?;
        if !batch.more {
            return Ok(passed);
        }
    }
}

/// The measurements that an event makes points of, under the names of their curves, and the step they belong to.
fn points(event: &Event) -> Option<(u64, Metrics)> {
    match event {
        Event::Step(step) => Some((step.step, step.metrics.clone())),
        Event::Epoch(epoch) => {
            // As in `RunState`: the epoch's mean is a curve of its own beside that of the steps.
            let name = |name: &String| if name.starts_with("train/") { metrics::of_epoch(name) } else { name.clone() };
            Some((epoch.step, epoch.metrics.iter().map(|(key, value)| (name(key), *value)).collect()))
        }
        _ => None,
    }
}

/// The recall of each class by the names of their curves: `val/recall/cat`.
fn recalls(classes: &Classes, names: &[String]) -> BTreeMap<String, f64> {
    let recalls = Confusion::from_counts(classes.confusion.clone()).recalls();
    let known = names.iter().zip(recalls).filter_map(|(class, recall)| Some((class, recall?)));
    known.map(|(class, recall)| (format!("{}/recall/{class}", classes.split), recall)).collect()
}
