//! A square of cells with class names on both axes: what heat maps of confusion matrices are drawn on.
//!
//! ```text
//!             airplane   auto       bird
//!  airplane      81.2       .9       4.1
//! ▸automobile     1.2     90.3        .2
//! ```
//!
//! Where there is no room for all cells, those around the chosen class are seen.

use super::{fit, labels};
use crate::ui::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// Lines of names that stand upright, where cells are narrow.
const UPRIGHT: usize = 3;
/// Cells from this width on hold figures, and have names across.
pub const FIGURES: usize = 3;

/// What is drawn.
pub struct Grid<'a> {
    /// Of the classes, safe to show.
    pub names: &'a [String],
    /// The class whose row is marked and kept in sight.
    pub chosen: Option<usize>,
    /// The cell of a row and a column, for a width.
    pub cell: &'a dyn Fn(usize, usize, usize) -> Cell,
}

/// What stands in a cell. Texts are set to the right by who draws them.
pub struct Cell {
    /// On its first line, as wide as the cell at most.
    pub text: String,
    /// On its second line, where it has one.
    pub under: String,
    /// Its ground and figures.
    pub style: Style,
}

/// How a grid fills its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    label: usize,
    /// Columns of a cell.
    pub width: usize,
    /// Lines of a cell.
    pub height: usize,
    head: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    of: usize,
}

impl Measure {
    /// For the classes `names` in a room of `width` and `height`.
    pub fn new(names: &[String], chosen: Option<usize>, (width, height): (u16, u16)) -> Self {
        let (of, wide, tall) = (names.len(), width as usize, height as usize);
        let longest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let label = longest.clamp(3, 16).min((wide / 4).max(3));
        let room = wide.saturating_sub(label + 2);
        let width = (room / of.max(1)).clamp(1, (longest + 2).clamp(9, 14));
        let head = if width >= FIGURES { 1 } else { UPRIGHT };
        let lines = tall.saturating_sub(head);
        let height = if width >= 6 && lines >= 2 * of { 2 } else { 1 };
        // The chosen class in the middle, as far as that goes.
        let window = |shown: usize| {
            let shown = shown.min(of);
            let first = chosen.unwrap_or(0).saturating_sub(shown / 2).min(of - shown);
            first..first + shown
        };
        let (rows, columns) = (window(lines / height), window(room / width));
        Self { label, width, height, head, rows, columns, of }
    }

    /// Lines that it takes.
    pub fn lines(&self) -> u16 {
        (self.head + self.rows.len() * self.height) as u16
    }

    /// Which part is seen, where it isn't all: `rows 31–60, columns 12–80 of 100`.
    pub fn part(&self) -> Option<String> {
        let span = |(what, range): (&str, &Range<usize>)| {
            (range.len() < self.of).then(|| format!("{what} {}–{}", range.start + 1, range.end))
        };
        let spans: Vec<String> =
            [("rows", &self.rows), ("columns", &self.columns)].into_iter().filter_map(span).collect();
        (!spans.is_empty()).then(|| format!("{} of {}", spans.join(", "), self.of))
    }
}

/// Draws the grid as `measure` says.
pub fn draw(grid: &Grid, measure: &Measure, theme: Theme, frame: &mut Frame, rect: Rect) {
    let lines = head(grid, measure, theme).into_iter().chain(body(grid, measure, theme));
    for (at, line) in lines.take(rect.height as usize).enumerate() {
        frame.render_widget(line, Rect { y: rect.y + at as u16, height: 1, ..rect });
    }
}

fn head(grid: &Grid, measure: &Measure, theme: Theme) -> Vec<Line<'static>> {
    let width = measure.width;
    let across = measure.head == 1;
    // A gap between names, where there is room for one.
    let short = labels::abbreviations(grid.names, if across { width - usize::from(width > 3) } else { UPRIGHT });
    let look = |class| if grid.chosen == Some(class) { theme.title() } else { theme.faint() };
    let corner = Span::raw(" ".repeat(measure.label + 2));
    let line = |at: usize| {
        let text = |class: usize| match &short[class] {
            name if across && width >= 5 => format!("{} ", fit(name, width - 1, true)),
            name if across => fit(name, width, true),
            // Signs two columns wide have no room here.
            name => {
                fit(&name.chars().nth(at).map(String::from).filter(|c| c.width() == 1).unwrap_or_default(), width, true)
            }
        };
        let names = measure.columns.clone().map(|class| Span::styled(text(class), look(class)));
        Line::from(std::iter::once(corner.clone()).chain(names).collect::<Vec<_>>())
    };
    (0..measure.head).map(line).collect()
}

fn body(grid: &Grid, measure: &Measure, theme: Theme) -> Vec<Line<'static>> {
    let width = measure.width;
    let align = |text: &str| {
        if width >= 5 && text.width() < width {
            format!("{} ", fit(text, width - 1, true))
        } else {
            fit(text, width, true)
        }
    };
    let mut lines = Vec::new();
    for row in measure.rows.clone() {
        let cells: Vec<Cell> = measure.columns.clone().map(|column| (grid.cell)(row, column, width)).collect();
        let chosen = grid.chosen == Some(row);
        let name = fit(&grid.names[row], measure.label, false);
        let look = if chosen { theme.title().add_modifier(Modifier::REVERSED) } else { Style::new() };
        let mut first = vec![Span::styled(format!("{}{name}", if chosen { "▸" } else { " " }), look), Span::raw(" ")];
        first.extend(cells.iter().map(|cell| Span::styled(align(&cell.text), cell.style)));
        lines.push(Line::from(first));
        if measure.height > 1 {
            let mut second = vec![Span::raw(" ".repeat(measure.label + 2))];
            second.extend(cells.iter().map(|cell| Span::styled(align(&cell.under), cell.style)));
            lines.push(Line::from(second));
        }
    }
    lines
}
