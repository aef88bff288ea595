//! How weights move: the gradient gathered from the parts of a batch, clipped, followed; the moving average that is judged
//! in their place.

use crate::{
    checkpoint::Loaded,
    lbfgs::Lbfgs,
    method::{Method, Place},
    model::copy,
    optim::Sgd,
};
use anyhow::Result;
use mocolab::experiment::{self, Recipe};
use tch::{Kind, Tensor, no_grad};

/// Of the optimiser's tensors in a checkpoint, before the name of their weights.
const MOMENTUM: &str = "optimizer.momentum.";
/// Iterations that L-BFGS remembers.
const HISTORY: usize = 10;
/// Of the averaged weights.
const AVERAGE: &str = "ema.";

/// Moves weights.
pub struct Descender {
    solver: Solver,
    clip_norm: f64,
    average: Option<Average>,
}

/// What finds the next weights.
enum Solver {
    Sgd(Sgd),
    /// With the weight decay, which is part of the loss here.
    Lbfgs(Lbfgs, f64),
}

/// A moving average of weights and running statistics.
struct Average {
    momentum: f64,
    weights: Tensor,
    statistics: Option<Tensor>,
}

impl Descender {
    /// As `recipe` says, for the weights of `method`.
    pub fn new<M: Method>(recipe: &Recipe, method: &mut M) -> Self {
        let descent = recipe.descent();
        let (momentum, decay) = (descent.momentum.get(), descent.weight_decay.get());
        let solver = match recipe.solver() {
            experiment::Solver::Sgd => Solver::Sgd(Sgd::new(method.weights(), momentum, descent.nesterov, decay)),
            experiment::Solver::Lbfgs => Solver::Lbfgs(Lbfgs::new(HISTORY), decay),
        };
        let average = (descent.ema.get() > 0.0).then(|| Average {
            momentum: descent.ema.get(),
            weights: method.weights().copy(),
            statistics: method.statistics().map(|statistics| statistics.copy()),
        });
        Self { solver, clip_norm: descent.clip_norm.get(), average }
    }

    /// One step of size `rate` along the mean of what `gradient` gives, gradient and measures, for each of `parts` of a
    /// batch. Gives the means of the measures, `[m]`.
    pub fn step<M: Method, T: Copy>(
        &mut self,
        method: &mut M,
        rate: f64,
        parts: &[(T, Place)],
        gradient: impl Fn(&mut M, T, Place) -> (Tensor, Tensor),
    ) -> Tensor {
        let measured = match &mut self.solver {
            Solver::Lbfgs(lbfgs, decay) => search(lbfgs, *decay, method, parts[0], &gradient),
            Solver::Sgd(sgd) => {
                let (mut along, measured) = mean(method, parts, gradient);
                clip(&mut along, self.clip_norm);
                sgd.step(method.weights(), along, rate);
                measured
            }
        };
        method.moved();
        method.stepped();
        self.follow(method);
        measured
    }

    fn follow<M: Method>(&mut self, method: &mut M) {
        let Some(average) = &mut self.average else { return };
        let share = 1.0 - average.momentum;
        no_grad(|| {
            let _ = average.weights.lerp_(method.weights(), share);
            if let (Some(mean), Some(statistics)) = (&mut average.statistics, method.statistics()) {
                let _ = mean.lerp_(statistics, share);
            }
        });
    }

    /// Puts the averaged weights where the weights are, and these where the averaged ones were; nothing where there are
    /// no averaged ones. Twice is not at all.
    pub fn exchange<M: Method>(&mut self, method: &mut M) {
        let Some(average) = &mut self.average else { return };
        swap(&mut average.weights, method.weights());
        if let (Some(mean), Some(statistics)) = (&mut average.statistics, method.statistics()) {
            swap(mean, statistics);
        }
        method.moved();
    }

    /// The tensors to be kept.
    pub fn tensors<M: Method>(&self, method: &M) -> Vec<(String, Tensor)> {
        let mut tensors = match &self.solver {
            Solver::Sgd(sgd) => behind(MOMENTUM, method.named(&sgd.momentum)),
            Solver::Lbfgs(lbfgs, _) => lbfgs.tensors(),
        };
        if let Some(average) = &self.average {
            tensors.extend(behind(AVERAGE, method.named(&average.weights)));
            let statistics = average.statistics.as_ref().map(|statistics| method.named_statistics(statistics));
            tensors.extend(behind(AVERAGE, statistics.unwrap_or_default()));
        }
        tensors
    }

    /// Takes them from a checkpoint.
    ///
    /// # Errors
    /// Where one is missing or has another shape.
    pub fn restore<M: Method>(&mut self, from: &Loaded, method: &mut M) -> Result<()> {
        if let Solver::Lbfgs(lbfgs, _) = &mut self.solver {
            let device = method.weights().device();
            return lbfgs.restore(&|name| from.tensor(name).map(|tensor| tensor.to_device(device)));
        }
        self.tensors(method).iter().try_for_each(|(name, tensor)| copy(from, name, tensor))
    }
}

/// The means of what `gradient` gives for each of `parts`.
fn mean<M: Method, T: Copy>(
    method: &mut M,
    parts: &[(T, Place)],
    gradient: impl Fn(&mut M, T, Place) -> (Tensor, Tensor),
) -> (Tensor, Tensor) {
    let mut all = parts.iter().map(|(part, place)| gradient(method, *part, *place));
    let first = all.next().expect("a batch has at least one part");
    if parts.len() == 1 {
        return first;
    }
    let (along, measured) = all.fold(first, |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let share = 1.0 / parts.len() as f64;
    (along * share, measured * share)
}

/// Shortens a gradient that is longer than `longest`, as `torch.nn.utils.clip_grad_norm_` does; 0 leaves it.
pub fn clip(gradient: &mut Tensor, longest: f64) {
    if longest > 0.0 {
        let length: Tensor = gradient.norm() + 1e-6;
        let _ = gradient.g_mul_(&(length.reciprocal() * longest).clamp_max(1.0));
    }
}

/// One iteration of L-BFGS on a batch that is the same in every step. Gives the measures at the last place looked at.
fn search<M: Method, T: Copy>(
    lbfgs: &mut Lbfgs,
    decay: f64,
    method: &mut M,
    (batch, place): (T, Place),
    gradient: impl Fn(&mut M, T, Place) -> (Tensor, Tensor),
) -> Tensor {
    let mut weights = method.weights().copy();
    let mut measured = None;
    let mut evaluate = |at: &Tensor| {
        no_grad(|| method.weights().copy_(at));
        method.moved();
        let (slope, found) = gradient(method, batch, place);
        let loss = found.double_value(&[0]) + 0.5 * decay * at.square().sum(Kind::Double).double_value(&[]);
        measured = Some(found);
        (loss, slope + at * decay)
    };
    lbfgs.step(&mut weights, &mut evaluate);
    no_grad(|| method.weights().copy_(&weights));
    measured.unwrap_or_else(|| gradient(method, batch, place).1)
}

fn swap(one: &mut Tensor, other: &mut Tensor) {
    no_grad(|| {
        let kept = one.copy();
        one.copy_(other);
        other.copy_(&kept);
    });
}

fn behind(prefix: &str, tensors: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}
