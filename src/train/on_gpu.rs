//! What a GPU computes beside what the CPU does, and beside itself. `MOCOLAB_TEST_GPU=cuda:0` says where; skipped, loudly,
//! without it, since most machines that build this have none.

use super::{
    device,
    method::{Job, Method},
    moco::Moco,
    online::{geometry, nearest},
    parameters::Format,
    start::From,
    supervised::Supervised,
    training::{Training, test_job},
    trouble::{caught, cause_of},
    tsne,
    views::{Draws, view},
};
use mocolab::{
    experiment::{Origin, Recipe, Views},
    random::{Purpose, Random},
};
use tch::{Device, Kind, Tensor};

fn gpu() -> Option<Device> {
    let Ok(name) = std::env::var("MOCOLAB_TEST_GPU") else {
        eprintln!("SKIPPED: no GPU is named by MOCOLAB_TEST_GPU");
        return None;
    };
    Some(device::open(&name).unwrap())
}

fn drawn(size: [i64; 2], number: u64) -> Tensor {
    let mut random = Random::new(5, Purpose::Weights, (number, 0));
    let values: Vec<f32> = (0..size[0] * size[1]).map(|_| random.normal() as f32).collect();
    Tensor::from_slice(&values).view(size)
}

/// The weights after `steps` steps of `job` on `devices`, on the CPU, and what the last one measured.
fn trained(recipe: &str, settings: &str, devices: &[Device], steps: usize) -> (Tensor, Vec<f64>) {
    let mut job = test_job(recipe, settings);
    job.names = devices.iter().map(|device| format!("{device:?}")).collect();
    job.devices = devices.to_vec();
    let from = From { origin: Origin::Random, own: false };
    let format = super::training::format(&job);
    match &job.experiment.recipe {
        Recipe::Moco(settings) => walk(&job, Moco::new(settings, &job, (format, &from)).unwrap(), format, steps),
        Recipe::Supervised(settings) => {
            walk(&job, Supervised::new(settings, &job, (format, &from)).unwrap(), format, steps)
        }
        other => panic!("{}", other.name()),
    }
}

fn walk<M: Method>(job: &Job, method: M, format: Format, steps: usize) -> (Tensor, Vec<f64>) {
    let mut training = Training::new(job, method, format).unwrap();
    let (order, batch) = (training.order(0), training.batch());
    let measured = order.chunks_exact(batch).take(steps).map(|images| training.step(images)).last().unwrap();
    let weights = training.weights().to_device(Device::Cpu);
    (weights, Vec::try_from(measured.to_kind(Kind::Double)).unwrap())
}

#[test]
fn memory_that_runs_out_is_told_as_such_and_is_free_again() {
    let Some(gpu) = gpu() else { return };
    // 4 TiB: no card has so much.
    let error = caught(|| Ok(Tensor::zeros([1 << 40], (Kind::Float, gpu)))).unwrap_err();
    let cause = cause_of(&error);
    assert!(cause.starts_with("out of memory: CUDA") && cause.contains("`batch`"), "{cause}");
    assert_eq!(Tensor::ones([4], (Kind::Int64, gpu)).sum(Kind::Int64).int64_value(&[]), 4);
}

#[test]
fn lists_of_any_length_arrive_whole() {
    let Some(gpu) = gpu() else { return };
    for length in [0, 1, 8192, 8193, 100_000] {
        let list: Vec<i64> = (0..length).collect();
        assert_eq!(Vec::<i64>::try_from(device::upload(&list, gpu).to_device(Device::Cpu)).unwrap(), list);
        let odd: Vec<bool> = list.iter().map(|at| at % 3 == 1).collect();
        assert_eq!(Vec::<bool>::try_from(device::upload(&odd, gpu).to_device(Device::Cpu)).unwrap(), odd);
    }
}

const VIEWS: &str = "crop_area = 0.2\nrotate = 0.5\njitter = 0.7\ngrey = 0.3\nblur = 0.5\nsolarise = 0.4\n";

#[test]
fn views_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let settings: Views = toml::from_str(VIEWS).unwrap();
    let draws = Draws::draw(&settings, 512, (32, 32), &mut Random::new(1, Purpose::View, (0, 0)));
    let mut random = Random::new(2, Purpose::Drawing, (0, 0));
    let bytes: Vec<u8> = (0..512 * 32 * 32 * 3).map(|_| random.below(256) as u8).collect();
    let pixels = Tensor::from_slice(&bytes).view([512, 32, 32, 3]);
    let (there, here) = (view(&pixels.to_device(gpu), &draws), view(&pixels, &draws));
    assert_eq!((there.size(), there.stride()), (here.size(), here.stride()));
    // Rounding decides to which pixel half a step leads, and whether a bright one is inverted.
    let far = (there.to_device(Device::Cpu) - &here).abs().gt(1e-4).to_kind(Kind::Float).mean(Kind::Float);
    assert!(far.double_value(&[]) < 1e-3, "{far}");
}

#[test]
fn steps_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for (recipe, own) in [
        ("supervised", "crop_padding = 1\n"),
        ("moco", "symmetric = true\nbn_splits = 2\n"),
        ("moco", "symmetric = true\nbn_splits = 1\n"),
    ] {
        let settings = format!("{own}precision = 'fp32'\nlr = 0.01\n");
        let ((there, seen), (here, expected)) =
            (trained(recipe, &settings, &[gpu], 3), trained(recipe, &settings, &[Device::Cpu], 3));
        let apart = (&there - &here).norm().double_value(&[]) / here.norm().double_value(&[]);
        assert!(apart < 1e-3, "{recipe}: {apart}");
        assert!((seen[0] - expected[0]).abs() < 0.02 * expected[0].abs(), "{recipe}: {seen:?} {expected:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let Some(gpu) = gpu() else { return };
    for (recipe, format) in [("supervised", "fp32"), ("supervised", "bf16"), ("moco", "bf16")] {
        let settings = format!("precision = '{format}'\nlr = 0.05\n");
        let once = || trained(recipe, &settings, &[gpu], 5);
        assert_eq!(once(), once(), "{recipe} {format}");
    }
}

#[test]
fn two_replicas_are_one() {
    let Some(gpu) = gpu() else { return };
    // One with the same parts of the batch: batch norms mix the same pictures.
    let settings = "precision = 'fp32'\nlr = 0.01\nshuffle_bn = false\n";
    let (one, two) = (
        trained("moco", &format!("{settings}bn_splits = 2\n"), &[gpu], 2).0,
        trained("moco", &format!("{settings}bn_splits = 1\n"), &[gpu, gpu], 2).0,
    );
    let apart = (&one - &two).norm().double_value(&[]) / one.norm().double_value(&[]);
    assert!(apart < 1e-3, "{apart}");
}

#[test]
fn features_are_judged_as_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let labels = Tensor::arange(2000, (Kind::Int64, Device::Cpu)).remainder(10);
    let centres = drawn([10, 64], 1).repeat([200, 1]) * 0.5;
    let bank = centres + drawn([2000, 64], 2);
    let answers = |device: Device| {
        let (bank, labels) = (bank.to_device(device), labels.to_device(device));
        let answers = nearest(&bank, &labels, &bank.narrow(0, 0, 500), (50, 0.1, 10));
        (Vec::<i64>::try_from(answers.to_device(Device::Cpu)).unwrap(), geometry(&bank))
    };
    let ((there, shape), (here, expected)) = (answers(gpu), answers(Device::Cpu));
    let same = there.iter().zip(&here).filter(|(a, b)| a == b).count();
    assert!(same >= 498, "{same} of 500");
    for (found, expected) in
        [(shape.spread, expected.spread), (shape.rank, expected.rank), (shape.uniformity, expected.uniformity)]
    {
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
    }
}

#[test]
fn a_map_is_as_good_as_the_cpus() {
    let Some(gpu) = gpu() else { return };
    let centres = drawn([10, 32], 1).repeat([200, 1]) * 4.0;
    let (x, _) = tsne::principal(&(centres + drawn([2000, 32], 2)), 20);
    let [there, here] = [gpu, Device::Cpu].map(|device| tsne::map(&x, None, (30.0, 1), device));
    assert!(there.points.iter().flatten().all(|at| at.is_finite()));
    assert!((there.divergence / here.divergence - 1.0).abs() < 0.1, "{} {}", there.divergence, here.divergence);
}
