//! Made-up machines, as pictures.

use super::*;
use mocolab::device::health::{Health, Slowed};
use mocolab::device::host::{Disk, Host, Place};
use mocolab::device::limits::Limits;
use mocolab::device::processes::{Kind, Process};
use mocolab::device::sample::{DeviceSample, Instance, Link, Memory, Mig};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const GIB: u64 = 1 << 30;

fn memory(used: u64, total: u64) -> Memory {
    Memory { used, total, free: total - used }
}

fn process(pid: u32, user: &str, gib: u64, command: &str) -> Process {
    Process {
        pid,
        memory: Some(gib * GIB),
        busy: Some((gib * 3).min(100) as u32),
        user: Some(user.into()),
        command: Some(command.into()),
        ..Process::default()
    }
}

fn host() -> Host {
    Host {
        model: "AMD EPYC 9654 96-Core Processor, 16 threads".into(),
        busy: Some(0.34),
        cores: (0..16).map(|core| f64::from(core % 8) / 7.0).collect(),
        load: Some([5.2, 4.8, 4.1]),
        memory: Some(memory(26 * GIB, 126 * GIB)),
        swap: Some(memory(0, 8 * GIB)),
        disk: Some(Disk { free: 480 * GIB, total: 1800 * GIB, system: Some("nfs"), place: Place::Network }),
        limits: Limits::default(),
    }
}

fn gpu(name: &str, busy: u32, used: u64) -> DeviceSample {
    DeviceSample {
        name: name.into(),
        model: "NVIDIA H100 80GB HBM3".into(),
        uuid: Some(format!("GPU-{name}")),
        busy: Some(busy),
        memory_busy: Some(busy / 3),
        memory: Some(memory(used * GIB, 80 * GIB)),
        power: Some(80.0 + f64::from(busy) * 5.0),
        power_limit: Some(700.0),
        temperature: Some(35 + busy / 4),
        slowdown: Some(87),
        clock: Some(1980),
        highest_clock: Some(1980),
        link: Some(Link { generation: 5, width: 16, widest: Some(16) }),
        health: Health { corrected: Some(0), uncorrected: Some(0), ..Health::default() },
        processes: Some(Vec::new()),
        ..DeviceSample::default()
    }
}

fn two() -> Sample {
    let mut first = gpu("0", 97, 32);
    first.processes = Some(vec![
        process(1234, "bob", 1, "python train.py --lr 0.03"),
        process(4321, "ann", 30, "mocolab-train /lab/runs/moco/20261124-223629"),
    ]);
    Sample { gpus: vec![first, gpu("1", 0, 0)], note: None, host: host(), claims: Vec::new() }
}

/// What can go wrong, and four users.
fn four() -> Sample {
    let mut sample = two();
    let mut ill = gpu("2", 100, 78);
    ill.temperature = Some(86);
    ill.slowed = vec![Slowed::Power, Slowed::Heat];
    ill.processes = Some(vec![process(777, "4021", 60, "python -m torch.distributed.run main.py"), {
        let mut drawing = process(5, "root", 1, "Xorg");
        (drawing.kind, drawing.busy) = (Kind::Graphics, None);
        drawing
    }]);
    let lost = DeviceSample {
        name: "3".into(),
        model: "not reachable".into(),
        health: Health { lost: Some("device fell off the bus".into()), ..Health::default() },
        ..DeviceSample::default()
    };
    sample.gpus.extend([ill, lost]);
    sample
}

fn cut() -> Sample {
    let mut gpu = gpu("0", 0, 21);
    (gpu.busy, gpu.memory_busy, gpu.fan) = (None, None, Some(40));
    (gpu.power_limit, gpu.temperature) = (None, None);
    let part = |number, profile: &str, gib| Instance {
        number,
        profile: profile.into(),
        uuid: Some(format!("MIG-41f{number}")),
        memory: Some(memory(gib * GIB, 10 * GIB)),
    };
    gpu.mig = Mig::Cut(vec![part(0, "1g.10gb", 9), part(1, "1g.10gb", 0), part(4, "3g.40gb", 3)]);
    let on = |pid, user: &str, instance| Process {
        instance: Some(instance),
        busy: None,
        ..process(pid, user, 3, "python probe.py")
    };
    gpu.processes = Some(vec![on(11, "ann", 0), Process { user: None, command: None, ..on(12, "bob", 4) }]);
    let note = Some("1 more GPU is hidden by CUDA_VISIBLE_DEVICES".to_owned());
    let limits = Limits { memory: Some(memory(7 * GIB, 32 * GIB)), cpus: Some(4.0) };
    Sample { gpus: vec![gpu], note, host: Host { limits, ..host() }, claims: Vec::new() }
}

fn none() -> Sample {
    Sample {
        gpus: Vec::new(),
        note: Some("no GPU: no NVIDIA driver is installed".into()),
        host: host(),
        claims: Vec::new(),
    }
}

/// Sixteen GPUs, the third with thirty processes.
fn many() -> Sample {
    let mut gpus: Vec<DeviceSample> = (0..16).map(|at| gpu(&at.to_string(), at * 6, u64::from(at) * 4)).collect();
    gpus[2].processes = Some((0..30).map(|at| process(1000 + at, "ann", 1, "python sweep.py")).collect());
    Sample { gpus, note: None, host: host(), claims: Vec::new() }
}

/// As many boxes have, each with somebody.
fn eight() -> Sample {
    let mut sample = many();
    sample.gpus.truncate(8);
    for (gpu, user) in sample.gpus.iter_mut().zip(["ann", "bob", "cleo", "dan", "eve", "ann", "ann", "bob"]) {
        let held = gpu.memory.map_or(0, |memory| memory.used / GIB);
        gpu.processes = Some(vec![
            process(held as u32 + 4293, user, held / 2, "python train.py"),
            process(held as u32 + 9000, "zoe", held / 4, "python eval.py"),
        ]);
    }
    sample
}

/// Five minutes of `sample`, its use in waves, its memory growing.
fn history(sample: &Sample) -> History {
    let mut history = History::default();
    for second in 60..300_u32 {
        let mut then = sample.clone();
        let wave = (f64::from(second) * 0.05).sin().abs();
        for gpu in &mut then.gpus {
            gpu.busy = gpu.busy.map(|busy| (f64::from(busy) * wave) as u32);
            let grown = |memory: Memory| Memory { used: memory.used / 300 * u64::from(second), ..memory };
            gpu.memory = gpu.memory.map(grown);
        }
        then.host.busy = then.host.busy.map(|busy| busy * wave);
        history.take(&then, f64::from(second));
    }
    history
}

fn picture(sample: Option<&Sample>, screen: DevicesScreen, theme: Theme, (width, height): (u16, u16)) -> String {
    let history = sample.map(history).unwrap_or_default();
    let labels = Labels::from([(4321, "moco/20261124-223629".to_owned())]);
    let seen = Seen { sample, history: &history, labels: &labels, theme };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(&seen, &screen, frame, frame.area())).unwrap();
    // An empty screen can't be printed.
    if width == 0 || height == 0 { String::new() } else { terminal.backend().to_string() }
}

fn at(sample: &Sample, screen: DevicesScreen, size: (u16, u16)) -> String {
    picture(Some(sample), screen, Theme::new(true), size)
}

#[test]
fn machines_at_the_sizes_users_have() {
    let machines =
        [("two", two()), ("four", four()), ("cut", cut()), ("none", none()), ("many", many()), ("eight", eight())];
    for (name, sample) in machines {
        insta::assert_snapshot!(format!("{name}_80x22"), at(&sample, DevicesScreen::default(), (80, 22)));
        insta::assert_snapshot!(format!("{name}_120x38"), at(&sample, DevicesScreen::default(), (120, 38)));
    }
}

#[test]
fn the_chosen_gpu_is_in_sight_and_can_show_all_who_are_on_it() {
    let sample = many();
    for chosen in 0..16 {
        let shown = at(&sample, DevicesScreen { chosen, all: false }, (80, 22));
        assert!(shown.contains(&format!("▸{chosen} NVIDIA")), "{shown}");
    }
    let screen = DevicesScreen { chosen: 2, all: true };
    let shown = at(&sample, screen, (80, 40));
    assert!(shown.contains("▸2 NVIDIA") && shown.contains("1029 ann"), "{shown}");
    let mut screen = DevicesScreen::default();
    screen.go(-1, 16);
    assert_eq!(screen.chosen, 0);
    screen.go(99, 16);
    assert_eq!(screen.chosen, 15);
    screen.go(-1, 4);
    assert_eq!(screen.chosen, 2, "GPUs went");
    screen.go(1, 0);
    assert_eq!(screen.chosen, 0);
    screen.toggle();
    assert!(screen.all);
}

#[test]
fn any_size_is_safe_and_nothing_foreign_is_obeyed() {
    let mut wild = four();
    wild.gpus[0].model = "\x1b[2J\u{202e}".into();
    wild.gpus[0].processes =
        Some(vec![Process { user: Some("\x1b[31m".into()), command: Some("\x07".into()), ..process(1, "", 1, "") }]);
    wild.gpus.push(DeviceSample::default());
    wild.gpus[1].memory = Some(memory(0, 0));
    wild.host = Host { disk: Some(Disk { free: 5, total: 0, system: None, place: Place::Unknown }), ..Host::default() };
    let machines = [wild, cut(), none(), many(), Sample::default()];
    for (width, height) in (0..40).chain([60, 81, 120, 300]).flat_map(|w| [0, 1, 2, 5, 9, 24].map(|h| (w, h))) {
        for sample in &machines {
            let shown = at(sample, DevicesScreen { chosen: 99, all: true }, (width, height));
            assert!(!shown.contains(['\x1b', '\x07', '\u{202e}']));
        }
    }
}

#[test]
fn before_the_first_look_it_says_so() {
    assert!(picture(None, DevicesScreen::default(), Theme::new(true), (40, 3)).contains("looking for devices"));
}

#[test]
fn without_colours_trouble_has_a_sign() {
    let shown = picture(Some(&four()), DevicesScreen::default(), Theme::new(false), (80, 22));
    assert!(shown.contains("! slowed by heat") && shown.contains("86/87 °C!") && shown.contains("●"), "{shown}");
}

#[test]
fn who_is_on_a_gpu_is_said_in_a_few_words() {
    let devices: Vec<DeviceSample> = four().gpus.into_iter().chain(cut().gpus).collect();
    let mut said: Vec<String> = devices.iter().map(|gpu| who(gpu, Theme::new(true)).to_string()).collect();
    let mut out_of_sight = gpu("5", 50, 40);
    said.push(who(&out_of_sight, Theme::new(true)).to_string());
    out_of_sight.processes = None;
    said.push(who(&out_of_sight, Theme::new(true)).to_string());
    insta::assert_snapshot!("who", said.join("\n"));
}
