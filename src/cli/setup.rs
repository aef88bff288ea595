//! Verbs about the project and the machine.

use super::output::{say, say_json, table};
use crate::project::Project;
use anyhow::{Context, anyhow, bail};
use mocolab::config;
use mocolab::device::Devices;
use mocolab::experiment::{Common, Preset, Recipe, Setting, Settings};
use mocolab::text::bytes;
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

/// `mocolab init`.
pub fn init(project: &Project, force: bool) -> anyhow::Result<()> {
    let name = project.file.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(!force).create(force).truncate(force);
    match options.open(&project.file) {
        Ok(mut file) => file.write_all(config::template().as_bytes()).with_context(|| format!("writing `{name}`"))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{name}` is there already, and was left as it is; --force replaces it")
        }
        Err(error) => return Err(error).with_context(|| format!("writing `{name}`")),
    }
    say(format!("wrote `{name}`; `mocolab` opens it, `mocolab start quick` trains"))
}

/// `mocolab check`.
pub fn check(project: &Project) -> anyhow::Result<()> {
    let suite = project.suite()?;
    let row = |experiment: &mocolab::experiment::Experiment| {
        let recipe = &experiment.recipe;
        vec![
            experiment.name.to_string(),
            recipe.name().to_owned(),
            recipe.subject(),
            format!("{} epochs", recipe.epochs()),
            format!("seed {}", experiment.seed),
            experiment.data.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = suite.experiments().map(row).collect();
    say(format!(
        "`{}` is right: {} experiment{}",
        project.file.display(),
        rows.len(),
        if rows.len() == 1 { "" } else { "s" }
    ))?;
    table(&rows, &[]).iter().try_for_each(|line| say(format!("  {line}")))
}

/// `mocolab settings`.
pub fn settings(recipe: Option<&str>, preset: Option<&str>) -> anyhow::Result<()> {
    if let Some(word) = preset {
        if let Some(recipe) = recipe.filter(|recipe| *recipe != "moco") {
            bail!("`{recipe}` has no presets: those of `moco` are {}", Preset::WORDS.join(", "));
        }
        let found = Preset::deserialize(toml::Value::from(word));
        return say(found.map_err(|_| unknown("preset", word, Preset::WORDS))?.table().trim_end());
    }
    if let Some(word) = recipe {
        return print(word, &Recipe::settings(word).ok_or_else(|| unknown("recipe", word, Recipe::NAMES))?);
    }
    say("[defaults] and [experiment.NAME]")?;
    list(&Common::settings())?;
    Recipe::NAMES.iter().try_for_each(|name| print(name, &Recipe::settings(name).unwrap_or_default()))
}

fn unknown(what: &str, word: &str, words: &[&'static str]) -> anyhow::Error {
    let meant = config::did_you_mean(word, words.iter().copied()).map(|help| format!("{help} ")).unwrap_or_default();
    anyhow!("there is no {what} `{word}`; {meant}there are: {}", words.join(", "))
}

fn print(recipe: &str, settings: &[Setting]) -> anyhow::Result<()> {
    say(format!("[experiment.NAME.{recipe}] and [defaults.{recipe}]"))?;
    list(settings)
}

fn list(settings: &[Setting]) -> anyhow::Result<()> {
    for setting in settings {
        say(format!("  {} = {}", setting.name, setting.default))?;
        say(format!("      {}; {}", setting.meaning, setting.allowed))?;
    }
    say("")
}

/// `mocolab devices`.
pub fn devices(json: bool) -> anyhow::Result<()> {
    let found = Devices::find();
    if json {
        return say_json(&found);
    }
    let row = |device: &mocolab::device::Device| {
        let memory = device.memory.map(|(used, total)| format!("{} of {} in use", bytes(used), bytes(total)));
        let busy = device.busy.map(|percent| format!("{percent} % busy"));
        vec![device.name.clone(), device.model.clone(), memory.unwrap_or_default(), busy.unwrap_or_default()]
    };
    let rows: Vec<Vec<String>> = found.devices.iter().map(row).collect();
    table(&rows, &[]).into_iter().chain(found.note).try_for_each(say)
}
