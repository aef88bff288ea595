//! The command palette: everything that can be done here, found by a few letters of its name. Beside each command stands
//! its key, so that the palette makes itself superfluous. Pure: it says what was chosen, and does nothing itself.
//!
//! ```text
//! ┌ commands ──────────────────────────────────────┐
//! │:rum                                            │
//! │  resume the run                              r │
//! │▌ go to run moco/20261124-223629                │
//! └ 2 of 61  Enter does it  ↑↓ choose  Esc closes ─┘
//! ```

mod draw;
mod fuzzy;

pub use draw::draw;

use crate::sight::Sight;
use crate::ui::keys::{Action, Keys, Place};
use crate::ui::theme::Look;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mocolab::run::RunDir;
use std::collections::BTreeSet;

/// Characters that a query may have; more is a paste gone astray.
const LONGEST: usize = 100;
/// Rows of a page.
const PAGE: usize = 8;

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What a key does at the place from which the palette was opened.
    Do(Action),
    /// Show a run.
    GoTo(RunDir),
    /// Use other colours until the end.
    Use(Look),
    /// Give a metric a column of the list, or take it away.
    Column(String),
}

/// A row of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    command: Command,
    /// What it does, in words; what is looked through.
    text: String,
    /// Its key, where it has one.
    key: String,
}

/// A row that fits what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    item: usize,
    score: i32,
    /// Which characters of the text fit, in order.
    fits: Vec<usize>,
}

/// What a key did to the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It stays open.
    Stays,
    /// It closes.
    Closes,
    /// It closes, and this is to be done.
    Chosen(Command),
}

/// An open palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    items: Vec<Item>,
    query: String,
    /// In characters of the query.
    cursor: usize,
    found: Vec<Found>,
    chosen: usize,
}

/// What can be chosen at `place`: the rows of the table of keys, first those of the place itself, then the runs, then the
/// themes. Moving about by rows is left to the keys.
pub fn items(keys: &Keys, place: Place, runs: impl IntoIterator<Item = RunDir>) -> Vec<Item> {
    use Action::{Back, Down, Enter, PageDown, PageUp, Up};
    let moves = |action| matches!(action, Up | Down | PageUp | PageDown | Enter | Back);
    let mut rows: Vec<_> = keys.at(place).filter(|row| !moves(row.action)).collect();
    rows.sort_by_key(|row| row.place != place);
    let of_row = |row: &crate::ui::keys::Row| Item {
        command: Command::Do(row.action),
        text: row.text.to_owned(),
        key: row.label.clone(),
    };
    let of_run = |run: RunDir| {
        let text = format!("go to run {}", mocolab::text::sanitize(&run.label()));
        Item { command: Command::GoTo(run), text, key: String::new() }
    };
    let of_look = |look: Look| {
        let text = format!("theme {}: {}", look.name(), look.about());
        Item { command: Command::Use(look), text, key: String::new() }
    };
    let items = rows.into_iter().map(of_row).chain(runs.into_iter().map(of_run));
    items.chain(Look::ALL.into_iter().map(of_look)).collect()
}

/// The metrics that any of `runs` has told, to be columns of the list; `shown` are some already.
pub fn metrics<'a>(runs: impl Iterator<Item = &'a Sight>, shown: &[String]) -> Vec<Item> {
    let known: BTreeSet<&str> = runs.flat_map(|sight| sight.state.latest.keys()).map(String::as_str).collect();
    let item = |metric: &str| {
        let does = if shown.iter().any(|one| one == metric) { "without column" } else { "column" };
        let text = format!("{does} {}", mocolab::text::sanitize(metric));
        Item { command: Command::Column(metric.to_owned()), text, key: String::new() }
    };
    known.into_iter().map(item).collect()
}

impl Palette {
    /// Opens with nothing typed: all rows, in their order.
    pub fn new(items: Vec<Item>) -> Self {
        let mut palette = Self { items, query: String::new(), cursor: 0, found: Vec::new(), chosen: 0 };
        palette.search();
        palette
    }

    /// Takes in a key.
    pub fn press(&mut self, key: &KeyEvent) -> Answer {
        if key.kind == KeyEventKind::Release {
            return Answer::Stays;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Answer::Closes,
            KeyCode::Char('c' | 'g') if control => return Answer::Closes,
            // As in vim: what was opened with `:` goes with its last character.
            KeyCode::Backspace if self.query.is_empty() => return Answer::Closes,
            KeyCode::Enter => return self.command().map_or(Answer::Stays, Answer::Chosen),
            KeyCode::Up | KeyCode::BackTab => self.step(-1),
            KeyCode::Down | KeyCode::Tab => self.step(1),
            KeyCode::Char('p' | 'k') if control => self.step(-1),
            KeyCode::Char('n' | 'j') if control => self.step(1),
            KeyCode::PageUp => self.chosen = self.chosen.saturating_sub(PAGE),
            KeyCode::PageDown => self.chosen = (self.chosen + PAGE).min(self.found.len().saturating_sub(1)),
            code => self.edit(code, control),
        }
        Answer::Stays
    }

    /// Takes in pasted text.
    pub fn paste(&mut self, text: &str) {
        text.chars().filter(|c| !c.is_control()).for_each(|c| self.insert(c));
        self.search();
    }

    fn edit(&mut self, code: KeyCode, control: bool) {
        let length = self.query.chars().count();
        match code {
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(length),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = length,
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = length,
            KeyCode::Char('u') if control => self.remove(0, self.cursor),
            KeyCode::Char('w') if control => {
                let before: Vec<char> = self.query.chars().take(self.cursor).collect();
                let word = before.iter().rposition(|c| !c.is_whitespace()).unwrap_or(0);
                let start = before[..word].iter().rposition(|c| c.is_whitespace()).map_or(0, |at| at + 1);
                self.remove(start, self.cursor);
            }
            KeyCode::Backspace if self.cursor > 0 => self.remove(self.cursor - 1, self.cursor),
            KeyCode::Delete => self.remove(self.cursor, self.cursor + 1),
            KeyCode::Char(c) if !control => {
                self.insert(c);
                self.search();
            }
            _ => {}
        }
    }

    fn insert(&mut self, c: char) {
        if self.query.chars().count() < LONGEST {
            self.query.insert(self.byte(self.cursor), c);
            self.cursor += 1;
        }
    }

    /// Removes the characters from `start` up to `end`.
    fn remove(&mut self, start: usize, end: usize) {
        self.query.replace_range(self.byte(start)..self.byte(end), "");
        self.cursor = start.min(self.query.chars().count());
        self.search();
    }

    fn byte(&self, character: usize) -> usize {
        self.query.char_indices().nth(character).map_or(self.query.len(), |(byte, _)| byte)
    }

    /// Up or down, from one end to the other.
    fn step(&mut self, by: isize) {
        let rows = self.found.len().max(1);
        self.chosen = self.chosen.checked_add_signed(by).unwrap_or(rows - 1) % rows;
    }

    fn command(&self) -> Option<Command> {
        self.found.get(self.chosen).map(|found| self.items[found.item].command.clone())
    }

    /// Best first; of the same worth in the order of the items.
    fn search(&mut self) {
        let query = fuzzy::Query::new(&self.query);
        let fits = |(item, one): (usize, &Item)| {
            let (score, fits) = query.score(&one.text)?;
            Some(Found { item, score, fits })
        };
        self.found = self.items.iter().enumerate().filter_map(fits).collect();
        self.found.sort_by_key(|found| std::cmp::Reverse(found.score));
        self.chosen = 0;
    }
}

#[cfg(test)]
mod tests;
