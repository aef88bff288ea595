//! What is compared: the runs with their letters and short names, and all that the library finds between them.

use super::CompareScreen;
use crate::sight::Sight;
use crate::ui::chart::colour;
use crate::ui::theme::COLOURS;
use mocolab::compare::{self, Bests, Difference, Seeds};
use mocolab::curve::Curve;
use mocolab::experiment::Experiment;
use mocolab::state::RunState;
use mocolab::status::Status;
use mocolab::text::sanitize;
use std::collections::BTreeSet;

/// Runs that can be compared at once: each has a letter.
pub const MOST: usize = 26;

/// Stands for every setting of a run whose experiment can't be read; TOML has no such value.
pub(super) const UNREAD: &str = "?";

/// A run among others.
pub struct Run<'a> {
    /// What is known of it.
    pub sight: &'a Sight,
    /// Its name without what all names begin with, safe to print.
    pub name: String,
}

/// Runs side by side.
pub struct Compared<'a> {
    /// The runs, A first.
    pub runs: Vec<Run<'a>>,
    /// The colour of each, the same wherever it is compared as far as they go round.
    pub colours: Vec<usize>,
    /// Runs beyond the alphabet.
    pub left_out: usize,
    /// What all names begin with, safe to print.
    pub beginning: String,
    /// Every metric that any of them has a curve of.
    pub metrics: Vec<&'a str>,
    /// The settings in which they differ. Of a run whose experiment can't be read every value is [`UNREAD`].
    pub settings: Vec<Difference>,
    /// What each reached.
    pub bests: Vec<Bests>,
    /// The runs by what they are but for the seed.
    pub seeds: Vec<Seeds>,
}

impl<'a> Compared<'a> {
    /// Compares `sights`, which get their letters in the order given.
    pub fn new(sights: &[&'a Sight]) -> Self {
        let left_out = sights.len().saturating_sub(MOST);
        let sights = &sights[..sights.len() - left_out];
        let colours = colours(sights);
        let labels = labels(sights);
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let beginning = compare::common_beginning(&labels);
        let name = |label: &str| sanitize(&label[beginning.len()..]);
        let runs = sights.iter().zip(&labels).map(|(sight, label)| Run { sight, name: name(label) }).collect();
        let states: Vec<&RunState> = sights.iter().map(|sight| &sight.state).collect();
        let known: BTreeSet<&str> =
            sights.iter().flat_map(|sight| sight.state.curves.keys()).map(String::as_str).collect();
        let bests = compare::bests(&states);
        let read = |(run, sight): (usize, &&'a Sight)| Some((run, sight.experiment.as_ref().ok()?));
        let read: Vec<(usize, &Experiment)> = sights.iter().enumerate().filter_map(read).collect();
        let seeds = compare::seeds(&read, &bests);
        let (metrics, settings) = (compare::in_order(known), settings(&read, sights.len()));
        Self { runs, colours, left_out, beginning: sanitize(beginning), metrics, settings, bests, seeds }
    }

    /// The metric that is looked at.
    pub fn metric(&self, screen: &CompareScreen) -> Option<&'a str> {
        self.metrics.get(self.place(screen)).copied()
    }

    /// Its place among all.
    pub fn place(&self, screen: &CompareScreen) -> usize {
        self.metrics.iter().position(|metric| Some(*metric) == screen.metric.as_deref()).unwrap_or(0)
    }

    /// The run that others are measured by, where it is one of these.
    pub fn baseline(&self, screen: &CompareScreen) -> Option<usize> {
        screen.baseline.filter(|run| *run < self.runs.len())
    }

    /// The curves of the metric that is looked at, each with the number of its run ([`super::letter`]).
    pub fn curves(&self, screen: &CompareScreen) -> impl Iterator<Item = (usize, &'a Curve)> {
        let metric = self.metric(screen);
        let curve = move |sight: &'a Sight| sight.state.curves.get(metric?);
        self.runs.iter().enumerate().filter_map(move |(number, run)| Some((number, curve(run.sight)?)))
    }

    /// The two runs whose classes are compared: where there are exactly two.
    pub fn pair(&self) -> Option<[&'a Sight; 2]> {
        let [first, second] = self.runs.as_slice() else { return None };
        Some([first.sight, second.sight])
    }

    /// How many of `runs` may still get better, or never got to their end.
    pub(super) fn not_done(&self, runs: &[usize]) -> usize {
        let done = |run: &&usize| self.runs.get(**run).is_some_and(|run| run.sight.status == Status::Done);
        runs.len() - runs.iter().filter(done).count()
    }
}

fn colours(sights: &[&Sight]) -> Vec<usize> {
    let labels: Vec<String> = sights.iter().map(|sight| sight.run.label()).collect();
    colour::colours(&labels.iter().map(String::as_str).collect::<Vec<_>>(), COLOURS)
}

/// What tells the runs apart: the experiment of each, with the run's id where two are of one.
fn labels(sights: &[&Sight]) -> Vec<String> {
    let experiment = |sight: &Sight| sight.run.experiment_name().map(String::from);
    let names: Vec<Option<String>> = sights.iter().map(|sight| experiment(sight)).collect();
    let alone = |name: &Option<String>| names.iter().filter(|other| *other == name).count() == 1;
    let label = |(sight, name): (&&Sight, &Option<String>)| {
        name.clone().filter(|_| alone(name)).unwrap_or_else(|| sight.run.label())
    };
    sights.iter().zip(&names).map(label).collect()
}

/// The differences of those that could be read, a value for each of `count` runs.
fn settings(read: &[(usize, &Experiment)], count: usize) -> Vec<Difference> {
    let experiments: Vec<&Experiment> = read.iter().map(|(_, experiment)| *experiment).collect();
    let mut differences = compare::differences(&experiments);
    for difference in &mut differences {
        let mut values = vec![Some(UNREAD.to_owned()); count];
        for ((run, _), value) in read.iter().zip(difference.values.drain(..)) {
            values[*run] = value;
        }
        difference.values = values;
    }
    differences
}
