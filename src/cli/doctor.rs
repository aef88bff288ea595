//! `mocolab doctor`: what of this machine decides whether runs can be trained and live on, as sentences and as data.

mod surroundings;

use super::output::{say, say_json, table};
use crate::project::Project;
use anyhow::bail;
use mocolab::device::Devices;
use mocolab::executor::{libtorch, local};
use mocolab::run::{AgentLock, HeldLock, RunDir};
use mocolab::status::Lock;
use mocolab::survival::{Facts, Level, advice};
use mocolab::text::{bytes, log_line};
use serde::Serialize;
use std::fs;
use std::process::ExitCode;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// To be mended.
    Warning,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    text: String,
}

impl Finding {
    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Good, text: text.into() }
    }

    fn note(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Note, text: text.into() }
    }

    fn warning(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Warning, text: text.into() }
    }
}

/// A look at something: the words for what it finds, and the look itself.
type Look<'a> = (&'static [&'static str], Box<dyn Fn() -> Vec<Finding> + 'a>);

/// Looks at everything, or at what `only` says; exit status 1 where something is to be mended.
pub fn doctor(project: &Project, only: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let found = Devices::find();
    let facts = Facts::gather(project.runs.path());
    let looks: [Look; 9] = [
        (&["trainer", "libtorch"], Box::new(|| trainer(&found))),
        (&["device"], Box::new(|| devices(&found))),
        (&["survival", "disk"], Box::new(|| survival(&facts))),
        (&["speed"], Box::new(|| vec![surroundings::disk(project)])),
        (&["locks"], Box::new(|| vec![locks(project)])),
        (&["experiments", "queue"], Box::new(|| vec![experiments(project), queue(project)])),
        (&["slurm"], Box::new(|| vec![surroundings::jobs()])),
        (&["terminal", "letters", "font"], Box::new(|| surroundings::terminal(&facts))),
        (&["tensorboard", "wandb", "browser"], Box::new(surroundings::programs)),
    ];
    let words: Vec<&str> = looks.iter().flat_map(|(words, _)| words.iter().copied()).collect();
    if let Some(only) = only.filter(|only| !words.contains(only)) {
        bail!("`{only}` is nothing that is looked at; these are: {}", words.join(", "));
    }
    let wanted = looks.iter().filter(|(words, _)| only.is_none_or(|only| words.contains(&only)));
    let mut all: Vec<Finding> = wanted.flat_map(|(_, look)| look()).collect();
    all.retain(|finding| only.is_none_or(|only| finding.what == only));
    if json {
        say_json(&all)?;
    } else {
        let row = |finding: &Finding| {
            let sign = match finding.verdict {
                Verdict::Good => "✓",
                Verdict::Note => "·",
                Verdict::Warning => "!",
            };
            vec![sign.to_owned(), finding.what.to_owned(), finding.text.clone()]
        };
        table(&all.iter().map(row).collect::<Vec<_>>(), &[]).iter().try_for_each(say)?;
    }
    let sick = all.iter().any(|finding| finding.verdict == Verdict::Warning);
    Ok(if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// It is there, finds its libraries, and starts.
fn trainer(found: &Devices) -> Vec<Finding> {
    let path = match local::trainer() {
        Ok(path) => path,
        Err(error) => return vec![Finding::warning("trainer", error.to_string())],
    };
    let library = match libtorch::find(&path) {
        Ok(None) => None,
        Ok(Some(libtorch)) => {
            let version = libtorch.version.as_deref().unwrap_or("of a version that it does not tell");
            let cuda = libtorch.has_cuda();
            let text = format!(
                "{version}, {}",
                match &libtorch.folder {
                    Some(folder) =>
                        format!("for {}, in `{}`", if cuda { "CUDA" } else { "the CPU alone" }, folder.display()),
                    None => "where the loader finds it by itself".to_owned(),
                }
            );
            Some(if !cuda && found.devices.len() > 1 {
                Finding::warning(
                    "libtorch",
                    format!("{text}: the GPUs are not used; `MOCOLAB_FORCE=cuda make setup` brings the other"),
                )
            } else {
                Finding::good("libtorch", text)
            })
        }
        Err(error) => return vec![Finding::warning("libtorch", error.to_string())],
    };
    let said = local::trainer_command()
        .map_err(|error| error.to_string())
        .and_then(|(_, mut command)| command.arg("--version").output().map_err(|error| error.to_string()));
    let started = match said {
        Ok(said) if said.status.success() => {
            Finding::good("trainer", log_line(String::from_utf8_lossy(&said.stdout).trim()))
        }
        Ok(said) => {
            let why = String::from_utf8_lossy(&said.stderr).lines().next().map(log_line).unwrap_or_default();
            Finding::warning("trainer", format!("`{}` does not start: {why}", path.display()))
        }
        Err(error) => Finding::warning("trainer", format!("`{}` does not start: {error}", path.display())),
    };
    std::iter::once(started).chain(library).collect()
}

fn devices(found: &Devices) -> Vec<Finding> {
    let memory =
        |memory: Option<(u64, u64)>| memory.map(|(_, total)| format!(", {}", bytes(total))).unwrap_or_default();
    let each = found.devices.iter().map(|device| {
        Finding::good("device", log_line(&format!("{}: {}{}", device.name, device.model, memory(device.memory))))
    });
    each.chain(found.note.iter().map(|note| Finding::note("device", note.clone()))).collect()
}

fn survival(facts: &Facts) -> Vec<Finding> {
    let mut all: Vec<Finding> = advice(facts)
        .into_iter()
        .map(|advice| match advice.level {
            Level::Warning => Finding::warning("survival", advice.text),
            Level::Note => Finding::note("survival", advice.text),
        })
        .collect();
    if all.is_empty() {
        all.push(Finding::good("survival", "runs go on when the terminal closes"));
    }
    if let Some(free) = facts.disk.free {
        all.push(Finding::good("disk", format!("{} free where the runs lie", bytes(free))));
    }
    all
}

/// Whether a lock that is held is seen to be: all that is said of a run's life hangs on it.
fn locks(project: &Project) -> Finding {
    let place = project.runs.path().join(format!(".doctor-{}", std::process::id()));
    let tried = fs::create_dir_all(&place).map_err(|error| error.to_string()).and_then(|()| {
        let run = RunDir::new(&place);
        let held = HeldLock::take(&run).map_err(|error| error.to_string())?;
        let seen = run.probe();
        drop(held);
        if seen == Lock::Held && run.probe() == Lock::Free {
            Ok(())
        } else {
            Err("a lock that is held can't be seen here: mount the file system with locks".to_owned())
        }
    });
    let _ = fs::remove_dir_all(&place);
    match tried {
        Ok(()) => Finding::good("locks", "work where the runs lie"),
        Err(why) => Finding::warning("locks", why),
    }
}

fn experiments(project: &Project) -> Finding {
    match project.suite() {
        Ok(suite) => {
            Finding::good("experiments", format!("{} in `{}`", suite.experiments().count(), project.file.display()))
        }
        Err(error) => Finding::note("experiments", log_line(&format!("{error:#}"))),
    }
}

fn queue(project: &Project) -> Finding {
    if !project.runs.path().is_dir() {
        return Finding::good("queue", "empty");
    }
    match AgentLock::take(&project.runs) {
        Ok(Some(_)) => Finding::good("queue", "nobody is at work on it: nothing waits that could go on by itself"),
        Ok(None) => Finding::good("queue", "its agent is at work"),
        Err(error) => Finding::warning("queue", format!("its lock can't be taken: {error}")),
    }
}
