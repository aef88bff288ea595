//! The start dialogue as a user sees it.

use crate::ui::model::{Cmd, Model, Msg, News, Notice, Start, update};
use crate::ui::tests::{model_of, picture, press};
use crate::ui::theme::Theme;
use mocolab::config;
use mocolab::device::{Device, Devices};
use mocolab::event::{Event, Line, Started, Step};
use mocolab::run::{Batch, Job, RunDir};
use mocolab::status::Status;
use mocolab::survival::{Disk, Facts, Home, Kind};
use std::path::Path;

const SUITE: &str = r#"
[experiment.moco-6400.moco]
queue = 6400
[experiment.probe.probe]
from = "moco-6400"
"#;

fn model() -> Model {
    model_of(SUITE)
}

/// A run at the second of its 200 epochs of 87 steps, `pace` seconds a step.
fn run(model: &mut Model, id: &str, (device, pace): (&str, f64), status: Status) -> RunDir {
    let run = RunDir::new(Path::new("/nowhere/runs/moco-6400").join(id));
    let about = Started { steps: 17_400, epochs: 200, steps_per_epoch: 87, ..Started::default() };
    let step = Step { step: 100, of: 17_400, epoch: 2, metrics: [].into() };
    let lines = vec![
        Line { attempt: 1, seq: 0, t: 0.0, event: Event::Started(Box::new(about)) },
        Line { attempt: 1, seq: 1, t: 100.0 * pace, event: Event::Step(step) },
    ];
    let experiment = config::parse(SUITE, "x").unwrap().groups[0].experiments[0].clone();
    let job = Some(Job { attempt: 1, devices: vec![device.into()], ..Job::default() });
    let batch = Batch { lines, ..Batch::default() };
    let news = News { experiment: Some(Ok(experiment)), batch, status: Some(status), job, ..News::of(run.clone()) };
    update(model, Msg::News(Box::new(news)));
    run
}

fn device(name: &str, (used, total): (u64, u64), busy: Option<u32>) -> Device {
    Device {
        name: name.into(),
        model: if name == "cpu" { "AMD EPYC 9654 96-Core Processor, 16 threads" } else { "NVIDIA H100 80GB HBM3" }
            .into(),
        uuid: None,
        memory: Some((used << 28, total << 28)),
        busy,
        compute: (name != "cpu").then_some((9, 0)),
    }
}

fn calm() -> Facts {
    let disk = Disk { free: Some(1 << 40), kind: Kind::Local };
    Facts { home: Home::Session, disk, ..Facts::default() }
}

/// Two GPUs, the first with a run of this project and hardly any memory left, the second free.
fn two() -> Devices {
    let devices =
        vec![device("cpu", (56, 256), None), device("0", (312, 320), Some(97)), device("1", (4, 320), Some(0))];
    Devices { devices, note: None }
}

/// The dialogue for `moco-6400` open over two GPUs.
fn open(facts: Facts) -> Model {
    let mut model = model();
    run(&mut model, "20261123-180000", ("cpu", 40.0), Status::Done);
    run(&mut model, "20261124-110000", ("cuda:0", 0.2), Status::Running);
    assert_eq!(press(&mut model, "s"), [Cmd::FindDevices]);
    update(&mut model, Msg::Facts(facts));
    update(&mut model, Msg::Devices(two(), None));
    model
}

#[test]
fn without_a_gpu() {
    let mut model = model();
    press(&mut model, "s");
    insta::assert_snapshot!("start_looking_80x24", picture(&model, 80, 24));
    update(&mut model, Msg::Facts(calm()));
    let note = Some("no GPU: no NVIDIA driver is installed".to_owned());
    update(&mut model, Msg::Devices(Devices { devices: vec![device("cpu", (56, 256), None)], note }, None));
    insta::assert_snapshot!("start_no_gpu_80x24", picture(&model, 80, 24));
    press(&mut model, " ");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("one device")), "{:?}", model.notice);
}

#[test]
fn two_gpus_one_of_them_busy() {
    let mut model = open(calm());
    insta::assert_snapshot!("start_two_gpus_80x24", picture(&model, 80, 24));
    insta::assert_snapshot!("start_two_gpus_120x40", picture(&model, 120, 40));
    // The free GPU is the one offered.
    press(&mut model, "k ");
    press(&mut model, "j ");
    insta::assert_snapshot!("start_together_80x24", picture(&model, 80, 24));
    let commands = press(&mut model, "\n");
    assert!(
        matches!(&commands[..], [Cmd::Start(Start::New(what), choice)] if what.name.as_str() == "moco-6400" && choice.device.to_string() == "0,1"),
        "{commands:?}"
    );
}

#[test]
fn the_cpu_and_a_probe_train_alone() {
    let mut model = open(calm());
    press(&mut model, "kk ");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("the CPU trains alone")));
    press(&mut model, "\x1bGs");
    update(&mut model, Msg::Devices(two(), None));
    press(&mut model, "j ");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("one device")));
    assert!(!picture(&model, 80, 24).contains("[ ]"));
}

#[test]
fn others_on_a_gpu_are_seen_by_what_they_hold() {
    let mut model = model();
    press(&mut model, "s");
    update(&mut model, Msg::Devices(two(), None));
    let shown = picture(&model, 80, 24);
    assert!(shown.contains("others hold 78.0 GiB of its memory") && shown.contains("! too small"), "{shown}");
}

#[test]
fn a_setting_is_changed_for_this_run() {
    let mut model = open(calm());
    press(&mut model, "ejjj");
    insta::assert_snapshot!("settings_80x24", picture(&model, 80, 24));
    press(&mut model, "\n\t");
    insta::assert_snapshot!("settings_typing_80x24", picture(&model, 80, 24));
    press(&mut model, "\njj\n\x08\x08\x08");
    press(&mut model, "64\n");
    insta::assert_snapshot!("settings_changed_80x24", picture(&model, 80, 24));
    press(&mut model, "\x1b");
    insta::assert_snapshot!("start_changed_80x24", picture(&model, 80, 24));
    let commands = press(&mut model, "\n");
    let [Cmd::Start(Start::Changed(what, changes), _)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(*changes, ["head = \"mlp\" instead of \"linear\"", "dim = 64 instead of 128"]);
    assert!(config::snapshot(what).contains("dim = 64"));
}

#[test]
fn a_change_is_undone() {
    let mut model = open(calm());
    press(&mut model, "ejjj\n\t\n");
    assert!(picture(&model, 80, 24).contains("* head"));
    press(&mut model, "u\x1b");
    let commands = press(&mut model, "\n");
    assert!(matches!(&commands[..], [Cmd::Start(Start::New(_), _)]), "{commands:?}");
}

#[test]
fn a_wrong_value_is_refused_where_it_is_typed() {
    let mut model = open(calm());
    press(&mut model, "e\n\x08\x08\x08\x0888\"\n");
    insta::assert_snapshot!("settings_wrong_80x24", picture(&model, 80, 24));
    // What was typed stays to be mended, and the run keeps its value until it is right.
    press(&mut model, "\x1b");
    assert!(picture(&model, 80, 24).contains("\"resnet18\""));
    press(&mut model, "\x1b\x1b");
    assert_eq!(model.dialogue, None);
}

#[test]
fn settings_that_contradict_each_other_start_nothing() {
    let mut model = open(calm());
    let row = |model: &Model| {
        let shown = config::entries(model.experiment().unwrap());
        shown.iter().position(|entry| entry.name == "warmup_epochs").unwrap()
    };
    let down = "j".repeat(row(&model));
    press(&mut model, &format!("e{down}\n"));
    press(&mut model, "\x08\x08\x08300\n");
    insta::assert_snapshot!("settings_conflict_80x24", picture(&model, 80, 24));
    press(&mut model, "\x1b");
    assert!(press(&mut model, "\n").is_empty());
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("warm-up")), "{:?}", model.notice);
}

#[test]
fn advice_is_shown() {
    let facts = Facts {
        kills: true,
        multiplexer: Some("tmux"),
        disk: Disk { free: Some(100 << 20), kind: Kind::Network("nfs") },
        ..calm()
    };
    insta::assert_snapshot!("start_advice_80x24", picture(&open(facts), 80, 24));
}

#[test]
fn a_run_that_goes_on_keeps_its_settings_and_its_place() {
    let mut model = model();
    let stopped = run(&mut model, "20261124-110000", ("cuda:1", 0.2), Status::Stopped);
    press(&mut model, "jr");
    update(&mut model, Msg::Devices(two(), None));
    press(&mut model, "e");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("began with")));
    let commands = press(&mut model, "\n");
    let [Cmd::Start(what, choice)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((what, choice.device.to_string()), (&Start::Again(stopped), "1".into()));
}

#[test]
fn any_size_will_do_and_the_choice_is_seen_where_it_can_be() {
    let facts = Facts { kills: true, ..calm() };
    let mut pages = vec![open(facts.clone()), open(facts.clone()), open(facts)];
    press(&mut pages[1], "eG");
    press(&mut pages[2], "e\nabc\n");
    for model in &pages {
        for width in (1..100).step_by(3) {
            for height in 1..32 {
                let shown = picture(model, width, height);
                if height >= 10 && width >= 40 {
                    assert!(shown.contains('>'), "{width}x{height}\n{shown}");
                }
            }
        }
    }
}

#[test]
fn signs_remain_without_colours() {
    let mut model = open(Facts { kills: true, ..calm() });
    model.theme = Theme::new(false);
    let shown = picture(&model, 80, 24);
    assert!(["> ", "! too small", "! this machine", "● moco-6400"].iter().all(|sign| shown.contains(sign)), "{shown}");
}
