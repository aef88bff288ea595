//! What a filter can ask for: what is known of every run, any setting, any metric.

use mocolab::experiment::{Common, Recipe, Setting, Settings};
use mocolab::status::Status;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The experiment's name, or that with the run's id.
    Name,
    /// What it is now; `live` is any that a process works on.
    Status,
    /// How it trains.
    Recipe,
    /// Where it was launched last.
    Device,
    /// What people call it.
    Tag,
    /// What there is of it.
    Has,
    /// The epoch under way.
    Epoch,
    /// Optimiser steps done.
    Step,
    /// The part done.
    Done,
    /// Time since its beginning.
    Age,
    /// Time from its beginning to the latest that it said.
    Took,
    /// Time to its end at this pace.
    Left,
    /// The best value of the metric that tells how good it is.
    Best,
    /// The latest loss.
    Loss,
    /// A setting.
    Setting(&'static str),
    /// A metric: its best value, the latest where no way is better.
    Metric(String),
}

/// What there may be of a run, for `has:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// Features embedded by t-SNE.
    Tsne,
    /// Features embedded by PCA.
    Pca,
    /// A checkpoint.
    Checkpoint,
    /// Alerts.
    Alerts,
    /// Results on the test set.
    Test,
    /// Tags.
    Tags,
    /// A note.
    Note,
    /// Something of it can't be read.
    Trouble,
}

impl Thing {
    /// All with their words.
    pub const ALL: [(&'static str, Self); 8] = [
        ("tsne", Self::Tsne),
        ("pca", Self::Pca),
        ("checkpoint", Self::Checkpoint),
        ("alerts", Self::Alerts),
        ("test", Self::Test),
        ("tags", Self::Tags),
        ("note", Self::Note),
        ("trouble", Self::Trouble),
    ];
}

/// What kind of value stands under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Words { words: Vec<String> },
    Number,
    Seconds,
}

const PLAIN: [(&str, Key); 14] = [
    ("name", Key::Name),
    ("status", Key::Status),
    ("recipe", Key::Recipe),
    ("device", Key::Device),
    ("tag", Key::Tag),
    ("has", Key::Has),
    ("epoch", Key::Epoch),
    ("step", Key::Step),
    ("done", Key::Done),
    ("age", Key::Age),
    ("took", Key::Took),
    ("left", Key::Left),
    ("best", Key::Best),
    ("loss", Key::Loss),
];

/// Metrics whose names have no `/`.
const METRICS: [&str; 1] = [mocolab::metrics::IMAGES_PER_S];

/// Every setting of every recipe; one that several have comes several times.
fn settings() -> impl Iterator<Item = Setting> {
    let recipes = Recipe::NAMES.iter().filter_map(|recipe| Recipe::settings(recipe)).flatten();
    Common::settings().into_iter().chain(recipes)
}

/// All keys but the metrics that have a `/` in their name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().map(|(name, _)| *name).chain(METRICS).chain(settings().map(|setting| setting.name))
}

/// What may stand before a sign, for messages.
pub(super) fn allowed() -> String {
    let plain: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).collect();
    format!("{}, any setting as `queue`, any metric as `val/loss`", plain.join(", "))
}

impl Key {
    /// The key called `name`.
    pub fn find(name: &str) -> Option<Self> {
        if let Some((_, key)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
            return Some(key.clone());
        }
        let of_metric = |c: char| c.is_alphanumeric() || "/_-.@".contains(c);
        let parts = name.contains('/') && name.split('/').all(|part| !part.is_empty());
        if METRICS.contains(&name) || (parts && name.chars().all(of_metric) && !name.starts_with('-')) {
            return Some(Self::Metric(name.to_owned()));
        }
        settings().find(|setting| setting.name == name).map(|setting| Self::Setting(setting.name))
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::Setting(name) => (*name).to_owned(),
            Self::Metric(name) => name.clone(),
            plain => PLAIN.iter().find(|(_, key)| key == plain).map_or("", |(name, _)| name).to_owned(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        let words = |words: Vec<&str>| Kind::Words { words: words.into_iter().map(str::to_owned).collect() };
        match self {
            Self::Name | Self::Device | Self::Tag => Kind::Text,
            Self::Status => words(Status::ALL.iter().map(|status| status.as_str()).chain(["live"]).collect()),
            Self::Recipe => words(Recipe::NAMES.to_vec()),
            Self::Has => words(Thing::ALL.iter().map(|(word, _)| *word).collect()),
            Self::Age | Self::Took | Self::Left => Kind::Seconds,
            Self::Setting(name) => settings().find(|setting| setting.name == *name).map_or(Kind::Text, |it| of(&it)),
            _ => Kind::Number,
        }
    }
}

/// The kind of a setting, by its default and what is allowed.
fn of(setting: &Setting) -> Kind {
    let words = |words: &[&str]| Kind::Words { words: words.iter().map(|word| (*word).to_owned()).collect() };
    if setting.default.parse::<f64>().is_ok() {
        Kind::Number
    } else if setting.default.parse::<bool>().is_ok() {
        words(&["true", "false"])
    } else if setting.allowed.contains(" | ") {
        words(&setting.allowed.split(" | ").collect::<Vec<_>>())
    } else {
        Kind::Text
    }
}
