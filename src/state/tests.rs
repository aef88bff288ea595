use super::*;
use crate::event::{Outcome, Real, Step};

fn feed(state: &mut RunState, attempt: u32, t: f64, event: Event) {
    state.apply(&Line { attempt, seq: 0, t, event });
}

fn started(from_step: u64) -> Event {
    let reached = |epoch| ("val/macro_accuracy".to_owned(), Best { value: epoch as f64 / 10.0, epoch });
    let best = (from_step >= 10).then(|| reached(from_step / 10)).into_iter().collect();
    Event::Started(Box::new(Started {
        from_step,
        steps: 100,
        epochs: 10,
        steps_per_epoch: 10,
        best,
        ..Started::default()
    }))
}

fn step(step: u64, loss: f64) -> Event {
    let metrics = [("train/loss".to_owned(), Real(loss))].into();
    Event::Step(Step { step, of: 100, epoch: step / 10 + 1, metrics })
}

fn epoch(number: u64, accuracy: f64) -> Event {
    let best = [("val/macro_accuracy".to_owned(), Best { value: accuracy, epoch: number })].into();
    let metrics = [("val/macro_accuracy".to_owned(), Real(accuracy)), ("train/loss".to_owned(), Real(1.5))].into();
    Event::Epoch(Epoch { epoch: number, of: 10, step: number * 10, seconds: 1.0, metrics, best })
}

#[test]
fn a_resumed_run_forgets_what_came_after_its_checkpoint() {
    let mut state = RunState::default();
    feed(&mut state, 1, 0.0, started(0));
    for at in 1..=25 {
        feed(&mut state, 1, at as f64, step(at, 100.0 - at as f64));
        if at % 10 == 0 {
            feed(&mut state, 1, at as f64, epoch(at / 10, at as f64 / 100.0));
        }
    }
    assert_eq!((state.step, state.epoch, state.curves["train/loss"].len()), (25, 3, 25));
    feed(&mut state, 2, 60.0, started(10));
    assert_eq!((state.attempt, state.step, state.epoch), (2, 10, 2));
    assert_eq!(state.curves["train/loss"].last(), Some((10, 90.0)));
    assert_eq!(state.latest.get("val/macro_accuracy"), Some(&0.1));
    assert_eq!(state.best["val/macro_accuracy"], Best { value: 0.1, epoch: 1 });
    assert_eq!(state.latest.get("epoch/train/loss"), None, "an undisturbed run has none either");
    feed(&mut state, 2, 62.0, step(11, 50.0));
    assert_eq!(state.latest.get("train/loss"), Some(&50.0));
    assert_eq!(state.seconds_left(), Some(2.0 * 89.0));
    let times = [5, 10, 11, 12].map(|step| (state.seconds_at(step), state.worked_at(step), state.epochs_at(step)));
    let at = |wall, worked, epochs| (Some(wall), Some(worked), Some(epochs));
    assert_eq!(times, [at(5.0, 5.0, 0.5), at(10.0, 10.0, 1.0), at(62.0, 12.0, 1.1), (None, None, Some(1.2))]);
}

#[test]
fn an_end_counts_until_the_next_attempt() {
    let mut state = RunState::default();
    feed(&mut state, 1, 0.0, started(0));
    feed(&mut state, 1, 1.0, Event::Finished(Finished { outcome: Outcome::Stopped, step: 3, cause: None }));
    assert_eq!((state.step, state.progress()), (3, 0.03));
    feed(&mut state, 2, 2.0, started(3));
    assert_eq!(state.finished, None);
    feed(&mut state, 3, 3.0, Event::Finished(Finished { outcome: Outcome::Failed, step: 0, cause: None }));
    assert_eq!((state.step, state.progress()), (3, 0.03), "it failed before it began");
}

#[test]
fn time_between_attempts_is_no_work() {
    let mut state = RunState::default();
    feed(&mut state, 1, 100.0, started(0));
    feed(&mut state, 1, 110.0, step(10, 1.0));
    feed(&mut state, 1, 130.0, step(30, 1.0));
    feed(&mut state, 2, 200.0, started(10));
    feed(&mut state, 3, 300.0, started(10));
    feed(&mut state, 3, 310.0, step(20, 1.0));
    assert_eq!((state.seconds_at(20), state.worked_at(20)), (Some(210.0), Some(20.0)));
    feed(&mut state, 4, 400.0, started(0));
    feed(&mut state, 4, 405.0, step(10, 1.0));
    assert_eq!((state.seconds_at(10), state.worked_at(10), state.worked_at(0)), (Some(305.0), Some(5.0), Some(0.0)));
}

#[test]
fn a_summary_keeps_no_value_that_steps_passed_over_may_have_changed() {
    let mut state = RunState::of(Depth::Summary);
    feed(&mut state, 1, 0.0, started(0));
    feed(&mut state, 1, 9.0, step(9, 1.0));
    feed(&mut state, 1, 10.0, epoch(1, 0.5));
    state.skip_steps();
    assert_eq!(state.latest.keys().collect::<Vec<_>>(), ["val/macro_accuracy"]);
    assert_eq!(state.curves.keys().collect::<Vec<_>>(), ["val/macro_accuracy"]);
}

#[test]
fn a_state_comes_back_from_its_bytes() {
    let mut state = RunState::default();
    feed(&mut state, 1, 0.25, started(0));
    feed(&mut state, 1, 9.0, step(9, f64::NAN));
    feed(&mut state, 1, 10.0, epoch(1, 0.1 + 0.2));
    let alert = Alert { what: "nan".into(), message: "the loss is NaN".into() };
    feed(&mut state, 1, 10.5, Event::Alert(alert));
    let bytes = state.encode();
    assert_eq!(format!("{:?}", RunState::decode(&bytes).unwrap()), format!("{state:?}"));
    for keep in 0..bytes.len() {
        assert_eq!(RunState::decode(&bytes[..keep]), None, "{keep}");
    }
}

#[test]
fn an_embedding_counts_until_a_run_goes_back_before_it() {
    let mut state = RunState::default();
    feed(&mut state, 1, 0.0, started(0));
    let embedding = |epoch| Embedding { epoch, method: "tsne".into(), file: format!("tsne-{epoch}.csv") };
    for epoch in [1, 3, 3] {
        feed(&mut state, 1, 1.0, Event::Embedding(embedding(epoch)));
    }
    assert_eq!(state.embeddings, [embedding(1), embedding(3)]);
    feed(&mut state, 2, 2.0, started(20));
    assert_eq!(state.embeddings, [embedding(1)]);
}

fn classes(epoch: u64, right: u64) -> Event {
    let confusion = vec![vec![right, 10 - right], vec![0, 0]];
    Event::Classes(Classes { epoch, split: "val".into(), by: String::new(), confusion })
}

#[test]
fn the_evaluation_before_the_latest_is_known_also_after_a_resumption() {
    let epochs = |state: &RunState| state.past["val"].recalls.iter().map(|past| past.epoch).collect::<Vec<_>>();
    let former = |state: &RunState| state.past["val"].former.as_ref().map(|former| former.epoch);
    let mut state = RunState::default();
    feed(&mut state, 1, 0.0, started(0));
    for epoch in 1..=4 {
        feed(&mut state, 1, 0.0, classes(epoch, epoch));
    }
    assert_eq!((former(&state), epochs(&state)), (Some(3), vec![1, 2, 3, 4]));
    assert_eq!(state.past["val"].recalls[1].values, [Some(0.2), None]);
    assert_eq!(state.past["val"].before(4).map(|past| past.epoch), Some(3));

    feed(&mut state, 2, 0.0, started(30));
    assert_eq!((state.classes["val"].epoch, former(&state), epochs(&state)), (3, None, vec![1, 2, 3]));
    feed(&mut state, 2, 0.0, classes(3, 9));
    assert_eq!((former(&state), epochs(&state)), (None, vec![1, 2, 3]), "the same evaluation came again");
    assert_eq!(state.past["val"].recalls[2].values, [Some(0.9), None]);
    feed(&mut state, 2, 0.0, classes(4, 4));
    assert_eq!((former(&state), epochs(&state)), (Some(3), vec![1, 2, 3, 4]));

    feed(&mut state, 3, 0.0, started(10));
    assert_eq!((state.classes.get("val"), former(&state), epochs(&state)), (None, None, vec![1]));
}

#[test]
fn answers_of_others_are_no_past() {
    let mut state = RunState::default();
    feed(&mut state, 1, 0.0, classes(1, 5));
    let Event::Classes(answers) = classes(2, 6) else { unreachable!() };
    feed(&mut state, 1, 0.0, Event::Classes(Classes { by: "knn k=200".into(), ..answers }));
    assert_eq!((&state.past["val"].former, state.past["val"].recalls.len()), (&None, 1));
}

proptest::proptest! {
    /// A line whose checksum is right may say anything: it is folded, at each depth, without harm.
    #[test]
    fn anything_a_record_may_say_is_folded(
        kinds in proptest::collection::vec((0..12_usize, proptest::num::u64::ANY, proptest::num::f64::ANY, 0..5_usize), 1..12)
    ) {
        let names = ["started", "step", "epoch", "classes", "checkpoint", "alert", "finished", "note", "embedding", "picture", "recovered", "usage"];
        for depth in [Depth::Whole, Depth::Summary, Depth::Glimpse] {
            let mut state = RunState::of(depth);
            for (kind, number, value, size) in &kinds {
                let (number, small, name) = (*number, *number % 7, names[*kind]);
                let finite = if value.is_finite() { *value } else { 0.0 };
                let rows = vec![vec![number; *size]; (number % 4) as usize];
                let mut event = serde_json::json!({
                    "v": 1, "attempt": number % 3, "seq": number, "t": finite, "kind": name, "from_step": number, "step": number, "of": small, "epoch": number,
                    "steps": number, "epochs": small, "steps_per_epoch": small, "batch": number, "classes": vec!["x"; *size], "devices": ["cpu"],
                    "metrics": { "train/loss": Real(*value), "val/macro_accuracy": Real(*value) }, "best": { "val/macro_accuracy": { "value": finite, "epoch": number } },
                    "seconds": finite, "split": "val", "confusion": rows, "file": "x", "what": "alert", "message": "m", "outcome": "failed", "bytes": number,
                    "name": "views", "method": "tsne", "request": "1",
                });
                if name == "checkpoint" {
                    event["best"] = true.into();
                }
                let mut body = event.to_string();
                body.pop();
                let line = format!("{body},\"crc\":\"{:08x}\"}}", crc32fast::hash(body.as_bytes()));
                let line = Line::decode(line.as_bytes());
                proptest::prop_assert!(line.is_ok(), "{name}: {line:?}");
                state.apply(&line.unwrap());
            }
            let _ = (state.seconds_left(), state.headline("val"), RunState::decode(&state.encode()));
        }
    }
}
