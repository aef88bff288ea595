//! The layers that networks are made of: they know where their weights stand in the network's lists, and compute with
//! whatever list they are given.

use super::norm::{Then, norm};
use tch::{Tensor, no_grad};

/// What batch norms do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the batch, and move the running statistics towards it. The batch may be in several equal parts, each
    /// normalised by itself, as if it lay on a device of its own; the statistics are then the mean over the parts.
    Train {
        /// How many parts.
        splits: i64,
    },
    /// Normalise by the running statistics.
    Evaluate,
}

/// One layer of a network's body.
#[derive(Debug)]
pub(super) enum Layer {
    /// Convolution, batch norm, rectifier.
    Unit(Unit),
    /// Convolution with bias, rectifier, 2x2 max pooling.
    Plain {
        /// Place of the weights; the bias follows.
        parameter: usize,
    },
    /// 3x3 max pooling, stride 2.
    Pool,
    /// A residual block.
    Block(Block),
}

/// A convolution and the batch norm after it, by their places in the lists.
#[derive(Debug)]
pub(super) struct Unit {
    /// Of the convolution; scale and shift of the norm follow.
    pub parameter: usize,
    /// Of the running mean; the variance follows.
    pub buffer: usize,
    pub stride: i64,
    pub padding: i64,
}

/// Units in a row, with a rectifier between, added to a shortcut: the input, or a unit that fits its shape.
#[derive(Debug)]
pub(super) struct Block {
    pub units: Vec<Unit>,
    pub shortcut: Option<Unit>,
}

/// The lists that a pass computes with.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub weights: &'a [Tensor],
    pub buffers: &'a [Tensor],
    pub mode: Mode,
}

impl Layer {
    pub(super) fn forward(&self, pass: Pass, x: &Tensor) -> Tensor {
        match self {
            Self::Unit(unit) => unit.forward(pass, x, Then::Rectify),
            Self::Plain { parameter } => {
                let [weight, bias] = [0, 1].map(|k| &pass.weights[parameter + k]);
                x.conv2d(weight, Some(bias), 1, 1, 1, 1).relu_().max_pool2d(2, 2, 0, 1, false)
            }
            Self::Pool => x.max_pool2d(3, 2, 1, 1, false),
            Self::Block(block) => block.forward(pass, x),
        }
    }
}

impl Unit {
    fn forward(&self, pass: Pass, x: &Tensor, then: Then) -> Tensor {
        let y = x.conv2d(&pass.weights[self.parameter], None::<&Tensor>, self.stride, self.padding, 1, 1);
        match pass.mode {
            Mode::Train { splits } if splits > 1 => self.split_norm(pass, &y, splits, then),
            mode => {
                let statistics = [0, 1].map(|k| &pass.buffers[self.buffer + k]);
                norm(&y, self.vectors(pass.weights, statistics), mode != Mode::Evaluate, then)
            }
        }
    }

    /// Scale and shift of the norm, and the statistics `of` a batch or a part of one.
    fn vectors<'a>(&self, weights: &'a [Tensor], of: [&'a Tensor; 2]) -> [&'a Tensor; 4] {
        [&weights[self.parameter + 1], &weights[self.parameter + 2], of[0], of[1]]
    }

    /// Each part of the batch by itself, as FAIR's demo for CIFAR-10 does it on one device.
    fn split_norm(&self, pass: Pass, y: &Tensor, splits: i64, then: Then) -> Tensor {
        let [mean, variance] = [0, 1].map(|k| &pass.buffers[self.buffer + k]);
        let [means, variances] = [mean, variance].map(|statistic| statistic.repeat([splits, 1]));
        // Parts that differ by one where they can't be equal: `chunk` may give fewer.
        let parts = |x: &Tensor| x.tensor_split(splits, 0);
        let others = if let Then::AddAndRectify(other) = then { parts(other) } else { Vec::new() };
        let parts = parts(y).into_iter().enumerate().map(|(k, part)| {
            let statistics = [&means, &variances].map(|rows| rows.get(k as i64));
            let then = others.get(k).map_or(then, Then::AddAndRectify);
            norm(&part, self.vectors(pass.weights, statistics.each_ref()), true, then)
        });
        let parts: Vec<Tensor> = parts.collect();
        no_grad(|| {
            for (statistic, rows) in [(mean, means), (variance, variances)] {
                statistic.shallow_clone().copy_(&rows.mean_dim([0].as_slice(), false, None::<tch::Kind>));
            }
        });
        Tensor::cat(&parts, 0)
    }
}

impl Block {
    fn forward(&self, pass: Pass, input: &Tensor) -> Tensor {
        let (last, before) = self.units.split_last().expect("a block has units");
        let x = before.iter().fold(input.shallow_clone(), |x, unit| unit.forward(pass, &x, Then::Rectify));
        let shortcut = self.shortcut.as_ref().map(|unit| unit.forward(pass, input, Then::Nothing));
        last.forward(pass, &x, Then::AddAndRectify(shortcut.as_ref().unwrap_or(input)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use tch::Kind;

    fn tensor(value: &Value) -> Tensor {
        fn flatten(value: &Value, into: &mut Vec<f64>) {
            match value {
                Value::Array(list) => list.iter().for_each(|value| flatten(value, into)),
                value => into.push(value.as_f64().unwrap()),
            }
        }
        let (mut shape, mut inner) = (Vec::new(), value);
        while let Value::Array(list) = inner {
            shape.push(list.len() as i64);
            inner = &list[0];
        }
        let mut values = Vec::new();
        flatten(value, &mut values);
        Tensor::from_slice(&values).view(shape.as_slice()).to_kind(Kind::Float)
    }

    /// FAIR's demo puts picture i into part i modulo the number of parts; here the parts are blocks of the batch, so that
    /// channels-last memory stays as it is. In a shuffled batch it is the same.
    #[test]
    fn split_batch_norm_is_fairs() {
        let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/moco.json")).unwrap();
        let case = &golden["split_batch_norm"];
        let order: Vec<i64> =
            serde_json::from_value::<Vec<Vec<i64>>>(case["samples_of_split"].clone()).unwrap().concat();
        let order = Tensor::from_slice(&order);
        let in_blocks = |name: &str| tensor(&case[name]).index_select(0, &order);
        let before = |name: &str| tensor(&case["before"][name]);
        let unit = Unit { parameter: 0, buffer: 0, stride: 1, padding: 0 };
        let weights = ["weight", "bias"].map(|name| before(name).set_requires_grad(true));
        let weights = [
            Tensor::zeros([1], (Kind::Float, tch::Device::Cpu)),
            weights[0].shallow_clone(),
            weights[1].shallow_clone(),
        ];
        let buffers = ["running_mean", "running_var"].map(before);
        let input = in_blocks("input").set_requires_grad(true);
        let pass = Pass { weights: &weights, buffers: &buffers, mode: Mode::Train { splits: 2 } };
        let output = unit.split_norm(pass, &input, 2, Then::Nothing);
        let near = |found: &Tensor, expected: &Tensor| {
            assert!(found.allclose(expected, 1e-4, 1e-5, false), "{found}\n{expected}");
        };
        near(&output, &in_blocks("output"));
        near(&buffers[0], &tensor(&case["running_mean"]));
        near(&buffers[1], &tensor(&case["running_var"]));
        let total = (&output * in_blocks("upstream")).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[&total], &[&input, &weights[1], &weights[2]], false, false);
        near(&gradients[0], &in_blocks("input_gradient"));
        near(&gradients[1], &tensor(&case["weight_gradient"]));
        near(&gradients[2], &tensor(&case["bias_gradient"]));
    }
}
