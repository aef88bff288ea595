//! Signs for terminals and fonts that know only ASCII: each sign of a finished frame gives way to one of the same width.
//! Names that people gave stay as they are.

use ratatui::buffer::Buffer;

/// Signs and what stands for them: a character of one string for that at its place in the other.
const SIGNS: [(&str, &str); 7] = [
    // Bars and sparklines: half a column is the finest step that reads as one.
    ("█▉▊▋▌▍▎▏▐▀", "####---  ^"),
    ("▁▂▃▄▅▆▇", "_.-~=+*"),
    // Runs, branches, directions.
    ("●○◐■◆✓✗‖▸▾", "*o%#&+x|>v"),
    ("↑↓←→▲▼", "^v<>^v"),
    ("…–·×±°−≤", "~--x~'-<"),
    // Lines and their corners.
    ("─━╌│┃┊║═", "--.||:|="),
    ("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝", "+++++++++++++++++"),
];

/// By how many of its eight dots are set, what stands for a cell of Braille.
const DOTS: [&str; 9] = [" ", ".", ".", ":", "-", "=", "+", "*", "#"];

/// What stands for `sign`, where it is one of ours.
pub fn plain(sign: char) -> Option<&'static str> {
    match sign {
        '\u{2800}'..='\u{28ff}' => return Some(DOTS[(sign as u32 & 0xff).count_ones() as usize]),
        // What no terminal should obey is shown as a picture of it.
        '\u{2400}'..='\u{2426}' | char::REPLACEMENT_CHARACTER => return Some("?"),
        '\u{a0}' => return Some(" "),
        _ => {}
    }
    SIGNS.iter().find_map(|(signs, plain)| {
        let at = signs.chars().position(|known| known == sign)?;
        plain.get(at..=at)
    })
}

/// Puts plain signs in the place of all others.
pub fn translate(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let mut signs = cell.symbol().chars();
        if let (Some(sign), None) = (signs.next(), signs.next())
            && !sign.is_ascii()
            && let Some(plain) = plain(sign)
        {
            cell.set_symbol(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::status::Status;
    use std::collections::BTreeSet;
    use unicode_width::UnicodeWidthChar;

    #[test]
    fn every_sign_is_as_wide_as_what_stands_for_it() {
        for (signs, plain) in SIGNS {
            assert_eq!(signs.chars().count(), plain.len(), "{signs}");
            assert!(plain.is_ascii() && signs.chars().all(|sign| sign.width() == Some(1)), "{signs}");
        }
        assert_eq!((plain('⠀'), plain('⣿'), plain('é'), plain('猫')), (Some(" "), Some("#"), None, None));
    }

    #[test]
    fn statuses_stay_apart() {
        let plain = |status: Status| plain(status.symbol()).map_or(status.symbol().to_string(), str::to_owned);
        let symbols: BTreeSet<String> = Status::ALL.map(plain).into();
        assert_eq!(symbols.len(), 11, "pausing and stopping share one, as they do elsewhere");
    }
}
