//! The keys of a step: what the key encoders make of the views, in an order in which batch norms tell them nothing.

use super::{Moco, Replica, Views, queue::unit};
use crate::{device::upload, method::Place, replicas};
use mocolab::random::{Purpose, Random};
use tch::{Tensor, no_grad};

impl Moco<'_> {
    /// Keys of length 1 of each of the views `which` of all replicas, `[n, d]` each, on the first device, in the order of the
    /// batch.
    ///
    /// With `shuffle_bn` the key encoders see the batch in another order, so that the pictures whose statistics a batch
    /// norm mixes are others than on the query's side (He et al. 2019, section 3.3).
    pub(super) fn keys(&mut self, batch: &[Views], which: &[usize], place: Place) -> Vec<Tensor> {
        let lead = self.lead().key.device();
        let (splits, count) = (self.settings.bn_splits.get() as i64, self.replicas.len());
        let shuffled = which.iter().map(|which| self.shuffled(batch, *which, place));
        let (shares, back): (Vec<Vec<Tensor>>, Vec<Vec<i64>>) = shuffled.unzip();
        let share = |replica: usize| shares.iter().map(|shares| shares[replica].shallow_clone()).collect();
        let mut work: Vec<(&mut Replica, Vec<Tensor>)> = self.replicas.iter_mut().zip((0..count).map(share)).collect();
        let keys = replicas::each(&mut work, |(replica, views)| {
            let views: Vec<Tensor> = views.iter().map(|views| views.to_device(replica.key.device())).collect();
            no_grad(|| {
                let keys = replica.key.train(&views.iter().collect::<Vec<_>>(), splits);
                keys.iter().map(|keys| unit(keys).to_device(lead)).collect::<Vec<_>>()
            })
        });
        let of_view = |(number, back): (usize, &Vec<i64>)| {
            let keys: Vec<&Tensor> = keys.iter().map(|keys| &keys[number]).collect();
            Tensor::cat(&keys, 0).index_select(0, &upload(back, lead))
        };
        back.iter().enumerate().map(of_view).collect()
    }

    /// The views `which` of all replicas in the order in which the key encoders see them, a share for each replica; and
    /// where each picture of the batch then stands.
    fn shuffled(&self, batch: &[Views], which: usize, place: Place) -> (Vec<Tensor>, Vec<i64>) {
        let lead = self.lead().key.device();
        let views: Vec<Tensor> = batch.iter().map(|views| views[which].to_device(lead)).collect();
        let views = if let [one] = views.as_slice() { one.shallow_clone() } else { Tensor::cat(&views, 0) };
        let mut order: Vec<i64> = (0..views.size()[0]).collect();
        if self.settings.shuffle_bn {
            let seed = (self.job.experiment.seed, which as u64);
            Random::new(seed.0, Purpose::KeyOrder, (place.step, place.part << 1 | seed.1)).shuffle(&mut order);
        }
        let shares = replicas::share(&order, self.replicas.len());
        let shares = shares.into_iter().map(|order| {
            if self.settings.shuffle_bn || batch.len() > 1 { rows(&views, order) } else { views.shallow_clone() }
        });
        let shares = shares.collect();
        let mut back = vec![0; order.len()];
        (0..).zip(&order).for_each(|(place, picture)| back[*picture as usize] = place);
        (shares, back)
    }
}

/// Pictures `[n, c, h, w]` in another order, channels last in memory.
fn rows(x: &Tensor, order: &[i64]) -> Tensor {
    let order = upload(order, x.device());
    x.permute([0, 2, 3, 1]).index_select(0, &order).permute([0, 3, 1, 2])
}
