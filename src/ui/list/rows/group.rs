//! Groups of runs: which a run is of, how the groups are ordered, what a heading says.

use crate::sight::Sight;
use crate::ui::list::order::{self, Grouping};
use mocolab::config::Suite;
use mocolab::experiment::{Name, Recipe};
use mocolab::run::RunDir;
use mocolab::status::Status;
use std::collections::HashMap;

/// The heading of some runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What its runs have in common: the name of an experiment of the file, a status, a tag, …
    pub key: String,
    /// The one experiment that it stands for, where it has no variants.
    pub experiment: Option<Name>,
    /// It is an experiment that the file no longer has.
    pub former: bool,
    /// Runs by status, in the order of what asks most of a person.
    pub counts: Vec<(Status, usize)>,
    /// Experiments of it that were never run.
    pub waiting: usize,
    /// The best value among its runs.
    pub best: Option<f64>,
    /// Its runs, folded or not, for marking them all.
    pub runs: Vec<RunDir>,
    /// They are not shown.
    pub folded: bool,
}

/// Where an experiment stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Among all experiments.
    pub order: usize,
    /// Its `[experiment.NAME]`: which, what it is called, and whether it has variants.
    group: usize,
    pub name: &'a str,
    variants: bool,
}

/// Where every experiment stands, by name.
pub(super) fn places(suite: Option<&Suite>) -> HashMap<&str, Place<'_>> {
    let groups = suite.into_iter().flat_map(|suite| suite.groups.iter().enumerate());
    let all = groups.flat_map(|(group, of)| {
        let variants = of.experiments.iter().any(|one| one.name != of.name);
        of.experiments.iter().map(move |one| (one.name.as_str(), group, of.name.as_str(), variants))
    });
    let place = |(order, (own, group, name, variants))| (own, Place { order, group, name, variants });
    all.enumerate().map(place).collect()
}

/// The experiment that a run is of, by its directory.
pub(super) fn experiment_of(run: &RunDir) -> String {
    let folder = run.path().parent().and_then(|path| path.file_name());
    folder.map(|name| mocolab::text::sanitize(&name.to_string_lossy())).unwrap_or_default()
}

/// The group of a run: its place among groups, and its key.
pub(super) fn rank(grouping: Grouping, sight: &Sight, name: &str, places: &HashMap<&str, Place>) -> (usize, String) {
    const LAST: usize = usize::MAX;
    match grouping {
        Grouping::Experiment => match places.get(name) {
            Some(place) => (place.group, place.name.to_owned()),
            None => (LAST, name.to_owned()),
        },
        Grouping::Status => (order::rank(sight.status), sight.status.to_string()),
        Grouping::Recipe => match &sight.experiment {
            Ok(experiment) => {
                let recipe = experiment.recipe.name();
                (Recipe::NAMES.iter().position(|name| *name == recipe).unwrap_or(LAST - 1), recipe.to_owned())
            }
            Err(_) => (LAST, "not known".into()),
        },
        Grouping::Device => match &sight.job {
            Some(job) if !job.devices.is_empty() => (0, mocolab::text::sanitize(&job.devices.join(","))),
            _ => (LAST, "not launched".into()),
        },
        Grouping::Tag => match sight.notes.tags.first() {
            Some(tag) => (0, mocolab::text::sanitize(tag)),
            None => (LAST, "no tag".into()),
        },
        Grouping::Nothing => (0, String::new()),
    }
}

/// For each run, by the names of their experiments in order: which of several it is, from 1.
pub(super) fn numbers(names: &[String]) -> Vec<Option<usize>> {
    let runs = names.chunk_by(|a, b| a == b);
    runs.flat_map(|runs| (1..=runs.len()).map(|number| (runs.len() > 1).then_some(number))).collect()
}

/// What a run is called within its group: the variant and which of its runs it is, or its id where there are no variants.
pub(super) fn label(run: &RunDir, experiment: &str, within: &str, number: Option<usize>) -> String {
    let variant = experiment.strip_prefix(within).unwrap_or(experiment).trim_start_matches('.');
    match (variant, number) {
        ("", _) => mocolab::text::sanitize(&run.id()),
        (variant, None) => variant.to_owned(),
        (variant, Some(number)) => format!("{variant} #{number}"),
    }
}

impl Group {
    /// A heading without runs yet.
    pub(super) fn new(grouping: Grouping, rank: &(usize, String), places: &HashMap<&str, Place>) -> Self {
        let key = rank.1.clone();
        let single = places.get(key.as_str()).filter(|place| grouping == Grouping::Experiment && !place.variants);
        Self {
            experiment: single.and_then(|_| key.parse().ok()),
            former: grouping == Grouping::Experiment && rank.0 == usize::MAX,
            key,
            counts: Vec::new(),
            waiting: 0,
            best: None,
            runs: Vec::new(),
            folded: false,
        }
    }

    /// Takes in its runs.
    pub(super) fn count<'a>(&mut self, runs: impl Iterator<Item = &'a Sight>, waiting: usize) {
        self.waiting = waiting;
        for sight in runs {
            match self.counts.iter_mut().find(|(status, _)| *status == sight.status) {
                Some((_, count)) => *count += 1,
                None => self.counts.push((sight.status, 1)),
            }
            let best = sight.best_macro().map(|best| best.value).filter(|value| value.is_finite());
            self.best = [self.best, best].into_iter().flatten().reduce(f64::max);
            self.runs.push(sight.run.clone());
        }
        self.counts.sort_by_key(|(status, _)| order::rank(*status));
    }
}
