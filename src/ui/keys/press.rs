//! One press of a key: as a terminal reports it, as the user's file names it, and as the footer shows it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;
use std::str::FromStr;

/// A key with what is held down beside it. `shift` stands only with keys that are no characters: `G` is a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Press {
    code: KeyCode,
    held: KeyModifiers,
}

/// Word in the file, key, and how the footer shows it, with arrows and in ASCII.
const NAMED: &[(&str, KeyCode, &str, &str)] = &[
    ("up", KeyCode::Up, "↑", "Up"),
    ("down", KeyCode::Down, "↓", "Down"),
    ("left", KeyCode::Left, "←", "Left"),
    ("right", KeyCode::Right, "→", "Right"),
    ("pageup", KeyCode::PageUp, "PgUp", "PgUp"),
    ("pagedown", KeyCode::PageDown, "PgDn", "PgDn"),
    ("home", KeyCode::Home, "Home", "Home"),
    ("end", KeyCode::End, "End", "End"),
    ("enter", KeyCode::Enter, "Enter", "Enter"),
    ("esc", KeyCode::Esc, "Esc", "Esc"),
    ("tab", KeyCode::Tab, "Tab", "Tab"),
    ("backtab", KeyCode::BackTab, "S-Tab", "S-Tab"),
    ("space", KeyCode::Char(' '), "Space", "Space"),
    ("backspace", KeyCode::Backspace, "BkSp", "BkSp"),
    ("delete", KeyCode::Delete, "Del", "Del"),
    ("insert", KeyCode::Insert, "Ins", "Ins"),
];

const HELD: [(&str, KeyModifiers); 3] =
    [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];

impl Press {
    /// Which words name a key.
    pub const ALLOWED: &'static str = "a character (`x`, `G`, `?`), `f1` to `f12`, `up`, `down`, `left`, `right`, \
        `pageup`, `pagedown`, `home`, `end`, `enter`, `esc`, `tab`, `backtab`, `space`, `backspace`, `delete`, `insert`; \
        before it `ctrl-`, `alt-`, `shift-`";

    /// The press of an event. Terminals differ in what they say of Shift, so it is taken into the character.
    pub fn of(event: &KeyEvent) -> Self {
        let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        Self { code: event.code, held }.plain()
    }

    /// Control-C, which leaves from everywhere and can't be given another meaning.
    pub fn is_interrupt(self) -> bool {
        self == Self { code: KeyCode::Char('c'), held: KeyModifiers::CONTROL }
    }

    fn plain(self) -> Self {
        let shift = self.held.contains(KeyModifiers::SHIFT);
        let without = self.held - KeyModifiers::SHIFT;
        match self.code {
            KeyCode::Char(c) if without.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), held: without }
            }
            KeyCode::Char(c) if shift => Self { code: KeyCode::Char(c.to_ascii_uppercase()), held: without },
            KeyCode::Tab if shift => Self { code: KeyCode::BackTab, held: without },
            KeyCode::Char(_) | KeyCode::BackTab => Self { code: self.code, held: without },
            _ => self,
        }
    }

    /// As the footer shows it.
    pub fn label(self, ascii: bool) -> String {
        let named = NAMED.iter().find(|(_, code, ..)| *code == self.code);
        let key = match named {
            Some((_, _, arrow, plain)) => (if ascii { *plain } else { *arrow }).to_owned(),
            None => self.code.to_string(),
        };
        self.held_words() + &key
    }

    fn held_words(self) -> String {
        HELD.iter().filter(|(_, held)| self.held.contains(*held)).map(|(word, _)| *word).collect()
    }
}

/// As the user's file names it.
impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.held_words())?;
        match (NAMED.iter().find(|(_, code, ..)| *code == self.code), self.code) {
            (Some((word, ..)), _) => f.write_str(word),
            (None, KeyCode::F(number)) => write!(f, "f{number}"),
            (None, code) => write!(f, "{code}"),
        }
    }
}

/// From the word of the user's file; the error says what is wrong with it.
impl FromStr for Press {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (held, key) = parted(word);
        let code = code(key).ok_or_else(|| format!("`{word}` is not a key"))?;
        let press = Self { code, held }.plain();
        if press.is_interrupt() {
            return Err(format!("`{word}` always leaves, and can have no other meaning"));
        }
        let control = held.contains(KeyModifiers::CONTROL);
        let shift = held.contains(KeyModifiers::SHIFT);
        match code {
            KeyCode::Char(c) if control => match c.to_ascii_lowercase() {
                'i' => Err(format!("`{word}` can't be told from `tab` by a terminal")),
                'm' => Err(format!("`{word}` can't be told from `enter` by a terminal")),
                '[' => Err(format!("`{word}` can't be told from `esc` by a terminal")),
                _ => Ok(press),
            },
            KeyCode::Char(c) if shift && !c.is_ascii_alphabetic() => {
                Err(format!("`{word}` differs from keyboard to keyboard: write the character it gives"))
            }
            _ => Ok(press),
        }
    }
}

/// What is held down, and the key.
fn parted(word: &str) -> (KeyModifiers, &str) {
    let (mut held, mut rest) = (KeyModifiers::NONE, word);
    while let Some((with, key)) = HELD.iter().find_map(|(prefix, with)| {
        let key = rest.strip_prefix(prefix).filter(|key| !key.is_empty())?;
        (!held.contains(*with)).then_some((*with, key))
    }) {
        (held, rest) = (held | with, key);
    }
    (held, rest)
}

fn code(key: &str) -> Option<KeyCode> {
    if let Some((_, code, ..)) = NAMED.iter().find(|(word, ..)| *word == key) {
        return Some(*code);
    }
    let mut characters = key.chars();
    match (characters.next()?, characters.as_str()) {
        (c, "") => (!c.is_control() && !c.is_whitespace()).then_some(KeyCode::Char(c)),
        ('f', number) => number.parse().ok().filter(|number| (1..=12).contains(number)).map(KeyCode::F),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_word_and_one_press() {
        for word in ["x", "G", "?", "-", "ctrl-r", "alt-x", "ctrl--", "ctrl-alt-w", "shift-up", "f12", "space", "ä"] {
            assert_eq!(word.parse::<Press>().unwrap().to_string(), word);
        }
        for (word, ..) in NAMED {
            assert_eq!(word.parse::<Press>().unwrap().to_string(), *word);
        }
        let same = |a: &str, b: &str| assert_eq!(a.parse::<Press>(), b.parse::<Press>());
        same("shift-g", "G");
        same("ctrl-R", "ctrl-r");
        same("shift-tab", "backtab");
        same("alt-ctrl-w", "ctrl-alt-w");
    }

    #[test]
    fn what_is_no_key_or_means_something_already_is_refused() {
        for (word, error) in [
            ("", "`` is not a key"),
            ("gg", "`gg` is not a key"),
            ("f13", "`f13` is not a key"),
            ("ctrl-", "`ctrl-` is not a key"),
            ("\u{1b}", "`\u{1b}` is not a key"),
            ("ctrl-c", "`ctrl-c` always leaves, and can have no other meaning"),
            ("ctrl-i", "`ctrl-i` can't be told from `tab` by a terminal"),
            ("shift-1", "`shift-1` differs from keyboard to keyboard: write the character it gives"),
        ] {
            assert_eq!(word.parse::<Press>().unwrap_err(), error);
        }
    }

    #[test]
    fn terminals_that_report_shift_and_those_that_do_not_mean_the_same() {
        let event = |code, held| Press::of(&KeyEvent::new(code, held));
        let shift = KeyModifiers::SHIFT;
        assert_eq!(event(KeyCode::Char('G'), KeyModifiers::NONE), event(KeyCode::Char('g'), shift));
        assert_eq!(event(KeyCode::Char('G'), shift), "G".parse().unwrap());
        assert_eq!(event(KeyCode::Char('?'), shift), "?".parse().unwrap());
        assert_eq!(event(KeyCode::BackTab, shift), "shift-tab".parse().unwrap());
        assert_ne!(event(KeyCode::Up, shift), "up".parse().unwrap());
        assert_ne!(event(KeyCode::Char('x'), KeyModifiers::ALT), "x".parse().unwrap());
    }

    #[test]
    fn labels_come_with_arrows_or_without() {
        let label = |word: &str, ascii| word.parse::<Press>().unwrap().label(ascii);
        assert_eq!(
            ["up", "ctrl-r", "pageup", "f2", "shift-left"].map(|word| label(word, false)),
            ["↑", "ctrl-r", "PgUp", "F2", "shift-←"]
        );
        assert_eq!(["up", "shift-left", "space"].map(|word| label(word, true)), ["Up", "shift-Left", "Space"]);
    }
}
