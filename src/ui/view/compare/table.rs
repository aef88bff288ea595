//! A table with a run, or a few, in each column. The key of a row always stays; a column can be pinned beside it.

use crate::ui::model::compare::Scroll;
use crate::ui::theme::Theme;
use crate::ui::view::{fit, part};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The head of a column.
pub struct Head {
    /// The letters of its runs.
    pub letters: String,
    /// Their name, for where there is room.
    pub name: String,
    /// How they look.
    pub look: Style,
}

/// What stands in a row and column.
pub struct Cell {
    /// Its text, safe to print.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// A row.
pub struct Row {
    /// What it is about.
    pub key: String,
    /// How that looks.
    pub style: Style,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// A table.
pub struct Table {
    /// What it is.
    pub title: &'static str,
    /// What is to be known of it.
    pub about: String,
    /// The columns.
    pub heads: Vec<Head>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Said where there are no rows.
    pub empty: &'static str,
    /// The column that never scrolls away.
    pub pinned: Option<usize>,
    /// The theme, for what is not a cell.
    pub theme: Theme,
}

/// Widest that a column is where not all fit; what is longer is cut.
const WIDEST: usize = 26;

/// Draws a table from the row and column on that it is scrolled to.
pub fn draw(table: &Table, scroll: Scroll, frame: &mut Frame, rect: Rect) {
    if rect.is_empty() {
        return;
    }
    let room = usize::from(rect.height).saturating_sub(2);
    let first = scroll.down.min(table.rows.len().saturating_sub(1));
    let rows = &table.rows[first..table.rows.len().min(first + room)];
    let (key, width) = widths(table, rows, usize::from(rect.width));
    let fits = (usize::from(rect.width).saturating_sub(key + 1) / (width + 1)).max(1);
    let columns = columns(table, scroll.right, fits);
    let block = part(title(table, first..first + rows.len(), columns.len()), table.theme.faint());
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    if table.rows.is_empty() {
        frame.render_widget(Line::styled(format!(" {}", table.empty), table.theme.faint()), inner);
        return;
    }
    let mut lines = vec![head(table, &columns, (key, width))];
    lines.extend(rows.iter().map(|row| line(row, &columns, (key, width))));
    for (place, line) in lines.into_iter().enumerate().take(usize::from(inner.height)) {
        frame.render_widget(line, Rect { y: inner.y + place as u16, height: 1, ..inner });
    }
}

/// The columns that are seen: the pinned one and as many of the others as fit, the last ones at least.
fn columns(table: &Table, right: usize, fits: usize) -> Vec<usize> {
    let pinned = table.pinned.filter(|pinned| *pinned < table.heads.len());
    let others: Vec<usize> = (0..table.heads.len()).filter(|column| Some(*column) != pinned).collect();
    let room = fits.saturating_sub(usize::from(pinned.is_some())).max(1);
    let first = right.min(others.len().saturating_sub(room));
    pinned.into_iter().chain(others.into_iter().skip(first).take(room)).collect()
}

/// Widths of the key and of a column: whole names where all columns fit so, else what `rows`, those seen, need.
fn widths(table: &Table, rows: &[Row], width: usize) -> (usize, usize) {
    let key = table.rows.iter().map(|row| row.key.width()).max().unwrap_or(0).min(width * 2 / 5);
    let cells = rows.iter().flat_map(|row| &row.cells).map(|cell| cell.text.width()).max().unwrap_or(0).max(6);
    let heads = table.heads.iter().map(|head| head.letters.width() + 1 + head.name.width()).max().unwrap_or(0);
    let room = (width.saturating_sub(key + 1) / table.heads.len().max(1)).saturating_sub(1);
    let wanted = cells.max(heads);
    (key, if wanted <= room { wanted } else { room.max(cells.min(WIDEST)) })
}

/// The title, and which part of the table is seen where it isn't all.
fn title(table: &Table, shown: std::ops::Range<usize>, columns: usize) -> Line<'static> {
    let mut about = vec![table.about.clone()];
    let total = table.rows.len();
    if shown.len() < total {
        about.push(format!("{}–{} of {total} rows", shown.start + 1, shown.end));
    }
    if columns < table.heads.len() && total > 0 {
        about.push(format!("{columns} of {} columns", table.heads.len()));
    }
    let theme = table.theme;
    let about = format!("{} ", about.join(" · "));
    vec![Span::styled(format!(" {} ", table.title), theme.title()), Span::styled(about, theme.faint())].into()
}

fn head(table: &Table, columns: &[usize], (key, width): (usize, usize)) -> Line<'static> {
    let mut spans = vec![Span::raw(" ".repeat(key + 1))];
    for head in columns.iter().filter_map(|column| table.heads.get(*column)) {
        let letters = fit(&head.letters, width.min(head.letters.width()), false);
        let name = ending(&head.name, (width - letters.width()).saturating_sub(1));
        let name = fit(&format!(" {name}"), width - letters.width(), false);
        spans.push(Span::styled(format!(" {letters}"), head.look.patch(table.theme.title())));
        spans.push(Span::styled(name, table.theme.faint()));
    }
    spans.into()
}

fn line(row: &Row, columns: &[usize], (key, width): (usize, usize)) -> Line<'static> {
    let mut spans = vec![Span::styled(format!(" {}", fit(&row.key, key, false)), row.style)];
    for cell in columns.iter().filter_map(|column| row.cells.get(*column)) {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(fit(&cell.text, width, false), cell.style));
    }
    spans.into()
}

/// The end of `name` where it is too long for `width`: variants' names differ there.
pub fn ending(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let whole = |c: &char| room.checked_sub(c.width().unwrap_or(0)).map(|rest| room = rest).is_some();
    let mut kept: Vec<char> = name.chars().rev().take_while(whole).collect();
    kept.extend((width > 0).then_some('…'));
    kept.into_iter().rev().collect()
}
