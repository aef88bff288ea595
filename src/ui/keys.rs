//! One table of keys: what is pressed, where, what it does, how it is called. Dispatch, footer and help are views of it.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Into the chosen row, or yes.
    Enter,
    /// One layer back, or no.
    Back,
    /// Train the experiment under the cursor.
    Start,
    /// Stop the run under the cursor.
    Stop,
    /// Go on with the run under the cursor.
    Resume,
    /// The newer run of the list.
    Previous,
    /// The older run of the list.
    Next,
    /// Show the keys.
    Help,
    /// Leave; runs go on.
    Quit,
}

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On every screen, when no dialogue is open.
    Screens,
    /// On the list of experiments.
    List,
    /// On the screen of one run.
    Run,
    /// In a list of choices.
    Choice,
    /// At a question.
    Question,
    /// On a page to read.
    Page,
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    place: Place,
    keys: &'static [KeyCode],
    /// The keys as written for people.
    pub label: &'static str,
    /// What it does, in a few words.
    pub text: &'static str,
    /// The word for it in the footer; empty where it isn't shown there.
    pub short: &'static str,
    action: Action,
}

macro_rules! bindings {
    ($($place:ident $label:literal [$($key:expr),*] $action:ident $text:literal $short:literal;)*) => {
        &[$(Binding {
            place: Place::$place,
            keys: &[$($key),*],
            label: $label,
            text: $text,
            short: $short,
            action: Action::$action,
        }),*]
    };
}

use KeyCode::{Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up};

/// All keys.
pub const TABLE: &[Binding] = bindings! {
    List "↑ k" [Up, Char('k')] Up "up" "";
    List "↓ j" [Down, Char('j')] Down "down" "";
    List "PgUp" [PageUp] PageUp "a page up" "";
    List "PgDn" [PageDown] PageDown "a page down" "";
    List "Home g" [Home, Char('g')] First "first row" "";
    List "End G" [End, Char('G')] Last "last row" "";
    List "Enter" [Enter, Right, Char('l')] Enter "open the run" "open";
    List "s" [Char('s')] Start "start the experiment" "start";
    Run "s" [Char('s')] Start "start the experiment again" "";
    Screens "x" [Char('x')] Stop "stop the run" "stop";
    Screens "r" [Char('r')] Resume "resume the run" "resume";
    Run "↑ k" [Up, Char('k')] Up "log up" "";
    Run "↓ j" [Down, Char('j')] Down "log down" "";
    Run "PgUp" [PageUp] PageUp "log a page up" "";
    Run "PgDn" [PageDown] PageDown "log a page down" "";
    Run "Home g" [Home, Char('g')] First "start of the log" "";
    Run "End G" [End, Char('G')] Last "follow the log" "";
    Run "[ p" [Char('['), Char('p')] Previous "the run above" "";
    Run "] n" [Char(']'), Char('n')] Next "the run below" "next";
    Run "Esc" [Esc, Left, Char('h')] Back "back to the list" "back";
    Screens "?" [Char('?')] Help "help" "help";
    Screens "q" [Char('q')] Quit "leave; runs go on" "leave";
    Choice "↑ k" [Up, Char('k')] Up "up" "";
    Choice "↓ j" [Down, Char('j')] Down "down" "choose";
    Choice "Enter y" [Enter, Char('y')] Enter "train there" "train there";
    Choice "Esc n" [Esc, Char('n'), Char('q')] Back "no" "no";
    Question "Enter y" [Enter, Char('y')] Enter "yes" "yes";
    Question "Esc n" [Esc, Char('n'), Char('q')] Back "no" "no";
    Page "Esc" [Esc, Enter, Char('q'), Char('?')] Back "close" "close";
};

/// The rows that count at `place`.
pub fn at(place: Place) -> impl Iterator<Item = &'static Binding> {
    let screen = matches!(place, Place::List | Place::Run);
    let counts = move |binding: &&Binding| binding.place == place || (screen && binding.place == Place::Screens);
    TABLE.iter().filter(counts)
}

/// What `key` does at `place`, if anything.
pub fn action(place: Place, key: &KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == Char('c')).then_some(Action::Quit);
    }
    at(place).find(|binding| binding.keys.contains(&key.code)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for place in [Place::List, Place::Run, Place::Choice, Place::Question, Place::Page] {
            let keys: Vec<&KeyCode> = at(place).flat_map(|binding| binding.keys).collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{key:?} at {place:?}");
            }
        }
    }

    #[test]
    fn a_release_is_no_press_and_control_c_always_leaves() {
        let mut key = KeyEvent::new(Char('q'), KeyModifiers::NONE);
        assert_eq!(action(Place::List, &key), Some(Action::Quit));
        key.kind = KeyEventKind::Release;
        assert_eq!(action(Place::List, &key), None);
        let key = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(Place::Question, &key), Some(Action::Quit));
    }
}
