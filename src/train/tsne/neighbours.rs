//! Nearest neighbours of points in many dimensions, all of them exactly: products of all pairs, looked at as soon as they
//! are made, and of each row the least few. A whole matrix of products takes most of its time to memory and back.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use tch::{Kind, Tensor};

/// Columns that are multiplied, and compared with the farthest neighbour, at a time.
const LANES: usize = 16;
/// Rows that they are multiplied with.
const GROUP: usize = 8;
/// Rows that a thread takes at a time.
const SHARE: usize = 128;
/// Panels of columns that stay in the cache while those rows meet them.
const PANELS: usize = 128;

/// The nearest neighbours of each point, nearest first, a point itself not among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// How many of each.
    pub k: usize,
    /// `[n, k]`.
    places: Vec<u32>,
    /// Their squared distances, `[n, k]`.
    squares: Vec<f64>,
}

impl Neighbours {
    /// The `k` nearest rows of each row of `x` `[n, d]` (fp32, on the CPU), `k` below n. Of equal distances the lower row is
    /// nearer. Distances are compared to fp32's rounding of their products; those told are exact.
    pub fn find(x: &Tensor, k: usize) -> Self {
        Self::find_by(Arch::new(), x, k)
    }

    /// By the processor's instructions `arch`.
    fn find_by(arch: Arch, x: &Tensor, k: usize) -> Self {
        let [n, width] = x.size()[..] else { panic!("points are `[n, d]`, not `{:?}`", x.size()) };
        let (n, width) = (n as usize, width as usize);
        assert!(k > 0 && k < n, "{k} neighbours among {n} points");
        let rows = values(x);
        let row = |row: usize| &rows[row * width..][..width];
        let panels: Vec<Panel> =
            (0..n).into_par_iter().step_by(LANES).map(|first| Panel::new(&rows, width, first)).collect();
        let (mut places, mut squares) = (vec![0; n * k], vec![0.0; n * k]);
        let shares = places.par_chunks_mut(SHARE * k).zip(squares.par_chunks_mut(SHARE * k)).enumerate();
        shares.for_each(|(share, (places, squares))| {
            let first = share * SHARE;
            let mut least: Vec<Least> = (first..n.min(first + SHARE)).map(|own| Least::new(own, k)).collect();
            // The last group may be short: what is missing is its last row again.
            let by_axis = |group: &[Least]| {
                let rows: [&[f32]; GROUP] = std::array::from_fn(|at| row(group[at.min(group.len() - 1)].own));
                (0..width).map(|axis| rows.map(|row| row[axis])).collect()
            };
            let groups: Vec<Vec<[f32; GROUP]>> = least.chunks(GROUP).map(by_axis).collect();
            for panels in panels.chunks(PANELS) {
                for (group, own) in least.chunks_mut(GROUP).zip(&groups) {
                    arch.dispatch(See { group, own, panels });
                }
            }
            for ((mut least, places), squares) in least.into_iter().zip(places.chunks_mut(k)).zip(squares.chunks_mut(k))
            {
                least.trim();
                let exactly = |Far(_, column)| (apart(row(least.own), row(column as usize)), column);
                let mut exact: Vec<(f64, u32)> = least.near.into_iter().map(exactly).collect();
                exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for ((place, square), (distance, row)) in places.iter_mut().zip(squares).zip(exact) {
                    (*place, *square) = (row, distance);
                }
            }
        });
        Self { k, places, squares }
    }

    /// The neighbours of point `row`, nearest first.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.places[row * self.k..][..self.k]
    }

    /// Their squared distances.
    pub fn squares(&self, row: usize) -> &[f64] {
        &self.squares[row * self.k..][..self.k]
    }

    /// Points.
    pub fn rows(&self) -> usize {
        self.places.len() / self.k
    }

    #[cfg(test)]
    pub fn given(k: usize, places: &[u32], squares: &[f64]) -> Self {
        Self { k, places: places.to_vec(), squares: squares.to_vec() }
    }
}

/// The values of a tensor, row by row.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1])).expect("a vector of 32-bit floats")
}

fn apart(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// Columns side by side.
struct Panel {
    /// Of the first.
    first: usize,
    /// How many there are.
    count: usize,
    /// Axis by axis.
    values: Vec<[f32; LANES]>,
    /// Half the squares of their lengths.
    halves: [f32; LANES],
}

impl Panel {
    /// Those from `first` on of `rows` `[n, width]`.
    fn new(rows: &[f32], width: usize, first: usize) -> Self {
        let rows = &rows[first * width..];
        let count = LANES.min(rows.len() / width);
        let mut values = vec![[0.0; LANES]; width];
        let mut halves = [0.0; LANES];
        for (lane, row) in rows.chunks(width).take(count).enumerate() {
            values.iter_mut().zip(row).for_each(|(values, value)| values[lane] = *value);
            halves[lane] = (row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / 2.0) as f32;
        }
        Self { first, count, values, halves }
    }
}

/// The columns of a row of least half squared distance, but for what all columns share, of those seen so far and without the
/// row itself, `own`.
struct Least {
    own: usize,
    k: usize,
    /// The `k` least, and up to as many of those seen since.
    near: Vec<Far>,
    /// The farthest of the `k`; none further counts.
    bound: f32,
}

/// Lets the rows of a `group`, whose values lie in `own` axis by axis, see all columns of `panels`.
struct See<'a> {
    group: &'a mut [Least],
    own: &'a [[f32; GROUP]],
    panels: &'a [Panel],
}

impl WithSimd for See<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it has the processor's instructions where it is inlined")]
    fn with_simd<S: Simd>(self, simd: S) {
        let parts = LANES / S::F32_LANES;
        for panel in self.panels {
            let (columns, _) = S::as_simd_f32s(panel.values.as_flattened());
            let mut values = [[0.0_f32; LANES]; GROUP];
            for part in 0..parts {
                let mut sums = [simd.splat_f32s(0.0); GROUP];
                for (own, columns) in self.own.iter().zip(columns.chunks_exact(parts)) {
                    for (sum, own) in sums.iter_mut().zip(own) {
                        *sum = simd.mul_add_e_f32s(simd.splat_f32s(*own), columns[part], *sum);
                    }
                }
                for (values, sum) in values.iter_mut().zip(sums) {
                    S::as_mut_simd_f32s(values).0[part] = sum;
                }
            }
            for (least, values) in self.group.iter_mut().zip(&mut values) {
                let mut near = least.near.len() < least.k;
                for (value, half) in values.iter_mut().zip(&panel.halves) {
                    *value = half - *value;
                    near |= *value < least.bound;
                }
                // Most are farther than the farthest kept, and pass with one comparison of many.
                if near {
                    (panel.first..).zip(&values[..panel.count]).for_each(|(column, value)| least.take(column, *value));
                }
            }
        }
    }
}

impl Least {
    fn new(own: usize, k: usize) -> Self {
        Self { own, k, near: Vec::with_capacity(2 * k), bound: f32::INFINITY }
    }

    fn take(&mut self, column: usize, value: f32) {
        if column == self.own || !(value < self.bound || self.near.len() < self.k) {
            return;
        }
        self.near.push(Far(value, column as u32));
        if self.near.len() == 2 * self.k {
            self.trim();
        }
    }

    /// Leaves the `k` least, in no order.
    fn trim(&mut self) {
        if self.near.len() >= self.k {
            self.bound = self.near.select_nth_unstable(self.k - 1).1.0;
            self.near.truncate(self.k);
        }
    }
}

/// A column by its value; of equal ones the higher column is farther.
#[derive(Debug, PartialEq)]
struct Far(f32, u32);

impl Eq for Far {}

impl PartialOrd for Far {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Far {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::{Purpose, Random};

    #[test]
    fn they_are_those_of_the_slow_way_whatever_the_blocks_and_instructions() {
        let mut ways = vec![Arch::new(), Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        ways.extend(pulp::x86::V3::try_new().map(Arch::V3));
        let mut random = Random::new(1, Purpose::Weights, (0, 0));
        for (n, width, k) in [(257, 5, 12), (40, 3, 39), (2, 1, 1), (LANES * PANELS + 50, 3, 7)] {
            let rows: Vec<f32> = (0..n * width).map(|_| random.normal() as f32).collect();
            let x = Tensor::from_slice(&rows).view([n as i64, -1]);
            let found = Neighbours::find(&x, k);
            assert!(ways.iter().all(|arch| Neighbours::find_by(*arch, &x, k) == found), "{n}");
            assert_eq!(found.rows(), n);
            for row in 0..n {
                let at = |row: usize| &rows[row * width..][..width];
                let mut all: Vec<(f64, u32)> = (0..n)
                    .filter(|other| *other != row)
                    .map(|other| (apart(at(row), at(other)), other as u32))
                    .collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0));
                let (squares, places): (Vec<f64>, Vec<u32>) = all.into_iter().take(k).unzip();
                assert_eq!((found.of(row), found.squares(row)), (&places[..], &squares[..]), "{n} {row}");
            }
        }
    }

    #[test]
    fn points_in_one_place_are_neighbours_in_their_order() {
        let found = Neighbours::find(&Tensor::zeros([40, 2], (Kind::Float, tch::Device::Cpu)), 3);
        assert_eq!([found.of(0), found.of(2), found.of(39)], [[1, 2, 3], [0, 1, 3], [0, 1, 2]]);
    }
}
