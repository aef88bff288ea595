//! Convolutions. On a CPU most of a residual network's are `conv.cpp`'s: in fp32 with AVX-512 those of 3x3 with stride 1, which then
//! need a quarter of the multiplications (docs/decisions/021), in bf16 with matrix tiles nearly all (022). The others are libtorch's.

use super::native;
use tch::{Device, Kind, Tensor};

/// Places of the input, of all pictures, from which laying the filters out anew pays.
const LEAST: i64 = 256;
/// The most numbers of pictures that lie side by side in a frame: threads keep such.
const FRAME: i64 = 8_000_000;

/// The convolution of `x` `[n, C, h, w]` with `weight` `[K, C, k, k]`.
pub(super) fn conv(x: &Tensor, weight: &Tensor, stride: i64, padding: i64) -> Tensor {
    if suits(x, weight, stride, padding) && gains(x.kind()) {
        return native::conv(x, weight, stride);
    }
    x.conv2d(weight, None::<&Tensor>, stride, padding, 1, 1)
}

/// Whether `conv.cpp` can take it: channels last, in whole vectors and tiles.
fn suits(x: &Tensor, weight: &Tensor, stride: i64, padding: i64) -> bool {
    let (size, of_weight) = (x.size(), weight.size());
    let (&[n, inputs, height, width], &[outputs, of, kernel, across]) = (&size[..], &of_weight[..]) else {
        return false;
    };
    let (lanes, step, shaped) = match x.kind() {
        Kind::Float => (16, 4, (kernel, stride) == (3, 1)),
        Kind::BFloat16 => (32, stride, [1, 3].contains(&kernel) && [1, 2].contains(&stride)),
        _ => return false,
    };
    // Pictures side by side make whole tiles of the rows of an output; odd widths need many.
    let beside = if x.kind() == Kind::Float { 1 } else { 32 >> (width / stride).trailing_zeros().min(4) };
    let last = |tensor: &Tensor| tensor.permute([0, 2, 3, 1]).is_contiguous();
    x.device() == Device::Cpu
        && weight.kind() == x.kind()
        && of == inputs
        && shaped
        && across == kernel
        && padding == kernel / 2
        && n * height * width >= LEAST
        && n >= beside
        && beside * height * width * inputs.max(outputs) <= FRAME
        && [inputs, outputs].iter().all(|channels| *channels > 0 && channels % lanes == 0)
        && [height, width].iter().all(|length| length % step == 0)
        && last(x)
        && last(weight)
}

/// Whether the processor has what `conv.cpp` needs for this kind of number.
fn gains(kind: Kind) -> bool {
    #[cfg(target_arch = "x86_64")]
    let vectors = std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512cd")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = false;
    vectors && (kind == Kind::Float || native::has_tiles())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    const KINDS: [Kind; 2] = [Kind::Float, Kind::BFloat16];

    /// A convolution: pictures, inputs and outputs; sides; kernel and stride.
    type Case = ([i64; 3], [i64; 2], [i64; 2]);

    /// What it is done with: input, weights, and the gradient by the output.
    struct Start {
        x: Tensor,
        weight: Tensor,
        upstream: Tensor,
        stride: i64,
    }

    type Way = fn(&Tensor, &Tensor, i64) -> Tensor;

    /// Values of deviation 1, channels last.
    fn drawn([n, c, h, w]: [i64; 4], kind: Kind, number: u64) -> Tensor {
        let mut random = Random::new(5, Purpose::Weights, (number, 0));
        let values: Vec<f32> = (0..n * c * h * w).map(|_| random.normal() as f32).collect();
        Tensor::from_slice(&values).view([n, h, w, c]).permute([0, 3, 1, 2]).to_kind(kind)
    }

    impl Start {
        fn new(([n, inputs, outputs], [h, w], [kernel, stride]): Case, kind: Kind) -> Self {
            let [x, weight, upstream] =
                [[n, inputs, h, w], [outputs, inputs, kernel, kernel], [n, outputs, h / stride, w / stride]];
            Self { x: drawn(x, kind, 1), weight: drawn(weight, kind, 2), upstream: drawn(upstream, kind, 3), stride }
        }

        /// The same in fp64.
        fn exact(&self) -> Self {
            let [x, weight, upstream] = [&self.x, &self.weight, &self.upstream].map(|t| t.to_kind(Kind::Double));
            Self { x, weight, upstream, stride: self.stride }
        }

        fn suits(&self) -> bool {
            suits(&self.x, &self.weight, self.stride, self.weight.size()[2] / 2)
        }

        /// Output and gradients by input and weights.
        fn all(&self, way: Way) -> [Tensor; 3] {
            let [x, weight] = [&self.x, &self.weight].map(|leaf| leaf.detach().set_requires_grad(true));
            let y = way(&x, &weight, self.stride);
            let total = (&y * &self.upstream).sum(y.kind());
            let [by_x, by_weight] = Tensor::run_backward(&[&total], &[&x, &weight], false, false).try_into().unwrap();
            [y.detach(), by_x, by_weight].map(|tensor| tensor.to_kind(Kind::Double))
        }
    }

    /// The kinds that the processor can do, with a word of those it can't.
    fn here() -> Vec<Kind> {
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| {
            for (kind, what) in KINDS.into_iter().zip(["AVX-512", "matrix tiles"]).filter(|(kind, _)| !gains(*kind)) {
                eprintln!("SKIPPED: no {what} here: convolutions of our own in {kind:?} are not looked at");
            }
        });
        KINDS.into_iter().filter(|kind| gains(*kind)).collect()
    }

    fn ours(x: &Tensor, weight: &Tensor, stride: i64) -> Tensor {
        native::conv(x, weight, stride)
    }

    fn torchs(x: &Tensor, weight: &Tensor, stride: i64) -> Tensor {
        x.conv2d(weight, None::<&Tensor>, stride, weight.size()[2] / 2, 1, 1)
    }

    fn agree(case: Case, kind: Kind, within: f64) {
        if !here().contains(&kind) {
            return;
        }
        let start = Start::new(case, kind);
        let (exact, found) = (start.exact().all(torchs), start.all(ours));
        for (what, (found, exact)) in ["output", "by input", "by weights"].iter().zip(found.iter().zip(&exact)) {
            assert_eq!(found.size(), exact.size());
            let error = (found - exact).abs().max().double_value(&[]) / exact.abs().max().double_value(&[]);
            assert!(error < within, "{case:?} {kind:?} {what}: {error:e}");
        }
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
            let case = (channels, sides, [3, 1]);
            assert_eq!(Start::new(case, Kind::Float).suits(), channels[0] * sides[0] * sides[1] >= LEAST, "{case:?}");
            agree(case, Kind::Float, 1e-5);
        }
    }

    /// Half of bf16's last place, and what sums in fp32 add to that.
    const WITHIN: f64 = 1.0 / 256.0 + 1e-4;

    #[test]
    fn those_in_bf16_are_as_exact_as_it_is() {
        // Rows of whole tiles, of half and quarter ones, of none; pictures that leave some beside one another without; one band
        // and many, sums that a thread's cache holds and not; parts of several bands, two stripes.
        let shapes = [
            ([1, 32, 32], [4, 4]),
            ([3, 32, 64], [8, 8]),
            ([5, 64, 96], [16, 12]),
            ([37, 96, 32], [6, 10]),
            ([9, 160, 256], [4, 4]),
            ([130, 64, 64], [2, 2]),
            ([9, 64, 64], [32, 32]),
            ([70, 256, 160], [16, 16]),
            ([35, 128, 32], [32, 32]),
            ([2000, 512, 64], [2, 2]),
        ];
        for channels_of_odd_sides in [[40, 32, 64], [3, 64, 32]] {
            for kernel in [1, 3] {
                agree((channels_of_odd_sides, [7, 9], [kernel, 1]), Kind::BFloat16, WITHIN);
            }
        }
        for (channels, sides) in shapes {
            for (kernel, stride) in [(3, 1), (3, 2), (1, 1), (1, 2)] {
                agree((channels, sides, [kernel, stride]), Kind::BFloat16, WITHIN);
            }
        }
    }

    #[test]
    fn it_is_taken_where_that_can_be_done() {
        for kind in KINDS {
            let Start { x, weight, .. } = Start::new(([8, 32, 64], [4, 8], [3, 1]), kind);
            assert!(suits(&x, &weight, 1, 1));
            assert!(!suits(&x.narrow(0, 0, 7), &weight, 1, 1), "few places");
            assert!(!suits(&x.contiguous(), &weight, 1, 1), "channels first");
            assert!(!suits(&x, &weight.contiguous(), 1, 1), "channels first");
            assert!(!suits(&x, &weight, 1, 0), "no padding");
            assert!(!suits(&x.to_kind(Kind::Double), &weight.to_kind(Kind::Double), 1, 1));
            assert!(!suits(&x, &weight.to_kind(Kind::Double), 1, 1));
            let tiles = kind == Kind::BFloat16;
            assert_eq!(suits(&x, &weight, 2, 1), tiles);
            assert!(!suits(&x, &weight, 3, 1));
            for (kernel, padding) in [(1, 0), (5, 2)] {
                assert_eq!(suits(&x, &drawn([64, 32, kernel, kernel], kind, 2), 1, padding), tiles && kernel == 1);
            }
        }
        for (kind, inputs, outputs, sides, stride) in [
            (Kind::Float, 3, 16, [8, 8], 1),
            (Kind::Float, 16, 10, [8, 8], 1),
            (Kind::Float, 16, 16, [6, 8], 1),
            (Kind::Float, 0, 16, [8, 8], 1),
            (Kind::BFloat16, 16, 32, [8, 8], 1),
            (Kind::BFloat16, 32, 48, [8, 8], 1),
            (Kind::BFloat16, 32, 32, [7, 8], 2),
        ] {
            let case = ([8, inputs, outputs], sides, [3, stride]);
            assert!(!Start::new(case, kind).suits(), "{kind:?} {case:?}");
        }
        assert!(!Start::new(([0, 32, 32], [8, 8], [3, 1]), Kind::Float).suits(), "no pictures");
        let odd = |n, sides| Start::new(([n, 32, 32], sides, [3, 1]), Kind::BFloat16).suits();
        assert!(odd(32, [7, 9]), "bf16 takes any sides");
        assert!(!odd(31, [7, 9]), "fewer pictures than lie side by side");
        assert!(!odd(32, [7, 1131]), "a large frame");
    }

    #[test]
    fn threads_change_no_bit_and_what_is_no_number_stays_none() {
        let shapes =
            [([8, 32, 32], [32, 32]), ([40, 256, 256], [8, 8]), ([65, 160, 160], [16, 16]), ([35, 128, 32], [32, 32])];
        for kind in here() {
            let mut cases = shapes.map(|(channels, sides)| (channels, sides, [3, 1])).to_vec();
            if kind == Kind::BFloat16 {
                cases.extend(shapes.map(|(channels, sides)| (channels, sides, [3, 2])));
            } else {
                cases.extend([([8, 16, 16], [32, 32], [3, 1]), ([65, 144, 160], [16, 16], [3, 1])]);
            }
            let starts: Vec<_> = cases.into_iter().map(|case| Start::new(case, kind)).collect();
            let by = |threads: i32| {
                tch::set_num_threads(threads);
                starts.iter().map(|start| start.all(ours)).collect::<Vec<_>>()
            };
            let before = tch::get_num_threads();
            let (several, one) = (by(3), by(1));
            tch::set_num_threads(before);
            assert_eq!(several, one);
            let Start { x, weight, .. } = &starts[0];
            let _ = x.get(3).get(7).get(9).get(17).fill_(f64::NAN);
            let lost = ours(x, weight, 1).isnan();
            assert!(lost.sum(Kind::Int64).int64_value(&[]) >= 32 * 9);
            let around = lost.get(3).narrow(1, 8, 3).narrow(2, 16, 3);
            assert_eq!(around.all().int64_value(&[]), 1, "all that the number weighs in");
            assert_eq!(lost.get(2).any().int64_value(&[]), 0, "another picture");
        }
    }

    #[test]
    fn what_needs_no_gradient_gets_none() {
        for kind in here() {
            let Start { x, weight, upstream, .. } = Start::new(([2, 32, 32], [16, 8], [3, 1]), kind);
            let exact = Start { x: x.copy(), weight: weight.copy(), upstream: upstream.copy(), stride: 1 }.all(torchs);
            for (k, (x, weight)) in
                [(x.copy().set_requires_grad(true), weight.copy()), (x.copy(), weight.copy().set_requires_grad(true))]
                    .iter()
                    .enumerate()
            {
                let y = ours(x, weight, 1);
                let total = (&y * &upstream).sum(Kind::Float);
                let gradient = Tensor::run_backward(&[total], &[if k == 0 { x } else { weight }], false, false);
                let (relative, absolute) = match kind {
                    Kind::Float => (1e-4, 1e-4),
                    _ => (0.02, 0.02 * exact[k + 1].abs().max().double_value(&[])),
                };
                let found = gradient[0].to_kind(Kind::Double);
                assert!(found.allclose(&exact[k + 1], relative, absolute, false), "{kind:?} {k}");
                assert!(!tch::no_grad(|| ours(x, weight, 1)).requires_grad());
            }
        }
    }

    #[test]
    fn several_threads_may_ask_at_once() {
        for kind in here() {
            let run = || Start::new(([40, 256, 256], [8, 8], [3, 1]), kind).all(ours);
            let alone = run();
            let together = std::thread::scope(|scope| {
                let each = [0, 1].map(|_| scope.spawn(run));
                each.map(|thread| thread.join().unwrap())
            });
            assert_eq!(together.each_ref(), [&alone, &alone]);
        }
    }
}
