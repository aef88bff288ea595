//! L-BFGS on one flat vector, with a state that can be saved and restored: for full batches, such as those of a linear
//! probe on cached features.

#[cfg(test)]
mod tests;

use anyhow::Result;
use tch::{Kind, Tensor, no_grad};

/// Armijo's constant, c1 of Nocedal and Wright 2006, equation 3.7a.
const DECREASE: f64 = 1e-4;
/// Curvature constant, c2 of equation 3.7b.
const CURVATURE: f64 = 0.9;
/// Trials of one line search.
const TRIALS: usize = 25;
/// A pair of step and change with a smaller product would spoil the approximation.
const LEAST_CURVATURE: f64 = 1e-10;
/// No iteration where no entry of the gradient is larger than this.
const FLAT: f64 = 1e-7;
/// No trial where the bracket spans less of any weight than this.
const TOLERANCE: f64 = 1e-9;

/// Limited-memory BFGS (Liu and Nocedal 1989; Nocedal and Wright 2006, algorithms 7.4, 7.5, 3.5 and 3.6), which iterates as
/// `torch.optim.LBFGS(lr=1, line_search_fn="strong_wolfe")` does. It computes in f64, whatever the weights' format.
#[derive(Debug)]
pub struct Lbfgs {
    history: usize,
    /// The last steps and changes of the gradient, each `[n]`, oldest first.
    pairs: Vec<(Tensor, Tensor)>,
    /// Loss and gradient `[n]` at the weights as the last iteration left them.
    last: Option<(f64, Tensor)>,
}

/// A point on the line that is searched.
#[derive(Debug)]
struct Trial {
    /// How far along the direction.
    at: f64,
    loss: f64,
    /// Derivative of the loss along the direction.
    slope: f64,
    gradient: Tensor,
}

impl Lbfgs {
    /// Remembers the last `history` iterations; 10 is usual.
    pub fn new(history: usize) -> Self {
        Self { history, pairs: Vec::new(), last: None }
    }

    /// One iteration from `weights` `[n]`, in place; returns the loss afterwards. `evaluate` gives loss and gradient `[n]`
    /// at a point in the weights' format, and must be the same function in each iteration, and the weights those that the
    /// last one left. At a minimum, where no step helps, and where the loss isn't finite, the weights stay as they are.
    pub fn step(&mut self, weights: &mut Tensor, evaluate: &mut dyn FnMut(&Tensor) -> (f64, Tensor)) -> f64 {
        let start = weights.detach().to_kind(Kind::Double);
        let (loss, gradient) = self.last.take().unwrap_or_else(|| at(&weights.detach(), evaluate));
        let direction = self.direction(&gradient);
        let slope = dot(&gradient, &direction);
        // Written so that NaN stops it, too.
        let descends = largest(&gradient) > FLAT && slope < 0.0;
        if !descends {
            self.last = Some((loss, gradient));
            return loss;
        }
        let first = if self.pairs.is_empty() { (1.0 / total(&gradient)).min(1.0) } else { 1.0 };
        let place = |at: f64| (&start + &direction * at).to_kind(weights.kind());
        let mut trial = |step: f64| {
            let (loss, gradient) = at(&place(step), evaluate);
            // A loss that is no number is too far, too.
            let loss = if loss.is_nan() { f64::INFINITY } else { loss };
            Trial { at: step, loss, slope: dot(&gradient, &direction), gradient }
        };
        let origin = Trial { at: 0.0, loss, slope, gradient: gradient.shallow_clone() };
        let found = search(&origin, (first, largest(&direction)), &mut trial);
        let reached = place(found.at);
        if found.at > 0.0 {
            self.remember(reached.to_kind(Kind::Double) - &start, &found.gradient - &gradient);
        } else {
            // What is remembered led nowhere: from here the next iteration goes down the gradient.
            self.pairs.clear();
        }
        no_grad(|| weights.copy_(&reached));
        self.last = Some((found.loss, found.gradient));
        found.loss
    }

    /// The state, to be restored by [`Self::restore`]: the bits of f64 as int64, which a checkpoint knows.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let empty = || Tensor::zeros([0], (Kind::Double, tch::Device::Cpu));
        let stack = |rows: Vec<&Tensor>| if rows.is_empty() { empty() } else { Tensor::stack(&rows, 0) };
        let (loss, gradient) = self.last.as_ref().map_or_else(
            || (empty(), empty()),
            |(loss, gradient)| (Tensor::from_slice(&[*loss]), gradient.shallow_clone()),
        );
        let steps = stack(self.pairs.iter().map(|pair| &pair.0).collect());
        let changes = stack(self.pairs.iter().map(|pair| &pair.1).collect());
        let names = ["lbfgs.loss", "lbfgs.gradient", "lbfgs.steps", "lbfgs.changes"].map(String::from);
        names.into_iter().zip([loss, gradient, steps, changes].map(|tensor| tensor.view_dtype(Kind::Int64))).collect()
    }

    /// Takes on the state that [`Self::tensors`] gave, from tensors by name, on the device of the weights to come.
    ///
    /// # Errors
    /// Those of `tensor`; then nothing has changed.
    pub fn restore(&mut self, tensor: &dyn Fn(&str) -> Result<Tensor>) -> Result<()> {
        let numbers = |name: &str| tensor(name).map(|bits| bits.view_dtype(Kind::Double));
        let (loss, gradient) = (numbers("lbfgs.loss")?, numbers("lbfgs.gradient")?);
        let (steps, changes) = (numbers("lbfgs.steps")?, numbers("lbfgs.changes")?);
        let rows = |stacked: &Tensor| if stacked.numel() == 0 { Vec::new() } else { stacked.unbind(0) };
        self.pairs = rows(&steps).into_iter().zip(rows(&changes)).collect();
        self.last = (loss.numel() > 0).then(|| (loss.double_value(&[0]), gradient));
        Ok(())
    }

    /// Minus the approximate inverse Hessian times `gradient`: the two loops of Nocedal and Wright's algorithm 7.4.
    fn direction(&self, gradient: &Tensor) -> Tensor {
        let mut direction = gradient.neg();
        let mut parts = Vec::with_capacity(self.pairs.len());
        for (step, change) in self.pairs.iter().rev() {
            let part = dot(step, &direction) / dot(step, change);
            direction -= change * part;
            parts.push(part);
        }
        if let Some((step, change)) = self.pairs.last() {
            direction *= dot(step, change) / dot(change, change);
        }
        for ((step, change), part) in self.pairs.iter().zip(parts.into_iter().rev()) {
            let back = dot(change, &direction) / dot(step, change);
            direction += step * (part - back);
        }
        direction
    }

    fn remember(&mut self, step: Tensor, change: Tensor) {
        if dot(&step, &change) > LEAST_CURVATURE {
            if self.pairs.len() == self.history {
                drop(self.pairs.remove(0));
            }
            self.pairs.push((step, change));
        }
    }
}

impl Trial {
    fn copy(&self) -> Self {
        Self { gradient: self.gradient.shallow_clone(), ..*self }
    }

    /// Whether the loss has fallen too little for the way gone (Nocedal and Wright, equation 3.7a).
    fn is_too_high(&self, origin: &Self) -> bool {
        self.loss > origin.loss + DECREASE * self.at * origin.slope
    }

    /// Whether it falls much less steeply here than at the origin (equation 3.7b).
    fn is_flat(&self, origin: &Self) -> bool {
        self.slope.abs() <= -CURVATURE * origin.slope
    }
}

/// A point with the strong Wolfe conditions, or the best that was found in [`TRIALS`] (Nocedal and Wright, algorithm 3.5).
/// `first` is tried first; `size` is the largest entry of the direction.
fn search(origin: &Trial, (first, size): (f64, f64), trial: &mut dyn FnMut(f64) -> Trial) -> Trial {
    let mut before = origin.copy();
    let mut now = trial(first);
    for count in 0..TRIALS {
        if now.is_too_high(origin)
            || (count > 1 && now.loss >= before.loss)
            || (!now.is_flat(origin) && now.slope >= 0.0)
        {
            return zoom(origin, (before, now), (TRIALS - count, size), trial);
        }
        if now.is_flat(origin) {
            return now;
        }
        let bounds = (now.at + 0.01 * (now.at - before.at), now.at * 10.0);
        let next = trial(lowest_of_cubic(&before, &now, bounds));
        before = std::mem::replace(&mut now, next);
    }
    if now.loss < origin.loss { now } else { origin.copy() }
}

/// Narrows the bracket `ends` around a point with the strong Wolfe conditions (Nocedal and Wright, algorithm 3.6); at most
/// `trials`.
fn zoom(
    origin: &Trial,
    ends: (Trial, Trial),
    (trials, size): (usize, f64),
    trial: &mut dyn FnMut(f64) -> Trial,
) -> Trial {
    let sorted = |(a, b): (Trial, Trial)| if a.loss <= b.loss { (a, b) } else { (b, a) };
    let (mut low, mut high) = sorted(ends);
    let mut hesitant = false;
    for _ in 0..trials {
        let (left, right) = (low.at.min(high.at), low.at.max(high.at));
        if (right - left) * size < TOLERANCE {
            break;
        }
        let guess = lowest_of_cubic(&low, &high, (left, right));
        let now = trial(away_from_ends(guess, (left, right), &mut hesitant));
        if now.is_too_high(origin) || now.loss >= low.loss {
            (low, high) = sorted((low, now));
        } else if now.is_flat(origin) {
            return now;
        } else if now.slope * (high.at - low.at) >= 0.0 {
            high = std::mem::replace(&mut low, now);
        } else {
            low = now;
        }
    }
    low
}

/// Moves a guess that is again, or right, at an end of the bracket inwards by a tenth, so that the bracket shrinks.
fn away_from_ends(guess: f64, (left, right): (f64, f64), hesitant: &mut bool) -> f64 {
    let margin = 0.1 * (right - left);
    let near = (right - guess).min(guess - left) < margin;
    let moved = near && (*hesitant || guess >= right || guess <= left);
    *hesitant = near && !moved;
    match moved {
        true if (guess - right).abs() < (guess - left).abs() => right - margin,
        true => left + margin,
        false => guess,
    }
}

/// Where the cubic through two points with their slopes is lowest (Nocedal and Wright, equation 3.59), within `bounds`;
/// their middle where it has no lowest point.
fn lowest_of_cubic(a: &Trial, b: &Trial, bounds: (f64, f64)) -> f64 {
    let (a, b) = if a.at <= b.at { (a, b) } else { (b, a) };
    let sum = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.at - b.at);
    let root = (sum * sum - a.slope * b.slope).sqrt();
    let lowest = b.at - (b.at - a.at) * ((b.slope + root - sum) / (b.slope - a.slope + 2.0 * root));
    if lowest.is_nan() { f64::midpoint(bounds.0, bounds.1) } else { lowest.clamp(bounds.0, bounds.1) }
}

/// Loss and gradient in f64.
fn at(weights: &Tensor, evaluate: &mut dyn FnMut(&Tensor) -> (f64, Tensor)) -> (f64, Tensor) {
    let (loss, gradient) = evaluate(weights);
    (loss, gradient.detach().to_kind(Kind::Double))
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    a.dot(b).double_value(&[])
}

fn largest(vector: &Tensor) -> f64 {
    vector.abs().max().double_value(&[])
}

fn total(vector: &Tensor) -> f64 {
    vector.abs().sum(Kind::Double).double_value(&[])
}
