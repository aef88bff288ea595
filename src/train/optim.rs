//! Stochastic gradient descent on one flat vector, with a state that can be saved and restored: tch's own optimisers
//! cannot give theirs back.

use super::device::upload;
use tch::{Tensor, no_grad};

/// SGD with momentum and weight decay, as `torch.optim.SGD` computes it (Sutskever et al. 2013, with the learning rate
/// outside the momentum). The decay is part of the gradient.
#[derive(Debug)]
pub struct Sgd {
    /// The running sum of gradients `[n]`, fp32.
    pub momentum: Tensor,
    factor: Tensor,
    decay: Tensor,
    nesterov: bool,
}

impl Sgd {
    /// For weights like `flat`, with no momentum yet.
    pub fn new(flat: &Tensor, momentum: f64, nesterov: bool, weight_decay: f64) -> Self {
        let constant = |value: f64| upload(&[value as f32], flat.device()).get(0);
        Self { momentum: flat.zeros_like(), factor: constant(momentum), decay: constant(weight_decay), nesterov }
    }

    /// One step of size `rate` on `weights`, in place: g ← g + decay w; v ← momentum v + g;
    /// w ← w - rate v, or with Nesterov's look ahead w ← w - rate (g + momentum v).
    pub fn step(&mut self, weights: &mut Tensor, mut gradient: Tensor, rate: f64) {
        let minus_rate = upload(&[-rate as f32], weights.device()).get(0);
        // With a factor that is a tensor, each line is one pass over the vectors and allocates nothing.
        no_grad(|| {
            let _ = gradient.addcmul_(weights, &self.decay);
            let _ = self.momentum.g_mul_(&self.factor).g_add_(&gradient);
            if self.nesterov {
                let _ = gradient.addcmul_(&self.momentum, &self.factor);
                let _ = weights.addcmul_(&gradient, &minus_rate);
            } else {
                let _ = weights.addcmul_(&self.momentum, &minus_rate);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_equal_the_formula_written_out() {
        let (factor, decay, rates) = (0.9, 5e-2, [0.1, 0.2, 0.05]);
        let (starts, gradients) = ([1.0, -2.0, 0.25], [[0.5, -1.0, 0.0], [0.25, 0.5, 3.0], [-1.0, 0.0, 0.125]]);
        for nesterov in [false, true] {
            let mut weights = Tensor::from_slice(&starts.map(|w| w as f32));
            let mut sgd = Sgd::new(&weights, factor, nesterov, decay);
            let (mut slow, mut velocity) = (starts, [0.0_f64; 3]);
            for (rate, gradient) in rates.into_iter().zip(gradients) {
                sgd.step(&mut weights, Tensor::from_slice(&gradient.map(|g| g as f32)), rate);
                for ((w, v), g) in slow.iter_mut().zip(&mut velocity).zip(gradient) {
                    let g = g + decay * *w;
                    *v = factor * *v + g;
                    *w -= rate * if nesterov { g + factor * *v } else { *v };
                }
            }
            for (k, slow) in (0..).zip(slow) {
                assert!((weights.double_value(&[k]) - slow).abs() < 1e-6, "nesterov {nesterov}: {k}");
            }
        }
    }

    #[test]
    fn a_parabola_is_descended_to_its_bottom() {
        let mut weights = Tensor::from_slice(&[3_f32, -4.0]);
        let bottom = Tensor::from_slice(&[1_f32, 2.0]);
        let mut sgd = Sgd::new(&weights, 0.9, true, 0.0);
        for _ in 0..300 {
            let gradient: Tensor = (&weights - &bottom) * 2.0;
            sgd.step(&mut weights, gradient, 0.02);
        }
        assert!(weights.allclose(&bottom, 1e-4, 1e-4, false), "{weights}");
    }
}
