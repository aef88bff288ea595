//! What users do, from one screen to the next.

use super::*;
use crate::project::Here;
use crate::ui::model::{Said, Tab};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use mocolab::device::Wanted;
use mocolab::run::Ticket;
use ratatui::layout::Rect;

const NEWEST: &str = "20261124-110000";

fn click(model: &mut Model, column: u16, row: u16, kind: MouseEventKind) {
    let mouse = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    update(model, Msg::Mouse(mouse, Rect::new(0, 0, 80, 24)));
}

#[test]
fn tab_goes_round_all_screens_that_have_something_to_show() {
    let mut model = busy();
    press(&mut model, "j");
    let round: Vec<Tab> = (0..8)
        .map(|_| {
            press(&mut model, "\t");
            model.screen.tab()
        })
        .collect();
    assert_eq!(round, [Tab::Run, Tab::Classes, Tab::Compare, Tab::Devices, Tab::Queue, Tab::Log, Tab::Map, Tab::List]);
    let mut model = super::model();
    press(&mut model, "\t");
    assert_eq!(model.screen.tab(), Tab::Devices, "nothing was run yet");
    press(&mut model, "2");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("s starts one")));
}

#[test]
fn what_is_watched_is_what_is_shown() {
    let mut model = busy();
    let attend = |model: &mut Model, c| {
        let commands = update(model, key(KeyCode::Char(c)));
        commands
            .into_iter()
            .find_map(|command| if let Cmd::Attend(attention) = command { Some(attention) } else { None })
    };
    assert_eq!(attend(&mut model, 'j'), None);
    let run = attend(&mut model, '2').unwrap();
    assert_eq!((run.log.is_some(), run.whole.len(), run.devices), (true, 1, false));
    assert_eq!(attend(&mut model, '3').unwrap().log, None);
    let log = attend(&mut model, '7').unwrap();
    assert_eq!((log.log.is_some(), log.whole.len()), (true, 0));
    assert!(attend(&mut model, '5').unwrap().devices);
    assert_eq!(attend(&mut model, '1'), Some(Attention::default()));
}

#[test]
fn a_pinned_run_lies_under_the_others_until_it_goes() {
    let mut model = busy();
    press(&mut model, "jjj2b[");
    assert!(picture(&model, 80, 24).contains("pinned quick/20261124-090000"));
    let Some(Cmd::Attend(attention)) = update(&mut model, key(KeyCode::Char('['))).pop() else { panic!() };
    assert_eq!(attention.whole.len(), 2);
    update(&mut model, Msg::Gone(run("20261124-090000")));
    assert_eq!(model.baseline, None);
}

#[test]
fn an_end_is_told_on_every_screen_and_goes_by_itself() {
    let mut model = busy();
    model.now = 100.0;
    press(&mut model, "5");
    update(&mut model, news(run(NEWEST), Vec::new(), Status::Crashed));
    assert!(picture(&model, 80, 24).contains("quick/20261124-110000 crashed at epoch 4"));
    let due = model.next_change().unwrap();
    model.now = due + 0.1;
    update(&mut model, Msg::Tick);
    assert!(model.toasts.is_empty() && model.next_change().is_none());
}

#[test]
fn a_picture_held_still_goes_on_with_all_that_came() {
    let mut model = busy();
    press(&mut model, "F");
    let more = lines(50).split_off(50);
    update(&mut model, news(run(NEWEST), more, Status::Running));
    assert_eq!(model.runs[&run(NEWEST)].state.step, 37);
    assert!(picture(&model, 80, 24).contains("held still, 1 news"));
    update(&mut model, news(run("20261124-100000"), Vec::new(), Status::Running));
    update(&mut model, Msg::Gone(run("20261124-100000")));
    press(&mut model, "F");
    assert_eq!(model.runs[&run(NEWEST)].state.step, 50);
    assert!(!model.runs.contains_key(&run("20261124-100000")), "what is gone does not come back");
}

#[test]
fn notes_and_tags_add_to_each_other() {
    let mut model = busy();
    press(&mut model, "j");
    assert_eq!(press(&mut model, "egood\n"), [Cmd::Say(run(NEWEST), Said::Note("good".into()))]);
    let tags = Said::Tags(vec!["one".into(), "two".into()]);
    assert_eq!(press(&mut model, "Tone, two one\n"), [Cmd::Say(run(NEWEST), tags)]);
    assert!(press(&mut model, "ebad\x1b").is_empty());
    assert_eq!(model.run().unwrap().notes, Notes::default(), "not before it is written");
    update(&mut model, Msg::Noted(run(NEWEST), Notes { note: "good".into(), ..Notes::default() }));
    assert_eq!(model.run().unwrap().notes.note, "good");
}

#[test]
fn a_run_goes_into_the_trash_and_comes_back() {
    let mut model = busy();
    press(&mut model, "jD");
    assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("stop it first (x)")));
    let done = run("20261124-090000");
    press(&mut model, "G");
    assert_eq!(press(&mut model, "u"), [], "nothing is in the trash");
    press(&mut model, "jjjkkkk");
    press(&mut model, "gjjj");
    assert_eq!(press(&mut model, "D\n"), [Cmd::Trash(done.clone())]);
    let place = PathBuf::from("/nowhere/runs/.trash/quick/20261124-090000");
    update(&mut model, Msg::Trashed(done.clone(), place.clone()));
    update(&mut model, Msg::Gone(done.clone()));
    assert_eq!(press(&mut model, "gu"), [Cmd::Restore(done.clone(), place.clone())]);
    assert!(press(&mut model, "u").is_empty());
    update(&mut model, Msg::Trashed(done.clone(), place.clone()));
    assert_eq!(press(&mut model, "u"), [Cmd::Restore(done.clone(), place)], "it could not be brought back before");
    update(&mut model, Msg::Restored(done.clone()));
    update(&mut model, news(done.clone(), Vec::new(), Status::Done));
    assert_eq!(model.run().unwrap().run, done, "what is back is chosen");
}

#[test]
fn who_only_reads_changes_nothing() {
    let mut model = busy();
    model.read_only = true;
    press(&mut model, "j");
    for keys in ["s", "x", "r", "e", "T", "D", "u"] {
        assert!(press(&mut model, keys).is_empty(), "{keys}");
        assert!(matches!(&model.notice, Some(Notice::Failed(text)) if text.contains("read-only")), "{keys}");
        assert_eq!(model.dialogue, None);
    }
    assert!(picture(&model, 80, 24).contains("read-only"));
}

#[test]
fn what_is_in_front_can_be_copied() {
    let mut model = busy();
    press(&mut model, "j");
    let copied = |model: &mut Model| match &press(model, "y")[..] {
        [Cmd::Copy(what, text)] => format!("{what}: {text}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(copied(&mut model), "the run's path: /nowhere/runs/quick/20261124-110000");
    press(&mut model, "3");
    assert!(copied(&mut model).contains("cat\t0.6000\t0.5714\t100"));
    press(&mut model, "1gj  4");
    assert!(copied(&mut model).contains("metric\tquick/20261124-"));
    press(&mut model, "5y");
    assert!(matches!(&model.notice, Some(Notice::Failed(_))));
}

#[test]
fn the_mouse_finds_what_is_drawn() {
    let left = MouseEventKind::Down(MouseButton::Left);
    let mut model = busy();
    let list = picture(&model, 80, 24);
    let row = list.lines().position(|line| line.contains("20261124-100000")).unwrap() as u16;
    click(&mut model, 10, row, left);
    assert_eq!(model.run().unwrap().run, run("20261124-100000"));
    click(&mut model, 10, row, left);
    assert_eq!(model.screen, Screen::Run(run("20261124-100000")));
    click(&mut model, 20, 8, left);
    let read = model.look.cursor.expect("a chart lies there");
    click(&mut model, 20, 8, MouseEventKind::ScrollUp);
    let window = model.look.window.expect("closer");
    assert!(window.from <= read && read <= window.to, "{window:?} about {read}");
    click(&mut model, 20, 8, MouseEventKind::ScrollLeft);
    assert!(model.look.window.unwrap().from < window.from, "to the left");
    click(&mut model, 20, 8, MouseEventKind::ScrollRight);
    click(&mut model, 20, 8, MouseEventKind::ScrollDown);
    assert_eq!(model.look.window, None);
    let header = picture(&model, 80, 24);
    let column = header.lines().next().unwrap().find("5 devices").unwrap() as u16;
    click(&mut model, column, 0, left);
    assert_eq!(model.screen, Screen::Devices);
}

#[test]
fn more_runs_than_letters_are_left_out_and_it_is_said() {
    let mut model = busy();
    for number in 0..40 {
        update(&mut model, news(run(&format!("20261124-12{number:04}")), Vec::new(), Status::Done));
    }
    press(&mut model, "*4");
    let Screen::Compare(runs) = &model.screen else { panic!() };
    assert_eq!(runs.len(), 26);
    assert!(runs.iter().all(|run| *run.id() > *"20261124-120013"), "the newest");
    assert!(matches!(&model.notice, Some(Notice::Done(text)) if text.contains("26")));
}

/// Three that wait on the CPU behind the run that trains there.
fn with_queue() -> Model {
    let mut model = busy();
    model.here = Here { host: "box".into(), boot_id: "boot".into() };
    let waits = |id: &str, ticket: Ticket, notes: Notes| {
        let Msg::News(mut news) = news(run(id), Vec::new(), Status::Queued) else { unreachable!() };
        (news.ticket, news.notes) = (Some(ticket), notes);
        Msg::News(news)
    };
    let ticket = || Ticket { host: "box".into(), device: Some("cpu".into()), ..Ticket::default() };
    let source = Some(PathBuf::from("/nowhere/runs/quick/20261124-100000"));
    update(&mut model, waits("20261124-120000", ticket(), Notes::default()));
    update(&mut model, waits("20261124-130000", Ticket { source, ..ticket() }, Notes::default()));
    update(&mut model, waits("20261124-140000", ticket(), Notes { held: true, ..Notes::default() }));
    // Another machine's.
    update(&mut model, waits("20261124-150000", Ticket { host: "other".into(), ..ticket() }, Notes::default()));
    let Msg::News(mut live) = news(run(NEWEST), Vec::new(), Status::Running) else { unreachable!() };
    live.job = live.job.map(|job| Job { boot_id: "boot".into(), ..job });
    update(&mut model, Msg::News(live));
    update(&mut model, Msg::Sampled(Box::default(), 0.0));
    model
}

#[test]
fn the_queue_says_why_each_waits_and_keys_change_it() {
    let mut model = with_queue();
    press(&mut model, "6");
    for (width, height) in [(80, 24), (120, 40)] {
        insta::assert_snapshot!(format!("queue_of_three_{width}x{height}"), picture(&model, width, height));
    }
    let ids = ["20261124-120000", "20261124-130000", "20261124-140000"];
    let runs = |order: [usize; 3]| Cmd::Order(order.map(|at| run(ids[at])).to_vec());
    assert_eq!(press(&mut model, "J"), [runs([1, 0, 2])]);
    assert_eq!(press(&mut model, "K"), [runs([0, 1, 2])], "it counts at once");
    assert_eq!(press(&mut model, "j "), [Cmd::Hold(run(ids[1]))]);
    assert_eq!(press(&mut model, "jK"), [runs([0, 2, 1])]);
    assert_eq!(press(&mut model, " "), [Cmd::Release(run(ids[2]))]);
    press(&mut model, "D");
    assert_eq!(model.dialogue, Some(Dialogue::Trash(run(ids[2]))));
    press(&mut model, "n\n");
    assert_eq!(model.screen, Screen::Run(run(ids[2])));
    press(&mut model, "6\x1b");
    assert_eq!(model.screen, Screen::List);
}

#[test]
fn a_start_can_wait_for_its_turn() {
    let mut model = busy();
    press(&mut model, "js");
    let cpu = Device { name: "cpu".into(), model: "EPYC".into(), uuid: None, memory: None, busy: None, compute: None };
    update(&mut model, Msg::Devices(Devices { devices: vec![cpu], note: None }, None));
    let commands = press(&mut model, "w");
    assert!(
        matches!(&commands[..], [Cmd::Queue(Start::New(what), device, _)] if what.name.as_str() == "quick" && device.to_string() == "cpu")
    );
    // One that goes on can wait too, and for any device.
    press(&mut model, "jr");
    let cpu = Device { name: "cpu".into(), model: "EPYC".into(), uuid: None, memory: None, busy: None, compute: None };
    update(&mut model, Msg::Devices(Devices { devices: vec![cpu], note: None }, None));
    let commands = press(&mut model, "a");
    assert!(matches!(&commands[..], [Cmd::Queue(Start::Again(_), Wanted::Any, false)]), "{commands:?}");
}

#[test]
fn what_the_machine_cut_off_is_asked_about_once_all_runs_are_known() {
    let mut model = busy();
    let cut = run("20261124-100000");
    for sight in model.runs.values_mut().filter(|sight| sight.run == cut) {
        let job = sight.job.take().unwrap_or_default();
        sight.job = Some(Job { host: model.here.host.clone(), boot_id: "before".into(), ..job });
    }
    update(&mut model, Msg::Complete);
    insta::assert_snapshot!("interrupted_80x24", picture(&model, 80, 24));
    assert_eq!(press(&mut model, "y"), [Cmd::Requeue(vec![cut])]);
    assert_eq!(model.dialogue, None);
}
