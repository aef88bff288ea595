//! Measurements: their names, which way is better, and the figures made from a confusion matrix.

/// Cross-entropy of the training batches.
pub const TRAIN_LOSS: &str = "train/loss";
/// Share of right answers on the training batches, as augmented.
pub const TRAIN_ACCURACY: &str = "train/accuracy";
/// Cross-entropy on the validation split.
pub const VAL_LOSS: &str = "val/loss";
/// Share of right answers on the validation split.
pub const VAL_ACCURACY: &str = "val/accuracy";
/// Macro accuracy on the validation split.
pub const VAL_MACRO: &str = "val/macro_accuracy";
/// Cross-entropy on the test set.
pub const TEST_LOSS: &str = "test/loss";
/// Share of right answers on the test set.
pub const TEST_ACCURACY: &str = "test/accuracy";
/// Macro accuracy on the test set.
pub const TEST_MACRO: &str = "test/macro_accuracy";
/// Share of queries whose key is among the five most similar of all.
pub const TRAIN_TOP5: &str = "train/top5_accuracy";
/// Mean cosine of queries and their keys.
pub const TRAIN_POSITIVE: &str = "train/positive_similarity";
/// Mean cosine of queries and the keys of others.
pub const TRAIN_NEGATIVE: &str = "train/negative_similarity";
/// Macro accuracy of weighted nearest neighbours on the validation split.
pub const VAL_KNN_MACRO: &str = "val/knn_macro_accuracy";
/// The same on the test set.
pub const TEST_KNN_MACRO: &str = "test/knn_macro_accuracy";
/// Learning rate of the step.
pub const LR: &str = "lr";
/// Training images per second.
pub const IMAGES_PER_S: &str = "images_per_s";

/// What the mean of an epoch's steps is called: a curve of its own beside that of the steps.
pub fn of_epoch(metric: &str) -> String {
    format!("epoch/{metric}")
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As with a loss.
    Lower,
    /// As with an accuracy.
    Higher,
}

/// Which way is better for the metric called `name`; none where neither is, as with a learning rate.
pub fn direction(name: &str) -> Option<Direction> {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains("loss") {
        Some(Direction::Lower)
    } else if last.contains("accuracy") || last.contains("recall") {
        Some(Direction::Higher)
    } else {
        None
    }
}

impl Direction {
    /// Is `new` better than `old`? What is not finite never is; anything finite is better than NaN.
    pub fn better(self, new: f64, old: f64) -> bool {
        match self {
            _ if !new.is_finite() => false,
            _ if old.is_nan() => true,
            Self::Lower => new < old,
            Self::Higher => new > old,
        }
    }
}

/// Counts of answers, `[true class][predicted class]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    /// No answers yet.
    pub fn new(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// Wraps counts read from a record; rows of other lengths than the number of rows count as far as they go.
    pub fn from_counts(counts: Vec<Vec<u64>>) -> Self {
        Self(counts)
    }

    /// Counts one answer. Classes out of range are a mistake of the caller.
    ///
    /// # Panics
    /// On a class that is not there.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.0[truth][predicted] += 1;
    }

    /// The counts.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// Recall of each class: right answers over images of the class; none for a class without images.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        (0..self.0.len()).map(|class| self.share(class, class)).collect()
    }

    /// Images of each class.
    pub fn supports(&self) -> Vec<u64> {
        self.0.iter().map(|row| row.iter().sum()).collect()
    }

    /// How often each class was the answer.
    pub fn answered(&self) -> Vec<u64> {
        (0..self.0.len()).map(|class| self.0.iter().filter_map(|row| row.get(class)).sum()).collect()
    }

    /// Precision of each class: right answers over all answers of the class; none for a class that was never answered.
    pub fn precisions(&self) -> Vec<Option<f64>> {
        let precision = |(class, answers): (usize, u64)| share(self.count(class, class), answers);
        self.answered().into_iter().enumerate().map(precision).collect()
    }

    /// F1 of each class: the harmonic mean of recall and precision, 2·right / (images + answers); none for a class without
    /// images.
    pub fn f1s(&self) -> Vec<Option<f64>> {
        let of = self.supports().into_iter().zip(self.answered()).enumerate();
        of.map(|(class, (images, answers))| {
            share(2 * self.count(class, class), images + answers).filter(|_| images > 0)
        })
        .collect()
    }

    /// The share of the images of class `truth` that were taken for `answer`; none for a class without images.
    pub fn share(&self, truth: usize, answer: usize) -> Option<f64> {
        share(self.count(truth, answer), self.0.get(truth)?.iter().sum())
    }

    /// All wrong answers, the greatest share of their class first; of equal shares the more frequent, then the first.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (truth, (row, images)) in self.0.iter().zip(self.supports()).enumerate() {
            let wrong = row.iter().enumerate().filter(|(answer, count)| *answer != truth && **count > 0);
            mistakes.extend(wrong.map(|(answer, count)| {
                let share = *count as f64 / images as f64;
                Mistake { truth, answer, count: *count, share }
            }));
        }
        mistakes.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.count.cmp(&a.count)));
        mistakes
    }

    /// What differs from `baseline`; none where the numbers of classes do.
    pub fn difference(&self, baseline: &Self) -> Option<Difference> {
        let classes = self.0.len();
        let cell = |truth, answer| Some(self.share(truth, answer)? - baseline.share(truth, answer)?);
        let row = |truth| (0..classes).map(|answer| cell(truth, answer)).collect();
        (classes == baseline.0.len()).then(|| Difference(((0..classes).map(row)).collect()))
    }

    fn count(&self, truth: usize, answer: usize) -> u64 {
        self.0.get(truth).and_then(|row| row.get(answer)).copied().unwrap_or(0)
    }

    /// Share of right answers among all; NaN without answers.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.0.iter().enumerate().filter_map(|(class, row)| row.get(class)).sum();
        right as f64 / self.0.iter().flatten().sum::<u64>() as f64
    }

    /// Macro (balanced) accuracy: the mean of the recalls of the classes that have images; NaN without answers.
    pub fn macro_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = self.recalls().into_iter().flatten().collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Images of one class taken for another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mistake {
    /// Their class.
    pub truth: usize,
    /// What they were taken for.
    pub answer: usize,
    /// How many.
    pub count: u64,
    /// The part of the images of their class, 0 to 1.
    pub share: f64,
}

/// What two confusion matrices differ in: of each cell the share of its row, one less the other, −1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference(Vec<Vec<Option<f64>>>);

impl Difference {
    /// How much more of the images of `truth` were taken for `answer`; none where one has no images of the class.
    pub fn share(&self, truth: usize, answer: usize) -> Option<f64> {
        self.0.get(truth)?.get(answer).copied()?
    }

    /// How much the recall of each class is higher.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        (0..self.0.len()).map(|class| self.share(class, class)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_accuracy_weighs_classes_not_images() {
        let confusion = Confusion::from_counts(vec![vec![90, 10, 0], vec![5, 5, 0], vec![0, 0, 0]]);
        assert_eq!(confusion.recalls(), [Some(0.9), Some(0.5), None]);
        assert!((confusion.macro_accuracy() - 0.7).abs() < 1e-12);
        assert!((confusion.accuracy() - 95.0 / 110.0).abs() < 1e-12);
        assert!(Confusion::new(2).macro_accuracy().is_nan());
    }

    #[test]
    fn precision_and_f1_of_a_class() {
        let confusion = Confusion::from_counts(vec![vec![8, 2, 0], vec![4, 6, 0], vec![0, 0, 0]]);
        assert_eq!((confusion.supports(), confusion.answered()), (vec![10, 10, 0], vec![12, 8, 0]));
        assert_eq!(confusion.precisions(), [Some(8.0 / 12.0), Some(0.75), None]);
        let f1 = |recall: f64, precision: f64| 2.0 * recall * precision / (recall + precision);
        for (made, wanted) in confusion.f1s().into_iter().zip([Some(f1(0.8, 8.0 / 12.0)), Some(f1(0.6, 0.75)), None]) {
            assert!(made.zip(wanted).map_or(made == wanted, |(made, wanted)| (made - wanted).abs() < 1e-12));
        }
        let unseen = Confusion::from_counts(vec![vec![0, 0], vec![3, 1]]);
        assert_eq!((unseen.precisions()[0], unseen.f1s()[0]), (Some(0.0), None));
    }

    #[test]
    fn the_worst_mistakes_come_first() {
        let confusion = Confusion::from_counts(vec![vec![900, 60, 40], vec![1, 8, 1], vec![0, 0, 0]]);
        let made: Vec<_> = confusion.mistakes().iter().map(|m| (m.truth, m.answer, m.count)).collect();
        assert_eq!(made, [(1, 0, 1), (1, 2, 1), (0, 1, 60), (0, 2, 40)]);
        assert!((confusion.mistakes()[2].share - 0.06).abs() < 1e-12);
        // Rows of other lengths than there are classes, as a damaged record could have them.
        let torn = Confusion::from_counts(vec![vec![1], vec![1, 1, 2]]);
        assert_eq!(torn.mistakes().first().map(|m| (m.truth, m.answer)), Some((1, 2)));
        assert_eq!((torn.answered(), torn.share(0, 1), torn.share(5, 0)), (vec![2, 1], Some(0.0), None));
    }

    #[test]
    fn two_matrices_differ_by_shares_of_their_rows() {
        let ours = Confusion::from_counts(vec![vec![9, 1], vec![0, 0]]);
        let baseline = Confusion::from_counts(vec![vec![60, 40], vec![1, 1]]);
        let difference = ours.difference(&baseline).unwrap();
        assert_eq!(difference.recalls().len(), 2);
        assert!((difference.recalls()[0].unwrap() - 0.3).abs() < 1e-12);
        assert!((difference.share(0, 1).unwrap() + 0.3).abs() < 1e-12);
        assert_eq!((difference.share(1, 1), difference.share(2, 0)), (None, None));
        assert_eq!(ours.difference(&Confusion::new(3)), None);
    }

    #[test]
    fn a_loss_falls_and_an_accuracy_rises() {
        assert_eq!(direction(TRAIN_LOSS), Some(Direction::Lower));
        assert_eq!(direction(TEST_MACRO), Some(Direction::Higher));
        assert_eq!(direction(LR), None);
        assert!(Direction::Lower.better(1.0, f64::NAN) && !Direction::Higher.better(f64::NAN, 0.0));
        assert!(!Direction::Higher.better(f64::INFINITY, 0.0), "a record can't hold it");
    }
}
