//! Residual networks as data and a pure function: [`ResNet::new`] lists what a network is made of, under the names of
//! torchvision's `state_dict`; [`ResNet::forward`] computes with any list of weights of that make, so that a key
//! encoder is a second list. The widths and blocks are those of He et al. 2015, tables 1 and 6.

use mocolab::experiment::Arch;
use tch::{Kind, Tensor};

/// What a batch norm does with its running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the batch, and move the running statistics towards it.
    Train,
    /// Normalise by the running statistics.
    Evaluate,
}

/// How a parameter starts, and what kind it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Convolution weights `[out, in, h, w]`: normal, variance 2 / (out h w) (He et al. 2015b, equation 14, fan out).
    Convolution,
    /// Scales of a batch norm: ones.
    Ones,
    /// Shifts of a batch norm: zeros.
    Zeros,
    /// Weights and bias of a linear layer: uniform in ±1 / sqrt(inputs).
    Linear {
        /// Inputs of the layer.
        inputs: i64,
    },
}

/// One trainable tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The name in torchvision's `state_dict`.
    pub name: String,
    /// The shape there: convolutions `[out, in, h, w]`.
    pub shape: Vec<i64>,
    /// How it starts.
    pub start: Start,
}

/// One running statistic: a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Buffer {
    /// The name in torchvision's `state_dict`.
    pub name: String,
    /// Its length.
    pub length: i64,
    /// Every value at the start: 0 for a mean, 1 for a variance.
    pub start: f64,
}

/// A convolution and the batch norm after it, by their places in the lists.
#[derive(Debug)]
struct Unit {
    /// Of the convolution; scale and shift of the norm follow.
    parameter: usize,
    /// Of the running mean; the variance follows.
    buffer: usize,
    stride: i64,
    padding: i64,
}

/// Units in a row, with a rectifier between, added to a shortcut: the input, or a unit that fits its shape.
#[derive(Debug)]
struct Block {
    units: Vec<Unit>,
    shortcut: Option<Unit>,
}

/// The shape of a network before it is one.
struct Plan {
    /// Blocks of each stage; the width doubles and the resolution halves from stage to stage.
    blocks: &'static [usize],
    width: i64,
    bottleneck: bool,
}

/// A residual network for small images: a 3x3 stem with stride 1, no pooling.
#[derive(Debug, Default)]
pub struct ResNet {
    /// All trainable tensors.
    pub parameters: Vec<Parameter>,
    /// All running statistics.
    pub buffers: Vec<Buffer>,
    stem: Option<Unit>,
    blocks: Vec<Block>,
}

/// Share of the batch in a running statistic, as in torch.
const MOMENTUM: f64 = 0.1;
/// Added to a variance, as in torch.
const EPSILON: f64 = 1e-5;
/// Output channels of a bottleneck block over its width.
const EXPANSION: i64 = 4;

impl Plan {
    fn of(arch: Arch) -> Self {
        let small = |blocks| Self { blocks, width: 16, bottleneck: false };
        let large = |blocks, bottleneck| Self { blocks, width: 64, bottleneck };
        match arch {
            Arch::Resnet8 => small(&[1, 1, 1]),
            Arch::Resnet20 => small(&[3, 3, 3]),
            Arch::Resnet32 => small(&[5, 5, 5]),
            Arch::Resnet56 => small(&[9, 9, 9]),
            Arch::Resnet18 => large(&[2, 2, 2, 2], false),
            Arch::Resnet34 => large(&[3, 4, 6, 3], false),
            Arch::Resnet50 => large(&[3, 4, 6, 3], true),
        }
    }
}

impl ResNet {
    /// The network `arch` with `classes` outputs.
    ///
    /// Where a block changes the shape, its shortcut is a 1x1 convolution with batch norm (option B of the paper), in
    /// the small networks too, whose authors padded with zeros (option A).
    pub fn new(arch: Arch, classes: usize) -> Self {
        let plan = Plan::of(arch);
        let mut net = Self::default();
        net.stem = Some(net.unit("conv1", "bn1", [3, plan.width], (3, 1)));
        let mut channels = plan.width;
        for (stage, count) in plan.blocks.iter().enumerate() {
            for index in 0..*count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let name = format!("layer{}.{index}", stage + 1);
                channels = net.block(&name, [channels, plan.width << stage], stride, plan.bottleneck);
            }
        }
        let start = Start::Linear { inputs: channels };
        net.parameter("fc.weight", &[classes as i64, channels], start);
        net.parameter("fc.bias", &[classes as i64], start);
        net
    }

    /// Trainable numbers.
    pub fn count(&self) -> i64 {
        self.parameters.iter().map(Parameter::count).sum()
    }

    /// Logits `[n, classes]` of images `[n, 3, h, w]`, computed in the number format of `x`, which must be that of the
    /// convolutions' and linear layer's `weights`; batch norms keep theirs in fp32.
    pub fn forward(&self, weights: &[Tensor], buffers: &[Tensor], x: &Tensor, mode: Mode) -> Tensor {
        let stem = self.stem.as_ref().expect("`new` makes a stem");
        let mut x = stem.forward(weights, buffers, x, mode).relu_();
        for block in &self.blocks {
            x = block.forward(weights, buffers, &x, mode);
        }
        let last = weights.len() - 2;
        x.mean_dim([2, 3].as_slice(), false, None::<Kind>).linear(&weights[last], Some(&weights[last + 1]))
    }

    /// Adds a block on `channels` inputs; gives the number of its outputs.
    fn block(&mut self, name: &str, [channels, width]: [i64; 2], stride: i64, bottleneck: bool) -> i64 {
        let out = if bottleneck { width * EXPANSION } else { width };
        let shapes: &[([i64; 2], (i64, i64))] = if bottleneck {
            &[([channels, width], (1, 1)), ([width, width], (3, stride)), ([width, out], (1, 1))]
        } else {
            &[([channels, out], (3, stride)), ([out, out], (3, 1))]
        };
        let units = (1..).zip(shapes);
        let units = units.map(|(k, (shape, kernel))| {
            self.unit(&format!("{name}.conv{k}"), &format!("{name}.bn{k}"), *shape, *kernel)
        });
        let units = units.collect();
        let fits = channels == out && stride == 1;
        let [conv, norm] = [0, 1].map(|k| format!("{name}.downsample.{k}"));
        let shortcut = (!fits).then(|| self.unit(&conv, &norm, [channels, out], (1, stride)));
        self.blocks.push(Block { units, shortcut });
        out
    }

    fn unit(&mut self, conv: &str, norm: &str, [from, to]: [i64; 2], (kernel, stride): (i64, i64)) -> Unit {
        let unit = Unit { parameter: self.parameters.len(), buffer: self.buffers.len(), stride, padding: kernel / 2 };
        self.parameter(&format!("{conv}.weight"), &[to, from, kernel, kernel], Start::Convolution);
        self.parameter(&format!("{norm}.weight"), &[to], Start::Ones);
        self.parameter(&format!("{norm}.bias"), &[to], Start::Zeros);
        for (name, start) in [("running_mean", 0.0), ("running_var", 1.0)] {
            self.buffers.push(Buffer { name: format!("{norm}.{name}"), length: to, start });
        }
        unit
    }

    fn parameter(&mut self, name: &str, shape: &[i64], start: Start) {
        self.parameters.push(Parameter { name: name.to_owned(), shape: shape.to_vec(), start });
    }
}

impl Parameter {
    /// Numbers in it.
    pub fn count(&self) -> i64 {
        self.shape.iter().product()
    }
}

impl Unit {
    fn forward(&self, weights: &[Tensor], buffers: &[Tensor], x: &Tensor, mode: Mode) -> Tensor {
        let [weight, scale, shift] = [0, 1, 2].map(|k| &weights[self.parameter + k]);
        let [mean, variance] = [0, 1].map(|k| Some(&buffers[self.buffer + k]));
        let y = x.conv2d(weight, None::<&Tensor>, self.stride, self.padding, 1, 1);
        let training = mode == Mode::Train;
        y.batch_norm(Some(scale), Some(shift), mean, variance, training, MOMENTUM, EPSILON, true)
    }
}

impl Block {
    fn forward(&self, weights: &[Tensor], buffers: &[Tensor], input: &Tensor, mode: Mode) -> Tensor {
        let mut x = input.shallow_clone();
        for (index, unit) in self.units.iter().enumerate() {
            if index > 0 {
                x = x.relu_();
            }
            x = unit.forward(weights, buffers, &x, mode);
        }
        let shortcut = self.shortcut.as_ref().map(|unit| unit.forward(weights, buffers, input, mode));
        x.g_add_(shortcut.as_ref().unwrap_or(input)).relu_()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Buffers, Format, Parameters};
    use tch::Device;

    fn shape<'a>(net: &'a ResNet, name: &str) -> &'a [i64] {
        &net.parameters.iter().find(|parameter| parameter.name == name).unwrap().shape
    }

    #[test]
    fn the_networks_have_the_sizes_of_the_papers_with_a_small_stem() {
        // Of torchvision's 11689512, 21797672 and 25557032, less 990 classes and the 7x7 stem; of the paper's 0.27 M.
        let expected = [
            (Arch::Resnet18, 11_173_962),
            (Arch::Resnet34, 21_282_122),
            (Arch::Resnet50, 23_520_842),
            (Arch::Resnet8, 78_042),
            (Arch::Resnet20, 272_474),
            (Arch::Resnet32, 466_906),
            (Arch::Resnet56, 855_770),
        ];
        for (arch, count) in expected {
            assert_eq!(ResNet::new(arch, 10).count(), count, "{arch}");
        }
    }

    #[test]
    fn tensors_are_called_and_shaped_as_in_torchvision() {
        let net = ResNet::new(Arch::Resnet18, 10);
        assert_eq!((net.parameters.len(), net.buffers.len()), (62, 40));
        assert_eq!(shape(&net, "conv1.weight"), [64, 3, 3, 3]);
        assert_eq!(shape(&net, "bn1.bias"), [64]);
        assert_eq!(shape(&net, "layer2.0.conv1.weight"), [128, 64, 3, 3]);
        assert_eq!(shape(&net, "layer2.0.downsample.0.weight"), [128, 64, 1, 1]);
        assert_eq!(shape(&net, "layer4.1.bn2.weight"), [512]);
        assert_eq!(shape(&net, "fc.weight"), [10, 512]);
        assert!(net.parameters.iter().all(|parameter| !parameter.name.starts_with("layer1.0.downsample")));
        assert_eq!((net.buffers[1].name.as_str(), net.buffers[1].length), ("bn1.running_var", 64));
        let net = ResNet::new(Arch::Resnet50, 10);
        assert_eq!((net.parameters.len(), net.buffers.len()), (161, 106));
        assert_eq!(shape(&net, "layer1.0.downsample.0.weight"), [256, 64, 1, 1]);
        assert_eq!(shape(&net, "layer4.2.conv3.weight"), [2048, 512, 1, 1]);
        assert_eq!(shape(&ResNet::new(Arch::Resnet20, 10), "layer3.2.conv2.weight"), [64, 64, 3, 3]);
    }

    #[test]
    fn a_batch_moves_the_running_statistics_and_an_evaluation_does_not() {
        let net = ResNet::new(Arch::Resnet8, 4);
        let weights = Parameters::draw(&net, 1, Format::Fp32, Device::Cpu).leaves;
        let buffers = Buffers::new(&net, Device::Cpu).views;
        let values: Vec<f32> = (0..2 * 3 * 64).map(|k| ((k * 37 % 101) as f32) / 50.0).collect();
        let x = Tensor::from_slice(&values).view([2, 3, 8, 8]);
        assert_eq!(net.forward(&weights, &buffers, &x, Mode::Evaluate).size(), [2, 4]);
        assert_eq!(buffers[0], Tensor::zeros([16], (Kind::Float, Device::Cpu)));
        let _ = net.forward(&weights, &buffers, &x, Mode::Train);
        let channels = x.conv2d(&weights[0], None::<&Tensor>, 1, 1, 1, 1).transpose(0, 1).reshape([16, -1]);
        let mean = channels.mean_dim([1].as_slice(), false, Kind::Float) * 0.1;
        let variance: Tensor = channels.var_dim([1].as_slice(), true, false) * 0.1 + 0.9;
        assert!(buffers[0].allclose(&mean, 1e-4, 1e-6, false));
        assert!(buffers[1].allclose(&variance, 1e-4, 1e-6, false));
        let before = buffers[3].copy();
        let _ = net.forward(&weights, &buffers, &x, Mode::Evaluate);
        assert_eq!(buffers[3], before);
    }
}
