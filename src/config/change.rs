//! Settings of one experiment as a table to read and to change, each value by the very rules of `experiments.toml`.

use super::{
    problem::{Findings, Problems},
    read, syntax,
};
use crate::experiment::{Common, Experiment, Moco, Recipe, Setting, Settings};
use toml::{Table, Value};

/// One setting of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub name: &'static str,
    /// The value as TOML writes it.
    pub value: String,
    /// What it would be if nothing were said: the recipe's default, or the preset's.
    pub default: String,
    /// What is allowed.
    pub allowed: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
}

/// The settings of `experiment` that can be changed for one run, in the order of the documentation: the recipe's, then
/// those that every experiment has. A preset is no such: it only says where the others start from.
pub fn entries(experiment: &Experiment) -> Vec<Entry> {
    let name = experiment.recipe.name();
    let (common, recipe) = tables(experiment);
    let preset = match &experiment.recipe {
        Recipe::Moco(settings) => toml::from_str::<Moco>(settings.preset.table()).ok(),
        _ => None,
    };
    let preset = preset.and_then(|moco| Table::try_from(moco).ok());
    let entry = |setting: Setting, values: &Table, preset: Option<&Table>| Entry {
        name: setting.name,
        value: values.get(setting.name).map(Value::to_string).unwrap_or_default(),
        default: preset.and_then(|table| table.get(setting.name)).map_or(setting.default, Value::to_string),
        allowed: setting.allowed,
        meaning: setting.meaning,
    };
    let own = Recipe::settings(name).unwrap_or_default().into_iter().filter(|setting| setting.name != "preset");
    let own = own.map(|setting| entry(setting, &recipe, preset.as_ref()));
    own.chain(Common::settings().into_iter().map(|setting| entry(setting, &common, None))).collect()
}

/// `experiment` with the value `text`, as TOML writes it, for the setting `key`.
///
/// # Errors
/// What `experiments.toml` would be refused for with the line `key = text`. Whether all settings make sense together is
/// [`Recipe::conflicts`]'s to say, once all are changed.
pub fn change(experiment: &Experiment, key: &str, text: &str) -> Result<Experiment, Problems> {
    let recipe = experiment.recipe.name();
    let line = format!("{key} = {}\n", text.replace(['\n', '\r'], " "));
    let own = format!("[experiment.run.{recipe}]\n");
    let is_common = Common::settings().iter().any(|setting| setting.name == key);
    let document = if is_common { format!("[experiment.run]\n{line}{own}") } else { format!("{own}{line}") };
    let mut findings = Findings::new(&document, "this run");
    let changed = set(experiment, is_common, &document, &mut findings);
    match changed {
        Some(changed) if findings.is_empty() => Ok(changed),
        _ => {
            if findings.is_empty() {
                findings.add_whole(format!("`{key}` can't be changed for one run"), []);
            }
            Err(findings.into_problems())
        }
    }
}

fn set(experiment: &Experiment, is_common: bool, document: &str, findings: &mut Findings) -> Option<Experiment> {
    let root = syntax::document(document, findings)?;
    let read = read::read(root.get_ref(), findings);
    let axis = read.experiments.first()?.axes.first()?;
    if let [_, second, ..] = axis.choices.as_slice() {
        let help = "one run takes one value; experiments.toml takes a list and makes a variant of each".to_owned();
        findings.add(second.span.clone(), format!("`{}` is a list of several values", axis.setting), [help]);
    }
    if axis.setting == "preset" {
        let help = "choose it in experiments.toml, or change the settings one by one".to_owned();
        findings.add(0..0, "`preset` only says where the other settings start from", [help]);
    }
    let value = axis.choices.first()?.value.clone();
    let mut whole = Table::try_from(experiment).ok()?;
    let place = if is_common {
        &mut whole
    } else {
        let recipe = whole.get_mut("recipe")?.as_table_mut()?;
        recipe.get_mut(experiment.recipe.name())?.as_table_mut()?
    };
    place.insert(axis.setting.to_owned(), value);
    whole.try_into().ok()
}

/// What `to` sets otherwise than `from`, a line each: `batch = 256 instead of 512`.
pub fn changes(from: &Experiment, to: &Experiment) -> Vec<String> {
    let pairs = entries(from).into_iter().zip(entries(to));
    let changed = pairs.filter(|(from, to)| from.value != to.value);
    changed.map(|(from, to)| format!("{} = {} instead of {}", to.name, to.value, from.value)).collect()
}

/// The tables of common settings and of the recipe's.
fn tables(experiment: &Experiment) -> (Table, Table) {
    let mut whole = Table::try_from(experiment).unwrap_or_default();
    let recipe = match whole.remove("recipe") {
        Some(Value::Table(mut recipe)) => recipe.remove(experiment.recipe.name()),
        _ => None,
    };
    let recipe = if let Some(Value::Table(recipe)) = recipe { recipe } else { Table::new() };
    (whole, recipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse, read_snapshot, snapshot};

    fn experiment(text: &str) -> Experiment {
        parse(text, "x").unwrap().groups[0].experiments[0].clone()
    }

    fn moco() -> Experiment {
        experiment("[experiment.a.moco]\npreset = \"v2plus\"\nqueue = 6400\n")
    }

    fn entry(experiment: &Experiment, name: &str) -> Entry {
        entries(experiment).into_iter().find(|entry| entry.name == name).unwrap()
    }

    #[test]
    fn every_setting_is_listed_with_its_value_and_its_default() {
        let moco = moco();
        let queue = entry(&moco, "queue");
        assert_eq!((queue.value.as_str(), queue.default.as_str()), ("6400", "32768"), "v2plus has 32768");
        assert!(queue.meaning.contains("dictionary queue") && queue.allowed.contains("whole number"));
        assert_eq!(entry(&moco, "arch").value, "\"resnet18\"");
        assert_eq!(entry(&moco, "seed").value, "1");
        for recipe in ["[experiment.a.moco]", "[experiment.a.supervised]", "[experiment.a.probe]"] {
            let experiment = experiment(recipe);
            let all = entries(&experiment);
            for entry in &all {
                assert_eq!(entry.value, entry.default, "{recipe} {}", entry.name);
                let same = change(&experiment, entry.name, &entry.value).unwrap();
                assert_eq!(same, experiment, "{recipe} {}", entry.name);
            }
            let names: Vec<&str> = all.iter().map(|entry| entry.name).collect();
            assert!(names.contains(&"batch") && names.contains(&"data") && !names.contains(&"preset"));
        }
    }

    #[test]
    fn a_change_is_told_and_lands_in_the_snapshot() {
        let moco = moco();
        let changed = change(&moco, "batch", "128").unwrap();
        let changed = change(&changed, "seed", "7").unwrap();
        let changed = change(&changed, "lr", " 0.03 # tried before").unwrap();
        let told = ["batch = 128 instead of 256", "lr = 0.03 instead of 0.15", "seed = 7 instead of 1"];
        assert_eq!(changes(&moco, &changed), told);
        assert_eq!(read_snapshot(&snapshot(&changed), "x").unwrap(), changed);
        assert_eq!(changes(&moco, &moco), [""; 0]);
    }

    #[test]
    fn a_wrong_value_is_refused_in_the_words_of_experiments_toml() {
        let moco = moco();
        for (key, text) in [
            ("batch", "0"),
            ("batch", ""),
            ("batch", "many"),
            ("batch", "\"256\""),
            ("arch", "\"resnet-18\""),
            ("arch", "resnet18"),
            ("lr", "1,5"),
            ("temperature", "[]"),
            ("seed", "-1"),
            ("data", "\"cifar\""),
            ("quee", "1"),
        ] {
            let refused = change(&moco, key, text).unwrap_err().list.remove(0);
            let common = ["seed", "data"].contains(&key);
            let (before, after) = if common {
                ("[experiment.run]\n", "\n[experiment.run.moco]")
            } else {
                ("[experiment.run.moco]\n", "")
            };
            let file = parse(&format!("{before}{key} = {text}{after}"), "x").unwrap_err().list.remove(0);
            assert_eq!((&refused.message, &refused.help), (&file.message, &file.help), "{key} = {text}");
        }
        let problem = |key, text| change(&moco, key, text).unwrap_err().list.remove(0);
        assert_eq!(problem("batch", "0").message, "`0` is not allowed for `batch`");
        assert_eq!(problem("lr", "[0.1, 0.2]").message, "`lr` is a list of several values");
        assert!(problem("preset", "\"course\"").message.contains("start from"));
        assert_eq!(change(&moco, "lr", "[0.1]"), change(&moco, "lr", "0.1"), "as in the file");
        assert!(change(&moco, "lr", "0.1\n[experiment.b.moco]").is_err());
    }

    #[test]
    fn what_makes_no_sense_together_can_be_set_in_any_order() {
        let base = experiment("[experiment.a.supervised]\n");
        let half = change(&base, "schedule", "\"step\"").unwrap();
        assert_eq!(half.recipe.conflicts().len(), 1);
        assert_eq!(change(&half, "milestones", "\"50, 75\"").unwrap().recipe.conflicts(), []);
    }
}
