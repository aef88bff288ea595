//! How momentum contrast is judged: the pretext task on pictures held out, with a queue of their own and encoders that
//! don't move; and the features, by their neighbours and their geometry, without training anything on them.

use super::{Moco, Replica, info_nce, unit};
use crate::{
    eval::{Answers, features},
    method::{Judge, Report},
    network::Mode,
    online,
};
use mocolab::{
    event::Real,
    experiment::Layer,
    random::{Purpose, Random},
};
use tch::{Kind, Tensor, no_grad};

/// Spread of features below which they count as collapsed; 1 is as wide as it gets.
const COLLAPSED: f64 = 0.01;
/// Pretext accuracy on the validation split that is suspicious in the first tenth of a training.
const SHORTCUT: f64 = 0.95;
/// Pictures that tell of the geometry where none is held out.
const FEW: i64 = 5000;

impl Moco<'_> {
    /// Loss and accuracy of the pretext task on the validation split. The views are the same after every epoch.
    pub(super) fn pretext(&mut self, epoch: u64, report: &mut Report) {
        let mut sums = [0.0; 5];
        let (batch, temperature) = (self.settings.descent.batch.get() as usize, self.settings.temperature.get());
        for (number, images) in (0..).zip(self.held_out.chunks(batch)) {
            let Replica { query, key, train, .. } = self.lead();
            let [one, other] = if self.settings.val_augment {
                let mut random = Random::new(self.job.experiment.seed, Purpose::Validation, (number, 0));
                let draws = [0; 2].map(|_: u8| self.drawn(images.len(), &mut random));
                self.views(train, images, draws)
            } else {
                let plain = self.colours.normalise(&train.plain(images), query.format.kind());
                [plain.shallow_clone(), plain]
            };
            let (measures, keys) = no_grad(|| {
                let [queries, keys] =
                    [(query, one), (key, other)].map(|(model, x)| unit(&model.forward(&x, Mode::Evaluate)));
                let (_, measures) = info_nce(&queries, &keys, &self.val_queue.keys, temperature);
                (measures, keys)
            });
            self.val_queue.enqueue(&keys);
            let measures = Vec::<f64>::try_from(measures.to_kind(Kind::Double)).expect("five numbers");
            sums.iter_mut().zip(measures).for_each(|(sum, value)| *sum += value * images.len() as f64);
        }
        let means = sums.map(|sum| sum / self.held_out.len() as f64);
        let names = ["loss", "accuracy", "top5_accuracy", "positive_similarity", "negative_similarity"];
        names.iter().zip(means).for_each(|(name, mean)| report.figure(Judge::Val, name, mean));
        // Of units, the mean square distance is two less twice the mean cosine (Wang and Isola 2020, alignment).
        report.figure(Judge::Val, "alignment", 2.0 - 2.0 * means[3]);
        let early = epoch * 10 <= self.settings.descent.epochs.get();
        if self.settings.val_augment && early && means[1] > SHORTCUT {
            report.alerts.push(format!(
                "the pretext task is solved in {:.1} % of the cases after {epoch} epochs: the network has probably found a \
                 shortcut, such as batch norms that give the answer away (`bn_splits`, `shuffle_bn`) or views too alike",
                100.0 * means[1]
            ));
        }
    }

    /// Nearest neighbours among the training pictures, of the pictures that judge; and how their features lie.
    pub(super) fn look_at_features(&self, (judge, epoch): (Judge, u64), report: &mut Report) {
        let Replica { query, train, .. } = self.lead();
        let all: Vec<i64>;
        let asked = match judge {
            Judge::Val => (train, self.held_out.as_slice()),
            Judge::Test => {
                all = self.test.all();
                (&self.test, all.as_slice())
            }
        };
        let [bank, bank_projected, bank_labels] = features((train, &self.learnt), &self.colours, query, false);
        let [seen, projected, labels] = features(asked, &self.colours, query, false);
        let (settings, classes) = (self.settings, self.job.dataset.classes.len());
        if judge == Judge::Val {
            // Where no picture is held out, those learnt from tell of a collapse too.
            let few = |all: &Tensor| all.narrow(0, 0, all.size()[0].min(FEW));
            let (below, above) = if asked.1.is_empty() {
                (few(&bank), few(&bank_projected))
            } else {
                (seen.shallow_clone(), projected.shallow_clone())
            };
            geometry(&below, &above, report);
        }
        if asked.1.is_empty() {
            return;
        }
        let (bank, queries) = match settings.knn_layer {
            Layer::Features => (bank, &seen),
            Layer::Projection => (bank_projected, &projected),
        };
        let (k, temperature) =
            ((settings.knn_k.get() as i64).min(self.learnt.len() as i64), settings.knn_temperature.get());
        let predicted = online::nearest(&bank, &bank_labels, queries, (k, temperature, classes as i64));
        let mut answers = Answers::new(classes);
        answers.count(&predicted, &labels);
        let by = format!("knn k={k} T={temperature} {} of {} training images", settings.knn_layer, self.learnt.len());
        report.answers((judge, epoch), &answers.confusion(), ("knn_", &by));
    }
}

/// How features `[n, width]` and what the head makes of them `[n, d]` lie.
fn geometry(seen: &Tensor, projected: &Tensor, report: &mut Report) {
    let (below, above) = (online::geometry(seen), online::geometry(projected));
    let figures = [("spread", above.spread), ("rank", below.rank), ("uniformity", above.uniformity)];
    report.metrics.extend(figures.map(|(name, value)| (format!("features/{name}"), Real(value))));
    // Written so that features that are no numbers count, too.
    let healthy = above.spread >= COLLAPSED;
    if !healthy {
        let spread = above.spread;
        report.collapsed = Some(format!("the features have collapsed: their spread is {spread:.3} of a healthy 1"));
    }
}
