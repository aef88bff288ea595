use super::*;
use crate::event::{Epoch, Outcome, Real, Step};
use crate::mirror::each;
use crate::run::Log;
use prost::Message;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Starts at `step` of 20, 10 an epoch.
fn started(from_step: u64) -> Event {
    Event::Started(Box::new(Started {
        from_step,
        steps: 20,
        epochs: 2,
        steps_per_epoch: 10,
        classes: vec!["cat".into(), "dog".into()],
        ..Started::default()
    }))
}

fn step(step: u64, loss: f64) -> Event {
    let metrics = BTreeMap::from([("train/loss".to_owned(), Real(loss))]);
    Event::Step(Step { step, of: 20, epoch: step / 10 + 1, metrics })
}

fn epoch(epoch: u64) -> Event {
    let metrics = ["train/loss", "val/loss"].map(|name| (name.to_owned(), Real(epoch as f64)));
    let (metrics, best) = (BTreeMap::from(metrics), BTreeMap::new());
    Event::Epoch(Epoch { epoch, of: 2, step: epoch * 10, seconds: 1.0, metrics, best })
}

fn checkpoint(step: u64) -> Event {
    let file = format!("step-{step}");
    Event::Checkpoint(crate::event::Checkpoint { step, epoch: step / 10, file, bytes: 1, best: false })
}

fn classes(epoch: u64) -> Event {
    Event::Classes(Classes { epoch, split: "val".into(), by: String::new(), confusion: vec![vec![3, 1], vec![0, 0]] })
}

fn finished(outcome: Outcome) -> Event {
    Event::Finished(Finished { outcome, step: 20, cause: None })
}

/// A run of attempts, each the events given.
fn run(attempts: &[Vec<Event>]) -> (TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::new(folder.path().join("runs/base/1"));
    fs::create_dir_all(run.path()).unwrap();
    for (attempt, events) in (1..).zip(attempts) {
        let mut log = Log::open(&run, attempt).unwrap();
        for event in events {
            log.write(event.clone()).unwrap();
        }
    }
    (folder, run)
}

/// A run that was killed after epoch 1 and three steps, and went on from its checkpoint after epoch 1.
fn killed() -> Vec<Vec<Event>> {
    let steps =
        |of: std::ops::RangeInclusive<u64>, loss: f64| of.map(move |number| step(number, loss)).collect::<Vec<_>>();
    let one = [vec![started(0)], steps(1..=10, 1.0), vec![classes(1), epoch(1), checkpoint(10)], steps(11..=13, 2.0)]
        .concat();
    let two = [
        vec![started(10), classes(1), epoch(1)],
        steps(11..=20, 3.0),
        vec![classes(2), epoch(2), checkpoint(20), finished(Outcome::Done)],
    ];
    vec![one, two.concat()]
}

/// A run of 20 steps that was killed and went on.
pub fn test_run() -> (TempDir, RunDir) {
    run(&killed())
}

/// The events of all files in `folder`, in their order, as a reader that follows restarts has them.
fn read(folder: &Path) -> Vec<wire::Event> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.to_string_lossy().contains("tfevents"));
    names.sort();
    let mut events: Vec<wire::Event> = Vec::new();
    for path in names {
        let bytes = fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(file::record(&rest[12..12 + length]), rest[..length + 16], "checksums");
            let event = wire::Event::decode(&rest[12..12 + length]).unwrap();
            if event.session_log.is_some() {
                events.retain(|before| before.step < event.step);
            }
            events.push(event);
            rest = &rest[length + 16..];
        }
    }
    events
}

/// The points of a scalar.
fn scalars(events: &[wire::Event], tag: &str) -> Vec<(i64, f32)> {
    let values =
        events.iter().flat_map(|event| event.summary.iter().flat_map(|it| &it.value).map(|it| (event.step, it)));
    values.filter(|(_, value)| value.tag == tag).filter_map(|(step, value)| Some((step, value.simple?))).collect()
}

fn written(run: &RunDir, folder: &Path) {
    let mut board = Board::new(run, folder, Places::new(run.path()));
    each(run, |line| board.tell(line)).unwrap();
    board.flush().unwrap();
}

#[test]
fn a_record_is_as_tensorflow_writes_it() {
    // What the record writer of TensorBoard 2.21 makes of the version event.
    let written = file::record(b"\x1a\rbrain.Event:2");
    assert_eq!(written[..12], [15, 0, 0, 0, 0, 0, 0, 0, 109, 83, 43, 9]);
    assert_eq!(written[27..], [252, 152, 81, 41]);
}

#[test]
fn work_that_was_done_again_stands_there_once() {
    let (_folder, run) = run(&killed());
    written(&run, &run.tensorboard());
    let events = read(&run.tensorboard());
    let losses = scalars(&events, "train/loss");
    let expected: Vec<(i64, f32)> = (1..=20).map(|step| (step, if step <= 10 { 1.0 } else { 3.0 })).collect();
    assert_eq!(losses, expected);
    assert_eq!(scalars(&events, "val/loss"), [(10, 1.0), (20, 2.0)]);
    assert_eq!(scalars(&events, "epoch/train/loss"), [(10, 1.0), (20, 2.0)]);
    assert_eq!(scalars(&events, "val/recall/cat"), [(10, 0.75), (20, 0.75)]);
    assert_eq!(scalars(&events, "val/recall/dog"), [], "a class without pictures has none");
    let images = events
        .iter()
        .filter_map(|event| event.summary.as_ref())
        .flat_map(|it| &it.value)
        .filter(|it| it.image.is_some());
    assert_eq!(images.count(), 2);
}

/// What the trainer writes attempt by attempt is what is written of the whole record.
#[test]
fn an_export_writes_what_the_trainer_wrote() {
    let attempts = killed();
    let (folder, first) = run(&attempts[..1]);
    written(&first, &first.tensorboard());
    let mut log = Log::open(&first, 2).unwrap();
    for event in &attempts[1] {
        log.write(event.clone()).unwrap();
    }
    written(&first, &first.tensorboard());
    // A process that died may have left less.
    let files = || fs::read_dir(first.tensorboard()).unwrap().map(|entry| entry.unwrap().path());
    let file = fs::OpenOptions::new().write(true).open(files().min().unwrap()).unwrap();
    file.set_len(100).unwrap();
    written(&first, &first.tensorboard());
    let other = folder.path().join("other");
    written(&first, &other);
    let files = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(files(&other).len(), 2);
    assert_eq!(files(&first.tensorboard()), files(&other));
}

#[test]
fn a_training_that_goes_back_within_an_attempt_begins_a_file() {
    let events = vec![started(0), step(1, 1.0), checkpoint(1), step(2, f64::NAN), started(1), step(2, 2.0)];
    let (_folder, run) = run(&[events]);
    written(&run, &run.tensorboard());
    assert_eq!(scalars(&read(&run.tensorboard()), "train/loss"), [(1, 1.0), (2, 2.0)]);
}

#[test]
fn a_map_is_shown_by_the_projector() {
    let (_folder, run) = run(&[vec![
        started(0),
        Event::Embedding(crate::event::Embedding { epoch: 1, method: "tsne".into(), file: "maps/1".into() }),
    ]]);
    let map = crate::embedding::test_map(40);
    run.write_map(10, &map.encode(&vec![0.5; map.points.len() * 3]).unwrap()).unwrap();
    written(&run, &run.tensorboard());
    let text = |name: &str| fs::read_to_string(run.tensorboard().join(name)).unwrap();
    let config = text("projector_config.pbtxt");
    assert!(config.contains(&format!("tensor_shape: {}\n  tensor_shape: 3", map.points.len())), "{config}");
    assert_eq!(text("points.tsv").lines().count(), map.points.len() + 1);
    let size = fs::metadata(run.tensorboard().join("map.bytes")).unwrap().len();
    assert_eq!(size as usize, map.points.len() * 8);
}
