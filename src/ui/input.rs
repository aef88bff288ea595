//! A line that is typed into, with the keys of a shell: for filters, the palette, notes. It knows nothing of where it is
//! drawn; [`Input::window`] gives the part that fits.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mocolab::text::sanitize;
use unicode_width::UnicodeWidthChar;

/// Longer lines are nobody's: a paste of a whole file stays harmless.
const LONGEST: usize = 4096;

/// A line of text and the place in it where the next character goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    text: String,
    /// In bytes, always between two characters.
    at: usize,
}

/// What a key did to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Nothing: the key means something else.
    Ignored,
    /// The cursor may have moved.
    Moved,
    /// The text is another.
    Changed,
}

impl Input {
    /// A line that holds `text`, the cursor at its end.
    pub fn new(text: &str) -> Self {
        let mut input = Self::default();
        input.paste(text);
        input
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds one character before the cursor. Control characters have no place in a line.
    pub fn insert(&mut self, c: char) {
        self.paste(c.encode_utf8(&mut [0; 4]));
    }

    /// Adds text before the cursor: line ends and tabs become spaces, what a terminal would obey goes.
    pub fn paste(&mut self, text: &str) {
        let plain: String =
            text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).collect();
        let mut plain = sanitize(&plain);
        plain.truncate(plain.floor_char_boundary(LONGEST.saturating_sub(self.text.len())));
        self.text.insert_str(self.at, &plain);
        self.at += plain.len();
    }

    /// Takes a key, as a shell would.
    pub fn press(&mut self, key: &KeyEvent) -> Edit {
        if key.kind == KeyEventKind::Release {
            return Edit::Ignored;
        }
        let word = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let (start, end) = (0, self.text.len());
        match key.code {
            KeyCode::Char(c) if word => self.command(c, key.modifiers),
            KeyCode::Char(c) => {
                self.insert(c);
                Edit::Changed
            }
            KeyCode::Backspace if word => self.erase(self.word_before()),
            KeyCode::Backspace => self.erase(self.before()),
            KeyCode::Delete if word => self.erase(self.word_after()),
            KeyCode::Delete => self.erase(self.after()),
            KeyCode::Left if word => self.go(self.word_before()),
            KeyCode::Left => self.go(self.before()),
            KeyCode::Right if word => self.go(self.word_after()),
            KeyCode::Right => self.go(self.after()),
            KeyCode::Home => self.go(start),
            KeyCode::End => self.go(end),
            _ => Edit::Ignored,
        }
    }

    fn command(&mut self, c: char, modifiers: KeyModifiers) -> Edit {
        let (control, alt) = (modifiers.contains(KeyModifiers::CONTROL), modifiers.contains(KeyModifiers::ALT));
        match c {
            // Both together are how some terminals send AltGr: a character to be written.
            _ if control && alt => {
                self.insert(c);
                Edit::Changed
            }
            'a' if control => self.go(0),
            'e' if control => self.go(self.text.len()),
            'b' if control => self.go(self.before()),
            'f' if control => self.go(self.after()),
            'b' if alt => self.go(self.word_before()),
            'f' if alt => self.go(self.word_after()),
            'h' if control => self.erase(self.before()),
            'd' if control => self.erase(self.after()),
            'd' if alt => self.erase(self.word_after()),
            'w' if control => self.erase(self.word_before()),
            'u' if control => self.erase(0),
            'k' if control => self.erase(self.text.len()),
            _ => Edit::Ignored,
        }
    }

    fn go(&mut self, at: usize) -> Edit {
        self.at = at;
        Edit::Moved
    }

    /// Takes out what stands between the cursor and `to`.
    fn erase(&mut self, to: usize) -> Edit {
        let (from, to) = (self.at.min(to), self.at.max(to));
        self.text.drain(from..to);
        self.at = from;
        if from == to { Edit::Moved } else { Edit::Changed }
    }

    /// The place one character back. Marks that are set over a character go with it.
    fn before(&self) -> usize {
        let whole = |(_, c): &(usize, char)| c.width().unwrap_or(0) > 0;
        self.text[..self.at].char_indices().rev().find(whole).map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let whole = |(_, c): &(usize, char)| c.width().unwrap_or(0) > 0;
        let next = self.text[self.at..].char_indices().skip(1).find(whole);
        next.map_or(self.text.len(), |(at, _)| self.at + at)
    }

    /// The beginning of the word before the cursor; words end at spaces.
    fn word_before(&self) -> usize {
        let before = self.text[..self.at].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + 1)
    }

    /// The end of the word after the cursor.
    fn word_after(&self) -> usize {
        let rest = &self.text[self.at..];
        let gap = rest.len() - rest.trim_start().len();
        rest[gap..].find(char::is_whitespace).map_or(self.text.len(), |at| self.at + gap + at)
    }

    /// The part of the line that `width` columns have room for, with the cursor in it: its bytes, and the cursor's column.
    pub fn window(&self, width: usize) -> (std::ops::Range<usize>, usize) {
        let columns = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
        let mut start = 0;
        // A column is for the cursor itself, which may stand behind the last character.
        while start < self.at && columns(&self.text[start..self.at]) + 1 > width {
            start += self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
        let mut room = width;
        let fits = |(_, c): &(usize, char)| room.checked_sub(c.width().unwrap_or(0)).map(|rest| room = rest).is_some();
        let shown = self.text[start..].char_indices().take_while(fits).last();
        let end = shown.map_or(start, |(at, c)| start + at + c.len_utf8());
        (start..end, columns(&self.text[start..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn press(input: &mut Input, code: KeyCode, modifiers: KeyModifiers) -> Edit {
        input.press(&KeyEvent::new(code, modifiers))
    }

    fn shown(input: &Input) -> String {
        format!("{}|{}", &input.text[..input.at], &input.text[input.at..])
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        let mut input = Input::new("queue>6400 status:done");
        for (code, modifiers, after) in [
            (KeyCode::Char('w'), KeyModifiers::CONTROL, "queue>6400 |"),
            (KeyCode::Home, KeyModifiers::NONE, "|queue>6400 "),
            (KeyCode::Right, KeyModifiers::CONTROL, "queue>6400| "),
            (KeyCode::Backspace, KeyModifiers::NONE, "queue>640| "),
            (KeyCode::Char('x'), KeyModifiers::SHIFT, "queue>640x| "),
            (KeyCode::Left, KeyModifiers::NONE, "queue>640|x "),
            (KeyCode::Delete, KeyModifiers::NONE, "queue>640| "),
            (KeyCode::Char('k'), KeyModifiers::CONTROL, "queue>640|"),
            (KeyCode::Left, KeyModifiers::ALT, "|queue>640"),
            (KeyCode::Char('d'), KeyModifiers::ALT, "|"),
        ] {
            press(&mut input, code, modifiers);
            assert_eq!(shown(&input), after, "{code:?}");
        }
        assert_eq!(press(&mut input, KeyCode::Backspace, KeyModifiers::NONE), Edit::Moved, "nothing is left");
        assert_eq!(press(&mut input, KeyCode::Enter, KeyModifiers::NONE), Edit::Ignored);
        assert_eq!(press(&mut input, KeyCode::Char('c'), KeyModifiers::CONTROL), Edit::Ignored);
    }

    #[test]
    fn marks_go_with_their_character_and_a_paste_is_one_line() {
        let mut input = Input::new("ae\u{301}漢");
        press(&mut input, KeyCode::Left, KeyModifiers::NONE);
        press(&mut input, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(shown(&input), "a|漢");
        input.paste("b\r\n\x1b[31mc\td\u{202e}");
        assert_eq!(input.text(), "ab  [31mc d漢");
        input.paste(&"x".repeat(10_000));
        assert_eq!(input.text().len(), LONGEST);
    }

    #[test]
    fn the_cursor_stays_in_the_window() {
        let mut input = Input::new("漢字abcdef");
        assert_eq!(input.window(20), (0..12, 10));
        assert_eq!(input.window(4), (9..12, 3));
        press(&mut input, KeyCode::Home, KeyModifiers::NONE);
        assert_eq!(input.window(4), (0..6, 0));
        assert_eq!(input.window(3), (0..3, 0), "half a character is none");
        assert_eq!(input.window(0), (0..0, 0));
    }

    proptest! {
        #[test]
        fn any_keys_at_any_width_keep_the_line_whole(keys in prop::collection::vec((0..12_u8, any::<char>(), any::<bool>()), 0..60), width in 0..30_usize) {
            let mut input = Input::default();
            for (which, c, word) in keys {
                let codes = [KeyCode::Backspace, KeyCode::Delete, KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End];
                let code = codes.get(which as usize).copied().unwrap_or(KeyCode::Char(c));
                press(&mut input, code, if word { KeyModifiers::ALT } else { KeyModifiers::NONE });
                let (window, column) = input.window(width);
                prop_assert!(input.text().get(window).is_some());
                prop_assert!(column < width.max(1));
                prop_assert!(input.text().is_char_boundary(input.at) && !input.text().chars().any(char::is_control));
            }
        }
    }
}
