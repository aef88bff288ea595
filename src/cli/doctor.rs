//! `mocolab doctor`: what of this machine decides whether runs can be trained and live on, as sentences and as data.

use super::output::{say, say_json, table};
use crate::project::Project;
use mocolab::device::Devices;
use mocolab::executor::{local, slurm};
use mocolab::run::{AgentLock, HeldLock, RunDir};
use mocolab::status::Lock;
use mocolab::survival::{Facts, Level, advice};
use mocolab::text::{bytes, log_line};
use serde::Serialize;
use std::fs;
use std::process::{Command, ExitCode};

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

/// Looks at everything; exit status 1 where something is to be mended.
pub fn doctor(project: &Project, json: bool) -> anyhow::Result<ExitCode> {
    let mut all = vec![trainer()];
    all.extend(devices());
    all.extend(survival(project));
    all.extend([locks(project), experiments(project), queue(project), jobs()]);
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

/// It is there, and its libraries can be loaded.
fn trainer() -> Finding {
    let path = match local::trainer() {
        Ok(path) => path,
        Err(error) => return Finding::warning("trainer", error.to_string()),
    };
    match Command::new(&path).arg("--version").output() {
        Ok(said) if said.status.success() => {
            Finding::good("trainer", log_line(String::from_utf8_lossy(&said.stdout).trim()))
        }
        Ok(said) => {
            let why = String::from_utf8_lossy(&said.stderr).lines().next().map(log_line).unwrap_or_default();
            Finding::warning("trainer", format!("`{}` does not start: {why}", path.display()))
        }
        Err(error) => Finding::warning("trainer", format!("`{}` does not start: {error}", path.display())),
    }
}

fn devices() -> Vec<Finding> {
    let found = Devices::find();
    let memory =
        |memory: Option<(u64, u64)>| memory.map(|(_, total)| format!(", {}", bytes(total))).unwrap_or_default();
    let each = found.devices.iter().map(|device| {
        Finding::good("device", log_line(&format!("{}: {}{}", device.name, device.model, memory(device.memory))))
    });
    each.chain(found.note.iter().map(|note| Finding::note("device", note.clone()))).collect()
}

fn survival(project: &Project) -> Vec<Finding> {
    let facts = Facts::gather(project.runs.path());
    let mut all: Vec<Finding> = advice(&facts)
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

fn jobs() -> Finding {
    if !slurm::is_here() {
        return Finding::note("slurm", "not here");
    }
    match slurm::look().jobs {
        Some(jobs) => Finding::good("slurm", format!("answers; it has {} of your jobs", jobs.len())),
        None => Finding::warning("slurm", "its commands are here, and its controller does not answer"),
    }
}
