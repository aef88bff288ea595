//! A map by all pairs at once, in matrices of n by n: for a GPU, where that is the fastest way to maps of some thousand
//! points.

use super::{
    affinity::Affinities,
    descent::{DECAY, GROWTH, LEAST_GAIN, LONGEST_STEP, Phase},
};
use tch::{Device, Kind, Tensor, no_grad};

/// Points up to which matrices of all pairs are made: a few of 400 MB each.
pub const MOST: usize = 10_000;

/// Goes through `phases` from `start` `[n, 2]` on `device`, as [`super::descent::Map`] does on the CPU. Gives the points and the
/// normaliser at the end.
pub fn descend(affinities: &Affinities, start: &[[f32; 2]], phases: &[Phase], device: Device) -> (Vec<[f32; 2]>, f64) {
    no_grad(|| {
        let n = start.len() as i64;
        let pulls = dense(affinities).to_device(device);
        let mut points = Tensor::from_slice(start.as_flattened()).view([n, 2]).to_device(device);
        for phase in phases {
            let (mut going, mut gains) = (points.zeros_like(), points.ones_like());
            let pulls = &pulls * f64::from(phase.exaggeration);
            for _ in 0..phase.steps {
                let near = nearness(&points);
                let sum = near.sum(Kind::Double);
                // (f p - w / Z) w, whose sum over the row times y_i less its product with all y is the slope.
                let weights = (&pulls - &near / sum.to_kind(Kind::Float)) * &near;
                let slope =
                    weights.sum_dim_intlist([1].as_slice(), true, Kind::Float) * &points - weights.matmul(&points);
                let onward = slope.gt(0.0).not_equal_tensor(&going.gt(0.0));
                gains = (&gains + f64::from(GROWTH))
                    .where_self(&onward, &(&gains * f64::from(DECAY)).clamp_min(f64::from(LEAST_GAIN)));
                going = going * f64::from(phase.momentum) - &gains * &slope * f64::from(phase.rate * n as f32);
                let length = going.norm_scalaropt_dim(2.0, [1].as_slice(), true);
                let longest = f64::from(LONGEST_STEP);
                going = &going * (longest / length.clamp_min(longest));
                points += &going;
                points -= points.mean_dim([0].as_slice(), true, Kind::Float);
            }
        }
        let normaliser = nearness(&points).sum(Kind::Double).double_value(&[]);
        (super::neighbours::values(&points).as_chunks().0.to_vec(), normaliser)
    })
}

/// 1 / (1 + |`y_i` - `y_j|²`) for all pairs of `points` `[n, 2]`, 0 for a point and itself: `[n, n]`.
fn nearness(points: &Tensor) -> Tensor {
    let apart = |axis: i64| {
        let at = points.select(1, axis);
        (at.unsqueeze(1) - at.unsqueeze(0)).square_()
    };
    let mut near = apart(0);
    near += apart(1);
    let _ = near.g_add_scalar_(1.0).reciprocal_().fill_diagonal_(0.0, false);
    near
}

/// All probabilities as a matrix `[n, n]`.
fn dense(affinities: &Affinities) -> Tensor {
    let n = affinities.rows();
    let mut all = vec![0.0; n * n];
    for (row, line) in all.chunks_mut(n).enumerate() {
        let (columns, values) = affinities.row(row);
        columns.iter().zip(values).for_each(|(column, value)| line[*column as usize] = *value);
    }
    Tensor::from_slice(&all).view([n as i64, n as i64])
}

#[cfg(test)]
mod tests {
    use super::super::{descent::Map, field::Field, neighbours::Neighbours};
    use super::*;
    use mocolab::random::{Purpose, Random};

    #[test]
    fn both_ways_go_the_same_way() {
        let mut random = Random::new(5, Purpose::Weights, (0, 0));
        let rows: Vec<f32> = (0..300 * 5).map(|_| random.normal() as f32).collect();
        let affinities = Affinities::new(&Neighbours::find(&Tensor::from_slice(&rows).view([300, 5]), 30), (30, 10.0));
        let start: Vec<[f32; 2]> = (0..300).map(|_| [0, 1].map(|_| random.normal() as f32 * 2.0)).collect();
        let phase = |steps| Phase { steps, exaggeration: 2.0, momentum: 0.5, rate: 1.0 / 12.0 };
        let apart = |steps| {
            let mut map = Map::new(start.clone());
            map.descend(&affinities, &mut Field::new(), phase(steps));
            let (points, _) = descend(&affinities, &start, &[phase(steps)], Device::Cpu);
            let far = |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).hypot(a[1] - b[1]);
            let mean = points.iter().zip(&map.points).map(far).sum::<f32>() / 300.0;
            let moved = points.iter().zip(&start).map(far).sum::<f32>() / 300.0;
            (mean, moved)
        };
        let (mean, moved) = apart(5);
        assert!(mean < 0.01 * moved && moved > 0.0, "after 5 steps of {moved} on average they are {mean} apart");
        let (mean, moved) = apart(40);
        assert!(mean < 0.1 * moved, "after 40 steps of {moved} on average they are {mean} apart");
    }

    #[test]
    fn the_matrix_holds_all_probabilities() {
        let neighbours = Neighbours::given(2, &[1, 2, 0, 2, 1, 0], &[1.0, 2.0, 1.0, 3.0, 3.0, 2.0]);
        let affinities = Affinities::new(&neighbours, (2, 1.5));
        let dense = dense(&affinities);
        assert_eq!(dense, dense.transpose(0, 1));
        assert!((dense.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-6);
    }
}
