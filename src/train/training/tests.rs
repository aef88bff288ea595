//! Recipes on a problem with a known answer: they learn it, and a run that was left and taken up equals one that wasn't,
//! bit for bit.

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
    let bests = events.iter().filter(|event| matches!(event, Event::Checkpoint(checkpoint) if checkpoint.best));
    assert!(bests.count() >= 1);
}

/// Every recipe, and every setting with a state of its own.
const ALL: &[(&str, &str)] = &[
    ("supervised", "precision = 'fp32'\nschedule = 'plateau'\nplateau_patience = 0\nfactor = 0.5\nval_fraction = 0.2"),
    ("supervised", "precision = 'bf16'\nema = 0.9\nclip_norm = 0.5\naccumulate = 2\nmixup = 0.5\ncutout = 3"),
    ("supervised", "jitter = 0.5\ncrop_area = 0.5\nrotate = 0.3\nval_fraction = 0.2\npatience = 2\nmin_delta = 0.6"),
    ("moco", "val_fraction = 0.2\nkey_momentum = 0.9\nkey_momentum_end = 1"),
    ("moco", "symmetric = false\nhead = 'mlp'\nprecision = 'bf16'\naccumulate = 2\nbn_splits = 1\nval_fraction = 0.2"),
    ("probe", "train_fraction = 0.6\nval_fraction = 0.2\nsweep = true"),
    ("probe", "solver = 'lbfgs'\nval_fraction = 0.2"),
];

#[test]
fn a_run_left_in_an_epoch_goes_on_as_if_nothing_had_happened() {
    for (recipe, settings) in ALL {
        let job = job(recipe, &format!("epochs = 3\n{settings}"));
        let undisturbed = tempfile::tempdir().unwrap();
        let whole = trained(&job, undisturbed.path());
        let expected = newest(undisturbed.path());
        let Event::Started(started) = &whole[0] else { panic!("{:?}", whole[0]) };
        let steps = started.steps_per_epoch;
        // In an epoch, at its very end before the evaluation, and in the first step.
        for leave_at in [steps + steps / 2, 2 * steps, 1] {
            let case = format!("{recipe} {settings}, left at {leave_at}");
            let broken = tempfile::tempdir().unwrap();
            let mut session = Session::scripted(broken.path(), leave_at, Wanted::Leave(Outcome::Stopped)).unwrap();
            assert_eq!(train(&job, &mut session).unwrap(), Outcome::Stopped, "{case}");
            assert_eq!(newest(broken.path()).text("step").unwrap(), leave_at.to_string());
            let events = trained(&job, broken.path());
            assert_eq!(curve(&events), curve(&whole), "{case}");
            assert_eq!(epochs(&events), epochs(&whole), "{case}");
            let starts: Vec<_> = events
                .iter()
                .filter_map(|e| if let Event::Started(s) = e { Some(s.from_step) } else { None })
                .collect();
            assert_eq!(starts, [0, leave_at]);
            let resumed = newest(broken.path());
            let names = expected.shapes().unwrap();
            assert!(names.len() > 3);
            for name in names.keys() {
                assert_eq!(resumed.tensor(name).unwrap(), expected.tensor(name).unwrap(), "{case}: {name}");
            }
        }
    }
}

#[test]
fn two_replicas_learn_what_one_does_where_there_are_no_batch_norms() {
    for (recipe, settings) in [
        ("supervised", "arch = 'cnn'\nepochs = 2\nmixup = 0\njitter = 0.5"),
        ("moco", "arch = 'cnn'\nepochs = 2\nbn_splits = 1"),
    ] {
        let one = job(recipe, &format!("{settings}\nprecision = 'fp32'"));
        let devices = vec![Device::Cpu; 2];
        let two =
            Job { devices, names: vec!["cpu".into(); 2], ..job(recipe, &format!("{settings}\nprecision = 'fp32'")) };
        let directories = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
        let alone = curve(&trained(&one, directories[0].path()));
        let together = curve(&trained(&two, directories[1].path()));
        assert_eq!(alone.len(), together.len());
        for (alone, together) in alone.iter().zip(&together) {
            assert!((alone.1 - together.1).abs() < 1e-3, "{recipe}: {alone:?} {together:?}");
        }
        let [alone, together] = directories.each_ref().map(|directory| newest(directory.path()));
        let name = "fc.weight";
        assert!(alone.tensor(name).unwrap().allclose(&together.tensor(name).unwrap(), 1e-2, 1e-4, false), "{recipe}");
    }
}

#[test]
fn two_replicas_with_batch_norms_learn_too_and_resume() {
    for recipe in ["supervised", "moco"] {
        let alone = job(recipe, "epochs = 2\nval_fraction = 0.2");
        let job = Job { devices: vec![Device::Cpu; 2], names: vec!["cpu".into(); 2], ..alone };
        let [whole, broken] = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
        let expected = curve(&trained(&job, whole.path()));
        let mut session = Session::scripted(broken.path(), 3, Wanted::Leave(Outcome::Stopped)).unwrap();
        assert_eq!(train(&job, &mut session).unwrap(), Outcome::Stopped);
        assert_eq!(curve(&trained(&job, broken.path())), expected, "{recipe}");
    }
}

#[test]
fn a_damaged_checkpoint_is_said_and_the_one_before_taken() {
    let job = job("supervised", "epochs = 3");
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 12, Wanted::Leave(Outcome::Paused)).unwrap();
    assert_eq!(train(&job, &mut session).unwrap(), Outcome::Paused);
    let path = directory.path().join("checkpoints").join(newest(directory.path()).file);
    fs::write(&path, &fs::read(&path).unwrap()[..1000]).unwrap();
    let events = trained(&job, directory.path());
    assert!(events.iter().any(|e| matches!(e, Event::Alert(alert) if alert.message.contains("damaged"))));
    assert!(events.iter().any(|e| matches!(e, Event::Started(started) if started.from_step == 10)));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint() {
    let job = job("supervised", "epochs = 9\nlr = 1000\nweight_decay = 1000000\nwarmup_epochs = 0");
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 1, Wanted::Checkpoint).unwrap();
    let error = train(&job, &mut session).unwrap_err().to_string();
    assert!(error.contains("NaN") && error.contains("lr"), "{error}");
    let events = events(directory.path());
    assert!(matches!(events.last(), Some(Event::Alert(alert)) if alert.what == "nan"), "{:?}", events.last());
    let kept: Vec<_> = curve(&events).into_iter().filter(|(_, loss, _)| loss.is_finite()).collect();
    assert!(!kept.is_empty());
    let loaded = newest(directory.path());
    assert!(loaded.tensor("fc.weight").unwrap().isfinite().all().int64_value(&[]) == 1);
}

#[test]
fn a_run_rolls_back_at_half_the_rate_as_often_as_it_may() {
    let job = job(
        "supervised",
        "epochs = 9\nlr = 1000\nweight_decay = 1000000\nwarmup_epochs = 0\non_trouble = 'roll-back'\nrollbacks = 2",
    );
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 1, Wanted::Checkpoint).unwrap();
    assert!(train(&job, &mut session).is_err());
    let events = events(directory.path());
    let starts = events.iter().filter(|e| matches!(e, Event::Started(_))).count();
    let alerts: Vec<_> =
        events.iter().filter_map(|e| if let Event::Alert(alert) = e { Some(&alert.message) } else { None }).collect();
    assert_eq!((starts, alerts.len()), (3, 3), "{alerts:?}");
    assert!(alerts[1].contains("0.25 times the rate") && alerts[1].contains("2 of 2"), "{alerts:?}");
    let mut rates =
        events.iter().filter_map(|e| if let Event::Step(step) = e { Some(step.metrics[metrics::LR].0) } else { None });
    assert!(rates.clone().any(|rate| (400.0..=500.0).contains(&rate)) && rates.next_back().unwrap() <= 250.0);
}

#[test]
fn a_run_killed_after_a_roll_back_does_not_forget_it() {
    let job = job(
        "supervised",
        "epochs = 9\nlr = 1000\nweight_decay = 1000000\nwarmup_epochs = 0\non_trouble = 'roll-back'\nrollbacks = 1",
    );
    let directory = tempfile::tempdir().unwrap();
    let mut session = Session::scripted(directory.path(), 1, Wanted::Checkpoint).unwrap();
    assert!(train(&job, &mut session).is_err());
    assert!(train(&job, &mut Session::new(directory.path()).unwrap()).is_err());
    let events = events(directory.path());
    let back = events.iter().filter(|e| matches!(e, Event::Alert(alert) if alert.message.contains("Going back")));
    assert_eq!(back.count(), 1, "once, over both attempts");
}

#[test]
fn features_that_collapse_end_the_run_and_stay_ended() {
    // Pictures that are all alike have features that are all alike.
    let mut job = job("moco", "epochs = 4\nval_fraction = 0.2\nknn_every = 2\njitter = 0\ngrey = 0\ncrop_area = 1");
    job.dataset.train.images.fill(100);
    job.dataset.test.images.fill(100);
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains("collapsed") && error.contains("spread"), "{error}");
    }
    let events = events(directory.path());
    assert!(events.iter().any(|e| matches!(e, Event::Alert(alert) if alert.what == "collapse")));
    assert!(
        matches!(events.iter().rfind(|e| matches!(e, Event::Checkpoint(_))), Some(Event::Checkpoint(c)) if c.epoch >= 2)
    );
}

#[test]
fn a_run_goes_on_without_the_file_that_it_began_from() {
    let [first, second] = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
    trained(&job("supervised", "epochs = 1"), first.path());
    let folder = first.path().join("checkpoints");
    let origin = Origin::Checkpoint(folder.join(newest(first.path()).file));
    for recipe in ["supervised", "probe"] {
        let mut job = job(recipe, "epochs = 3");
        *job.experiment.recipe.origin_mut() = origin.clone();
        let broken = second.path().join(recipe);
        fs::create_dir_all(&broken).unwrap();
        let mut session = Session::scripted(&broken, 3, Wanted::Leave(Outcome::Stopped)).unwrap();
        assert_eq!(train(&job, &mut session).unwrap(), Outcome::Stopped);
        let away = first.path().join("away");
        fs::rename(&folder, &away).unwrap();
        let events = trained(&job, &broken);
        fs::rename(&away, &folder).unwrap();
        let notes: Vec<_> =
            events.iter().filter_map(|e| if let Event::Started(s) = e { Some(&s.notes) } else { None }).collect();
        assert_eq!((notes.len(), notes[0]), (2, notes[1]), "{recipe}: what is known of its beginning stays known");
        assert!(notes[0][0].contains("tensors come from"), "{notes:?}");
    }
}

#[test]
fn averaged_weights_that_were_judged_are_those_that_others_begin_from() {
    let directory = tempfile::tempdir().unwrap();
    let source = job("supervised", "epochs = 2\nema = 0.5");
    trained(&source, directory.path());
    let loaded = newest(directory.path());
    assert_ne!(loaded.tensor("ema.conv1.weight").unwrap(), loaded.tensor("conv1.weight").unwrap());
    let mut next = job("probe", "epochs = 1");
    *next.experiment.recipe.origin_mut() = Origin::Checkpoint(directory.path().join("checkpoints").join(&loaded.file));
    let probed = tempfile::tempdir().unwrap();
    trained(&next, probed.path());
    let probe = newest(probed.path());
    assert_eq!(probe.tensor("conv1.weight").unwrap(), loaded.tensor("ema.conv1.weight").unwrap());
}

#[test]
fn more_devices_than_images_are_refused() {
    let few = job("supervised", "epochs = 1\nbatch = 2");
    let job = Job { devices: vec![Device::Cpu; 3], names: vec!["cpu".into(); 3], ..few };
    let directory = tempfile::tempdir().unwrap();
    let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("2 images") && error.contains("3 devices"), "{error}");
}

#[test]
fn a_run_stops_early_and_says_why() {
    let job = job("supervised", "epochs = 50\nval_fraction = 0.2\npatience = 3\nmin_delta = 0.01");
    let directory = tempfile::tempdir().unwrap();
    let (outcome, cause) = crate::follow(&job, &mut Session::new(directory.path()).unwrap()).unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert!(cause.unwrap().contains("`val/macro_accuracy` has not improved in 3 evaluations"));
    let epochs = epochs(&events(directory.path()));
    assert!(epochs.len() < 50 && epochs.last().unwrap().metrics.contains_key(metrics::TEST_MACRO));
    // Killed between its last epoch and its last word, it has nothing left to do.
    assert_eq!(trained(&job, directory.path()).iter().filter(|e| matches!(e, Event::Epoch(_))).count(), epochs.len());
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    // No time at all is a step's time: an epoch without a step would have no loss.
    let hasty = tempfile::tempdir().unwrap();
    let first = epochs(&trained(&job("supervised", "epochs = 9\nmax_minutes = 0.000001"), hasty.path()));
    assert!(first.len() == 1 && first[0].metrics[metrics::TRAIN_LOSS].0.is_finite(), "{first:?}");
    let job = job("supervised", "epochs = 100000\nmax_minutes = 0.02");
    let directory = tempfile::tempdir().unwrap();
    let (outcome, cause) = crate::follow(&job, &mut Session::new(directory.path()).unwrap()).unwrap();
    assert_eq!((outcome, cause.as_deref()), (Outcome::Done, Some("`max_minutes = 0.02` are over")));
    assert!(epochs(&events(directory.path())).last().unwrap().metrics.contains_key(metrics::TEST_MACRO));
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
fn a_checkpoint_of_another_run_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    trained(&job("supervised", "epochs = 1"), directory.path());
    for (other, says) in
        [("batch = 8", "steps an epoch"), ("arch = 'resnet20'", "another network: wanted `layer1.1.conv1.weight`")]
    {
        let job = job("supervised", &format!("epochs = 2\n{other}"));
        let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }
}

#[test]
fn a_split_that_leaves_nothing_to_learn_from_is_refused() {
    let job = job("supervised", "val_fraction = 0.999");
    let directory = tempfile::tempdir().unwrap();
    let error = train(&job, &mut Session::new(directory.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`val_fraction = 0.999`") && error.contains("100 training images"), "{error}");
}
