//! What Tab completes beyond the words of the command line: names of experiments and of runs, as they are there at that
//! moment, and the shells' own lines that ask for them.

use super::Arguments;
use super::output::{say, write};
use crate::project::Project;
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use std::path::{Path, PathBuf};

/// The variable by which a shell asks.
const ASKED: &str = "MOCOLAB_COMPLETE";

/// The shells whose lines are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU bash 4.4 or later.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

/// Answers a shell that asks what a word may become, and ends; anything else passes.
pub fn complete() {
    CompleteEnv::with_factory(Arguments::command).var(ASKED).complete();
}

/// `mocolab completions`: prints the lines that make a shell ask.
///
/// # Errors
/// Where standard output is gone.
pub fn completions(shell: Shell) -> anyhow::Result<()> {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let shells = Shells::builtins();
    let known = shells.completer(name).context("this shell is not known")?;
    let mut lines = Vec::new();
    known.write_registration(ASKED, "mocolab", "mocolab", "mocolab", &mut lines)?;
    say(String::from_utf8(lines)?.trim_end())
}

/// `mocolab man`: prints the manual's first page, or writes all of them.
///
/// # Errors
/// Where they can't be written.
pub fn man(out: Option<&Path>) -> anyhow::Result<()> {
    let mut command = Arguments::command();
    command.build();
    let Some(out) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return say(String::from_utf8(page)?.trim_end());
    };
    std::fs::create_dir_all(out).with_context(|| format!("making `{}`", out.display()))?;
    let count = pages(&command, "mocolab", out)?;
    say(format!("wrote {count} pages into `{}`: `man {}`", out.display(), out.join("mocolab.1").display()))
}

/// Writes the page of `command` and those of its own commands. Gives how many.
fn pages(command: &clap::Command, name: &str, out: &Path) -> anyhow::Result<usize> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut page)?;
    write(&out.join(format!("{name}.1")), &page)?;
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    let inner = shown.map(|inner| pages(inner, &format!("{name}-{}", inner.get_name()), out));
    Ok(1 + inner.sum::<anyhow::Result<usize>>()?)
}

/// The project that the line under construction speaks of.
fn project() -> Project {
    let words: Vec<String> = std::env::args().collect();
    // `--file X`, `--file=X`, and as bash parts that: `--file`, `=`, `X`.
    let after = |option: &str| {
        let at = words
            .iter()
            .position(|word| word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))?;
        let own = words[at].strip_prefix(option)?.strip_prefix('=').map(str::to_owned);
        let value = own.or_else(|| words[at + 1..].iter().find(|word| *word != "=").cloned())?;
        let home = value.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
        Some(home.unwrap_or_else(|| PathBuf::from(value)))
    };
    let file = after("--file").unwrap_or_else(|| PathBuf::from("experiments.toml"));
    let runs = after("--runs").or_else(|| std::env::var_os("MOCOLAB_RUNS").map(PathBuf::from));
    Project::at(&file, runs)
}

/// Names of experiments.
pub fn experiments() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let suite = project().suite().unwrap_or_default();
        let named = |one: &mocolab::experiment::Experiment| {
            CompletionCandidate::new(one.name.as_str()).help(Some(one.recipe.subject().into()))
        };
        suite.experiments().map(named).collect()
    })
}

/// Names of experiments that have runs, and of these runs.
pub fn runs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let runs = project().runs.list().unwrap_or_default();
        let mut names: Vec<String> =
            runs.iter().filter_map(mocolab::run::RunDir::experiment_name).map(|name| name.to_string()).collect();
        names.dedup();
        names.into_iter().chain(runs.iter().map(mocolab::run::RunDir::label)).map(CompletionCandidate::new).collect()
    })
}

/// Names of hooks.
pub fn hooks() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        project().hooks().unwrap_or_default().into_iter().map(|hook| CompletionCandidate::new(hook.name)).collect()
    })
}
