//! Reads a filter: pieces between spaces, each a word or key, sign and values, with their places for messages.

use super::key::{Key, Kind};
use super::{Filter, Relation, Term, Test, Value, key};
use mocolab::config::did_you_mean;
use std::fmt;
use std::ops::Range;

/// Units of durations, longest first.
pub(super) const UNITS: [(char, f64); 5] = [('w', 604_800.0), ('d', 86_400.0), ('h', 3600.0), ('m', 60.0), ('s', 1.0)];

/// Seconds that are no time any more.
const LONGEST: f64 = 1e12;

/// The signs; of two that begin alike the longer stands first.
const SIGNS: [(&str, Relation, bool); 8] = [
    ("!=", Relation::Is, true),
    (">=", Relation::AtLeast, false),
    ("<=", Relation::AtMost, false),
    (":", Relation::Is, false),
    ("=", Relation::Is, false),
    ("~", Relation::Like, false),
    (">", Relation::More, false),
    ("<", Relation::Less, false),
];

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The bytes of the text that can't be understood.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What is allowed, or was probably meant.
    pub help: String,
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

/// A character of the text without the quotes around it.
#[derive(Debug, Clone, Copy)]
struct Letter {
    at: usize,
    c: char,
    /// Only text, whatever it means elsewhere.
    quoted: bool,
}

/// What stands between spaces.
#[derive(Debug, Default)]
struct Piece {
    span: Range<usize>,
    letters: Vec<Letter>,
    quotes: bool,
}

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut filter = Filter::default();
    let mut or: Option<Range<usize>> = None;
    for piece in pieces(text) {
        if !piece.quotes && piece.text().eq_ignore_ascii_case("or") {
            if or.is_some() || filter.clauses.is_empty() {
                return Err(lonely_or(piece.span));
            }
            or = Some(piece.span);
            continue;
        }
        let term = piece.term(text)?;
        match filter.clauses.last_mut() {
            Some(clause) if or.take().is_some() => clause.push(term),
            _ => filter.clauses.push(vec![term]),
        }
    }
    or.map_or(Ok(filter), |span| Err(lonely_or(span)))
}

fn lonely_or(span: Range<usize>) -> FilterError {
    let message = "`or` stands between two terms".to_owned();
    FilterError { span, message, help: "the word itself is `\"or\"`".into() }
}

/// Cuts the text at spaces outside quotes. A quote that is not closed, as while typing, goes to the end.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece: Option<Piece> = None;
    let mut quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, mut c)) = chars.next() {
        if c.is_whitespace() && !quoted {
            pieces.extend(piece.take());
            continue;
        }
        let piece = piece.get_or_insert_with(|| Piece { span: at..at, ..Piece::default() });
        if c == '"' {
            (quoted, piece.quotes) = (!quoted, true);
        } else {
            if c == '\\' && quoted {
                c = chars.next_if(|(_, next)| matches!(next, '"' | '\\')).map_or(c, |(_, next)| next);
            }
            piece.letters.push(Letter { at, c, quoted });
        }
        piece.span.end = chars.peek().map_or(text.len(), |(next, _)| *next);
    }
    pieces.extend(piece);
    pieces
}

impl Piece {
    fn text(&self) -> String {
        self.letters.iter().map(|letter| letter.c).collect()
    }

    fn term(mut self, whole: &str) -> Result<Term, FilterError> {
        let mut negated = false;
        // Of `!=…` the sign is not a negation of `=…`, which would be no term either.
        if self.letters.first().is_some_and(|first| matches!(first.c, '-' | '!') && !first.quoted) {
            negated = true;
            self.letters.remove(0);
            if self.letters.is_empty() && !self.quotes {
                let message = format!("`{}` stands before a term, to turn it round", &whole[self.span.clone()]);
                return Err(FilterError { span: self.span, message, help: "as in `-status:failed`".into() });
            }
        }
        let Some((at, sign, relation, turned)) = self.sign() else {
            return Ok(Term { negated, test: Test::Word(self.text()) });
        };
        let written = &whole[self.span.clone()];
        let name: String = self.letters[..at].iter().map(|letter| letter.c).collect();
        let span = self.letters.first().map_or(self.span.start, |first| first.at)..self.letters[at].at;
        let key = Key::find(&name).ok_or_else(|| unknown(&name, written, span))?;
        let values = self.values(at + sign.chars().count());
        let kind = key.kind();
        let read = |(value, span): (String, Range<usize>)| {
            let wrong = |(message, help)| FilterError { span, message: format!("`{written}`: {message}"), help };
            kind.accept(&key, relation).and_then(|()| read(&kind, &key, relation, value)).map_err(wrong)
        };
        let values = values.into_iter().map(read).collect::<Result<Vec<Value>, _>>()?;
        Ok(Term { negated: negated != turned, test: Test::Compare { key, relation, values } })
    }

    /// The first sign outside quotes: its place among the letters, itself, what it means, and whether it says "not".
    fn sign(&self) -> Option<(usize, &'static str, Relation, bool)> {
        (0..self.letters.len()).find_map(|at| {
            let stands = |sign: &str| {
                let letters = self.letters[at..].iter();
                sign.len() <= letters.len() && sign.chars().zip(letters).all(|(c, l)| l.c == c && !l.quoted)
            };
            SIGNS.iter().find(|(sign, ..)| stands(sign)).map(|(sign, relation, not)| (at, *sign, *relation, *not))
        })
    }

    /// What stands behind the sign, cut at commas outside quotes.
    fn values(&self, from: usize) -> Vec<(String, Range<usize>)> {
        let comma = |letter: &Letter| letter.c == ',' && !letter.quoted;
        let text = |letters: &[Letter]| {
            let start = letters.first().map_or(self.span.start, |letter| letter.at);
            let end = letters.last().map_or(self.span.end, |letter| letter.at + letter.c.len_utf8());
            (letters.iter().map(|letter| letter.c).collect(), start..end.min(self.span.end))
        };
        self.letters[from..].split(comma).map(text).collect()
    }
}

fn unknown(name: &str, written: &str, span: Range<usize>) -> FilterError {
    if name.is_empty() {
        let message = format!("`{written}`: a key stands before the sign");
        return FilterError { span, message, help: format!("allowed: {}", key::allowed()) };
    }
    let help = did_you_mean(name, key::names()).unwrap_or_else(|| format!("allowed: {}", key::allowed()));
    FilterError { span, message: format!("`{written}`: no key is called `{name}`"), help }
}

type Complaint = (String, String);

impl Kind {
    /// Is there anything under this key that `relation` could compare?
    fn accept(&self, key: &Key, relation: Relation) -> Result<(), Complaint> {
        let (key, sign) = (key.name(), relation.sign());
        match (self, relation) {
            (Self::Text | Self::Words { .. }, Relation::Is | Relation::Like) => Ok(()),
            (Self::Text | Self::Words { .. }, _) => {
                Err((format!("`{key}` is text, `{sign}` compares numbers"), format!("write `{key}:…` or `{key}~…`")))
            }
            (Self::Number | Self::Seconds, Relation::Like) | (Self::Seconds, Relation::Is) => {
                let more = if *self == Self::Number { format!(", `{key}:…`") } else { String::new() };
                Err((format!("`{sign}` does not compare with `{key}`"), format!("write `{key}<…`, `{key}>…`{more}")))
            }
            (Self::Number | Self::Seconds, _) => Ok(()),
        }
    }
}

fn read(kind: &Kind, key: &Key, relation: Relation, value: String) -> Result<Value, Complaint> {
    let empty = value.is_empty();
    let wrong = |what: &str| if empty { "a value is missing".to_owned() } else { format!("`{value}` is no {what}") };
    match kind {
        Kind::Text if empty => Err((wrong("text"), format!("write `{}:WORD`", key.name()))),
        Kind::Words { words }
            if relation == Relation::Is && !words.iter().any(|word| word.eq_ignore_ascii_case(&value)) =>
        {
            let near = did_you_mean(&value, words.iter().map(String::as_str)).filter(|_| !empty);
            let help = near.unwrap_or_else(|| format!("allowed: {}", words.join(", ")));
            Err((wrong(&key.name()), help))
        }
        Kind::Text | Kind::Words { .. } => Ok(Value::Text(value)),
        Kind::Number => {
            let help = "allowed: a number, as `0.03`, `1e-4`, `6_400` or `80%`";
            number(&value).map(Value::Number).ok_or_else(|| (wrong("number"), help.into()))
        }
        Kind::Seconds => {
            let help = "allowed: a time, as `90s`, `30m`, `12h`, `2d` or `1d12h`";
            seconds(&value).map(Value::Seconds).ok_or_else(|| (wrong("time"), help.into()))
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let (digits, unit) = text.strip_suffix('%').map_or((text.as_str(), 1.0), |digits| (digits, 100.0));
    let number = digits.parse::<f64>().ok()? / unit;
    number.is_finite().then_some(number)
}

/// A duration in seconds: numbers, each with its unit.
fn seconds(text: &str) -> Option<f64> {
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let (at, letter) = rest.char_indices().find(|(_, c)| UNITS.iter().any(|(unit, _)| unit == c))?;
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == letter)?;
        let count = rest[..at].parse::<f64>().ok().filter(|count| *count >= 0.0)?;
        sum += count * unit;
        rest = &rest[at + 1..];
    }
    (!text.is_empty() && sum < LONGEST).then_some(sum)
}
