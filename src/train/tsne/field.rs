//! The repulsion of all pairs of points of a map at once, by a grid and a Fourier transform.
//!
//! With w(r) = 1 / (1 + r²) the map's normaliser is Z = Σ_{i≠j} `w(|y_i` - `y_j`|) and the repulsion on point i is
//! `Σ_j` (`y_i` - `y_j`) w² / Z (van der Maaten and Hinton 2008, equation 5). As (`y_i` - `y_j`) w² = -½ ∇w, one potential
//! ψ(y) = `Σ_j` w(|y - `y_j`|) gives both: its values and its gradient at the points. ψ is a convolution, so it costs one
//! transform forth and one back where interpolation of every sum on its own (`FIt-SNE`, Linderman et al. 2019) takes
//! four of each. Charges are spread to the nodes of a grid, and ψ is read between them, by cubic B-splines, whose
//! smoothing the transform takes out again (smooth particle-mesh Ewald, Essmann et al. 1995).

use rayon::prelude::*;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// Up to so many points all pairs are summed: a grid's small error in what a point does to itself would count.
const FEW: usize = 256;
/// Points that all lie within this of each other are seen by [`close`]: between nodes so far apart their differences would
/// be lost in rounding, and with them what drives them apart.
const CLOSE: f32 = 0.003;
/// Distance between nodes, in units of the map. w varies over a distance of 1.
const SPACING: f32 = 0.4;
/// Nodes beside the outermost point, for its splines.
const MARGIN: usize = 4;
/// Nodes on a side are at least this many.
const LEAST: usize = 32;
/// Grids that points are spread to side by side; fixed, so that no sum depends on the number of threads.
const PARTS: usize = 4;
/// Columns, or rows, that a thread transposes at a time: of 8 bytes each, a cache line.
const BLOCK: usize = 8;

/// ψ at a point and half its gradient there, with the sign turned: `Σ_j` w, and `Σ_j` (y - `y_j`) w².
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// `Σ_j` w, the point itself included.
    pub potential: f32,
    /// `Σ_j` (y - `y_j`) w², in units of the map.
    pub push: [f32; 2],
}

/// The grid, with what it needs to be transformed.
pub struct Field {
    /// Nodes on a side that charges can lie on; transforms are twice as long, so that nothing comes round the edge.
    side: usize,
    forth: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    columns: [Arc<dyn Fft<f32>>; 2],
    /// The transform of w without the splines' smoothing, `[side + 1, 2 side]`: real, since w is even.
    kernel: Vec<f32>,
    charges: Vec<Vec<f32>>,
    /// Transformed rows, `[side, side + 1]`.
    rows: Vec<Complex<f32>>,
    /// Columns that were transformed, weighed and transformed back, `[side + 1, side]`.
    weighed: Vec<Complex<f32>>,
    potential: Vec<f32>,
}

/// Where a point lies in the grid: its first node, and the splines' weights and slopes at the four from there on.
struct Stencil {
    first: [usize; 2],
    weights: [[f32; 4]; 2],
}

/// What all pairs of `points` do to each other that lie within [`CLOSE`]: w = 1 - r², and its square 1, but for 2e-5 of it.
fn close(points: &[[f32; 2]], seen: &mut [Seen]) {
    let n = points.len() as f64;
    let sum = [0, 1].map(|axis| points.iter().map(|point| f64::from(point[axis])).sum::<f64>());
    let square = |[x, y]: [f64; 2]| x * x + y * y;
    let squares: f64 = points.iter().map(|point| square(point.map(f64::from))).sum();
    for (seen, point) in seen.iter_mut().zip(points) {
        let at = point.map(f64::from);
        let apart = n * square(at) - 2.0 * (at[0] * sum[0] + at[1] * sum[1]) + squares;
        *seen = Seen { potential: (n - apart) as f32, push: [0, 1].map(|axis| (n * at[axis] - sum[axis]) as f32) };
    }
}

impl Field {
    /// With as few nodes as there can be; it grows with the map.
    pub fn new() -> Self {
        Self::of(LEAST)
    }

    fn of(side: usize) -> Self {
        let length = 2 * side;
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        let columns = [complex.plan_fft_forward(length), complex.plan_fft_inverse(length)];
        let mut field = Self {
            forth: real.plan_fft_forward(length),
            back: real.plan_fft_inverse(length),
            kernel: vec![0.0; (side + 1) * length],
            charges: vec![vec![0.0; side * side]; PARTS],
            rows: vec![Complex::default(); side * (side + 1)],
            weighed: vec![Complex::default(); side * (side + 1)],
            potential: vec![0.0; side * side],
            side,
            columns,
        };
        field.find_kernel();
        field
    }

    /// The transform of w at the nodes, over the square of the splines' own in both directions, and over the number of
    /// nodes, by which two transforms grow.
    fn find_kernel(&mut self) {
        let length = 2 * self.side;
        let apart = |node: usize| node.min(length - node) as f64 * f64::from(SPACING);
        let mut forth = RealFftPlanner::<f64>::new();
        let forth = forth.plan_fft_forward(length);
        // Even in both directions: a transform along one, then along the other, both real.
        let lines: Vec<Vec<f64>> = (0..length)
            .into_par_iter()
            .map(|row| {
                let mut line: Vec<f64> =
                    (0..length).map(|column| 1.0 / (1.0 + apart(row).powi(2) + apart(column).powi(2))).collect();
                let mut out = forth.make_output_vec();
                forth.process(&mut line, &mut out).expect("lengths that fit");
                out.iter().map(|value| value.re).collect()
            })
            .collect();
        let spline = |node: usize| {
            let turn = std::f64::consts::TAU * node as f64 / length as f64;
            ((2.0 + turn.cos()) / 3.0).powi(2)
        };
        self.kernel.par_chunks_mut(length).enumerate().for_each(|(column, kernel)| {
            let mut line: Vec<f64> = lines.iter().map(|line| line[column]).collect();
            let mut out = forth.make_output_vec();
            forth.process(&mut line, &mut out).expect("lengths that fit");
            for (row, kernel) in kernel.iter_mut().enumerate() {
                let value = out[row.min(length - row)].re;
                *kernel = (value / (spline(column) * spline(row) * (length * length) as f64)) as f32;
            }
        });
    }

    /// What all `points` do to each of them, itself included. The result does not depend on the number of threads.
    pub fn see(&mut self, points: &[[f32; 2]], seen: &mut [Seen]) {
        if points.len() <= FEW {
            return pairs(points, seen);
        }
        let bounds = |axis: usize| {
            let each = points.iter().map(|point| point[axis]);
            each.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let bounds = [bounds(0), bounds(1)];
        let span = bounds.iter().map(|(low, high)| high - low).fold(0.0, f32::max);
        if span < CLOSE {
            return close(points, seen);
        }
        let wanted = (span / SPACING) as usize + 2 * MARGIN;
        if wanted > self.side {
            *self = Self::of(good_size(wanted + wanted / 16));
        }
        let middle = (self.side / 2) as f32 * SPACING;
        let origin = bounds.map(|(low, high)| f32::midpoint(low, high) - middle);
        self.spread(points, origin);
        self.transform();
        let (side, potential) = (self.side, &self.potential);
        seen.par_chunks_mut(256).zip(points.par_chunks(256)).for_each(|(seen, points)| {
            for (seen, point) in seen.iter_mut().zip(points) {
                *seen = read(potential, side, *point, origin);
            }
        });
    }

    fn spread(&mut self, points: &[[f32; 2]], origin: [f32; 2]) {
        let side = self.side;
        let share = points.len().div_ceil(PARTS).max(1);
        self.charges.par_iter_mut().zip_eq((0..PARTS).into_par_iter()).for_each(|(charges, part)| {
            charges.fill(0.0);
            for point in points.iter().skip(part * share).take(share) {
                let Stencil { first, weights } = Stencil::at(*point, origin);
                for (row, weight) in weights[1].iter().enumerate() {
                    let nodes = &mut charges[(first[1] + row) * side + first[0]..][..4];
                    for (node, across) in nodes.iter_mut().zip(weights[0]) {
                        *node += weight * across;
                    }
                }
            }
        });
    }

    fn transform(&mut self) {
        let (side, length) = (self.side, 2 * self.side);
        let width = side + 1;
        let (forth, charges) = (&self.forth, &self.charges);
        self.rows.par_chunks_mut(width * BLOCK).enumerate().for_each_init(
            || (vec![0.0; length], forth.make_scratch_vec()),
            |(line, scratch), (block, rows)| {
                for (place, out) in rows.chunks_mut(width).enumerate() {
                    let row = block * BLOCK + place;
                    line.fill(0.0);
                    for part in charges {
                        for (value, charge) in line.iter_mut().zip(&part[row * side..][..side]) {
                            *value += charge;
                        }
                    }
                    forth.process_with_scratch(line, out, scratch).expect("lengths that fit");
                }
            },
        );
        self.weigh();
        self.read_back();
    }

    /// Transforms the columns, weighs them by the kernel, and transforms them back, each while it is at hand.
    fn weigh(&mut self) {
        let (side, length) = (self.side, 2 * self.side);
        let width = side + 1;
        let (rows, kernel, [down, up]) = (&self.rows, &self.kernel, &self.columns);
        self.weighed.par_chunks_mut(side * BLOCK).enumerate().for_each_init(
            || {
                let scratch = down.get_inplace_scratch_len().max(up.get_inplace_scratch_len());
                (vec![Complex::default(); length * BLOCK], vec![Complex::default(); scratch])
            },
            |(lines, scratch), (block, out)| {
                let (first, count) = (block * BLOCK, out.len() / side);
                let lines = &mut lines[..length * count];
                for (row, values) in rows.chunks(width).enumerate() {
                    for (place, value) in values[first..first + count].iter().enumerate() {
                        lines[place * length + row] = *value;
                    }
                }
                for (place, (line, out)) in lines.chunks_mut(length).zip(out.chunks_mut(side)).enumerate() {
                    line[side..].fill(Complex::default());
                    down.process_with_scratch(line, scratch);
                    for (value, weight) in line.iter_mut().zip(&kernel[(first + place) * length..][..length]) {
                        *value *= weight;
                    }
                    up.process_with_scratch(line, scratch);
                    out.copy_from_slice(&line[..side]);
                }
            },
        );
    }

    /// Transforms the rows back.
    fn read_back(&mut self) {
        let (side, length) = (self.side, 2 * self.side);
        let width = side + 1;
        let back = &self.back;
        let weighed = &self.weighed;
        self.potential.par_chunks_mut(side * BLOCK).enumerate().for_each_init(
            || (vec![Complex::default(); width * BLOCK], vec![0.0; length], back.make_scratch_vec()),
            |(lines, line, scratch), (block, out)| {
                let (first, count) = (block * BLOCK, out.len() / side);
                for (column, values) in weighed.chunks(side).enumerate() {
                    for (place, value) in values[first..first + count].iter().enumerate() {
                        lines[place * width + column] = *value;
                    }
                }
                for (values, out) in lines.chunks_mut(width).zip(out.chunks_mut(side)) {
                    // What rounding left in them; the transform wants none.
                    values[0].im = 0.0;
                    values[side].im = 0.0;
                    back.process_with_scratch(values, line, scratch).expect("lengths that fit");
                    out.copy_from_slice(&line[..side]);
                }
            },
        );
    }
}

/// The same by all pairs.
fn pairs(points: &[[f32; 2]], seen: &mut [Seen]) {
    for (seen, point) in seen.iter_mut().zip(points) {
        *seen = Seen::default();
        for other in points {
            let apart = [0, 1].map(|axis| point[axis] - other[axis]);
            let near = 1.0 / (1.0 + apart[0] * apart[0] + apart[1] * apart[1]);
            seen.potential += near;
            (0..2).for_each(|axis| seen.push[axis] += near * near * apart[axis]);
        }
    }
}

impl Stencil {
    fn at(point: [f32; 2], origin: [f32; 2]) -> Self {
        let place = [0, 1].map(|axis| (point[axis] - origin[axis]) / SPACING);
        let weights = place.map(|place| weights(place - place.floor()));
        Self { first: place.map(|place| place as usize - 1), weights }
    }
}

/// The cubic B-splines of the four nodes around a place `t` behind the second of them.
fn weights(t: f32) -> [f32; 4] {
    let (s, t2, t3) = (1.0 - t, t * t, t * t * t);
    [s * s * s / 6.0, (4.0 - 6.0 * t2 + 3.0 * t3) / 6.0, (1.0 + 3.0 * (t + t2 - t3)) / 6.0, t3 / 6.0]
}

/// Their slopes.
fn slopes(t: f32) -> [f32; 4] {
    let (s, t2) = (1.0 - t, t * t);
    [-s * s / 2.0, (3.0 * t2 - 4.0 * t) / 2.0, (1.0 + 2.0 * t - 3.0 * t2) / 2.0, t2 / 2.0]
}

fn read(potential: &[f32], side: usize, point: [f32; 2], origin: [f32; 2]) -> Seen {
    let Stencil { first, weights } = Stencil::at(point, origin);
    let slope = [0, 1].map(|axis| {
        let place = (point[axis] - origin[axis]) / SPACING;
        slopes(place - place.floor())
    });
    let [mut value, mut along, mut down] = [0.0_f32; 3];
    for row in 0..4 {
        let nodes = &potential[(first[1] + row) * side + first[0]..][..4];
        let [mut here, mut across] = [0.0_f32; 2];
        for (place, node) in nodes.iter().enumerate() {
            here += weights[0][place] * node;
            across += slope[0][place] * node;
        }
        value += weights[1][row] * here;
        along += weights[1][row] * across;
        down += slope[1][row] * here;
    }
    Seen { potential: value, push: [along, down].map(|slope| -0.5 * slope / SPACING) }
}

/// The least side that is at least `wanted` and of which transforms are fast: of no prime factor above 5, and even.
fn good_size(wanted: usize) -> usize {
    let smooth = |mut size: usize| {
        for factor in [2, 3, 5] {
            while size.is_multiple_of(factor) {
                size /= factor;
            }
        }
        size == 1
    };
    // Between a number and its double there is a power of two.
    let mut sides = wanted..=2 * wanted.max(8);
    sides.find(|side| side.is_multiple_of(8) && smooth(*side)).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    /// Points as dense as those of a map, and closer: the grid against the sum over all pairs.
    #[test]
    fn the_grid_sees_what_all_pairs_do() {
        let mut random = Random::new(2, Purpose::Weights, (0, 0));
        for (spread, potential, push) in [(0.5, 3e-3, 3e-2), (5.0, 5e-4, 1e-2), (20.0, 1e-3, 3e-2)] {
            let points: Vec<[f32; 2]> = (0..2000).map(|_| [0, 1].map(|_| random.normal() as f32 * spread)).collect();
            let (mut seen, mut slow) = (vec![Seen::default(); 2000], vec![Seen::default(); 2000]);
            Field::new().see(&points, &mut seen);
            pairs(&points, &mut slow);
            let off = |values: &dyn Fn(&Seen) -> [f32; 2]| {
                let square = |[x, y]: [f32; 2]| f64::from(x * x + y * y);
                let apart = |(a, b): (&Seen, &Seen)| square([values(a)[0] - values(b)[0], values(a)[1] - values(b)[1]]);
                let wrong: f64 = seen.iter().zip(&slow).map(apart).sum();
                (wrong / slow.iter().map(|seen| square(values(seen))).sum::<f64>()).sqrt()
            };
            let found = [off(&|seen| [seen.potential, 0.0]), off(&|seen| seen.push)];
            assert!(found[0] < potential && found[1] < push, "spread {spread}: {found:?}");
        }
    }

    #[test]
    fn sizes_are_of_small_factors() {
        assert_eq!([33, 97, 130].map(good_size), [40, 120, 144]);
    }
}
