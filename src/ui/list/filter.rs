//! The filter language of the list: `queue>6400 status:running,failed -has:alerts moco`. All terms must hold; `or` between
//! two terms makes them alternatives; `-` or `!` turns one round; `,` lists values; quotes hold what has spaces.
//!
//! A filter prints as text that parses to the same filter.

mod key;
mod parse;
pub mod subject;

pub use key::Key;
pub use parse::FilterError;
pub use subject::Subject;

use crate::sight::Sight;
use mocolab::experiment::Experiment;
use std::fmt;
use subject::Fact;

/// What runs a list shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Each must hold; one does if any of its terms does.
    clauses: Vec<Vec<Term>>,
}

/// One test of a run.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// A word to be found in the name.
    Word(String),
    /// What is known under `key` compared with any of `values`.
    Compare { key: Key, relation: Relation, values: Vec<Value> },
}

/// How what is known stands to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// `:` and `=`.
    Is,
    /// `~`: contains.
    Like,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
    Seconds(f64),
}

impl Filter {
    /// Reads a filter as a user types it.
    ///
    /// # Errors
    /// Names the first term that can't be understood, what is allowed there, and the nearest to what was written.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Does the run fit? `now` is in seconds since 1970.
    pub fn accepts(&self, sight: &Sight, now: f64) -> bool {
        self.accepts_subject(&Subject::run(sight, None), now)
    }

    /// Does an experiment fit that was never run? What only runs have, it has not.
    pub fn accepts_experiment(&self, experiment: &Experiment, now: f64) -> bool {
        self.accepts_subject(&Subject::experiment(experiment), now)
    }

    /// Does `subject` fit?
    pub fn accepts_subject(&self, subject: &Subject, now: f64) -> bool {
        self.clauses.iter().all(|terms| terms.iter().any(|term| term.holds(subject, now)))
    }

    /// The metrics that it asks for, for a word of help where no run has them.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().flatten().filter_map(|term| match &term.test {
            Test::Compare { key: Key::Metric(name), .. } => Some(name.as_str()),
            _ => None,
        })
    }
}

impl Term {
    fn holds(&self, subject: &Subject, now: f64) -> bool {
        let holds = match &self.test {
            Test::Word(word) => is_in_name(word, &subject.label),
            Test::Compare { key, relation, values } => {
                let fact = subject.fact(key, now);
                values.iter().any(|value| relation.holds(&fact, value))
            }
        };
        holds != self.negated
    }
}

impl Relation {
    const fn sign(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::Like => "~",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    fn holds(self, fact: &Fact, value: &Value) -> bool {
        match (fact, value) {
            (Fact::Number(known), Value::Number(asked) | Value::Seconds(asked)) => self.compares(*known, *asked),
            (Fact::Words(known), Value::Text(asked)) => known.iter().any(|word| match self {
                Self::Like => contains(word, asked),
                _ => is_like(asked, word),
            }),
            _ => false,
        }
    }

    fn compares(self, known: f64, asked: f64) -> bool {
        match self {
            // Figures that were written and read again: the last digit may differ.
            Self::Is => (known - asked).abs() <= 1e-9 * known.abs().max(asked.abs()),
            Self::Like => false,
            Self::Less => known < asked,
            Self::AtMost => known <= asked,
            Self::More => known > asked,
            Self::AtLeast => known >= asked,
        }
    }
}

/// Whether `text` holds `part`, capitals or not.
fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Whether `text` is `pattern` with any characters in the place of each `*`, capitals or not.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').map_or((None, rest), |(middle, end)| (Some(middle), end));
    // The first place of each part leaves most room for the next.
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(end)
}

/// Whether a run called `label` may be meant by `word`: it holds it, or its letters in this order from the beginning of a
/// part on, as `mq64` for `moco.queue-6400`.
fn is_in_name(word: &str, label: &str) -> bool {
    let (word, label) = (word.to_lowercase(), label.to_lowercase());
    if label.contains(&word) {
        return true;
    }
    // The id is digits: any word of digits would be found in it.
    let name = label.split('/').next().unwrap_or_default();
    let starts = std::iter::once(0).chain(name.match_indices(['.', '-', '_']).map(|(at, _)| at + 1));
    word.chars().any(char::is_alphabetic)
        && starts.into_iter().any(|start| {
            let mut letters = name[start..].chars();
            let first = word.chars().next() == letters.clone().next();
            first && word.chars().all(|wanted| letters.any(|c| c == wanted))
        })
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, clause) in self.clauses.iter().enumerate() {
            for (other, term) in clause.iter().enumerate() {
                let between = if other > 0 { " or " } else { " " };
                f.write_str(if place + other == 0 { "" } else { between })?;
                write!(f, "{term}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.negated { "-" } else { "" })?;
        match &self.test {
            Test::Word(word) => f.write_str(&quoted(word)),
            Test::Compare { key, relation, values } => {
                write!(f, "{}{}", key.name(), relation.sign())?;
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                f.write_str(&values.join(","))
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Seconds(seconds) => {
                let whole = |(_, unit): &&(char, f64)| (seconds % unit).abs() == 0.0;
                let (letter, unit) = parse::UNITS.iter().find(whole).unwrap_or(&('s', 1.0));
                write!(f, "{}{letter}", seconds / unit)
            }
        }
    }
}

/// `text` in quotes where something in it would be read as more than text.
fn quoted(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || "\"\\,:=<>~!".contains(c);
    if text.is_empty() || text.starts_with('-') || text.eq_ignore_ascii_case("or") || text.contains(special) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}
