//! Experiments that take their weights from others: in order, waited for, and what is said where there are none.

use crate::processes::trainer;
use crate::project::{Ended, Project, poll};
use mocolab::experiment::Moment;
use rustix::process::{Signal, kill_process};
use std::fs;
use std::process::Stdio;

/// A probe before what it is of, its floor, a classifier with a head on it.
const SUITE: &str = "[defaults]\ndata = \"shapes\"\n[defaults.probe]\nepochs = 2\n\
    [experiment.probe.probe]\nfrom = \"moco@best\"\n\
    [experiment.moco.moco]\narch = \"resnet8\"\nepochs = 3\nnormalise = \"imagenet\"\n\
    [experiment.floor.probe]\nfrom = \"moco@random\"\n\
    [experiment.head.probe]\nfrom = \"base\"\n\
    [experiment.base.supervised]\narch = \"resnet20\"\nepochs = 2\nwarmup_epochs = 0\n";

fn project(experiments: &str) -> Project {
    Project::new(experiments).with("FAKE_STEP_MS", "2")
}

#[test]
fn all_experiments_are_trained_after_what_they_need() {
    let project = project(SUITE).with("FAKE_FAIL_AT", "5").with("FAKE_FAIL_NAME", "base");
    let ended = project.run("start --all --device cpu --wait");
    let out = &ended.out;
    assert_eq!(ended.code, Some(1), "one failed: {out}{}", ended.err);
    assert!(out.contains("Ctrl-C leaves the run under way alone") && out.contains("start --missing --wait"), "{out}");
    let base = project.latest("base").label();
    let why = format!(
        "head was not started: `head` takes its weights from `base`, which has no finished run: its newest run {base} \
         failed at epoch 1: `mocolab resume {base}`"
    );
    assert!(out.contains(&why), "{out}");
    let moco = project.latest("moco").label();
    assert!(out.contains(&format!("weights of {moco}, step 30, epoch 3\n")), "{out}");
    let place = |words: &str| out.find(words).unwrap_or_else(|| panic!("no {words} in\n{out}"));
    assert!(place("moco: 1 of 5") < place("probe: 2 of 5") && place("base: 4 of 5") < place("head: 5 of 5"));
    let table = &out[place("EXPERIMENT")..];
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(
        row("moco").contains("✓ done") && row("floor").contains("✓ done") && row("probe").contains(" %"),
        "{table}"
    );
    assert!(row("base").contains("✗ failed") && row("head").contains("not started"), "{table}");

    let settings = |name: &str| project.json(&format!("show {name} --json"))["experiment"]["recipe"]["probe"].clone();
    let checkpoint = fs::canonicalize(project.latest("moco").checkpoints()).unwrap();
    let (probe, floor) = (settings("probe"), settings("floor"));
    let from = probe["from"].as_str().unwrap().strip_prefix("checkpoint:").unwrap().to_owned();
    assert!(from.starts_with(checkpoint.to_str().unwrap()) && from.contains("step-0000000030."), "{from}");
    assert_eq!(
        (&floor["from"], &floor["arch"], &floor["normalise"]),
        (&"random".into(), &"resnet8".into(), &"imagenet".into())
    );
    assert_eq!((&probe["arch"], &probe["normalise"]), (&"resnet8".into(), &"imagenet".into()));

    // What is missing is trained, and nothing else.
    let project = project.with("FAKE_FAIL_AT", "1000");
    let out = project.run("start --missing --device cpu --wait").good();
    for words in ["moco has a finished run: moco/", "probe has a finished run", "floor has a finished run"] {
        assert!(out.contains(words), "no {words} in\n{out}");
    }
    let runs = |name: &str| project.json(&format!("ls {name} --json")).as_array().unwrap().len();
    assert!(out.contains(&format!("{base} failed at epoch 1: it goes on")), "{out}");
    assert_eq!(["moco", "probe", "floor", "base", "head"].map(runs), [1, 1, 1, 1, 1]);
    // Other settings are another training, and what was taken from the old one is trained anew with it.
    let file = project.path("experiments.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("normalise = \"imagenet\"", "dim = 64")).unwrap();
    let err = project.run("start probe --missing --device cpu --wait");
    let why = "`moco` has no run of the settings in the file: `mocolab start moco --missing --wait` first";
    assert!(err.code == Some(1) && err.out.contains(why), "{}{}", err.out, err.err);
    let out = project.run("start probe --device cpu --wait").good();
    assert!(out.contains("step 30, epoch 3; `moco` has other settings in the file by now"), "{out}");
    project.run("start --missing --device cpu --wait").good();
    assert_eq!(["moco", "probe", "floor", "base", "head"].map(runs), [2, 3, 2, 1, 1]);
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("moco@best", "moco@epoch:1")).unwrap();
    project.run("start --missing --device cpu --wait").good();
    assert_eq!(["moco", "probe", "floor", "base", "head"].map(runs), [2, 4, 2, 1, 1]);
    assert!(project.run("start probe --missing --device cpu").good().contains("probe has a finished run"));
}

#[test]
fn several_are_named_by_words_and_stars() {
    let project = project(SUITE);
    let err = project.run("start *o* b* --device cpu").bad();
    assert!(err.contains("these are 4 experiments (moco, probe, floor, base)") && err.contains("--wait"), "{err}");
    assert!(project.run("start f* mocko --device cpu").bad().contains("did you mean `moco`?"));
    assert_eq!(project.run("start --device cpu").code, Some(2), "nothing is named");
    assert_eq!(project.run("start moco --all").code, Some(2));
    let out = project.run("start probe mo* --device cpu --wait").good();
    assert!(out.find("moco: 1 of 2").unwrap() < out.find("probe: 2 of 2").unwrap(), "{out}");
}

#[test]
fn weights_that_are_not_there_are_said_with_what_makes_them() {
    let project = project(&SUITE.replace("moco@best", "moco@epoch:7"));
    let err = project.run("start probe --device cpu").bad();
    let expected = "`probe` takes its weights from `moco`, which has no finished run: `mocolab start moco --wait` first, \
                    or `mocolab start --all --wait`";
    assert!(err.contains(expected), "{err}");
    assert_eq!(project.json("ls --json"), serde_json::json!([]), "nothing is made for it");
    project.run("start moco --device cpu --wait").good();
    let err = project.run("start probe --device cpu --wait").bad();
    assert!(err.contains("no whole checkpoint of epoch 7") && err.contains("after epoch 1, 2, 3"), "{err}");
    assert!(err.contains("keep_every"), "{err}");
}

/// Has `line` run until it has said `words`, then does `meanwhile`, and gives what it said till its end.
fn while_it_waits(project: &Project, line: &str, words: &str, meanwhile: impl FnOnce()) -> Ended {
    let log = project.path("waiting.log");
    let mut waiting = project.mocolab(line);
    let waiting = waiting.stdout(fs::File::create(&log).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    poll(words, || said().contains(words).then_some(()));
    meanwhile();
    let ended = Ended::from(waiting.wait_with_output().unwrap());
    Ended { out: said(), ..ended }
}

#[test]
fn a_source_under_way_is_waited_for() {
    let project = project(&SUITE.replace("moco@best", "moco").replace("epochs = 3", "epochs = 1000000"));
    let moco = project.start("moco");
    poll("a checkpoint", || moco.checkpoint_of(Moment::Last).ok());
    let err = project.run("start probe --device cpu").bad();
    assert!(err.contains("`moco`, whose run moco/") && err.contains("is running (epoch"), "{err}");
    assert!(err.contains("`mocolab start probe --wait` waits for it"), "{err}");

    // What was stopped is not what `moco` means, but it has a newest checkpoint.
    let stop = || drop(project.run("stop moco").good());
    let err = while_it_waits(&project, "start probe --device cpu --wait", "probe waits for moco/", stop).bad();
    let label = moco.label();
    assert!(err.contains(&format!("its newest run {label} was stopped at epoch")), "{err}");
    assert!(err.contains(&format!("`mocolab resume {label}`")), "{err}");
    assert_eq!(project.status("probe"), "none");
    let file = project.path("experiments.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("from = \"moco\"", "from = \"moco@last\"")).unwrap();
    let out = project.run("start probe --device cpu --wait").good();
    assert!(out.contains(&format!("weights of {label}, step ")), "{out}");
    assert!(out.contains("; that run was stopped at epoch"), "{out}");
    assert_eq!(project.status("probe"), "done");
}

#[test]
fn a_newer_run_of_a_source_is_told_of() {
    let project = project(SUITE);
    let done = project.start("moco");
    project.wait_for("moco", "done");
    let project = project.with("FAKE_FAIL_AT", "5").with("FAKE_FAIL_NAME", "moco");
    assert_eq!(project.run("start moco --device cpu --wait").code, Some(1));
    let newer = project.latest("moco").label();
    let out = project.run("start probe --device cpu --wait").good();
    let note = format!("weights of {}, step 30, epoch 3; {newer}, which is newer, failed at epoch 1", done.label());
    assert!(out.contains(&note), "{out}");
}

#[test]
fn what_was_begun_is_brought_to_its_end() {
    let project = Project::endless();
    let line = "start --missing --device cpu --wait";
    let mut first = project.mocolab(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    project.wait_for("quick", "running");
    first.kill().unwrap();
    first.wait().unwrap();
    let run = project.latest("quick");
    let runs = || project.json("ls quick --json").as_array().unwrap().len();
    assert!(project.run("start quick --missing --device cpu").good().contains("no other is started"));
    let words = format!("{} is running (epoch 1 of 3", run.label());
    let ended = while_it_waits(&project, line, &words, || kill_process(trainer(&run), Signal::KILL).unwrap());
    assert!(ended.code == Some(1) && ended.out.contains("is crashed after"), "{}{}", ended.out, ended.err);
    assert_eq!((runs(), &project.summary("quick")["attempt"]), (1, &1.into()));

    let project = project.with("FAKE_STEPS", "10");
    let out = project.run(line).good();
    assert!(out.contains(&format!("{} crashed at epoch 1: it goes on", run.label())), "{out}");
    let quick = project.summary("quick");
    assert_eq!((&quick["status"], &quick["attempt"], &quick["devices"][0]), (&"done".into(), &2.into(), &"cpu".into()));
    assert_eq!(project.json("ls quick --json").as_array().unwrap().len(), 1);
    assert!(project.run(line).good().contains("quick has a finished run"));
}

#[test]
fn a_run_that_was_never_launched_is_launched() {
    let project = Project::quick().with("MOCOLAB_TRAIN", "/nowhere/mocolab-train");
    project.run("start quick --device cpu").bad();
    assert_eq!(project.status("quick"), "queued");
    // Threads are the machine's business: another number is no other experiment.
    let file = project.path("experiments.toml");
    fs::write(
        &file,
        fs::read_to_string(&file).unwrap().replace("[experiment.quick]\n", "[experiment.quick]\nthreads = 3\n"),
    )
    .unwrap();
    let project = project.with("MOCOLAB_TRAIN", crate::fake_train::program());
    let out = project.run("start --missing --device cpu --wait").good();
    assert!(out.contains("is queued and was never launched: it is launched"), "{out}");
    assert_eq!(project.json("ls quick --json").as_array().unwrap().len(), 1);
}

#[test]
fn a_file_of_weights_is_looked_at_before_the_start() {
    let file =
        |name: &str| format!("[experiment.a]\ndata = \"shapes\"\nmoco = {{ init = \"file:{name}\", epochs = 1 }}\n");
    let project = project(&file("weights.safetensors"));
    let refused = |words: &str| {
        let err = project.run("start a --device cpu --wait").bad();
        assert!(err.contains(words), "no {words} in\n{err}");
    };
    refused("there is no file `/");
    fs::write(project.path("weights.safetensors"), "not what it is called").unwrap();
    refused("it is no safetensors file");
    let empty = safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView)>::new(), None).unwrap();
    fs::write(project.path("weights.safetensors"), empty).unwrap();
    project.run("start a --device cpu --wait").good();
    let details = project.json("show a --json");
    let init = details["experiment"]["recipe"]["moco"]["init"].as_str().unwrap().to_owned();
    let path = fs::canonicalize(project.path("weights.safetensors")).unwrap();
    assert_eq!(init, format!("file:{}", path.display()));

    fs::write(project.path("experiments.toml"), file("moco.pth.tar")).unwrap();
    fs::write(project.path("moco.pth.tar"), "PK").unwrap();
    refused("python3 -c 'import sys, torch");
    refused("moco.pth.safetensors");
}
