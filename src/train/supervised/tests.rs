//! The recipe on problems with a known answer: it learns them, and a run that was left and taken up equals one that
//! wasn't, bit for bit.

use super::*;
use crate::{checkpoint, parameters::Format};
use mocolab::{data::Split, event::Line, experiment::Recipe};
use std::{fs, path::Path};

/// Pictures of 8x8: noise, brighter in the left half (class 0) or in the right half (class 1).
fn halves(count: usize, seed: u64) -> Split {
    let mut random = Random::new(seed, Purpose::Drawing, (0, 0));
    let mut split = Split { images: Vec::new(), labels: Vec::new() };
    for index in 0..count {
        let class = index % 2;
        split.labels.push(class as u16);
        for pixel in 0..64 {
            let bright = if usize::from(pixel % 8 >= 4) == class { 100 } else { 0 };
            split.images.extend((0..3).map(|_| (random.below(120) + bright) as u8));
        }
    }
    split
}

fn job(settings: &str) -> (Supervised, Job) {
    let common = "arch = 'resnet8'\nbatch = 16\nlog_every = 1\nwarmup_epochs = 0.5\nflip = false\ncrop_padding = 1\n";
    let mut table: toml::Table = common.parse().unwrap();
    table.extend(settings.parse::<toml::Table>().unwrap());
    let settings: Supervised = table.try_into().unwrap();
    let experiment = Experiment {
        name: "halves".parse().unwrap(),
        data: "shapes".parse().unwrap(),
        seed: 1,
        threads: 1,
        recipe: Recipe::Supervised(settings.clone()),
    };
    let (train, test) = (halves(100, 1), halves(60, 2));
    let classes = vec!["left".to_owned(), "right".to_owned()];
    let dataset = Dataset { name: "halves".to_owned(), classes, height: 8, width: 8, train, test };
    (settings, Job { experiment, dataset, device: Device::Cpu, devices: vec!["cpu".into()] })
}

fn events(directory: &Path) -> Vec<Event> {
    let log = fs::read(directory.join("events.jsonl")).unwrap();
    log.strip_suffix(b"\n")
        .unwrap()
        .split(|byte| *byte == b'\n')
        .map(|line| Line::decode(line).unwrap().event)
        .collect()
}

/// (step, metric) of every point of a training curve, clocks left out.
fn curve(events: &[Event]) -> Vec<(u64, f64, f64)> {
    let point = |event: &Event| match event {
        Event::Step(Step { step, metrics, .. }) => {
            Some((*step, metrics[metrics::TRAIN_LOSS].0, metrics[metrics::TRAIN_ACCURACY].0))
        }
        _ => None,
    };
    events.iter().filter_map(point).collect()
}

fn epochs(events: &[Event]) -> Vec<Epoch> {
    let epoch = |event: &Event| match event {
        Event::Epoch(epoch) => Some(Epoch { seconds: 0.0, ..epoch.clone() }),
        _ => None,
    };
    events.iter().filter_map(epoch).collect()
}

fn newest(directory: &Path) -> checkpoint::Loaded {
    checkpoint::find(&directory.join("checkpoints")).unwrap().newest.unwrap()
}

#[test]
fn a_network_learns_a_problem_with_a_known_answer() {
    let (settings, job) = job("epochs = 6\nval_fraction = 0.2\ntest_every = 4");
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::new(directory.path()).unwrap();
    assert_eq!(run(&settings, &job, &mut session).unwrap(), Outcome::Done);
    let events = events(directory.path());
    let Event::Started(started) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!((started.steps, started.steps_per_epoch, started.parameters), (30, 5, 77_522));
    assert_eq!(started.images, [("train", 80), ("val", 20), ("test", 60)].map(|(s, n)| (s.to_owned(), n)).into());
    let epochs = epochs(&events);
    assert_eq!(epochs.len(), 6);
    let last = &epochs[5];
    assert_eq!((last.metrics[metrics::TEST_MACRO].0, last.metrics[metrics::VAL_MACRO].0), (1.0, 1.0));
    assert!(last.metrics[metrics::TRAIN_LOSS].0 < epochs[0].metrics[metrics::TRAIN_LOSS].0 / 2.0);
    let tested: Vec<bool> = epochs.iter().map(|epoch| epoch.metrics.contains_key(metrics::TEST_MACRO)).collect();
    assert_eq!(tested, [false, false, false, true, false, true]);
    assert!(last.best[metrics::VAL_MACRO].epoch <= 6 && !last.best.contains_key(metrics::LR));
    let confusions = events.iter().filter(|event| matches!(event, Event::Classes(classes) if classes.split == "test"));
    assert_eq!(confusions.count(), 2);
    let bests = events.iter().filter(|event| matches!(event, Event::Checkpoint(checkpoint) if checkpoint.best));
    assert!(bests.count() >= 1);
}

#[test]
fn a_run_left_in_an_epoch_goes_on_as_if_nothing_had_happened() {
    for precision in ["fp32", "bf16"] {
        let (settings, job) = job(&format!("epochs = 3\nprecision = '{precision}'\nval_fraction = 0.1"));
        let undisturbed = tempfile::tempdir().unwrap();
        run(&settings, &job, &mut Session::new(undisturbed.path()).unwrap()).unwrap();
        let (whole, expected) = (events(undisturbed.path()), newest(undisturbed.path()));
        // In an epoch, at its very end before the evaluation, and in the first step.
        for leave_at in [7, 10, 1] {
            let broken = tempfile::tempdir().unwrap();
            let mut session = Session::scripted(broken.path(), leave_at, Wanted::Leave(Outcome::Stopped)).unwrap();
            assert_eq!(run(&settings, &job, &mut session).unwrap(), Outcome::Stopped);
            assert_eq!(newest(broken.path()).text("step").unwrap(), leave_at.to_string());
            let mut session = Session::new(broken.path()).unwrap();
            assert_eq!(run(&settings, &job, &mut session).unwrap(), Outcome::Done);
            let events = events(broken.path());
            assert_eq!(curve(&events), curve(&whole), "{precision}, left at {leave_at}");
            assert_eq!(epochs(&events), epochs(&whole), "{precision}, left at {leave_at}");
            let starts: Vec<_> = events
                .iter()
                .filter_map(|e| if let Event::Started(s) = e { Some(s.from_step) } else { None })
                .collect();
            assert_eq!(starts, [0, leave_at]);
            let resumed = newest(broken.path());
            let learner = Learner::new(&settings, 2, 9, (Format::Fp32, Device::Cpu));
            for (name, _) in learner.tensors(0) {
                assert_eq!(resumed.tensor(&name).unwrap(), expected.tensor(&name).unwrap(), "{name}");
            }
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_said_and_the_one_before_taken() {
    let (settings, job) = job("epochs = 3");
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 12, Wanted::Leave(Outcome::Paused)).unwrap();
    assert_eq!(run(&settings, &job, &mut session).unwrap(), Outcome::Paused);
    let path = directory.path().join("checkpoints").join(newest(directory.path()).file);
    fs::write(&path, &fs::read(&path).unwrap()[..1000]).unwrap();
    run(&settings, &job, &mut Session::new(directory.path()).unwrap()).unwrap();
    let events = events(directory.path());
    assert!(events.iter().any(|e| matches!(e, Event::Alert(alert) if alert.message.contains("damaged"))));
    assert!(events.iter().any(|e| matches!(e, Event::Started(started) if started.from_step == 10)));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint() {
    let (settings, job) = job("epochs = 9\nlr = 1000\nweight_decay = 1000000\nwarmup_epochs = 0");
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 1, Wanted::Checkpoint).unwrap();
    let error = run(&settings, &job, &mut session).unwrap_err().to_string();
    assert!(error.contains("NaN") && error.contains("lr"), "{error}");
    let events = events(directory.path());
    assert!(matches!(events.last(), Some(Event::Alert(alert)) if alert.what == "nan"), "{:?}", events.last());
    let kept: Vec<_> = curve(&events).into_iter().filter(|(_, loss, _)| loss.is_finite()).collect();
    assert!(!kept.is_empty());
    let loaded = newest(directory.path());
    assert!(loaded.tensor("fc.weight").unwrap().isfinite().all().int64_value(&[]) == 1);
}

#[test]
fn no_validation_and_a_batch_larger_than_the_data_do() {
    let (settings, job) = job("epochs = 2\nval_fraction = 0\nbatch = 1000\nwarmup_epochs = 0");
    let directory = tempfile::tempdir().unwrap();
    run(&settings, &job, &mut Session::new(directory.path()).unwrap()).unwrap();
    let events = events(directory.path());
    assert_eq!(curve(&events).len(), 2);
    assert!(!epochs(&events)[1].metrics.contains_key(metrics::VAL_LOSS));
    assert!(events.iter().all(|event| !matches!(event, Event::Checkpoint(checkpoint) if checkpoint.best)));
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let (settings, first) = job("epochs = 1");
    let directory = tempfile::tempdir().unwrap();
    run(&settings, &first, &mut Session::new(directory.path()).unwrap()).unwrap();
    for (other, says) in [("batch = 8", "steps an epoch"), ("arch = 'resnet20'", "layer1.1")] {
        let (settings, job) = job(&format!("epochs = 2\n{other}"));
        let error = run(&settings, &job, &mut Session::new(directory.path()).unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }
}

#[test]
fn a_split_that_leaves_nothing_to_learn_from_is_refused() {
    let (settings, job) = job("val_fraction = 1");
    let directory = tempfile::tempdir().unwrap();
    let error = run(&settings, &job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`val_fraction = 1.0`") && error.contains("100 training images"), "{error}");
}
