//! Verbs about the project and the machine.

use super::output::{say, say_json, table};
use crate::project::Project;
use anyhow::{Context, anyhow, bail};
use mocolab::config;
use mocolab::device::host::Host;
use mocolab::device::sample::{DeviceSample, Sampler};
use mocolab::device::{Device, Devices};
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

/// `mocolab settings --markdown`: the page of the book.
pub fn book() -> anyhow::Result<()> {
    let plain = |text: &str| text.replace('|', "\\|");
    let page = |title: &str, settings: &[Setting]| {
        let row = |setting: &Setting| {
            let Setting { name, default, allowed, meaning } = setting;
            format!("| `{name}` | `{}` | {} | {} |", plain(default), plain(allowed), plain(meaning))
        };
        let rows: Vec<String> = settings.iter().map(row).collect();
        format!("## {title}\n\n| setting | default | allowed | meaning |\n|---|---|---|---|\n{}\n\n", rows.join("\n"))
    };
    say(
        "# Settings\n\nEvery setting of `experiments.toml`, as `mocolab settings` prints them; this page is written by \
         `mocolab settings --markdown`. A list of values makes\na variant of each. What `[defaults]` and `[defaults.RECIPE]` say \
         holds for all experiments that say nothing else. Jobs of Slurm: [slurm.md](slurm.md);\nwebhooks: \
         [hooks.md](hooks.md); the screen: [config.toml](config.toml).\n\n",
    )?;
    say(page("`[defaults]` and `[experiment.NAME]`", &Common::settings()))?;
    for recipe in Recipe::NAMES {
        let title = format!("`[experiment.NAME.{recipe}]` and `[defaults.{recipe}]`");
        say(page(&title, &Recipe::settings(recipe).unwrap_or_default()))?;
    }
    say("## Presets of MoCo\n\n`preset = \"NAME\"` sets these; what stands beside it in the table goes before.\n\n")?;
    for word in Preset::WORDS {
        let table = Preset::deserialize(toml::Value::from(*word)).map(Preset::table);
        let table = table.map_err(|_| anyhow!("there is no preset `{word}`"))?;
        say(format!("```toml\n{}\n```\n\n", table.trim_end()))?;
    }
    Ok(())
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

/// What `mocolab devices --json` prints.
#[derive(serde::Serialize)]
struct Report {
    #[serde(flatten)]
    found: Devices,
    gpus: Vec<DeviceSample>,
    host: Host,
}

/// `mocolab devices`.
pub fn devices(project: &Project, json: bool) -> anyhow::Result<()> {
    let found = Devices::find();
    let sample = Sampler::new(project.runs.path()).sample();
    if json {
        return say_json(&Report { found, gpus: sample.gpus, host: sample.host });
    }
    let gpu = |device: &Device| sample.gpus.iter().find(|gpu| gpu.name == device.name);
    let row = |device: &Device| {
        let memory = device.memory.map(|(used, total)| format!("{} of {} in use", bytes(used), bytes(total)));
        let busy = device.busy.map(|percent| format!("{percent} % busy"));
        let power = gpu(device).and_then(|gpu| gpu.power).map(|watts| format!("{watts:.0} W"));
        let heat = gpu(device).and_then(|gpu| gpu.temperature).map(|degrees| format!("{degrees} °C"));
        let figures = [memory, busy, power, heat].map(Option::unwrap_or_default);
        [device.name.clone(), device.model.clone()].into_iter().chain(figures).collect()
    };
    let rows: Vec<Vec<String>> = found.devices.iter().map(row).collect();
    for (line, device) in table(&rows, &[]).into_iter().zip(&found.devices) {
        say(line)?;
        gpu(device).map_or(Vec::new(), who).into_iter().try_for_each(say)?;
    }
    found.note.or(sample.note).into_iter().try_for_each(say)
}

/// What is wrong with a GPU, and who is on it, a line each.
fn who(gpu: &DeviceSample) -> Vec<String> {
    let mut lines: Vec<String> = gpu.troubles().into_iter().map(|trouble| format!("    ! {trouble}")).collect();
    for process in gpu.processes.iter().flatten() {
        let memory = process.memory.map_or("?".into(), bytes);
        let user = process.user.as_deref().unwrap_or("somebody");
        let command = process.command.as_deref().unwrap_or("(hidden)");
        lines.push(format!("    {user} holds {memory}: {command} (process {})", process.pid));
    }
    lines.extend(gpu.hidden().map(|held| format!("    {} held by what can't be seen from here", bytes(held))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::device::processes::Process;
    use mocolab::device::sample::Memory;

    #[test]
    fn who_is_on_a_gpu_is_said_as_far_as_it_is_known() {
        let process = |pid, memory, user: Option<&str>| Process {
            pid,
            memory,
            user: user.map(str::to_owned),
            command: user.map(|_| "python train.py".to_owned()),
            ..Process::default()
        };
        let mut gpu = DeviceSample {
            memory: Some(Memory { used: 9 << 30, total: 80 << 30, free: 71 << 30 }),
            processes: Some(vec![process(7, Some(4 << 30), Some("ann")), process(8, Some(2 << 30), None)]),
            ..DeviceSample::default()
        };
        let lines = [
            "    ann holds 4.0 GiB: python train.py (process 7)",
            "    somebody holds 2.0 GiB: (hidden) (process 8)",
            "    3.0 GiB held by what can't be seen from here",
        ];
        assert_eq!(who(&gpu), lines);
        gpu.processes = None;
        gpu.health.waits = true;
        assert_eq!(who(&gpu), ["    ! bad memory is replaced at its next reset"]);
    }
}
