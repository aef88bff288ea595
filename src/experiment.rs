//! What a user wants trained: one [`Experiment`] with one [`Recipe`]. Plain values; reading the file is [`crate::config`]'s.

mod classes;
mod common;
mod conflict;
mod data_source;
mod groups;
mod moco;
mod name;
pub mod need;
mod origin;
mod probe;
mod ranges;
mod setting;
mod supervised;
mod words;

pub use classes::ClassMap;
pub use common::Common;
pub use data_source::DataSource;
pub use groups::{Descent, Judging, Keeping, Views};
pub use moco::Moco;
pub use name::Name;
pub use origin::{Moment, Origin};
pub use probe::Probe;
pub use ranges::{Chance, Count, Fraction, LearningRate, Milestones, Momentum, NonNegative, Positive, Slots, Threads};
pub use setting::{Conflict, Setting, Settings};
pub use supervised::Supervised;
pub use words::{Arch, Executor, Head, Layer, Monitor, Normalise, Precision, Preset, Schedule, Solver, Stem, Trouble};

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
    /// Training images to use, the first of every class; 0 = all.
    #[serde(default)]
    pub images: u32,
    /// Decides everything random in the run.
    pub seed: u64,
    /// CPU threads of the trainer; 0 = all of the machine that starts it, written resolved into a run.
    pub threads: u32,
    /// Runs that may share its device, itself among them.
    #[serde(default = "one")]
    pub slots: u32,
    /// Where it is trained unless its start says otherwise.
    #[serde(default = "here")]
    pub executor: Executor,
    /// How to train.
    pub recipe: Recipe,
}

fn one() -> u32 {
    1
}

fn here() -> Executor {
    Executor::Local
}

/// How to train: one variant for each training script under `src/train/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Recipe {
    /// A classifier trained on labels.
    Supervised(Supervised),
    /// Features learnt without labels.
    Moco(Moco),
    /// A linear classifier on frozen features.
    Probe(Probe),
}

/// The same expression for every recipe.
macro_rules! each {
    ($recipe:expr, $settings:ident => $value:expr) => {
        match $recipe {
            Self::Supervised($settings) => $value,
            Self::Moco($settings) => $value,
            Self::Probe($settings) => $value,
        }
    };
}

impl Recipe {
    /// The table names that may stand under `[experiment.NAME]`.
    pub const NAMES: &'static [&'static str] = &["supervised", "moco", "probe"];

    /// The table name of this recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Supervised(_) => "supervised",
            Self::Moco(_) => "moco",
            Self::Probe(_) => "probe",
        }
    }

    /// The settings of the recipe called `name`: name, default, what is allowed, meaning.
    pub fn settings(name: &str) -> Option<Vec<Setting>> {
        match name {
            "supervised" => Some(Supervised::settings()),
            "moco" => Some(Moco::settings()),
            "probe" => Some(Probe::settings()),
            _ => None,
        }
    }

    /// Settings that each are allowed and together make no sense.
    pub fn conflicts(&self) -> Vec<Conflict> {
        each!(self, settings => settings.conflicts())
    }

    /// What is allowed and worth a word, for `images` training pictures.
    pub fn warnings(&self, images: u64) -> Vec<String> {
        match self {
            Self::Moco(settings) => settings.warnings(images),
            _ => Vec::new(),
        }
    }

    /// How it descends.
    pub fn descent(&self) -> &Descent {
        each!(self, settings => &settings.descent)
    }

    /// How it is judged.
    pub fn judging(&self) -> &Judging {
        each!(self, settings => &settings.judging)
    }

    /// What it keeps.
    pub fn keeping(&self) -> &Keeping {
        each!(self, settings => &settings.keeping)
    }

    /// Epochs of training asked for.
    pub fn epochs(&self) -> u64 {
        self.descent().epochs.get()
    }

    /// The network; for a probe of a trained one that one's counts.
    pub fn arch(&self) -> Arch {
        each!(self, settings => settings.arch)
    }

    /// How that network begins.
    pub fn stem(&self) -> Stem {
        each!(self, settings => settings.stem)
    }

    /// The views of pictures that it trains on; a probe has none of its own.
    pub fn views(&self) -> Option<&Views> {
        match self {
            Self::Supervised(settings) => Some(&settings.views),
            Self::Moco(settings) => Some(&settings.views),
            Self::Probe(_) => None,
        }
    }

    /// What is trained, in a word: the network, or for a probe where its network comes from.
    pub fn subject(&self) -> String {
        match (self, self.origin()) {
            (Self::Probe(settings), Origin::Random) => format!("on random {}", settings.arch),
            (Self::Probe(_), origin) => format!("on {}", origin.label()),
            _ => self.arch().to_string(),
        }
    }

    /// How weights are fitted.
    pub fn solver(&self) -> Solver {
        if let Self::Probe(settings) = self { settings.solver } else { Solver::Sgd }
    }

    /// Where the first weights come from.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Supervised(settings) => &settings.init,
            Self::Moco(settings) => &settings.init,
            Self::Probe(settings) => &settings.from,
        }
    }

    /// The same for writing.
    pub fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Self::Supervised(settings) => &mut settings.init,
            Self::Moco(settings) => &mut settings.init,
            Self::Probe(settings) => &mut settings.from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// All settings of a recipe stand in one table, also those of its groups: of two with one name the first would win.
    #[test]
    fn the_settings_of_a_recipe_have_different_names() {
        for recipe in Recipe::NAMES {
            let settings = Recipe::settings(recipe).unwrap();
            let mut names = HashSet::new();
            let twice: Vec<&str> =
                settings.iter().map(|setting| setting.name).filter(|it| !names.insert(*it)).collect();
            assert!(settings.len() > 5 && twice.is_empty(), "{recipe}: {twice:?}");
        }
    }

    #[test]
    fn a_recipe_gives_its_network_and_its_views() {
        let moco = Recipe::Moco(Moco { stem: Stem::Imagenet, ..Moco::default() });
        assert_eq!((moco.stem(), moco.views()), (Stem::Imagenet, Some(&Moco::default().views)));
        let probe = Recipe::Probe(Probe::default());
        assert_eq!((probe.stem(), probe.views()), (Stem::Cifar, None));
    }
}
