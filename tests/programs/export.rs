//! `mocolab export weights`: what Python gets, where it can be asked in real `PyTorch`.

use crate::project::Project;
use mocolab::run::{RunDir, checkpoint_name};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;
use std::fs;
use std::process::Command;

/// The number at `place` in the tensor `name`: Python works it out by itself.
fn value(name: &str, place: usize) -> f32 {
    ((place * 31 + name.len()) % 97) as f32 / 97.0
}

/// Names and shapes of torchvision's ResNet-18 with a `kernel` by `kernel` stem and 5 classes, counters left out.
fn resnet18(kernel: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![("conv1.weight".to_owned(), vec![64, 3, kernel, kernel])];
    let norm = |tensors: &mut Vec<(String, Vec<usize>)>, name: &str, width: usize| {
        let parts = ["weight", "bias", "running_mean", "running_var"];
        tensors.extend(parts.map(|part| (format!("{name}.{part}"), vec![width])));
    };
    norm(&mut tensors, "bn1", 64);
    for (stage, width) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
        for block in 0..2 {
            let (name, first) = (format!("layer{stage}.{block}"), block == 0 && stage > 1);
            let input = if first { width / 2 } else { width };
            tensors.push((format!("{name}.conv1.weight"), vec![width, input, 3, 3]));
            norm(&mut tensors, &format!("{name}.bn1"), width);
            tensors.push((format!("{name}.conv2.weight"), vec![width, width, 3, 3]));
            norm(&mut tensors, &format!("{name}.bn2"), width);
            if first {
                tensors.push((format!("{name}.downsample.0.weight"), vec![width, input, 1, 1]));
                norm(&mut tensors, &format!("{name}.downsample.1"), width);
            }
        }
    }
    tensors.extend([("fc.weight".to_owned(), vec![5, 512]), ("fc.bias".to_owned(), vec![5])]);
    tensors
}

/// Writes a checkpoint of step 77 into `run`, with all that a training keeps beside its network.
fn write_checkpoint(run: &RunDir, network: &[(String, Vec<usize>)]) {
    let others = ["optimizer.momentum.conv1.weight", "key.conv1.weight", "ema.conv1.weight", "queue", "lbfgs.history"];
    let shapes = network.iter().cloned().chain(others.map(|name| (name.to_owned(), network[0].1.clone())));
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, shape) in shapes {
        let bytes = (0..shape.iter().product()).flat_map(|place| value(&name, place).to_le_bytes()).collect();
        if let Some(norm) = name.strip_suffix("running_mean") {
            tensors.push((format!("{norm}num_batches_tracked"), Dtype::I64, vec![], 77_i64.to_le_bytes().to_vec()));
        }
        tensors.push((name, Dtype::F32, shape, bytes));
    }
    let views =
        tensors.iter().map(|(name, kind, shape, data)| (name, TensorView::new(*kind, shape.clone(), data).unwrap()));
    let texts = [("step", "77"), ("epoch", "9"), ("mean", "[0.4, 0.5, 0.6]"), ("long", &"x".repeat(9000))];
    let texts: HashMap<String, String> = texts.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
    let bytes = safetensors::serialize(views, Some(texts)).unwrap();
    fs::write(run.checkpoints().join(checkpoint_name(77, &bytes)), bytes).unwrap();
}

/// The same with the two layers of MoCo v2 at its end.
fn with_two_layers(mut network: Vec<(String, Vec<usize>)>) -> Vec<(String, Vec<usize>)> {
    network.truncate(network.len() - 2);
    let layers = [("fc.0.weight", vec![16, 512]), ("fc.0.bias", vec![16]), ("fc.2.weight", vec![5, 16])];
    network.extend(layers.map(|(name, shape)| (name.to_owned(), shape)));
    network.push(("fc.2.bias".to_owned(), vec![5]));
    network
}

/// A project with a run of ResNet-18 and such a checkpoint of `network`.
fn project(stem: &str, network: &[(String, Vec<usize>)]) -> Project {
    let settings = format!("arch = \"resnet18\"\nstem = \"{stem}\"\nepochs = 1\nwarmup_epochs = 0\n");
    let project =
        Project::new(&format!("[experiment.base]\ndata = \"shapes\"\n[experiment.base.supervised]\n{settings}"));
    let project = project.with("FAKE_STEP_MS", "1");
    project.run("start base --device cpu --wait").good();
    write_checkpoint(&project.latest("base"), network);
    project
}

#[test]
fn only_the_network_goes_out_with_what_is_known_of_it() {
    let project = project("cifar", &resnet18(3));
    let run = project.latest("base").label();
    let out = project.run("export weights base").good();
    let path = project.path(&format!("{}.safetensors", run.replace('/', "-")));
    assert!(out.contains("122 tensors") && out.contains("step 77, epoch 9"), "{out}");
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut expected: Vec<String> = resnet18(3).into_iter().map(|(name, _)| name).collect();
    let norms: Vec<String> =
        expected.iter().filter_map(|name| name.strip_suffix("running_mean").map(str::to_owned)).collect();
    expected.extend(norms.iter().map(|norm| format!("{norm}num_batches_tracked")));
    expected.sort();
    let mut names: Vec<&str> = file.names();
    names.sort_unstable();
    assert_eq!(names, expected);
    let counter = file.tensor("bn1.num_batches_tracked").unwrap();
    assert_eq!((counter.dtype(), counter.shape().len(), counter.data()), (Dtype::I64, 0, &77_i64.to_le_bytes()[..]));

    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let texts = header.metadata().clone().unwrap();
    let pairs =
        [("format", "pt"), ("app", "mocolab"), ("run", &run), ("arch", "resnet18"), ("stem", "cifar"), ("dim", "5")];
    for (key, text) in pairs.into_iter().chain([("step", "77"), ("epoch", "9"), ("mean", "[0.4, 0.5, 0.6]")]) {
        assert_eq!(texts[key], text, "{key}");
    }
    assert_eq!(texts["classes"], "[\"circle\",\"square\",\"star\"]");
    assert!(!texts.contains_key("long"), "the state of the training stays");

    assert!(project.run("export weights base").bad().contains("--force replaces it"));
    let out = project.run("export weights base --force --headless").good();
    assert!(out.contains("averaged over steps (--raw"), "{out}");
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert!(file.len() == 120 && file.tensor("fc.weight").is_err());
    let first = file.tensor("conv1.weight").unwrap().data()[..4].to_owned();
    assert_eq!(first, value("ema.conv1.weight", 0).to_le_bytes(), "the average in the place of the weight");
    assert_eq!(file.tensor("bn1.weight").unwrap().data()[..4], value("bn1.weight", 0).to_le_bytes());
    assert!(project.run("export weights base --force --raw").good().contains("not averaged"));
    let bytes = fs::read(&path).unwrap();
    let first = SafeTensors::deserialize(&bytes).unwrap().tensor("conv1.weight").unwrap().data()[..4].to_owned();
    assert_eq!(first, value("conv1.weight", 0).to_le_bytes(), "as the last step left it");
}

#[test]
fn what_cannot_be_exported_is_said() {
    let project = project("cifar", &resnet18(3));
    let err = project.run("export weights base --moment epoch:5").bad();
    assert!(err.contains("no whole checkpoint of epoch 5") && err.contains("after epoch 1, 9"), "{err}");
    assert_eq!(project.run("export weights base --moment random").code, Some(2));
    let out = project.run("export weights base --moment best --raw --out best.st").good();
    assert!(!out.contains("average"), "there is none: {out}");
    for file in fs::read_dir(project.latest("base").checkpoints()).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert!(project.run("export weights base").bad().contains("no whole checkpoint"));
    assert!(
        !fs::read_dir(project.path("")).unwrap().any(|file| file
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "safetensors"))
    );
}

/// Python with torch, torchvision and safetensors: `$MOCOLAB_PYTHON`, else `python3`, where that has them.
fn python() -> Option<String> {
    let python = std::env::var("MOCOLAB_PYTHON").unwrap_or_else(|_| "python3".into());
    let asked = Command::new(&python).args(["-c", "import torch, torchvision, safetensors.torch"]).output();
    let has = asked.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!(
            "SKIPPED: `{python}` has no torch, torchvision and safetensors (MOCOLAB_PYTHON names another): exported weights were not loaded"
        );
    }
    has.then_some(python)
}

/// Compares a model's state with [`value`].
const CHECK: &str = "
for name, tensor in model.state_dict().items():
    if name.endswith('num_batches_tracked'):
        assert tensor.dtype == torch.int64 and tensor.item() == 77, name
    else:
        right = ((torch.arange(tensor.numel()) * 31 + len(name)) % 97).float() / 97
        assert torch.equal(tensor.flatten(), right), name
print('alike', tuple(model(torch.zeros(2, 3, 32, 32)).shape))
";

#[test]
fn torchvision_loads_the_file_strictly() {
    let Some(python) = python() else { return };
    let cases = [
        ("cifar", "", "(2, 5)"),
        ("cifar", " --headless", "(2, 512)"),
        ("imagenet", "", "(2, 5)"),
        ("cifar", " --moment epoch:9", "(2, 5)"),
    ];
    for (stem, options, shape) in cases {
        let network = resnet18(if stem == "cifar" { 3 } else { 7 });
        let project = project(stem, &if options.contains("epoch") { with_two_layers(network) } else { network });
        let out = project.run(&format!("export weights base --raw --out weights.safetensors{options}")).good();
        let lines: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        assert_eq!(lines.len(), 3, "{out}");
        let lines = lines.join("\n");
        let output = project.command(&python).args(["-c", &format!("{lines}{CHECK}")]).output().unwrap();
        let (said, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(
            output.status.success() && said.contains(&format!("alike {shape}")),
            "{stem}{options}: {said}{err}\n{lines}"
        );
        eprintln!("torchvision took the weights of resnet18, stem {stem}{options}");
    }
}

#[test]
fn what_is_no_network_of_torchvision_is_said_to_be_none() {
    let settings = "epochs = 1\nwarmup_epochs = 0\narch = \"resnet20\"\n";
    let project =
        Project::new(&format!("[experiment.base]\ndata = \"shapes\"\n[experiment.base.supervised]\n{settings}"));
    project.run("start base --device cpu --wait").good();
    let out = project.run("export weights base --out head.safetensors").good();
    assert!(out.contains("1 tensors") && out.contains("the last layer alone, for the features of `resnet20`"), "{out}");
    assert!(project.run("export weights base --headless").bad().contains("it holds no network"));
    write_checkpoint(&project.latest("base"), &[("conv1.weight".into(), vec![16, 3, 3, 3])]);
    let out = project.run("export weights base --out small.safetensors").good();
    assert!(out.contains("`resnet20`: torchvision has none"), "{out}");
    let file = project.path("experiments.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("resnet20", "cnn")).unwrap();
    project.run("start base --device cpu --wait").good();
    let network = [("features.0.weight".into(), vec![32, 3, 3, 3]), ("fc.weight".into(), vec![5, 32])];
    write_checkpoint(&project.latest("base"), &network);
    let out = project.run("export weights base --out cnn.safetensors").good();
    assert!(out.contains("`cnn`: torchvision has none; its convolutions are `features.N`"), "{out}");
}
