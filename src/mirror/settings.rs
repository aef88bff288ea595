//! The settings of an experiment by their full names, for tables of hyper-parameters.

use crate::experiment::Experiment;
use serde_json::Value;

/// Every setting: common ones by their names, the recipe's as `moco.lr`, and the recipe itself.
pub fn flat(experiment: &Experiment) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    let Ok(Value::Object(all)) = serde_json::to_value(experiment) else { return settings };
    for (name, value) in all {
        match value {
            Value::Object(recipe) if name == "recipe" => {
                settings.push((name, experiment.recipe.name().into()));
                let own = recipe.into_iter().filter_map(|(recipe, own)| Some((recipe, own.as_object()?.clone())));
                for (recipe, own) in own {
                    settings.extend(own.into_iter().map(|(name, value)| (format!("{recipe}.{name}"), value)));
                }
            }
            value => settings.push((name, value)),
        }
    }
    settings
}
