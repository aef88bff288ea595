//! Stories of messages, then the picture: what a user would see, at the sizes users have.

mod anything;
mod pictures;
mod stories;

use super::model::{Attention, Cmd, Dialogue, Model, Msg, News, Notice, Screen, Start, update};
use super::theme::Theme;
use super::view;
use crate::project::Project;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mocolab::config;
use mocolab::device::{Device, Devices};
use mocolab::event::{Alert, Best, Classes, Epoch, Event, Finished, Line, Outcome, Real, Started, Step};
use mocolab::run::{Batch, Job, Notes, RunDir};
use mocolab::status::Status;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::{Path, PathBuf};

const SUITE: &str = r#"
[experiment.quick]
data = "cifar10 else shapes"
[experiment.quick.supervised]
arch = "resnet8"
epochs = 6
warmup_epochs = 1
[experiment.base.supervised]
"#;

fn model() -> Model {
    model_of(SUITE)
}

/// A project of this `experiments.toml`, without runs.
pub fn model_of(suite: &str) -> Model {
    let mut model = Model::new(&Project::at(Path::new("/nowhere/experiments.toml"), None), Theme::new(true));
    model.place = "~/lab".into();
    update(&mut model, Msg::Suite(Ok(config::parse(suite, "experiments.toml").unwrap())));
    update(&mut model, Msg::Complete);
    model
}

fn run(id: &str) -> RunDir {
    RunDir::new(PathBuf::from("/nowhere/runs/quick").join(id))
}

/// The lines of a training of `steps` steps out of 60, 10 an epoch, a second a step.
fn lines(steps: u64) -> Vec<Line> {
    let classes = ["cat", "dog", "ship"].map(str::to_owned).to_vec();
    let about = Started {
        steps: 60,
        epochs: 6,
        steps_per_epoch: 10,
        recipe: "supervised".into(),
        arch: "resnet8".into(),
        precision: "bf16".into(),
        data: "cifar10".into(),
        classes,
        ..Started::default()
    };
    let mut events = vec![(0, Event::Started(Box::new(about)))];
    for step in 1..=steps {
        let loss = 2.3 / (1.0 + step as f64 / 10.0);
        let values = [("train/loss", loss), ("lr", 0.2 - step as f64 * 0.003), ("images_per_s", 1650.0)];
        let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
        events.push((step, Event::Step(Step { step, of: 60, epoch: (step - 1) / 10 + 1, metrics })));
        if step % 10 == 0 {
            let value = step as f64 / 80.0;
            let values = [("val/loss", loss + 0.1), ("val/macro_accuracy", value), ("train/loss", loss)];
            let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
            let best = [("val/macro_accuracy".to_owned(), Best { value, epoch: step / 10 })].into();
            let confusion = vec![vec![60, 30, 10], vec![40, 50, 10], vec![5, 5, 90]];
            events.push((
                step,
                Event::Classes(Classes { epoch: step / 10, split: "val".into(), by: String::new(), confusion }),
            ));
            events.push((step, Event::Epoch(Epoch { epoch: step / 10, of: 6, step, seconds: 10.0, metrics, best })));
        }
    }
    let line = |(seq, (t, event))| Line { attempt: 1, seq: seq as u64, t: t as f64, event };
    events.into_iter().enumerate().map(line).collect()
}

fn news(run: RunDir, lines: Vec<Line>, status: Status) -> Msg {
    let job = (status != Status::Queued).then(|| Job { attempt: 1, devices: vec!["cpu".into()], ..Job::default() });
    let experiment = config::parse(SUITE, "x").unwrap().groups[0].experiments[0].clone();
    let batch = Batch { lines, ..Batch::default() };
    let news = News { experiment: Some(Ok(experiment)), batch, status: Some(status), job, ..News::of(run) };
    Msg::News(Box::new(news))
}

fn key(code: KeyCode) -> Msg {
    Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// What is to be done after `keys`, but for what is to be watched.
pub fn press(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        '\x08' => KeyCode::Backspace,
        '\x1b' => KeyCode::Esc,
        '←' => KeyCode::Left,
        '→' => KeyCode::Right,
        c => KeyCode::Char(c),
    };
    let commands = keys.chars().flat_map(|c| update(model, key(code(c))));
    commands.filter(|command| !matches!(command, Cmd::Attend(_))).collect()
}

pub fn picture(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    terminal.backend().to_string()
}

/// A project in the middle of things: one run done, one live, one crashed.
fn busy() -> Model {
    let mut model = model();
    let mut done = lines(60);
    let end = Event::Finished(Finished { outcome: Outcome::Done, step: 60, cause: None });
    done.push(Line { attempt: 1, seq: 99, t: 61.0, event: end });
    update(&mut model, news(run("20261124-090000"), done, Status::Done));
    update(&mut model, news(run("20261124-100000"), lines(23), Status::Crashed));
    update(&mut model, news(run("20261124-110000"), lines(37), Status::Running));
    model
}

#[test]
fn the_list() {
    insta::assert_snapshot!("list_empty_80x24", picture(&model(), 80, 24));
    let mut model = busy();
    press(&mut model, "j");
    insta::assert_snapshot!("list_80x24", picture(&model, 80, 24));
    insta::assert_snapshot!("list_120x40", picture(&model, 120, 40));
}

#[test]
fn a_run() {
    let mut model = busy();
    let one = run("20261124-110000");
    let attention = Attention { log: Some(one.clone()), whole: [one].into(), devices: false, jobs: false, maps: None };
    press(&mut model, "j");
    assert_eq!(update(&mut model, key(KeyCode::Enter)), [Cmd::Attend(attention)]);
    let log = (1..50).map(|n| format!("line {n} of the log")).collect();
    update(&mut model, Msg::Log(run("20261124-110000"), log, 49));
    insta::assert_snapshot!("run_80x24", picture(&model, 80, 24));
    insta::assert_snapshot!("run_120x40", picture(&model, 120, 40));
    press(&mut model, "]");
    insta::assert_snapshot!("run_crashed_80x24", picture(&model, 80, 24));
}

#[test]
fn dialogues() {
    let mut model = busy();
    assert_eq!(press(&mut model, "s"), [Cmd::FindDevices]);
    let device = |name: &str, busy| Device {
        name: name.into(),
        model: if name == "cpu" { "EPYC, 16 threads".into() } else { "NVIDIA H100".into() },
        uuid: None,
        memory: Some((3 << 30, 80 << 30)),
        busy,
        compute: None,
    };
    let devices = vec![device("cpu", None), device("0", Some(97)), device("1", Some(0))];
    update(&mut model, Msg::Devices(Devices { devices, note: None }, None));
    insta::assert_snapshot!("start_80x24", picture(&model, 80, 24));
    let commands = press(&mut model, "j\n");
    assert!(
        matches!(&commands[..], [Cmd::Start(Start::New(e), device)] if e.name.as_str() == "quick" && device.device.to_string() == "1")
    );

    press(&mut model, "jx");
    insta::assert_snapshot!("stop_80x24", picture(&model, 80, 24));
    assert!(press(&mut model, "n").is_empty());
    assert_eq!(model.dialogue, None);
    press(&mut model, "?");
    insta::assert_snapshot!("help_80x24", picture(&model, 80, 24));
}

#[test]
fn a_wrong_file_is_shown_with_its_line_and_the_runs_stay() {
    let mut model = busy();
    let problem = config::parse("[experiment.quick.supervised]\nepochs = 0\narhc = \"resnet8\"\n", "experiments.toml")
        .unwrap_err();
    update(&mut model, Msg::Suite(Err(problem.to_string())));
    insta::assert_snapshot!("wrong_file_80x24", picture(&model, 80, 24));
}

#[test]
fn stopping_has_stages_each_with_its_own_question_and_word() {
    let mut model = busy();
    assert_eq!(press(&mut model, "jx\n"), [Cmd::Ask(run("20261124-110000"), mocolab::status::Wish::Stop)]);
    update(&mut model, news(run("20261124-110000"), Vec::new(), Status::Stopping));
    assert_eq!(press(&mut model, "x"), []);
    insta::assert_snapshot!("terminate_80x24", picture(&model, 80, 24));
    assert_eq!(press(&mut model, "y"), [Cmd::End(run("20261124-110000"), false)]);
    update(&mut model, news(run("20261124-110000"), Vec::new(), Status::Terminating));
    assert_eq!(press(&mut model, "xy"), [Cmd::End(run("20261124-110000"), true)]);
    update(&mut model, news(run("20261124-110000"), Vec::new(), Status::Running));
    assert_eq!(press(&mut model, "xp"), [Cmd::Ask(run("20261124-110000"), mocolab::status::Wish::Pause)]);
    update(&mut model, news(run("20261124-110000"), Vec::new(), Status::Crashed));
    press(&mut model, "x");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("crashed")));
    assert_eq!(press(&mut model, "r"), [Cmd::FindDevices]);
    assert!(
        matches!(&model.dialogue, Some(Dialogue::Start(start)) if start.what == Start::Again(run("20261124-110000")))
    );
}

#[test]
fn the_cursor_stays_on_its_run_when_others_come_and_go() {
    let mut model = busy();
    press(&mut model, "jj");
    let chosen = model.run().unwrap().run.clone();
    update(&mut model, news(run("20261124-120000"), Vec::new(), Status::Queued));
    assert_eq!(model.run().unwrap().run, chosen);
    update(&mut model, Msg::Gone(run("20261124-110000")));
    assert_eq!(model.run().unwrap().run, chosen);
    press(&mut model, "\n");
    update(&mut model, Msg::Gone(chosen));
    assert_eq!(model.screen, Screen::List);
}

#[test]
fn no_colour_is_used_where_none_is_wanted() {
    let mut model = busy();
    model.theme = Theme::new(false);
    for keys in ["", "j\n", "?"] {
        press(&mut model, keys);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view::draw(&model, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        assert!(
            buffer
                .content()
                .iter()
                .all(|cell| cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset)
        );
    }
}
