//! Runs that end early, late or in trouble.

use super::*;

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
