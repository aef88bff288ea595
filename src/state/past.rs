//! How the classes of a split fared before the latest evaluation: enough to show what has changed, and every recall.

use crate::event::Classes;
use crate::metrics::Confusion;
use serde::{Deserialize, Serialize};

/// The evaluations of one split, as far as they are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Past {
    /// The evaluation before the latest, with its confusion matrix.
    pub former: Option<Classes>,
    /// The recalls of every evaluation, oldest first, the latest included.
    pub recalls: Vec<Recalls>,
    /// Who answered in all of them.
    by: String,
}

/// The recall of each class at one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalls {
    /// After which epoch.
    pub epoch: u64,
    /// By class; none for a class without images. Half the memory of `f64`: a run keeps these of every epoch.
    pub values: Vec<Option<f32>>,
}

impl Past {
    /// Takes in the evaluation `now`; `former` is the one that was the latest until then. What others answered, or of
    /// other classes, can't be compared and is forgotten.
    pub(super) fn add(&mut self, former: Option<Classes>, now: &Classes) {
        let classes = |recalls: &Recalls| recalls.values.len();
        if self.by != now.by || self.recalls.last().is_some_and(|last| classes(last) != now.confusion.len()) {
            *self = Self { by: now.by.clone(), ..Self::default() };
        } else if let Some(former) = former.filter(|former| former.epoch < now.epoch) {
            // One that comes again has the former that it had.
            self.former = Some(former);
        }
        let recalls = Confusion::from_counts(now.confusion.clone()).recalls();
        let values = recalls.into_iter().map(|recall| recall.map(|recall| recall as f32)).collect();
        self.recalls.retain(|recalls| recalls.epoch < now.epoch);
        self.recalls.push(Recalls { epoch: now.epoch, values });
    }

    /// Forgets the epochs that don't hold any more. Returns the evaluation that is now the latest, where the `latest` so
    /// far is void and it is known.
    pub(super) fn cut(&mut self, holds: impl Fn(u64) -> bool, latest: bool) -> Option<Classes> {
        self.recalls.retain(|recalls| holds(recalls.epoch));
        let former = if latest { None } else { self.former.take() };
        former.filter(|former| holds(former.epoch))
    }

    /// The recalls of the last evaluation before `epoch`.
    pub fn before(&self, epoch: u64) -> Option<&Recalls> {
        self.recalls.iter().rev().find(|recalls| recalls.epoch < epoch)
    }
}
