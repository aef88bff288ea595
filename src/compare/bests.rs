//! The best of each run, never the last: what a run was worth is what its best epoch was worth.

use crate::event::Best;
use crate::metrics::{self, Direction, direction};
use crate::state::RunState;
use std::collections::BTreeSet;

/// How the runs did by one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Bests {
    /// The metric.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
    /// What each run reached; none where it has no such metric.
    pub scores: Vec<Option<Score>>,
}

/// What a run reached by one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Its best value, and the epoch of it.
    pub best: Best,
    /// Its last value; of a metric of the training, the mean of the last epoch, as the best is one of an epoch.
    pub last: Option<f64>,
}

impl Bests {
    /// Whether `run` is the best of them. Nobody is where only one has a value, or all have the same; several may be.
    pub fn wins(&self, run: usize) -> bool {
        let value = |score: &Option<Score>| score.map(|score| score.best.value).filter(|value| value.is_finite());
        let Some(own) = self.scores.get(run).and_then(value) else { return false };
        let mut others = self.scores.iter().filter_map(value);
        let contested = others.clone().any(|other| self.direction.better(own, other));
        contested && !others.any(|other| self.direction.better(other, own))
    }

    /// The best value of `run`.
    pub fn value(&self, run: usize) -> Option<f64> {
        self.scores.get(run).copied().flatten().map(|score| score.best.value)
    }
}

/// The bests of each of `states`, a row for every metric that any of them has a best of: [`in_order`].
pub fn bests(states: &[&RunState]) -> Vec<Bests> {
    let known: BTreeSet<&str> = states.iter().flat_map(|state| state.best.keys()).map(String::as_str).collect();
    let row = |metric: &str| {
        let score = |state: &&RunState| {
            let best = *state.best.get(metric)?;
            Some(Score { best, last: last(state, metric) })
        };
        let scores = states.iter().map(score).collect();
        Some(Bests { metric: metric.to_owned(), direction: direction(metric)?, scores })
    };
    in_order(known).into_iter().filter_map(row).collect()
}

fn last(state: &RunState, metric: &str) -> Option<f64> {
    let curve = state.curves.get(&metrics::of_epoch(metric)).or_else(|| state.curves.get(metric));
    curve.and_then(crate::curve::Curve::last).map(|(_, value)| value)
}

/// `metrics` as one wants to see them: what they were measured on (validation, test, training), macro accuracies before
/// plain ones before losses before what is neither good nor bad.
pub fn in_order<'a>(metrics: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut metrics: Vec<&str> = metrics.into_iter().collect();
    metrics.sort_by_key(|metric| {
        let name = metric.strip_prefix("epoch/").unwrap_or(metric);
        let split = ["val/", "test/", "train/"].iter().position(|split| name.starts_with(split)).unwrap_or(3);
        let kind = match direction(name) {
            Some(Direction::Higher) if name.contains("macro") => 0,
            Some(Direction::Higher) => 1,
            Some(Direction::Lower) => 2,
            None => 3,
        };
        (split, kind, *metric)
    });
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Epoch, Event, Line, Real};

    /// A run whose epochs ended in these validation losses and macro accuracies.
    fn run(epochs: &[(f64, f64)]) -> RunState {
        let mut state = RunState::default();
        let mut best = std::collections::BTreeMap::<String, Best>::new();
        for (epoch, (loss, accuracy)) in (1..).zip(epochs) {
            let values =
                [("val/loss", *loss), ("val/macro_accuracy", *accuracy), ("train/loss", loss * 2.0), ("lr", 0.1)];
            for (name, value) in values {
                let old = best.get(name).map_or(f64::NAN, |best| best.value);
                if direction(name).is_some_and(|direction| direction.better(value, old)) {
                    best.insert(name.to_owned(), Best { value, epoch });
                }
            }
            let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
            let event =
                Event::Epoch(Epoch { epoch, of: 3, step: epoch * 10, seconds: 1.0, metrics, best: best.clone() });
            state.apply(&Line { attempt: 1, seq: 0, t: 0.0, event });
        }
        state
    }

    #[test]
    fn the_best_counts_not_the_last() {
        let (a, b) = (run(&[(2.0, 0.3), (1.0, 0.9), (1.5, 0.5)]), run(&[(2.0, 0.6), (0.5, 0.7), (0.6, f64::NAN)]));
        let found = bests(&[&a, &b]);
        let names: Vec<&str> = found.iter().map(|bests| bests.metric.as_str()).collect();
        assert_eq!(names, ["val/macro_accuracy", "val/loss", "train/loss"]);
        let accuracy = &found[0];
        assert_eq!(accuracy.scores[0], Some(Score { best: Best { value: 0.9, epoch: 2 }, last: Some(0.5) }));
        assert_eq!(accuracy.scores[1].unwrap().best, Best { value: 0.7, epoch: 2 });
        assert_eq!((accuracy.wins(0), accuracy.wins(1)), (true, false), "though b ended higher than a");
        assert_eq!((found[1].wins(0), found[1].wins(1)), (false, true), "of a loss the lowest");
        assert_eq!(found[2].scores[0], Some(Score { best: Best { value: 2.0, epoch: 2 }, last: Some(3.0) }));
    }

    #[test]
    fn nobody_wins_alone_or_where_all_are_the_same() {
        let (a, b, none) = (run(&[(1.0, 0.5)]), run(&[(1.0, 0.5)]), RunState::default());
        let found = bests(&[&a, &none]);
        assert_eq!(found[0].scores[1], None);
        assert!(found.iter().all(|bests| !bests.wins(0) && !bests.wins(1) && !bests.wins(7)));
        assert!(bests(&[&a, &b]).iter().all(|bests| !bests.wins(0)));
        let c = run(&[(2.0, 0.4)]);
        let tied = &bests(&[&a, &b, &c])[0];
        assert_eq!([0, 1, 2].map(|run| tied.wins(run)), [true, true, false]);
        assert_eq!(bests(&[]), []);
    }

    #[test]
    fn what_matters_comes_first() {
        let metrics = ["lr", "epoch/train/loss", "test/macro_accuracy", "train/accuracy", "val/loss", "val/accuracy"];
        let expected = ["val/accuracy", "val/loss", "test/macro_accuracy", "train/accuracy", "epoch/train/loss", "lr"];
        assert_eq!(in_order(metrics), expected);
    }
}
