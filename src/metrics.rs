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
        let recall = |(class, row): (usize, &Vec<u64>)| {
            let support: u64 = row.iter().sum();
            (support > 0).then(|| row.get(class).copied().unwrap_or(0) as f64 / support as f64)
        };
        self.0.iter().enumerate().map(recall).collect()
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
    fn a_loss_falls_and_an_accuracy_rises() {
        assert_eq!(direction(TRAIN_LOSS), Some(Direction::Lower));
        assert_eq!(direction(TEST_MACRO), Some(Direction::Higher));
        assert_eq!(direction(LR), None);
        assert!(Direction::Lower.better(1.0, f64::NAN) && !Direction::Higher.better(f64::NAN, 0.0));
        assert!(!Direction::Higher.better(f64::INFINITY, 0.0), "a record can't hold it");
    }
}
