//! What has been told of which step, so that nothing is told twice where a run went back.

use std::collections::{BTreeMap, BTreeSet};

/// The names told of each step that a run can go back to, and of the newest.
#[derive(Debug, Default)]
pub struct Once {
    told: BTreeMap<u64, BTreeSet<String>>,
    saved: BTreeSet<u64>,
}

impl Once {
    /// Whether `name` is told of `step` for the first time.
    pub fn is_new(&mut self, step: u64, name: &str) -> bool {
        if !self.told.contains_key(&step) {
            let saved = &self.saved;
            self.told.retain(|before, _| saved.contains(before));
        }
        let names = self.told.entry(step).or_default();
        !names.contains(name) && names.insert(name.to_owned())
    }

    /// A checkpoint holds `step`.
    pub fn save(&mut self, step: u64) {
        self.saved.insert(step);
    }

    /// The run went back to `step`: what was told of later ones is void.
    pub fn go_back(&mut self, step: u64) {
        self.told.retain(|told, _| *told <= step);
        self.saved.retain(|saved| *saved <= step);
        self.saved.insert(step);
    }
}

#[cfg(test)]
mod tests {
    use super::Once;

    #[test]
    fn what_stays_is_told_once_and_what_is_void_again() {
        let mut once = Once::default();
        assert!(once.is_new(10, "loss") && !once.is_new(10, "loss"));
        once.save(10);
        assert!(once.is_new(10, "accuracy"), "what follows a checkpoint at the same step");
        assert!(once.is_new(11, "loss") && once.is_new(12, "loss"));
        once.go_back(10);
        assert!(!once.is_new(10, "loss") && !once.is_new(10, "accuracy") && once.is_new(10, "recall"));
        assert!(once.is_new(11, "loss"));
        once.go_back(0);
        assert!(once.is_new(10, "loss"));
    }

    #[test]
    fn only_steps_that_can_be_gone_back_to_are_remembered() {
        let mut once = Once::default();
        for step in 1..=10_000 {
            assert!(once.is_new(step, "loss"));
            if step % 1000 == 0 {
                once.save(step);
            }
        }
        assert_eq!(once.told.len(), 10);
    }
}
