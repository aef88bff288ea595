//! The frozen network of a probe, and what must be as it was when that learnt: its colours, its split of the pictures.

use crate::{
    method::Job,
    model::Model,
    network::Shape,
    parameters::Format,
    pictures::Colours,
    start::{self, Beginning, From},
};
use anyhow::Result;
use mocolab::experiment::{Origin, Probe};
use tch::{Kind, Tensor};

/// A frozen network.
pub struct Source {
    pub shape: Shape,
    pub model: Model,
    pub colours: Colours,
    pub beginning: Beginning,
    /// Of the tensors of its body.
    pub fingerprint: String,
    /// Mean and deviation `[width]` that features are given the standard ones from; 0 and 1 where they aren't.
    pub mean: Tensor,
    pub deviation: Tensor,
}

impl Source {
    /// The network that is probed: that of `from`, or one that has learnt nothing.
    ///
    /// # Errors
    /// Where it can't be read, or isn't one.
    pub fn new(settings: &Probe, job: &Job, (format, from): (Format, &From)) -> Result<Self> {
        let (dataset, device) = (&job.dataset, job.devices[0]);
        let mut beginning = Beginning::read(job, from)?;
        let shape = beginning.shape.unwrap_or_else(|| Shape::classifier(settings.arch, settings.stem, 1));
        let mut model = Model::new(shape, job.experiment.seed, (format, device));
        beginning.give(&mut model, false)?;
        if from.origin == Origin::Random {
            beginning.notes.push("the network has learnt nothing: its weights are random".to_owned());
        }
        let (learnt, _) = start::parts(&job.strata, settings.judging.val_fraction.get(), beginning.split_seed);
        let width = [model.net.width];
        Ok(Self {
            colours: beginning.colours.unwrap_or_else(|| Colours::choose(settings.normalise, &dataset.train, &learnt)),
            fingerprint: start::fingerprint(&model),
            mean: Tensor::zeros(width, (Kind::Float, device)),
            deviation: Tensor::ones(width, (Kind::Float, device)),
            shape,
            model,
            beginning,
        })
    }
}
