//! The loop around every recipe: epochs and steps, the record, checkpoints, when to end, what to do where a loss is no
//! number. What a step computes is the [`Method`]'s; how weights move is [`descent`]'s.

mod descent;
mod ending;
mod epoch;
mod maps;
mod pictured;
mod progress;
#[cfg(test)]
mod tests;

pub use maps::of;
#[cfg(test)]
pub use {descent::clip, tests::job as test_job};

use super::{
    checkpoint, device, embed,
    method::{Job, Method, Place},
    parameters::Format,
    session::{Session, Wanted},
    start::From,
};
use anyhow::{Result, ensure};
use descent::Descender;
use ending::Trouble;
use mocolab::{
    event::{Event, Outcome, Real, Started, Step},
    experiment::{Descent, Judging, Keeping, Origin},
    metrics,
    random::{Purpose, Random},
    schedule::Rate,
};
use progress::Progress;
use std::time::Instant;
use tch::{Kind, Tensor};

/// How a run ended, and why where that needs a word.
pub type Ended = (Outcome, Option<String>);

/// A recipe under way.
pub struct Training<'a, M> {
    job: &'a Job,
    descent: &'a Descent,
    judging: &'a Judging,
    keeping: &'a Keeping,
    method: M,
    descender: Descender,
    rate: Rate,
    progress: Progress,
    /// [`Progress::sums`] on the device, whence they are read only when they are wanted.
    sums: Tensor,
    epoch_began: Instant,
    last_saved: Instant,
}

/// The number format that `job` asks for.
pub fn format(job: &Job) -> Format {
    device::format(job.experiment.recipe.keeping().precision, job.devices[0])
}

/// Trains as `job` says, going on from the newest checkpoint where there is one. `make` makes the method for a number
/// format: that of the checkpoint, or the one asked for.
///
/// # Errors
/// Where the record or a checkpoint can't be written or read, or the loss is no longer a number.
pub fn run<M: Method>(job: &Job, session: &mut Session, make: impl Fn(Format, &From) -> Result<M>) -> Result<Ended> {
    embed::use_threads(job.experiment.threads);
    let from = start(job, session)?;
    let mut training = Training::new(job, make(format(job), &from)?, format(job))?;
    let resumed = training.resume(session, &make)?;
    training.announce(session, resumed.as_ref().map(|checkpoint| checkpoint.file.clone()))?;
    if resumed.is_none() {
        let warnings = job.experiment.recipe.warnings(job.dataset.train.len() as u64);
        for warning in warnings.into_iter().chain(training.method.beginning().warnings.clone()) {
            ending::alert(session, "settings", warning)?;
        }
        training.show_views(session)?;
    }
    // A process that is killed between a checkpoint and its event leaves one that nobody has heard of.
    resumed.map_or(Ok(()), |checkpoint| session.write(Event::Checkpoint(checkpoint)))?;
    loop {
        match training.epochs(session) {
            Err(error) if training.may_roll_back(&error) => training.roll_back(&error, session, &make)?,
            Err(error) => return ending::record(&error, session).and(Err(error)),
            Ok(ended) => return Ok(ended),
        }
    }
}

/// What the run goes on from: its own newest checkpoint, or what its recipe names.
fn start(job: &Job, session: &Session) -> Result<From> {
    let found = checkpoint::find(session.checkpoints())?.newest;
    Ok(match found {
        Some(loaded) => From { origin: Origin::Checkpoint(session.checkpoints().join(loaded.file)), own: true },
        None => From { origin: job.experiment.recipe.origin().clone(), own: false },
    })
}

impl<'a, M: Method> Training<'a, M> {
    /// At its beginning.
    ///
    /// # Errors
    /// Where there is nothing to learn from.
    pub fn new(job: &'a Job, mut method: M, format: Format) -> Result<Self> {
        let recipe = &job.experiment.recipe;
        let (descent, judging, keeping) = (recipe.descent(), recipe.judging(), recipe.keeping());
        let learnt = method.images().len() as u64;
        ensure!(
            learnt > 0,
            "there is nothing to learn from: `val_fraction = {}` of {} training images are held out",
            judging.val_fraction,
            job.dataset.train.len()
        );
        let (least, parts) = (learnt.min(descent.batch.get()), descent.accumulate.get() * job.devices.len() as u64);
        ensure!(
            method.takes_all() || least >= parts,
            "a batch of {least} images can't be shared by {} devices in {} parts each: a larger `batch`, or fewer of these",
            job.devices.len(),
            descent.accumulate
        );
        let steps_per_epoch = if method.takes_all() { 1 } else { (learnt / descent.batch.get()).max(1) };
        let progress = Progress::new(steps_per_epoch, format, method.measures().len());
        Ok(Self {
            descender: Descender::new(&job.experiment.recipe, &mut method),
            rate: Rate::new(descent, steps_per_epoch),
            sums: progress.sums_on(job.devices[0]),
            job,
            descent,
            judging,
            keeping,
            method,
            progress,
            epoch_began: Instant::now(),
            last_saved: Instant::now(),
        })
    }

    /// Says what this attempt sets out to do.
    fn announce(&self, session: &mut Session, checkpoint: Option<String>) -> Result<()> {
        let (dataset, recipe) = (&self.job.dataset, &self.job.experiment.recipe);
        let images = [("train", self.method.images().len()), ("test", dataset.test.len())];
        let mut started = Started {
            from_step: self.progress.step,
            steps: self.steps(),
            epochs: self.descent.epochs.get(),
            steps_per_epoch: self.progress.steps_per_epoch,
            batch: self.batch() as u64,
            recipe: recipe.name().to_owned(),
            arch: recipe.arch().to_string(),
            devices: self.job.names.clone(),
            precision: self.progress.format.name().to_owned(),
            data: dataset.name.clone(),
            classes: dataset.classes.clone(),
            images: images.into_iter().map(|(split, n)| (split.to_owned(), n as u64)).collect(),
            checkpoint,
            best: self.progress.best.clone(),
            balance: dataset.balance(),
            notes: self.method.beginning().notes.clone(),
            ..Started::default()
        };
        self.method.about(&mut started);
        session.write(Event::Started(Box::new(started)))
    }

    /// Steps of the whole run.
    fn steps(&self) -> u64 {
        self.descent.epochs.get() * self.progress.steps_per_epoch
    }

    /// Images of one step: fewer than asked for where there aren't that many.
    pub fn batch(&self) -> usize {
        let all = self.method.images().len();
        if self.method.takes_all() { all } else { all.min(self.descent.batch.get() as usize) }
    }

    /// The learning rate of step `step`.
    fn rate_at(&self, step: u64) -> f64 {
        self.rate.at(step) * self.progress.plateau.scale * self.progress.scale
    }

    /// All epochs that are still to do.
    fn epochs(&mut self, session: &mut Session) -> Result<Ended> {
        self.look_back(session, true)?;
        let of = self.descent.epochs.get();
        while self.progress.ended.is_none() {
            // Only one whose last epoch was the one to collapse has all of them and no end.
            ensure!(
                self.progress.epoch < of,
                Trouble::Collapsed("the features have collapsed in the last epoch".to_owned())
            );
            if let Some(outcome) = self.steps_of_epoch(session)? {
                return Ok((outcome, None));
            }
            self.end_epoch(session)?;
            self.look_back(session, false)?;
        }
        Ok((Outcome::Done, self.progress.ended.clone().filter(|cause| !cause.is_empty())))
    }

    /// The steps of the epoch under way that are still to do. Gives an outcome where the session wants to leave.
    fn steps_of_epoch(&mut self, session: &mut Session) -> Result<Option<Outcome>> {
        let first = self.progress.epoch * self.progress.steps_per_epoch;
        let order = self.order(self.progress.epoch);
        self.epoch_began = Instant::now();
        let mut clock = (Instant::now(), self.progress.step);
        let end = first + self.progress.steps_per_epoch;
        // One step at least: an epoch without any would have no loss.
        while self.progress.step < end && (self.progress.step == first || !self.time_is_up()) {
            let place = (self.progress.step - first) as usize * self.batch();
            let measured = self.step(&order[place..][..self.batch()]);
            if self.progress.step.is_multiple_of(self.keeping.log_every.get()) {
                self.log(&measured, session, &mut clock)?;
            }
            match session.wanted()? {
                Wanted::Leave(outcome) => return self.leave(session).map(|()| Some(outcome)),
                Wanted::Checkpoint => self.save(session, false)?,
                Wanted::Go if self.save_is_due() => self.save(session, false)?,
                Wanted::Go => {}
            }
        }
        Ok(None)
    }

    /// The order in which epoch `epoch` (from 0) goes through the training pictures.
    pub fn order(&self, epoch: u64) -> Vec<i64> {
        let mut order = self.method.images().to_vec();
        if self.method.takes_all() {
            return order;
        }
        Random::new(self.job.experiment.seed, Purpose::Shuffle, (epoch, 0)).shuffle(&mut order);
        order
    }

    /// The place of the next step.
    pub fn place(&self) -> Place {
        Place { epoch: self.progress.epoch, step: self.progress.step, steps: self.steps(), part: 0 }
    }

    /// One step on the training pictures `images`. Gives what was measured, `[m]`, still on the device.
    pub fn step(&mut self, images: &[i64]) -> Tensor {
        let place = self.place();
        // In equal parts, since each counts for as much.
        let most = self.descent.accumulate.get() as usize;
        let count = (1..=most).rev().find(|count| images.len().is_multiple_of(*count)).unwrap_or(1);
        let parts =
            (0..).zip(images.chunks(images.len() / count)).map(|(part, images)| (images, Place { part, ..place }));
        self.descend(&parts.collect::<Vec<_>>(), |method, images, place| {
            let batch = method.prepare(images, place);
            method.gradient(&batch, place)
        })
    }

    /// The weights as they are, on the device.
    #[cfg(test)]
    pub fn weights(&mut self) -> &Tensor {
        self.method.weights()
    }

    /// The training pictures `images` as the next step takes them.
    pub fn ready(&self, images: &[i64]) -> M::Batch {
        self.method.prepare(images, self.place())
    }

    /// One step on a batch that is ready: what remains of a step where pictures and their changes cost nothing.
    pub fn step_on(&mut self, batch: &M::Batch) -> Tensor {
        let place = self.place();
        self.descend(&[(batch, place)], M::gradient)
    }

    /// One step by the gradients, and measures, that `gradient` gives for each of `parts` of a batch.
    fn descend<T: Copy>(
        &mut self,
        parts: &[(T, Place)],
        gradient: impl Fn(&mut M, T, Place) -> (Tensor, Tensor),
    ) -> Tensor {
        let rate = self.rate_at(self.progress.step);
        let measured = self.descender.step(&mut self.method, rate, parts, gradient);
        let _ = self.sums.g_add_(&measured.to_kind(Kind::Double));
        self.progress.step += 1;
        measured
    }

    /// Writes a point of the training curves. `clock` holds when and at which step the last one was written.
    fn log(&self, measured: &Tensor, session: &mut Session, clock: &mut (Instant, u64)) -> Result<()> {
        let step = self.progress.step;
        let values = Vec::<f64>::try_from(measured.to_kind(Kind::Double)).unwrap_or_default();
        let images = (step - clock.1) as f64 * self.batch() as f64;
        let speed = images / clock.0.elapsed().as_secs_f64();
        *clock = (Instant::now(), step);
        let own = [(metrics::LR, self.rate_at(step - 1)), (metrics::IMAGES_PER_S, speed)];
        let metrics = self.method.measures().iter().copied().zip(values.iter().copied()).chain(own);
        let metrics = metrics.map(|(name, value)| (name.to_owned(), Real(value))).collect();
        session.write(Event::Step(Step { step, of: self.steps(), epoch: self.progress.epoch + 1, metrics }))?;
        self.require_a_number(values.first().copied().unwrap_or(f64::NAN))
    }
}

/// Whether something comes with `epoch` that comes `every` so many epochs, and never for 0.
pub fn is_due(epoch: u64, every: u64) -> bool {
    every > 0 && epoch.is_multiple_of(every)
}
