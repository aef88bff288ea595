//! The title line: names, values, levels and what has been left out, as much of it as there is room for.

use super::canvas::Marks;
use super::reading::Reading;
use super::{Plot, Scale};
use crate::ui::figures::fit;
use crate::ui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// What there is to say about a plot.
pub struct Legend<'a> {
    /// The plot.
    pub plot: &'a Plot<'a>,
    /// The values, of each series.
    pub readings: &'a [Option<Reading>],
    /// The sign of each series where colours don't tell them apart.
    pub signs: Option<&'a [char]>,
    /// The axis up, for levels beyond it.
    pub y: Option<Scale>,
    /// What is not as it seems.
    pub notes: &'a [String],
    /// How it is drawn.
    pub marks: Marks,
}

/// How much is said.
#[derive(Clone, Copy)]
struct Detail {
    /// Columns of a name.
    name: usize,
    /// What of the rest, in the order in which it goes.
    said: Said,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Said {
    /// The values.
    Values,
    /// And how much more they are than the baseline, and what is not as it seems.
    Differences,
    /// And the levels.
    Levels,
    /// And the measured values beside the averages.
    All,
}

const DETAILS: [Detail; 5] = [
    Detail { name: 40, said: Said::All },
    Detail { name: 20, said: Said::Levels },
    Detail { name: 8, said: Said::Levels },
    Detail { name: 6, said: Said::Differences },
    Detail { name: 4, said: Said::Values },
];

impl Legend<'_> {
    /// The line, at most `width` columns of it.
    pub fn line(&self, theme: Theme, width: u16) -> Line<'static> {
        let width = usize::from(width);
        let lines = DETAILS.iter().map(|detail| self.at(*detail, theme));
        let mut last = Line::default();
        for line in lines {
            if line.width() <= width {
                return line;
            }
            last = line;
        }
        // Whole names only, and how many more there are.
        let (count, mut used) = (last.spans.len(), 0);
        let room = width.saturating_sub(4);
        let fitting = last.spans.iter().take_while(|span| {
            used += span.width();
            used <= room
        });
        let fitting = fitting.count();
        last.spans.truncate(fitting);
        match fitting {
            0 => Line::styled(fit(self.plot.title, width, false).trim_end().to_owned(), theme.title()),
            _ => last + Span::styled(format!("+{} ", count - fitting), theme.faint()),
        }
    }

    fn at(&self, detail: Detail, theme: Theme) -> Line<'static> {
        let mut spans = vec![Span::styled(format!(" {} ", self.plot.title), theme.title())];
        for (index, reading) in self.readings.iter().enumerate() {
            let Some(reading) = reading else { continue };
            spans.push(Span::styled(self.series(index, reading, detail), self.plot.series[index].style));
        }
        if detail.said >= Said::Levels {
            spans.extend(self.plot.levels.iter().map(|level| Span::styled(self.level(*level), theme.faint())));
        }
        if detail.said >= Said::Differences {
            spans.extend(self.notes.iter().map(|note| Span::styled(format!(" {note} "), theme.faint())));
        }
        Line::from(spans)
    }

    fn series(&self, index: usize, reading: &Reading, detail: Detail) -> String {
        let series = &self.plot.series[index];
        let show = self.plot.show;
        let mut parts: Vec<Cow<str>> = Vec::new();
        parts.extend(self.signs.and_then(|signs| signs.get(index)).map(|sign| sign.to_string().into()));
        parts.extend(series.baseline.then(|| self.marks.of("╌╌", "--").into()));
        let name = short(series.name, shared(self.plot), detail.name);
        let name = self.marks.of(name.clone(), name.replace('…', "."));
        parts.extend((!name.is_empty()).then_some(name.into()));
        match reading.smooth {
            Some(smooth) if detail.said == Said::All => {
                parts.push(format!("{} ~{}", show(reading.raw), show(smooth)).into());
            }
            Some(smooth) => parts.push(format!("~{}", show(smooth)).into()),
            None => parts.push(show(reading.raw).into()),
        }
        let difference =
            reading.difference.filter(|difference| detail.said >= Said::Differences && difference.is_finite());
        parts.extend(difference.map(|difference| {
            let sign = if difference < 0.0 { '-' } else { '+' };
            format!("({sign}{})", show(difference.abs())).into()
        }));
        format!("{} ", parts.join(" "))
    }

    fn level(&self, level: super::Level) -> String {
        let part = self.y.and_then(|y| y.part(level.value));
        let side = match part {
            Some(part) if part > 1.0 => self.marks.of("↑", "^"),
            Some(part) if part < 0.0 => self.marks.of("↓", "v"),
            _ => "",
        };
        format!("{} {}{side} ", level.name, (self.plot.show)(level.value))
    }
}

/// Bytes with which all names begin: what tells them apart comes after. No number is torn.
fn shared(plot: &Plot) -> usize {
    let mut names = plot.series.iter().map(|series| series.name);
    let Some(first) = names.next() else { return 0 };
    let common =
        |a: &str, b: &str| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let shared = names.map(|name| common(first, name)).min().unwrap_or(0);
    first[..shared].trim_end_matches(|sign: char| sign.is_ascii_digit() || ".-+".contains(sign)).len()
}

/// A name in at most `width` columns: without what it shares with the others, then cut.
fn short(name: &str, shared: usize, width: usize) -> String {
    let own = name.get(shared..).filter(|own| name.width() > width && shared > 1 && !own.is_empty());
    let own = match own {
        Some(own) if own.width() < width => format!("…{own}"),
        own => own.unwrap_or(name).to_owned(),
    };
    fit(&own, width, false).trim_end().to_owned()
}

/// Signs of series that look alike: none where each has a style of its own, unless only characters can be drawn.
pub fn signs(plot: &Plot, marks: Marks) -> Option<Vec<char>> {
    const PLAIN: [char; 8] = ['*', 'o', '+', 'x', '#', '%', '@', '='];
    let styles: Vec<Style> = plot.series.iter().map(|series| series.style).collect();
    let alike = (1..styles.len()).any(|index| styles[..index].contains(&styles[index]));
    let letter = |index: usize| char::from(b'a' + (index % 26) as u8);
    let sign = |index| marks.of(letter(index), PLAIN[index % PLAIN.len()]);
    (styles.len() > 1 && (alike || marks == Marks::Ascii)).then(|| (0..styles.len()).map(sign).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_to_what_tells_them_apart() {
        assert_eq!(short("moco-queue256", 10, 8), "…256");
        assert_eq!(short("moco-queue256", 10, 13), "moco-queue256");
        assert_eq!(short("moco-queue1024", 10, 4), "1024");
        assert_eq!(short("moco", 4, 3), "mo…");
        assert_eq!(short("validation", 0, 8), "validat…");
        assert_eq!(short("日本語", 1, 3), "日…");
    }
}
