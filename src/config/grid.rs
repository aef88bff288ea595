//! Puts an experiment's own settings over the defaults and expands lists into variants, each with a name of its own.

use super::{
    Group, LARGEST_SUITE, Suite,
    problem::Findings,
    read::{Axis, Choice, Document, Draft},
    scope::Scope,
};
use crate::experiment::{Common, Experiment, Name, Preset, Recipe};
use serde::Deserialize;
use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};
use toml::{Table, Value};

/// The suite a document describes.
pub(super) fn expand(document: &Document, findings: &mut Findings) -> Suite {
    let mut suite = Suite::default();
    let mut total: usize = 0;
    for draft in &document.experiments {
        let Some(recipe) = draft.recipe else { continue };
        let grid = Grid::new(draft, recipe, &document.defaults);
        total = total.saturating_add(grid.count());
        if total > LARGEST_SUITE {
            let message = match grid.count() {
                1 => format!("`{}` is one experiment too many", draft.name),
                count => format!("`{}` makes {count} variants ({})", draft.name, grid.product()),
            };
            let help = format!("allowed: at most {LARGEST_SUITE} experiments in a file, each variant counted");
            findings.add(draft.span.clone(), message, [help]);
            break;
        }
        suite.groups.push(Group { name: draft.name.clone(), experiments: grid.experiments(findings) });
    }
    refuse_shared_names(&suite, document, findings);
    suite
}

/// One experiment with all the values its settings take.
struct Grid<'a> {
    draft: &'a Draft,
    recipe: &'static str,
    /// In the order of a variant's name: common settings, the recipe's, the seed.
    axes: Vec<&'a Axis>,
}

impl<'a> Grid<'a> {
    fn new(draft: &'a Draft, recipe: &'static str, defaults: &'a [Axis]) -> Self {
        let order = |scope: Scope| scope.settings().into_iter().map(move |setting| (scope, setting.name));
        let (seed, common): (Vec<_>, Vec<_>) = order(Scope::Common).partition(|(_, name)| *name == "seed");
        let find = |axes: &'a [Axis], scope, name| axes.iter().find(|axis| axis.scope == scope && axis.setting == name);
        let axes = (common.into_iter().chain(order(Scope::Recipe(recipe))).chain(seed))
            .filter_map(|(scope, name)| find(&draft.axes, scope, name).or_else(|| find(defaults, scope, name)))
            .collect();
        Self { draft, recipe, axes }
    }

    fn lists(&self) -> impl Iterator<Item = &'a Axis> {
        self.axes.iter().copied().filter(|axis| axis.choices.len() > 1)
    }

    fn count(&self) -> usize {
        self.lists().fold(1, |count, axis| count.saturating_mul(axis.choices.len()))
    }

    fn product(&self) -> String {
        let factors: Vec<String> =
            self.lists().map(|axis| format!("{} of `{}`", axis.choices.len(), axis.setting)).collect();
        factors.join(" x ")
    }

    /// Every variant; the last list turns fastest.
    fn experiments(&self, findings: &mut Findings) -> Vec<Experiment> {
        (0..self.count()).filter_map(|index| self.variant(index, findings)).collect()
    }

    fn variant(&self, mut index: usize, findings: &mut Findings) -> Option<Experiment> {
        let mut chosen: Vec<(&Axis, &Choice)> = Vec::new();
        for axis in self.axes.iter().rev().filter(|axis| !axis.choices.is_empty()) {
            chosen.push((axis, &axis.choices[index % axis.choices.len()]));
            index /= axis.choices.len();
        }
        chosen.reverse();
        let (common, recipe) = self.settings(&chosen, findings)?;
        self.refuse_conflicts(&recipe, &chosen, findings);
        if self.axes.iter().any(|axis| axis.broken) {
            return None;
        }
        let name = self.name(&chosen, findings)?;
        let threads = u32::try_from(common.threads.get()).unwrap_or(u32::MAX);
        let slots = u32::try_from(common.slots.get()).unwrap_or(1);
        let Common { data, images, seed, executor, .. } = common;
        Some(Experiment { name, data, images, seed, threads, slots, executor, recipe })
    }

    /// The settings as the program keeps them. Every value was accepted before.
    fn settings(&self, chosen: &[(&Axis, &Choice)], findings: &mut Findings) -> Option<(Common, Recipe)> {
        let of = |scope| {
            let part = chosen.iter().filter(|(axis, _)| axis.scope == scope);
            let own = part.map(|(axis, choice)| (axis.setting.to_owned(), choice.value.clone()));
            let mut table = preset(scope, chosen);
            table.extend(own);
            Value::Table(table)
        };
        let recipe = Table::from_iter([(self.recipe.to_owned(), of(Scope::Recipe(self.recipe)))]);
        let common = Common::deserialize(of(Scope::Common));
        match common.and_then(|common| Ok((common, Recipe::deserialize(Value::Table(recipe))?))) {
            Ok(settings) => Some(settings),
            Err(error) => {
                findings.add(self.draft.span.clone(), error.message(), []);
                None
            }
        }
    }

    /// Complains at the experiment's own line where it has one, else at the default's.
    fn refuse_conflicts(&self, recipe: &Recipe, chosen: &[(&Axis, &Choice)], findings: &mut Findings) {
        for conflict in recipe.conflicts() {
            let involved = || chosen.iter().filter(|(axis, _)| conflict.settings.contains(&axis.setting));
            if self.axes.iter().any(|axis| axis.broken && conflict.settings.contains(&axis.setting)) {
                continue;
            }
            let place = |(axis, _): &&(&Axis, &Choice)| {
                let own = self.draft.axes.iter().any(|own| std::ptr::eq(own, *axis));
                (!own, conflict.settings.iter().position(|setting| *setting == axis.setting))
            };
            let span = involved().min_by_key(place).map_or(self.draft.span.clone(), |(_, choice)| choice.span.clone());
            findings.add(span, conflict.message, [conflict.help]);
        }
    }

    fn name(&self, chosen: &[(&Axis, &Choice)], findings: &mut Findings) -> Option<Name> {
        let listed = chosen.iter().filter(|(axis, _)| axis.choices.len() > 1);
        let suffixes = listed.map(|(axis, choice)| format!("{}-{}", axis.setting, in_a_name(&choice.value)));
        let parts: Vec<String> = std::iter::once(self.draft.name.to_string()).chain(suffixes).collect();
        let name = Name::try_from(parts.join(".")).ok();
        if name.is_none() {
            let lists: Vec<&str> = self.lists().map(|axis| axis.setting).collect();
            let message = format!("variants of `{}` get names that are too long", self.draft.name);
            let help = format!("a name repeats what is listed ({}); allowed: {}", lists.join(", "), Name::ALLOWED);
            findings.add(self.draft.span.clone(), message, [help]);
        }
        name
    }
}

/// What the preset that was chosen sets; nothing where there is none.
fn preset(scope: Scope, chosen: &[(&Axis, &Choice)]) -> Table {
    let named = chosen.iter().find(|(axis, _)| axis.scope == scope && axis.setting == "preset");
    let preset = named.and_then(|(_, choice)| Preset::deserialize(choice.value.clone()).ok());
    preset.map_or_else(Table::new, |preset| preset.table().parse().expect("a preset is TOML, as a test sees"))
}

/// A value in the alphabet of names.
fn in_a_name(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Float(x) if *x != 0.0 && x.abs() < 1e-3 => format!("{x:e}"),
        Value::Float(x) => x.to_string(),
        Value::Table(table) => table.keys().cloned().collect::<Vec<_>>().join("-"),
        other => other.to_string(),
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let words: Vec<&str> = text.split(|c| !safe(c)).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// A name must lead to one thing: an experiment with all its variants, or one variant.
fn refuse_shared_names(suite: &Suite, document: &Document, findings: &mut Findings) {
    let spans: HashMap<&str, &Range<usize>> =
        document.experiments.iter().map(|draft| (draft.name.as_str(), &draft.span)).collect();
    let mut owners: HashMap<&str, &str> = spans.keys().map(|name| (*name, *name)).collect();
    for group in &suite.groups {
        let own = group.name.as_str();
        for experiment in group.experiments.iter().filter(|experiment| experiment.name != group.name) {
            let name = experiment.name.as_str();
            match owners.entry(name) {
                Entry::Vacant(entry) => _ = entry.insert(own),
                Entry::Occupied(entry) => {
                    let others = entry.get();
                    let (message, help) = if *others == own {
                        let help = "values of a list differ only in characters that names leave out".to_owned();
                        (format!("two variants of `{own}` get the name `{name}`"), help)
                    } else {
                        let help = format!("rename `{own}` or `{others}`");
                        (format!("a variant of `{own}` and one of `{others}` get the name `{name}`"), help)
                    };
                    if let Some(span) = spans.get(own) {
                        findings.add((*span).clone(), message, [help]);
                    }
                }
            }
        }
    }
}
