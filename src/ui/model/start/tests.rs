//! Typing, and what earlier runs tell.

use super::*;
use crate::ui::model::start::editor::Typing;
use crossterm::event::{KeyCode, KeyModifiers};
use mocolab::config;
use mocolab::event::{Event, Line, Started, Step};
use mocolab::run::{Job, RunDir};
use proptest::prelude::*;

fn experiment(text: &str) -> Experiment {
    config::parse(text, "x").unwrap().groups[0].experiments[0].clone()
}

/// A run of `experiment` that has done 20 of 10 steps an epoch in `seconds`.
fn run(id: &str, experiment: &Experiment, device: &str, seconds: f64) -> Sight {
    let mut sight = Sight::unread(RunDir::new(format!("/runs/{}/{id}", experiment.name)));
    sight.experiment = Ok(experiment.clone());
    sight.job = Some(Job { devices: vec![device.into()], ..Job::default() });
    let started = Started { steps: 100, epochs: 10, steps_per_epoch: 10, ..Started::default() };
    let step = Step { step: 20, of: 100, epoch: 2, metrics: [].into() };
    for (seq, t, event) in [(0, 50.0, Event::Started(Box::new(started))), (1, 50.0 + seconds, Event::Step(step))] {
        sight.state.apply(&Line { attempt: 1, seq, t, event });
    }
    sight
}

#[test]
fn the_newest_run_with_the_same_settings_tells_the_time() {
    let file = experiment("[experiment.a.moco]\n");
    let other = experiment("[experiment.a.moco]\nbatch = 256\n");
    let gentler = experiment("[experiment.b.moco]\nlr = 0.01\nepochs = 5\n");
    let resnet34 = experiment("[experiment.a.moco]\narch = \"resnet34\"\n");
    let elsewhere = experiment("[experiment.b.moco]\nbatch = 256\n");
    let runs = [
        run("20261120-100000", &file, "cuda:0", 100.0),
        run("20261121-100000", &gentler, "cuda:1", 40.0),
        run("20261122-100000", &other, "cuda:2", 90.0),
        run("20261123-100000", &resnet34, "cuda:3", 300.0),
        run("20261124-100000", &elsewhere, "cuda:4", 80.0),
        run("strange", &other, "cpu", 4000.0),
    ];
    let found = Earlier::like(&file, runs.iter());
    let earlier = |epoch, devices: &str, day: &str, same, gpu| Earlier {
        epoch,
        devices: devices.into(),
        day: day.into(),
        same,
        gpu,
    };
    assert_eq!(found, [earlier(2000.0, "cpu", "", false, false), earlier(20.0, "cuda:1", "21 Nov", true, true)]);
    assert_eq!(Earlier::like(&file, [Sight::unread(RunDir::new("/runs/a/x"))].iter()), []);
}

#[test]
fn a_batch_that_can_not_be_shared_is_refused_at_once() {
    let moco = experiment("[experiment.a.moco]\nbatch = 32\n");
    assert_eq!(allowed(&moco, &Choice::Gpus(vec![0, 1])), Ok(()));
    assert!(allowed(&moco, &Choice::Gpus(vec![0, 1, 2])).unwrap_err().contains("can't be shared by 3 devices"));
    assert_eq!(allowed(&moco, &Choice::Cpu), Ok(()));
}

proptest! {
    #[test]
    fn any_keys_make_a_text_with_the_cursor_in_it(keys in prop::collection::vec(any::<(u8, char)>(), 0..60)) {
        let mut typing = Typing::default();
        for (what, letter) in keys {
            let code = match what % 9 {
                0 => KeyCode::Backspace,
                1 => KeyCode::Delete,
                2 => KeyCode::Left,
                3 => KeyCode::Right,
                4 => KeyCode::Home,
                5 => KeyCode::End,
                _ => KeyCode::Char(letter),
            };
            typing.press(&KeyEvent::new(code, KeyModifiers::NONE));
            prop_assert!(!typing.input.text().contains(char::is_control));
        }
    }
}
