//! Recipes on a problem with a known answer: they learn it. How runs are taken up, how they end and what they do on several
//! devices is tested in rooms of their own, with what stands here.

mod devices;
mod ending;
mod resuming;

use crate::{
    checkpoint,
    method::Job,
    session::{Session, Wanted},
};
use anyhow::Result;
use mocolab::{
    data::{Dataset, Split},
    event::{Epoch, Event, Line, Outcome, Step},
    experiment::{Experiment, Origin},
    metrics,
    random::{Purpose, Random},
    run::newest_first,
};
use std::{fs, path::Path};
use tch::Device;

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

/// A training of `recipe` with these settings on the halves.
pub fn job(recipe: &str, settings: &str) -> Job {
    let common = "batch = 16\nlog_every = 1\nwarmup_epochs = 0.5\n";
    let own = match recipe {
        "supervised" => "arch = 'resnet8'\nflip = false\ncrop_padding = 1\n",
        // A queue that the batch does not divide, batch norms in parts, keys in another order.
        "moco" => {
            "arch = 'resnet8'\nqueue = 37\ndim = 8\nbn_splits = 2\nknn_k = 5\nknn_every = 1\nflip = false\nlr = 0.05\nhidden = 16\n"
        }
        _ => "arch = 'resnet8'\n",
    };
    let mut table: toml::Table = format!("{common}{own}").parse().unwrap();
    table.extend(settings.parse::<toml::Table>().unwrap());
    let recipe = toml::Table::from_iter([(recipe.to_owned(), toml::Value::Table(table))]);
    let experiment = Experiment {
        name: "halves".parse().unwrap(),
        data: "shapes".parse().unwrap(),
        images: 0,
        seed: 1,
        threads: 1,
        slots: 1,
        executor: mocolab::experiment::Executor::Local,
        recipe: recipe.try_into().unwrap(),
    };
    assert_eq!(experiment.recipe.conflicts(), []);
    let (train, test) = (halves(100, 1), halves(60, 2));
    let classes = vec!["left".to_owned(), "right".to_owned()];
    let dataset = Dataset { name: "halves".to_owned(), classes, height: 8, width: 8, train, test };
    Job::new(experiment, dataset, (vec![Device::Cpu], vec!["cpu".into()])).unwrap()
}

fn train(job: &Job, session: &mut Session) -> Result<Outcome> {
    crate::follow(job, session).map(|(outcome, _)| outcome)
}

/// Trains in `directory`, undisturbed.
fn trained(job: &Job, directory: &Path) -> Vec<Event> {
    assert_eq!(train(job, &mut Session::new(directory).unwrap()).unwrap(), Outcome::Done);
    events(directory)
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
    let job = job("supervised", "epochs = 6\nval_fraction = 0.2\ntest_every = 4");
    let directory = tempfile::tempdir().unwrap();
    let events = trained(&job, directory.path());
    let Event::Started(started) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!((started.steps, started.steps_per_epoch, started.parameters), (30, 5, 77_522));
    assert_eq!(started.images, [("train", 80), ("val", 20), ("test", 60)].map(|(s, n)| (s.to_owned(), n)).into());
    assert_eq!(started.balance, [50, 50]);
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
    // In the end those learnt from, as they are.
    let learnt = |event: &Event| match event {
        Event::Classes(classes) if classes.split == "train" => Some((classes.epoch, classes.confusion.clone())),
        _ => None,
    };
    let learnt: Vec<_> = events.iter().filter_map(learnt).collect();
    assert_eq!(learnt, [(6, vec![vec![40, 0], vec![0, 40]])]);
    let bests = events.iter().filter(|event| matches!(event, Event::Checkpoint(checkpoint) if checkpoint.best));
    assert!(bests.count() >= 1);
}

#[test]
fn checkpoints_to_be_kept_stay() {
    let job = job("supervised", "epochs = 7\nkeep_every = 2");
    let directory = tempfile::tempdir().unwrap();
    trained(&job, directory.path());
    let files = newest_first(&directory.path().join("checkpoints")).unwrap();
    let epochs: Vec<u64> = files.iter().filter_map(|file| file.epoch).collect();
    for epoch in [2, 4, 6, 7] {
        assert!(epochs.contains(&epoch), "{epochs:?}");
    }
}

#[test]
fn no_validation_and_a_batch_larger_than_the_data_do() {
    let job = job("supervised", "epochs = 2\nval_fraction = 0\nbatch = 1000\nwarmup_epochs = 0");
    let directory = tempfile::tempdir().unwrap();
    let events = trained(&job, directory.path());
    assert_eq!(curve(&events).len(), 2);
    assert!(!epochs(&events)[1].metrics.contains_key(metrics::VAL_LOSS));
    assert!(events.iter().all(|event| !matches!(event, Event::Checkpoint(checkpoint) if checkpoint.best)));
}

#[test]
fn a_split_that_leaves_nothing_to_learn_from_is_refused() {
    let job = job("supervised", "val_fraction = 0.999");
    let directory = tempfile::tempdir().unwrap();
    let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`val_fraction = 0.999`") && error.contains("100 training images"), "{error}");
}

#[test]
fn what_a_killed_process_did_not_make_of_its_last_epoch_is_made_by_the_next() {
    let job = job("supervised", "epochs = 2\nmap_every = 1\nval_fraction = 0.2");
    let directory = tempfile::tempdir().unwrap();
    let whole = trained(&job, directory.path());
    let log = directory.path().join("events.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let end = text.rfind("\"kind\":\"checkpoint\"").unwrap();
    let end = end + text[end..].find('\n').unwrap() + 1;
    let run = mocolab::run::RunDir::new(directory.path());
    let steps = || run.map_files().unwrap().iter().map(|map| map.step).collect::<Vec<_>>();
    let all = steps();
    // Killed before the last map, and after it, with the record of it still to come.
    for map_is_there in [false, true] {
        fs::write(&log, &text[..end]).unwrap();
        if !map_is_there {
            let map = run.map_files().unwrap().pop().unwrap();
            fs::remove_file(map.path()).unwrap();
        }
        let events = trained(&job, directory.path());
        assert_eq!(steps(), all);
        let tail = |events: &[Event]| {
            let tail = events.iter().rev().take_while(|event| !matches!(event, Event::Checkpoint(_)));
            tail.map(std::mem::discriminant).collect::<Vec<_>>()
        };
        assert_eq!(tail(&events), tail(&whole), "a map, the answers to what was learnt from, the end");
    }
}
