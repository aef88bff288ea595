//! How a map comes about: points pull at their neighbours and push all others away, with momentum, until they lie.

use super::{affinity::Affinities, field::Field, field::Seen};
use rayon::prelude::*;

/// Points that a thread moves at a time.
const SHARE: usize = 64;
/// Values of a row that are worked on at a time.
const LANES: usize = 16;
/// How much a step's gain grows where its direction stays, and shrinks where it turns (Jacobs 1988).
pub(super) const GROWTH: f32 = 0.2;
pub(super) const DECAY: f32 = 0.8;
pub(super) const LEAST_GAIN: f32 = 0.01;
/// The farthest that a point moves in one step, in units of the map.
pub(super) const LONGEST_STEP: f32 = 5.0;

/// One part of the way: so many steps with neighbours pulling `exaggeration` times as strongly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// Steps.
    pub steps: usize,
    /// What the pull of neighbours is multiplied by (van der Maaten and Hinton 2008, section 3.4).
    pub exaggeration: f32,
    /// The share of a step that goes on.
    pub momentum: f32,
    /// The rate over the number of points (Belkina et al. 2019: 1 / 12).
    pub rate: f32,
}

/// A map with what is moving in it.
#[derive(Debug)]
pub struct Map {
    /// `[n, 2]`.
    pub points: Vec<[f32; 2]>,
    moves: Vec<[f32; 2]>,
    gains: Vec<[f32; 2]>,
}

impl Map {
    /// At rest.
    pub fn new(points: Vec<[f32; 2]>) -> Self {
        let n = points.len();
        Self { points, moves: vec![[0.0; 2]; n], gains: vec![[1.0; 2]; n] }
    }

    /// Goes through `phase` on the CPU. Gives the normaliser of the last step: Σ_{i≠j} 1 / (1 + |`y_i` - `y_j|²`). The result depends on
    /// neither the number of threads nor the time of day.
    pub fn descend(&mut self, affinities: &Affinities, field: &mut Field, phase: Phase) {
        let n = self.points.len();
        let rate = phase.rate * n as f32;
        // What steps have grown or shrunk to is of the phase before.
        (self.moves, self.gains) = (vec![[0.0; 2]; n], vec![[1.0; 2]; n]);
        let mut seen = vec![Seen::default(); n];
        for _ in 0..phase.steps {
            let scale = (1.0 / normaliser(field, &self.points, &mut seen)) as f32;
            let (points, seen) = (&self.points, &seen);
            let parts = self.moves.par_chunks_mut(SHARE).zip(self.gains.par_chunks_mut(SHARE)).enumerate();
            parts.for_each_init(
                || Room::new(affinities.longest()),
                |room, (part, (moves, gains))| {
                    for (place, (going, gain)) in moves.iter_mut().zip(gains).enumerate() {
                        let point = part * SHARE + place;
                        let pull = room.pull(points, point, affinities.row(point));
                        let slope = [0, 1].map(|axis| phase.exaggeration * pull[axis] - scale * seen[point].push[axis]);
                        step(going, gain, slope, (phase.momentum, rate));
                    }
                },
            );
            for (point, going) in self.points.iter_mut().zip(&self.moves) {
                *point = [0, 1].map(|axis| point[axis] + going[axis]);
            }
            centre(&mut self.points);
        }
    }
}

/// Moves all points so that their mean is 0. Pushes are rounded, so all drift; far from 0 few points that neighbours pull close
/// together would fall into one place, from which nothing parts them.
fn centre(points: &mut [[f32; 2]]) {
    let n = points.len() as f64;
    let mean = [0, 1].map(|axis| (points.iter().map(|point| f64::from(point[axis])).sum::<f64>() / n) as f32);
    for point in points {
        *point = [0, 1].map(|axis| point[axis] - mean[axis]);
    }
}

/// Looks at all pairs; gives Σ_{i≠j} 1 / (1 + |`y_i` - `y_j|²`).
pub fn normaliser(field: &mut Field, points: &[[f32; 2]], seen: &mut [Seen]) -> f64 {
    field.see(points, seen);
    let parts = seen.par_chunks(256).map(|part| part.iter().map(|seen| f64::from(seen.potential)).sum::<f64>());
    // Each point sees itself.
    parts.collect::<Vec<f64>>().iter().sum::<f64>() - points.len() as f64
}

/// One step of a point against the slope.
fn step(going: &mut [f32; 2], gains: &mut [f32; 2], slope: [f32; 2], (momentum, rate): (f32, f32)) {
    for ((going, gain), slope) in going.iter_mut().zip(gains).zip(slope) {
        let onward = (slope > 0.0) != (*going > 0.0);
        *gain = if onward { *gain + GROWTH } else { (*gain * DECAY).max(LEAST_GAIN) };
        *going = momentum * *going - rate * *gain * slope;
    }
    let length = (going[0] * going[0] + going[1] * going[1]).sqrt();
    if length > LONGEST_STEP {
        *going = going.map(|going| going * (LONGEST_STEP / length));
    }
}

/// Where the neighbours of a point are put side by side.
struct Room([Vec<f32>; 2]);

impl Room {
    fn new(longest: usize) -> Self {
        Self([vec![0.0; longest], vec![0.0; longest]])
    }

    /// `Σ_j` `p_ij` (`y_i` - `y_j`) / (1 + |`y_i` - `y_j|²`) over the neighbours of `point`.
    fn pull(&mut self, points: &[[f32; 2]], point: usize, (columns, values): (&[u32], &[f32])) -> [f32; 2] {
        let [across, down] = &mut self.0;
        let (across, down) = (&mut across[..columns.len()], &mut down[..columns.len()]);
        for ((column, x), y) in columns.iter().zip(across.iter_mut()).zip(down.iter_mut()) {
            [*x, *y] = points[*column as usize];
        }
        let [x, y] = points[point];
        let mut sums = [[0.0; LANES]; 2];
        let lane = |sums: &mut [[f32; LANES]; 2], lane: usize, (value, there): (f32, [f32; 2])| {
            let apart = [x - there[0], y - there[1]];
            let weight = value / (1.0 + apart[0] * apart[0] + apart[1] * apart[1]);
            sums[0][lane] += weight * apart[0];
            sums[1][lane] += weight * apart[1];
        };
        let ((value_blocks, value_rest), (x_blocks, x_rest)) =
            (values.as_chunks::<LANES>(), across.as_chunks::<LANES>());
        let (y_blocks, y_rest) = down.as_chunks::<LANES>();
        for ((values, xs), ys) in value_blocks.iter().zip(x_blocks).zip(y_blocks) {
            (0..LANES).for_each(|at| lane(&mut sums, at, (values[at], [xs[at], ys[at]])));
        }
        for (at, ((value, x), y)) in value_rest.iter().zip(x_rest).zip(y_rest).enumerate() {
            lane(&mut sums, at, (*value, [*x, *y]));
        }
        sums.map(|sums| sums.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::Neighbours;
    use super::*;
    use mocolab::random::{Purpose, Random};
    use tch::Tensor;

    fn clusters(n: usize) -> (Affinities, Vec<[f32; 2]>) {
        let mut random = Random::new(3, Purpose::Weights, (0, 0));
        let rows: Vec<f32> = (0..n * 4)
            .map(|at| random.normal() as f32 + if (at / 4) % 2 == 0 && at % 4 == 0 { 20.0 } else { 0.0 })
            .collect();
        let neighbours = Neighbours::find(&Tensor::from_slice(&rows).view([n as i64, 4]), 30);
        let start = (0..n).map(|_| [0, 1].map(|_| random.normal() as f32 * 1e-4)).collect();
        (Affinities::new(&neighbours, (30, 10.0)), start)
    }

    /// The slope of a step is that of the divergence, to the factor 4 that the rate stands for.
    #[test]
    fn a_step_goes_down_the_divergence() {
        let (affinities, _) = clusters(60);
        let mut random = Random::new(4, Purpose::Weights, (0, 0));
        let points: Vec<[f32; 2]> = (0..60).map(|_| [0, 1].map(|_| random.normal() as f32 * 3.0)).collect();
        let exact = |points: &[[f32; 2]]| {
            let w = |a: &[f32; 2], b: &[f32; 2]| {
                1.0 / (1.0 + f64::from(a[0] - b[0]).powi(2) + f64::from(a[1] - b[1]).powi(2))
            };
            let all: f64 = points.iter().flat_map(|a| points.iter().map(move |b| w(a, b))).sum();
            affinities.divergence(points, all - points.len() as f64)
        };
        let (mut field, mut seen) = (Field::new(), vec![Seen::default(); 60]);
        let scale = (1.0 / normaliser(&mut field, &points, &mut seen)) as f32;
        let mut room = Room::new(affinities.longest());
        for (point, axis) in [(0, 0), (7, 1), (31, 0), (59, 1)] {
            let slope = room.pull(&points, point, affinities.row(point))[axis] - scale * seen[point].push[axis];
            let moved = |by: f32| {
                let mut points = points.clone();
                points[point][axis] += by;
                exact(&points)
            };
            let numeric = (moved(0.01) - moved(-0.01)) / 0.02 / 4.0;
            assert!((numeric - f64::from(slope)).abs() < 3e-4 + numeric.abs() * 0.03, "{numeric} {slope}");
        }
    }

    #[test]
    fn clusters_come_apart_and_the_same_start_ends_in_the_same_bits() {
        let (affinities, start) = clusters(400);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut map, mut field) = (Map::new(start.clone()), Field::new());
                let phase = Phase { steps: 100, exaggeration: 12.0, momentum: 0.5, rate: 1.0 / 12.0 };
                map.descend(&affinities, &mut field, phase);
                map.descend(&affinities, &mut field, Phase { steps: 200, exaggeration: 1.0, momentum: 0.8, ..phase });
                map.points
            })
        };
        let points = run(2);
        assert_eq!(points, run(2));
        assert_eq!(points, run(1), "no sum depends on the number of threads");
        let centre = |odd: usize| {
            let own: Vec<&[f32; 2]> = points.iter().skip(odd).step_by(2).collect();
            [0, 1].map(|axis| own.iter().map(|point| point[axis]).sum::<f32>() / own.len() as f32)
        };
        let [a, b] = [centre(0), centre(1)];
        let apart = |a: &[f32; 2], b: &[f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        let right =
            points.iter().enumerate().filter(|(at, point)| (apart(point, &a) < apart(point, &b)) == (at % 2 == 0));
        assert_eq!(right.count(), 400);
    }
}
