//! The settings of runs as short texts: to filter by, to sort by, and to show those in which runs differ.

use mocolab::experiment::{Experiment, Keeping, Origin, Recipe, Settings};

/// Every setting of an experiment with its value, in an order that all experiments of a recipe share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(Vec<(&'static str, String)>);

impl Values {
    /// Writes all settings out. Costs some microseconds: keep it.
    pub fn of(experiment: &Experiment) -> Self {
        let mut settings = Vec::new();
        match &experiment.recipe {
            Recipe::Supervised(recipe) => recipe.describe(&mut settings),
            Recipe::Moco(recipe) => recipe.describe(&mut settings),
            Recipe::Probe(recipe) => recipe.describe(&mut settings),
            // A recipe of a later version has settings that this one can't name.
            _ => {}
        }
        let mut values: Vec<(&'static str, String)> = settings
            .into_iter()
            .map(|setting| match setting.name {
                "from" | "init" => (setting.name, origin(experiment.recipe.origin())),
                name => (name, unquoted(&setting.default)),
            })
            .collect();
        values.push(("data", experiment.data.to_string()));
        values.push(("images", experiment.images.to_string()));
        values.push(("threads", experiment.threads.to_string()));
        values.push(("slots", experiment.slots.to_string()));
        values.push(("executor", experiment.executor.to_string()));
        values.push(("seed", experiment.seed.to_string()));
        Self(values)
    }

    /// Whether both are of one recipe. All of a recipe have the same names, and the name texts are the same ones.
    fn has_the_names_of(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| std::ptr::eq(a.0, b.0) || a.0 == b.0)
    }

    /// The value of the setting called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

/// A path may be long and private: only its end.
fn origin(origin: &Origin) -> String {
    origin.label()
}

/// A TOML value as people write it: texts without quotes.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    mocolab::text::sanitize(inner.unwrap_or(value))
}

/// A setting in which runs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differing {
    /// Its name.
    pub name: &'static str,
    /// Bytes of its longest value.
    pub longest: usize,
}

/// What is known of a setting from runs that are alike.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    differs: bool,
    longest: usize,
}

/// The settings in which runs differ: first those that vary within an experiment of the file, then those in which
/// experiments of one recipe differ. What only says how a run is kept is no difference. `runs` are names of experiments of
/// the file, each with the settings of a run.
pub fn differing<'a>(runs: &[(&'a str, &'a Values)]) -> Vec<Differing> {
    let mut found = Vec::new();
    spread(runs, |a, b| a.0 == b.0 && a.1.has_the_names_of(b.1), &mut found);
    spread(runs, |a, b| a.1.has_the_names_of(b.1), &mut found);
    found
}

/// Adds the settings in which runs differ that are `alike`.
fn spread<'a>(
    runs: &[(&'a str, &'a Values)],
    alike: impl Fn(&(&str, &Values), &(&str, &Values)) -> bool,
    found: &mut Vec<Differing>,
) {
    let mut kinds: Vec<(&(&str, &Values), Vec<Spread>)> = Vec::new();
    for run in runs {
        let at = kinds.iter().position(|(first, _)| alike(first, run)).unwrap_or_else(|| {
            kinds.push((run, vec![Spread::default(); run.1.0.len()]));
            kinds.len() - 1
        });
        let (first, spreads) = &mut kinds[at];
        for ((spread, a), b) in spreads.iter_mut().zip(&first.1.0).zip(&run.1.0) {
            spread.differs |= a.1 != b.1;
            spread.longest = spread.longest.max(b.1.len());
        }
    }
    for ((_, values), spreads) in &kinds {
        for ((name, _), spread) in values.0.iter().zip(spreads).filter(|(_, spread)| spread.differs) {
            match found.iter_mut().find(|other| other.name == *name) {
                Some(other) => other.longest = other.longest.max(spread.longest),
                None if is_about_training(name) => found.push(Differing { name, longest: spread.longest }),
                None => {}
            }
        }
    }
}

fn is_about_training(name: &str) -> bool {
    !["threads", "slots", "executor"].contains(&name) && (!Keeping::knows(name) || name == "precision")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::config;

    #[test]
    fn only_what_runs_of_a_recipe_differ_in_is_a_difference() {
        let suite = "
            [experiment.base.supervised]
            epochs = 30
            log_every = [10, 20]
            [experiment.moco]
            seed = [1, 2]
            [experiment.moco.moco]
            queue = [6400, 25600]
            [experiment.probe.probe]
            from = \"moco.queue-6400.seed-1\"
        ";
        let suite = config::parse(suite, "x").unwrap();
        let values: Vec<Values> = suite.experiments().map(Values::of).collect();
        assert_eq!(values[2].get("queue"), Some("6400"));
        assert_eq!(values[0].get("arch"), Some("resnet18"));
        assert_eq!(values[6].get("from"), Some("moco.queue-6400.seed-1"));
        let runs: Vec<(&str, &Values)> =
            ["base", "base", "moco", "moco", "moco", "moco", "probe"].into_iter().zip(&values).collect();
        let found = differing(&runs);
        assert_eq!(found, [Differing { name: "queue", longest: 5 }, Differing { name: "seed", longest: 1 }]);
        assert_eq!(differing(&runs[..1]), []);
    }
}
