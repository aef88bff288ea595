//! Convolutions. On a CPU with AVX-512 those of 3x3 with stride 1 are `conv.cpp`'s, which needs a quarter of the
//! multiplications; all others are libtorch's (docs/decisions/021).

use super::native;
use tch::{Device, Kind, Tensor};

/// Channels that `conv.cpp` takes at a time.
const LANES: i64 = 16;
/// Rows and columns of a tile.
const TILE: i64 = 4;
/// Tiles from which the transform of the filters pays.
const TILES: i64 = 16;

/// The convolution of `x` `[n, C, h, w]` with `weight` `[K, C, k, k]`.
pub(super) fn conv(x: &Tensor, weight: &Tensor, stride: i64, padding: i64) -> Tensor {
    if (stride, padding) == (1, 1) && suits(x, weight) && gains() {
        return native::conv(x, weight);
    }
    x.conv2d(weight, None::<&Tensor>, stride, padding, 1, 1)
}

/// Whether `conv.cpp` can take it: channels last, in whole vectors and tiles.
fn suits(x: &Tensor, weight: &Tensor) -> bool {
    let (size, of_weight) = (x.size(), weight.size());
    let (&[n, inputs, height, width], &[outputs, of, 3, 3]) = (&size[..], &of_weight[..]) else { return false };
    let last = |tensor: &Tensor, [c, h, w]: [i64; 3]| tensor.stride() == [c * h * w, 1, c * w, c];
    x.device() == Device::Cpu
        && x.kind() == Kind::Float
        && weight.kind() == x.kind()
        && of == inputs
        && n * height * width >= TILES * TILE * TILE
        && [inputs, outputs].iter().all(|channels| channels % LANES == 0)
        && [height, width].iter().all(|side| side % TILE == 0)
        && last(x, [inputs, height, width])
        && last(weight, [inputs, 3, 3])
}

/// Whether the processor has the vectors that `conv.cpp` is written for.
fn gains() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512cd")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    /// Values of deviation 1, channels last.
    fn drawn([n, c, h, w]: [i64; 4], number: u64) -> Tensor {
        let mut random = Random::new(5, Purpose::Weights, (number, 0));
        let values: Vec<f32> = (0..n * c * h * w).map(|_| random.normal() as f32).collect();
        Tensor::from_slice(&values).view([n, h, w, c]).permute([0, 3, 1, 2])
    }

    /// Output and gradients by input and weights, in fp64.
    fn all(make: fn(&Tensor, &Tensor) -> Tensor, [x, weight, upstream]: [&Tensor; 3]) -> [Tensor; 3] {
        let [x, weight] = [x, weight].map(|leaf| leaf.detach().set_requires_grad(true));
        let y = make(&x, &weight);
        let total = (&y * upstream).sum(y.kind());
        let [by_x, by_weight] = Tensor::run_backward(&[&total], &[&x, &weight], false, false).try_into().unwrap();
        [y.detach(), by_x, by_weight].map(|tensor| tensor.to_kind(Kind::Double))
    }

    /// Ours; libtorch's, with a word, where the processor has no such vectors.
    fn ours(x: &Tensor, weight: &Tensor) -> Tensor {
        static SAID: std::sync::Once = std::sync::Once::new();
        if gains() {
            return native::conv(x, weight);
        }
        SAID.call_once(|| eprintln!("SKIPPED: no AVX-512 here: convolutions of our own are not looked at"));
        torchs(x, weight)
    }

    fn torchs(x: &Tensor, weight: &Tensor) -> Tensor {
        x.conv2d(weight, None::<&Tensor>, 1, 1, 1, 1)
    }

    fn start([n, inputs, outputs]: [i64; 3], [h, w]: [i64; 2]) -> [Tensor; 3] {
        [drawn([n, inputs, h, w], 1), drawn([outputs, inputs, 3, 3], 2), drawn([n, outputs, h, w], 3)]
    }

    #[test]
    fn output_and_gradients_are_those_of_torch() {
        // One tile, a row and a column of tiles, tiles that fill no block, more inputs than outputs and fewer, channels that
        // make one vector, three and four, and so many that all threads work on one stage: of a stretch, of several, of two stripes.
        let cases = [
            ([1, 16, 16], [4, 4]),
            ([3, 16, 48], [4, 20]),
            ([2, 48, 32], [12, 4]),
            ([37, 16, 16], [32, 32]),
            ([5, 64, 64], [16, 8]),
            ([9, 128, 128], [8, 8]),
            ([3, 256, 160], [8, 12]),
            ([33, 96, 512], [4, 4]),
            ([36, 160, 144], [8, 8]),
            ([65, 144, 160], [16, 16]),
        ];
        for (channels, sides) in cases {
            let given = start(channels, sides);
            let tiles = channels[0] * sides[0] * sides[1] / 16;
            assert_eq!(suits(&given[0], &given[1]), tiles >= TILES, "{channels:?}");
            let exact = all(torchs, given.each_ref().map(|tensor| tensor.to_kind(Kind::Double)).each_ref());
            let found = all(ours, given.each_ref());
            for (what, (found, exact)) in ["output", "by input", "by weights"].iter().zip(found.iter().zip(&exact)) {
                assert_eq!(found.size(), exact.size());
                let error = (found - exact).abs().max().double_value(&[]) / exact.abs().max().double_value(&[]);
                assert!(error < 1e-5, "{channels:?} {sides:?} {what}: {error:e}");
            }
        }
    }

    #[test]
    fn it_is_taken_where_that_can_be_done() {
        let [x, weight, _] = start([8, 16, 32], [8, 4]);
        assert!(suits(&x, &weight));
        assert!(!suits(&x.narrow(0, 0, 7), &weight), "few tiles");
        assert!(!suits(&x.contiguous(), &weight), "channels first");
        assert!(!suits(&x, &weight.contiguous()), "channels first");
        assert!(!suits(&x, &drawn([32, 16, 1, 1], 2)), "1x1");
        assert!(!suits(&x.to_kind(Kind::Double), &weight.to_kind(Kind::Double)));
        for (channels, sides) in
            [([8, 3, 16], [8, 8]), ([8, 16, 10], [8, 8]), ([8, 16, 16], [6, 8]), ([0, 16, 16], [8, 8])]
        {
            let [x, weight, _] = start(channels, sides);
            assert!(!suits(&x, &weight), "{channels:?} {sides:?}");
        }
    }

    #[test]
    fn threads_change_no_bit_and_what_is_no_number_stays_none() {
        let cases = [([8, 16, 16], [32, 32]), ([40, 256, 256], [8, 8]), ([65, 144, 160], [16, 16])];
        let starts = cases.map(|(channels, sides)| start(channels, sides));
        let by = |threads: i32| {
            tch::set_num_threads(threads);
            starts.each_ref().map(|given| all(ours, given.each_ref()))
        };
        let before = tch::get_num_threads();
        let (several, one) = (by(3), by(1));
        tch::set_num_threads(before);
        assert_eq!(several, one);
        let [x, weight, _] = &starts[0];
        let _ = x.get(3).get(7).get(9).get(17).fill_(f64::NAN);
        let lost = ours(x, weight).isnan();
        assert!(lost.sum(Kind::Int64).int64_value(&[]) >= 16 * 9);
        let around = lost.get(3).narrow(1, 8, 3).narrow(2, 16, 3);
        assert_eq!(around.all().int64_value(&[]), 1, "all that the number weighs in");
        assert_eq!(lost.get(2).any().int64_value(&[]), 0, "another picture");
    }

    #[test]
    fn what_needs_no_gradient_gets_none() {
        let [x, weight, upstream] = start([2, 16, 16], [8, 8]);
        let weight = weight.set_requires_grad(true);
        let y = ours(&x, &weight);
        let gradient = Tensor::run_backward(&[(&y * &upstream).sum(Kind::Float)], &[&weight], false, false);
        assert!(gradient[0].allclose(
            &all(torchs, [&x, &weight, &upstream])[2].to_kind(Kind::Float),
            1e-4,
            1e-4,
            false
        ));
        assert!(!tch::no_grad(|| ours(&x, &weight)).requires_grad());
        let (x, weight) = (x.set_requires_grad(true), weight.detach());
        let y = ours(&x, &weight);
        let by_input = Tensor::run_backward(&[(&y * &upstream).sum(Kind::Float)], &[&x], false, false);
        let exact = all(torchs, [&x, &weight, &upstream])[1].to_kind(Kind::Float);
        assert!(by_input[0].allclose(&exact, 1e-4, 1e-4, false));
    }

    #[test]
    fn several_threads_may_ask_at_once() {
        let run = || all(ours, start([40, 256, 256], [8, 8]).each_ref());
        let alone = run();
        let together = std::thread::scope(|scope| {
            let each = [0, 1].map(|_| scope.spawn(run));
            each.map(|thread| thread.join().unwrap())
        });
        assert_eq!(together.each_ref(), [&alone, &alone]);
    }
}
