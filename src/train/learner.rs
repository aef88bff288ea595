//! A network with everything that training changes in it: weights, running statistics, momentum. One step, an answer,
//! and its tensors under the names that Python knows.

use super::{
    checkpoint::Loaded,
    optim::Sgd,
    parameters::{Buffers, Format, Parameters, named},
    resnet::{Mode, ResNet},
};
use anyhow::{Result, ensure};
use mocolab::experiment::Supervised;
use tch::{Device, Kind, Reduction, Tensor, no_grad};

/// A classifier and its optimiser.
#[derive(Debug)]
pub struct Learner {
    /// What the network is made of.
    pub net: ResNet,
    /// The number format of the forward and backward pass.
    pub format: Format,
    parameters: Parameters,
    buffers: Buffers,
    sgd: Sgd,
}

/// What one step measured, still on the device.
#[derive(Debug)]
pub struct Measured {
    /// Mean cross-entropy of the batch, a scalar, fp32.
    pub loss: Tensor,
    /// Right answers in the batch, a scalar, whole.
    pub right: Tensor,
}

/// Of momentum in a checkpoint, before the name of its parameter.
const MOMENTUM: &str = "optimizer.momentum.";

impl Learner {
    /// A new one; its weights depend on `seed` alone.
    pub fn new(settings: &Supervised, classes: usize, seed: u64, (format, device): (Format, Device)) -> Self {
        let net = ResNet::new(settings.arch, classes);
        let parameters = Parameters::draw(&net, seed, format, device);
        let (momentum, decay) = (settings.momentum.get(), settings.weight_decay.get());
        let sgd = Sgd::new(&parameters.flat, momentum, settings.nesterov, decay);
        let buffers = Buffers::new(&net, device);
        Self { net, format, parameters, buffers, sgd }
    }

    /// Whether all weights are numbers.
    pub fn is_finite(&self) -> bool {
        self.parameters.flat.isfinite().all().int64_value(&[]) == 1
    }

    /// One step of size `rate` down the gradient of the cross-entropy on images `x` `[b, 3, h, w]` with `labels` `[b]`,
    /// of whose targets a share `smoothing` is spread over all classes (Szegedy et al. 2016, section 7).
    pub fn step(&mut self, x: &Tensor, labels: &Tensor, smoothing: f64, rate: f64) -> Measured {
        let logits = self.net.forward(&self.parameters.leaves, &self.buffers.views, x, Mode::Train);
        let logits = logits.to_kind(Kind::Float);
        let loss = logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, smoothing);
        let gradient = self.parameters.gradient(&loss);
        self.sgd.step(&mut self.parameters.flat, gradient, rate);
        self.parameters.refresh();
        let right = no_grad(|| logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64));
        Measured { loss: loss.detach(), right }
    }

    /// Logits `[b, classes]` of images `x` `[b, 3, h, w]`, by the running statistics.
    pub fn logits(&self, x: &Tensor) -> Tensor {
        no_grad(|| self.net.forward(&self.parameters.leaves, &self.buffers.views, x, Mode::Evaluate))
    }

    /// All of it by name: torchvision's `state_dict`, counters of batches (`steps` each) too, and the momentum.
    pub fn tensors(&self, steps: u64) -> Vec<(String, Tensor)> {
        let mut tensors = Vec::new();
        for (name, tensor) in named(&self.net, &self.parameters.flat) {
            tensors.push((name.to_owned(), tensor));
        }
        for (buffer, view) in self.net.buffers.iter().zip(&self.buffers.views) {
            tensors.push((buffer.name.clone(), view.shallow_clone()));
            if let Some(norm) = buffer.name.strip_suffix("running_mean") {
                tensors.push((format!("{norm}num_batches_tracked"), Tensor::from(steps as i64)));
            }
        }
        for (name, tensor) in named(&self.net, &self.sgd.momentum) {
            tensors.push((format!("{MOMENTUM}{name}"), tensor));
        }
        tensors
    }

    /// Takes all of it from a checkpoint.
    ///
    /// # Errors
    /// Where a tensor is missing or has another shape: it is a checkpoint of another network.
    pub fn restore(&mut self, from: &Loaded) -> Result<()> {
        let copy = |name: &str, mut into: Tensor| -> Result<()> {
            let saved = from.tensor(name)?;
            ensure!(
                saved.size() == into.size(),
                "`{name}` in the checkpoint `{}` has shape {:?}, the network wants {:?}",
                from.file,
                saved.size(),
                into.size()
            );
            no_grad(|| into.f_copy_(&saved))?;
            Ok(())
        };
        for (name, tensor) in named(&self.net, &self.parameters.flat) {
            copy(name, tensor)?;
        }
        for (buffer, view) in self.net.buffers.iter().zip(&self.buffers.views) {
            copy(&buffer.name, view.shallow_clone())?;
        }
        for (name, tensor) in named(&self.net, &self.sgd.momentum) {
            copy(&format!("{MOMENTUM}{name}"), tensor)?;
        }
        self.parameters.refresh();
        Ok(())
    }
}
