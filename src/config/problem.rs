//! What is wrong with a file, as its author reads it: place, line, value, what is allowed.

use crate::text::is_shown;
use std::{fmt, ops::Range};

/// Problems shown of one file; the rest is counted.
const SHOWN: usize = 100;
/// Characters shown of one line.
const WIDTH: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, counted from 1; 1 too where the file as a whole is wrong.
    pub line: usize,
    /// Character in the line, counted from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What is allowed and what to do next: a line each.
    pub help: Vec<String>,
    excerpt: Option<Excerpt>,
}

/// The line at fault, cut to a readable length, and the place of the mark under it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    indent: usize,
    width: usize,
}

/// Everything wrong with one file, in the order of its lines. As text: one block for each problem, without colours, safe
/// for a terminal whatever the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file as the user knows it.
    pub file: String,
    /// Never empty.
    pub list: Vec<Problem>,
    /// How many more there are than listed.
    pub more: usize,
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.write(&self.file, f)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n\nand {more} more"),
        }
    }
}

impl Problem {
    fn write(&self, file: &str, f: &mut fmt::Formatter) -> fmt::Result {
        let margin = if let Some(Excerpt { text, indent, width }) = &self.excerpt {
            writeln!(f, "{file}:{}:{}: {}", self.line, self.column, self.message)?;
            let margin = self.line.to_string().len() + 2;
            writeln!(f, "{:>margin$} | {text}", self.line)?;
            write!(f, "{:margin$} | {:indent$}{:^<width$}", "", "", "")?;
            margin
        } else {
            write!(f, "{file}: {}", self.message)?;
            2
        };
        self.help.iter().try_for_each(|line| write!(f, "\n{:margin$} = {line}", ""))
    }
}

/// The problems of one text, gathered in any order.
#[derive(Debug)]
pub struct Findings<'a> {
    text: &'a str,
    file: &'a str,
    found: Vec<Finding>,
    /// What is read now may hold secrets.
    secret: bool,
}

/// A problem before its line is looked up. `None` is the file as a whole.
#[derive(Debug, PartialEq)]
struct Finding {
    span: Option<Range<usize>>,
    message: String,
    help: Vec<String>,
    /// What stands in the line after a `=` is not to be shown.
    secret: bool,
}

impl<'a> Findings<'a> {
    /// None yet in `text`, which messages call `file`.
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file, found: Vec::new(), secret: false }
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Something wrong at `span`, in bytes; `help` is what is allowed or what to do next.
    pub fn add(&mut self, span: Range<usize>, message: impl Into<String>, help: impl IntoIterator<Item = String>) {
        let help = help.into_iter().collect();
        self.found.push(Finding { span: Some(span), message: message.into(), help, secret: self.secret });
    }

    /// Reads what may hold secrets: of lines in which something is found there no value is shown.
    pub fn hiding<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.secret = true;
        let read = read(self);
        self.secret = false;
        read
    }

    /// Something wrong with the file as a whole.
    pub fn add_whole(&mut self, message: impl Into<String>, help: impl IntoIterator<Item = String>) {
        let help = help.into_iter().collect();
        self.found.push(Finding { span: None, message: message.into(), help, secret: false });
    }

    /// The text at `span`, short enough for a message.
    pub fn quote(&self, span: Range<usize>) -> String {
        let text = self.text.get(span).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let short: String = line.chars().take(60).collect();
        if short.len() < text.len() { short + "…" } else { short }
    }

    /// `value` where nothing was found.
    ///
    /// # Errors
    /// What was found.
    pub fn into_result<T>(self, value: T) -> Result<T, Problems> {
        if self.found.is_empty() { Ok(value) } else { Err(self.into_problems()) }
    }

    /// What was found, sorted by place.
    pub fn into_problems(mut self) -> Problems {
        // variants of a grid repeat each other's problems
        self.found.sort_by(|a, b| a.order().cmp(&b.order()));
        self.found.dedup();
        let more = self.found.len().saturating_sub(SHOWN);
        let list = self.found.iter().take(SHOWN).map(|finding| finding.locate(self.text)).collect();
        Problems { file: printable(self.file), list, more }
    }
}

impl Finding {
    fn order(&self) -> (Option<(usize, usize)>, &str) {
        (self.span.as_ref().map(|span| (span.start, span.end)), &self.message)
    }

    fn locate(&self, text: &str) -> Problem {
        let place = self.span.as_ref().map(|span| Place::of(span, text));
        Problem {
            line: place.as_ref().map_or(1, |place| place.line),
            column: place.as_ref().map_or(1, |place| place.column),
            message: printable(&scrubbed(&self.message)),
            help: self.help.iter().map(|line| printable(line)).collect(),
            excerpt: place.map(|place| if self.secret { place.hidden() } else { place }.excerpt()),
        }
    }
}

/// A span as people count: lines and characters.
struct Place<'a> {
    line: usize,
    column: usize,
    characters: usize,
    line_text: &'a str,
}

impl<'a> Place<'a> {
    fn of(span: &Range<usize>, text: &'a str) -> Self {
        // what is missing at the end of the file is missing after the last thing in it
        let start = text.floor_char_boundary(span.start.min(text.trim_end().len()));
        let end = text.floor_char_boundary(span.end.min(text.len())).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            characters: text[start..end.min(line_end)].trim_end().chars().count().max(1),
            line_text: text[line_start..line_end].trim_end(),
        }
    }

    /// Without what stands after the `=`.
    fn hidden(self) -> Self {
        let end = self.line_text.find('=').map_or(0, |place| place + 1);
        let characters = self.line_text[..end].chars().count().saturating_sub(self.column - 1).max(1);
        Self { line_text: &self.line_text[..end], characters, ..self }
    }

    fn excerpt(&self) -> Excerpt {
        let before = self.column - 1;
        let skipped = if before + self.characters.min(WIDTH / 2) > WIDTH { before - WIDTH / 2 } else { 0 };
        let line = scrubbed(self.line_text);
        let mut characters = line.chars().skip(skipped);
        let mut text: String = characters.by_ref().take(WIDTH).collect();
        if characters.next().is_some() {
            text.push('…');
        }
        if skipped > 0 {
            text.insert(0, '…');
        }
        let indent = before - skipped + usize::from(skipped > 0);
        let width = self.characters.min(text.chars().count().saturating_sub(indent)).max(1);
        Excerpt { text: printable(&text), indent, width }
    }
}

/// Without what follows the `://` of an address, which may be a password, whatever else is wrong with its line.
fn scrubbed(text: &str) -> String {
    let mut rest = text;
    let mut clean = String::new();
    while let Some(place) = rest.find("://") {
        let (before, after) = rest.split_at(place + 3);
        clean.push_str(before);
        clean.push('…');
        rest = after.trim_start_matches(|c: char| !c.is_whitespace() && !"`\"',".contains(c));
    }
    clean + rest
}

/// One visible character for each character: what would steer a terminal or turn the reading order is shown as `�`.
pub(super) fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || !is_shown(c);
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if steers(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> (usize, usize) {
        let place = Place::of(&span, text);
        (place.line, place.column)
    }

    #[test]
    fn places_are_counted_in_characters_and_stay_in_the_file() {
        assert_eq!(place("", 0..0), (1, 1));
        assert_eq!(place("a\nbc\n", 3..4), (2, 2));
        assert_eq!(place("ä = 1", 3..4), (1, 3));
        assert_eq!(place("a =\r\n\n\n", 7..7), (1, 4));
        assert_eq!(place("ä", 1..9), (1, 1));
    }

    #[test]
    fn long_lines_are_cut_around_the_fault() {
        let text = format!("{}BAD{}", "x".repeat(500), "y".repeat(500));
        let excerpt = Place::of(&(500..503), &text).excerpt();
        assert_eq!(excerpt.text.chars().count(), WIDTH + 2);
        let marked: String = excerpt.text.chars().skip(excerpt.indent).take(excerpt.width).collect();
        assert_eq!(marked, "BAD");
    }

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        assert_eq!(printable("a\u{1b}[31m\u{7}\u{202e}\u{9b}\tb"), "a�[31m��� b");
    }
}
