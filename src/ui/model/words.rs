//! What is typed on the line at the bottom: a note, tags, what to look for in a log.

use super::press::fail;
use super::{Cmd, Model, Screen};
use crate::ui::input::Input;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use mocolab::run::RunDir;

/// The line, and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// What it is about.
    pub about: About,
    /// The line.
    pub input: Input,
}

/// What is said of a run: the rest of its notes stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A note.
    Note(String),
    /// All its tags.
    Tags(Vec<String>),
}

/// What is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// What to look for in the log. What was looked for before, and where, for Esc.
    Find(String, usize),
    /// A note about a run.
    Note(RunDir),
    /// Its tags.
    Tags(RunDir),
}

impl About {
    /// Stands before the line.
    pub fn title(&self) -> String {
        match self {
            Self::Find(..) => "/".into(),
            Self::Note(run) => format!("note on {}: ", run.label()),
            Self::Tags(run) => format!("tags of {}: ", run.label()),
        }
    }
}

impl Model {
    /// Opens the line for a note about the run in front, or its tags.
    pub(super) fn ask_words(&mut self, tags: bool) -> Vec<Cmd> {
        let Some(sight) = self.run() else { return fail(self, "choose a run to write about") };
        let (run, notes) = (sight.run.clone(), &sight.notes);
        let text = if tags { notes.tags.join(" ") } else { notes.note.clone() };
        let about = if tags { About::Tags(run) } else { About::Note(run) };
        self.words = Some(Words { about, input: Input::new(&text) });
        Vec::new()
    }

    /// Opens the line for what to look for in the log.
    pub(super) fn ask_find(&mut self) {
        let about = About::Find(self.log_look.query.clone(), self.log_look.up);
        self.words = Some(Words { about, input: Input::new(&self.log_look.query) });
    }

    /// Takes a key while the line is open.
    pub(super) fn type_words(&mut self, key: &KeyEvent) -> Vec<Cmd> {
        let Some(words) = &mut self.words else { return Vec::new() };
        match key.code {
            _ if key.kind == KeyEventKind::Release => {}
            KeyCode::Esc => {
                if let Some(Words { about: About::Find(query, up), .. }) = self.words.take() {
                    (self.log_look.query, self.log_look.up) = (query, up);
                }
            }
            KeyCode::Enter => return self.take_words(),
            _ => {
                words.input.press(key);
                self.look_for();
            }
        }
        Vec::new()
    }

    /// Takes pasted text while the line is open.
    pub(super) fn paste_words(&mut self, text: &str) {
        if let Some(words) = &mut self.words {
            words.input.paste(text);
            self.look_for();
        }
    }

    /// The log shows what is typed while it is typed.
    fn look_for(&mut self) {
        if let (Screen::Log(_), Some(Words { about: About::Find(..), input })) = (&self.screen, &self.words) {
            self.log_look.look_for(&self.log, input.text());
        }
    }

    fn take_words(&mut self) -> Vec<Cmd> {
        let Some(Words { about, input }) = self.words.take() else { return Vec::new() };
        let text = input.text().trim().to_owned();
        match about {
            About::Find(..) => Vec::new(),
            About::Note(run) => vec![Cmd::Say(run, Said::Note(text))],
            About::Tags(run) => {
                let mut tags: Vec<String> = Vec::new();
                for tag in text.split([' ', ',']).filter(|tag| !tag.is_empty()) {
                    if !tags.iter().any(|known| known == tag) {
                        tags.push(tag.to_owned());
                    }
                }
                vec![Cmd::Say(run, Said::Tags(tags))]
            }
        }
    }
}
