//! `mocolab export tensorboard`, `mocolab export wandb` and `mocolab sync wandb`: the records of runs for other programs.

use super::names;
use super::output::{note, say};
use crate::project::Project;
use anyhow::{Context, bail};
use mocolab::mirror::{self, tensorboard::Board, wandb};
use mocolab::run::RunDir;
use mocolab::status::Lock;
use mocolab::text::quoted;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Which runs, and where to.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Runs: NAME (its latest), NAME/ID or a path.
    #[arg(add = names::runs(), id = "run", value_name = "RUN", required_unless_present = "all")]
    runs: Vec<String>,
    /// All runs that there are.
    #[arg(long, conflicts_with = "run")]
    all: bool,
}

/// Where runs appear at Weights & Biases.
#[derive(Debug, clap::Args)]
pub struct There {
    /// The project [default: the name of this project's folder].
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// The user or team [default: your own].
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
}

impl Asked {
    /// The runs.
    ///
    /// # Errors
    /// Where one is not there.
    pub fn find(&self, project: &Project) -> anyhow::Result<Vec<RunDir>> {
        if self.all {
            let runs = project.runs.list().context("listing the runs")?;
            if runs.is_empty() {
                bail!("there are no runs in `{}` yet", project.runs.path().display());
            }
            return Ok(runs);
        }
        self.runs.iter().map(|run| project.runs.find(run).map_err(anyhow::Error::msg)).collect()
    }
}

/// The folder of `run` below `out`.
fn below(out: &Path, run: &RunDir) -> PathBuf {
    let experiment = run.experiment_name().map(|name| name.to_string()).unwrap_or_default();
    out.join(experiment).join(run.id())
}

/// `mocolab export tensorboard`.
pub fn tensorboard(project: &Project, asked: &Asked, out: Option<&Path>) -> anyhow::Result<()> {
    for run in asked.find(project)? {
        let folder = out.map_or_else(|| run.tensorboard(), |out| below(out, &run));
        if out.is_none() && run.probe() == Lock::Held {
            bail!(
                "{} is under way, and its trainer writes `{}`: say where else by --out",
                run.label(),
                folder.display()
            );
        }
        let mut board = Board::new(&run, &folder, project.places.clone());
        let passed = mirror::each(&run, |line| board.tell(line))
            .and_then(|passed| board.flush().map(|()| passed))
            .with_context(|| format!("writing {} into `{}`", run.label(), folder.display()))?;
        say(format!("wrote {} into `{}`{}", run.label(), folder.display(), damaged(passed)))?;
    }
    let shown = out.unwrap_or(project.runs.path());
    say(format!("  tensorboard --logdir {}", quoted(&shown.display().to_string())))
}

/// `mocolab export wandb`.
pub fn wandb(project: &Project, asked: &Asked, (out, there): (Option<&Path>, &There)) -> anyhow::Result<()> {
    for folder in written(project, asked, (out, there))? {
        say(format!("  wandb sync {}", quoted(&folder.display().to_string())))?;
    }
    Ok(())
}

/// `mocolab sync wandb`: exit status as `wandb` has it.
pub fn sync(project: &Project, asked: &Asked, there: &There) -> anyhow::Result<ExitCode> {
    let folders = written(project, asked, (None, there))?;
    let mut command = Command::new("wandb");
    command.arg("sync").args(&folders).stdin(Stdio::inherit());
    match command.status() {
        Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ok(status) => bail!("`wandb sync` ended with {status}; what it was to send lies there, to be sent again"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            note("there is no `wandb` here: `pip install wandb`, then `wandb login`, then this again; or elsewhere");
            let folders: Vec<String> = folders.iter().map(|folder| quoted(&folder.display().to_string())).collect();
            say(format!("  wandb sync {}", folders.join(" ")))?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error).context("starting `wandb`"),
    }
}

/// Writes the runs for Weights & Biases. Gives their folders.
fn written(project: &Project, asked: &Asked, (out, there): (Option<&Path>, &There)) -> anyhow::Result<Vec<PathBuf>> {
    let name = project.runs.path().parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let target = wandb::Target {
        project: there.project.clone().or(name).unwrap_or_else(|| "mocolab".into()),
        entity: there.entity.clone(),
    };
    let mut folders = Vec::new();
    for run in asked.find(project)? {
        let folder = out.map_or_else(|| run.wandb(), |out| below(out, &run));
        let exported = wandb::export(&run, &folder, &target).with_context(|| format!("writing {}", run.label()))?;
        say(format!(
            "wrote {}: {} rows, as run {} of `{}`{}",
            run.label(),
            exported.rows,
            exported.id,
            target.project,
            damaged(exported.passed)
        ))?;
        folders.push(exported.folder);
    }
    Ok(folders)
}

/// What is to be said where damaged lines were passed over.
fn damaged(passed: usize) -> String {
    if passed == 0 { String::new() } else { format!("; {passed} damaged lines of its record are left out") }
}
