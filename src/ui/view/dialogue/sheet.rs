//! A dialogue of two parts: a list with a cursor, which scrolls, and text below it.

use crate::ui::theme::Theme;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A label with text beside it, wrapped below itself.
pub struct Row<'a> {
    /// What stands before it.
    pub label: Span<'a>,
    /// Safe to print.
    pub text: &'a str,
    /// How the text looks.
    pub style: Style,
}

/// A place in the middle of `rect`, at most `widest` wide.
pub fn middle(rect: Rect, widest: u16) -> Rect {
    let width = rect.width.min(widest);
    Rect { x: rect.x + (rect.width - width) / 2, width, ..rect }
}

/// Columns within the frame of a sheet at `place`.
pub fn inside(place: Rect) -> usize {
    usize::from(place.width.saturating_sub(4))
}

/// Draws a sheet as high as it needs to be within `place`: `list`, of which line `cursor` is always seen, and `below`.
pub fn draw(
    (title, theme): (&str, Theme),
    (list, cursor, below): (Vec<Line>, usize, Vec<Line>),
    frame: &mut Frame,
    place: Rect,
) {
    let gap = u16::from(!below.is_empty());
    let height = (list.len() + below.len() + 2) as u16 + gap;
    let height = height.min(place.height);
    let place = Rect { y: place.y + (place.height - height) / 2, height, ..place };
    let block =
        Block::bordered().padding(Padding::horizontal(1)).title(Span::styled(format!(" {title} "), theme.title()));
    let within = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    // The list keeps three lines where both don't fit: the choice is what is asked.
    let least = (list.len() as u16).min(3);
    let room = within.height.saturating_sub(least + gap);
    let [above, _, under] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(gap),
        Constraint::Length((below.len() as u16).min(room)),
    ])
    .areas(within);
    let skipped = scroll(cursor, list.len(), usize::from(above.height));
    frame.render_widget(Paragraph::new(list.into_iter().skip(skipped).collect::<Vec<_>>()), above);
    frame.render_widget(Paragraph::new(below), under);
}

/// Lines to leave out above so that `cursor` is seen in the middle of `height` lines, or as near to it as the ends allow.
fn scroll(cursor: usize, lines: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(lines.saturating_sub(height))
}

/// `row` in lines of `width` columns.
pub fn hang(row: Row, width: usize) -> Vec<Line<'static>> {
    let indent = row.label.width();
    let mut label = Some(Span::styled(row.label.content.into_owned(), row.label.style));
    let lines = wrap(row.text, width.saturating_sub(indent)).into_iter().map(|text| {
        let before = label.take().unwrap_or_else(|| Span::raw(" ".repeat(indent)));
        Line::from(vec![before, Span::styled(text, row.style)])
    });
    lines.collect()
}

/// `text` broken between words into lines of at most `width` columns; a word that is longer is broken too.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(String::new());
        } else if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            let line = lines.last_mut().expect("there is always a line");
            if !line.is_empty() && line.width() + c.width().unwrap_or(0) > width {
                lines.push(c.to_string());
            } else {
                line.push(c);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }

    #[test]
    fn the_cursor_is_seen() {
        assert_eq!(scroll(0, 10, 4), 0);
        assert_eq!(scroll(5, 10, 4), 3);
        assert_eq!(scroll(9, 10, 4), 6);
        assert_eq!(scroll(9, 10, 40), 0);
        assert_eq!(scroll(3, 10, 0), 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_long(text in "[ -~日本]{0,80}", width in 2..40_usize) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
