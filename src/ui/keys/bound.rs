//! The table of keys as it counts now: the rows of [`TABLE`] with the keys the user wants instead.

use super::{Action, Place, Press, TABLE};
use crossterm::event::{KeyEvent, KeyEventKind};
use std::fmt;
use unicode_width::UnicodeWidthStr;

/// Columns that the keys of a row have in lists; keys with no room there are left out.
const LABEL: usize = 8;

/// A row of the table as it counts now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it counts.
    pub place: Place,
    /// What it does.
    pub action: Action,
    /// The keys that do it; the first is the one to show.
    pub keys: Vec<Press>,
    /// As many of the keys as 8 columns hold, parted by blanks.
    pub label: String,
    /// What it does, in a few words.
    pub text: &'static str,
    /// The word for it in the footer; empty where it isn't shown there.
    pub short: &'static str,
}

impl Row {
    /// The name of it in the user's file: `list.start`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.place.name(), self.action.name())
    }
}

/// Other keys for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row's place.
    pub place: Place,
    /// The row's action.
    pub action: Action,
    /// All its keys from now on.
    pub keys: Vec<Press>,
}

/// A key that would mean two things in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The key.
    pub key: Press,
    /// The rows' names, that of the change first.
    pub names: [String; 2],
    /// Which of the changes brought it about.
    pub change: usize,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [a, b] = &self.names;
        write!(f, "`{}` would be both {a} and {b}", self.key)
    }
}

/// The table of keys as it counts now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    rows: Vec<Row>,
    ascii: bool,
}

impl Keys {
    /// The standard keys; arrows are shown as words where `ascii`.
    pub fn new(ascii: bool) -> Self {
        let row = |binding: &super::Binding| {
            let keys: Vec<Press> = binding.keys.iter().filter_map(|word| word.parse().ok()).collect();
            let label = label(&keys, ascii);
            let super::Binding { place, action, text, short, .. } = *binding;
            Row { place, action, keys, label, text, short }
        };
        Self { rows: TABLE.iter().map(row).collect(), ascii }
    }

    /// These keys with `changes`, which count all at once: two rows may swap their keys. A later change of the same row
    /// counts.
    ///
    /// # Errors
    /// Every key that would mean two things in one place.
    pub fn with(mut self, changes: &[Change]) -> Result<Self, Vec<Clash>> {
        let mut by = vec![None; self.rows.len()];
        for (index, change) in changes.iter().enumerate() {
            let same = |row: &Row| (row.place, row.action) == (change.place, change.action);
            let Some(at) = self.rows.iter().position(same) else { continue };
            self.rows[at].keys.clone_from(&change.keys);
            self.rows[at].label = label(&change.keys, self.ascii);
            by[at] = Some(index);
        }
        let clashes = self.clashes(&by);
        if clashes.is_empty() { Ok(self) } else { Err(clashes) }
    }

    /// `by` says for each row which change gave it its keys.
    fn clashes(&self, by: &[Option<usize>]) -> Vec<Clash> {
        let mut clashes = Vec::new();
        for (at, later) in self.rows.iter().enumerate() {
            for (before, earlier) in self.rows[..at].iter().enumerate() {
                let meet = Place::ALL.iter().any(|place| place.has(later.place) && place.has(earlier.place));
                let Some(change) = by[at].max(by[before]).filter(|_| meet) else { continue };
                let (blamed, other) = if by[at] == Some(change) { (later, earlier) } else { (earlier, later) };
                let meant = |key: &Press| [later, earlier].iter().all(|row| is_standard(row, *key));
                let both = blamed.keys.iter().filter(|key| other.keys.contains(key) && !meant(key));
                clashes.extend(both.map(|key| Clash { key: *key, names: [blamed.name(), other.name()], change }));
            }
        }
        clashes
    }

    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that count at `place`. A row of all screens does not where a screen's own takes its keys.
    pub fn at(&self, place: Place) -> impl Iterator<Item = &Row> {
        let taken = move |row: &Row| {
            let own = self.rows.iter().filter(|own| own.place == place && row.place != place);
            row.keys.first().is_some_and(|key| own.clone().any(|own| own.keys.contains(key)))
        };
        self.rows.iter().filter(move |row| place.has(row.place) && !taken(row))
    }

    /// The first key for `action` at `place`, to be named in a sentence: `s starts it`.
    pub fn key_for(&self, place: Place, action: Action) -> Option<String> {
        let row = self.at(place).find(|row| row.action == action)?;
        row.keys.first().map(|key| key.label(self.ascii))
    }

    /// What `key` does at `place`, if anything. Control-C leaves from everywhere.
    pub fn action(&self, place: Place, key: &KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let press = Press::of(key);
        if press.is_interrupt() {
            return Some(Action::Quit);
        }
        self.at(place).find(|row| row.keys.contains(&press)).map(|row| row.action)
    }
}

/// Whether `key` is one of a row's keys as the table is written: where two such meet, the screen's own row counts.
fn is_standard(row: &Row, key: Press) -> bool {
    let binding = TABLE.iter().find(|binding| (binding.place, binding.action) == (row.place, row.action));
    binding.is_some_and(|binding| binding.keys.iter().any(|word| word.parse() == Ok(key)))
}

fn label(keys: &[Press], ascii: bool) -> String {
    let mut shown = String::new();
    for key in keys.iter().map(|key| key.label(ascii)) {
        if shown.is_empty() {
            shown = key;
        } else if shown.width() + 1 + key.width() <= LABEL {
            shown = shown + " " + &key;
        }
    }
    shown
}
