//! The layers that networks are made of: they know where their weights stand in the network's lists, and compute with
//! whatever list they are given.

use super::conv::conv;
use super::norm::{MOMENTUM, Then, norm};
use tch::{Tensor, no_grad};

/// What batch norms do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the batch, and move the running statistics towards it. The batch may be in several equal parts, each
    /// normalised by itself, as if it lay on a device of its own; the statistics are then the mean over the parts.
    Train {
        /// How many parts.
        splits: i64,
        /// How many batches of one size lie behind one another, in `splits` parts each: as many passes at once.
        batches: i64,
    },
    /// Normalise by the running statistics.
    Evaluate,
}

impl Mode {
    /// One batch, in one part.
    pub const TRAIN: Self = Self::Train { splits: 1, batches: 1 };
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

/// How the parts of a batch are normalised each by itself; the statistics are one row for each part, `[splits, C]`.
type Way = fn(&Unit, Pass, &Tensor, [&Tensor; 2], Then) -> Tensor;

impl Unit {
    fn forward(&self, pass: Pass, x: &Tensor, then: Then) -> Tensor {
        let y = conv(x, &pass.weights[self.parameter], self.stride, self.padding);
        match pass.mode {
            Mode::Train { splits, batches } if splits * batches > 1 => {
                let equal = y.size()[0] % (splits * batches) == 0;
                let way = if y.device().is_cuda() && equal { Self::at_once } else { Self::in_parts };
                self.split_norm((pass, [batches, splits]), &y, then, way)
            }
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
    fn split_norm(&self, (pass, [batches, splits]): (Pass, [i64; 2]), y: &Tensor, then: Then, way: Way) -> Tensor {
        let [mean, variance] = [0, 1].map(|k| &pass.buffers[self.buffer + k]);
        let [means, variances] = [mean, variance].map(|statistic| statistic.repeat([batches * splits, 1]));
        let whole = way(self, pass, y, [&means, &variances], then);
        no_grad(|| {
            for (statistic, rows) in [(mean, means), (variance, variances)] {
                // Every part has moved them from where they were; what a batch moves them by, it adds to what is left of the moves before.
                let each = rows.view([batches, splits, -1]).mean_dim([1].as_slice(), false, None::<tch::Kind>);
                let left =
                    (1..batches).fold(each.get(0), |sum, batch| (sum - statistic) * (1.0 - MOMENTUM) + each.get(batch));
                statistic.shallow_clone().copy_(&left);
            }
        });
        whole
    }

    /// Each part after the other.
    fn in_parts(&self, pass: Pass, y: &Tensor, statistics: [&Tensor; 2], then: Then) -> Tensor {
        let splits = statistics[0].size()[0];
        // Parts that differ by one where they can't be equal: `chunk` may give fewer.
        let parts = |x: &Tensor| x.tensor_split(splits, 0);
        let others = if let Then::AddAndRectify(other) = then { parts(other) } else { Vec::new() };
        let parts = parts(y).into_iter().enumerate().map(|(k, part)| {
            let statistics = statistics.map(|rows| rows.get(k as i64));
            let then = others.get(k).map_or(then, Then::AddAndRectify);
            norm(&part, self.vectors(pass.weights, statistics.each_ref()), true, then)
        });
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }

    /// All parts, of one size, as if each had channels of its own: two copies more, but as many operations as for one part,
    /// and operations are what a GPU waits for.
    fn at_once(&self, pass: Pass, y: &Tensor, statistics: [&Tensor; 2], then: Then) -> Tensor {
        let splits = statistics[0].size()[0];
        let [n, channels, height, width] = y.size()[..] else {
            panic!("pictures are `[n, C, h, w]`, not {:?}", y.size())
        };
        let apart = |x: &Tensor| {
            let parts = x.permute([0, 2, 3, 1]).reshape([splits, n / splits, height, width, channels]);
            let beside = parts.permute([1, 2, 3, 0, 4]).reshape([n / splits, height, width, splits * channels]);
            beside.permute([0, 3, 1, 2])
        };
        let [scale, shift] = [1, 2].map(|k| pass.weights[self.parameter + k].repeat([splits]));
        let [mean, variance] = statistics.map(|rows| rows.view([-1]));
        let first = if let Then::Rectify = then { then } else { Then::Nothing };
        let z = norm(&apart(y), [&scale, &shift, &mean, &variance], true, first);
        let parts = z.permute([0, 2, 3, 1]).reshape([n / splits, height, width, splits, channels]);
        let together = parts.permute([3, 0, 1, 2, 4]).reshape([n, height, width, channels]).permute([0, 3, 1, 2]);
        if let Then::AddAndRectify(other) = then { (together + other).relu_() } else { together }
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
    fn split_batch_norm_is_fairs_in_either_way() {
        let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/moco.json")).unwrap();
        let case = &golden["split_batch_norm"];
        let order: Vec<i64> =
            serde_json::from_value::<Vec<Vec<i64>>>(case["samples_of_split"].clone()).unwrap().concat();
        let order = Tensor::from_slice(&order);
        let in_blocks = |name: &str| tensor(&case[name]).index_select(0, &order);
        let near = |found: &Tensor, expected: &Tensor| {
            assert!(found.allclose(expected, 1e-4, 1e-5, false), "{found}\n{expected}");
        };
        for way in [Unit::in_parts as Way, Unit::at_once] {
            let start = Start { case, input: in_blocks("input"), upstream: in_blocks("upstream"), splits: 2 };
            let found = start.follow(way, 0);
            near(&found[0], &in_blocks("output"));
            let names = ["running_mean", "running_var", "weight_gradient", "bias_gradient"];
            names.iter().zip(&found[1..]).for_each(|(name, found)| near(found, &tensor(&case[name])));
            near(&found[5], &in_blocks("input_gradient"));
        }
    }

    #[test]
    fn what_follows_a_split_norm_is_the_same_in_either_way() {
        let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/moco.json")).unwrap();
        let case = &golden["split_batch_norm"];
        for (splits, which) in [(2, 0), (2, 1), (2, 2), (4, 1), (4, 2)] {
            let four = |name: &str| Tensor::cat(&[tensor(&case[name]), tensor(&case[name]) * 1.5 + 0.25], 0);
            let start = || Start { case, input: four("input"), upstream: four("upstream"), splits };
            let (parts, once) = (start().follow(Unit::in_parts, which), start().follow(Unit::at_once, which));
            for (parts, once) in parts.iter().zip(&once) {
                assert!(parts.allclose(once, 1e-4, 1e-5, false), "{splits} {which}: {parts}\n{once}");
            }
        }
    }

    /// What a split norm starts from.
    struct Start<'a> {
        case: &'a Value,
        input: Tensor,
        upstream: Tensor,
        splits: i64,
    }

    impl Start<'_> {
        /// Output, running mean and variance, gradients by scale, shift, input, and shortcut where there is one.
        fn follow(self, way: Way, which: usize) -> Vec<Tensor> {
            let before = |name: &str| tensor(&self.case["before"][name]);
            let unit = Unit { parameter: 0, buffer: 0, stride: 1, padding: 0 };
            let vector = |name: &str| before(name).set_requires_grad(true);
            let weights = [Tensor::zeros([1], (Kind::Float, tch::Device::Cpu)), vector("weight"), vector("bias")];
            let buffers = ["running_mean", "running_var"].map(before);
            let pass =
                Pass { weights: &weights, buffers: &buffers, mode: Mode::Train { splits: self.splits, batches: 1 } };
            let other = (&self.input * 0.5 - 0.1).set_requires_grad(true);
            let input = self.input.set_requires_grad(true);
            let then = [Then::Nothing, Then::Rectify, Then::AddAndRectify(&other)][which];
            let output = unit.split_norm((pass, [1, self.splits]), &input, then, way);
            let total = (&output * self.upstream).sum(Kind::Float);
            let mut leaves = vec![&weights[1], &weights[2], &input];
            leaves.extend((which == 2).then_some(&other));
            let gradients = Tensor::run_backward(&[&total], &leaves, false, false);
            let [mean, variance] = buffers;
            [output.detach(), mean, variance].into_iter().chain(gradients).collect()
        }
    }
}
