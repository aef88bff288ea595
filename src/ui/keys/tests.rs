use super::*;
use crossterm::event::KeyEvent;
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use std::collections::BTreeSet;

fn key(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
}

fn change(place: Place, action: Action, words: &[&str]) -> Change {
    Change { place, action, keys: words.iter().map(|word| word.parse().unwrap()).collect() }
}

#[test]
fn every_row_has_a_name_of_its_own_and_keys_that_are_read() {
    let keys = Keys::new(false);
    let names: BTreeSet<String> = keys.rows().iter().map(Row::name).collect();
    assert_eq!(names.len(), TABLE.len());
    for (row, binding) in keys.rows().iter().zip(TABLE) {
        let written: Vec<String> = row.keys.iter().map(ToString::to_string).collect();
        assert_eq!(written, binding.keys, "{}", row.name());
    }
    for action in Action::ALL {
        assert_eq!(Action::named(action.name()), Some(*action));
    }
}

#[test]
fn no_key_has_two_meanings_in_one_place() {
    let standard = Keys::new(false);
    for place in Place::ALL {
        let keys: Vec<&Press> = standard.at(*place).flat_map(|row| &row.keys).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key} at {place:?}");
        }
    }
}

fn action(place: Place, key: &KeyEvent) -> Option<Action> {
    Keys::new(false).action(place, key)
}

#[test]
fn a_release_is_no_press_and_control_c_always_leaves() {
    let mut q = key('q');
    assert_eq!(action(Place::List, &q), Some(Action::Quit));
    q.kind = KeyEventKind::Release;
    assert_eq!(action(Place::List, &q), None);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(action(Place::Question, &interrupt), Some(Action::Quit));
    let other = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL);
    assert_eq!(action(Place::List, &other), None, "control-x is not x");
}

#[test]
fn keys_of_the_users_own_count_in_every_view() {
    let changes =
        [change(Place::Screens, Action::Start, &["ctrl-s", "S"]), change(Place::Screens, Action::Stop, &["delete"])];
    let keys = Keys::new(false).with(&changes).unwrap();
    assert_eq!(keys.action(Place::List, &key('s')), None);
    assert_eq!(keys.action(Place::List, &key('S')), Some(Action::Start));
    assert_eq!(keys.action(Place::Run, &key('s')), None, "on every screen");
    assert_eq!(keys.action(Place::Run, &key('x')), None);
    let delete = KeyEvent::new(KeyCode::Delete, KeyModifiers::NONE);
    assert_eq!(keys.action(Place::Run, &delete), Some(Action::Stop));
    assert_eq!(keys.key_for(Place::List, Action::Start).unwrap(), "ctrl-s");
    let row = keys.at(Place::List).find(|row| row.action == Action::Start).unwrap();
    assert_eq!((row.label.as_str(), row.name().as_str()), ("ctrl-s S", "screens.start"));
}

#[test]
fn a_key_with_two_meanings_is_refused_and_both_are_named() {
    let one = [change(Place::List, Action::Mark, &["x"])];
    let clashes = Keys::new(false).with(&one).unwrap_err();
    assert_eq!(clashes.len(), 1);
    assert_eq!(clashes[0].to_string(), "`x` would be both list.mark and screens.stop");
    let global = [change(Place::Screens, Action::Help, &["l"])];
    let text: Vec<String> = Keys::new(false).with(&global).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(text[0], "`l` would be both screens.help and list.enter");
    let both = [change(Place::List, Action::Up, &["w"]), change(Place::List, Action::Down, &["w"])];
    let clashes = Keys::new(false).with(&both).unwrap_err();
    assert_eq!((clashes.len(), clashes[0].change), (1, 1), "the later one is to blame");
}

#[test]
fn rows_may_swap_keys_and_other_places_do_not_matter() {
    let swap = [change(Place::List, Action::Mark, &["x"]), change(Place::Screens, Action::Stop, &["Q", "k"])];
    assert!(Keys::new(false).with(&swap).is_err(), "k is up");
    let swap = [change(Place::List, Action::Mark, &["x"]), change(Place::Screens, Action::Stop, &["Q"])];
    let keys = Keys::new(false).with(&swap).unwrap();
    assert_eq!(keys.action(Place::List, &key('x')), Some(Action::Mark));
    let elsewhere = [change(Place::Question, Action::Enter, &["x"])];
    assert!(Keys::new(false).with(&elsewhere).is_ok());
}

#[test]
fn labels_fit_and_ascii_has_no_arrows() {
    for ascii in [false, true] {
        for row in Keys::new(ascii).rows() {
            assert!(row.label.chars().count() <= 8 && !row.label.is_empty(), "{}", row.label);
            assert!(!ascii || row.label.is_ascii(), "{}", row.label);
        }
    }
}
