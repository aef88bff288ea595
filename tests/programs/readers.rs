//! What other programs make of a run: TensorBoard, Weights & Biases, pandas and safetensors, as their own packages are, in a
//! Python of their own. Where that isn't there nothing is tried, and that is said aloud.

use crate::project::{Project, poll};
use crate::training::{end_in_the_middle_of_an_epoch, project_of};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const SETTINGS: &str = "epochs = 12\nbatch = 10\nlog_every = 1\nval_fraction = 0.2\nhistograms_every = 6\n";

/// The Python that has the readers: `MOCOLAB_READERS`, or the one that `.ci/run` makes.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let folder = std::env::var_os("MOCOLAB_READERS").map_or_else(|| cache.join("mocolab/readers"), PathBuf::from);
    let python = folder.join("bin/python");
    let has = Command::new(&python).args(["-c", "import tensorboard, wandb, pandas, safetensors"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!(
        "SKIPPED: no readers to read with: python3 -m venv {0} && {0}/bin/pip install -r tests/readers/requirements.txt",
        folder.display()
    );
    None
}

/// Runs a script of `tests/readers` in `project` and gives what it prints.
fn read(python: &Path, project: &Project, script: &str, arguments: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(script);
    let output = project.command(python.to_str().unwrap()).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run of real pictures, where there are such, that was killed, its files torn, and that went on to its end.
fn torn_and_resumed() -> Project {
    let mut project = project_of(&format!(
        "[experiment.base.supervised]\narch = \"resnet8\"\ntest_every = 1\nwarmup_epochs = 1\nmap_every = 6\n{SETTINGS}\
         [experiment.moco.moco]\narch = \"resnet8\"\nqueue = 64\ndim = 16\nbn_splits = 1\nshuffle_bn = false\nknn_k = 10\n{SETTINGS}"
    ));
    let unpack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/unpack.py");
    if unpack.exists() {
        let unpacked = Command::new("python3").arg(unpack).arg(project.path("")).args(["--per-class", "30"]).status();
        assert!(unpacked.unwrap().success());
        let file = project.path("experiments.toml");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("images:pictures", "images:images")).unwrap();
    } else {
        eprintln!("no real pictures: drawn ones are read back");
    }
    project = project.with("PYTHONDONTWRITEBYTECODE", "1");
    let run = project.start("base");
    poll("event files", || fs::read_dir(run.tensorboard()).ok()?.next().map(drop));
    end_in_the_middle_of_an_epoch(&run, Signal::KILL);
    let newest = fs::read_dir(run.tensorboard()).unwrap().map(|entry| entry.unwrap().path());
    for torn in newest.filter(|path| path.to_string_lossy().contains("tfevents")).chain([run.events()]) {
        OpenOptions::new().append(true).open(torn).unwrap().write_all(b"{\"torn").unwrap();
    }
    project.run("resume base --wait").good();
    project.run("start moco --device cpu --wait").good();
    project
}

/// The points of a curve as 32-bit floats, which TensorBoard keeps.
fn points(curve: &Value) -> Vec<(u64, f32)> {
    let point = |point: &Value| (point[0].as_u64().unwrap(), point[1].as_f64().unwrap_or(f64::NAN) as f32);
    curve.as_array().unwrap_or_else(|| panic!("no curve: {curve}")).iter().map(point).collect()
}

fn tensorboard(python: &Path, project: &Project, name: &str) {
    let details = project.json(&format!("show {name} --json"));
    let run = project.latest(name);
    let found = read(python, project, "read_tensorboard.py", &[run.path().to_str().unwrap(), "--server"]);
    for reader in ["accumulated", "served"] {
        for (metric, curve) in details["curves"].as_object().unwrap() {
            let read = points(&found[reader]["scalars"][metric]);
            // The server keeps a thousand points of a curve.
            assert_eq!(read, points(curve), "{metric}, {reader}");
        }
        assert!(found[reader]["images"].as_object().unwrap().contains_key("views"), "{name}, {reader}");
        assert!(found[reader]["texts"].to_string().contains("experiment"));
    }
    let (accumulated, served) = (&found["accumulated"], &found["served"]);
    let steps = details["started"]["steps_per_epoch"].as_u64().unwrap();
    let of = |curve: &Value| curve.as_array().unwrap().iter().map(|at| at[0].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(of(&accumulated["histograms"]["weights/conv1.weight"]), [6 * steps, 12 * steps]);
    assert!(served["histograms"].to_string().contains("weights/conv1.weight"));
    let judged = ["val/macro_accuracy", "val/knn_macro_accuracy"].map(|name| &details["curves"][name]);
    let judged = judged.into_iter().find(|curve| curve.is_array()).unwrap();
    assert_eq!(of(&accumulated["images"]["val/confusion"]), of(judged));
    assert_eq!(accumulated["hparams"][format!("{}.batch", details["started"]["recipe"].as_str().unwrap())], 10.0);
    assert_eq!((&served["hparams"]["seed"], &served["status"]), (&3.0.into(), &"STATUS_SUCCESS".into()));
    let map = &served["embeddings"]["t-SNE, epoch 12"];
    let count = map["shape"][0].as_u64().unwrap();
    assert_eq!((map["bytes"].as_u64(), map["lines"].as_u64()), (Some(count * 8), Some(count + 1)));
    assert!(map["sheet"].is_array(), "{map}");
    // An export reads the same.
    project.run(&format!("export tensorboard {name} --out out")).good();
    let other = project.path("out").join(run.label());
    let again = read(
        python,
        project,
        "read_tensorboard.py",
        &[other.parent().unwrap().join(run.id()).to_str().unwrap(), "--flat"],
    );
    assert_eq!(again["accumulated"]["scalars"], accumulated["scalars"]);
}

fn wandb(python: &Path, project: &Project, name: &str) {
    let details = project.json(&format!("show {name} --json"));
    project.run(&format!("export wandb {name} --project lab")).good();
    let folder = fs::read_dir(project.latest(name).wandb()).unwrap().next().unwrap().unwrap().path();
    let mocolab = env!("CARGO_BIN_EXE_mocolab");
    let arguments = [folder.to_str().unwrap(), mocolab, "sync", "wandb", name, "--project", "lab"];
    let found = read(python, project, "read_wandb.py", &arguments);
    let synced = &found["synced"];
    assert_eq!((&synced["rc"], &synced["exitcode"]), (&0.into(), &0.into()), "{}", synced["said"]);
    assert_eq!(found["inspected"]["rc"], 0, "{}", found["inspected"]["said"]);
    for (metric, curve) in details["curves"].as_object().unwrap() {
        let rows = synced["history"].as_array().unwrap().iter();
        let read: Vec<(u64, f32)> =
            rows.filter_map(|row| Some((row["_step"].as_u64()?, row[metric].as_f64()? as f32))).collect();
        assert_eq!(read, points(curve), "{metric}");
    }
    let last = points(&details["curves"]["val/loss"]).last().unwrap().1;
    let summary = synced["summary"]["val/loss"].as_f64().unwrap() as f32;
    assert_eq!(summary.to_bits(), last.to_bits());
    assert_eq!(synced["config"][format!("{}.batch", details["started"]["recipe"].as_str().unwrap())]["value"], 10);
    assert!(synced["history"].to_string().contains("\"_type\":\"histogram\""));
    assert!(synced["console"].to_string().contains("ended: done"));
    assert!(synced["run"].to_string().contains(&project.latest(name).label()), "{}", synced["run"]);
    // Of a file that is cut off all that is whole is read.
    let file = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "wandb"));
    let bytes = fs::read(file.unwrap()).unwrap();
    let cut = project.path("cut");
    fs::create_dir_all(&cut).unwrap();
    fs::write(cut.join("run-cut.wandb"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    let arguments = [cut.to_str().unwrap(), "true"];
    let read = read(python, project, "read_wandb.py", &arguments);
    let (whole, some) = (&found["inspected"]["records"], &read["inspected"]["records"]);
    let (whole, some) = (whole.as_array().unwrap(), some.as_array().unwrap());
    assert!(some.len() > 10 && some.len() < whole.len() && whole[..some.len()] == some[..]);
}

/// The blocks of Python in `docs/python.md`.
fn documented() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/python.md")).unwrap();
    text.split("```python\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn pandas(python: &Path, project: &Project) {
    let code = documented()[0].clone() + "\nprint(features.shape, labels.shape)\n";
    let output = project.command(python.to_str().unwrap()).args(["-c", &code]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let details = project.json("show base --json");
    let last = points(&details["curves"]["val/loss"]).last().unwrap().1;
    let row = said.lines().find(|line| line.starts_with("12 ")).unwrap_or_else(|| panic!("{said}"));
    let loss: f32 = row.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((loss - last).abs() < 1e-4, "{said}");
    assert!(said.contains(", 50)") || said.contains(", 48)"), "{said}");
}

/// What a run measured, as Parquet and as CSV, is what its record says.
fn tables(python: &Path, project: &Project) {
    if !Command::new(python).args(["-c", "import pyarrow"]).output().unwrap().status.success() {
        eprintln!("SKIPPED: the readers' Python has no pyarrow to read Parquet with");
        return;
    }
    project.run("export metrics base --out base.parquet").good();
    project.run("export metrics base --out base.csv").good();
    let code = "import json, pandas as pd\n\
                tables = [pd.read_parquet('base.parquet'), pd.read_csv('base.csv')]\n\
                tables = [t[t.metric == 'val/loss'][['step', 'epoch', 'value']].values.tolist() for t in tables]\n\
                print(json.dumps([*tables, pd.read_parquet('base.parquet').dtypes.astype(str).to_dict()]))";
    let output = project.command(python.to_str().unwrap()).args(["-c", code]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let curve = project.json("show base --json")["curves"]["val/loss"].clone();
    let points = |table: &Value| {
        let row = |row: &Value| serde_json::json!([row[0].as_f64().unwrap() as u64, row[2]]);
        Value::from(table.as_array().unwrap().iter().map(row).collect::<Vec<_>>())
    };
    assert_eq!((points(&read[0]), points(&read[1])), (curve.clone(), curve));
    assert_eq!(
        (&read[2]["step"], &read[2]["value"], read[0][11][1].as_f64()),
        (&"int64".into(), &"float64".into(), Some(12.0))
    );
}

#[test]
fn other_programs_read_a_run_that_was_torn_and_went_on() {
    let Some(python) = python() else { return };
    let project = torn_and_resumed();
    for name in ["base", "moco"] {
        tensorboard(&python, &project, name);
        wandb(&python, &project, name);
    }
    pandas(&python, &project);
    tables(&python, &project);
}

/// The weights of a network as torchvision has it go into torchvision, every name and shape checked.
#[test]
fn torchvision_takes_the_weights() {
    let Some(python) = python() else { return };
    let torch = Command::new(&python).args(["-c", "import torchvision"]).output().unwrap().status.success();
    if !torch {
        eprintln!("SKIPPED: the readers' Python has no torchvision");
        return;
    }
    let project =
        project_of("[experiment.base.supervised]\narch = \"resnet18\"\nepochs = 1\nbatch = 100\nmap_every = 0\n");
    project.run("start base --device cpu --wait").good();
    project.run("export weights base --out base.safetensors").good();
    let code =
        documented()[1].replace("num_classes=10", "num_classes=3") + "\nnetwork.eval()(torch.zeros(1, 3, 32, 32))\n";
    let output = project.command(python.to_str().unwrap()).args(["-c", &code]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
