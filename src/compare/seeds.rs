//! What a recipe is worth beyond one throw of the dice: mean and standard deviation over its seeds.

use super::Bests;
use crate::experiment::{Experiment, Name, Origin};
use std::collections::BTreeMap;

/// Runs that differ in nothing but the seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Seeds {
    /// The experiment's name without its seed.
    pub name: String,
    /// The runs, as they were numbered.
    pub runs: Vec<usize>,
    /// Their seeds, each once, in order.
    pub seeds: Vec<u64>,
    /// How their bests spread, in the order of the bests; none where none of them has such a metric.
    pub spreads: Vec<Option<Spread>>,
}

/// Mean and sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// Seeds that have a value.
    pub seeds: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, with n - 1; one seed has none.
    pub deviation: Option<f64>,
}

/// The runs of `experiments`, each with its number in `bests`, by what they are but for the seed: in the order of the
/// first run of each. A seed that was trained twice counts once, with the mean of its runs: else it would pass for spread
/// over seeds what is none.
///
/// The name may end in the seed, as variants' names do, and so may that of the experiment whose weights it starts from,
/// if it ends in the same one: a probe over seeds is of features over seeds.
pub fn seeds(experiments: &[(usize, &Experiment)], bests: &[Bests]) -> Vec<Seeds> {
    let mut groups: Vec<(Experiment, Vec<(usize, u64)>)> = Vec::new();
    for (run, experiment) in experiments {
        let same = without_seed(experiment);
        match groups.iter_mut().find(|(known, _)| *known == same) {
            Some((_, runs)) => runs.push((*run, experiment.seed)),
            None => groups.push((same, vec![(*run, experiment.seed)])),
        }
    }
    let group = |(same, runs): (Experiment, Vec<(usize, u64)>)| {
        let mut seeds: Vec<u64> = runs.iter().map(|(_, seed)| *seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let spreads = bests.iter().map(|bests| spread(&by_seed(bests, &runs))).collect();
        Seeds { name: same.name.into(), runs: runs.iter().map(|(run, _)| *run).collect(), seeds, spreads }
    };
    groups.into_iter().map(group).collect()
}

/// The best of each seed; of several runs of a seed their mean.
fn by_seed(bests: &Bests, runs: &[(usize, u64)]) -> Vec<f64> {
    let mut values: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (run, seed) in runs {
        if let Some(value) = bests.value(*run).filter(|value| value.is_finite()) {
            values.entry(*seed).or_default().push(value);
        }
    }
    values.values().filter_map(|values| spread(values)).map(|spread| spread.mean).collect()
}

/// Mean and sample standard deviation of `values`; none of no values.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let count = values.len();
    let mean = values.iter().sum::<f64>() / count as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
    (count > 0).then_some(Spread { seeds: count, mean, deviation })
}

/// `experiment` as it would be whatever its seed.
fn without_seed(experiment: &Experiment) -> Experiment {
    let mut same = experiment.clone();
    let suffix = format!(".seed-{}", experiment.seed);
    same.seed = 0;
    if let Some(name) = same.name.as_str().strip_suffix(&suffix).and_then(|name| name.parse::<Name>().ok()) {
        same.name = name;
    }
    let origin = same.recipe.origin_mut();
    if let Some(source) = source_without(origin, &suffix) {
        *origin = source;
    }
    same
}

/// `origin` with an experiment's name that doesn't end in `suffix`; none where it doesn't.
fn source_without(origin: &Origin, suffix: &str) -> Option<Origin> {
    match origin {
        Origin::Experiment { name, moment } => {
            Some(Origin::Experiment { name: name.strip_suffix(suffix)?.to_owned(), moment: *moment })
        }
        // runs/NAME/ID/checkpoints/FILE: neither the id nor the step of a best epoch can be the same for two seeds.
        Origin::Checkpoint(path) => {
            let experiment = path.ancestors().nth(3)?;
            let name = experiment.file_name()?.to_str()?.strip_suffix(suffix)?;
            Some(Origin::Checkpoint(experiment.with_file_name(name)))
        }
        Origin::Random | Origin::File(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Score;
    use crate::config;
    use crate::event::Best;
    use crate::metrics::Direction;

    fn experiments(text: &str) -> Vec<Experiment> {
        config::parse(text, "x").unwrap().experiments().cloned().collect()
    }

    fn of(values: &[Option<f64>]) -> Bests {
        let score = |value: &Option<f64>| value.map(|value| Score { best: Best { value, epoch: 1 }, last: None });
        let scores = values.iter().map(score).collect();
        Bests { metric: "val/macro_accuracy".into(), direction: Direction::Higher, scores }
    }

    fn groups(experiments: &[Experiment], bests: &[Bests]) -> Vec<Seeds> {
        seeds(&experiments.iter().enumerate().collect::<Vec<_>>(), bests)
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_textbook() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 32, over 7.
        let found = spread(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!(near(found.mean, 5.0) && near(found.deviation.unwrap(), (32.0_f64 / 7.0).sqrt()), "{found:?}");
        assert_eq!(spread(&[3.0]), Some(Spread { seeds: 1, mean: 3.0, deviation: None }));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn runs_are_of_one_group_where_only_the_seed_differs() {
        let grid = experiments("[experiment.m]\nseed = [1, 2, 3]\n[experiment.m.moco]\nqueue = [64, 128]");
        // m.queue-64.seed-1, -2, -3, m.queue-128.seed-1, -2, -3
        let bests = of(&[Some(0.5), Some(0.6), Some(0.7), Some(0.4), None, Some(f64::NAN)]);
        let found = groups(&grid, &[bests]);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), &found[0].runs[..], &found[0].seeds[..]),
            ("m.queue-64", &[0, 1, 2][..], &[1, 2, 3][..])
        );
        let spread = found[0].spreads[0].unwrap();
        assert!(spread.seeds == 3 && near(spread.mean, 0.6) && near(spread.deviation.unwrap(), 0.1), "{spread:?}");
        assert_eq!(
            found[1].spreads[0],
            Some(Spread { seeds: 1, mean: 0.4, deviation: None }),
            "the others have no value"
        );
    }

    #[test]
    fn a_seed_that_was_trained_twice_is_one_seed() {
        let mut twice = experiments("[experiment.m]\nseed = [1, 2]\n[experiment.m.supervised]");
        twice.push(twice[1].clone());
        let found = groups(&twice, &[of(&[Some(0.2), Some(0.3), Some(0.5)])]);
        let spread = found[0].spreads[0].unwrap();
        assert_eq!((found[0].runs.len(), &found[0].seeds[..], spread.seeds), (3, &[1, 2][..], 2));
        // 0.2 and the mean of 0.3 and 0.5.
        assert!(near(spread.mean, 0.3) && near(spread.deviation.unwrap(), 0.02_f64.sqrt()), "{spread:?}");
    }

    #[test]
    fn names_that_differ_in_more_than_the_seed_are_two_groups() {
        let others = experiments(
            "[experiment.a]\nseed = 1\n[experiment.a.supervised]\n[experiment.b]\nseed = 2\n[experiment.b.supervised]",
        );
        assert_eq!(groups(&others, &[]).len(), 2);
        let mut same = experiments("[experiment.a]\nseed = [1, 2]\n[experiment.a.supervised]");
        assert_eq!(groups(&same, &[]).len(), 1);
        same[1].images = 100;
        assert_eq!(groups(&same, &[]).len(), 2);
        assert_eq!(groups(&[], &[]), []);
    }

    #[test]
    fn a_probe_of_each_seed_s_features_is_of_one_group() {
        let text = "[experiment.m]\nseed = [1, 2]\n[experiment.m.moco]\n[experiment.p]\nseed = [1, 2]\n[experiment.p.probe]\nfrom = \"m\"";
        let mut probes: Vec<Experiment> =
            experiments(text).into_iter().filter(|one| one.recipe.name() == "probe").collect();
        for (probe, run) in
            probes.iter_mut().zip(["m.seed-1/x/checkpoints/step-5.a", "m.seed-2/y/checkpoints/step-9.b"])
        {
            *probe.recipe.origin_mut() = Origin::Checkpoint(format!("/runs/{run}.safetensors").into());
        }
        assert_eq!(groups(&probes, &[]).len(), 1);
        *probes[1].recipe.origin_mut() = Origin::Checkpoint("/runs/m.seed-1/x/checkpoints/step-5.a.safetensors".into());
        assert_eq!(groups(&probes, &[]).len(), 2, "features of another seed than its own are something else");
    }
}
