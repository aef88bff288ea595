//! The dictionary queue: keys of earlier batches, the negatives of every query (He et al. 2019, section 3.2).

use mocolab::random::{Purpose, Random};
use tch::{Device, Kind, Tensor, no_grad};

/// A ring of keys. Its size need not divide by the batch.
#[derive(Debug)]
pub struct Queue {
    /// Keys of length 1, `[K, d]`.
    pub keys: Tensor,
    /// Where the next key goes: the place of the oldest.
    pub next: i64,
}

impl Queue {
    /// `size` keys of length `dim` in random directions, as there are no real ones yet. `number` tells queues of a run
    /// apart.
    pub fn draw((size, dim): (i64, i64), (seed, number): (u64, u64), device: Device) -> Self {
        let mut random = Random::new(seed, Purpose::Queue, (number, 0));
        let values: Vec<f32> = (0..size * dim).map(|_| random.normal() as f32).collect();
        let keys = unit(&Tensor::from_slice(&values).view([size, dim])).to_device(device);
        Self { keys, next: 0 }
    }

    /// Puts `keys` `[n, d]` in the places of the oldest, in their order; of more than fit the last stay.
    pub fn enqueue(&mut self, keys: &Tensor) {
        let (size, count) = (self.keys.size()[0], keys.size()[0]);
        let mut skip = (count - size).max(0);
        self.next = (self.next + skip) % size;
        while skip < count {
            let part = (count - skip).min(size - self.next);
            no_grad(|| self.keys.narrow(0, self.next, part).copy_(&keys.narrow(0, skip, part)));
            skip += part;
            self.next = (self.next + part) % size;
        }
    }
}

/// Vectors `[n, d]` made 1 long.
pub fn unit(vectors: &Tensor) -> Tensor {
    vectors / vectors.norm_scalaropt_dim(2.0, [1].as_slice(), true).clamp_min(1e-12)
}

/// `InfoNCE` (van den Oord et al. 2018; He et al. 2019, equation 1): the cross-entropy of finding the key of each query
/// among it and all keys of a queue, by similarity over `temperature`.
///
/// `queries` and `keys` `[n, d]`, `queue` `[K, d]`, all of length 1, fp32. Gives the mean loss, a scalar with a gradient to
/// `queries`, and without one `[5]`: the loss, the share of queries that find their key first, and among the first five,
/// the mean cosine to the own key, and to the others.
pub fn info_nce(queries: &Tensor, keys: &Tensor, queue: &Tensor, temperature: f64) -> (Tensor, Tensor) {
    let scaled = queries / temperature;
    let own: Tensor = (&scaled * keys).sum_dim_intlist([1].as_slice(), true, Kind::Float);
    let others = scaled.matmul(&queue.tr());
    let all = others.logsumexp([1].as_slice(), true).logaddexp(&own);
    let loss = (all - &own).mean(Kind::Float);
    let measures = no_grad(|| {
        let before = others.gt_tensor(&own).sum_dim_intlist([1].as_slice(), false, Kind::Float);
        let share = |first: f64| before.lt(first).mean(Kind::Float);
        let cosine = |similarities: &Tensor| similarities.mean(Kind::Float) * temperature;
        Tensor::stack(&[loss.detach(), share(1.0), share(5.0), cosine(&own), cosine(&others)], 0)
    });
    (loss, measures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(count: i64, dim: i64, number: u64) -> Tensor {
        Queue::draw((count, dim), (1, number), Device::Cpu).keys
    }

    #[test]
    fn keys_are_units_and_depend_on_the_seed() {
        let lengths = vectors(50, 8, 0).norm_scalaropt_dim(2.0, [1].as_slice(), false);
        assert!(lengths.allclose(&lengths.ones_like(), 1e-5, 1e-6, false));
        assert_ne!(vectors(50, 8, 0), vectors(50, 8, 1));
        assert_eq!(vectors(50, 8, 0), vectors(50, 8, 0));
    }

    #[test]
    fn the_ring_holds_the_newest_keys_whatever_the_batch() {
        let key = |number: i64| Tensor::from_slice(&[number as f32, 0.5]).view([1, 2]);
        for (size, batch, batches) in [(7, 3, 5), (6, 3, 4), (5, 8, 3), (4, 4, 2), (1, 1, 3), (9, 2, 1)] {
            let mut queue = Queue::draw((size, 2), (1, 0), Device::Cpu);
            let first: Vec<Tensor> = (0..size).map(|k| queue.keys.narrow(0, k, 1).copy()).collect();
            let mut slow: std::collections::VecDeque<Tensor> = first.into();
            for number in 0..batches {
                let keys: Vec<Tensor> = (0..batch).map(|k| key(number * batch + k)).collect();
                queue.enqueue(&Tensor::cat(&keys, 0));
                for key in keys {
                    slow.pop_front();
                    slow.push_back(key);
                }
            }
            for (k, expected) in (0..).zip(&slow) {
                let found = queue.keys.narrow(0, (queue.next + k) % size, 1);
                assert_eq!(found, *expected, "size {size}, batch {batch}, oldest plus {k}");
            }
        }
    }

    #[test]
    fn the_loss_equals_the_slow_formula() {
        for (n, k, d, temperature) in [(1, 1, 2, 1.0), (6, 20, 8, 0.07), (13, 64, 32, 0.2), (4, 300, 16, 0.1)] {
            let (queries, keys, queue) = (vectors(n, d, 1), vectors(n, d, 2), vectors(k, d, 3));
            let near = unit(&(&queries * 0.8 + &keys * 0.5));
            let (loss, measures) = info_nce(&queries, &near, &queue, temperature);
            let value = |t: &Tensor, row: i64, column: i64| t.double_value(&[row, column]);
            let cosine =
                |a: &Tensor, i: i64, b: &Tensor, j: i64| (0..d).map(|c| value(a, i, c) * value(b, j, c)).sum::<f64>();
            let (mut total, mut first, mut five) = (0.0, 0, 0);
            for i in 0..n {
                let own = cosine(&queries, i, &near, i) / temperature;
                let others: Vec<f64> = (0..k).map(|j| cosine(&queries, i, &queue, j) / temperature).collect();
                let sum: f64 = own.exp() + others.iter().map(|other| other.exp()).sum::<f64>();
                total += sum.ln() - own;
                let before = others.iter().filter(|other| **other > own).count();
                first += i64::from(before == 0);
                five += i64::from(before < 5);
            }
            assert!((loss.double_value(&[]) - total / n as f64).abs() < 1e-4, "{n} {k}");
            assert!((measures.double_value(&[1]) - first as f64 / n as f64).abs() < 1e-6);
            assert!((measures.double_value(&[2]) - five as f64 / n as f64).abs() < 1e-6);
        }
    }
}
