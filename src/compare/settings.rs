//! The settings of experiments as keys and values, and where they differ.

use crate::experiment::Experiment;
use std::collections::HashMap;
use toml::{Table, Value};

/// A setting in which experiments differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key, dotted where it lies in a table.
    pub key: String,
    /// Its value in each experiment, as TOML writes it; none where the recipe lacks it.
    pub values: Vec<Option<String>>,
}

/// Every setting of `experiment` as `experiment.toml` has it: dotted key, and value as TOML writes it. What recipe it is
/// stands under `recipe`, and the settings of the recipe stand beside the common ones, whatever the recipe: so `lr` of a
/// probe is compared with `lr` of a classifier.
///
/// # Panics
/// Never: an experiment is made of what TOML can write.
pub fn flatten(experiment: &Experiment) -> Vec<(String, String)> {
    let table = Table::try_from(experiment).expect("an experiment is numbers, words and tables of them");
    let mut pairs = Vec::new();
    for (key, value) in &table {
        match value {
            Value::Table(recipe) if key == "recipe" => {
                let word = Value::from(experiment.recipe.name());
                pairs.push((key.clone(), word.to_string()));
                let settings = recipe.values().filter_map(Value::as_table).flatten();
                settings.for_each(|(key, value)| add(key, value, &mut pairs));
            }
            value => add(key, value, &mut pairs),
        }
    }
    pairs
}

fn add(key: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(inner, value)| add(&format!("{key}.{inner}"), value, pairs));
        }
        value => pairs.push((key.to_owned(), value.to_string())),
    }
}

/// The settings in which `experiments` differ, in the order of their recipes. The name is not one of them: it says what
/// an experiment is called, not what it does.
pub fn differences(experiments: &[&Experiment]) -> Vec<Difference> {
    let all: Vec<Vec<(String, String)>> = experiments.iter().map(|experiment| flatten(experiment)).collect();
    let found: Vec<HashMap<&str, &str>> =
        all.iter().map(|pairs| pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()).collect();
    let value = |key| found.iter().map(|pairs| pairs.get(key).map(|value| (*value).to_owned())).collect();
    let all = merged(&all).into_iter().filter(|key| *key != "name");
    let all = all.map(|key| Difference { key: key.to_owned(), values: value(key) });
    all.filter(|difference| difference.values.windows(2).any(|pair| pair[0] != pair[1])).collect()
}

/// All keys once; one that only a later list has stands behind the key that it follows there.
fn merged(all: &[Vec<(String, String)>]) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for pairs in all {
        let mut place = 0;
        for (key, _) in pairs {
            // Mostly the lists are alike, and the next key is the next key.
            if keys.get(place).is_some_and(|known| known == key) {
                place += 1;
            } else if let Some(at) = keys.iter().position(|known| known == key) {
                place = at + 1;
            } else {
                keys.insert(place, key);
                place += 1;
            }
        }
    }
    keys
}

/// The beginning that all `names` share, up to the last point where a part of a name or path begins, so that what is left
/// of each still says something: `moco.` of `moco.queue-6400` and `moco.queue-25600`. Empty where there are not two names.
pub fn common_beginning<'a>(names: &[&'a str]) -> &'a str {
    let [first, others @ ..] = names else { return "" };
    let shared = |name: &&str| first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let Some(shared) = others.iter().map(shared).min() else { return "" };
    let begins = |at: &usize| {
        let part = |name: &&str| name.get(*at..).and_then(|rest| rest.chars().next());
        match first.as_bytes()[at - 1] {
            b'/' => names.iter().all(|name| part(name).is_some()),
            // Not the point of a number: `lr-0.1` and `lr-0.2`.
            b'.' => names.iter().all(|name| part(name).is_some_and(char::is_alphabetic)),
            _ => false,
        }
    };
    &first[..(1..=shared).rev().find(begins).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::experiment::{Recipe, Settings};
    use proptest::prelude::*;

    fn experiments(text: &str) -> Vec<Experiment> {
        config::parse(text, "x").unwrap().experiments().cloned().collect()
    }

    fn differing(experiments: &[Experiment]) -> Vec<(String, Vec<String>)> {
        let found = differences(&experiments.iter().collect::<Vec<_>>());
        let shown = |values: Vec<Option<String>>| values.into_iter().map(|value| value.unwrap_or("–".into())).collect();
        found.into_iter().map(|difference| (difference.key, shown(difference.values))).collect()
    }

    fn row(key: &str, values: &[&str]) -> (String, Vec<String>) {
        (key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_grid_differs_in_what_it_lists_in_the_order_of_the_settings() {
        let grid =
            experiments("[experiment.m]\nseed = [1, 2]\n[experiment.m.moco]\ntemperature = 0.07\nqueue = [64, 128]");
        let expected = [row("seed", &["1", "2", "1", "2"]), row("queue", &["64", "64", "128", "128"])];
        assert_eq!(differing(&grid), expected);
    }

    #[test]
    fn recipes_are_compared_where_they_have_the_same_settings() {
        let mixed = experiments(
            "[experiment.a.supervised]\nlr = 0.1\nmilestones = \"60, 80\"\nschedule = \"step\"\n\
             [experiment.b.probe]\nfrom = \"a\"\nlr = 0.1\nclasses = { still = [\"ship\"], moving = [\"*\"] }",
        );
        let found = differing(&mixed);
        let find = |key: &str| found.iter().find(|(known, _)| known == key).map(|(_, values)| values.join(" | "));
        assert_eq!(find("recipe").unwrap(), r#""supervised" | "probe""#);
        assert_eq!(find("from").unwrap(), r#"– | "a""#);
        assert_eq!(find("classes.still").unwrap(), r#"– | ["ship"]"#);
        assert!(find("milestones").unwrap().starts_with("\"60, 80\" | "));
        assert_eq!((find("lr"), find("name"), find("data")), (None, None, None));
    }

    #[test]
    fn keys_are_unique_and_as_many_as_there_are_settings() {
        let text = "[experiment.a.supervised]\n[experiment.b.moco]\n[experiment.c.probe]\nfrom = \"a\"";
        for experiment in experiments(text) {
            let mut keys: Vec<String> = flatten(&experiment).into_iter().map(|(key, _)| key).collect();
            let settings = Recipe::settings(experiment.recipe.name()).unwrap();
            assert_eq!(keys[..8], ["name", "data", "images", "seed", "threads", "slots", "executor", "recipe"]);
            let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
            assert_eq!(keys[8..], names, "the order of the settings");
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), names.len() + 8);
        }
        assert!(crate::experiment::Common::settings().iter().all(|setting| setting.name != "recipe"));
    }

    #[test]
    fn names_lose_what_all_begin_with_but_nothing_that_tells_them_apart() {
        assert_eq!(common_beginning(&["moco.queue-6400", "moco.queue-25600"]), "moco.");
        assert_eq!(common_beginning(&["m.lr-0.1", "m.lr-0.2"]), "m.");
        assert_eq!(common_beginning(&["quick/20261124-1", "quick/20261124-2"]), "quick/");
        assert_eq!(common_beginning(&["a/", "a/b"]), "");
        assert_eq!(common_beginning(&["moco.seed-1", "base"]), "");
        assert_eq!(common_beginning(&["alone/1"]), "");
        assert_eq!(common_beginning(&[]), "");
    }

    proptest! {
        #[test]
        fn what_is_changed_is_found_and_nothing_else(
            seeds in prop::collection::vec(0..5_u64, 1..5), queues in prop::collection::vec(1..5_u64, 5),
            epochs in prop::collection::vec(1..3_u64, 5),
        ) {
            let one = |place: usize, seed: &u64| {
                let (queue, epochs) = (queues[place], epochs[place]);
                experiments(&format!("[experiment.m]\nseed = {seed}\n[experiment.m.moco]\nqueue = {queue}\nepochs = {epochs}\nwarmup_epochs = 0")).remove(0)
            };
            let all: Vec<Experiment> = seeds.iter().enumerate().map(|(place, seed)| one(place, seed)).collect();
            let differ = |values: &[u64]| values.iter().any(|value| *value != values[0]);
            let count = all.len();
            let expected: Vec<&str> = [("seed", differ(&seeds)), ("queue", differ(&queues[..count])), ("epochs", differ(&epochs[..count]))]
                .into_iter().filter(|(_, differ)| *differ).map(|(key, _)| key).collect();
            let found = differences(&all.iter().collect::<Vec<_>>());
            prop_assert_eq!(found.iter().map(|difference| difference.key.as_str()).collect::<Vec<_>>(), expected);
            prop_assert_eq!(differences(&vec![&all[0]; count]), []);
        }

        #[test]
        fn any_names_can_be_shortened(names in prop::collection::vec("[a-cä./]{0,6}", 0..4)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let beginning = common_beginning(&names);
            prop_assert!(names.iter().all(|name| name.starts_with(beginning)));
        }
    }
}
