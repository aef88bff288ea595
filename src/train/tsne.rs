//! t-SNE (van der Maaten and Hinton 2008): points in many dimensions are laid out in the plane so that neighbours stay neighbours.
//!
//! Neighbours are exact. The pull of neighbours is summed over them; the push of all others comes from a grid on the CPU
//! ([`field`]), and from all pairs on a GPU ([`exact`]). All is in fp32 but for sums over points.

mod affinity;
mod descent;
mod exact;
mod field;
mod neighbours;
mod quality;

pub use neighbours::{Neighbours, values};
pub use quality::quality;

use affinity::Affinities;
use descent::{Map, Phase, normaliser};
use field::{Field, Seen};
use mocolab::random::{Purpose, Random};
use tch::{Device, Kind, Tensor, no_grad};

/// At least so many neighbours are told of each point, where there are as many.
pub const VOTERS: usize = 20;
/// Dimensions that points are brought down to before neighbours are looked for.
pub const DIMENSIONS: i64 = 50;
/// The standard deviation that the first direction of a map begins with (Kobak and Berens 2019).
const SMALL: f64 = 1e-4;
/// What is drawn beside it, so that points in one place can part.
const DRAWN: f64 = 1e-6;
/// Neighbours find each other, then all spread.
const PHASES: [Phase; 2] = [
    Phase { steps: 250, exaggeration: 12.0, momentum: 0.5, rate: 1.0 / 12.0 },
    Phase { steps: 750, exaggeration: 1.0, momentum: 0.8, rate: 1.0 / 12.0 },
];

/// A map with what is known of it.
#[derive(Debug)]
pub struct Mapped {
    /// `[n, 2]`.
    pub points: Vec<[f32; 2]>,
    /// Neighbours in the features that were mapped.
    pub neighbours: Neighbours,
    /// As many of each were expected to count.
    pub perplexity: f64,
    /// The Kullback-Leibler divergence of the map, in nats. On the CPU its normaliser comes from the grid.
    pub divergence: f64,
}

/// Principal components of `x` `[n, d]`: the rows in the directions of greatest variance, at most `most` of them, `[n, ≤ most]`, centred; and the
/// share of the variance that they keep. Of each direction the greatest entry is positive.
pub fn principal(x: &Tensor, most: i64) -> (Tensor, f64) {
    no_grad(|| {
        let x = x.to_device(Device::Cpu).to_kind(Kind::Float);
        let [n, width] = x.size()[..] else { panic!("points are `[n, d]`, not `{:?}`", x.size()) };
        let x = &x - x.mean_dim([0].as_slice(), true, Kind::Float);
        let covariance = x.transpose(0, 1).matmul(&x).to_kind(Kind::Double) / n.max(1) as f64;
        let (variances, directions) = covariance.linalg_eigh("L");
        let count = most.min(width);
        let kept = directions.narrow(1, width - count, count).flip([1]);
        let (_, greatest) = kept.abs().max_dim(0, true);
        let kept = &kept * kept.gather(0, &greatest, false).sign();
        let sum = |variances: &Tensor| variances.clamp_min(0.0).sum(Kind::Double).double_value(&[]);
        let (part, all) = (sum(&variances.narrow(0, width - count, count)), sum(&variances));
        // Points in one place lose nothing.
        (x.matmul(&kept.to_kind(Kind::Float)), if all > 0.0 { part / all } else { 1.0 })
    })
}

/// The perplexity that a map of `n` points has where `wanted` is asked for: a third of the others at most.
pub fn perplexity(wanted: f64, n: usize) -> f64 {
    wanted.min((n - 1) as f64 / 3.0)
}

/// Maps the rows of `x` `[n, d]`, principal components first, n above 3: laid out like `from` where that is the map of the same rows before, else
/// like the first two components. `perplexity` is brought down to a third of the points where it is more.
///
/// On the CPU the same `x`, `from`, `perplexity`, `seed` and number of threads give the same bits.
pub fn map(x: &Tensor, from: Option<&[[f32; 2]]>, (perplexity, seed): (f64, u64), device: Device) -> Mapped {
    let n = x.size()[0] as usize;
    assert!(n > 3, "a map of {n} points");
    let perplexity = self::perplexity(perplexity, n);
    let k = ((3.0 * perplexity).ceil() as usize).min(n - 1);
    let neighbours = Neighbours::find(&x.to_device(Device::Cpu), k.max(VOTERS).min(n - 1));
    let affinities = Affinities::new(&neighbours, (k, perplexity));
    // That of earlier features begins small too: from its full size points could not pass each other any more.
    let before = from.filter(|from| from.len() == n).map(|from| Tensor::from_slice(from.as_flattened()).view([-1, 2]));
    let start = begin(before.as_ref().unwrap_or(x), seed);
    let pairs = (device.is_cuda() && n <= exact::MOST).then(|| {
        // Where the GPU has no room beside the training, the CPU has.
        crate::caught(|| Ok(exact::descend(&affinities, &start, &PHASES, device))).ok()
    });
    let (points, sum) = pairs.flatten().unwrap_or_else(|| {
        let (mut map, mut field) = (Map::new(start), Field::new());
        for phase in PHASES {
            map.descend(&affinities, &mut field, phase);
        }
        let sum = normaliser(&mut field, &map.points, &mut vec![Seen::default(); n]);
        (map.points, sum)
    });
    let divergence = affinities.divergence(&points, sum);
    Mapped { points, neighbours, perplexity, divergence }
}

/// The first two columns of `x`, small, with a little drawn beside them.
fn begin(x: &Tensor, seed: u64) -> Vec<[f32; 2]> {
    let width = x.size()[1].min(2);
    let first = x.to_device(Device::Cpu).narrow(1, 0, width);
    let deviation = first.narrow(1, 0, 1).std(false).double_value(&[]);
    // Points in one place begin there.
    let scale = if deviation > f64::from(f32::MIN_POSITIVE) { SMALL / deviation } else { 0.0 };
    let values = values(&(first * scale));
    let mut random = Random::new(seed, Purpose::Map, (0, 0));
    let mut drawn = || (random.normal() * DRAWN) as f32;
    let place = |row: &[f32]| [row[0] + drawn(), row.get(1).copied().unwrap_or(0.0) + drawn()];
    values.chunks(width as usize).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(n: i64, width: i64) -> Tensor {
        let mut random = Random::new(7, Purpose::Weights, (0, 0));
        let rows: Vec<f32> = (0..n * width).map(|at| random.normal() as f32 * (1 + at % width) as f32).collect();
        Tensor::from_slice(&rows).view([n, width])
    }

    #[test]
    fn components_are_ordered_by_their_variance_and_keep_distances() {
        let x = drawn(200, 6);
        let (all, share) = principal(&x, 50);
        assert_eq!((all.size(), (share - 1.0).abs() < 1e-9), (vec![200, 6], true));
        let before = x.pdist(2.0);
        assert!((all.pdist(2.0) - &before).abs().max().double_value(&[]) < 1e-3);
        let (two, share) = principal(&x, 2);
        let variance = |x: &Tensor| x.var_dim([0].as_slice(), false, false).sum(Kind::Double).double_value(&[]);
        assert!((variance(&two) / variance(&x) - share).abs() < 1e-5 && share < 0.9, "{share}");
        assert_eq!(two, all.narrow(1, 0, 2));
    }

    /// Points in five clusters, by turns.
    fn clusters(n: i64) -> Tensor {
        let far = Tensor::eye(5, (Kind::Float, Device::Cpu)) * 30.0;
        drawn(n, 5) + far.repeat([n / 5, 1])
    }

    #[test]
    fn a_map_depends_on_its_seed_and_lies_like_the_one_before() {
        let (x, _) = principal(&clusters(300), DIMENSIONS);
        let of = |from: Option<&[[f32; 2]]>, seed| map(&x, from, (15.0, seed), Device::Cpu);
        let first = of(None, 1);
        assert_eq!(first.points, of(None, 1).points);
        assert_ne!(first.points, of(None, 2).points);
        assert!(first.divergence > 0.0 && first.divergence < 1.5, "{}", first.divergence);
        let quality = quality(&x, &first.points).unwrap();
        assert!(quality.trustworthiness > 0.9, "{quality:?}");
        let centres = |points: &[[f32; 2]]| {
            let centre = |cluster: usize| {
                let own = points.iter().skip(cluster).step_by(5);
                [0, 1].map(|axis| own.clone().map(|point| point[axis]).sum::<f32>() / 60.0)
            };
            [0, 1, 2, 3, 4].map(centre)
        };
        let apart = |a: &[[f32; 2]; 5], b: &[[f32; 2]; 5]| {
            a.iter().zip(b).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum::<f32>() / 5.0
        };
        // Turned about: from the components it would lie as it did at first.
        let turned: Vec<[f32; 2]> = first.points.iter().map(|[x, y]| [-x, -y]).collect();
        let (here, there) = (centres(&turned), centres(&of(Some(&turned), 1).points));
        let span = apart(&here, &[[0.0; 2]; 5]);
        assert!(apart(&here, &there) < span / 2.0, "{here:?} {there:?}");
        assert!(apart(&centres(&first.points), &there) > span, "it follows the one before, not the components");
        // That of other rows is no beginning.
        assert_eq!(of(Some(&first.points[..10]), 1).points, first.points);
    }

    #[test]
    fn few_points_that_are_all_neighbours_part_in_the_end() {
        // Exaggerated, the pull of so many of so few is stronger than all pushes.
        for (n, perplexity) in [(120, 30.0), (40, 12.0), (300, 30.0)] {
            let mapped = map(&drawn(n, 20), None, (perplexity, 1), Device::Cpu);
            let places: std::collections::BTreeSet<[u32; 2]> =
                mapped.points.iter().map(|point| point.map(f32::to_bits)).collect();
            let far = mapped.points.iter().flatten().fold(0_f32, |far, at| far.max(at.abs()));
            assert!(
                places.len() as i64 > n * 9 / 10 && (1.0..100.0).contains(&far),
                "{n}: {} places, {far}",
                places.len()
            );
        }
    }

    #[test]
    fn few_points_have_a_map_too_and_points_in_one_place() {
        for n in [4, 7, 30] {
            let mapped = map(&drawn(n, 3), None, (30.0, 1), Device::Cpu);
            assert!(mapped.points.iter().flatten().all(|at| at.is_finite()), "{n}");
        }
        let mapped = map(&Tensor::zeros([50, 3], (Kind::Float, Device::Cpu)), None, (30.0, 1), Device::Cpu);
        assert!(mapped.points.iter().flatten().all(|at| at.is_finite()));
    }
}
