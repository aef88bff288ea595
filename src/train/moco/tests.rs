//! Momentum contrast against the paper, by hand: what moves, what does not, what is enqueued.

use super::*;
use crate::training::test_job as job;
use mocolab::experiment::Recipe;
use tch::{Device, Kind};

const SETTINGS: &str = "val_fraction = 0.2\nkey_momentum = 0.9\nkey_momentum_end = 0.9\nlr = 0.05\nprecision = 'fp32'";

fn settings(job: &Job) -> &experiment::Moco {
    let Recipe::Moco(settings) = &job.experiment.recipe else { panic!("{}", job.experiment.recipe.name()) };
    settings
}

fn moco(job: &Job) -> Moco<'_> {
    let from = From { origin: experiment::Origin::Random, own: false };
    Moco::new(settings(job), job, (Format::Fp32, &from)).unwrap()
}

fn place(step: u64) -> Place {
    Place { epoch: 0, step, steps: 10, part: 0 }
}

fn near(one: &Tensor, other: &Tensor) -> bool {
    one.allclose(other, 1e-5, 1e-6, false)
}

#[test]
fn the_key_encoder_follows_by_its_momentum() {
    let job = job("moco", SETTINGS);
    let mut moco = moco(&job);
    let lead = &mut moco.replicas[0];
    assert_eq!(lead.key.parameters.flat, lead.query.parameters.flat);
    let _ = no_grad(|| lead.query.parameters.flat.g_add_scalar_(1.0));
    let (query, key) = (lead.query.parameters.flat.copy(), lead.key.parameters.flat.copy());
    let images: Vec<i64> = moco.images()[..16].to_vec();
    let batch = moco.prepare(&images, place(0));
    let _ = moco.gradient(&batch, place(0));
    assert!(near(&moco.lead().key.parameters.flat, &(key * 0.9 + query * 0.1)));
    let followed = moco.lead().key.parameters.flat.copy();
    let _ = moco.gradient(&batch, Place { part: 1, ..place(0) });
    assert_eq!(moco.lead().key.parameters.flat, followed, "once a step, however many parts");
}

#[test]
fn each_view_is_drawn_from_a_stream_of_its_own() {
    let job = job("moco", SETTINGS);
    let moco = moco(&job);
    let images: Vec<i64> = moco.images()[..6].to_vec();
    let made = moco.prepare(&images, place(3));
    for (which, purpose) in [Purpose::View, Purpose::SecondView].into_iter().enumerate() {
        let draws = moco.drawn(6, &mut place(3).random(job.experiment.seed, purpose));
        let alone = moco.colours.normalise_view(&view(&moco.lead().train.plain(&images), &draws), Kind::Float);
        assert_eq!(made[0][which], alone, "{which}");
    }
    assert_ne!(made[0][0], made[0][1]);
}

#[test]
fn the_momentum_rises_by_half_a_cosine() {
    let job = job("moco", "key_momentum = 0.9\nkey_momentum_end = 1");
    let moco = moco(&job);
    let at = |step| moco.key_momentum(place(step));
    assert!((at(0) - 0.9).abs() < 1e-12 && (at(9) - 1.0).abs() < 1e-12);
    assert!((1..10).all(|step| at(step) > at(step - 1)));
}

#[test]
fn all_keys_of_a_step_are_enqueued_after_it_in_their_order() {
    for (symmetric, count) in [(false, 16), (true, 32)] {
        let job = job("moco", &format!("{SETTINGS}\nsymmetric = {symmetric}"));
        let mut moco = moco(&job);
        let before = moco.lead().queue.keys.copy();
        let images: Vec<i64> = moco.images()[..16].to_vec();
        let batch = moco.prepare(&images, place(0));
        let _ = moco.gradient(&batch, place(0));
        assert_eq!(moco.lead().queue.keys, before, "negatives of both terms are those from before");
        let keys = Tensor::cat(&moco.keys, 0);
        moco.stepped();
        assert_eq!((keys.size()[0], moco.lead().queue.next), (count, count));
        assert_eq!(moco.lead().queue.keys.narrow(0, 0, count), keys);
        assert_eq!(moco.lead().queue.keys.narrow(0, count, 37 - count), before.narrow(0, count, 37 - count));
    }
}

#[test]
fn keys_come_back_in_the_order_of_the_batch() {
    // Without parts the order in which a batch norm sees pictures does not matter.
    let jobs = [true, false].map(|shuffle| job("moco", &format!("{SETTINGS}\nbn_splits = 1\nshuffle_bn = {shuffle}")));
    let [shuffled, plain] = jobs.each_ref().map(|job| {
        let mut moco = moco(job);
        let images: Vec<i64> = moco.images()[..16].to_vec();
        let batch = moco.prepare(&images, place(3));
        moco.keys(&batch, &[1], place(3)).remove(0)
    });
    assert!(shuffled.allclose(&plain, 1e-3, 1e-4, false));
    assert!(!near(&plain, &plain.flip([0])));
}

#[test]
fn validation_moves_neither_encoder_nor_the_training_queue() {
    let job = job("moco", SETTINGS);
    let mut moco = moco(&job);
    let state = |moco: &Moco| {
        let Replica { query, key, queue, .. } = moco.lead();
        let tensors =
            [&query.parameters.flat, &query.buffers.flat, &key.parameters.flat, &key.buffers.flat, &queue.keys];
        (tensors.map(Tensor::copy), queue.next)
    };
    let (before, val_before) = (state(&moco), moco.val_queue.keys.copy());
    let report = moco.evaluate(Judge::Val, 1, false).unwrap();
    assert_eq!(state(&moco), before);
    assert_ne!(moco.val_queue.keys, val_before);
    let names: Vec<&str> = report.metrics.keys().map(String::as_str).collect();
    for name in [
        "val/loss",
        "val/accuracy",
        "val/top5_accuracy",
        "val/knn_macro_accuracy",
        "features/spread",
        "features/rank",
        "val/alignment",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(report.classes[0].by, "knn k=5 T=0.1 projection of 80 training images");
    assert_eq!(report.classes[0].confusion.iter().flatten().sum::<u64>(), 20);
}

#[test]
fn plain_validation_pictures_are_their_own_keys() {
    let job = job("moco", &format!("{SETTINGS}\nval_augment = false"));
    let report = moco(&job).evaluate(Judge::Val, 1, false).unwrap();
    assert!((report.metrics["val/positive_similarity"].0 - 1.0).abs() < 1e-4);
}

#[test]
fn the_loss_and_its_gradient_are_those_of_torch() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../tests/golden/moco.json")).unwrap();
    let case = &golden["info_nce"];
    let matrix = |name: &str| {
        let rows: Vec<Vec<f32>> = serde_json::from_value(case[name].clone()).unwrap();
        Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
    };
    let number = |name: &str| case[name].as_f64().unwrap();
    let queries = matrix("queries").set_requires_grad(true);
    let keys = unit(&matrix("keys"));
    let queue = matrix("queue");
    // Given as `[d, K]`, as FAIR keeps it, or by rows.
    let queue = if queue.size()[1] == queries.size()[1] { queue } else { queue.tr().contiguous() };
    let (loss, measures) = info_nce(&unit(&queries), &keys, &queue, number("temperature"));
    let gradient = Tensor::run_backward(&[&loss], &[&queries], false, false).remove(0);
    assert!((loss.double_value(&[]) - number("loss")).abs() < 1e-5);
    assert!(gradient.allclose(&matrix("gradient"), 1e-4, 1e-6, false));
    for (index, name) in ["loss", "top1", "top5", "positive_similarity", "negative_similarity"].iter().enumerate() {
        assert!((measures.double_value(&[index as i64]) - number(name)).abs() < 1e-5, "{name}");
    }
}

#[test]
fn what_has_learnt_nothing_guesses() {
    // Long vectors that have nothing to do with each other have cosines near 0: the loss is ln(K + 1).
    let draw = |count, number| Queue::draw((count, 2048), (1, number), Device::Cpu).keys;
    let (loss, _) = info_nce(&draw(64, 1), &draw(64, 2), &draw(1000, 3), 1.0);
    assert!((loss.double_value(&[]) - 1001_f64.ln()).abs() < 1e-2);
    assert_eq!(loss.kind(), Kind::Float);
}
