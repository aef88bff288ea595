//! What a user wants trained: one [`Experiment`] with one [`Recipe`]. Plain values; reading the file is [`crate::config`]'s.

mod common;
mod data_source;
mod name;
mod ranges;
mod setting;
mod supervised;

pub use common::Common;
pub use data_source::DataSource;
pub use name::Name;
pub use ranges::{Count, Fraction, LearningRate, Momentum, NonNegative, Positive, Threads};
pub use setting::{Conflict, Setting};
pub use supervised::{Arch, Precision, Schedule, Supervised};

use serde::{Deserialize, Serialize};

/// One thing to train, with every default filled in: what `experiments.toml` says after grids are expanded, and what a
/// run directory keeps as `experiment.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Unique in its suite; also the directory of its runs.
    pub name: Name,
    /// Where the pictures come from.
    pub data: DataSource,
    /// Decides everything random in the run.
    pub seed: u64,
    /// CPU threads of the trainer; 0 = all of the machine that starts it, written resolved into a run.
    pub threads: u32,
    /// How to train.
    pub recipe: Recipe,
}

/// How to train: one variant for each training script under `src/train/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Recipe {
    /// A classifier trained from scratch on labels.
    Supervised(Supervised),
}

impl Recipe {
    /// The table names that may stand under `[experiment.NAME]`.
    pub const NAMES: &'static [&'static str] = &["supervised"];

    /// The table name of this recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Supervised(_) => "supervised",
        }
    }

    /// The settings of the recipe called `name`: name, default, what is allowed, meaning.
    pub fn settings(name: &str) -> Option<Vec<Setting>> {
        match name {
            "supervised" => Some(Supervised::settings()),
            _ => None,
        }
    }

    /// Settings that each are allowed and together make no sense.
    pub fn conflicts(&self) -> Vec<Conflict> {
        match self {
            Self::Supervised(settings) => settings.conflicts(),
        }
    }

    /// Epochs of training asked for.
    pub fn epochs(&self) -> u64 {
        match self {
            Self::Supervised(settings) => settings.epochs.get(),
        }
    }

    /// The network.
    pub fn arch(&self) -> Arch {
        match self {
            Self::Supervised(settings) => settings.arch,
        }
    }
}
