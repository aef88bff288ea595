//! A run written by the first version of the format must be read for ever: these files are never made anew.

use mocolab::event::Outcome;
use mocolab::metrics::{Confusion, TEST_MACRO, TRAIN_LOSS, VAL_MACRO};
use mocolab::run::{RunDir, Watch};
use mocolab::state::RunState;
use mocolab::status::Status;

#[test]
fn a_run_of_version_1_is_read() {
    let run = RunDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/run-v1"));
    let mut watch = Watch::new(run.clone());
    let look = watch.look(usize::MAX).unwrap();
    assert!(look.batch.damaged.is_empty() && !look.batch.more);
    assert_eq!(look.status, Some(Status::Done));
    assert_eq!(look.job.unwrap().devices, ["cpu"]);

    let mut state = RunState::default();
    look.batch.lines.iter().for_each(|line| state.apply(line));
    assert_eq!((state.step, state.steps, state.epoch, state.epochs), (1755, 1755, 5, 5));
    assert_eq!(state.finished.as_ref().map(|finished| finished.outcome), Some(Outcome::Done));
    assert_eq!(state.curves[TRAIN_LOSS].len(), 175);
    assert_eq!(state.curves[TRAIN_LOSS].first(), Some((10, 2.331_601_858_139_038)));
    assert_eq!((state.best[VAL_MACRO].value, state.best[VAL_MACRO].epoch), (0.760_4, 5));
    assert_eq!(state.class_names()[3], "cat");
    let test = Confusion::from_counts(state.classes["test"].confusion.clone());
    assert_eq!(Some(&test.macro_accuracy()), state.latest.get(TEST_MACRO));
    assert_eq!(state.checkpoints.last().unwrap().step, 1755);
    assert_eq!(mocolab::run::Reader::last_attempt(&run).unwrap(), 1);
}
