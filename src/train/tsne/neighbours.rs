//! Nearest neighbours of points in many dimensions, all of them exactly: squared distances by products of matrices, in
//! blocks, and of each row the least few.

use rayon::prelude::*;
use tch::{Kind, Tensor};

/// Bytes of products held at a time.
const ROOM: i64 = 32 << 20;
/// Values that are compared with the farthest neighbour at a time.
const LANES: usize = 16;

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
        let [n, width] = x.size()[..] else { panic!("points are `[n, d]`, not `{:?}`", x.size()) };
        assert!((k as i64) < n, "{k} neighbours among {n} points");
        let x = x.to_kind(Kind::Float).contiguous();
        let rows = values(&x);
        let halves = values(&(x.square().sum_dim_intlist([1].as_slice(), false, Kind::Float) * 0.5));
        let turned = x.transpose(0, 1);
        let block = (ROOM / (4 * n)).clamp(1, n);
        let (mut places, mut squares) = (vec![0; n as usize * k], vec![0.0; n as usize * k]);
        for first in (0..n).step_by(block as usize) {
            let count = block.min(n - first);
            let products = values(&x.narrow(0, first, count).matmul(&turned));
            let range = first as usize * k..(first + count) as usize * k;
            let into = places[range.clone()].par_chunks_mut(k).zip(squares[range].par_chunks_mut(k));
            into.zip(products.par_chunks(n as usize)).enumerate().for_each(|(place, ((places, squares), products))| {
                let own = first as usize + place;
                let nearest = least(products, &halves, own, k);
                let row = |row: usize| &rows[row * width as usize..][..width as usize];
                let mut exact: Vec<(f64, u32)> =
                    nearest.into_iter().map(|other| (apart(row(own), row(other as usize)), other)).collect();
                exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for ((place, square), (distance, row)) in places.iter_mut().zip(squares).zip(exact) {
                    (*place, *square) = (row, distance);
                }
            });
        }
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

/// The `k` columns of least `halves - products`, half the squared distance but for what all columns share, without column
/// `own`; in no order.
fn least(products: &[f32], halves: &[f32], own: usize, k: usize) -> Vec<u32> {
    // The farthest on top. Most columns are farther than it, and pass with one comparison of many.
    let mut heap = std::collections::BinaryHeap::with_capacity(k + 1);
    let mut bound = f32::INFINITY;
    let mut see = |column: usize, value: f32, bound: &mut f32| {
        if column != own && (value < *bound || heap.len() < k) {
            heap.push(Far(value, column as u32));
            if heap.len() > k {
                heap.pop();
            }
            if heap.len() == k {
                *bound = heap.peek().map_or(f32::INFINITY, |far: &Far| far.0);
            }
        }
    };
    let (blocks, rest) = products.as_chunks::<LANES>();
    let (half_blocks, half_rest) = halves.as_chunks::<LANES>();
    for (place, (products, halves)) in blocks.iter().zip(half_blocks).enumerate() {
        let mut values = [0.0; LANES];
        for ((value, product), half) in values.iter_mut().zip(products).zip(halves) {
            *value = half - product;
        }
        if values.iter().fold(f32::INFINITY, |least, value| least.min(*value)) < bound {
            (0..LANES).for_each(|lane| see(place * LANES + lane, values[lane], &mut bound));
        }
    }
    for (lane, (product, half)) in rest.iter().zip(half_rest).enumerate() {
        see(blocks.len() * LANES + lane, half - product, &mut bound);
    }
    heap.into_iter().map(|far| far.1).collect()
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
    fn they_are_those_of_the_slow_way_whatever_the_blocks() {
        let mut random = Random::new(1, Purpose::Weights, (0, 0));
        for (n, width, k) in [(257, 5, 12), (40, 3, 39), (2, 1, 1)] {
            let rows: Vec<f32> = (0..n * width).map(|_| random.normal() as f32).collect();
            let found = Neighbours::find(&Tensor::from_slice(&rows).view([n as i64, -1]), k);
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
