//! Probes: the network stays as it is, labels are used as asked for, a written head gives the answers that were judged.

use super::*;
use crate::{checkpoint, network::Mode, session::Session, training::test_job as job};
use mocolab::experiment::{ClassMap, Experiment, Origin, Recipe};
use std::path::Path;

fn with(job: Job, origin: &Origin) -> Job {
    let mut experiment: Experiment = job.experiment;
    *experiment.recipe.origin_mut() = origin.clone();
    Job { experiment, ..job }
}

fn probe(job: &Job) -> Probe<'_> {
    let Recipe::Probe(settings) = &job.experiment.recipe else { panic!("{}", job.experiment.recipe.name()) };
    let from = From { origin: settings.from.clone(), own: false };
    Probe::new(settings, job, (Format::Fp32, &from)).unwrap()
}

/// Trains and gives the newest checkpoint.
fn trained(job: &Job, directory: &Path) -> Origin {
    crate::follow(job, &mut Session::new(directory).unwrap()).unwrap();
    let newest = checkpoint::find(&directory.join("checkpoints")).unwrap().newest.unwrap();
    Origin::Checkpoint(directory.join("checkpoints").join(newest.file))
}

const FP32: &str = "precision = 'fp32'\nepochs = 3\nval_fraction = 0.2";

#[test]
fn a_probe_takes_a_moco_encoder_leaves_it_alone_and_writes_a_whole_classifier() {
    let [pretraining, probing] = [0; 2].map(|_: u8| tempfile::tempdir().unwrap());
    // Another seed than the probe's: the split must be the source's.
    let mut source = job("moco", FP32);
    source.experiment.seed = 5;
    let origin = trained(&source, pretraining.path());
    let job = with(job("probe", &format!("{FP32}\ntrain_fraction = 0.5")), &origin);
    let before = probe(&job);
    assert_eq!((before.source.beginning.split_seed, before.images.len(), before.val.labels.numel()), (5, 40, 20));
    let Origin::Checkpoint(path) = trained(&job, probing.path()) else { panic!() };
    let (Origin::Checkpoint(from), written) = (origin, Loaded::open(&path).unwrap()) else { panic!() };
    let taken = Loaded::open(&from).unwrap();
    for (name, _) in before.source.model.state("").iter().filter(|(name, _)| !name.starts_with("fc.")) {
        assert_eq!(written.tensor(name).unwrap(), taken.tensor(name).unwrap(), "{name}");
    }
    // The classifier as it is written answers as the probe did.
    let shape: Shape = serde_json::from_str(written.text("shape").unwrap()).unwrap();
    let mut model = Model::new(shape, 1, (Format::Fp32, job.devices[0]));
    let from = From { origin: Origin::Checkpoint(path), own: true };
    Beginning::read(&job, &from).unwrap().give(&mut model, true).unwrap();
    let mut after = probe(&job);
    after.restore(&written).unwrap();
    let pictures = Pictures::new(&job.dataset.test, (8, 8), job.devices[0]);
    let x = after.source.colours.normalise(&pictures.plain(&[0, 1, 2, 3]), Kind::Float);
    let logits = after.logits(&after.layers, &after.test.features.narrow(0, 0, 4)).select(1, 0);
    assert!(no_grad(|| model.forward(&x, Mode::Evaluate)).allclose(&logits, 1e-3, 1e-3, false));
}

#[test]
fn a_head_for_fewer_classes_is_judged_by_the_pictures_that_the_network_never_saw() {
    // Four classes in the data; by groups of them another split would be drawn.
    let four = |mut job: Job| {
        job.dataset.classes = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        for split in [&mut job.dataset.train, &mut job.dataset.test] {
            (0..).zip(&mut split.labels).for_each(|(place, label)| *label = (place * 7 % 4) as u16);
        }
        Job::new(job.experiment, job.dataset, (job.devices, job.names)).unwrap()
    };
    let body = four(job("supervised", FP32));
    let mut head = job("probe", FP32);
    if let Recipe::Probe(settings) = &mut head.experiment.recipe {
        let groups = [("one", "a"), ("rest", "*")].map(|(name, class)| (name.to_owned(), vec![class.to_owned()]));
        settings.classes = ClassMap::Groups(groups.into());
    }
    let head = four(head);
    assert_eq!((head.dataset.classes.len(), head.strata.iter().max()), (2, Some(&3)));
    let parts = |job: &Job| start::parts(&job.strata, 0.2, 1);
    assert_eq!(parts(&head), parts(&body));
    let labels = Vec::<i64>::try_from(&probe(&head).val.labels).unwrap();
    assert_eq!(labels.iter().filter(|label| **label == 0).count(), 5, "a quarter of 20");
}

#[test]
fn a_frozen_network_that_changes_is_noticed() {
    let job = job("probe", FP32);
    let mut probe = probe(&job);
    assert!(probe.evaluate(Judge::Test, 3, true).unwrap().notes[0].contains("bit-equal"));
    let _ = no_grad(|| probe.source.model.buffers.flat.get(0).g_add_scalar_(1e-6));
    let error = probe.evaluate(Judge::Test, 3, true).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("has changed"), "{error}");
}

#[test]
fn the_same_seed_uses_the_same_labels_and_another_others() {
    let used = |seed: u64| {
        let mut job = job("probe", &format!("{FP32}\ntrain_fraction = 0.25"));
        job.experiment.seed = seed;
        // The split and the network come from the seed too: only the note says which labels.
        let probe = probe(&job);
        let labels = Vec::<i64>::try_from(&probe.train[0].labels).unwrap();
        assert_eq!(labels.iter().filter(|label| **label == 0).count(), 10, "of 20, half of each class");
        probe.source.beginning.notes.last().unwrap().clone()
    };
    assert!(used(1).starts_with("labels of 20 of 80 training images are used, subset "));
    assert_eq!(used(1), used(1));
    assert_ne!(used(1), used(2));
}

#[test]
fn mirror_images_have_features_of_their_own() {
    let job = job("probe", FP32);
    let probe = probe(&job);
    let [plain, mirrored] = &probe.train;
    assert_ne!(plain.features, mirrored.features);
    let both = Tensor::cat(&[plain.features.shallow_clone(), mirrored.features.shallow_clone()], 0);
    let mean = both.mean_dim([0].as_slice(), false, Kind::Float);
    assert!(mean.abs().max().double_value(&[]) < 1e-4, "standardised");
    let place = Place { epoch: 0, step: 0, steps: 1, part: 0 };
    let (x, _) = probe.prepare(&probe.images, place);
    let share = x.ne_tensor(&plain.features).any_dim(1, false).mean(Kind::Float).double_value(&[]);
    assert!((0.3..0.7).contains(&share), "{share}");
}

#[test]
fn a_sweep_takes_the_step_size_that_validates_best() {
    let job = job("probe", &format!("{FP32}\nsweep = true\nlr = 0.001"));
    let directory = tempfile::tempdir().unwrap();
    let Origin::Checkpoint(path) = trained(&job, directory.path()) else { panic!() };
    let loaded = Loaded::open(&path).unwrap();
    assert_eq!(loaded.tensor(LAYERS).unwrap().size(), [5 * 2 * 65]);
    let mut probe = probe(&job);
    probe.restore(&loaded).unwrap();
    let accuracies: Vec<f64> = probe.answers(&probe.val).iter().map(|a| a.confusion().macro_accuracy()).collect();
    assert!(accuracies.iter().all(|accuracy| *accuracy <= accuracies[probe.chosen]), "{accuracies:?} {}", probe.chosen);
    let learnt = probe.learnt().unwrap();
    assert_eq!(learnt, probe.answers(&probe.train[0])[probe.chosen].confusion());
    assert_eq!(learnt.counts().iter().flatten().sum::<u64>(), probe.images.len() as u64);
}
