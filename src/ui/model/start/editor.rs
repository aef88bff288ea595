//! The table of settings of a run that is about to start: a value is typed over another, checked as `experiments.toml` is,
//! and undone by a key.

use crate::ui::input::{Edit, Input};
use crate::ui::keys::Action;
use crate::ui::model::press::moved;
use crossterm::event::KeyEvent;
use mocolab::config::{Entry, change, entries};
use mocolab::experiment::Experiment;

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub struct Editor {
    /// Its rows.
    pub entries: Vec<Entry>,
    /// The row chosen.
    pub cursor: usize,
    /// The value being typed, if any.
    pub typing: Option<Typing>,
}

/// A value being typed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Typing {
    /// The line.
    pub input: Input,
    /// Why it was refused, and what is allowed: a line each.
    pub refused: Vec<String>,
}

impl Editor {
    /// The settings of `experiment`.
    pub fn new(experiment: &Experiment) -> Self {
        Self { entries: entries(experiment), cursor: 0, typing: None }
    }

    /// The row chosen.
    pub fn chosen(&self) -> Option<&Entry> {
        self.entries.get(self.cursor)
    }

    /// Does `action` to the table of `now`, which `file` is undone to. Returns whether the table stays open.
    pub(super) fn act(&mut self, action: Action, now: &mut Experiment, file: &Experiment) -> bool {
        let Some(entry) = self.entries.get(self.cursor) else { return false };
        match (&mut self.typing, action) {
            (Some(_), Action::Back) => self.typing = None,
            (Some(typing), Action::Word) => typing.next(entry.allowed),
            (Some(typing), Action::Enter) => match change(now, entry.name, typing.input.text()) {
                Ok(changed) => self.show(now, changed),
                Err(problems) => {
                    let problem = problems.list.into_iter().next();
                    typing.refused =
                        problem.map_or_else(Vec::new, |problem| [vec![problem.message], problem.help].concat());
                }
            },
            (Some(_), _) => {}
            (None, Action::Back) => return false,
            (None, Action::Enter) => self.typing = Some(Typing::new(&entry.value)),
            (None, Action::Undo) => {
                let before = entries(file).into_iter().find(|before| before.name == entry.name);
                if let Some(changed) = before.and_then(|before| change(now, before.name, &before.value).ok()) {
                    self.show(now, changed);
                }
            }
            (None, action) => self.cursor = moved(self.cursor, action, self.entries.len()),
        }
        true
    }

    fn show(&mut self, now: &mut Experiment, changed: Experiment) {
        *now = changed;
        self.entries = entries(now);
        self.typing = None;
    }
}

impl Typing {
    fn new(text: &str) -> Self {
        Self { input: Input::new(text), refused: Vec::new() }
    }

    /// A key that is no command.
    pub(super) fn press(&mut self, key: &KeyEvent) {
        if self.input.press(key) == Edit::Changed {
            self.refused.clear();
        }
    }

    /// Pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.input.paste(text);
        self.refused.clear();
    }

    /// Puts the next of the words that are `allowed` in its place, where there are such.
    fn next(&mut self, allowed: &str) {
        let words: Vec<String> = match allowed {
            "true or false" => ["true", "false"].map(str::to_owned).to_vec(),
            list if list.contains(" | ") => list.split(" | ").map(|word| format!("\"{word}\"")).collect(),
            _ => return,
        };
        let here = words.iter().position(|word| *word == self.input.text().trim());
        let next = here.map_or(0, |here| (here + 1) % words.len());
        *self = Self::new(&words[next]);
    }
}
