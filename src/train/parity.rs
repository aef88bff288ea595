//! Our networks, optimiser and schedules beside what `PyTorch` 2.11 and torchvision 0.26 computed: the golden values, and
//! the script that made them, are in `tests/golden`.

use super::network::{Mode, Network, Shape, Start};
use super::optim::Sgd;
use super::parameters::{Buffers, Format, Parameters, named};
use super::training::clip;
use mocolab::experiment::{Arch, Stem};
use mocolab::metrics::Direction;
use mocolab::schedule::{Plateau, Rate};
use safetensors::SafeTensors;
use serde_json::Value;
use tch::{Device, Kind, Reduction, Tensor, no_grad};

const NETWORKS: &[u8] = include_bytes!("../../tests/golden/networks.safetensors");
const OPTIM: &str = include_str!("../../tests/golden/optim.json");

/// What is compared: the golden values' name, our network, the side of its images.
const CASES: [(&str, Arch, Stem, i64); 4] = [
    ("resnet18-cifar", Arch::Resnet18, Stem::Cifar, 32),
    ("resnet18-imagenet", Arch::Resnet18, Stem::Imagenet, 64),
    ("resnet20", Arch::Resnet20, Stem::Cifar, 32),
    ("resnet50-cifar", Arch::Resnet50, Stem::Cifar, 32),
];

/// The golden tensor `name`, in f64.
fn golden(name: &str) -> Tensor {
    let file = SafeTensors::deserialize(NETWORKS).unwrap();
    let view = file.tensor(name).unwrap();
    let shape: Vec<i64> = view.shape().iter().map(|length| *length as i64).collect();
    Tensor::from_data_size(view.data(), &shape, Kind::Float).to_kind(Kind::Double)
}

/// The golden values' own description: names of parameters and norms, and how far `PyTorch` in fp32 is from them.
fn description(name: &str) -> Value {
    let (_, metadata) = SafeTensors::read_metadata(NETWORKS).unwrap();
    let mut described: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["golden"]).unwrap();
    described[name].take()
}

fn names(name: &str) -> Vec<String> {
    serde_json::from_value(description(name)).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The script's `u`: `count` numbers in [-1, 1) from a hash of `name`.
fn formula(name: &str, count: i64) -> Vec<f64> {
    let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let number = |index: u32| {
        let mut x = hash.wrapping_add(index.wrapping_mul(2_654_435_761));
        x = (x ^ (x >> 16)).wrapping_mul(2_246_822_519);
        x = (x ^ (x >> 13)).wrapping_mul(3_266_489_917);
        f64::from(x ^ (x >> 16)) / 2_f64.powi(31) - 1.0
    };
    (0..count as u32).map(number).collect()
}

/// The script's `fill`, rounded to fp32: the weights of `net` as one flat vector of ours.
fn weights(net: &Network) -> Tensor {
    let flat = Tensor::zeros([net.count()], (Kind::Float, Device::Cpu));
    for (parameter, (name, mut view)) in net.parameters.iter().zip(named(net, &flat)) {
        let (offset, factor) = match parameter.start {
            Start::Convolution => (0.0, (6.0 / parameter.shape[1..].iter().product::<i64>() as f64).sqrt()),
            Start::Ones => (1.0, 0.1),
            Start::Zeros => (0.0, 0.1),
            Start::Linear { inputs } => (0.0, 1.0 / (inputs as f64).sqrt()),
        };
        let values: Vec<f32> =
            formula(name, parameter.count()).into_iter().map(|u| (offset + factor * u) as f32).collect();
        view.copy_(&Tensor::from_slice(&values).view(parameter.shape.as_slice()));
    }
    flat
}

/// What one training pass computes and leaves, as the script keeps it.
struct Pass {
    train_logits: Tensor,
    eval_logits: Tensor,
    loss: f64,
    /// Of all parameters, `[n]`.
    gradient: Tensor,
    /// Norm and four values of each parameter's gradient.
    gradients: Tensor,
    /// First four means and variances of each norm.
    running: Tensor,
}

fn pass(net: &Network, key: &str, side: i64, kind: Kind) -> Pass {
    let parameters = Parameters::new(net, weights(net).to_kind(kind), Format::Fp32);
    let buffers: Vec<Tensor> = Buffers::new(net, Device::Cpu).views.iter().map(|view| view.to_kind(kind)).collect();
    let values: Vec<f32> = formula("input", 4 * 3 * side * side).into_iter().map(|u| u as f32).collect();
    let x = Tensor::from_slice(&values).view([4, 3, side, side]).to_kind(kind);
    let train_logits = net.forward(&parameters.leaves, &buffers, &x, Mode::TRAIN);
    let labels = Tensor::from_slice(&[0_i64, 3, 9, 5]);
    let loss = train_logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
    let flat = parameters.gradient(&loss).to_kind(Kind::Double);
    let gradients = named(net, &flat);
    let sample = |name: &String| {
        let (_, gradient) = gradients.iter().find(|(ours, _)| ours == name).unwrap();
        let (gradient, n) = (gradient.reshape([-1]), gradient.numel() as i64);
        let values = gradient.index_select(0, &Tensor::from_slice(&[0, n / 3, n / 2, n - 1]));
        Tensor::cat(&[gradient.norm().view([1]), values], 0)
    };
    let four = |norm: &String| {
        let first = net.buffers.iter().position(|buffer| buffer.name == format!("{norm}.running_mean")).unwrap();
        Tensor::cat(&[0, 1].map(|k| buffers[first + k].narrow(0, 0, 4)), 0)
    };
    Pass {
        gradients: Tensor::stack(&names(&format!("{key}.parameters")).iter().map(sample).collect::<Vec<_>>(), 0),
        running: Tensor::stack(&names(&format!("{key}.norms")).iter().map(four).collect::<Vec<_>>(), 0),
        gradient: flat.shallow_clone(),
        loss: loss.double_value(&[]),
        train_logits: train_logits.detach(),
        eval_logits: no_grad(|| net.forward(&parameters.leaves, &buffers, &x, Mode::Evaluate)),
    }
}

fn worst(tensor: &Tensor) -> f64 {
    tensor.abs().max().double_value(&[])
}

/// Asks for logits, loss and running statistics of `key` within `near` of their largest.
fn assert_outcome(key: &str, got: &Pass, near: f64) {
    for (name, got) in
        [("train_logits", &got.train_logits), ("eval_logits", &got.eval_logits), ("running", &got.running)]
    {
        let want = golden(&format!("{key}.{name}"));
        let error = worst(&(got.to_kind(Kind::Double) - &want)) / worst(&want);
        assert!(error <= near, "{key}: {name} {error:e}");
    }
    let loss = golden(&format!("{key}.loss")).double_value(&[]);
    assert!((got.loss / loss - 1.0).abs() <= near, "{key}: {} {loss}", got.loss);
}

/// Asks for norms of gradients within `near` of themselves, and samples within `near` of the root mean square.
fn assert_gradients(key: &str, net: &Network, got: &Pass, near: f64) {
    let parameters = names(&format!("{key}.parameters"));
    let count = |name: &String| net.parameters.iter().find(|ours| ours.name == *name).unwrap().count() as f64;
    let roots = Tensor::from_slice(&parameters.iter().map(count).collect::<Vec<_>>()).sqrt().unsqueeze(1);
    assert_eq!(parameters.len(), net.parameters.len());
    let want = golden(&format!("{key}.gradients"));
    let errors: Tensor = (&got.gradients - &want) / want.narrow(1, 0, 1);
    let (norms, samples) = (worst(&errors.narrow(1, 0, 1)), worst(&(errors.narrow(1, 1, 4) * roots)));
    assert!(norms <= near && samples <= near, "{key}: {norms:e} {samples:e}");
}

#[test]
fn weights_by_formula_are_those_of_the_script() {
    for name in ["input", "conv1.weight"] {
        let rounded: Vec<f32> = formula(name, 8).into_iter().map(|u| u as f32).collect();
        assert_eq!(Tensor::from_slice(&rounded).to_kind(Kind::Double), golden(&format!("u.{name}")));
    }
}

#[test]
fn networks_compute_what_pytorch_does() {
    for (key, arch, stem, side) in CASES {
        let net = Network::new(Shape::classifier(arch, stem, 10));
        let exact = pass(&net, key, side, Kind::Double);
        assert_outcome(key, &exact, 1e-6);
        assert_gradients(key, &net, &exact, 1e-6);
        let single = pass(&net, key, side, Kind::Float);
        assert_outcome(key, &single, 1e-4);
        // In fp32 a rectifier whose input is nearly 0 goes the other way, and the gradients below it move: those of
        // PyTorch with channels-last weights by the same 5e-3 of a norm for resnet18. So in fp32, all of it as one vector.
        let apart = (&single.gradient - &exact.gradient).norm().double_value(&[]);
        let part = apart / exact.gradient.norm().double_value(&[]);
        assert!(part <= 5e-2, "{key}: {part:e}");
        // Above every rectifier nothing moves.
        let last = |flat: &Tensor| flat.narrow(0, net.count() - 650, 650);
        let error = worst(&(last(&single.gradient) - last(&exact.gradient))) / worst(&last(&exact.gradient));
        assert!(error <= 1e-4, "{key}: {error:e}");
    }
}

#[test]
fn three_steps_of_sgd_are_those_of_pytorch() {
    let file: Value = serde_json::from_str(OPTIM).unwrap();
    let cases = file["sgd"].as_array().unwrap();
    assert_eq!(cases.iter().map(|case| case["nesterov"] == true).collect::<Vec<_>>(), [false, true]);
    for case in cases {
        let vector = |value: &Value| Tensor::from_slice(&numbers(value)).to_kind(Kind::Float);
        let number = |name: &str| case[name].as_f64().unwrap();
        let mut weights = vector(&case["start"]);
        let nesterov = case["nesterov"] == true;
        let mut sgd = Sgd::new(&weights, number("momentum"), nesterov, number("weight_decay"));
        for step in 0..3 {
            sgd.step(&mut weights, vector(&case["gradients"][step]), number("lr"));
            for (ours, theirs) in [(&weights, &case["after"][step]), (&sgd.momentum, &case["momentum_buffers"][step])] {
                assert!(ours.allclose(&vector(theirs), 1e-6, 1e-7, false), "{nesterov} {step}: {ours} {theirs}");
            }
        }
    }
}

#[test]
fn learning_rates_are_those_of_pytorch() {
    let file: Value = serde_json::from_str(OPTIM).unwrap();
    let cases = [
        ("cosine", "schedule = \"cosine\"\nwarmup_epochs = 0"),
        ("multistep", "schedule = \"step\"\nwarmup_epochs = 0\nmilestones = \"20, 35\"\nfactor = 0.1"),
        ("one_cycle", "schedule = \"one-cycle\"\nwarmup_epochs = 15"),
    ];
    for (name, settings) in cases {
        let settings = toml::from_str(&format!("epochs = 50\nlr = 0.1\n{settings}")).unwrap();
        let rate = Rate::new(&settings, 1);
        let want = numbers(&file["schedules"][name]["lr"]);
        assert!(want.len() >= 50);
        for (step, want) in (0..).zip(want) {
            assert!((rate.at(step) - want).abs() < 1e-12, "{name} {step}: {} {want}", rate.at(step));
        }
    }
}

#[test]
fn plateaus_are_those_of_pytorch() {
    let file: Value = serde_json::from_str(OPTIM).unwrap();
    let cases = file["plateau"].as_array().unwrap();
    assert_eq!(cases.iter().map(|case| case["settings"]["mode"].as_str().unwrap()).collect::<Vec<_>>(), ["max", "min"]);
    for case in cases {
        let settings = &case["settings"];
        let better = if settings["mode"] == "max" { Direction::Higher } else { Direction::Lower };
        let patience = settings["patience"].as_u64().unwrap() as u32;
        let (start, factor) = (case["start"].as_f64().unwrap(), settings["factor"].as_f64().unwrap());
        let mut plateau = Plateau::default();
        for (value, want) in numbers(&case["values"]).into_iter().zip(numbers(&case["lr_after"])) {
            plateau.observe(value, better, (factor, patience));
            let got = start * plateau.scale;
            assert!((got / want - 1.0).abs() < 1e-12, "{better:?} {value}: {got} {want}");
        }
    }
}

#[test]
fn gradients_are_clipped_and_labels_smoothed_as_in_torch() {
    let golden: Value = serde_json::from_str(OPTIM).unwrap();
    for case in golden["clip_grad_norm"].as_array().unwrap() {
        let parts = |name: &str| -> Vec<f32> {
            case[name].as_array().unwrap().iter().flat_map(numbers).map(|value| value as f32).collect()
        };
        let mut gradient = Tensor::from_slice(&parts("gradients"));
        clip(&mut gradient, case["max_norm"].as_f64().unwrap());
        assert!(gradient.allclose(&Tensor::from_slice(&parts("clipped")), 1e-5, 1e-7, false), "{case}");
    }
    for case in golden["cross_entropy"].as_array().unwrap() {
        let rows: Vec<Vec<f32>> = serde_json::from_value(case["logits"].clone()).unwrap();
        let logits = Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1]);
        let labels =
            Tensor::from_slice(&numbers(&case["labels"]).iter().map(|label| *label as i64).collect::<Vec<_>>());
        let smoothing = case["label_smoothing"].as_f64().unwrap();
        let loss = logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, smoothing);
        assert!((loss.double_value(&[]) - case["loss"].as_f64().unwrap()).abs() < 1e-5, "{case}");
    }
}
