//! Which run the first weights of an experiment come from at the moment of its start: a name becomes one checkpoint of one
//! run. What is not there yet is said with the command that makes it.

use super::{Project, experiment};
use crate::sight::Sight;
use anyhow::{Context, bail, ensure};
use mocolab::config::Suite;
use mocolab::experiment::{Experiment, Moment, Name, Origin, Recipe};
use mocolab::run::{CheckpointFile, RunDir, Watch};
use mocolab::status::Status;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What weights can be taken from: the runs of a suite.
#[derive(Debug)]
pub struct Sources<'a> {
    suite: &'a Suite,
    made: HashMap<Name, Result<RunDir, String>>,
}

/// Runs of a source, oldest first.
pub(super) struct Stands {
    runs: Vec<(RunDir, Status)>,
    /// The place of the one to take weights from, or to wait for.
    chosen: Option<usize>,
}

impl<'a> Sources<'a> {
    /// All runs of `suite`.
    pub fn new(suite: &'a Suite) -> Self {
        Self { suite, made: HashMap::new() }
    }

    /// From now on `experiment` is what `run` made of it; or nothing, for a reason that goes on "`NAME` …".
    pub fn add(&mut self, experiment: &Name, run: Result<RunDir, String>) {
        self.made.insert(experiment.clone(), run);
    }

    /// The name in the file of which the experiment `name` is a variant.
    pub(super) fn group(&self, name: &Name) -> Option<&Name> {
        let has = |experiments: &[Experiment]| experiments.iter().any(|experiment| experiment.name == *name);
        self.suite.groups.iter().find(|group| has(&group.experiments)).map(|group| &group.name)
    }

    /// What was made of `experiment` here.
    pub(super) fn made(&self, experiment: &Name) -> Option<&Result<RunDir, String>> {
        self.made.get(experiment)
    }

    /// The experiment that `of` takes its network from, trained or not.
    pub(super) fn of(&self, of: &Experiment) -> anyhow::Result<Option<&'a Experiment>> {
        self.suite.source(of).map_err(anyhow::Error::msg)
    }

    /// The experiment that `of` awaits, of which a run has to be there.
    pub(super) fn awaited(&self, of: &Experiment) -> anyhow::Result<Option<&'a Experiment>> {
        Ok(self.of(of)?.filter(|_| of.recipe.origin().awaits().is_some()))
    }
}

impl Stands {
    fn chosen(&self) -> Option<&(RunDir, Status)> {
        self.runs.get(self.chosen?)
    }

    /// The chosen run, else the newest that waits in a queue, or may be at work elsewhere.
    pub(super) fn best(&self) -> Option<&(RunDir, Status)> {
        // Without a ticket nobody will start it.
        let waits =
            |(run, status): &&(RunDir, Status)| *status == Status::Unknown || (status.is_waiting() && run.comes());
        self.chosen().or_else(|| self.runs.iter().rev().find(waits))
    }

    /// The newest run, where that is not the chosen one.
    fn newer(&self) -> Option<&RunDir> {
        self.runs.iter().skip(self.chosen? + 1).map(|(run, _)| run).next_back()
    }
}

impl Project {
    /// The runs of the experiment `name`, oldest first.
    pub(super) fn runs_of(&self, name: &Name) -> anyhow::Result<Vec<RunDir>> {
        let all = self.runs.list().with_context(|| format!("reading `{}`", self.runs.path().display()))?;
        Ok(all.into_iter().filter(|run| run.experiment_name().as_ref() == Some(name)).collect())
    }

    /// Which run of `source` gives its weights of `moment`. In order:
    ///
    /// 1. what was trained here is the only one that counts;
    /// 2. the newest that is done;
    /// 3. the newest that is under way, which has to be waited for;
    /// 4. where the user named a moment, the newest that ended otherwise and has a checkpoint of it.
    pub(super) fn stands(&self, source: &Experiment, moment: Moment, sources: &Sources) -> anyhow::Result<Stands> {
        let runs = match sources.made(&source.name) {
            Some(Ok(run)) => vec![run.clone()],
            Some(Err(why)) => bail!("`{}` {why}", source.name),
            None => self.runs_of(&source.name)?,
        };
        let status = |run: &RunDir| Watch::new(run.clone()).status().unwrap_or(Status::Unknown);
        let runs: Vec<(RunDir, Status)> = runs.into_iter().map(|run| (run.clone(), status(&run))).collect();
        let newest = |fits: &dyn Fn(&RunDir, Status) -> bool| runs.iter().rposition(|(run, status)| fits(run, *status));
        let ended = |run: &RunDir, status: Status| status.can_start() && run.checkpoint_of(moment).is_ok();
        let chosen = newest(&|_, status| status == Status::Done)
            .or_else(|| newest(&|_, status| status.is_live()))
            .or_else(|| if moment == Moment::End { None } else { newest(&ended) });
        Ok(Stands { runs, chosen })
    }

    /// The run under way that `of` takes its weights from, where it has to be waited for.
    ///
    /// # Errors
    /// Where the runs can't be read, or what it needs could not be trained.
    pub fn awaited(&self, of: &Experiment, sources: &Sources) -> anyhow::Result<Option<RunDir>> {
        let (Some(source), Origin::Experiment { moment, .. }) = (sources.awaited(of)?, of.recipe.origin()) else {
            return Ok(None);
        };
        let stands = self.stands(source, *moment, sources).with_context(|| head(of, source))?;
        Ok(stands.chosen().filter(|(_, status)| status.is_live()).map(|(run, _)| run.clone()))
    }

    /// The recipe of `of` with its origin as a run keeps it, and a note that says which run its weights are from.
    pub(super) fn with_origin(&self, of: &Experiment, sources: &Sources) -> anyhow::Result<(Recipe, Option<String>)> {
        let mut recipe = of.recipe.clone();
        let (origin, note) = match of.recipe.origin() {
            Origin::Random => (Origin::Random, None),
            Origin::File(path) => (Origin::File(self.weights(path)?), None),
            Origin::Checkpoint(path) => (Origin::Checkpoint(self.weights(path)?), None),
            Origin::Experiment { moment, name } => {
                let source = sources.of(of)?.with_context(|| format!("no experiment is called `{name}`"))?;
                take_network(&mut recipe, &source.recipe);
                match moment {
                    Moment::Random => (Origin::Random, None),
                    moment => {
                        let stands = self.stands(source, *moment, sources).with_context(|| head(of, source))?;
                        let run = ready(&stands, of, source)?;
                        take_network(&mut recipe, &experiment(run)?.recipe);
                        let (file, _) = run.checkpoint_of(*moment).map_err(anyhow::Error::msg)?;
                        let note = self.note(&stands, &file, source, sources)?;
                        (Origin::Checkpoint(absolute(&file.path)?), Some(note))
                    }
                }
            }
        };
        *recipe.origin_mut() = origin;
        Ok((recipe, note))
    }

    /// Where weights are from, and what a user may not expect of that.
    fn note(
        &self,
        stands: &Stands,
        file: &CheckpointFile,
        source: &Experiment,
        sources: &Sources,
    ) -> anyhow::Result<String> {
        let Some((run, status)) = stands.chosen() else { return Ok(String::new()) };
        let standing = |run: &RunDir| Sight::read(run.clone()).standing();
        let mut parts = vec![format!("weights of {}, {file}", run.label())];
        if *status != Status::Done {
            parts.push(format!("that run {}", standing(run)));
        }
        if let Some(newer) = stands.newer() {
            parts.push(format!("{}, which is newer, {}", newer.label(), standing(newer)));
        }
        if !self.is_of(run, source, sources)? {
            parts.push(format!("`{}` has other settings in the file by now", source.name));
        }
        Ok(parts.join("; "))
    }
}

pub(super) fn head(of: &Experiment, source: &Experiment) -> String {
    format!("`{}` takes its weights from `{}`", of.name, source.name)
}

/// The chosen run, where it need not be waited for.
fn ready<'a>(stands: &'a Stands, of: &Experiment, source: &Experiment) -> anyhow::Result<&'a RunDir> {
    let (head, name) = (head(of, source), &source.name);
    let standing = |run: &RunDir| Sight::read(run.clone()).standing();
    match (stands.chosen(), stands.runs.last()) {
        (Some((run, status)), _) if status.is_live() => bail!(
            "{head}, whose run {} {}: `mocolab start {} --wait` waits for it",
            run.label(),
            standing(run),
            of.name
        ),
        (Some((run, _)), _) => Ok(run),
        (None, Some((run, status))) => {
            let label = run.label();
            let what = if status.can_start() { "resume" } else { "show" };
            bail!(
                "{head}, which has no finished run: its newest run {label} {}: `mocolab {what} {label}`",
                standing(run)
            )
        }
        (None, None) => bail!(
            "{head}, which has no finished run: `mocolab start {name} --wait` first, or `mocolab start --all --wait`"
        ),
    }
}

/// Gives a probe the network of what it is a probe of.
pub(super) fn take_network(recipe: &mut Recipe, source: &Recipe) {
    if let (Recipe::Probe(probe), Some(views)) = (recipe, source.views()) {
        (probe.arch, probe.stem, probe.normalise) = (source.arch(), source.stem(), views.normalise);
    }
}

pub(super) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("finding `{}`", path.display()))?;
    ensure!(path.to_str().is_some(), "`{}` is not UTF-8, so it could not be written into a run", path.display());
    Ok(path)
}
