//! The real trainer on a few hundred pictures: in a real terminal, and killed in the middle of an epoch.

use crate::processes::trainer;
use crate::project::{Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use image::{Rgb, RgbImage};
use mocolab::event::Event;
use mocolab::metrics::IMAGES_PER_S;
use mocolab::run::{Reader, RunDir};
use rustix::process::{Signal, kill_process};
use safetensors::SafeTensors;
use serde_json::Value;
use std::fs;

/// Settings of an experiment that takes some seconds: 48 steps an epoch.
const SETTINGS: &str = "arch = \"resnet8\"\nepochs = 8\nbatch = 10\nlr = 0.05\nwarmup_epochs = 1\nlog_every = 1\ntest_every = 1\nval_fraction = 0.2\n";

/// A project of `names`, all alike: a classifier on [`project_of`]'s pictures.
fn project(names: &[&str]) -> Project {
    let table = |name: &&str| format!("[experiment.{name}.supervised]\n{SETTINGS}");
    project_of(&names.iter().map(table).collect::<String>())
}

/// A project of the experiments in `tables` on three classes of 200 pictures to learn from and 40 to be tested on.
pub fn project_of(tables: &str) -> Project {
    let project = Project::untrained();
    for (split, count) in [("train", 200), ("test", 40)] {
        for class in 0..3 {
            let folder = project.path(&format!("pictures/{split}/class{class}"));
            fs::create_dir_all(&folder).unwrap();
            (0..count).for_each(|number| picture(class, number).save(folder.join(format!("{number:03}.png"))).unwrap());
        }
    }
    let head = "[defaults]\ndata = \"images:pictures\"\nseed = 3\nthreads = 1\n";
    fs::write(project.path("experiments.toml"), format!("{head}{tables}")).unwrap();
    let trainer = std::path::Path::new(env!("CARGO_BIN_EXE_mocolab-train"));
    assert_eq!(
        trainer.parent(),
        std::path::Path::new(env!("CARGO_BIN_EXE_mocolab")).parent(),
        "mocolab finds it there"
    );
    project
}

/// A picture of `class`: noise that is a little brighter in one colour and one half.
fn picture(class: u32, number: u32) -> RgbImage {
    let mut noise = class * 1_000_003 + number * 7919 + 17;
    RgbImage::from_fn(32, 32, |x, _| {
        let mut next = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8 / 2
        };
        let mut pixel = [next(), next(), next()];
        pixel[class as usize] += if x < 16 { 60 } else { 20 };
        Rgb(pixel)
    })
}

#[test]
fn the_real_trainer_in_a_real_terminal() {
    if tmux_is_missing() {
        return;
    }
    let project = project(&["tiny"]);
    let screen = Screen::laboratory(&project, 120, 40);
    screen.wait_for("not run yet");
    screen.press(&["s"]);
    screen.wait_until("the devices", |screen| screen.text().contains("│ > "));
    screen.press(&["k", "Enter"]);
    screen.wait_for("● running");
    // Loss, macro accuracy and epoch are read off the screen, at two epochs.
    let seen = |after: u64| {
        screen.find("an epoch with its figures", move |screen| {
            let row = screen.row("running").or_else(|| screen.row("done"))?;
            let epoch: u64 = row.get(4)?.split_once('/')?.0.parse().ok()?;
            let (loss, _) = Screen::figures(&row)?;
            (epoch > after).then_some((epoch, loss))
        })
    };
    let (first, loss) = seen(0);
    assert!(loss > 0.0 && loss < 10.0, "{loss}");
    seen(first);
    screen.press(&["Enter"]);
    screen.wait_for("600 training images, 120 test images");
    screen.press(&["3"]);
    screen.wait_for("worst recall first");
    screen.kill();

    project.wait_for("tiny", "done");
    let details = project.json("show tiny --json");
    let curve = |name: &str| details["curves"][name].as_array().unwrap().clone();
    let (train, val) = (curve("train/loss"), curve("val/macro_accuracy"));
    assert_eq!((train.len(), val.len()), (384, 8));
    let mean =
        |points: &[Value]| points.iter().map(|point| point[1].as_f64().unwrap()).sum::<f64>() / points.len() as f64;
    assert!(mean(&train[336..]) < mean(&train[..48]), "the loss falls: {train:?}");
    assert!(val[7][1].as_f64().unwrap() > 0.5, "three classes that differ in colour are told apart: {val:?}");
}

#[test]
fn killed_mid_epoch_it_resumes_bit_for_bit() {
    let project = project(&["undisturbed", "killed"]);
    project.run("start undisturbed --device cpu --wait").good();

    let run = project.start("killed");
    end_in_the_middle_of_an_epoch(&run, Signal::KILL);
    assert_eq!(project.status("killed"), "crashed", "at once");
    let at = project.summary("killed")["step"].as_u64().unwrap();
    project.run("resume killed --wait").good();

    let from = project.json("show killed --json")["started"]["from_step"].as_u64().unwrap();
    assert!(from > 0 && from < at, "it went on from step {from}, before step {at} at which it was killed");
    assert_same(&project, "killed", 2);
}

/// Settings of a momentum contrast that takes some seconds: a queue that the batch does not divide, batch norms in parts.
const MOCO: &str = "arch = \"resnet8\"\nepochs = 6\nbatch = 16\nqueue = 100\ndim = 16\nbn_splits = 2\nknn_k = 10\nlog_every = 1\nval_fraction = 0.2\n";

#[test]
fn momentum_contrast_killed_mid_epoch_resumes_bit_for_bit() {
    let project = project_of(&format!("[experiment.undisturbed.moco]\n{MOCO}[experiment.killed.moco]\n{MOCO}"));
    project.run("start undisturbed --device cpu --wait").good();
    let run = project.start("killed");
    end_in_the_middle_of_an_epoch(&run, Signal::KILL);
    project.run("resume killed --wait").good();
    assert_same(&project, "killed", 2);
}

#[test]
fn a_whole_suite_trains_in_the_order_of_its_weights() {
    let probe = "epochs = 10\nval_fraction = 0.2\n";
    let project = project_of(
        &format!(
            "[experiment.floor.probe]\nfrom = \"moco@random\"\n{probe}\
         [experiment.probe.probe]\nfrom = \"moco\"\ntrain_fraction = [0.1, 0.5]\n{probe}\
         [experiment.head.probe]\nfrom = \"base@best\"\nclasses = {{ first = [\"class0\"], rest = [\"*\"] }}\n{probe}\
         [experiment.moco.moco]\n{MOCO}\
         [experiment.tuned.supervised]\ninit = \"moco\"\nepochs = 1\n{SETTINGS}\
         [experiment.base.supervised]\n{SETTINGS}"
        )
        .replace("epochs = 1\narch = \"resnet8\"\nepochs = 8", "arch = \"resnet8\"\nepochs = 1"),
    );
    project.run("start --all --wait --device cpu").good();
    for name in ["floor", "probe.train_fraction-0.1", "probe.train_fraction-0.5", "head", "moco", "tuned", "base"] {
        assert_eq!(project.status(name), "done", "{name}");
    }
    let details = |name: &str| project.json(&format!("show {name} --json"));
    let notes = |name: &str| details(name)["started"]["notes"].to_string();
    // 600 pictures, 480 of them to learn from; a tenth of those has labels.
    assert!(
        notes("probe.train_fraction-0.1").contains("labels of 48 of 480 training images"),
        "{}",
        notes("probe.train_fraction-0.1")
    );
    assert!(notes("floor").contains("weights are random"), "{}", notes("floor"));
    assert!(
        notes("tuned").contains("left as drawn: `fc.weight` [3, 64], which is [16, 64] there"),
        "{}",
        notes("tuned")
    );
    let head = details("head");
    assert_eq!(head["started"]["classes"], serde_json::json!(["first", "rest"]));
    assert_eq!(head["started"]["balance"], serde_json::json!([200, 400]));
    assert!(head["notes"].to_string().contains("bit-equal"), "{}", head["notes"]);
    let accuracy = |name: &str| details(name)["summary"]["best"]["test/macro_accuracy"]["value"].as_f64().unwrap();
    assert!(accuracy("head") > 0.8, "a head on features that tell three classes apart: {}", accuracy("head"));
    let chance = details("moco")["started"]["chance_loss"].as_f64().unwrap();
    assert!((chance - 101_f64.ln()).abs() < 1e-9);
    let file = project.path("encoder.safetensors");
    let printed = project.run("export weights moco --headless --out encoder.safetensors").good();
    assert!(printed.contains("load_file") && file.exists(), "{printed}");
}

#[test]
fn stopped_by_a_request_and_by_a_signal_it_loses_no_step() {
    let project = project(&["undisturbed", "stopped"]);
    project.run("start undisturbed --device cpu --wait").good();

    let run = project.start("stopped");
    end_in_the_middle_of_an_epoch(&run, Signal::TERM);
    assert_eq!(project.status("stopped"), "stopped");
    let at = project.summary("stopped")["step"].as_u64().unwrap();

    project.run("resume stopped").good();
    let from = project.json("show stopped --json")["started"]["from_step"].as_u64().unwrap();
    assert_eq!(from, at, "the step under way was finished and kept");
    project.run("stop stopped").good();
    assert_eq!(project.status("stopped"), "stopped");
    project.run("resume stopped --wait").good();
    assert_same(&project, "stopped", 3);
}

/// What the experiment `name` has measured and learnt in `attempts` equals what `undisturbed` has, bit for bit.
pub fn assert_same(project: &Project, name: &str, attempts: u32) {
    let summary = project.summary(name);
    assert_eq!((&summary["attempt"], &summary["status"]), (&attempts.into(), &"done".into()));
    assert_alike((project, "undisturbed"), (project, name));
}

/// What the experiment of one project has measured and learnt equals what that of the other has, bit for bit.
pub fn assert_alike(one: (&Project, &str), other: (&Project, &str)) {
    let [a, b] = [one, other].map(|(project, name)| project.json(&format!("show {name} --json")));
    let names = |details: &Value| details["curves"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for name in names(&a).iter().filter(|name| *name != IMAGES_PER_S) {
        assert_eq!(bits(&a["curves"][name]), bits(&b["curves"][name]), "{name}");
    }
    assert_eq!(a["classes"], b["classes"]);
    assert_eq!(a["summary"]["best"], b["summary"]["best"]);
    assert_same_tensors(&one.0.latest(one.1), &a, &other.0.latest(other.1), &b);
}

/// Sends the trainer of `run` a signal when it has written a checkpoint and made a few steps of the next epoch. It is held while
/// that is looked at, so that it can't run on into another epoch.
pub fn end_in_the_middle_of_an_epoch(run: &RunDir, signal: Signal) {
    let pid = trainer(run);
    poll("the middle of an epoch after a checkpoint", || {
        kill_process(pid, Signal::STOP).unwrap();
        let lines = Reader::new(run).read(usize::MAX).unwrap().lines;
        let (mut saved, mut step, mut per_epoch) = (0, 0, 1);
        for line in &lines {
            match &line.event {
                Event::Started(started) => per_epoch = started.steps_per_epoch,
                Event::Checkpoint(checkpoint) => saved = checkpoint.step,
                Event::Step(made) => step = made.step,
                Event::Finished(_) => panic!("it ended before it could be killed"),
                _ => {}
            }
        }
        let middle = saved > 0 && step > saved && (3..per_epoch - 3).contains(&(step % per_epoch));
        if middle {
            kill_process(pid, signal).unwrap();
        }
        // A killed one may be gone already.
        let _ = kill_process(pid, Signal::CONT);
        middle.then_some(())
    });
    // The signal is sent; the process is gone when its lock is free.
    poll("the trainer's end", || (run.probe() == mocolab::status::Lock::Free).then_some(()));
}

/// The points of a curve: step, and the value's bits.
fn bits(curve: &Value) -> Vec<(u64, Option<u64>)> {
    let points = curve.as_array().unwrap().iter();
    points.map(|point| (point[0].as_u64().unwrap(), point[1].as_f64().map(f64::to_bits))).collect()
}

/// The last checkpoints hold the same tensors, byte for byte.
fn assert_same_tensors(a: &RunDir, a_details: &Value, b: &RunDir, b_details: &Value) {
    let read = |run: &RunDir, details: &Value| {
        let last = details["checkpoints"].as_array().unwrap().last().unwrap().clone();
        (last["step"].clone(), fs::read(run.checkpoints().join(last["file"].as_str().unwrap())).unwrap())
    };
    let ((a_step, a), (b_step, b)) = (read(a, a_details), read(b, b_details));
    assert_eq!(a_step, b_step);
    let (a, b) = (SafeTensors::deserialize(&a).unwrap(), SafeTensors::deserialize(&b).unwrap());
    let names = |file: &SafeTensors| {
        let mut names: Vec<String> = file.names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&a), names(&b));
    assert!(names(&a).len() > 20, "weights and optimiser of a network: {:?}", names(&a));
    for name in names(&a) {
        let (left, right) = (a.tensor(&name).unwrap(), b.tensor(&name).unwrap());
        assert!(left.shape() == right.shape() && left.data() == right.data(), "`{name}` differs");
    }
}
