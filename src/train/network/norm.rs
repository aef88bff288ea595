//! Batch norm and what follows it in a residual network. On the CPU libtorch needs a pass over memory, or several, for
//! each; there `norm.cpp` does all of it at once. Elsewhere libtorch does (docs/decisions/012).

use super::native;
use tch::{Device, Kind, Tensor};

/// What follows a batch norm.
#[derive(Clone, Copy)]
pub(super) enum Then<'a> {
    /// Nothing.
    Nothing,
    /// A rectifier.
    Rectify,
    /// The addition of a shortcut, then a rectifier.
    AddAndRectify(&'a Tensor),
}

/// Share of the batch in a running statistic, as in torch.
pub(super) const MOMENTUM: f64 = 0.1;
/// Added to a variance, as in torch.
const EPSILON: f64 = 1e-5;
/// Numbers that the innermost loop of `norm.cpp` takes.
const LANES: usize = 64;

/// Batch norm of `x` `[n, C, h, w]` (Ioffe & Szegedy 2015, algorithm 1) and what follows. `vectors` are scale, shift,
/// running mean and running variance, `[C]`, fp32. In `training` the batch's own statistics serve, and the running ones
/// move towards them.
pub(super) fn norm(x: &Tensor, vectors: [&Tensor; 4], training: bool, then: Then) -> Tensor {
    if suits(x) && !matches!(then, Then::AddAndRectify(other) if !suits(other)) {
        return at_once(x, vectors, training, then);
    }
    let [scale, shift, mean, variance] = vectors;
    let mut y = x.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), training, MOMENTUM, EPSILON, true);
    match then {
        Then::Nothing => y,
        Then::Rectify => y.relu_(),
        Then::AddAndRectify(other) => y.g_add_(other).relu_(),
    }
}

/// Whether `norm.cpp` can take it: channels last, in whole rows of [`LANES`].
fn suits(x: &Tensor) -> bool {
    let (size, stride) = (x.size(), x.stride());
    let [n, channels, height, width] = size[..] else { return false };
    let (c, lanes) = (channels as usize, LANES);
    x.device() == Device::Cpu
        && matches!(x.kind(), Kind::Float | Kind::BFloat16)
        && stride == [channels * height * width, 1, channels * width, channels]
        && c > 0
        && (lanes.is_multiple_of(c) || c.is_multiple_of(lanes))
        && n > 0
        && x.numel().is_multiple_of(lanes)
}

fn at_once(x: &Tensor, vectors: [&Tensor; 4], training: bool, then: Then) -> Tensor {
    let (other, rectify) = match then {
        Then::Nothing => (None, false),
        Then::Rectify => (None, true),
        Then::AddAndRectify(other) => (Some(other), true),
    };
    native::norm(x, vectors, other, (training, rectify), [MOMENTUM, EPSILON])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    /// Values of mean 1 and deviation 2, channels last.
    fn drawn(size: [i64; 4], number: u64) -> Tensor {
        let [n, c, h, w] = size;
        let mut random = Random::new(3, Purpose::Weights, (number, 0));
        let values: Vec<f32> = (0..n * c * h * w).map(|_| random.normal() as f32 * 2.0 + 1.0).collect();
        Tensor::from_slice(&values).view([n, h, w, c]).permute([0, 3, 1, 2])
    }

    fn vector(c: i64, number: u64) -> Tensor {
        drawn([1, c, 1, 1], number).reshape([c]).copy()
    }

    /// By libtorch, an operation at a time, in fp64.
    fn slow(x: &Tensor, vectors: [&Tensor; 4], training: bool, then: Then) -> Tensor {
        let [scale, shift, mean, variance] = vectors.map(Some);
        let y = x.batch_norm(scale, shift, mean, variance, training, MOMENTUM, EPSILON, false);
        match then {
            Then::Nothing => y,
            Then::Rectify => y.relu(),
            Then::AddAndRectify(other) => (y + other).relu(),
        }
    }

    /// Output, gradients by input, scale, shift and shortcut, and running statistics.
    fn all(
        make: fn(&Tensor, [&Tensor; 4], bool, Then) -> Tensor,
        (size, kind, statistics): ([i64; 4], Kind, Kind),
        (training, which): (bool, usize),
    ) -> Vec<Tensor> {
        let leaf = |tensor: Tensor, kind| tensor.to_kind(Kind::BFloat16).to_kind(kind).set_requires_grad(true);
        let (x, other) = (leaf(drawn(size, 1), kind), leaf(drawn(size, 2), kind));
        let [scale, shift] = [3, 4].map(|number| leaf(vector(size[1], number), statistics));
        let mean = vector(size[1], 5).to_kind(statistics);
        let variance = (vector(size[1], 6).abs() + 0.5).to_kind(statistics);
        let then = [Then::Nothing, Then::Rectify, Then::AddAndRectify(&other)][which];
        let y = make(&x, [&scale, &shift, &mean, &variance], training, then);
        let upstream = drawn(size, 7).to_kind(Kind::BFloat16).to_kind(kind);
        let mut found = vec![y.shallow_clone(), mean, variance];
        if training {
            let mut leaves = vec![&x, &scale, &shift];
            leaves.extend((which == 2).then_some(&other));
            let total = (y * upstream).sum(statistics);
            found.extend(Tensor::run_backward(&[&total], &leaves, false, false));
        }
        found.into_iter().map(|tensor| tensor.to_kind(Kind::Double)).collect()
    }

    #[test]
    fn output_gradients_and_statistics_are_those_of_torch() {
        // More pieces than one, one row of 64, channels below, at and above 64, and sizes that `suits` refuses.
        let sizes = [
            [128, 16, 32, 32],
            [3, 32, 6, 6],
            [1, 64, 1, 1],
            [5, 64, 7, 3],
            [9, 256, 8, 8],
            [2, 48, 4, 4],
            [3, 16, 1, 1],
        ];
        let cases = [(true, 0), (true, 1), (true, 2), (false, 0), (false, 1), (false, 2)];
        for (size, case) in sizes.iter().flat_map(|size| cases.map(|case| (*size, case))) {
            if size[0] * size[2] * size[3] == 1 && case.0 {
                continue;
            }
            let exact = all(slow, (size, Kind::Double, Kind::Double), case);
            // What it does not take at once libtorch does, whose bf16 is not what is looked at here.
            let kinds = if suits(&drawn(size, 1)) { 2 } else { 1 };
            for (kind, tolerance) in [(Kind::Float, 2e-5), (Kind::BFloat16, 1e-2)].into_iter().take(kinds) {
                for (index, (found, exact)) in all(norm, (size, kind, Kind::Float), case).iter().zip(&exact).enumerate()
                {
                    // Of the pictures' values few are so near 0 that rounding decides whether the rectifier lets them pass.
                    let apart = (found - exact).abs() / exact.abs().max();
                    let far = apart.gt(tolerance).sum(Kind::Int64).int64_value(&[]);
                    let allowed = if found.dim() == 4 { 1.max(found.numel() as i64 / 100_000) } else { 0 };
                    assert!(
                        far <= allowed,
                        "{size:?} {kind:?} {case:?} number {index}: {far} further than {tolerance}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_is_taken_at_once_where_that_can_be_done() {
        assert!([[8, 16, 8, 8], [1, 64, 1, 1], [2, 128, 3, 5]].iter().all(|size| suits(&drawn(*size, 1))));
        assert!([[3, 16, 1, 1], [2, 48, 4, 4]].iter().all(|size| !suits(&drawn(*size, 1))));
        let first = drawn([8, 16, 8, 8], 1);
        assert!(!suits(&first.contiguous()), "channels first");
        assert!(!suits(&first.to_kind(Kind::Double)));
    }

    #[test]
    fn threads_change_no_bit_and_what_is_no_number_stays_none() {
        let case = ([64, 16, 32, 32], Kind::BFloat16, Kind::Float);
        let several = all(norm, case, (true, 2));
        tch::set_num_threads(1);
        assert_eq!(several, all(norm, case, (true, 2)));
        let x = drawn([4, 16, 8, 8], 1).to_kind(Kind::BFloat16);
        let _ = x.get(0).get(3).get(2).get(2).fill_(f64::NAN);
        let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|number| vector(16, number));
        let y = norm(&x, [&scale, &shift, &mean, &variance.abs()], false, Then::Rectify);
        let lost = y.isnan().sum(Kind::Int64).int64_value(&[]);
        assert_eq!(lost, 1, "one value of one channel, by running statistics");
    }
}
