//! Where a training stands: kept in checkpoints, taken up from them.

use super::Training;
use crate::{
    checkpoint::{self, Content, Texts},
    learner::Learner,
    parameters::Format,
    session::Session,
};
use anyhow::{Context, Result, bail, ensure};
use mocolab::event::{Alert, Best, Checkpoint, Event};
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
    /// Sum of the losses of this epoch's steps.
    pub loss: f64,
    /// Right answers of this epoch's steps.
    pub right: i64,
    /// Seconds spent in this epoch.
    pub seconds: f64,
    /// The best of every metric.
    pub best: BTreeMap<String, Best>,
}

impl Training<'_> {
    /// Takes up the newest checkpoint that verifies.
    pub(super) fn resume(&mut self, session: &mut Session) -> Result<Option<Checkpoint>> {
        let found = checkpoint::find(session.checkpoints())?;
        for skipped in &found.skipped {
            alert(session, "checkpoint", format!("a checkpoint was skipped: {skipped}"))?;
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
        let progress: Progress = serde_json::from_str(loaded.text("progress")?)
            .with_context(|| format!("reading where the checkpoint `{}` stands", loaded.file))?;
        ensure!(
            progress.steps_per_epoch == self.progress.steps_per_epoch,
            "the checkpoint `{}` is of a run with {} steps an epoch, this one has {}: the data or the settings changed",
            loaded.file,
            progress.steps_per_epoch,
            self.progress.steps_per_epoch
        );
        for (what, here) in [
            ("classes", serde_json::to_string(&self.job.dataset.classes)?),
            ("colours", serde_json::to_string(&self.colours)?),
        ] {
            let there = loaded.text(what)?;
            let file = &loaded.file;
            ensure!(
                there == here,
                "the checkpoint `{file}` was trained on other pictures: its {what} are {there}, here {here}"
            );
        }
        if progress.format != self.learner.format {
            let place = (progress.format, self.job.device);
            self.learner = Learner::new(self.settings, self.job.dataset.classes.len(), self.job.experiment.seed, place);
        }
        self.learner.restore(&loaded)?;
        self.sums = sums(&progress, self.job.device);
        self.progress = progress;
        let (step, epoch, best) = (self.progress.step, self.progress.epoch, loaded.text("best")? == "true");
        Ok(Some(Checkpoint { step, epoch, bytes: loaded.bytes.len() as u64, file: loaded.file, best }))
    }

    pub(super) fn save_is_due(&self) -> bool {
        let minutes = self.settings.checkpoint_minutes.get();
        minutes > 0.0 && self.last_saved.elapsed() > Duration::from_secs_f64(60.0 * minutes)
    }

    /// Writes a checkpoint of this moment.
    pub(super) fn save(&mut self, session: &mut Session, best: bool) -> Result<()> {
        self.read_sums(session)?;
        // The last step may have spoilt the weights: the loss would only show it at the next.
        let loss = if self.learner.is_finite() { self.progress.loss } else { f64::NAN };
        self.require_a_number(loss, session)?;
        let seconds = self.progress.seconds + self.epoch_began.elapsed().as_secs_f64();
        let progress = Progress { seconds, ..self.progress.clone() };
        session.sync()?;
        let (step, epoch) = (progress.step, progress.epoch);
        let tensors = self.learner.tensors(step);
        let content =
            Content { tensors, texts: self.texts(&progress)?, step, epoch, best, directory: session.checkpoints() };
        let saved = content.write()?;
        session.write(Event::Checkpoint(Checkpoint { step, epoch, file: saved.file, bytes: saved.bytes, best }))?;
        self.last_saved = Instant::now();
        Ok(())
    }

    /// Brings the sums of the epoch from the device.
    pub(super) fn read_sums(&mut self, session: &mut Session) -> Result<()> {
        self.progress.loss = self.sums.0.double_value(&[]);
        self.progress.right = self.sums.1.int64_value(&[]);
        self.require_a_number(self.progress.loss, session)
    }

    pub(super) fn require_a_number(&self, loss: f64, session: &mut Session) -> Result<()> {
        if loss.is_finite() {
            return Ok(());
        }
        let message = format!(
            "the training loss was `{loss}` by step {}: the run can't go on. A lower `lr` or a longer `warmup_epochs` \
             usually helps",
            self.progress.step
        );
        alert(session, "nan", message.clone())?;
        bail!(message)
    }

    fn texts(&self, progress: &Progress) -> Result<Texts> {
        let texts = [
            ("app", "mocolab".to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("experiment", toml::to_string(&self.job.experiment).context("writing the experiment as TOML")?),
            ("classes", serde_json::to_string(&self.job.dataset.classes)?),
            ("colours", serde_json::to_string(&self.colours)?),
            ("progress", serde_json::to_string(progress)?),
        ];
        Ok(texts.map(|(key, text)| (key.to_owned(), text)).into())
    }
}

/// The sums of losses and of right answers, on the device.
pub(super) fn sums(progress: &Progress, device: Device) -> (Tensor, Tensor) {
    (Tensor::from(progress.loss).to_device(device), Tensor::from(progress.right).to_device(device))
}

fn alert(session: &mut Session, what: &str, message: String) -> Result<()> {
    session.write(Event::Alert(Alert { what: what.to_owned(), message }))
}
