use super::*;
use crate::{
    checkpoint::Loaded,
    moco::Moco,
    parameters::Format,
    session::Session,
    start::From,
    supervised::Supervised,
    training::{self, test_job as job},
};
use mocolab::{
    event::{Event, Outcome},
    experiment::Origin,
    run::{Reader, newest_first},
};
use std::path::Path;

fn trained(job: &Job, directory: &Path) -> Vec<Event> {
    let mut session = Session::new(directory).unwrap();
    let outcome = match &job.experiment.recipe {
        Recipe::Supervised(settings) => crate::supervised::run(settings, job, &mut session),
        Recipe::Moco(settings) => crate::moco::run(settings, job, &mut session),
        Recipe::Probe(settings) => crate::probe::run(settings, job, &mut session),
        _ => unreachable!(),
    };
    assert_eq!(outcome.unwrap().0, Outcome::Done);
    Reader::new(&RunDir::new(directory)).read(1 << 20).unwrap().lines.into_iter().map(|line| line.event).collect()
}

fn maps(directory: &Path) -> Vec<Embedding> {
    RunDir::new(directory).map_files().unwrap().iter().map(|file| file.read().unwrap()).collect()
}

#[test]
fn a_training_maps_every_so_many_epochs_and_at_its_end_each_map_from_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let job = job("supervised", "epochs = 5\nmap_every = 2\nmap_images = 40");
    let events = trained(&job, directory.path());
    let told = events.iter().filter_map(|event| match event {
        Event::Embedding(embedding) => Some((embedding.epoch, embedding.file.clone())),
        _ => None,
    });
    let files = RunDir::new(directory.path()).map_files().unwrap();
    let there =
        files.iter().map(|file| (file.epoch.unwrap(), file.path().file_name().unwrap().to_string_lossy().into_owned()));
    assert_eq!(told.collect::<Vec<_>>(), there.collect::<Vec<_>>());
    let maps = maps(directory.path());
    let steps: Vec<u64> = maps.iter().map(|map| map.about.step).collect();
    assert_eq!(maps.iter().map(|map| map.about.epoch).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(maps.iter().map(|map| map.about.from).collect::<Vec<_>>(), [None, Some(steps[0]), Some(steps[1])]);
    let places = |map: &Embedding| map.points.iter().map(|point| point.at).collect::<Vec<_>>();
    assert_ne!(places(&maps[0]), places(&maps[1]), "what learns moves");
    for map in &maps {
        assert_eq!((map.points.len(), map.about.by), (40, Answerer::Classifier));
        let label = |point: &Point| job.dataset.test.labels[point.image as usize];
        assert!(map.points.iter().all(|point| point.label == label(point) && point.near[0] < 40));
        assert!(map.points.iter().all(|point| point.shares[0] >= point.shares[1] && point.shares[0] >= 0.5));
        assert_eq!(map.points.iter().map(|point| point.image).collect::<Vec<_>>(), {
            maps[0].points.iter().map(|point| point.image).collect::<Vec<_>>()
        });
    }
    let usual: f32 = maps[2].points.iter().filter(|point| point.label == 0).map(|point| point.off).sum();
    let count = maps[2].points.iter().filter(|point| point.label == 0).count();
    assert!((usual / count as f32 - 1.0).abs() < 1e-4, "distances are in units of the class's own");
}

#[test]
fn a_training_without_maps_is_the_same_training() {
    let weights = |settings: &str| {
        let directory = tempfile::tempdir().unwrap();
        let job = job("supervised", &format!("epochs = 3\n{settings}"));
        trained(&job, directory.path());
        let newest = newest_first(&directory.path().join("checkpoints")).unwrap().remove(0);
        let loaded = Loaded::open(&newest.path).unwrap();
        (loaded.tensor("fc.weight").unwrap(), maps(directory.path()).len())
    };
    let (with, made) = weights("map_every = 1");
    let (without, none) = weights("map_every = 0");
    assert_eq!((with, made, none), (without, 3, 0));
}

/// What the network says of a picture alone is what stands on the map; of features without answers the neighbours vote.
#[test]
fn answers_are_those_of_the_classifier_or_of_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let job_of = |recipe| job(recipe, "map_images = 0");
    let from = From { origin: Origin::Random, own: false };
    let how = How { images: 0, perplexity: 5.0, seed: 1 };
    let run = RunDir::new(directory.path());
    let classifier = job_of("supervised");
    let Recipe::Supervised(settings) = &classifier.experiment.recipe else { unreachable!() };
    let method = Supervised::new(settings, &classifier, (Format::Fp32, &from)).unwrap();
    embed(&method, &classifier, (&run, When { epoch: 1, step: 1 }, how)).unwrap();
    let one = method.see(&[7]).logits.unwrap().softmax(1, Kind::Float);
    let map = maps(directory.path()).remove(0);
    let (answer, share) = (map.points[7].answers[0], map.points[7].shares[0]);
    assert!((one.double_value(&[0, i64::from(answer)]) - f64::from(share)).abs() < 1e-4);
    assert_eq!(i64::from(answer), one.argmax(1, false).int64_value(&[0]));

    let contrast = job_of("moco");
    let Recipe::Moco(settings) = &contrast.experiment.recipe else { unreachable!() };
    let method = Moco::new(settings, &contrast, (Format::Fp32, &from)).unwrap();
    embed(&method, &contrast, (&run, When { epoch: 2, step: 2 }, how)).unwrap();
    let map = maps(directory.path()).remove(1);
    assert_eq!((map.about.by, map.about.from), (Answerer::Neighbours, Some(1)));
    assert!(map.points.iter().all(|point| (point.shares[0] + point.shares[1] - 1.0).abs() < 1e-5), "two classes vote");
    // The same features again: the same votes.
    embed(&method, &contrast, (&run, When { epoch: 3, step: 3 }, how)).unwrap();
    let again = maps(directory.path()).remove(2);
    assert_eq!((&again.points, again.about.from), (&map.points, Some(2)));
    // The nearest of a point among the components are the nearest in the features: with few dimensions all are kept.
    let features = normalised(&method.see(&(0..60).collect::<Vec<_>>()).features, Kind::Float);
    let apart = (features.get(3).unsqueeze(0) - &features).square().sum_dim_intlist([1].as_slice(), false, Kind::Float);
    let nearest = apart.argsort(0, false).int64_value(&[1]);
    assert_eq!(i64::from(map.points[3].near[0]), nearest);
}

/// A probe's network learns nothing: its pictures lie where they lay, and what it answers changes.
#[test]
fn the_same_features_lie_where_they_lay() {
    let directory = tempfile::tempdir().unwrap();
    let job = job("probe", "epochs = 4\nmap_every = 2\nmap_images = 40");
    trained(&job, directory.path());
    let [first, second] = <[Embedding; 2]>::try_from(maps(directory.path())).unwrap();
    let lies = |map: &Embedding| map.points.iter().map(|point| (point.at, point.near)).collect::<Vec<_>>();
    let answers = |map: &Embedding| map.points.iter().map(|point| point.shares).collect::<Vec<_>>();
    assert_eq!(lies(&first), lies(&second));
    assert_ne!(answers(&first), answers(&second));
    assert_eq!((second.about.from, first.about.from), (Some(first.about.step), None));
    assert_eq!(first.about.divergence.to_bits(), second.about.divergence.to_bits());
    assert_eq!((first.about.trustworthiness, first.about.recall), (second.about.trustworthiness, second.about.recall));
    // Asked for otherwise, they lie otherwise.
    let run = RunDir::new(directory.path());
    let Recipe::Probe(settings) = &job.experiment.recipe else { unreachable!() };
    let how = How { perplexity: 4.0, ..How::of(&settings.judging, job.experiment.seed) };
    let from = From { origin: Origin::Random, own: false };
    let method = crate::probe::Probe::new(settings, &job, (training::format(&job), &from)).unwrap();
    let usual = How::of(&settings.judging, job.experiment.seed);
    let ways = [usual, how, How { seed: usual.seed + 1, ..usual }];
    for (step, how) in (second.about.step + 1..).zip(ways) {
        embed(&method, &job, (&run, When { epoch: 5, step }, how)).unwrap();
    }
    let maps = maps(directory.path());
    assert_eq!(lies(&maps[2]), lies(&second));
    assert!(lies(&maps[3]) != lies(&second) && lies(&maps[4]) != lies(&second));
}

#[test]
fn too_few_pictures_are_told_and_the_training_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let events = trained(&job("supervised", "epochs = 2\nmap_every = 1\nmap_images = 5"), directory.path());
    let told =
        events.iter().filter(|event| matches!(event, Event::Alert(alert) if alert.message.contains("8 are needed")));
    assert_eq!((told.count(), maps(directory.path()).len()), (2, 0));
    assert!(events.iter().any(|event| matches!(event, Event::Epoch(epoch) if epoch.epoch == 2)));
}

#[test]
fn a_checkpoint_is_mapped_as_its_training_mapped_it() {
    let directory = tempfile::tempdir().unwrap();
    let job = job("supervised", "epochs = 2\nmap_every = 2\nema = 0.5");
    trained(&job, directory.path());
    let first = maps(directory.path()).remove(0);
    let newest = newest_first(&directory.path().join("checkpoints")).unwrap().remove(0);
    let Recipe::Supervised(settings) = &job.experiment.recipe else { unreachable!() };
    let make = |format, from: &_| Supervised::new(settings, &job, (format, from));
    let loaded = Loaded::open(&newest.path).unwrap();
    let when = When { epoch: newest.epoch.unwrap(), step: newest.step };
    let how = How::of(&settings.judging, job.experiment.seed);
    let run = RunDir::new(directory.path());
    training::of(&job, &loaded, &newest.path, make).unwrap().embed((&run, when, how)).unwrap();
    let again = maps(directory.path()).remove(0);
    assert_eq!((again.points, again.about.epoch), (first.points, 2));
}

#[test]
fn the_two_likeliest_are_found() {
    assert_eq!(two(&[0.1, 0.5, 0.4]), ([1, 2], [0.5, 0.4]));
    assert_eq!(two(&[0.5, 0.5]), ([0, 1], [0.5, 0.5]));
    assert_eq!(two(&[1.0]), ([0, 0], [1.0, 0.0]));
}
