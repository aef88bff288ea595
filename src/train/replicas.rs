//! Several devices in one run: a replica on each, a thread for each while a step is computed.

use super::model::Model;
use std::panic::resume_unwind;
use tch::Tensor;

/// Does `work` with each of `replicas` at the same time, and gives the answers in their order. One alone needs no thread.
///
/// # Panics
/// Where the work does.
pub fn each<T: Send, R: Send>(replicas: &mut [T], work: impl Fn(&mut T) -> R + Sync) -> Vec<R> {
    if let [one] = replicas {
        return vec![work(one)];
    }
    let (work, threads) = (&work, tch::get_num_threads());
    std::thread::scope(|scope| {
        let spawn = |replica| {
            scope.spawn(move || {
                // The number of threads within an operation is kept by thread.
                tch::set_num_threads(threads);
                work(replica)
            })
        };
        let threads: Vec<_> = replicas.iter_mut().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Brings all that follows from the weights of the first of `models` up to date: its own copies, and the other models.
pub fn moved<'a>(mut models: impl Iterator<Item = &'a mut Model>) {
    let lead = models.next().expect("there is at least one replica");
    lead.parameters.refresh();
    for model in models {
        model.parameters.follow(&lead.parameters);
    }
}

/// The mean of tensors of one shape on whatever devices, weighed by `counts`, on the device of the first.
pub fn mean(tensors: Vec<Tensor>, counts: &[usize]) -> Tensor {
    let mut tensors = tensors.into_iter().zip(counts);
    let (first, count) = tensors.next().expect("there is at least one replica");
    let total: usize = counts.iter().sum();
    if *count == total {
        return first;
    }
    let mut sum = first * (*count as f64 / total as f64);
    for (tensor, count) in tensors {
        sum += tensor.to_device(sum.device()) * (*count as f64 / total as f64);
    }
    sum
}

/// Parts `items` among `count` replicas as evenly as whole items allow, in order.
pub fn share<T>(items: &[T], count: usize) -> Vec<&[T]> {
    (0..count).map(|k| &items[items.len() * k / count..items.len() * (k + 1) / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_shared_evenly_and_means_weigh_them() {
        let items: Vec<i64> = (0..7).collect();
        assert_eq!(share(&items, 3), [&items[0..2], &items[2..4], &items[4..7]]);
        let means: Vec<Tensor> = [1.0_f32, 4.0].into_iter().map(Tensor::from).collect();
        assert!((mean(means, &[1, 2]).double_value(&[]) - 3.0).abs() < 1e-6);
        let mut replicas = [1, 2, 3];
        let answers = each(&mut replicas, |replica| {
            *replica += 1;
            *replica * 10
        });
        assert_eq!((answers.as_slice(), replicas), ([20, 30, 40].as_slice(), [2, 3, 4]));
    }

    #[test]
    #[should_panic(expected = "on the way")]
    fn a_panic_of_a_replica_is_not_lost() {
        each(&mut [1, 2], |replica| assert!(*replica == 1, "on the way"));
    }
}
