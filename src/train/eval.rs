//! How well a classifier does on pictures it doesn't learn from.

use super::{
    model::Model,
    pictures::{Colours, Pictures},
};
use mocolab::metrics::Confusion;
use tch::{Kind, Reduction, Tensor, no_grad};

/// Pictures of one forward pass.
const BATCH: usize = 500;

/// What a classifier has answered so far.
#[derive(Debug)]
pub struct Answers {
    loss: f64,
    counts: Vec<Vec<u64>>,
}

/// Shows the pictures `indices` to `model`, as they are or mirrored, by its running statistics; `each` gets features `[b, width]`,
/// outputs `[b, outputs]`, both fp32, and labels `[b]` of one batch after the other.
pub fn judge(
    (pictures, indices): (&Pictures, &[i64]),
    (colours, mirrored): (&Colours, bool),
    model: &Model,
    mut each: impl FnMut((Tensor, Tensor), &Tensor),
) {
    for batch in indices.chunks(BATCH) {
        let bytes = pictures.plain(batch);
        let bytes = if mirrored { bytes.flip([2]) } else { bytes };
        let x = colours.normalise(&bytes, model.format.kind());
        each(model.both(&x), &pictures.labels(batch));
    }
}

/// Features `[n, width]`, outputs `[n, outputs]` and labels `[n]` of the pictures `indices`, mirrored or not.
pub fn features(of: (&Pictures, &[i64]), colours: &Colours, model: &Model, mirrored: bool) -> [Tensor; 3] {
    if of.1.is_empty() {
        let empty = |width, kind| Tensor::zeros([0, width], (kind, model.device()));
        return [empty(model.net.width, Kind::Float), empty(1, Kind::Float), empty(1, Kind::Int64).view([0])];
    }
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    judge(of, (colours, mirrored), model, |(features, outputs), labels| {
        for (list, tensor) in all.iter_mut().zip([features, outputs, labels.shallow_clone()]) {
            list.push(tensor);
        }
    });
    all.map(|list| Tensor::cat(&list, 0))
}

impl Answers {
    /// None yet.
    pub fn new(classes: usize) -> Self {
        Self { loss: 0.0, counts: vec![vec![0; classes]; classes] }
    }

    /// Counts the answers that logits `[b, classes]` give to `labels` `[b]`.
    pub fn add(&mut self, logits: &Tensor, labels: &Tensor) {
        let (loss, predicted) = no_grad(|| {
            let loss = logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Sum, -100, 0.0);
            (loss.double_value(&[]), logits.argmax(1, false))
        });
        self.loss += loss;
        self.count(&predicted, labels);
    }

    /// Counts answers `[b]` to `labels` `[b]`.
    pub fn count(&mut self, predicted: &Tensor, labels: &Tensor) {
        let classes = self.counts.len() as i64;
        let pairs: Tensor = labels * classes + predicted;
        let answers = Vec::<i64>::try_from(pairs.bincount(None::<&Tensor>, classes * classes))
            .expect("`bincount` gives a vector of whole numbers");
        for (count, answer) in self.counts.iter_mut().flatten().zip(answers) {
            *count += answer as u64;
        }
    }

    /// Mean cross-entropy, natural logarithm.
    pub fn loss(&self) -> f64 {
        self.loss / self.counts.iter().flatten().sum::<u64>() as f64
    }

    /// Every answer.
    pub fn confusion(&self) -> Confusion {
        Confusion::from_counts(self.counts.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn answers_are_counted_by_class_over_all_batches() {
        // 900 pictures of class 0, all answered right, 300 of class 1, a third answered right.
        let mut answers = Answers::new(2);
        for (label, bright, count) in [(0, -1.0, 900), (1, -1.0, 200), (1, 1.0, 100)] {
            let x = Tensor::full([count, 1], bright, (Kind::Float, Device::Cpu));
            answers.add(&Tensor::cat(&[-&x, x], 1), &Tensor::full([count], label, (Kind::Int64, Device::Cpu)));
        }
        assert_eq!(answers.confusion().counts(), [vec![900, 0], vec![200, 100]]);
        assert!((answers.confusion().macro_accuracy() - 2.0 / 3.0).abs() < 1e-12);
        let [right, wrong] = [(1.0 + (-2_f64).exp()).ln(), (1.0 + 2_f64.exp()).ln()];
        assert!((answers.loss() - (1000.0 * right + 200.0 * wrong) / 1200.0).abs() < 1e-5, "{}", answers.loss());
    }
}
