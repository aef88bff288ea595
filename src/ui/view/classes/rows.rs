//! What the table of the classes shows, as values, and in which order.

use super::labels;
use mocolab::event::Classes;
use mocolab::metrics::Confusion;
use mocolab::state::RunState;
use std::cmp::Ordering;

/// How one class fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its place in the data set.
    pub class: usize,
    /// Its name, safe to show.
    pub name: String,
    /// Right answers over its images; none without images.
    pub recall: Option<f64>,
    /// Right answers over all answers of the class; none where it was never answered.
    pub precision: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// Its images.
    pub images: u64,
    /// How much its recall is higher than at the evaluation before.
    pub change: Option<f64>,
}

/// What the rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Worst recall first.
    #[default]
    Recall,
    /// The most fallen recall first.
    Change,
    /// Worst precision first.
    Precision,
    /// Worst F1 first.
    F1,
    /// Fewest images first.
    Images,
    /// By name.
    Name,
}

impl Order {
    /// The next one, round and round.
    pub fn next(self) -> Self {
        match self {
            Self::Recall => Self::Change,
            Self::Change => Self::Precision,
            Self::Precision => Self::F1,
            Self::F1 => Self::Images,
            Self::Images => Self::Name,
            Self::Name => Self::Recall,
        }
    }

    /// In words.
    pub fn title(self, reversed: bool) -> &'static str {
        match (self, reversed) {
            (Self::Recall, false) => "worst recall first",
            (Self::Recall, true) => "best recall first",
            (Self::Change, false) => "most fallen first",
            (Self::Change, true) => "most risen first",
            (Self::Precision, false) => "worst precision first",
            (Self::Precision, true) => "best precision first",
            (Self::F1, false) => "worst F1 first",
            (Self::F1, true) => "best F1 first",
            (Self::Images, false) => "fewest images first",
            (Self::Images, true) => "most images first",
            (Self::Name, false) => "by name",
            (Self::Name, true) => "by name, last first",
        }
    }

    /// Which of two rows is shown first. What can't be told comes last, either way round.
    fn compare(self, reversed: bool, a: &Row, b: &Row) -> Ordering {
        let key: fn(&Row) -> Option<f64> = match self {
            Self::Recall => |row| row.recall,
            Self::Change => |row| row.change,
            Self::Precision => |row| row.precision,
            Self::F1 => |row| row.f1,
            Self::Images => |row| Some(row.images as f64),
            Self::Name => |_| None,
        };
        let turn = |order: Ordering| if reversed { order.reverse() } else { order };
        match (key(a), key(b)) {
            (Some(a), Some(b)) => turn(a.total_cmp(&b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) if self == Self::Name => turn(a.name.cmp(&b.name)),
            (None, None) => Ordering::Equal,
        }
        .then(a.class.cmp(&b.class))
    }
}

/// The rows of `classes`, in order.
pub fn rows(state: &RunState, classes: &Classes, order: Order, reversed: bool) -> Vec<Row> {
    let confusion = Confusion::from_counts(classes.confusion.clone());
    let before = state.past.get(&classes.split).and_then(|past| past.before(classes.epoch));
    let (recalls, precisions, f1s) = (confusion.recalls(), confusion.precisions(), confusion.f1s());
    let (names, images) = (labels::names(state.class_names(), recalls.len()), confusion.supports());
    let row = |(class, name)| {
        // As exactly as the recalls of before are known, so that what hasn't changed hasn't.
        let known = before.and_then(|before| *before.values.get(class)?);
        let change = |recall: f64| known.map(|known| f64::from(recall as f32 - known));
        Row {
            class,
            name,
            recall: recalls[class],
            precision: precisions[class],
            f1: f1s[class],
            images: images[class],
            change: recalls[class].and_then(change),
        }
    };
    let mut rows: Vec<Row> = names.into_iter().enumerate().map(row).collect();
    rows.sort_by(|a, b| order.compare(reversed, a, b));
    rows
}
