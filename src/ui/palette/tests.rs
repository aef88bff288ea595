use super::*;
use crate::ui::theme::Theme;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

fn palette() -> Palette {
    let runs = ["moco/20261124-223629", "moco/20261125-010000", "probe-10/20261125-020000"];
    let runs = runs.map(|run| RunDir::new(format!("/nowhere/runs/{run}")));
    Palette::new(items(&Keys::new(false), Place::List, runs))
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn control(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
}

fn type_in(palette: &mut Palette, text: &str) {
    text.chars().for_each(|c| assert_eq!(palette.press(&key(KeyCode::Char(c))), Answer::Stays));
}

fn chosen(query: &str) -> Answer {
    let mut palette = palette();
    type_in(&mut palette, query);
    palette.press(&key(KeyCode::Enter))
}

fn picture(palette: &Palette, theme: Theme, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(palette, theme, frame, frame.area())).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_few_letters_choose_a_command_a_run_a_theme() {
    assert_eq!(chosen("stop"), Answer::Chosen(Command::Do(Action::Stop)));
    assert_eq!(chosen("resu"), Answer::Chosen(Command::Do(Action::Resume)));
    assert_eq!(chosen("run 0100"), Answer::Chosen(Command::GoTo(RunDir::new("/nowhere/runs/moco/20261125-010000"))));
    assert_eq!(chosen("probe"), Answer::Chosen(Command::GoTo(RunDir::new("/nowhere/runs/probe-10/20261125-020000"))));
    assert_eq!(chosen("thlight"), Answer::Chosen(Command::Use(Look::Light)));
    assert_eq!(chosen("zzz"), Answer::Stays, "there is nothing to choose");
}

#[test]
fn what_is_typed_can_be_edited() {
    let mut palette = palette();
    type_in(&mut palette, "the dark");
    palette.press(&control('w'));
    assert_eq!((palette.query.as_str(), palette.cursor), ("the ", 4));
    palette.press(&key(KeyCode::Home));
    type_in(&mut palette, "ä");
    palette.press(&key(KeyCode::Delete));
    assert_eq!((palette.query.as_str(), palette.cursor), ("ähe ", 1));
    palette.press(&control('u'));
    palette.press(&key(KeyCode::End));
    palette.press(&key(KeyCode::Backspace));
    assert_eq!((palette.query.as_str(), palette.cursor), ("he", 2));
    palette.paste("\x1b[31m li\nght");
    assert_eq!(palette.query, "he[31m light");
    palette.press(&control('u'));
    assert_eq!(palette.press(&key(KeyCode::Backspace)), Answer::Closes);
    assert_eq!(palette.press(&key(KeyCode::Esc)), Answer::Closes);
}

#[test]
fn the_choice_goes_round() {
    let mut palette = palette();
    palette.press(&key(KeyCode::Up));
    assert_eq!(palette.press(&key(KeyCode::Enter)), Answer::Chosen(Command::Use(Look::Plain)));
    palette.press(&key(KeyCode::Down));
    assert_eq!(palette.chosen, 0);
    palette.press(&key(KeyCode::PageDown));
    assert_eq!(palette.chosen, PAGE);
    type_in(&mut palette, "stop");
    assert_eq!(palette.chosen, 0, "what fits best is chosen");
}

#[test]
fn pictures() {
    let mut palette = palette();
    insta::assert_snapshot!("palette_80x24", picture(&palette, Theme::new(true), 80, 24));
    type_in(&mut palette, "run");
    palette.press(&key(KeyCode::Down));
    insta::assert_snapshot!("palette_typed_120x40", picture(&palette, Theme::new(true), 120, 40));
    insta::assert_snapshot!("palette_ascii_40x10", picture(&palette, Theme::of(Look::Plain, true), 40, 10));
    type_in(&mut palette, "zzz");
    insta::assert_snapshot!("palette_nothing_80x24", picture(&palette, Theme::new(true), 80, 24));
}

#[test]
fn any_rectangle_will_do() {
    let mut palette = palette();
    type_in(&mut palette, "run日本");
    for width in 0..90 {
        for height in 0..24 {
            let mut terminal = Terminal::new(TestBackend::new(90, 24)).unwrap();
            let rect = Rect { x: 0, y: 0, width, height };
            terminal.draw(|frame| draw(&palette, Theme::new(true), frame, rect)).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn any_keys_leave_it_whole(keys in prop::collection::vec((0..14_usize, any::<char>(), any::<bool>()), 0..60)) {
        let codes = [KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End,
            KeyCode::Backspace, KeyCode::Delete, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Enter, KeyCode::Tab];
        let mut palette = palette();
        for (code, c, held) in keys {
            let code = codes.get(code).copied().unwrap_or(KeyCode::Char(c));
            let held = if held { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            palette.press(&KeyEvent::new(code, held));
            prop_assert!(palette.cursor <= palette.query.chars().count());
            prop_assert!(palette.chosen < palette.found.len().max(1));
            prop_assert!(!picture(&palette, Theme::new(true), 30, 6).contains('\x1b'));
        }
    }
}
