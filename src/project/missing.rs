//! What there is already of an experiment as the file has it now: the run that `--missing` brings to its end.

use super::sources::{Sources, absolute, take_network};
use super::{Project, experiment, threads};
use mocolab::data;
use mocolab::experiment::{Experiment, Origin};
use mocolab::run::{RunDir, Watch};
use mocolab::status::Status;

impl Project {
    /// The run of exactly this experiment and what it is: the newest that is done, else one that is under way, else the
    /// newest. All settings are alike, the weights from the same moment of a run of the same source; threads don't count.
    /// None where that source has been trained anew by `sources`.
    ///
    /// # Errors
    /// Where the runs can't be read.
    pub fn run_of(&self, of: &Experiment, sources: &Sources) -> anyhow::Result<Option<(RunDir, Status)>> {
        let mut stands = Vec::new();
        for run in self.runs_of(&of.name)? {
            if self.is_of(&run, of, sources)? {
                let status = Watch::new(run.clone()).status().unwrap_or(Status::Unknown);
                stands.push((run, status));
            }
        }
        let newest = |fits: fn(Status) -> bool| stands.iter().rev().find(|(_, status)| fits(*status)).cloned();
        Ok(newest(|status| status == Status::Done).or_else(|| newest(Status::is_live)).or_else(|| newest(|_| true)))
    }

    /// A run of exactly this experiment that is at work or waits in a queue.
    ///
    /// # Errors
    /// Where the runs can't be read.
    pub fn underway(&self, of: &Experiment, sources: &Sources) -> anyhow::Result<Option<(RunDir, Status)>> {
        for run in self.runs_of(&of.name)?.into_iter().rev() {
            let status = Watch::new(run.clone()).status().unwrap_or(Status::Unknown);
            let comes = status.is_live() || (status.is_waiting() && run.comes());
            if comes && self.is_of(&run, of, sources)? {
                return Ok(Some((run, status)));
            }
        }
        Ok(None)
    }

    /// Finds the run that `of` takes its weights from, where none was trained here: one of its source as the file has it
    /// now. So an experiment is missing alone where it is missing in the whole file.
    ///
    /// # Errors
    /// Where the runs can't be read.
    pub fn settle(&self, of: &Experiment, sources: &mut Sources) -> anyhow::Result<()> {
        let Some(source) = sources.awaited(of)?.filter(|source| sources.made(&source.name).is_none()) else {
            return Ok(());
        };
        self.settle(source, sources)?;
        let name = &source.name;
        let none = || format!("has no run of the settings in the file: `mocolab start {name} --missing --wait` first");
        let run = self.run_of(source, sources)?.map(|(run, _)| run).ok_or_else(none);
        sources.add(name, run);
        Ok(())
    }

    /// Whether `run` is of exactly this experiment.
    pub(super) fn is_of(&self, run: &RunDir, of: &Experiment, sources: &Sources) -> anyhow::Result<bool> {
        let source = sources.awaited(of)?;
        let (Ok(mut kept), Some(wanted)) = (experiment(run), self.as_kept(of, sources)?) else { return Ok(false) };
        let from = match source {
            Some(_) => std::mem::replace(kept.recipe.origin_mut(), Origin::Random),
            None => Origin::Random,
        };
        // One that waits in the queue names the moment of its source until that is done.
        let awaited = || run.read_ticket().ok().flatten().and_then(|ticket| ticket.source).map(RunDir::new);
        // How many there were is the machine's business.
        (kept.threads, kept.slots, kept.executor) = (wanted.threads, wanted.slots, wanted.executor);
        Ok(kept == wanted && source.is_none_or(|source| sources.would_give((&from, awaited), source, of)))
    }

    /// `of` as a run would keep it, but for a checkpoint that is still to be chosen; none where its pictures aren't there.
    fn as_kept(&self, of: &Experiment, sources: &Sources) -> anyhow::Result<Option<Experiment>> {
        let Ok(data) = data::resolve(&of.data, &self.places) else { return Ok(None) };
        let mut recipe = of.recipe.clone();
        let origin = match of.recipe.origin() {
            Origin::File(path) => Origin::File(self.places.absolute(path)?),
            Origin::Checkpoint(path) => Origin::Checkpoint(path.clone()),
            Origin::Random | Origin::Experiment { .. } => Origin::Random,
        };
        if let Some(source) = sources.of(of)? {
            take_network(&mut recipe, &source.recipe);
        }
        *recipe.origin_mut() = origin;
        Ok(Some(Experiment { data, threads: threads(of), recipe, ..of.clone() }))
    }
}

impl Sources<'_> {
    /// Whether `kept`, the checkpoint that an earlier run began from, is what `of` would take from `source` today.
    fn would_give(
        &self,
        (kept, awaited): (&Origin, impl Fn() -> Option<RunDir>),
        source: &Experiment,
        of: &Experiment,
    ) -> bool {
        let of_source = |run: &RunDir| match self.made(&source.name) {
            Some(Ok(made)) => absolute(made.path()).is_ok_and(|made| made == run.path()),
            Some(Err(_)) => false,
            None => run.experiment_name().as_ref() == Some(&source.name),
        };
        let (path, moment) = match (kept, of.recipe.origin()) {
            (Origin::Experiment { .. }, wanted) => {
                return kept == wanted && awaited().is_some_and(|run| of_source(&run));
            }
            (Origin::Checkpoint(path), Origin::Experiment { moment, .. }) => (path, moment),
            _ => return false,
        };
        let Some(run) = path.parent().and_then(std::path::Path::parent).map(RunDir::new) else { return false };
        let of_source = of_source(&run);
        of_source
            && match run.checkpoint_of(*moment) {
                Ok((file, _)) => absolute(&file.path).is_ok_and(|file| file == *path),
                // What was taken from a run that has been removed since is as right as before.
                Err(_) => !path.exists(),
            }
    }
}
