//! How well a classifier does on pictures it doesn't learn from.

use super::pictures::{Colours, Pictures};
use mocolab::metrics::Confusion;
use tch::{Kind, Reduction, Tensor, no_grad};

/// Pictures of one forward pass.
const BATCH: usize = 500;

/// The result on one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, natural logarithm.
    pub loss: f64,
    /// Every answer.
    pub confusion: Confusion,
}

/// Asks `logits` (images `[b, 3, h, w]` of `kind` → `[b, classes]`) about the pictures `indices`.
pub fn evaluate(
    (pictures, indices): (&Pictures, &[i64]),
    colours: &Colours,
    kind: Kind,
    classes: usize,
    logits: impl Fn(&Tensor) -> Tensor,
) -> Evaluation {
    let mut loss = 0.0;
    let mut counts = vec![vec![0; classes]; classes];
    for batch in indices.chunks(BATCH) {
        let (batch_loss, answers) = no_grad(|| {
            let logits = logits(&colours.normalise(&pictures.plain(batch), kind)).to_kind(Kind::Float);
            let labels = pictures.labels(batch);
            let loss = logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Sum, -100, 0.0);
            let pairs: Tensor = labels * classes as i64 + logits.argmax(1, false);
            (loss.double_value(&[]), pairs.bincount(None::<&Tensor>, (classes * classes) as i64))
        });
        loss += batch_loss;
        let answers = Vec::<i64>::try_from(answers).expect("`bincount` gives a vector of whole numbers");
        for (count, answer) in counts.iter_mut().flatten().zip(answers) {
            *count += answer as u64;
        }
    }
    Evaluation { loss: loss / indices.len() as f64, confusion: Confusion::from_counts(counts) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::data::Split;
    use tch::Device;

    #[test]
    fn answers_are_counted_by_class_over_all_batches() {
        // 900 pictures of class 0, all answered right, 300 of class 1, a third answered right: brightness decides.
        let truth: Vec<u16> = (0..1200).map(|index| u16::from(index >= 900)).collect();
        let bright = |index: usize| if index >= 1100 { 255 } else { 0 };
        let images = (0..1200).flat_map(|index| [bright(index); 3]).collect();
        let pictures = Pictures::new(&Split { images, labels: truth }, (1, 1), Device::Cpu);
        let colours = Colours { mean: [127.5; 3], deviation: [127.5; 3] };
        let indices: Vec<i64> = (0..1200).collect();
        let answer = |x: &Tensor| {
            let x = x.select(1, 0).flatten(1, 2);
            Tensor::cat(&[-&x, x], 1)
        };
        let result = evaluate((&pictures, &indices), &colours, Kind::Float, 2, answer);
        assert_eq!(result.confusion.counts(), [vec![900, 0], vec![200, 100]]);
        assert!((result.confusion.macro_accuracy() - 2.0 / 3.0).abs() < 1e-12);
        let [right, wrong] = [(1.0 + (-2_f64).exp()).ln(), (1.0 + 2_f64.exp()).ln()];
        assert!((result.loss - (1000.0 * right + 200.0 * wrong) / 1200.0).abs() < 1e-5, "{}", result.loss);
    }
}
