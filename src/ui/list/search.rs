//! The filter and the line it is typed on: it filters while it is typed. A term that can't be understood is said to be
//! wrong, and the others stay in force.

use super::filter::{Filter, FilterError, Subject};
use super::{ListState, Row, Rows, Target};
use crate::sight::Sight;
use crate::ui::input::{Edit, Input};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use mocolab::run::RunDir;
use std::collections::BTreeMap;

/// Filters that are remembered.
const HISTORY: usize = 100;

/// The filter in force, the line it is typed on, and earlier ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search {
    filter: Filter,
    /// What is in force, as typed.
    text: String,
    line: Option<Line>,
    history: Vec<String>,
}

/// The open line.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    input: Input,
    error: Option<FilterError>,
    /// What was in force before, for Esc.
    before: String,
    /// The place in the history; its length for what is being typed.
    at: usize,
    /// What was being typed before the history was leafed through.
    draft: String,
}

impl Search {
    /// The filter in force.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The filter in force as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line, while it is open.
    pub fn line(&self) -> Option<&Input> {
        self.line.as_ref().map(|line| &line.input)
    }

    /// What is wrong with the line.
    pub fn error(&self) -> Option<&FilterError> {
        self.line.as_ref()?.error.as_ref()
    }

    /// Opens the line on the filter in force.
    pub fn open(&mut self) {
        let (input, before, at) = (Input::new(&self.text), self.text.clone(), self.history.len());
        self.line = Some(Line { input, error: None, before, at, draft: String::new() });
    }

    /// Takes a key while the line is open: true where it was one of the line. Enter keeps the filter, Esc goes back to the
    /// one before, the arrows leaf through earlier ones.
    pub fn press(&mut self, key: &KeyEvent) -> bool {
        let Some(line) = &mut self.line else { return false };
        match key.code {
            _ if key.kind == KeyEventKind::Release => return false,
            KeyCode::Enter => self.keep(),
            KeyCode::Esc => {
                let before = std::mem::take(&mut line.before);
                self.line = None;
                self.put(&before);
            }
            KeyCode::Up => self.leaf(line_before),
            KeyCode::Down => self.leaf(|at| at + 1),
            _ => match line.input.press(key) {
                Edit::Ignored => return false,
                Edit::Moved => {}
                Edit::Changed => self.heed(),
            },
        }
        true
    }

    /// Takes pasted text while the line is open.
    pub fn paste(&mut self, text: &str) {
        if let Some(line) = &mut self.line {
            line.input.paste(text);
            self.heed();
        }
    }

    /// With `text` in force, as from the command line.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, FilterError> {
        let mut search = Self { filter: Filter::parse(text)?, text: text.trim().to_owned(), ..Self::default() };
        search.remember();
        Ok(search)
    }

    /// Shows all runs again; true where some were hidden.
    pub fn clear(&mut self) -> bool {
        let hid = !self.filter.is_empty();
        (self.filter, self.line) = (Filter::default(), None);
        self.text.clear();
        hid
    }

    /// What is typed comes into force, if it is a filter.
    fn heed(&mut self) {
        let Some(line) = &mut self.line else { return };
        match Filter::parse(line.input.text()) {
            Ok(filter) => {
                line.error = None;
                line.input.text().trim().clone_into(&mut self.text);
                self.filter = filter;
            }
            Err(error) => {
                // What was typed before the term that is wrong, a key without its sign say, was taken for a word.
                let rest = without(line.input.text(), &error);
                if let Ok(filter) = Filter::parse(&rest) {
                    rest.trim().clone_into(&mut self.text);
                    self.filter = filter;
                }
                line.error = Some(error);
            }
        }
    }

    /// Closes the line. One that is no filter stays open: closed, it would say something else than it shows.
    fn keep(&mut self) {
        if self.error().is_none() {
            self.line = None;
            self.remember();
        }
    }

    fn put(&mut self, text: &str) {
        self.filter = Filter::parse(text).unwrap_or_default();
        text.clone_into(&mut self.text);
    }

    fn remember(&mut self) {
        if !self.text.is_empty() {
            self.history.retain(|earlier| *earlier != self.text);
            self.history.push(self.text.clone());
            let over = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..over);
        }
    }

    fn leaf(&mut self, to: impl Fn(usize) -> usize) {
        let Some(line) = &mut self.line else { return };
        let at = to(line.at).min(self.history.len());
        if at == line.at {
            return;
        }
        if line.at == self.history.len() {
            line.input.text().clone_into(&mut line.draft);
        }
        line.input = Input::new(self.history.get(at).unwrap_or(&line.draft));
        line.at = at;
        self.heed();
    }

    /// The filter to jump by: the one in force, else the latest that was.
    fn sought(&self) -> Filter {
        let latest = || self.history.last().and_then(|text| Filter::parse(text).ok()).unwrap_or_default();
        if self.filter.is_empty() { latest() } else { self.filter.clone() }
    }
}

/// `text` without the term that `error` is about.
fn without(text: &str, error: &FilterError) -> String {
    let start = text[..error.span.start].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let rest = &text[error.span.end..];
    format!("{}{}", &text[..start], rest.find(char::is_whitespace).map_or("", |at| &rest[at..]))
}

fn line_before(at: usize) -> usize {
    at.saturating_sub(1)
}

impl ListState {
    /// Puts the cursor on the next run that fits the filter in force, or else the latest one; round at the end. False where
    /// there is none.
    pub fn jump(&mut self, rows: &Rows, runs: &BTreeMap<RunDir, Sight>, now: f64, forward: bool) -> bool {
        let sought = self.search.sought();
        let fits = |row: &Row| match row {
            Row::Run { run, .. } => {
                let sight = runs.get(run);
                sight.is_some_and(|sight| sought.accepts_subject(&Subject::run(sight, rows.values(run)), now))
            }
            _ => false,
        };
        let (before, after) = rows.rows().split_at(self.cursor().min(rows.rows().len()));
        let others = after.iter().skip(1).chain(before);
        let found = if forward { others.into_iter().find(|row| fits(row)) } else { others.rev().find(|row| fits(row)) };
        let target: Option<Target> = found.map(Row::target);
        let found = target.is_some();
        if let Some(target) = target {
            self.choose(rows, target);
        }
        found
    }
}
