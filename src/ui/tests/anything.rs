//! Whatever happens in whatever order at whatever size: no panic, nothing foreign obeyed, Escape leads home.

use super::pictures::machine;
use super::*;
use crate::ui::map::tests::{pictures, sample};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use mocolab::experiment::DataSource;
use proptest::prelude::*;
use ratatui::layout::Rect;
use std::sync::Arc;

fn mouse(what: u8) -> Msg {
    let kinds = [
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ];
    let (kind, modifiers) = (kinds[what as usize % 4], KeyModifiers::NONE);
    Msg::Mouse(MouseEvent { kind, column: u16::from(what) * 2, row: 9, modifiers }, Rect::new(0, 0, 80, 24))
}

/// Anything that can happen, harmless or not.
fn anything() -> impl Strategy<Value = u8> {
    // Keys that lead somewhere come more often than chance would have them.
    prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\x00\x0112345688 /:?+-,.abwLo[]npPzZcTDuyFeviVdHJK\xf0\xf1\xf2\xf3".to_vec())
    ]
}

fn happen(model: &mut Model, what: u8) {
    let codes = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Left,
        KeyCode::Right,
    ];
    let one = run("20261124-110000");
    let message = match what {
        0..10 => key(codes[what as usize]),
        10..20 => news(one, lines(u64::from(what) % 7 * 9), Status::ALL[what as usize % 12]),
        20 => Msg::Gone(one),
        21 => Msg::Suite(Err("experiments.toml:1: wrong\nvery wrong".into())),
        22 => Msg::Suite(Ok(config::parse(SUITE, "x").unwrap())),
        23 => Msg::Log(one, vec!["a very long line of a log ".repeat(20); 30], 30),
        24 => Msg::Devices(Devices { devices: Vec::new(), note: Some("none".into()) }, None),
        26 => Msg::Sampled(Box::new(machine()), f64::from(what)),
        27 => Msg::Paste("pasted \x1b[2J words\nand more".into()),
        28..32 => mouse(what),
        25 => {
            let metrics =
                [("train/loss".to_owned(), Real(f64::NAN)), ("val/macro_accuracy".to_owned(), Real(1e300))].into();
            let step = Event::Step(Step { step: u64::MAX, of: 1, epoch: u64::MAX, metrics });
            let alert = Event::Alert(Alert { what: "nan".into(), message: "\x1b[2Jnot a number".into() });
            let line = |event| Line { attempt: 9, seq: 0, t: -1.0, event };
            news(one, vec![line(step), line(alert)], Status::Running)
        }
        0xf0 => Msg::Map(one, Ok(Arc::new(sample(120, model.runs.len() as u64)))),
        0xf1 => Msg::Map(one, Err("`step-1`: it is no map: \x1b[2J".into())),
        0xf2 => Msg::Pictures(
            DataSource::Shapes,
            pictures(&(0..40).collect::<Vec<_>>()),
            Some("one \x1b[2J is gone".into()),
        ),
        0xf3 => {
            model.now += 0.4;
            Msg::Tick
        }
        _ => key(KeyCode::Char(what as char)),
    };
    update(model, message);
}

proptest! {
    #[test]
    fn any_story_at_any_size_is_no_panic_and_escape_leads_home(
        story in prop::collection::vec(anything(), 0..40), width in 1..130_u16, height in 1..50_u16,
    ) {
        let mut model = busy();
        for what in story {
            happen(&mut model, what);
            let shown = picture(&model, width, height);
            prop_assert!(!shown.contains('\x1b'));
        }
        // At most a value being typed, the settings, the devices; a place read, a window, a chart alone, a run; a filter.
        for _ in 0..14 {
            update(&mut model, key(KeyCode::Esc));
        }
        prop_assert_eq!(&model.screen, &Screen::List);
        prop_assert_eq!(&model.dialogue, &None);
    }
}
