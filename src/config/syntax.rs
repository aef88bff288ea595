//! From text to a TOML document whose keys and values know their place.

use super::{LARGEST_FILE, problem::Findings};
use toml::{Spanned, de::DeTable};

/// The document, unless it is so broken that the meaning of later lines is in doubt. A key set twice is not.
pub fn document<'a>(text: &'a str, findings: &mut Findings) -> Option<Spanned<DeTable<'a>>> {
    if text.len() > LARGEST_FILE {
        let message = format!("{} bytes are too many for a configuration", text.len());
        findings.add_whole(message, [format!("allowed: at most {LARGEST_FILE}; is this the right file?")]);
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut readable = true;
    let mut last_line = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = Line::around(span.start, text);
        if error.message() == "duplicate key" {
            let message = format!("`{}` is set twice", findings.quote(span.clone()));
            let help = if line.is_header() {
                "put its settings together under one header"
            } else {
                "leave one out; to try several values, write a list: [1, 2]"
            };
            findings.add(span, message, [help.to_owned()]);
            continue;
        }
        readable = false;
        // what follows on the same line is mostly the echo of the first
        if last_line == Some(line.start) {
            continue;
        }
        last_line = Some(line.start);
        let (message, help) = explain(&error, &line, &findings.quote(span.clone()));
        findings.add(span, message, help.map(str::to_owned));
    }
    readable.then_some(root)
}

/// The parser's words are about grammar; the commonest mistakes get plainer ones.
fn explain(error: &toml::de::Error, line: &Line, word: &str) -> (String, Option<&'static str>) {
    let values = Some("a value is a number such as 0.1, true, false, a text in \"quotes\", or a [list, of, these]");
    let grammar = format!("not TOML: {}", error.message());
    if line.asks_for_value() {
        return match word.chars().next() {
            None if line.ends_here() => ("a value is missing".to_owned(), values),
            Some(first) if first.is_alphabetic() => (format!("`{word}` is not a value"), values),
            _ => (grammar, values),
        };
    }
    let too_much = error.message().starts_with("unexpected key or value");
    (grammar, too_much.then_some("one setting a line; several values stand in [brackets]; fractions are written 0.1"))
}

/// A line, parted at a place in it.
struct Line<'a> {
    start: usize,
    before: &'a str,
    after: &'a str,
}

impl<'a> Line<'a> {
    fn around(place: usize, text: &'a str) -> Self {
        let place = text.floor_char_boundary(place.min(text.len()));
        let start = text[..place].rfind('\n').map_or(0, |newline| newline + 1);
        let after = text[place..].lines().next().unwrap_or_default();
        Self { start, before: text[start..place].trim(), after: after.trim() }
    }

    fn is_header(&self) -> bool {
        self.before.starts_with('[')
    }

    fn ends_here(&self) -> bool {
        self.after.is_empty() || self.after.starts_with('#')
    }

    fn asks_for_value(&self) -> bool {
        self.before.ends_with(['=', ','])
    }
}
