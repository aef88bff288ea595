//! The runs of a report by what they are but for the seed, and what each was worth.

use super::published::{self, Published};
use crate::project;
use crate::sight::Sight;
use mocolab::compare::{Bests, Score, Spread, seeds};
use mocolab::event::{Best, Classes};
use mocolab::experiment::{ClassMap, DataSource, Experiment, Moment, Origin, Recipe};
use mocolab::metrics::{self, Confusion, Direction};
use mocolab::run::RunDir;
use mocolab::state::RunState;
use mocolab::status::Status;
use std::path::{Path, PathBuf};

/// A run that is reported.
#[derive(Debug)]
pub struct Reported {
    /// All that is known of it.
    pub sight: Sight,
    /// What it trained.
    pub experiment: Experiment,
}

/// Runs that differ in nothing but the seed.
#[derive(Debug)]
pub struct Group<'a> {
    /// The experiment's name without its seed.
    pub name: String,
    /// What they are.
    pub kind: Kind,
    /// The runs.
    pub runs: Vec<&'a Reported>,
    /// The seeds of those that are done, or of all, each once, in order.
    pub seeds: Vec<u64>,
    /// Whether one of them is done: then the others count for nothing.
    pub done: bool,
    /// Macro accuracy, 0 to 1, on the pictures learnt from, when done; none for features without a classifier.
    pub train: Option<Spread>,
    /// On the pictures held out, of the best epoch; for features that of nearest neighbours.
    pub val: Option<Spread>,
    /// On the test set, when done.
    pub test: Option<Spread>,
}

/// What a run is to a report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A classifier with labels: the whole network, or the last layer on its frozen features.
    Classifier {
        /// How many classes it tells apart.
        classes: usize,
    },
    /// Features learnt without labels.
    Encoder {
        /// Keys in the dictionary.
        queue: u64,
    },
    /// A linear classifier on features that were learnt without labels.
    Probe {
        /// What they are.
        features: Features,
        /// The share of the labels that it saw.
        fraction: f64,
    },
}

/// What the features of a probe come from.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Features {
    /// A network that has learnt nothing.
    Random,
    /// MoCo with so many keys in the dictionary.
    Moco(u64),
    /// A file, or a run that is gone.
    Other,
}

impl Reported {
    /// What it is, as far as its own files and those of its source tell.
    fn kind(&self) -> Kind {
        match &self.experiment.recipe {
            Recipe::Moco(moco) => Kind::Encoder { queue: moco.queue.get() },
            Recipe::Probe(probe) => match self.source(&probe.from) {
                Source::Classifier => self.classifier(),
                Source::Features(features) => Kind::Probe { features, fraction: probe.train_fraction.get() },
            },
            _ => self.classifier(),
        }
    }

    /// What the weights of `origin` learnt.
    fn source(&self, origin: &Origin) -> Source {
        let Origin::Checkpoint(path) = origin else {
            let random = matches!(origin, Origin::Random | Origin::Experiment { moment: Moment::Random, .. });
            return Source::Features(if random { Features::Random } else { Features::Other });
        };
        // RUN/checkpoints/FILE, as it was; and where the same run lies now if all were moved together.
        let then = path.ancestors().nth(2);
        let runs = self.sight.run.path().ancestors().nth(2);
        let now = || Some(runs?.join(then?.parent()?.file_name()?).join(then?.file_name()?));
        let read = |run: PathBuf| project::experiment(&RunDir::new(run)).ok().map(|experiment| experiment.recipe);
        match then.map(Path::to_owned).and_then(read).or_else(|| now().and_then(read)) {
            Some(Recipe::Supervised(_)) => Source::Classifier,
            Some(Recipe::Moco(moco)) => Source::Features(Features::Moco(moco.queue.get())),
            _ => Source::Features(Features::Other),
        }
    }

    fn classifier(&self) -> Kind {
        Kind::Classifier { classes: self.sight.state.class_names().len() }
    }

    /// The best of the epochs on the pictures held out.
    pub fn val(&self) -> Option<Best> {
        self.sight.best_macro()
    }

    /// The last on the test set.
    pub fn test(&self) -> Option<f64> {
        let state = &self.sight.state;
        state.latest.get(&state.headline("test")).copied()
    }

    /// On the pictures learnt from, when done.
    pub fn train(&self) -> Option<f64> {
        let classes = self.sight.state.classes.get("train")?;
        Some(Confusion::from_counts(classes.confusion.clone()).macro_accuracy())
    }
}

enum Source {
    Classifier,
    Features(Features),
}

/// `runs` in groups: classifiers, the most classes first; features, the smallest dictionary first; probes. What a group was
/// worth is told by its runs that are done, where there are such.
pub fn groups(runs: &[Reported]) -> Vec<Group<'_>> {
    let score = |value: Option<f64>| value.map(|value| Score { best: Best { value, epoch: 0 }, last: None });
    let measure = |metric: &str, of: &dyn Fn(&Reported) -> Option<f64>| Bests {
        metric: metric.to_owned(),
        direction: Direction::Higher,
        scores: runs.iter().map(|run| score(of(run))).collect(),
    };
    let measures = [
        measure("train", &Reported::train),
        measure(metrics::VAL_MACRO, &|run| run.val().map(|best| best.value)),
        measure(metrics::TEST_MACRO, &Reported::test),
    ];
    let experiments: Vec<(usize, &Experiment)> = runs.iter().map(|run| &run.experiment).enumerate().collect();
    let mut groups: Vec<Group> = Vec::new();
    for found in seeds(&experiments, &[]) {
        let is_done = |run: &usize| runs[*run].sight.status == Status::Done;
        let done: Vec<usize> = found.runs.iter().copied().filter(is_done).collect();
        let judged = if done.is_empty() { &found.runs } else { &done };
        let of: Vec<(usize, &Experiment)> = judged.iter().map(|run| experiments[*run]).collect();
        let told = seeds(&of, &measures).swap_remove(0);
        let own: Vec<&Reported> = found.runs.iter().map(|run| &runs[*run]).collect();
        let [train, val, test] = [0, 1, 2].map(|measure| told.spreads[measure]);
        let name = if groups.iter().any(|group| group.name == found.name) {
            format!("{}-{}", found.name, own[0].sight.run.id())
        } else {
            found.name
        };
        let (kind, done) = (own[0].kind(), !done.is_empty());
        groups.push(Group { name, kind, runs: own, seeds: told.seeds, done, train, val, test });
    }
    groups.sort_by(|a, b| a.order().partial_cmp(&b.order()).unwrap_or(std::cmp::Ordering::Equal));
    groups
}

impl Group<'_> {
    fn order(&self) -> (u8, i64, Features, f64) {
        match self.kind {
            Kind::Classifier { classes } => (0, -(classes as i64), Features::Random, 0.0),
            Kind::Encoder { queue } => (1, queue as i64, Features::Random, 0.0),
            Kind::Probe { features, fraction } => (2, 0, features, fraction),
        }
    }

    /// The run that did best on the pictures held out.
    pub fn best(&self) -> &Reported {
        let value = |run: &Reported| run.val().map_or(f64::NEG_INFINITY, |best| best.value);
        let by = |best: &'_ Reported, run: &'_ Reported| value(run) > value(best);
        self.runs.iter().copied().reduce(|best, run| if by(best, run) { run } else { best }).expect("a group has a run")
    }

    /// What an earlier system reached at the same, on CIFAR-10.
    pub fn published(&self) -> Option<Published> {
        if !matches!(self.runs[0].experiment.data, DataSource::Cifar10(_)) {
            return None;
        }
        let map = match &self.runs[0].experiment.recipe {
            Recipe::Supervised(settings) => &settings.classes,
            Recipe::Probe(settings) => &settings.classes,
            _ => return None,
        };
        let whole = matches!(self.runs[0].experiment.recipe, Recipe::Supervised(_));
        match (self.kind, map) {
            (Kind::Classifier { .. }, ClassMap::All) if whole => published::classifier(10),
            (Kind::Classifier { .. }, ClassMap::Five) if !whole => published::classifier(5),
            (Kind::Classifier { .. }, ClassMap::Two) if !whole => published::classifier(2),
            (Kind::Probe { features: Features::Moco(queue), fraction }, ClassMap::All) => {
                published::probe(queue, fraction)
            }
            _ => None,
        }
    }

    /// Whether `other` was trained just so, but for its name, its seeds and where its weights come from.
    pub fn is_like(&self, other: &Self) -> bool {
        let plain = |group: &Self| {
            let mut same = group.runs[0].experiment.clone();
            (same.name, same.seed) = (other.runs[0].experiment.name.clone(), 0);
            *same.recipe.origin_mut() = Origin::Random;
            (same, group.state().started.as_ref().map(|started| started.arch.clone()))
        };
        plain(self) == plain(other)
    }

    /// How classes fared in its best run: on the test set, else on the pictures held out.
    pub fn classes(&self) -> Option<(&Classes, Confusion)> {
        let classes = &self.best().sight.state.classes;
        let found = classes.get("test").or_else(|| classes.get("val"))?;
        Some((found, Confusion::from_counts(found.confusion.clone())))
    }

    /// The state of its best run.
    pub fn state(&self) -> &RunState {
        &self.best().sight.state
    }
}
