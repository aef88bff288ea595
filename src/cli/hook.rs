//! `mocolab hook`: who is told of runs, and whether that works, by the way that real messages take.

use super::output::{say, table};
use crate::project::Project;
use anyhow::bail;
use mocolab::config::{Hook, did_you_mean};
use mocolab::herald;
use mocolab::run::{host, now};
use std::process::ExitCode;
use std::thread;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum What {
    /// List them.
    Ls,
    /// Send each a message.
    Test,
}

/// `mocolab hook ls` and `mocolab hook test`.
pub fn run(project: &Project, what: What, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let hooks = chosen(project.hooks()?, name)?;
    match what {
        What::Ls => {
            let row = |hook: &Hook| {
                let mut events: Vec<String> = hook.events.iter().map(|event| event.name().to_owned()).collect();
                if hook.every > 0 {
                    events.push(format!("every {} epochs", hook.every));
                }
                vec![hook.name.clone(), hook.kind.name().to_owned(), hook.url.to_string(), events.join(", ")]
            };
            table(&hooks.iter().map(row).collect::<Vec<_>>(), &[]).iter().try_for_each(say)?;
            Ok(ExitCode::SUCCESS)
        }
        What::Test => {
            let mut code = ExitCode::SUCCESS;
            for hook in hooks {
                let wait = |pause| {
                    thread::sleep(pause);
                    true
                };
                match herald::deliver(&hook, &herald::test(&host(), now()), wait) {
                    Ok(()) => say(format!("✓ {}: {} was told", hook.name, hook.kind.name()))?,
                    Err(why) => {
                        say(format!("✗ {}: {why}", hook.name))?;
                        code = ExitCode::FAILURE;
                    }
                }
            }
            Ok(code)
        }
    }
}

fn chosen(hooks: Vec<Hook>, name: Option<&str>) -> anyhow::Result<Vec<Hook>> {
    if hooks.is_empty() {
        bail!("nobody is told of runs: write [hook.NAME] into experiments.toml or your own file (docs/hooks.md)");
    }
    let Some(name) = name else { return Ok(hooks) };
    let names: Vec<String> = hooks.iter().map(|hook| hook.name.clone()).collect();
    let found: Vec<Hook> = hooks.into_iter().filter(|hook| hook.name == name).collect();
    if found.is_empty() {
        let help = did_you_mean(name, names.iter().map(String::as_str));
        bail!("no hook is called `{name}`; {}", help.unwrap_or_else(|| format!("there are: {}", names.join(", "))));
    }
    Ok(found)
}
