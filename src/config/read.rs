//! From a parsed document to checked settings, each with its place in the file; nothing is merged or expanded yet.

use super::{
    LARGEST_SUITE,
    hook::Hook,
    problem::Findings,
    scope::Scope,
    slurm::Slurm,
    suggest::{did_you_mean, nearest, words},
};
use crate::experiment::{Name, Recipe, Setting};
use std::ops::Range;
use toml::{
    Spanned, Value,
    de::{DeString, DeTable, DeValue},
};

/// A whole file.
#[derive(Default)]
pub(super) struct Document {
    /// What stands under `[defaults]`.
    pub defaults: Vec<Axis>,
    /// In the order of the file.
    pub experiments: Vec<Draft>,
    /// `[executor.slurm]`.
    pub slurm: Slurm,
    /// `[hook.NAME]`.
    pub hooks: Vec<Hook>,
}

/// One `[experiment.NAME]`.
pub(super) struct Draft {
    pub name: Name,
    /// Where the name stands.
    pub span: Range<usize>,
    /// The recipe, unless something is wrong with it.
    pub recipe: Option<&'static str>,
    pub axes: Vec<Axis>,
}

/// One setting with the values it is to take.
#[derive(Clone)]
pub(super) struct Axis {
    pub scope: Scope,
    pub setting: &'static str,
    /// Without those that were refused.
    pub choices: Vec<Choice>,
    /// Something was refused.
    pub broken: bool,
}

/// One value and its place.
#[derive(Clone)]
pub(super) struct Choice {
    pub value: Value,
    pub span: Range<usize>,
}

type Key<'a> = Spanned<DeString<'a>>;

/// The entries of a table in the order of the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Reads the whole document.
pub(super) fn read(root: &DeTable, findings: &mut Findings) -> Document {
    let mut document = Document::default();
    for (key, value) in in_order(root) {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("defaults", DeValue::Table(table)) => {
                document.defaults = Level { header: "defaults".into(), findings }.read(table).axes;
            }
            ("experiment", DeValue::Table(table)) => {
                document.experiments =
                    in_order(table).into_iter().filter_map(|(key, value)| experiment(key, value, findings)).collect();
            }
            ("hook", value) => document.hooks = Hook::read(value, key.span(), findings),
            ("executor", value) => document.slurm = Slurm::read(value, key.span(), findings),
            ("defaults", _) => not_a_table(key, "[defaults]", findings),
            ("experiment", _) => not_a_table(key, "[experiment.NAME]", findings),
            (word, _) => {
                let known = did_you_mean(word, ["defaults", "experiment", "executor", "hook"]);
                let tables =
                    "allowed: [experiment.NAME], for what they share [defaults], [executor.slurm] and [hook.NAME]"
                        .to_owned();
                let message = format!("`{}` is not known at the top of the file", findings.quote(key.span()));
                findings.add(key.span(), message, known.into_iter().chain([tables]));
            }
        }
    }
    document
}

fn not_a_table(key: &Key, header: &str, findings: &mut Findings) {
    let message = format!("`{}` is not a table", findings.quote(key.span()));
    findings.add(key.span(), message, [format!("write {header} on a line of its own and its settings below")]);
}

fn experiment(key: &Key, value: &Spanned<DeValue>, findings: &mut Findings) -> Option<Draft> {
    let header = format!("experiment.{}", findings.quote(key.span()));
    let name = Name::try_from(key.get_ref().to_string()).ok();
    if name.is_none() {
        let message = format!("`{}` is not a name for an experiment", findings.quote(key.span()));
        findings.add(key.span(), message, [format!("allowed: {}", Name::ALLOWED)]);
    }
    let DeValue::Table(table) = value.get_ref() else {
        not_a_table(key, &format!("[{header}]"), findings);
        return None;
    };
    let contents = Level { header: header.clone(), findings }.read(table);
    let recipe = one_recipe(key, &header, &contents.recipes, findings);
    Some(Draft { name: name?, span: key.span(), recipe, axes: contents.axes })
}

/// The one recipe of an experiment; complains of none and of several.
fn one_recipe(
    key: &Key,
    header: &str,
    recipes: &[(Option<&'static str>, Range<usize>)],
    findings: &mut Findings,
) -> Option<&'static str> {
    if let Some((_, second)) = recipes.get(1) {
        let message = format!("`{}` is a second recipe in [{header}]", findings.quote(second.clone()));
        findings.add(second.clone(), message, ["an experiment has exactly one: make it two experiments".into()]);
    }
    if recipes.is_empty() {
        let message = format!("`{}` has no recipe", findings.quote(key.span()));
        let tables: Vec<String> = Recipe::NAMES.iter().map(|name| format!("[{header}.{name}]")).collect();
        findings.add(key.span(), message, [format!("add {}", tables.join(" or "))]);
    }
    match recipes {
        [(recipe, _)] => *recipe,
        _ => None,
    }
}

/// What a [`Level`] holds.
struct Contents {
    axes: Vec<Axis>,
    /// Each table, known as a recipe or not, and where its name stands.
    recipes: Vec<(Option<&'static str>, Range<usize>)>,
}

/// `[defaults]` or `[experiment.NAME]`: common settings, and recipes as tables.
struct Level<'f, 't> {
    header: String,
    findings: &'f mut Findings<'t>,
}

impl Level<'_, '_> {
    fn read(&mut self, table: &DeTable) -> Contents {
        let common = Scope::Common.settings();
        let mut contents = Contents { axes: Vec::new(), recipes: Vec::new() };
        for (key, value) in in_order(table) {
            let word = key.get_ref().as_ref();
            let recipe = Recipe::NAMES.iter().copied().find(|name| *name == word);
            match (common.iter().find(|setting| setting.name == word), recipe, value.get_ref()) {
                (Some(setting), ..) => contents.axes.push(self.axis(Scope::Common, setting, value)),
                (None, Some(recipe), DeValue::Table(table)) => {
                    contents.recipes.push((Some(recipe), key.span()));
                    self.recipe(recipe, table, &mut contents.axes);
                }
                (None, Some(recipe), _) => {
                    contents.recipes.push((None, key.span()));
                    not_a_table(key, &format!("[{}.{recipe}]", self.header), self.findings);
                }
                (None, None, DeValue::Table(_)) => {
                    contents.recipes.push((None, key.span()));
                    self.unknown_recipe(key);
                }
                _ => self.unknown_common(key, &common),
            }
        }
        contents
    }

    fn recipe(&mut self, recipe: &'static str, table: &DeTable, axes: &mut Vec<Axis>) {
        let scope = Scope::Recipe(recipe);
        let settings = scope.settings();
        for (key, value) in in_order(table) {
            match settings.iter().find(|setting| setting.name == key.get_ref().as_ref()) {
                Some(setting) => axes.push(self.axis(scope, setting, value)),
                None => self.unknown_setting(key, recipe, &settings),
            }
        }
    }

    fn unknown_recipe(&mut self, key: &Key) {
        let message = format!("`{}` is not a recipe of this version", self.findings.quote(key.span()));
        let known = did_you_mean(key.get_ref(), Recipe::NAMES.iter().copied());
        self.findings.add(
            key.span(),
            message,
            known.into_iter().chain([format!("recipes: {}", Recipe::NAMES.join(", "))]),
        );
    }

    fn unknown_common(&mut self, key: &Key, common: &[Setting]) {
        let word = key.get_ref().as_ref();
        let message = format!("`{}` is not a setting of [{}]", self.findings.quote(key.span()), self.header);
        let elsewhere = Recipe::NAMES.iter().find_map(|name| {
            let found = nearest(word, Recipe::settings(name)?.iter().map(|setting| setting.name))?;
            Some(format!("`{found}` belongs under [{}.{name}]", self.header))
        });
        let help = did_you_mean(word, common.iter().map(|setting| setting.name)).or(elsewhere);
        self.findings.add(key.span(), message, help.or_else(|| Some(list_names(common))));
    }

    fn unknown_setting(&mut self, key: &Key, recipe: &str, settings: &[Setting]) {
        let word = key.get_ref().as_ref();
        let message = format!("`{}` is not a setting of `{recipe}`", self.findings.quote(key.span()));
        let common = Scope::Common.settings();
        let elsewhere = nearest(word, common.iter().map(|setting| setting.name))
            .map(|found| format!("`{found}` belongs under [{}]", self.header));
        let help = did_you_mean(word, settings.iter().map(|setting| setting.name)).or(elsewhere);
        self.findings.add(key.span(), message, help.or_else(|| Some(list_names(settings))));
    }

    /// A value, or a list of values to try each.
    fn axis(&mut self, scope: Scope, setting: &Setting, value: &Spanned<DeValue>) -> Axis {
        let mut axis = Axis { scope, setting: setting.name, choices: Vec::new(), broken: false };
        let allowed = || format!("allowed: {}, or a list of such", setting.allowed);
        match value.get_ref() {
            DeValue::Array(list) if list.is_empty() => {
                axis.broken = true;
                self.findings.add(value.span(), format!("`{}` is an empty list", setting.name), [allowed()]);
            }
            DeValue::Array(list) if list.len() > LARGEST_SUITE => {
                axis.broken = true;
                let message = format!("`{}` is a list of {} values", setting.name, list.len());
                self.findings.add(value.span(), message, [format!("allowed: at most {LARGEST_SUITE} values")]);
            }
            DeValue::Array(list) => list.iter().for_each(|value| self.choice(setting, value, &mut axis)),
            _ => self.choice(setting, value, &mut axis),
        }
        axis
    }

    fn choice(&mut self, setting: &Setting, value: &Spanned<DeValue>, axis: &mut Axis) {
        let quote = self.findings.quote(value.span());
        let Some(accepted) = axis.scope.accept(setting.name, value) else {
            axis.broken = true;
            let message = format!("`{quote}` is not allowed for `{}`", setting.name);
            let help = [Some(format!("allowed: {}", setting.allowed)), repair(axis.scope, setting, value)];
            return self.findings.add(value.span(), message, help.into_iter().flatten());
        };
        if axis.choices.iter().any(|choice| choice.value == accepted) {
            axis.broken = true;
            let message = format!("`{quote}` stands twice in the list of `{}`", setting.name);
            return self.findings.add(value.span(), message, ["each value makes one variant: leave one out".into()]);
        }
        axis.choices.push(Choice { value: accepted, span: value.span() });
    }
}

/// How a refused value was probably meant.
fn repair(scope: Scope, setting: &Setting, value: &Spanned<DeValue>) -> Option<String> {
    let word = value.get_ref().as_str()?;
    let bare = DeValue::parse(word).ok().filter(|bare| scope.accept(setting.name, bare).is_some());
    match bare {
        Some(_) => Some(format!("write it without quotes: {} = {}", setting.name, word.trim())),
        None => did_you_mean(word, words(setting.allowed)),
    }
}

fn list_names(settings: &[Setting]) -> String {
    let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
    format!("settings: {}", names.join(", "))
}
