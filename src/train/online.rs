//! What features are worth without training anything on them: the answers of their nearest neighbours, and how they lie
//! on the sphere. Pure functions of tensors on any device; which features, and when, is the caller's matter.

use tch::{Kind, Tensor, no_grad};

/// Most bytes of similarities, and of votes, that are held at a time.
const ROOM: i64 = 64 << 20;
/// Rows that [`Geometry::uniformity`] looks at: two million pairs.
const PAIRED_ROWS: i64 = 2048;
/// What is added to each share of the singular values, against the logarithm of 0 (Garrido et al. 2023, equation 1).
const RANK_EPSILON: f64 = 1e-7;

/// How features lie on the sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// √d times the standard deviation of the l2-normalised features, mean over the dimensions (Chen and He 2021,
    /// section 4.1): about 1 where they point everywhere, 0 where they have collapsed into one point.
    pub spread: f64,
    /// `RankMe`, the exponential of the entropy of the singular values' shares (Garrido et al. 2023, equation 1), of the
    /// features as they are, neither normalised nor centred, as in the paper: from 1 to the smaller of n and d.
    pub rank: f64,
    /// ln E exp(-2 ‖x - y‖²) over the distinct pairs of the first 2,048 l2-normalised features (Wang and Isola 2020,
    /// equation 5, t = 2): from -4 at best in many dimensions to 0 where all are equal. NaN for fewer than two.
    pub uniformity: f64,
}

/// The classes `[n]` (int64) that weighted nearest neighbours give to `queries` `[n, d]` (Wu et al. 2018, section 3.4):
/// of the `k` rows of `bank` `[m, d]`, m at least 1, with the highest cosine similarity, each votes for its class in `labels` `[m]`
/// (int64) with weight exp(cosine / temperature). Features may have any length and floating-point format.
///
/// A `k` above m is m. Of equal similarities the lower row of the bank is nearer; of equal votes the lower class wins.
pub fn nearest(bank: &Tensor, labels: &Tensor, queries: &Tensor, (k, temperature, classes): (i64, f64, i64)) -> Tensor {
    let rows = bank.size()[0];
    let k = k.min(rows);
    // Votes are f64.
    let chunk = (ROOM / (4 * rows).max(8 * k * classes)).max(1);
    no_grad(|| {
        let columns = normalised(bank, Kind::Float).transpose(0, 1);
        let every_class = Tensor::arange(classes, (Kind::Int64, bank.device()));
        let answer = |queries: Tensor| {
            let (cosines, rows) = highest(&queries.matmul(&columns), k);
            let cosines = cosines.to_kind(Kind::Double);
            // Over the nearest one's, so that a low temperature neither overflows nor loses all votes.
            let weights: Tensor = (&cosines - cosines.amax([1].as_slice(), true)) / temperature;
            let ballots = labels.index_select(0, &rows.flatten(0, 1)).view([-1, k, 1]).eq_tensor(&every_class);
            weights.exp().unsqueeze(1).bmm(&ballots.to_kind(Kind::Double)).squeeze_dim(1).argmax(1, false)
        };
        let parts: Vec<Tensor> = normalised(queries, Kind::Float).split(chunk, 0).into_iter().map(answer).collect();
        Tensor::cat(&parts, 0)
    })
}

/// How `features` `[n, d]` lie.
pub fn geometry(features: &Tensor) -> Geometry {
    no_grad(|| {
        let unit = normalised(features, Kind::Double);
        let [rows, width] = unit.size()[..] else { panic!("features are `[n, d]`, not `{:?}`", unit.size()) };
        let deviations = unit.std_dim([0].as_slice(), false, false);
        let distances = unit.narrow(0, 0, rows.min(PAIRED_ROWS)).pdist(2.0);
        Geometry {
            spread: deviations.mean(Kind::Double).double_value(&[]) * (width as f64).sqrt(),
            rank: effective_rank(&features.to_kind(Kind::Double)),
            uniformity: (distances.square() * -2.0).exp().mean(Kind::Double).log().double_value(&[]),
        }
    })
}

/// Rows of length 1, in the format `kind`.
pub fn normalised(features: &Tensor, kind: Kind) -> Tensor {
    let features = features.detach().to_kind(kind);
    let lengths = features.norm_scalaropt_dim(2.0, [1].as_slice(), true);
    features / lengths.clamp_min(1e-12)
}

/// The `k` highest values of each row of `values` `[n, m]` and their columns, both `[n, k]`; of equal values those in the
/// lower columns. libtorch's own `topk` takes any of them.
fn highest(values: &Tensor, k: i64) -> (Tensor, Tensor) {
    let columns = values.size()[1];
    if k == columns {
        return (values.shallow_clone(), Tensor::arange(k, (Kind::Int64, values.device())).expand_as(values));
    }
    let (top, places) = values.topk(k + 1, 1, true, true);
    let last = top.narrow(1, k - 1, 1);
    // Only where the last that is in equals the first that is out does it matter which ones were taken.
    let unclear = last.eq_tensor(&top.narrow(1, k, 1)).view(-1).nonzero().view(-1);
    let places = places.narrow(1, 0, k).contiguous();
    if unclear.numel() == 0 {
        return (top.narrow(1, 0, k), places);
    }
    let (last, rows) = (last.index_select(0, &unclear), values.index_select(0, &unclear));
    let order = Tensor::arange(columns, (Kind::Int, values.device())).neg();
    let below = order.full_like(-columns);
    let order = order.where_self(&rows.eq_tensor(&last), &below).masked_fill(&rows.gt_tensor(&last), 1);
    let places = places.index_copy(0, &unclear, &order.topk(k, 1, true, false).1);
    (values.gather(1, &places, false), places)
}

/// The singular values are the roots of the eigenvalues of the smaller of `XᵀX` and `XXᵀ`, which in f64 is several times as fast
/// as a singular value decomposition of X and moves the rank by less than 1e-4 of itself.
fn effective_rank(features: &Tensor) -> f64 {
    let [rows, width] = features.size()[..] else { panic!("features are `[n, d]`, not `{:?}`", features.size()) };
    let other = features.transpose(0, 1);
    let products = if rows < width { features.matmul(&other) } else { other.matmul(features) };
    if products.isfinite().all().int64_value(&[]) == 0 {
        return f64::NAN;
    }
    // GPUs solve small eigenvalue problems no faster, and with a library of their own.
    let singular = products.to_device(tch::Device::Cpu).linalg_eigvalsh("L").clamp_min(0.0).sqrt();
    let shares: Tensor = &singular / singular.sum(Kind::Double).clamp_min(f64::MIN_POSITIVE) + RANK_EPSILON;
    (-(shares.log() * &shares).sum(Kind::Double)).exp().double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};
    use tch::Device;

    type Rows = Vec<Vec<f64>>;

    /// Normal features that fp32 holds exactly.
    fn drawn(rows: usize, width: usize, seed: u64) -> Rows {
        let mut random = Random::new(seed, Purpose::Weights, (0, 0));
        (0..rows).map(|_| (0..width).map(|_| f64::from(random.normal() as f32)).collect()).collect()
    }

    fn tensor(rows: &Rows) -> Tensor {
        Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1]).to_kind(Kind::Float)
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn unit(rows: &Rows) -> Rows {
        rows.iter().map(|row| row.iter().map(|x| x / dot(row, row).sqrt().max(1e-12)).collect()).collect()
    }

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
    }

    fn slow_nearest(
        bank: &Rows,
        labels: &[i64],
        queries: &Rows,
        (k, temperature, classes): (i64, f64, i64),
    ) -> Vec<i64> {
        let (bank, mut answers) = (unit(bank), Vec::new());
        for query in unit(queries) {
            let mut order: Vec<(f64, i64)> = bank.iter().zip(labels).map(|(row, c)| (dot(row, &query), *c)).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0)); // stable
            let mut votes = vec![0.0; classes as usize];
            for (cosine, class) in order.iter().take(k as usize) {
                votes[*class as usize] += ((cosine - order[0].0) / temperature).exp();
            }
            // The lowest class of the most votes.
            let most = (0..votes.len()).rev().max_by(|a, b| votes[*a].total_cmp(&votes[*b]));
            answers.push(most.unwrap() as i64);
        }
        answers
    }

    fn fast_nearest(bank: &Rows, labels: &[i64], queries: &Rows, settings: (i64, f64, i64)) -> Vec<i64> {
        let answers = nearest(&tensor(bank), &Tensor::from_slice(labels), &tensor(queries), settings);
        Vec::try_from(answers).unwrap()
    }

    /// Singular values by the one-sided Jacobi method (Hestenes 1958): columns are turned until all are orthogonal.
    fn slow_rank(rows: &Rows) -> f64 {
        let (n, d) = (rows.len(), rows[0].len());
        let column = |j: usize| rows.iter().map(|row| row[j]).collect::<Vec<f64>>();
        let mut columns: Rows = if n < d { rows.clone() } else { (0..d).map(column).collect() };
        for _ in 0..60 {
            for i in 0..columns.len() {
                for j in 0..i {
                    let (a, b) = (columns[i].clone(), columns[j].clone());
                    let angle = 0.5 * (2.0 * dot(&a, &b)).atan2(dot(&a, &a) - dot(&b, &b));
                    let (sine, cosine) = angle.sin_cos();
                    columns[i] = a.iter().zip(&b).map(|(a, b)| cosine * a + sine * b).collect();
                    columns[j] = a.iter().zip(&b).map(|(a, b)| cosine * b - sine * a).collect();
                }
            }
        }
        let singular: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
        let sum: f64 = singular.iter().sum();
        let entropy: f64 = singular.iter().map(|s| s / sum + 1e-7).map(|p| -p * p.ln()).sum();
        entropy.exp()
    }

    fn slow_geometry(rows: &Rows) -> Geometry {
        let (unit, n, d) = (unit(rows), rows.len() as f64, rows[0].len());
        let deviation = |j: usize| {
            let mean = unit.iter().map(|row| row[j]).sum::<f64>() / n;
            (unit.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / n).sqrt()
        };
        let pairs = (0..rows.len().min(2048)).flat_map(|i| (0..i).map(move |j| (i, j)));
        let nearness: Vec<f64> = pairs.map(|(i, j)| (-2.0 * apart(&unit[i], &unit[j])).exp()).collect();
        Geometry {
            spread: (0..d).map(deviation).sum::<f64>() / d as f64 * (d as f64).sqrt(),
            rank: slow_rank(rows),
            uniformity: (nearness.iter().sum::<f64>() / nearness.len() as f64).ln(),
        }
    }

    fn assert_near(got: Geometry, want: Geometry, case: &str) {
        assert!((got.spread - want.spread).abs() < 1e-6, "{case}: {got:?} {want:?}");
        assert!((got.rank / want.rank - 1.0).abs() < 1e-4, "{case}: {got:?} {want:?}");
        assert!((got.uniformity - want.uniformity).abs() < 1e-6, "{case}: {got:?} {want:?}");
    }

    #[test]
    fn neighbours_answer_as_the_slow_loops_do() {
        // The last takes several chunks.
        let shapes = [
            (1, 1, 1, 1, 2),
            (7, 3, 2, 5, 3),
            (50, 20, 8, 200, 4),
            (400, 150, 16, 20, 10),
            (100, 200, 6, 99, 1000),
            (3001, 40, 5, 7, 3),
        ];
        for (m, n, d, k, classes) in shapes {
            let (bank, queries) = (drawn(m, d, 1), drawn(n, d, 2));
            let mut random = Random::new(3, Purpose::Weights, (0, 0));
            let labels: Vec<i64> = (0..m).map(|_| random.below(classes) as i64).collect();
            for temperature in [0.001, 0.07, 1.0] {
                let settings = (k, temperature, classes as i64);
                let want = slow_nearest(&bank, &labels, &queries, settings);
                assert_eq!(fast_nearest(&bank, &labels, &queries, settings), want, "{m} {n} {d} {settings:?}");
            }
        }
    }

    #[test]
    fn of_equal_neighbours_the_lower_rows_and_of_equal_votes_the_lower_class_count() {
        // Rows along the axes, so that similarities are exactly 0 or 1; each fourth is the query's.
        let axis = |j: usize| (0..4).map(|k| f64::from(u8::from(k == j))).collect::<Vec<f64>>();
        let bank: Rows = (0..3000).map(|row| axis(row % 4)).collect();
        let mut random = Random::new(1, Purpose::Weights, (0, 0));
        let labels: Vec<i64> = (0..3000).map(|_| random.below(3) as i64).collect();
        let queries: Rows = (0..4).map(axis).collect();
        for k in [1, 2, 3, 10, 749, 750, 751, 900, 2999, 3000, 9000] {
            for temperature in [0.07, 5.0] {
                let settings = (k, temperature, 3);
                let want = slow_nearest(&bank, &labels, &queries, settings);
                assert_eq!(fast_nearest(&bank, &labels, &queries, settings), want, "{settings:?}");
            }
        }
        let tied = fast_nearest(&queries, &[2, 1, 1, 0], &vec![vec![1.0, 1.0, 0.0, 0.0]], (2, 0.07, 3));
        assert_eq!(tied, [1]);
    }

    #[test]
    fn lengths_and_formats_do_not_matter_to_neighbours() {
        let (bank, queries) = (tensor(&drawn(300, 8, 1)), tensor(&drawn(50, 8, 2)));
        let labels = Tensor::arange(300, (Kind::Int64, Device::Cpu)).fmod(5);
        let answers = nearest(&bank, &labels, &queries, (10, 0.1, 5));
        assert_eq!((answers.kind(), answers.size()), (Kind::Int64, vec![50]));
        let longer = (&bank * 1024.0).to_kind(Kind::Double).set_requires_grad(true);
        assert_eq!(nearest(&longer, &labels, &(&queries * 0.125), (10, 0.1, 5)), answers);
    }

    #[test]
    fn geometry_is_that_of_the_slow_loops() {
        for (n, d) in [(2, 1), (2, 3), (5, 2), (3, 9), (40, 7), (30, 30), (64, 16)] {
            let rows = drawn(n, d, n as u64);
            assert_near(geometry(&tensor(&rows)), slow_geometry(&rows), &format!("{n} {d}"));
        }
        // Three dimensions of twelve, up to rounding.
        let (few, basis) = (drawn(50, 3, 1), drawn(12, 3, 2));
        let flat: Rows = few.iter().map(|row| basis.iter().map(|b| f64::from(dot(row, b) as f32)).collect()).collect();
        assert_near(geometry(&tensor(&flat)), slow_geometry(&flat), "flat");
    }

    #[test]
    fn geometry_of_what_is_known() {
        let orthonormal = geometry(&Tensor::eye(64, (Kind::Float, Device::Cpu)));
        let want = Geometry { spread: (1.0_f64 - 1.0 / 64.0).sqrt(), rank: 64.0, uniformity: -4.0 };
        assert_near(orthonormal, want, "orthonormal");
        let equal = geometry(&Tensor::full([100, 16], 0.3, (Kind::Float, Device::Cpu)));
        assert_near(equal, Geometry { spread: 0.0, rank: 1.0, uniformity: 0.0 }, "equal");
        // 30 rows at each end of one axis: of 60 * 59 / 2 pairs 900 are 2 apart, the others 0.
        let ends: Vec<f32> = (0..60).flat_map(|row| [if row % 2 == 0 { 5.0 } else { -0.5 }, 0.0]).collect();
        let clusters = geometry(&Tensor::from_slice(&ends).view([60, 2]));
        let uniformity = ((870.0 + 900.0 * (-8.0_f64).exp()) / 1770.0).ln();
        assert_near(clusters, Geometry { spread: 0.5_f64.sqrt(), rank: 1.0, uniformity }, "two clusters");
        assert!(geometry(&Tensor::full([3, 4], f64::NAN, (Kind::Float, Device::Cpu))).rank.is_nan());
        // The points that are looked at for pairs are the first 2,048.
        let rows = Tensor::cat(
            &[Tensor::ones([2048, 2], (Kind::Float, Device::Cpu)), -Tensor::eye(2, (Kind::Float, Device::Cpu))],
            0,
        );
        assert!(geometry(&rows).uniformity.abs() < 1e-12);
    }
}
