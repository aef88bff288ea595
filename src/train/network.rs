//! Networks as data and a pure function: [`Network::new`] lists what a network is made of, under the names of
//! torchvision's `state_dict`; [`Network::forward`] computes with any list of weights of that make, so that a key
//! encoder is a second list. Widths and blocks of the residual networks are those of He et al. 2015, tables 1 and 6.

mod conv;
mod layers;
mod native;
mod norm;

pub use layers::Mode;
pub use native::keep_memory;

use layers::{Block, Layer, Pass, Unit};
use mocolab::experiment::{Arch, Head, Stem};
use tch::{Kind, Tensor};

/// How a parameter starts, and what kind it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Convolution weights `[out, in, h, w]`: normal, variance 2 / (out h w) (He et al. 2015b, equation 14, fan out).
    Convolution,
    /// Scales of a batch norm: ones.
    Ones,
    /// Shifts of a batch norm: zeros.
    Zeros,
    /// Weights and bias of a linear layer, and biases of a convolution: uniform in ±1 / sqrt(inputs).
    Linear {
        /// Inputs of an output.
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

/// What a network is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// The body.
    pub arch: Arch,
    /// How the larger residual networks begin.
    pub stem: Stem,
    /// What follows the features.
    pub head: Head,
    /// Width between the layers of an MLP head.
    pub hidden: i64,
    /// Outputs of the head: classes, or the length of what is compared.
    pub outputs: i64,
}

/// The residual networks before they are ones.
struct Plan {
    /// Blocks of each stage; the width doubles and the resolution halves from stage to stage.
    blocks: &'static [usize],
    width: i64,
    bottleneck: bool,
}

/// A network for pictures.
#[derive(Debug, Default)]
pub struct Network {
    /// All trainable tensors.
    pub parameters: Vec<Parameter>,
    /// All running statistics.
    pub buffers: Vec<Buffer>,
    /// Length of the features of a picture.
    pub width: i64,
    layers: Vec<Layer>,
    /// Places of the weights of the head's linear layers; each bias follows.
    head: Vec<usize>,
}

/// Output channels of a bottleneck block over its width.
const EXPANSION: i64 = 4;

impl Shape {
    /// A classifier.
    pub fn classifier(arch: Arch, stem: Stem, classes: usize) -> Self {
        Self { arch, stem, head: Head::Linear, hidden: 0, outputs: classes as i64 }
    }
}

impl Plan {
    fn of(arch: Arch) -> Option<Self> {
        let small = |blocks| Some(Self { blocks, width: 16, bottleneck: false });
        let large = |blocks, bottleneck| Some(Self { blocks, width: 64, bottleneck });
        match arch {
            Arch::Cnn => None,
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

impl Network {
    /// The network of this shape.
    ///
    /// Where a block changes the shape, its shortcut is a 1x1 convolution with batch norm (option B of the paper), in
    /// the small networks too, whose authors padded with zeros (option A); these always have the small stem.
    pub fn new(shape: Shape) -> Self {
        let mut net = Self::default();
        net.width = match Plan::of(shape.arch) {
            None => net.plain(&[32, 64, 128]),
            Some(plan) => net.residual(&plan, shape.stem),
        };
        match shape.head {
            Head::Linear => net.linear("fc", [net.width, shape.outputs]),
            Head::Mlp => {
                net.linear("fc.0", [net.width, shape.hidden]);
                net.linear("fc.2", [shape.hidden, shape.outputs]);
            }
        }
        net
    }

    /// Trainable numbers.
    pub fn count(&self) -> i64 {
        self.parameters.iter().map(Parameter::count).sum()
    }

    /// Features `[n, width]` of pictures `[n, 3, h, w]`: the mean over all places of what the last layer gives. Computed
    /// in the number format of `x`, which must be that of the convolutions' and linear layers' `weights`; batch norms
    /// keep theirs in fp32.
    pub fn features(&self, weights: &[Tensor], buffers: &[Tensor], x: &Tensor, mode: Mode) -> Tensor {
        let pass = Pass { weights, buffers, mode };
        let mut x = x.shallow_clone();
        for layer in &self.layers {
            x = layer.forward(pass, &x);
        }
        x.mean_dim([2, 3].as_slice(), false, None::<Kind>)
    }

    /// What the head makes of features `[n, width]`: `[n, outputs]`.
    pub fn project(&self, weights: &[Tensor], features: &Tensor) -> Tensor {
        let mut x = features.shallow_clone();
        for (index, place) in self.head.iter().enumerate() {
            if index > 0 {
                x = x.relu();
            }
            x = x.linear(&weights[*place], Some(&weights[place + 1]));
        }
        x
    }

    /// Outputs `[n, outputs]` of pictures `[n, 3, h, w]`: [`Self::project`] of [`Self::features`].
    pub fn forward(&self, weights: &[Tensor], buffers: &[Tensor], x: &Tensor, mode: Mode) -> Tensor {
        self.project(weights, &self.features(weights, buffers, x, mode))
    }

    /// Convolutions of these widths with pooling; gives the last width.
    fn plain(&mut self, widths: &[i64]) -> i64 {
        let mut channels = 3;
        for (index, width) in widths.iter().enumerate() {
            // In torch a convolution, a rectifier and a pooling are three entries of a `Sequential`.
            let name = format!("features.{}", 3 * index);
            self.layers.push(Layer::Plain { parameter: self.parameters.len() });
            self.parameter(&format!("{name}.weight"), &[*width, channels, 3, 3], Start::Convolution);
            self.parameter(&format!("{name}.bias"), &[*width], Start::Linear { inputs: channels * 9 });
            channels = *width;
        }
        channels
    }

    /// The body of a residual network; gives the number of its outputs.
    fn residual(&mut self, plan: &Plan, stem: Stem) -> i64 {
        let large = stem == Stem::Imagenet && plan.width == 64;
        let unit = self.unit("conv1", "bn1", [3, plan.width], if large { (7, 2) } else { (3, 1) });
        self.layers.push(Layer::Unit(unit));
        if large {
            self.layers.push(Layer::Pool);
        }
        let mut channels = plan.width;
        for (stage, count) in plan.blocks.iter().enumerate() {
            for index in 0..*count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let name = format!("layer{}.{index}", stage + 1);
                channels = self.block(&name, [channels, plan.width << stage], stride, plan.bottleneck);
            }
        }
        channels
    }

    fn linear(&mut self, name: &str, [inputs, outputs]: [i64; 2]) {
        self.head.push(self.parameters.len());
        self.parameter(&format!("{name}.weight"), &[outputs, inputs], Start::Linear { inputs });
        self.parameter(&format!("{name}.bias"), &[outputs], Start::Linear { inputs });
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
        self.layers.push(Layer::Block(Block { units, shortcut }));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Buffers, Format, Parameters};
    use tch::Device;

    fn classifier(arch: Arch) -> Network {
        Network::new(Shape::classifier(arch, Stem::Cifar, 10))
    }

    fn shape<'a>(net: &'a Network, name: &str) -> &'a [i64] {
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
            (Arch::Cnn, 94_538),
        ];
        for (arch, count) in expected {
            assert_eq!(classifier(arch).count(), count, "{arch}");
        }
        let imagenet = |arch| Network::new(Shape::classifier(arch, Stem::Imagenet, 1000)).count();
        assert_eq!(
            [Arch::Resnet18, Arch::Resnet34, Arch::Resnet50].map(imagenet),
            [11_689_512, 21_797_672, 25_557_032]
        );
    }

    #[test]
    fn tensors_are_called_and_shaped_as_in_torchvision() {
        let net = classifier(Arch::Resnet18);
        assert_eq!((net.parameters.len(), net.buffers.len()), (62, 40));
        assert_eq!(shape(&net, "conv1.weight"), [64, 3, 3, 3]);
        assert_eq!(shape(&net, "bn1.bias"), [64]);
        assert_eq!(shape(&net, "layer2.0.conv1.weight"), [128, 64, 3, 3]);
        assert_eq!(shape(&net, "layer2.0.downsample.0.weight"), [128, 64, 1, 1]);
        assert_eq!(shape(&net, "layer4.1.bn2.weight"), [512]);
        assert_eq!(shape(&net, "fc.weight"), [10, 512]);
        assert!(net.parameters.iter().all(|parameter| !parameter.name.starts_with("layer1.0.downsample")));
        assert_eq!((net.buffers[1].name.as_str(), net.buffers[1].length), ("bn1.running_var", 64));
        let net = classifier(Arch::Resnet50);
        assert_eq!((net.parameters.len(), net.buffers.len()), (161, 106));
        assert_eq!(shape(&net, "layer1.0.downsample.0.weight"), [256, 64, 1, 1]);
        assert_eq!(shape(&net, "layer4.2.conv3.weight"), [2048, 512, 1, 1]);
        assert_eq!(shape(&classifier(Arch::Resnet20), "layer3.2.conv2.weight"), [64, 64, 3, 3]);
    }

    #[test]
    fn a_batch_moves_the_running_statistics_and_an_evaluation_does_not() {
        let net = Network::new(Shape::classifier(Arch::Resnet8, Stem::Cifar, 4));
        let weights = Parameters::draw(&net, 1, Format::Fp32, Device::Cpu).leaves;
        let buffers = Buffers::new(&net, Device::Cpu).views;
        let values: Vec<f32> = (0..2 * 3 * 64).map(|k| ((k * 37 % 101) as f32) / 50.0).collect();
        let x = Tensor::from_slice(&values).view([2, 3, 8, 8]);
        assert_eq!(net.forward(&weights, &buffers, &x, Mode::Evaluate).size(), [2, 4]);
        assert_eq!(buffers[0], Tensor::zeros([16], (Kind::Float, Device::Cpu)));
        let _ = net.forward(&weights, &buffers, &x, Mode::TRAIN);
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
