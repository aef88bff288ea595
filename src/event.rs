//! What a run says: one [`Event`] a line in `events.jsonl`, the only record of a training. Every view of a run, every
//! export and every test is a fold of these. [`Line`] is how one stands in the file.
//!
//! The format is versioned and only grows: readers ignore fields and kinds they don't know.

mod line;

pub use line::{BadLine, Line, VERSION};

use crate::metrics;
use crate::text::{duration, number, percent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Named measurements; names as in [`crate::metrics`].
pub type Metrics = BTreeMap<String, Real>;

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// An attempt begins, or goes back. What was done after `from_step` is void; the evaluation at that step may come again.
    Started(Box<Started>),
    /// A point of the training curves.
    Step(Step),
    /// An epoch is complete and evaluated.
    Epoch(Epoch),
    /// How each class fared.
    Classes(Classes),
    /// Features were embedded in the plane.
    Embedding(Embedding),
    /// A checkpoint lies on the disk, verified.
    Checkpoint(Checkpoint),
    /// A picture worth looking at was written.
    Picture(Picture),
    /// How the weights are spread.
    Histograms(Histograms),
    /// What the process and its devices were doing.
    Usage(Usage),
    /// Something a person should know.
    Alert(Alert),
    /// Something worth keeping, and no cause for alarm.
    Note(Alert),
    /// A request of the user was read and is being followed.
    Acknowledged {
        /// The id in `request.json`.
        request: String,
    },
    /// A torn end of the log was moved to `events.torn`.
    Recovered {
        /// How much of it there was.
        bytes: u64,
    },
    /// The attempt ends, in good order.
    Finished(Finished),
    /// A kind that a newer mocolab writes.
    #[serde(other)]
    Unknown,
}

/// What an attempt is about to do. `step` counts optimiser steps done; step 0 is before the first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Started {
    /// Steps that were done when the attempt began.
    pub from_step: u64,
    /// Steps that the whole run will have.
    pub steps: u64,
    /// Epochs that the whole run will have.
    pub epochs: u64,
    /// Steps of one epoch.
    pub steps_per_epoch: u64,
    /// Images of one step.
    pub batch: u64,
    /// The recipe's table name.
    pub recipe: String,
    /// The network.
    pub arch: String,
    /// Trainable numbers in the network.
    pub parameters: u64,
    /// The devices, as `cpu` or `cuda:0`.
    pub devices: Vec<String>,
    /// `fp32` or `bf16`.
    pub precision: String,
    /// Name of the data set.
    pub data: String,
    /// Class names; a label is an index into these.
    pub classes: Vec<String>,
    /// Images in each split: train, val, test.
    pub images: BTreeMap<String, u64>,
    /// Training images of each class.
    pub balance: Vec<u64>,
    /// The loss of guessing, where there is one to compare with: ln(K + 1) of a queue of K keys.
    pub chance_loss: Option<f64>,
    /// What else is worth keeping of how it was set up: where the weights came from, which labels are used.
    pub notes: Vec<String>,
    /// The checkpoint file that the attempt goes on from.
    pub checkpoint: Option<String>,
    /// The bests that it holds.
    pub best: BTreeMap<String, Best>,
}

/// A point of the training curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Optimiser steps done.
    pub step: u64,
    /// Steps the run will have, so that a tail of the log tells progress.
    pub of: u64,
    /// The epoch under way, from 1.
    pub epoch: u64,
    /// What was measured.
    pub metrics: Metrics,
}

/// A complete epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Which, from 1.
    pub epoch: u64,
    /// Epochs the run will have.
    pub of: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// Seconds it took, evaluation included.
    pub seconds: f64,
    /// What was measured over the epoch and after it.
    pub metrics: Metrics,
    /// The best value so far of every metric that has a direction: a list needs only the tail of a log.
    pub best: BTreeMap<String, Best>,
}

/// The best value of a metric so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The value.
    pub value: f64,
    /// The epoch it was reached in.
    pub epoch: u64,
}

/// How each class fared on one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// After which epoch.
    pub epoch: u64,
    /// `val`, `test`, or, when a classifier is done, `train`.
    pub split: String,
    /// Who answered, where it was not the network itself: `knn k=200 T=0.1 projection`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Counts `[true class][predicted class]`.
    pub confusion: Vec<Vec<u64>>,
}

/// Features embedded in the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// After which epoch.
    pub epoch: u64,
    /// `tsne` or `pca`.
    pub method: String,
    /// The file's name within `maps/`.
    pub file: String,
}

/// A picture in a file of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// After which epoch; 0 before the first.
    pub epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// What it shows: `views`.
    pub name: String,
    /// The file, a PNG, relative to the run.
    pub file: String,
}

/// How the weights are spread after an epoch, by their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// After which epoch.
    pub epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// One for each tensor.
    pub weights: BTreeMap<String, Histogram>,
}

/// How the numbers of a tensor are spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The least of them.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// How many lie in each of as many equal parts from the least to the greatest; the greatest counts to the last part.
    pub counts: Vec<u64>,
}

/// What the trainer and its devices were doing at a moment of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Optimiser steps done.
    pub step: u64,
    /// By name: `cpu` (cores in use), `memory` (bytes held), `gpu.0.busy`, `gpu.0.memory_busy`, `gpu.0.temperature` (°C),
    /// `gpu.0.power` (W), `gpu.0.memory` (bytes in use on it); shares are from 0 to 1.
    pub metrics: Metrics,
}

/// A checkpoint on the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Steps done at the moment it holds.
    pub step: u64,
    /// Complete epochs at that moment.
    pub epoch: u64,
    /// The file name within `checkpoints/`.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// True where it held the best validation result so far.
    pub best: bool,
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// A word to filter by: `nan`, `checkpoint`, `features`, …
    pub what: String,
    /// The sentence.
    pub message: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The kind of end.
    pub outcome: Outcome,
    /// Steps done.
    pub step: u64,
    /// Why, where it failed or something is to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// The kinds of end that a trainer can write itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps done.
    Done,
    /// The user stopped it; a checkpoint holds where.
    Stopped,
    /// The user paused it: to be continued.
    Paused,
    /// The scheduler will start it again.
    Requeued,
    /// It could not go on.
    Failed,
}

/// A number that may be NaN or infinite, which JSON cannot say: those are written as `null` and read as NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Real(pub f64);

impl Serialize for Real {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.is_finite().then_some(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN)))
    }
}

impl std::fmt::Display for Epoch {
    /// What a person wants to know of an epoch, in a line.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        type Shown = (&'static str, &'static str, fn(f64) -> String);
        write!(f, "epoch {}/{}", self.epoch, self.of)?;
        let shown: [Shown; 6] = [
            ("train loss", metrics::TRAIN_LOSS, number),
            ("val loss", metrics::VAL_LOSS, number),
            ("val macro", metrics::VAL_MACRO, percent),
            ("val kNN", metrics::VAL_KNN_MACRO, percent),
            ("test macro", metrics::TEST_MACRO, percent),
            ("test kNN", metrics::TEST_KNN_MACRO, percent),
        ];
        for (title, name, show) in shown {
            self.metrics.get(name).map_or(Ok(()), |value| write!(f, "  {title} {}", show(value.0)))?;
        }
        write!(f, "  {}", duration(self.seconds))
    }
}
