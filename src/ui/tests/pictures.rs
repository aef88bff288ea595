//! Every screen and dialogue at the sizes users have, in the looks they choose.

use super::*;
use crate::ui::map::tests::{pictures, sample};
use crate::ui::theme::Look;
use mocolab::device::host::Host;
use mocolab::device::processes::Process;
use mocolab::device::sample::{DeviceSample, Memory, Sample};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Modifier, Style};
use std::collections::BTreeMap;

const GIB: u64 = 1 << 30;

/// A machine with two GPUs, somebody on the first.
pub fn machine() -> Sample {
    let gpu = |name: &str, busy, used| DeviceSample {
        name: name.into(),
        model: "NVIDIA H100 80GB HBM3".into(),
        uuid: Some(format!("GPU-{name}")),
        busy: Some(busy),
        memory: Some(Memory { used: used * GIB, total: 80 * GIB, free: (80 - used) * GIB }),
        power: Some(412.0),
        power_limit: Some(700.0),
        temperature: Some(61),
        processes: Some(Vec::new()),
        ..DeviceSample::default()
    };
    let mut first = gpu("0", 97, 32);
    let (pid, user, command) = (4321, Some("ann".into()), Some("python train.py".into()));
    let process = Process { pid, memory: Some(30 * GIB), busy: Some(97), user, command, ..Process::default() };
    first.processes = Some(vec![process]);
    let host = Host {
        model: "AMD EPYC, 16 threads".into(),
        busy: Some(0.34),
        memory: Some(Memory { used: 26 * GIB, total: 126 * GIB, free: 100 * GIB }),
        ..Host::default()
    };
    Sample { gpus: vec![first, gpu("1", 0, 0)], note: None, host, claims: Vec::new() }
}

/// What stands behind each name: keys that lead there from the list of [`busy`].
const SCREENS: [(&str, &str); 19] = [
    ("list", "j "),
    ("filter", "/status:rnning"),
    ("run", "j2→←"),
    ("run_alone", "j2\nwwL++"),
    ("run_pinned", "jjj2b]["),
    ("classes", "j3j"),
    ("compare", "j  4"),
    ("bests", "j  4ppb"),
    ("devices", "5"),
    ("queue", "6j"),
    ("log", "j7/loss\n"),
    ("map", "j8"),
    ("map_point", "j8cl++d"),
    ("map_outliers", "j8loncc"),
    ("map_confused", "j8looncccc"),
    ("note", "jea note"),
    ("start", "js"),
    ("trash", "jjjD"),
    ("palette", ":run"),
];

/// The screen called `name`.
fn shown(keys: &str, theme: Theme) -> Model {
    let mut model = busy();
    model.theme = theme;
    model.now = 1000.0;
    for at in 0..40 {
        update(&mut model, Msg::Sampled(Box::new(machine()), f64::from(at)));
    }
    for c in keys.chars() {
        for command in press(&mut model, &c.to_string()) {
            if let Cmd::Pictures(data, numbers) = command {
                update(&mut model, Msg::Pictures(data, pictures(&numbers), None));
            }
        }
        if c == '8' {
            for epoch in [4, 6, 2] {
                let map = std::sync::Arc::new(sample(600, epoch));
                update(&mut model, Msg::Map(run("20261124-110000"), Ok(map)));
            }
        }
        if c == '7' {
            let log = (1..50).map(|n| format!("epoch {n}  train loss 1.{n}")).collect();
            update(&mut model, Msg::Log(run("20261124-110000"), log, 49));
        }
    }
    let device = |name: &str, busy, used| Device {
        name: name.into(),
        model: "NVIDIA H100 80GB HBM3".into(),
        uuid: Some(format!("GPU-{name}")),
        memory: Some((used * GIB, 80 * GIB)),
        busy: Some(busy),
        compute: Some((9, 0)),
    };
    update(
        &mut model,
        Msg::Devices(Devices { devices: vec![device("0", 97, 32), device("1", 0, 0)], note: None }, None),
    );
    model
}

fn buffer(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width).map(|row| row.iter().map(Cell::symbol).collect::<String>());
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Each style that is used with the first words in it.
fn styles(buffer: &Buffer) -> String {
    let mut used: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<(Style, String)> = None;
    let mut keep = |part: &Option<(Style, String)>| {
        if let Some((style, words)) = part.as_ref().filter(|(_, words)| !words.trim().is_empty()) {
            let about = format!("{:?} on {:?} {:?}", style.fg, style.bg, style.add_modifier);
            used.entry(about).or_insert_with(|| words.trim().chars().take(24).collect());
        }
    };
    for cell in &buffer.content {
        match &mut last {
            Some((style, words)) if *style == cell.style() => words.push_str(cell.symbol()),
            _ => {
                keep(&last);
                last = Some((cell.style(), cell.symbol().to_owned()));
            }
        }
    }
    keep(&last);
    used.into_iter().map(|(style, words)| format!("{style}: {words}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_screen_at_80x24_and_120x40() {
    for (name, keys) in SCREENS {
        let model = shown(keys, Theme::of(Look::Dark, false));
        for (width, height) in [(80, 24), (120, 40)] {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), text(&buffer(&model, width, height)));
        }
    }
}

#[test]
fn looks_change_colours_and_never_words() {
    for ((name, keys), (width, height)) in SCREENS.into_iter().flat_map(|one| [(one, (80, 24)), (one, (120, 40))]) {
        let dark = buffer(&shown(keys, Theme::of(Look::Dark, false)), width, height);
        let mut all = String::new();
        for look in Look::ALL {
            let other = buffer(&shown(keys, Theme::of(look, false)), width, height);
            // Without shades, or without colours, signs and letters say what those would.
            assert!(
                matches!(look, Look::Plain | Look::Sixteen) || text(&other) == text(&dark),
                "{name} in {}",
                look.name()
            );
            let used = styles(&other);
            if look == Look::Plain {
                assert!(!used.contains("Some(Indexed"), "{used}");
            }
            all += &[look.name(), "\n", &used, "\n\n"].concat();
        }
        insta::assert_snapshot!(format!("{name}_looks_{width}x{height}"), all);
    }
}

#[test]
fn ascii_is_ascii() {
    for (name, keys) in SCREENS {
        for (width, height) in [(80, 24), (120, 40)] {
            let shown = text(&buffer(&shown(keys, Theme::of(Look::Dark, true)), width, height));
            assert!(shown.is_ascii(), "{name}: {:?}", shown.chars().filter(|c| !c.is_ascii()).collect::<String>());
            insta::assert_snapshot!(format!("{name}_ascii_{width}x{height}"), shown);
        }
    }
}

#[test]
fn without_colours_what_is_chosen_is_reversed() {
    let buffer = buffer(&shown("j", Theme::of(Look::Plain, false)), 80, 24);
    let reversed = buffer.content.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED)).count();
    assert!(reversed >= 80, "the row under the cursor: {reversed}");
}
