//! Text from outside made safe for a terminal: a log line or a name can hold escape sequences that rewrite the screen.

/// `text` without anything that a terminal would obey: control characters become their pictures (`␛`), direction marks
/// and zero-width characters go. Tabs become a space.
pub fn sanitize(text: &str) -> String {
    text.chars().filter_map(safe).collect()
}

/// [`sanitize`] line by line: newlines stay.
pub fn sanitize_lines(text: &str) -> String {
    text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
}

/// Whether a character takes a place of its own: none that turns the direction, or is nowhere to be seen.
pub fn is_shown(c: char) -> bool {
    !matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn safe(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32),
        '\x7f' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' => Some('\u{fffd}'),
        c => Some(c).filter(|c| is_shown(*c)),
    }
}

/// `text` as a word for a shell: in quotes where it isn't plain.
pub fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A line of a log as a terminal would have left it: of what a progress bar drew with carriage returns only the last
/// state, and no colour sequences.
pub fn log_line(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let last = line.rsplit('\r').next().unwrap_or(line);
    sanitize(&without_colours(last))
}

/// Drops `ESC [ … m`, the one sequence that is only about looks.
fn without_colours(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        kept.push_str(before);
        let body = &sequence[2..];
        let end = body.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        if let Some(end) = end.filter(|end| body[*end..].starts_with('m')) {
            rest = &body[end + 1..];
        } else {
            kept.push_str("\x1b[");
            rest = body;
        }
    }
    kept.push_str(rest);
    kept
}

/// A duration for people: `8 s`, `3:07`, `2:05:00`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{minutes}:{:02}", whole % 60),
        3600..86400 => format!("{hours}:{minutes:02}:{:02}", whole % 60),
        _ => format!("{days} d {hours} h"),
    }
}

/// Bytes for people: `930 B`, `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// A measured number in at most 6 characters (7 with a sign).
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value}"),
        0.0 => "0".into(),
        a if a >= 99_999.5 => format!("{value:.0e}"),
        a if a >= 999.95 => format!("{value:.0}"),
        a if a >= 99.995 => format!("{value:.1}"),
        a if a >= 9.9995 => format!("{value:.2}"),
        a if a >= 0.01 => format!("{value:.4}"),
        a if a >= 9.95e-10 => format!("{value:.1e}"),
        _ => format!("{value:.0e}"),
    }
}

/// A share in percent: `87.42 %`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2} %", share * 100.0) } else { format!("{share}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(sanitize("a\x1b]52;c;eA==\x07b\u{202e}\u{9b}\x7f"), "a␛]52;c;eA==␇b\u{fffd}␡");
    }

    #[test]
    fn a_log_line_is_what_the_terminal_would_have_left() {
        assert_eq!(log_line(" 10 %\r 20 %\r100 %\n"), "100 %");
        assert_eq!(log_line("\x1b[1;31merror\x1b[0m: \x1b[2Jx"), "error: ␛[2Jx");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([8.4, 187.0, 7500.0, 273_600.0].map(duration), ["8 s", "3:07", "2:05:00", "3 d 4 h"]);
        assert_eq!([930, 1_572_864].map(bytes), ["930 B", "1.5 MiB"]);
        assert_eq!([0.0, 1.2345, 0.0004, 838.16, f64::NAN].map(number), ["0", "1.2345", "4.0e-4", "838.2", "NaN"]);
    }

    proptest! {
        #[test]
        fn a_number_has_room_in_a_column(value in any::<f64>()) {
            prop_assert!(number(value.abs()).len() <= 6, "{}", number(value.abs()));
        }

        #[test]
        fn any_text_comes_out_printable(text in ".*") {
            prop_assert!(sanitize(&text).chars().all(|c| !c.is_control()));
            prop_assert!(log_line(&text).chars().all(|c| !c.is_control()));
        }
    }
}
