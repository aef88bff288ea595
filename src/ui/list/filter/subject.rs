//! What a filter is put to: a run, or an experiment that was never run.

use super::key::{Key, Thing};
use crate::sight::Sight;
use crate::ui::list::settings::Values;
use mocolab::experiment::Experiment;
use mocolab::metrics;
use std::borrow::Cow;

/// A run or an experiment, as a filter sees it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// `experiment/id`, or the experiment's name.
    pub label: String,
    experiment: Option<&'a Experiment>,
    sight: Option<&'a Sight>,
    values: Option<&'a Values>,
}

/// What is known of a subject under a key.
#[derive(Debug)]
pub(super) enum Fact<'a> {
    Unknown,
    Number(f64),
    Words(Vec<Cow<'a, str>>),
}

impl<'a> Subject<'a> {
    /// A run; `values` are its settings where they have been written out already.
    pub fn run(sight: &'a Sight, values: Option<&'a Values>) -> Self {
        Self { label: sight.run.label(), experiment: sight.experiment.as_ref().ok(), sight: Some(sight), values }
    }

    /// An experiment that was never run.
    pub fn experiment(experiment: &'a Experiment) -> Self {
        Self { label: experiment.name.to_string(), experiment: Some(experiment), sight: None, values: None }
    }

    pub(super) fn fact(&self, key: &Key, now: f64) -> Fact<'a> {
        let number = |known: Option<f64>| known.map_or(Fact::Unknown, Fact::Number);
        match (key, self.sight) {
            (Key::Name, _) => self.names(),
            (Key::Recipe, _) => self.experiment.map_or(Fact::Unknown, |it| words([it.recipe.name().into()])),
            (Key::Setting(name), _) => self.setting(name),
            (_, None) => Fact::Unknown,
            (Key::Status, Some(sight)) => {
                let live = sight.status.is_live().then_some(Cow::from("live"));
                words(std::iter::once(sight.status.as_str().into()).chain(live))
            }
            (Key::Device, Some(sight)) => words(sight.job.iter().flat_map(|job| &job.devices).flat_map(|name| {
                let number = name.split_once(':').map(|(_, number)| Cow::from(number));
                std::iter::once(Cow::from(name.as_str())).chain(number)
            })),
            (Key::Tag, Some(sight)) => words(sight.notes.tags.iter().map(|tag| tag.as_str().into())),
            (Key::Has, Some(sight)) => {
                let there = Thing::ALL.iter().filter(|(_, thing)| has(sight, *thing));
                words(there.map(|(word, _)| (*word).into()))
            }
            (Key::Metric(name), Some(sight)) => number(metric(sight, name)),
            (key, Some(sight)) => number(figure(sight, key, now)),
        }
    }

    fn names(&self) -> Fact<'a> {
        let name = self.label.split('/').next().unwrap_or_default();
        let group = name.split('.').next().unwrap_or_default();
        words([self.label.clone().into(), name.to_owned().into(), group.to_owned().into()])
    }

    fn setting(&self, name: &str) -> Fact<'a> {
        let own = self.values.is_none().then(|| self.experiment.map(Values::of)).flatten();
        let value = self.values.and_then(|values| values.get(name)).or_else(|| own.as_ref()?.get(name));
        match value.map(|value| (value.parse::<f64>(), value)) {
            Some((Ok(number), _)) => Fact::Number(number),
            Some((Err(_), text)) => words([text.to_owned().into()]),
            None => Fact::Unknown,
        }
    }
}

fn words<'a>(words: impl IntoIterator<Item = Cow<'a, str>>) -> Fact<'a> {
    Fact::Words(words.into_iter().collect())
}

/// The best value of a metric, the latest where no way is better.
pub fn metric(sight: &Sight, name: &str) -> Option<f64> {
    let state = &sight.state;
    state.best.get(name).map(|best| best.value).or_else(|| state.latest.get(name).copied())
}

fn figure(sight: &Sight, key: &Key, now: f64) -> Option<f64> {
    let state = &sight.state;
    let spoke = state.attempt > 0;
    match key {
        Key::Epoch => Some(state.epoch as f64),
        Key::Step => Some(state.step as f64),
        Key::Done => Some(state.progress()),
        Key::Age => began(sight).map(|began| now - began),
        Key::Took => spoke.then_some(state.last_seen - state.began),
        Key::Left => state.seconds_left().filter(|_| sight.status.is_live()),
        Key::Best => sight.best_macro().map(|best| best.value),
        Key::Loss => state.latest.get(metrics::TRAIN_LOSS).copied(),
        _ => None,
    }
}

/// When it began: its first word, or its launch; seconds since 1970.
pub fn began(sight: &Sight) -> Option<f64> {
    let spoke = (sight.state.attempt > 0).then_some(sight.state.began);
    spoke.or_else(|| sight.job.as_ref().map(|job| job.t))
}

fn has(sight: &Sight, thing: Thing) -> bool {
    let state = &sight.state;
    let embedded = |method: &str| state.embeddings.iter().any(|embedding| embedding.method == method);
    match thing {
        Thing::Tsne => embedded("tsne"),
        Thing::Pca => embedded("pca"),
        Thing::Checkpoint => !state.checkpoints.is_empty(),
        Thing::Alerts => !state.alerts.is_empty(),
        Thing::Test => state.latest.keys().any(|name| name.starts_with("test/")),
        Thing::Tags => !sight.notes.tags.is_empty(),
        Thing::Note => !sight.notes.note.is_empty(),
        Thing::Trouble => sight.trouble.is_some() || sight.damaged > 0,
    }
}
