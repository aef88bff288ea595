//! Verbs about the project and the machine.

use super::output::{say, say_json, table};
use crate::project::Project;
use anyhow::{Context, bail};
use mocolab::config;
use mocolab::device::Devices;
use mocolab::experiment::{Common, Recipe};
use mocolab::text::bytes;
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
            recipe.arch().to_string(),
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
pub fn settings() -> anyhow::Result<()> {
    let print = |title: String, settings: Vec<mocolab::experiment::Setting>| {
        say(title)?;
        for setting in settings {
            say(format!("  {} = {}", setting.name, setting.default))?;
            say(format!("      {}; {}", setting.meaning, setting.allowed))?;
        }
        say("")
    };
    print("[defaults] and [experiment.NAME]".into(), Common::settings())?;
    for name in Recipe::NAMES {
        print(format!("[experiment.NAME.{name}]"), Recipe::settings(name).unwrap_or_default())?;
    }
    Ok(())
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
