//! A classifier trained from scratch on labels: the recipe from the first weights to the last evaluation.

mod progress;
#[cfg(test)]
mod tests;

use super::{
    augment::Moves,
    device,
    eval::{Evaluation, evaluate},
    learner::{Learner, Measured},
    pictures::{Colours, Pictures},
    session::{Session, Wanted},
};
use anyhow::{Result, ensure};
use mocolab::{
    data::{Dataset, stratified},
    event::{Best, Classes, Epoch, Event, Metrics, Outcome, Real, Started, Step},
    experiment::{Experiment, Supervised},
    metrics,
    random::{Purpose, Random},
    schedule::Rate,
};
use progress::{Progress, sums};
use std::{collections::BTreeMap, time::Instant};
use tch::{Device, Kind, Tensor};

/// What a recipe is given.
pub struct Job {
    /// What the user wrote, resolved.
    pub experiment: Experiment,
    /// The pictures.
    pub dataset: Dataset,
    /// Where to train.
    pub device: Device,
    /// How the user names that.
    pub devices: Vec<String>,
}

struct Training<'a> {
    settings: &'a Supervised,
    job: &'a Job,
    learner: Learner,
    rate: Rate,
    train: Pictures,
    test: Pictures,
    /// Of the training pictures: those to learn from.
    learnt: Vec<i64>,
    /// Of the training pictures: those held out.
    held_out: Vec<i64>,
    colours: Colours,
    progress: Progress,
    /// [`Progress::loss`] and [`Progress::right`] on the device, whence they are read only when they are wanted.
    sums: (Tensor, Tensor),
    epoch_began: Instant,
    last_saved: Instant,
}

/// Trains as `settings` say, going on from the newest checkpoint where there is one.
///
/// # Errors
/// Where the record or a checkpoint can't be written or read, or the loss is no longer a number.
pub fn run(settings: &Supervised, job: &Job, session: &mut Session) -> Result<Outcome> {
    let threads = job.experiment.threads;
    if threads > 0 {
        tch::set_num_threads(threads as i32);
    }
    let mut training = Training::prepare(settings, job);
    ensure!(
        !training.learnt.is_empty(),
        "there is nothing to learn from: `val_fraction = {}` of {} training images are held out",
        settings.val_fraction,
        training.train.len()
    );
    let resumed = training.resume(session)?;
    session.write(Event::Started(training.started(resumed.as_ref().map(|checkpoint| checkpoint.file.clone()))))?;
    // A process that is killed between a checkpoint and its event leaves one that nobody has heard of.
    resumed.map_or(Ok(()), |checkpoint| session.write(Event::Checkpoint(checkpoint)))?;
    while training.progress.epoch < settings.epochs.get() {
        if let Some(outcome) = training.steps_of_epoch(session)? {
            return Ok(outcome);
        }
        training.end_epoch(session)?;
    }
    Ok(Outcome::Done)
}

impl<'a> Training<'a> {
    fn prepare(settings: &'a Supervised, job: &'a Job) -> Self {
        let Job { experiment, dataset, device, .. } = job;
        let (device, seed, classes) = (*device, experiment.seed, dataset.classes.len());
        let parts = stratified(&dataset.train.labels, classes, settings.val_fraction.get(), seed);
        let [learnt, held_out] = [parts.0, parts.1].map(|part| part.into_iter().map(i64::from).collect::<Vec<_>>());
        let format = device::format(settings.precision, device);
        let steps_per_epoch = (learnt.len() as u64 / settings.batch.get()).max(1);
        let size = (dataset.height, dataset.width);
        let progress = Progress {
            step: 0,
            epoch: 0,
            steps_per_epoch,
            format,
            loss: 0.0,
            right: 0,
            seconds: 0.0,
            best: BTreeMap::new(),
        };
        Self {
            settings,
            job,
            learner: Learner::new(settings, classes, seed, (format, device)),
            rate: Rate::new(settings, steps_per_epoch),
            train: Pictures::new(&dataset.train, size, device),
            test: Pictures::new(&dataset.test, size, device),
            colours: Colours::of(&dataset.train, &learnt),
            learnt,
            held_out,
            sums: sums(&progress, device),
            progress,
            epoch_began: Instant::now(),
            last_saved: Instant::now(),
        }
    }

    fn started(&self, checkpoint: Option<String>) -> Started {
        let (dataset, steps_per_epoch) = (&self.job.dataset, self.progress.steps_per_epoch);
        let images = [("train", self.learnt.len()), ("val", self.held_out.len()), ("test", self.test.len())];
        Started {
            from_step: self.progress.step,
            steps: self.steps(),
            epochs: self.settings.epochs.get(),
            steps_per_epoch,
            batch: self.batch() as u64,
            recipe: self.job.experiment.recipe.name().to_owned(),
            arch: self.settings.arch.to_string(),
            parameters: self.learner.net.count() as u64,
            devices: self.job.devices.clone(),
            precision: self.learner.format.name().to_owned(),
            data: dataset.name.clone(),
            classes: dataset.classes.clone(),
            images: images.into_iter().map(|(split, n)| (split.to_owned(), n as u64)).collect(),
            checkpoint,
            best: self.progress.best.clone(),
        }
    }

    /// Steps of the whole run.
    fn steps(&self) -> u64 {
        self.settings.epochs.get() * self.progress.steps_per_epoch
    }

    /// Images of one step: fewer than asked for where there aren't that many.
    fn batch(&self) -> usize {
        self.learnt.len().min(self.settings.batch.get() as usize)
    }

    /// The steps of the epoch under way that are still to do. Gives an outcome where the session wants to leave.
    fn steps_of_epoch(&mut self, session: &mut Session) -> Result<Option<Outcome>> {
        let epoch = self.progress.epoch;
        let first = epoch * self.progress.steps_per_epoch;
        let mut order = self.learnt.clone();
        Random::new(self.job.experiment.seed, Purpose::Shuffle, (epoch, 0)).shuffle(&mut order);
        self.epoch_began = Instant::now();
        let mut clock = (Instant::now(), self.progress.step);
        while self.progress.step < first + self.progress.steps_per_epoch {
            let place = (self.progress.step - first) as usize * self.batch();
            let measured = self.step(&order[place..][..self.batch()]);
            if self.progress.step.is_multiple_of(self.settings.log_every.get()) {
                self.log(&measured, session, &mut clock)?;
            }
            match session.wanted()? {
                Wanted::Leave(outcome) => return self.save(session, false).map(|()| Some(outcome)),
                Wanted::Checkpoint => self.save(session, false)?,
                Wanted::Go if self.save_is_due() => self.save(session, false)?,
                Wanted::Go => {}
            }
        }
        Ok(None)
    }

    /// One step on the training pictures `indices`.
    fn step(&mut self, indices: &[i64]) -> Measured {
        let (settings, progress) = (self.settings, &mut self.progress);
        let place = (progress.epoch, progress.step);
        let mut random = Random::new(self.job.experiment.seed, Purpose::Augment, place);
        let width = self.job.dataset.width;
        let moves = Moves::draw(indices.len(), width, settings.crop_padding, settings.flip, &mut random);
        let x = self.colours.normalise(&self.train.moved(indices, &moves), self.learner.format.kind());
        let rate = self.rate.at(progress.step);
        let smoothing = settings.label_smoothing.get();
        let measured = self.learner.step(&x, &self.train.labels(indices), smoothing, rate);
        let _ = self.sums.0.g_add_(&measured.loss.to_kind(Kind::Double));
        let _ = self.sums.1.g_add_(&measured.right);
        progress.step += 1;
        measured
    }

    /// Writes a point of the training curves. `clock` holds when and at which step the last one was written.
    fn log(&self, measured: &Measured, session: &mut Session, clock: &mut (Instant, u64)) -> Result<()> {
        let step = self.progress.step;
        let loss = measured.loss.double_value(&[]);
        let images = (step - clock.1) as f64 * self.batch() as f64;
        let metrics = [
            (metrics::TRAIN_LOSS, loss),
            (metrics::TRAIN_ACCURACY, measured.right.int64_value(&[]) as f64 / self.batch() as f64),
            (metrics::LR, self.rate.at(step - 1)),
            (metrics::IMAGES_PER_S, images / clock.0.elapsed().as_secs_f64()),
        ];
        *clock = (Instant::now(), step);
        let metrics = metrics.map(|(name, value)| (name.to_owned(), Real(value))).into();
        session.write(Event::Step(Step { step, of: self.steps(), epoch: self.progress.epoch + 1, metrics }))?;
        self.require_a_number(loss, session)
    }

    /// Evaluates what the epoch has brought, writes it down, and keeps it where it is due.
    fn end_epoch(&mut self, session: &mut Session) -> Result<()> {
        self.read_sums(session)?;
        let (steps, epoch) = (self.progress.steps_per_epoch as f64, self.progress.epoch + 1);
        let last = epoch == self.settings.epochs.get();
        let mut metrics: Metrics = [
            (metrics::TRAIN_LOSS.to_owned(), Real(self.progress.loss / steps)),
            (metrics::TRAIN_ACCURACY.to_owned(), Real(self.progress.right as f64 / (steps * self.batch() as f64))),
            (metrics::LR.to_owned(), Real(self.rate.at(self.progress.step - 1))),
        ]
        .into();
        if !self.held_out.is_empty() {
            let result = self.evaluate(&self.train, &self.held_out);
            report(session, epoch, "val", &result, &mut metrics)?;
        }
        if self.test.len() > 0 && (last || is_due(epoch, u64::from(self.settings.test_every))) {
            let all: Vec<i64> = (0..self.test.len() as i64).collect();
            report(session, epoch, "test", &self.evaluate(&self.test, &all), &mut metrics)?;
        }
        let better = note_bests(&mut self.progress.best, &metrics, epoch);
        let best = better.iter().any(|name| name == metrics::VAL_MACRO);
        let seconds = self.progress.seconds + self.epoch_began.elapsed().as_secs_f64();
        let (of, step) = (self.settings.epochs.get(), self.progress.step);
        let bests = self.progress.best.clone();
        session.write(Event::Epoch(Epoch { epoch, of, step, seconds, metrics, best: bests }))?;
        self.begin_epoch(epoch);
        if best || last || is_due(epoch, self.settings.checkpoint_every.get()) {
            self.save(session, best)?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self, complete: u64) {
        let progress = &mut self.progress;
        (progress.epoch, progress.loss, progress.right, progress.seconds) = (complete, 0.0, 0, 0.0);
        self.sums = sums(progress, self.job.device);
        self.epoch_began = Instant::now();
    }

    fn evaluate(&self, pictures: &Pictures, indices: &[i64]) -> Evaluation {
        let classes = self.job.dataset.classes.len();
        let kind = self.learner.format.kind();
        evaluate((pictures, indices), &self.colours, kind, classes, |x| self.learner.logits(x))
    }
}

/// Whether something comes with `epoch` that comes `every` so many epochs, and never for 0.
fn is_due(epoch: u64, every: u64) -> bool {
    every > 0 && epoch.is_multiple_of(every)
}

/// Writes the answers of `split` and adds its figures to `metrics`.
fn report(session: &mut Session, epoch: u64, split: &str, result: &Evaluation, metrics: &mut Metrics) -> Result<()> {
    let figures = [
        ("loss", result.loss),
        ("accuracy", result.confusion.accuracy()),
        ("macro_accuracy", result.confusion.macro_accuracy()),
    ];
    metrics.extend(figures.map(|(name, value)| (format!("{split}/{name}"), Real(value))));
    let confusion = result.confusion.counts().to_vec();
    session.write(Event::Classes(Classes { epoch, split: split.to_owned(), confusion }))
}

/// Brings `best` up to date with `metrics`; gives the names of those that are better than ever.
fn note_bests(best: &mut BTreeMap<String, Best>, metrics: &Metrics, epoch: u64) -> Vec<String> {
    let better = metrics.iter().filter(|(name, Real(value))| {
        let old = best.get(*name).map_or(f64::NAN, |best| best.value);
        metrics::direction(name).is_some_and(|direction| direction.better(*value, old))
    });
    let better: Vec<(String, f64)> = better.map(|(name, Real(value))| (name.clone(), *value)).collect();
    best.extend(better.iter().map(|(name, value)| (name.clone(), Best { value: *value, epoch })));
    better.into_iter().map(|(name, _)| name).collect()
}
