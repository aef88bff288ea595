//! Which experiment another takes its weights from: it must be one of the file, trained before, and have a network.

use super::{
    Suite,
    problem::Findings,
    read::{Document, Draft},
    suggest::did_you_mean,
};
use crate::experiment::{Experiment, Moment, Origin, Recipe};
use std::path::Path;

impl Suite {
    /// The experiment that `of` takes its weights from; none where it takes them from none. Of several variants it is the
    /// one with the seed of `of`; where only one is meant, its seed doesn't matter.
    ///
    /// # Errors
    /// Where there is none of that name, or it can't be told which of several is meant.
    pub fn source(&self, of: &Experiment) -> Result<Option<&Experiment>, String> {
        let Origin::Experiment { name, moment } = of.recipe.origin() else { return Ok(None) };
        let named = self.meant(name);
        let same_seed: Vec<&Experiment> = named.iter().copied().filter(|source| source.seed == of.seed).collect();
        let source = match (named.as_slice(), same_seed.as_slice()) {
            ([], _) => return Err(self.none_called(name)),
            ([one], _) | (_, [one]) => *one,
            (several, _) => {
                let candidates: Vec<&str> = several.iter().map(|source| source.name.as_str()).collect();
                return Err(format!(
                    "`{name}` may be any of {}: name one, or the part that tells them apart",
                    candidates.join(", ")
                ));
            }
        };
        if matches!(source.recipe, Recipe::Probe(_)) {
            return Err(format!("`{name}` is a probe and has no network of its own: name what that takes it from"));
        }
        if *moment == Moment::Random && !matches!(of.recipe, Recipe::Probe(_)) {
            return Err(format!("`{name}@random` is what `random` is here: the first weights are drawn anyway"));
        }
        Ok(Some(source))
    }

    /// What `name` stands for: the experiment or else the group of exactly that name, else those whose names begin so.
    fn meant(&self, name: &str) -> Vec<&Experiment> {
        if let Some(one) = self.experiments().find(|experiment| experiment.name.as_str() == name) {
            return vec![one];
        }
        if let Some(group) = self.groups.iter().find(|group| group.name.as_str() == name) {
            return group.experiments.iter().collect();
        }
        let begins = |experiment: &&Experiment| {
            experiment.name.as_str().strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        };
        self.experiments().filter(begins).collect()
    }

    fn none_called(&self, name: &str) -> String {
        let groups = || self.groups.iter().map(|group| group.name.as_str());
        let help = did_you_mean(name, groups())
            .unwrap_or_else(|| format!("there are: {}", groups().collect::<Vec<_>>().join(", ")));
        format!("no experiment is called `{name}`; {help}")
    }

    /// All experiments, each after those it takes weights from, else in the order of the file.
    pub fn in_order(&self) -> Vec<&Experiment> {
        let mut order: Vec<&Experiment> = Vec::new();
        for experiment in self.experiments() {
            let mut chain = vec![experiment];
            while let Some(source) = chain.last().and_then(|last| self.source(last).ok().flatten()) {
                if chain.iter().any(|known| known.name == source.name) {
                    break;
                }
                chain.push(source);
            }
            for link in chain.into_iter().rev() {
                if !order.iter().any(|known| known.name == link.name) {
                    order.push(link);
                }
            }
        }
        order
    }
}

/// Complains of every origin that leads nowhere or in a circle.
pub(super) fn check(suite: &Suite, document: &Document, findings: &mut Findings) {
    for group in &suite.groups {
        let Some(draft) = document.experiments.iter().find(|draft| draft.name == group.name) else { continue };
        for experiment in &group.experiments {
            let problem = match (experiment.recipe.origin(), suite.source(experiment)) {
                (Origin::Checkpoint(path), _) => Some(of_a_run(path)),
                (_, Err(message)) => Some((message, format!("allowed: {}", Origin::ALLOWED))),
                (_, Ok(_)) => circle(suite, experiment),
            };
            if let Some((message, help)) = problem {
                let text = experiment.recipe.origin().to_string();
                findings.add(place(draft, document, &text), message, [help]);
            }
        }
    }
}

/// What only the `experiment.toml` of a run says.
fn of_a_run(path: &Path) -> (String, String) {
    let message =
        "`checkpoint:…` is what a run keeps of where its weights came from, and is not written by hand".into();
    let help = format!("name the experiment, as `NAME` or `NAME@best`, or the file: `file:{}`", path.display());
    (message, help)
}

/// Where the origin `text` stands; the experiment's name where it stands in `[defaults]` alone.
fn place(draft: &Draft, document: &Document, text: &str) -> std::ops::Range<usize> {
    let axes = draft.axes.iter().chain(&document.defaults).filter(|axis| ["from", "init"].contains(&axis.setting));
    let mut choices = axes.flat_map(|axis| &axis.choices);
    choices.find(|choice| choice.value.as_str() == Some(text)).map_or(draft.span.clone(), |choice| choice.span.clone())
}

fn circle(suite: &Suite, start: &Experiment) -> Option<(String, String)> {
    let mut chain = vec![start];
    while let Some(source) = suite.source(chain.last()?).ok().flatten() {
        if source.name == start.name {
            let names: Vec<String> = chain.iter().chain([&start]).map(|link| format!("`{}`", link.name)).collect();
            let message = format!("weights go in a circle: {}", names.join(" takes from "));
            return Some((message, "one of them has to begin at `random`".into()));
        }
        if chain.iter().any(|known| known.name == source.name) {
            return None;
        }
        chain.push(source);
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const SUITE: &str = "
[experiment.probe]
seed = [1, 2]
probe = { from = [\"moco.queue-64\", \"moco.queue-128@random\"] }
[experiment.moco]
seed = [1, 2]
moco = { queue = [64, 128] }
[experiment.head]
probe = { from = \"base@best\", classes = \"five\" }
[experiment.base]
supervised = {}
";

    #[test]
    fn an_experiment_takes_its_weights_from_the_variant_of_its_seed() {
        let suite = parse(SUITE, "f").unwrap();
        let of = |name: &str| suite.source(suite.find(name).unwrap()[0]).unwrap().unwrap().name.to_string();
        assert_eq!(of("head"), "base");
        let probes: Vec<String> = suite.groups[0].experiments.iter().map(|probe| of(probe.name.as_str())).collect();
        assert_eq!(
            probes,
            ["moco.queue-64.seed-1", "moco.queue-64.seed-2", "moco.queue-128.seed-1", "moco.queue-128.seed-2"]
        );
        let order: Vec<&str> = suite.in_order().iter().map(|experiment| experiment.name.as_str()).collect();
        assert_eq!(order.len(), 10);
        let at = |name: &str| order.iter().position(|known| *known == name).unwrap();
        assert!(
            at("base") < at("head") && at("moco.queue-128.seed-2") < at(suite.groups[0].experiments[3].name.as_str())
        );
    }

    #[test]
    fn an_exact_name_goes_before_longer_ones() {
        let suite = parse(
            "
[experiment.moco.moco]
[experiment.\"moco.v2\".moco]
[experiment.\"grid.x\"]
seed = 5
moco = {}
[experiment.grid]
seed = [5, 6]
moco = {}
[experiment.probe.probe]
from = \"moco\"
[experiment.other]
seed = 7
probe = { from = \"moco\" }
[experiment.fifth]
seed = 5
probe = { from = \"grid\" }
",
            "f",
        )
        .unwrap();
        let of = |name: &str| suite.source(suite.find(name).unwrap()[0]).unwrap().unwrap().name.to_string();
        assert_eq!(of("probe"), "moco");
        assert_eq!(of("other"), "moco", "whatever its seed");
        assert_eq!(of("fifth"), "grid.seed-5", "not the other name that begins so");
    }
}
