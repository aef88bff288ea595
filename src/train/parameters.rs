//! All weights of a network in one flat fp32 vector, and the leaves that a forward pass computes with: views of the
//! vector, or of its copy in bf16. So the optimiser, the cast and a moving average are one operation each, whatever the
//! network. Convolution weights lie there as `[out, h, w, in]`, which is what channels-last kernels want.

use super::network::{Buffer, Network, Parameter, Start};
use mocolab::random::{Purpose, Random};
use tch::{Device, Kind, Tensor, no_grad};

/// Number format of a forward and backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// 32-bit floats.
    Fp32,
    /// 16-bit brain floats for convolutions and the linear layer.
    Bf16,
}

/// The weights of one network.
#[derive(Debug)]
pub struct Parameters {
    /// All of them `[n]`, fp32. After a change, call [`Self::refresh`].
    pub flat: Tensor,
    /// What the forward pass takes: one tensor for each parameter of the network, in its shape, requiring gradients.
    pub leaves: Vec<Tensor>,
    low: Option<Tensor>,
}

impl Format {
    /// The element type of images and convolutions.
    pub fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }

    /// `fp32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }
}

impl Parameters {
    /// First weights of `net`, drawn from `seed` alone.
    pub fn draw(net: &Network, seed: u64, format: Format, device: Device) -> Self {
        let mut values = Vec::with_capacity(net.count() as usize);
        for (index, parameter) in net.parameters.iter().enumerate() {
            let mut random = Random::new(seed, Purpose::Weights, (index as u64, 0));
            values.extend((0..parameter.count()).map(|_| first_value(parameter, &mut random)));
        }
        Self::new(net, Tensor::from_slice(&values).to_device(device), format)
    }

    /// Weights of `net` from a flat fp32 vector.
    pub fn new(net: &Network, flat: Tensor, format: Format) -> Self {
        let low = (format == Format::Bf16).then(|| flat.to_kind(Kind::BFloat16));
        let source = |parameter: &Parameter| match parameter.start {
            Start::Convolution | Start::Linear { .. } => low.as_ref().unwrap_or(&flat),
            Start::Ones | Start::Zeros => &flat,
        };
        let leaf = |(parameter, view): (&Parameter, _)| {
            let view: Tensor = view;
            debug_assert_eq!(view.size(), parameter.shape);
            view.detach().set_requires_grad(true)
        };
        let places = places(&net.parameters);
        let views = net.parameters.iter().zip(places).map(|(p, at)| (p, view(source(p), p, at)));
        let leaves = views.map(leaf).collect();
        Self { flat, leaves, low }
    }

    /// Brings the leaves up to date with [`Self::flat`].
    pub fn refresh(&mut self) {
        if let Some(low) = &mut self.low {
            no_grad(|| low.copy_(&self.flat));
        }
    }

    /// Takes the values of another, on whatever device.
    pub fn follow(&mut self, other: &Self) {
        no_grad(|| self.flat.copy_(&other.flat));
        self.refresh();
    }

    /// The gradient of `loss` with respect to all weights, `[n]`, fp32, in the order of [`Self::flat`].
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let gradients = Tensor::run_backward(&[loss], &self.leaves, false, false);
        let flat: Vec<Tensor> = gradients.iter().map(|g| stored(g).reshape([-1]).to_kind(Kind::Float)).collect();
        Tensor::cat(&flat, 0)
    }
}

/// The tensors of a flat vector by name, as views in torchvision's shapes: of weights or of anything laid out like them.
pub fn named<'a>(net: &'a Network, flat: &Tensor) -> Vec<(&'a str, Tensor)> {
    let views = net.parameters.iter().zip(places(&net.parameters));
    views.map(|(parameter, at)| (parameter.name.as_str(), view(flat, parameter, at))).collect()
}

/// The running statistics of a network: one flat fp32 vector, and its views, one for each buffer.
#[derive(Debug)]
pub struct Buffers {
    /// All of them `[n]`.
    pub flat: Tensor,
    /// The views, in the order of the network's list. A forward pass in training mode changes them in place.
    pub views: Vec<Tensor>,
}

impl Buffers {
    /// The statistics before any batch.
    pub fn new(net: &Network, device: Device) -> Self {
        let values: Vec<f32> =
            net.buffers.iter().flat_map(|buffer| vec![buffer.start as f32; buffer.length as usize]).collect();
        let flat = Tensor::from_slice(&values).to_device(device);
        let views = named_buffers(net, &flat).into_iter().map(|(_, view)| view).collect();
        Self { flat, views }
    }
}

/// The vectors of a flat vector that lies as the running statistics do, by name, as views.
pub fn named_buffers<'a>(net: &'a Network, flat: &Tensor) -> Vec<(&'a str, Tensor)> {
    let mut start = 0;
    let mut take = |buffer: &'a Buffer| {
        start += buffer.length;
        (buffer.name.as_str(), flat.narrow(0, start - buffer.length, buffer.length))
    };
    net.buffers.iter().map(&mut take).collect()
}

/// Where each parameter begins in the flat vector.
fn places(parameters: &[Parameter]) -> Vec<i64> {
    let ends = parameters.iter().scan(0, |end, parameter| {
        *end += parameter.count();
        Some(*end - parameter.count())
    });
    ends.collect()
}

fn view(flat: &Tensor, parameter: &Parameter, at: i64) -> Tensor {
    let part = flat.narrow(0, at, parameter.count());
    match *parameter.shape {
        [out, input, height, width] => part.view([out, height, width, input]).permute([0, 3, 1, 2]),
        _ => part.view(parameter.shape.as_slice()),
    }
}

/// A tensor in the shape of a parameter, dimensions in the order in which they are stored.
fn stored(tensor: &Tensor) -> Tensor {
    if tensor.dim() == 4 { tensor.permute([0, 2, 3, 1]) } else { tensor.shallow_clone() }
}

fn first_value(parameter: &Parameter, random: &mut Random) -> f32 {
    match parameter.start {
        Start::Convolution => {
            let fan_out = parameter.shape[0] * parameter.shape[2] * parameter.shape[3];
            (random.normal() * (2.0 / fan_out as f64).sqrt()) as f32
        }
        Start::Ones => 1.0,
        Start::Zeros => 0.0,
        Start::Linear { inputs } => {
            let bound = 1.0 / (inputs as f64).sqrt();
            random.between(-bound, bound) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Mode, Shape};
    use mocolab::experiment::{Arch, Stem};
    use tch::Reduction;

    fn drawn(seed: u64, format: Format) -> (Network, Parameters) {
        let net = Network::new(Shape::classifier(Arch::Resnet8, Stem::Cifar, 10));
        let parameters = Parameters::draw(&net, seed, format, Device::Cpu);
        (net, parameters)
    }

    fn loss(net: &Network, parameters: &Parameters, kind: Kind) -> Tensor {
        let values: Vec<f32> = (0..4 * 8 * 8 * 3).map(|k| ((k * 31 % 97) as f32) / 40.0 - 1.2).collect();
        let x = Tensor::from_slice(&values).view([4, 8, 8, 3]).permute([0, 3, 1, 2]).to_kind(kind);
        let buffers = Buffers::new(net, Device::Cpu).views;
        let logits = net.forward(&parameters.leaves, &buffers, &x, Mode::TRAIN).to_kind(Kind::Float);
        let labels = Tensor::from_slice(&[0_i64, 3, 9, 5]);
        logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)
    }

    #[test]
    fn weights_depend_on_the_seed_alone_and_have_the_spread_asked_for() {
        let flat = |seed| drawn(seed, Format::Fp32).1.flat;
        assert_eq!(flat(1), flat(1));
        assert_ne!(flat(1), flat(2));
        let (net, parameters) = drawn(1, Format::Fp32);
        let named = named(&net, &parameters.flat);
        let get = |wanted: &str| &named.iter().find(|(name, _)| *name == wanted).unwrap().1;
        let deviation = get("layer3.0.conv2.weight").std(false).double_value(&[]);
        assert!((deviation - (2.0_f64 / (64.0 * 9.0)).sqrt()).abs() < 1e-3, "{deviation}");
        assert!(get("fc.weight").abs().max().double_value(&[]) <= 0.125);
        assert_eq!(get("bn1.weight"), &Tensor::ones([16], (Kind::Float, Device::Cpu)));
        assert_eq!(get("bn1.bias"), &Tensor::zeros([16], (Kind::Float, Device::Cpu)));
    }

    #[test]
    fn the_gradient_lies_as_the_weights_do() {
        let (net, parameters) = drawn(1, Format::Fp32);
        let flat = parameters.gradient(&loss(&net, &parameters, Kind::Float));
        let direct = Tensor::run_backward(&[loss(&net, &parameters, Kind::Float)], &parameters.leaves, false, false);
        assert_eq!(flat.size(), parameters.flat.size());
        for ((name, part), direct) in named(&net, &flat).iter().zip(&direct) {
            assert!(part.allclose(direct, 1e-4, 1e-6, false), "{name}");
        }
        // A small step along one weight changes the loss as the gradient says.
        let at = flat.abs().argmax(0, false).int64_value(&[]);
        let shifted = |by: f64| {
            let moved = parameters.flat.copy();
            let _ = moved.get(at).g_add_scalar_(by);
            loss(&net, &Parameters::new(&net, moved, Format::Fp32), Kind::Float).double_value(&[])
        };
        let slope = (shifted(1e-3) - shifted(-1e-3)) / 2e-3;
        assert!((slope / flat.double_value(&[at]) - 1.0).abs() < 0.02, "{slope} {}", flat.double_value(&[at]));
    }

    #[test]
    fn leaves_follow_the_flat_vector_in_either_format() {
        for format in [Format::Fp32, Format::Bf16] {
            let (net, mut parameters) = drawn(1, format);
            let exact = loss(&net, &drawn(1, Format::Fp32).1, Kind::Float).double_value(&[]);
            let near = loss(&net, &parameters, format.kind()).double_value(&[]);
            assert!((near - exact).abs() < 0.05, "{} {near} {exact}", format.name());
            assert_eq!(parameters.leaves[0].stride()[1], 1, "channels last");
            assert_eq!(parameters.leaves[0].kind(), format.kind());
            assert_eq!(parameters.leaves[1].kind(), Kind::Float, "batch norms stay fp32");
            let _ = no_grad(|| parameters.flat.fill_(0.5));
            parameters.refresh();
            for leaf in &parameters.leaves {
                assert_eq!(*leaf, leaf.full_like(0.5));
            }
        }
    }
}
