//! What a recipe is to the loop that trains it ([`super::training`]): the mathematics of a step and of an evaluation, and
//! the tensors in which it lives.

use super::checkpoint::{Loaded, Texts};
use super::embed::{Plain, Seen, plain};
use super::start::Beginning;
use anyhow::Result;
use mocolab::data::Dataset;
use mocolab::event::{Classes, Metrics, Real, Started};
use mocolab::experiment::{Experiment, Probe, Recipe, Supervised};
use mocolab::metrics::Confusion;
use mocolab::random::{Purpose, Random};
use tch::{Device, Tensor};

/// What is to be trained, and with what.
pub struct Job {
    /// What the user wrote, resolved.
    pub experiment: Experiment,
    /// The pictures, as the experiment takes them: its part of them, its classes.
    pub dataset: Dataset,
    /// The classes of the training pictures before any were grouped. Splits are stratified by these, so that a head that
    /// tells fewer classes apart is judged by the same pictures as the network below it.
    pub strata: Vec<u16>,
    /// The classes of the test pictures before any were grouped.
    pub plain: Plain,
    /// Where to train: a replica on each.
    pub devices: Vec<Device>,
    /// How the user names these.
    pub names: Vec<String>,
}

impl Job {
    /// A job on `dataset`, whose classes the experiment may group.
    ///
    /// # Errors
    /// Where groups don't part the classes.
    pub fn new(experiment: Experiment, dataset: Dataset, (devices, names): (Vec<Device>, Vec<String>)) -> Result<Self> {
        let dataset = dataset.first(experiment.images);
        let strata = dataset.train.labels.clone();
        let plain = plain(&experiment.recipe, &dataset)?;
        let dataset = match &experiment.recipe {
            Recipe::Supervised(Supervised { classes, .. }) | Recipe::Probe(Probe { classes, .. }) => {
                dataset.grouped(classes).map_err(anyhow::Error::msg)?
            }
            _ => dataset,
        };
        Ok(Self { experiment, dataset, strata, plain, devices, names })
    }
}

/// A place in a run: every random draw of a step depends on it and on the seed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Complete epochs.
    pub epoch: u64,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Which part of the batch, where it is computed in several.
    pub part: u64,
}

/// The pictures that a method is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// Those held out: they decide what is best and when to stop.
    Val,
    /// Those of the test set: they decide nothing.
    Test,
}

/// What an evaluation found.
#[derive(Debug, Default)]
pub struct Report {
    /// The figures, by name.
    pub metrics: Metrics,
    /// Every answer, where there are answers.
    pub classes: Vec<Classes>,
    /// Sentences worth keeping.
    pub notes: Vec<String>,
    /// Sentences that a person should know.
    pub alerts: Vec<String>,
    /// A sentence where the features have collapsed.
    pub collapsed: Option<String>,
}

/// A recipe.
pub trait Method {
    /// What a step computes with: pictures, changed as the recipe wants them, on their devices.
    type Batch;

    /// Names of what a step measures, the loss first.
    fn measures(&self) -> &'static [&'static str];

    /// The training pictures that an epoch goes through, by number.
    fn images(&self) -> &[i64];

    /// Whether a step takes all of them at once, in their order.
    fn takes_all(&self) -> bool {
        false
    }

    /// The pictures `images` as a step takes them.
    fn prepare(&self, images: &[i64], place: Place) -> Self::Batch;

    /// Gradient `[n]`, fp32, of the mean loss over the batch with respect to [`Self::weights`], and what was measured:
    /// `[m]`, fp32, means over the batch. Both on the first device.
    fn gradient(&mut self, batch: &Self::Batch, place: Place) -> (Tensor, Tensor);

    /// All weights that are learnt: `[n]`, fp32, on the first device. After a change, call [`Self::moved`].
    fn weights(&mut self) -> &mut Tensor;

    /// The running statistics that go with the weights, `[n]`; none where there are none.
    fn statistics(&mut self) -> Option<&mut Tensor>;

    /// Brings all that follows from the weights up to date.
    fn moved(&mut self);

    /// What is due once all parts of a step's batch are computed and the weights have moved.
    fn stepped(&mut self) {}

    /// Judges what has been learnt after `epoch` epochs; `last` says that no more will follow.
    ///
    /// # Errors
    /// Where what must not change has changed.
    fn evaluate(&mut self, judge: Judge, epoch: u64, last: bool) -> Result<Report>;

    /// How the pictures learnt from are answered as they are, by the running statistics; none where nothing is answered.
    fn learnt(&self) -> Option<Confusion> {
        None
    }

    /// Features of the test pictures `images`, none of them empty, by the running statistics, and the answers where there are such.
    fn see(&self, images: &[i64]) -> Seen;

    /// The training pictures `images` and `count` times what a step would make of them: bytes `[n, h, w, 3]` each; nothing of a
    /// recipe that changes no pictures.
    fn shown(&self, _images: &[i64], _count: usize) -> Vec<Tensor> {
        Vec::new()
    }

    /// What it went on from.
    fn beginning(&self) -> &Beginning;

    /// Adds what only the recipe knows of a run that begins.
    fn about(&self, started: &mut Started);

    /// Views of a vector like [`Self::weights`] by name.
    fn named(&self, flat: &Tensor) -> Vec<(String, Tensor)>;

    /// Views of a vector like [`Self::statistics`] by name.
    fn named_statistics(&self, flat: &Tensor) -> Vec<(String, Tensor)>;

    /// All tensors of a checkpoint but the optimiser's.
    fn tensors(&self, steps: u64) -> Vec<(String, Tensor)>;

    /// What a checkpoint says in words: what must be the same where it is taken up.
    ///
    /// # Errors
    /// Where something can't be written as JSON.
    fn texts(&self) -> Result<Texts>;

    /// Takes the tensors from a checkpoint.
    ///
    /// # Errors
    /// Where one is missing or has another shape.
    fn restore(&mut self, from: &Loaded) -> Result<()>;
}

impl Place {
    /// The random numbers of this place for `purpose`.
    pub fn random(self, seed: u64, purpose: Purpose) -> Random {
        Random::new(seed, purpose, (self.epoch | self.part << 40, self.step))
    }
}

impl Judge {
    /// `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl Report {
    /// Adds the figure `name` of the pictures that judge.
    pub fn figure(&mut self, judge: Judge, name: &str, value: f64) {
        self.metrics.insert(format!("{}/{name}", judge.name()), Real(value));
    }

    /// Adds answers given by `by` (nothing for the network itself) with accuracy and macro accuracy under names that
    /// begin with `prefix`.
    pub fn answers(&mut self, (judge, epoch): (Judge, u64), confusion: &Confusion, (prefix, by): (&str, &str)) {
        self.figure(judge, &format!("{prefix}accuracy"), confusion.accuracy());
        self.figure(judge, &format!("{prefix}macro_accuracy"), confusion.macro_accuracy());
        let (split, by, confusion) = (judge.name().to_owned(), by.to_owned(), confusion.counts().to_vec());
        self.classes.push(Classes { epoch, split, by, confusion });
    }
}
