//! How true a map is to what it maps.

use super::neighbours::values;
use rayon::prelude::*;
use tch::Tensor;

/// Neighbours whose ranks trustworthiness looks at (Venna and Kaski 2001).
pub const TRUSTED: usize = 12;
/// Neighbours that are to be found again.
pub const RECALLED: usize = 10;
/// Points that are looked at, evenly spread over all; the measures are means over them.
const LOOKED_AT: usize = 2000;

/// Two measures from 0 to 1, the higher the better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// 1 less a measure of how far away in the features those are that are neighbours in the map (Venna and Kaski 2001), 12
    /// neighbours.
    pub trustworthiness: f64,
    /// The share of the ten nearest in the features that are among the ten nearest in the map.
    pub recall: f64,
}

/// How true the map `points` is to the features `x` `[n, d]` (fp32, on the CPU), n above 20; none for fewer. Means over at most 2,000
/// points, evenly spread.
pub fn quality(x: &Tensor, points: &[[f32; 2]]) -> Option<Quality> {
    let n = points.len();
    if n <= 2 * RECALLED.max(TRUSTED) {
        return None;
    }
    let stride = n.div_ceil(LOOKED_AT);
    let looked_at: Vec<usize> = (0..n).step_by(stride).collect();
    let rows = Tensor::from_slice(&looked_at.iter().map(|row| *row as i64).collect::<Vec<_>>());
    let halves = values(&(x.square().sum_dim_intlist([1].as_slice(), false, tch::Kind::Float) * 0.5));
    let turned = x.transpose(0, 1);
    let (mut penalty, mut found) = (0, 0);
    for (block, rows) in looked_at.chunks(256).zip(rows.split(256, 0)) {
        let products = values(&x.index_select(0, &rows).matmul(&turned));
        let each = products.par_chunks(n).zip(block).map(|(products, own)| {
            let far: Vec<f32> = halves.iter().zip(products).map(|(half, product)| half - product).collect();
            let there: Vec<f32> = points
                .iter()
                .map(|point| (point[0] - points[*own][0]).powi(2) + (point[1] - points[*own][1]).powi(2))
                .collect();
            let near = nearest(&far, *own, RECALLED);
            let shown = nearest(&there, *own, TRUSTED);
            let again = shown.iter().take(RECALLED).filter(|row| near.contains(row)).count();
            let rank = |row: &usize| {
                far.iter().enumerate().filter(|(other, value)| *other != *own && **value < far[*row]).count() + 1
            };
            let penalty: usize = shown.iter().map(|row| rank(row).saturating_sub(TRUSTED)).sum();
            (penalty, again)
        });
        for (more, again) in each.collect::<Vec<_>>() {
            penalty += more;
            found += again;
        }
    }
    let count = looked_at.len() as f64;
    let most = count * TRUSTED as f64 * (2 * n - 3 * TRUSTED - 1) as f64 / 2.0;
    Some(Quality { trustworthiness: 1.0 - penalty as f64 / most, recall: found as f64 / (count * RECALLED as f64) })
}

/// The places of the `k` least of `values` without `own`, least first.
fn nearest(values: &[f32], own: usize, k: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).filter(|place| *place != own).collect();
    let by = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]).then(a.cmp(b));
    places.select_nth_unstable_by(k - 1, by);
    places.truncate(k);
    places.sort_unstable_by(by);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    fn drawn(n: usize) -> (Tensor, Vec<[f32; 2]>) {
        let mut random = Random::new(1, Purpose::Weights, (0, 0));
        let points: Vec<[f32; 2]> = (0..n).map(|_| [0, 1].map(|_| random.normal() as f32)).collect();
        (Tensor::from_slice(points.as_flattened()).view([n as i64, 2]), points)
    }

    #[test]
    fn a_map_of_the_plane_is_true_and_a_shuffled_one_is_not() {
        let (x, points) = drawn(300);
        let same = quality(&x, &points).unwrap();
        assert!(same.trustworthiness > 0.9999 && same.recall > 0.99, "{same:?}");
        let mut shuffled = points;
        shuffled.rotate_right(37);
        let bad = quality(&x, &shuffled).unwrap();
        assert!(bad.trustworthiness < 0.6 && bad.recall < 0.1, "{bad:?}");
        assert_eq!(quality(&drawn(24).0, &drawn(24).1), None);
    }

    /// scikit-learn's `trustworthiness(x, y, n_neighbors=12)` of x = 40 points i, i² / 40 and y = (√(7919 i mod 1009), √(104729 i mod 997)).
    #[test]
    fn trustworthiness_is_that_of_scikit_learn() {
        let x: Vec<f32> = (0..40).flat_map(|i| [i as f32, (i * i) as f32 / 40.0]).collect();
        let points: Vec<[f32; 2]> =
            (0..40_u32).map(|i| [i * 7919 % 1009, i * 104_729 % 997].map(|at| (at as f32).sqrt())).collect();
        let quality = quality(&Tensor::from_slice(&x).view([40, 2]), &points).unwrap();
        assert!((quality.trustworthiness - GOLDEN).abs() < 1e-9, "{quality:?}");
    }

    const GOLDEN: f64 = 0.554_263_565_891_472_9;
}
