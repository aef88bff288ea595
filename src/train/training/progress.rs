//! Where a training stands: kept in checkpoints, taken up from them.

use super::{Training, ending, is_due};
use crate::{
    checkpoint::{self, Content, Loaded, Texts},
    method::Method,
    parameters::Format,
    session::Session,
    start::From,
};
use anyhow::{Context, Result, ensure};
use mocolab::{
    event::{Best, Checkpoint, Event, Metrics, Real},
    metrics,
    schedule::{Patience, Plateau},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tch::{Device, Tensor};

/// Where a run stands: all that a checkpoint holds beside tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Optimiser steps done.
    pub step: u64,
    /// Complete epochs.
    pub epoch: u64,
    /// Steps of an epoch: changes where the data does.
    pub steps_per_epoch: u64,
    pub format: Format,
    /// Sums of what this epoch's steps measured.
    pub sums: Vec<f64>,
    /// Seconds spent in this epoch.
    pub seconds: f64,
    /// Seconds spent in complete epochs.
    pub spent: f64,
    /// The best of every metric.
    pub best: BTreeMap<String, Best>,
    pub plateau: Plateau,
    pub patience: Patience,
    /// How often the run went back.
    pub rollbacks: u32,
    /// What the rate is multiplied by since.
    pub scale: f64,
    /// Set where no more epochs are to follow: why, or nothing where all are done.
    pub ended: Option<String>,
    /// The last epoch after which the features had not collapsed.
    pub healthy: u64,
    /// Whether a checkpoint has been written: there is somewhere to go back to.
    #[serde(skip)]
    pub saved: bool,
}

impl Progress {
    pub fn new(steps_per_epoch: u64, format: Format, measures: usize) -> Self {
        Self {
            step: 0,
            epoch: 0,
            steps_per_epoch,
            format,
            sums: vec![0.0; measures],
            seconds: 0.0,
            spent: 0.0,
            best: BTreeMap::new(),
            plateau: Plateau::default(),
            patience: Patience::default(),
            rollbacks: 0,
            scale: 1.0,
            ended: None,
            healthy: 0,
            saved: false,
        }
    }

    /// [`Self::sums`] as a tensor.
    pub fn sums_on(&self, device: Device) -> Tensor {
        Tensor::from_slice(&self.sums).to_device(device)
    }

    /// Epoch `epoch` took `seconds` and is complete.
    pub fn complete(&mut self, epoch: u64, seconds: f64) {
        self.epoch = epoch;
        self.spent += seconds;
        self.seconds = 0.0;
        self.sums.fill(0.0);
    }
}

impl<M: Method> Training<'_, M> {
    /// Takes up the newest checkpoint that verifies.
    pub(super) fn resume(
        &mut self,
        session: &mut Session,
        make: &impl Fn(Format, &From) -> Result<M>,
    ) -> Result<Option<Checkpoint>> {
        let found = checkpoint::find(session.checkpoints())?;
        for skipped in &found.skipped {
            ending::alert(session, "checkpoint", format!("a checkpoint was skipped: {skipped}"))?;
        }
        let Some(loaded) = found.newest else {
            // Beginning again would void all that was done: that is for the user to say.
            let all = found.skipped.join("; ");
            ensure!(
                found.skipped.is_empty(),
                "no checkpoint can be read ({all}): mend or remove them, or start a new run"
            );
            return Ok(None);
        };
        self.take_up(&loaded, &super::start(self.job, session)?, make)?;
        let (step, epoch, best) = (self.progress.step, self.progress.epoch, loaded.text("best")? == "true");
        Ok(Some(Checkpoint { step, epoch, bytes: loaded.bytes.len() as u64, file: loaded.file, best }))
    }

    /// Stands where `loaded` stands, in its number format; `from` is how `make` begins.
    pub(super) fn take_up(
        &mut self,
        loaded: &Loaded,
        from: &From,
        make: &impl Fn(Format, &From) -> Result<M>,
    ) -> Result<()> {
        let progress: Progress = serde_json::from_str(loaded.text("progress")?)
            .with_context(|| format!("reading where the checkpoint `{}` stands", loaded.file))?;
        self.require_same(&progress, loaded)?;
        if progress.format != self.progress.format {
            self.method = make(progress.format, from)?;
        }
        self.method.restore(loaded)?;
        self.descender.restore(loaded, &mut self.method)?;
        self.method.moved();
        self.sums = progress.sums_on(self.job.devices[0]);
        self.progress = Progress { saved: true, ..progress };
        Ok(())
    }

    /// A checkpoint of other data or of another network is not ours.
    fn require_same(&self, progress: &Progress, loaded: &Loaded) -> Result<()> {
        ensure!(
            progress.steps_per_epoch == self.progress.steps_per_epoch,
            "the checkpoint `{}` is of a run with {} steps an epoch, this one has {}: the data or the settings changed",
            loaded.file,
            progress.steps_per_epoch,
            self.progress.steps_per_epoch
        );
        for (what, here) in self.method.texts()? {
            let there = loaded.text(&what)?;
            let file = &loaded.file;
            ensure!(
                there == here,
                "the checkpoint `{file}` is of another training: its {what} are {there}, here {here}"
            );
        }
        Ok(())
    }

    pub(super) fn save_is_due(&self) -> bool {
        let minutes = self.keeping.checkpoint_minutes.get();
        minutes > 0.0 && self.last_saved.elapsed() > Duration::from_secs_f64(60.0 * minutes)
    }

    /// Whether the checkpoint of epoch `epoch` stays for ever.
    pub(super) fn keeps(&self, epoch: u64) -> bool {
        is_due(epoch, u64::from(self.keeping.keep_every))
    }

    /// Writes a checkpoint of this moment.
    pub(super) fn save(&mut self, session: &mut Session, best: bool) -> Result<()> {
        self.read_sums()?;
        // The last step may have spoilt the weights: the loss would only show it at the next.
        let finite = self.method.weights().isfinite().all().int64_value(&[]) == 1;
        self.require_a_number(if finite { 0.0 } else { f64::NAN })?;
        let progress = Progress { seconds: self.seconds(), ..self.progress.clone() };
        session.sync()?;
        let (step, epoch) = (progress.step, progress.epoch);
        let mut tensors = self.method.tensors(step);
        tensors.extend(self.descender.tensors(&self.method));
        let kept = self.keeps(epoch) && step == epoch * progress.steps_per_epoch;
        let texts = self.texts(&progress)?;
        let content = Content { tensors, texts, step, epoch, best, kept, directory: session.checkpoints() };
        let saved = content.write()?;
        session.write(Event::Checkpoint(Checkpoint { step, epoch, file: saved.file, bytes: saved.bytes, best }))?;
        self.last_saved = Instant::now();
        self.progress.saved = true;
        Ok(())
    }

    /// Brings the sums of the epoch from the device.
    pub(super) fn read_sums(&mut self) -> Result<()> {
        self.progress.sums = Vec::<f64>::try_from(&self.sums).context("reading what the steps measured")?;
        self.require_a_number(self.progress.sums.first().copied().unwrap_or(0.0))
    }

    /// Seconds spent in the epoch under way.
    pub(super) fn seconds(&self) -> f64 {
        self.progress.seconds + self.epoch_began.elapsed().as_secs_f64()
    }

    fn texts(&self, progress: &Progress) -> Result<Texts> {
        let experiment = toml::to_string(&self.job.experiment).context("writing the experiment as TOML")?;
        let texts = [
            ("app", "mocolab".to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("experiment", experiment),
            ("progress", serde_json::to_string(progress)?),
            ("notes", serde_json::to_string(&self.method.beginning().notes)?),
        ];
        let own = texts.map(|(key, text)| (key.to_owned(), text));
        Ok(self.method.texts()?.into_iter().chain(own).collect())
    }
}

/// Brings `best` up to date with `metrics`; gives the names of those that are better than ever.
pub(super) fn note_bests(best: &mut BTreeMap<String, Best>, metrics: &Metrics, epoch: u64) -> Vec<String> {
    let better = metrics.iter().filter(|(name, Real(value))| {
        let old = best.get(*name).map_or(f64::NAN, |best| best.value);
        metrics::direction(name).is_some_and(|direction| direction.better(*value, old))
    });
    let better: Vec<(String, f64)> = better.map(|(name, Real(value))| (name.clone(), *value)).collect();
    best.extend(better.iter().map(|(name, value)| (name.clone(), Best { value: *value, epoch })));
    better.into_iter().map(|(name, _)| name).collect()
}
