//! The confusion matrix as a heat map: a row a class, a column an answer, each cell the share of its row. Right answers
//! have a hue of their own, and brackets where there are no colours; beneath, the chosen class in words.

use super::grid::{self, Cell, FIGURES, Grid, Measure};
use super::{Seen, labels, part, share};
use crate::ui::theme::Theme;
use mocolab::metrics::{Confusion, Mistake};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};

/// From which share on a mistake has the next shade, in percent: each the double of the one before. Fixed, so that epochs
/// and runs can be compared.
const STEPS: [f64; 8] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// The signs of the shades, where there is no room for figures and there are no colours.
const SIGNS: &[u8; 10] = b" .:-=+*#%@";
/// Lines of the chosen class in words.
const WORDS: u16 = 3;
/// Confusions of the chosen class that are named.
const NAMED: usize = 9;

/// Draws the matrix, the scale and the chosen class in words, as far as there is room.
pub fn draw(seen: &Seen, theme: Theme, frame: &mut Frame, rect: Rect) {
    let classes = seen.names.len() as u16;
    let beneath = if rect.height > classes.saturating_add(WORDS + 3) || rect.height >= 16 { WORDS + 1 } else { 1 };
    let measure = Measure::new(&seen.names, seen.chosen(), (rect.width, rect.height.saturating_sub(1 + beneath)));
    let part_seen = measure.part().unwrap_or_else(|| "% of the row".into());
    let title = vec![
        Span::styled(" confusion matrix ", theme.title()),
        Span::styled(format!(" truth ↓ answer →, {part_seen} "), theme.faint()),
    ];
    let block = part(Line::from(title), theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let cell = |truth, answer, width| cell(&seen.confusion, (truth, answer), width, theme);
    let grid = Grid { names: &seen.names, chosen: seen.chosen(), cell: &cell };
    grid::draw(&grid, &measure, theme, frame, inner);
    let left = inner.height.saturating_sub(measure.lines());
    let below = Rect { y: inner.y + measure.lines(), height: left, ..inner };
    // A line between them, where there is room.
    let gap = u16::from(left > beneath + 1);
    let [_, shades, below] =
        Layout::vertical([Constraint::Length(gap), Constraint::Length(1), Constraint::Fill(1)]).areas(below);
    frame.render_widget(scale(measure.width, theme), shades);
    frame.render_widget(
        Paragraph::new(words(seen, theme))
            .wrap(Wrap { trim: true })
            .block(Block::new().padding(Padding::horizontal(1))),
        below,
    );
}

fn cell(confusion: &Confusion, (truth, answer): (usize, usize), width: usize, theme: Theme) -> Cell {
    let diagonal = truth == answer;
    let count = confusion.counts().get(truth).and_then(|row| row.get(answer)).copied().unwrap_or(0);
    let Some(share) = confusion.share(truth, answer) else {
        let text = if diagonal && width >= FIGURES { "–" } else { "" };
        return Cell { text: text.into(), under: String::new(), style: theme.wrong(0) };
    };
    let style = match (diagonal, theme.has_shades()) {
        (true, true) => theme.right(tenths(share)),
        (true, false) => theme.title(),
        (false, _) => theme.wrong(level(share)),
    };
    let text = match width {
        0..FIGURES if theme.has_shades() => String::new(),
        0..FIGURES if diagonal => tenths(share).to_string(),
        0..FIGURES => char::from(SIGNS[level(share)]).to_string(),
        _ if count == 0 && !diagonal => "·".into(),
        _ => figure(share, width, diagonal && !theme.has_shades()),
    };
    Cell { text, under: if count > 0 { count.to_string() } else { String::new() }, style }
}

/// A share in percent, as exactly as there is room; in brackets if wanted and there is room.
fn figure(share: f64, width: usize, brackets: bool) -> String {
    let (exact, whole) = (format!("{:.1}", share * 100.0), format!("{:.0}", share * 100.0));
    let exact = Some(exact).filter(|text| text.len() < width && width >= 5);
    let bracketed = [exact.as_ref(), Some(&whole)].into_iter().flatten().map(|text| format!("[{text}]"));
    let bracketed = bracketed.filter(|_| brackets).find(|text| text.len() <= width);
    bracketed.or(exact).unwrap_or(whole)
}

/// The shade of a mistake, from 0 for none.
fn level(share: f64) -> usize {
    if share > 0.0 { 1 + STEPS.iter().filter(|step| share * 100.0 >= **step).count() } else { 0 }
}

/// The shade of right answers: full tenths.
fn tenths(share: f64) -> usize {
    ((share * 10.0 + 1e-9) as usize).min(9)
}

/// What the shades and signs mean.
fn scale(width: usize, theme: Theme) -> Line<'static> {
    let signs = !theme.has_shades();
    if signs && width >= FIGURES {
        return Line::styled(" [right] answers in brackets, wrong ones without, · none", theme.faint());
    }
    let mut spans = vec![Span::styled(" wrong ", theme.faint())];
    for (at, step) in [0.0].iter().chain(&STEPS).enumerate() {
        let sign = if signs { format!("{} ", char::from(SIGNS[at + 1])) } else { String::new() };
        let step = if *step > 0.0 { step.to_string() } else { ">0".to_owned() };
        spans.push(Span::styled(format!(" {sign}{step} "), theme.wrong(at + 1)));
    }
    spans.push(Span::styled("%  right ", theme.faint()));
    if signs {
        spans.push(Span::styled("0–9 tenths", theme.title()));
    } else {
        spans.extend((1..10).step_by(2).map(|tenth| Span::styled(format!(" {tenth}0 "), theme.right(tenth))));
        spans.push(Span::styled("%", theme.faint()));
    }
    Line::from(spans)
}

/// The chosen class: its figures, what it is taken for, what is taken for it.
fn words(seen: &Seen, theme: Theme) -> Vec<Line<'static>> {
    let Some(row) = seen.rows.get(seen.place) else { return Vec::new() };
    let class = row.class;
    let right = seen.confusion.counts().get(class).and_then(|row| row.get(class)).copied().unwrap_or(0);
    let [recall, precision, f1] = [row.recall, row.precision, row.f1].map(share);
    let figures = format!("  {right} of {} right, recall {recall}, precision {precision}, F1 {f1}", row.images);
    let mistakes = seen.confusion.mistakes();
    let one = |other: usize, mistake: &Mistake| {
        // An item stays on its line.
        format!("{}\u{a0}{:.1}\u{a0}%\u{a0}({})", labels::of(&seen.names, other), mistake.share * 100.0, mistake.count)
    };
    let answers = mistakes.iter().filter(|mistake| mistake.truth == class).map(|mistake| one(mistake.answer, mistake));
    let truths = mistakes.iter().filter(|mistake| mistake.answer == class).map(|mistake| one(mistake.truth, mistake));
    let list = |title: &'static str, found: Vec<String>| {
        let text = if found.is_empty() { "nothing".into() } else { found.join(", ") };
        Line::from(vec![Span::styled(title, theme.faint()), Span::raw(text)])
    };
    vec![
        Line::from(vec![Span::styled(row.name.clone(), theme.title()), Span::raw(figures)]),
        list("taken for: ", answers.take(NAMED).collect()),
        list("taken for it: ", truths.take(NAMED).collect()),
    ]
}
