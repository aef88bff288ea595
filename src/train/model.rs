//! A network with all that it has learnt, on one device: weights and running statistics, and their tensors under the
//! names that Python knows.

use super::{
    checkpoint::Loaded,
    network::{Mode, Network, Shape},
    parameters::{Buffers, Format, Parameters, named, named_buffers},
};
use anyhow::{Result, ensure};
use std::sync::Arc;
use tch::{Device, Tensor, no_grad};

/// One network on one device.
#[derive(Debug)]
pub struct Model {
    /// What the network is made of.
    pub net: Arc<Network>,
    /// The number format of a pass.
    pub format: Format,
    /// Its weights.
    pub parameters: Parameters,
    /// Its running statistics.
    pub buffers: Buffers,
}

impl Model {
    /// One that has learnt nothing; its weights depend on `seed` alone.
    pub fn new(shape: Shape, seed: u64, (format, device): (Format, Device)) -> Self {
        let net = Arc::new(Network::new(shape));
        let parameters = Parameters::draw(&net, seed, format, device);
        let buffers = Buffers::new(&net, device);
        Self { net, format, parameters, buffers }
    }

    /// One of the same network with the same state, on `device`.
    pub fn copy(&self, device: Device) -> Self {
        let flat = self.parameters.flat.to_device(device).copy();
        let parameters = Parameters::new(&self.net, flat, self.format);
        let mut buffers = Buffers::new(&self.net, device);
        no_grad(|| buffers.flat.copy_(&self.buffers.flat));
        Self { net: Arc::clone(&self.net), format: self.format, parameters, buffers }
    }

    /// The device.
    pub fn device(&self) -> Device {
        self.parameters.flat.device()
    }

    /// Outputs `[n, outputs]`, fp32, of pictures `[n, 3, h, w]`.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.net.forward(&self.parameters.leaves, &self.buffers.views, x, mode).to_kind(tch::Kind::Float)
    }

    /// Features `[n, width]` and outputs `[n, outputs]`, fp32, by the running statistics.
    pub fn both(&self, x: &Tensor) -> (Tensor, Tensor) {
        no_grad(|| {
            let leaves = &self.parameters.leaves;
            let features = self.net.features(leaves, &self.buffers.views, x, Mode::Evaluate);
            let outputs = self.net.project(leaves, &features);
            (features.to_kind(tch::Kind::Float), outputs.to_kind(tch::Kind::Float))
        })
    }

    /// A vector like the weights by name, as views.
    pub fn named(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        own(named(&self.net, flat))
    }

    /// A vector like the running statistics by name, as views.
    pub fn named_statistics(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        own(named_buffers(&self.net, flat))
    }

    /// Weights and running statistics by torchvision's names, each behind `prefix`, as views.
    pub fn state(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let all = self.named(&self.parameters.flat).into_iter().chain(self.named_statistics(&self.buffers.flat));
        all.map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
    }

    /// All of torchvision's `state_dict`, each name behind `prefix`: counters of batches (`steps` each) too.
    pub fn tensors(&self, prefix: &str, steps: u64) -> Vec<(String, Tensor)> {
        let mut tensors = self.state(prefix);
        let norms = self.net.buffers.iter().filter_map(|buffer| buffer.name.strip_suffix("running_mean"));
        tensors.extend(norms.map(|norm| (format!("{prefix}{norm}num_batches_tracked"), Tensor::from(steps as i64))));
        tensors
    }

    /// Takes all of it from a checkpoint.
    ///
    /// # Errors
    /// Where a tensor is missing or has another shape: it is a checkpoint of another network.
    pub fn restore(&mut self, from: &Loaded, prefix: &str) -> Result<()> {
        self.state(prefix).iter().try_for_each(|(name, tensor)| copy(from, name, tensor))?;
        self.parameters.refresh();
        Ok(())
    }
}

fn own(named: Vec<(&str, Tensor)>) -> Vec<(String, Tensor)> {
    named.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

/// Takes the tensor `name` from a checkpoint into one of the same shape.
///
/// # Errors
/// Where it is missing or has another shape.
pub fn copy(from: &Loaded, name: &str, into: &Tensor) -> Result<()> {
    let saved = from.tensor(name)?;
    ensure!(
        saved.size() == into.size(),
        "`{name}` in the checkpoint `{}` has shape {:?}, the network wants {:?}",
        from.file,
        saved.size(),
        into.size()
    );
    no_grad(|| into.shallow_clone().f_copy_(&saved))?;
    Ok(())
}
