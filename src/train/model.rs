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

    /// Outputs of several batches, which pass in training one after the other, each in `splits` parts. On a GPU, where the
    /// number of operations decides, as one, if they can be: every norm takes each for itself either way. With one part a
    /// norm would have to copy its pictures for that.
    pub fn train(&self, batches: &[&Tensor], splits: i64) -> Vec<Tensor> {
        let size = batches[0].size()[0];
        let alike = splits > 1 && size % splits == 0 && batches.iter().all(|batch| batch.size()[0] == size);
        if alike && self.device().is_cuda() {
            self.train_at_once(batches, splits)
        } else {
            self.train_each(batches, splits)
        }
    }

    fn train_each(&self, batches: &[&Tensor], splits: i64) -> Vec<Tensor> {
        batches.iter().map(|batch| self.forward(batch, Mode::Train { splits, batches: 1 })).collect()
    }

    fn train_at_once(&self, batches: &[&Tensor], splits: i64) -> Vec<Tensor> {
        let count = batches.len() as i64;
        let all = if let [one] = batches { one.shallow_clone() } else { Tensor::cat(batches, 0) };
        self.forward(&all, Mode::Train { splits, batches: count }).chunk(count, 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::experiment::{Arch, Head, Stem};
    use mocolab::random::{Purpose, Random};
    use tch::Kind;

    #[test]
    fn batches_at_once_are_batches_one_after_the_other() {
        let shape = Shape { arch: Arch::Resnet8, stem: Stem::Cifar, head: Head::Linear, hidden: 0, outputs: 4 };
        let mut random = Random::new(4, Purpose::Drawing, (0, 0));
        let mut pictures = |scale: f64| {
            let values: Vec<f32> = (0..8 * 8 * 8 * 3).map(|_| (random.normal() * scale) as f32 + 0.2).collect();
            Tensor::from_slice(&values).view([8, 8, 8, 3]).permute([0, 3, 1, 2])
        };
        let batches = [pictures(1.0), pictures(2.0), pictures(0.5)];
        for splits in [1, 2] {
            let ways = [Model::train_each, Model::train_at_once].map(|way| {
                let model = Model::new(shape, 1, (Format::Fp32, Device::Cpu));
                let outputs = Tensor::cat(&way(&model, &batches.each_ref(), splits), 0);
                let gradient = model.parameters.gradient(&outputs.square().sum(Kind::Float));
                (outputs.detach(), gradient, model.buffers.flat)
            });
            let near = |a: &Tensor, b: &Tensor| a.allclose(b, 1e-3, 1e-4, false);
            let [each, once] = &ways;
            assert!(near(&each.0, &once.0) && near(&each.1, &once.1) && near(&each.2, &once.2), "{splits}");
        }
    }
}
