//! A run that was left and taken up equals one that was not; what it goes on from is checked.

use super::*;

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
