//! Dots in cells. What is drawn in one style is a layer; a layer laid down covers what lies under it, cell by cell, so
//! that curves that cross stay curves.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// With which characters a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// 2 by 4 dots a cell.
    Braille,
    /// 1 by 2 a cell: for fonts without Braille.
    #[cfg_attr(not(test), expect(dead_code, reason = "for a theme that wants it"))]
    Blocks,
    /// One character a cell.
    Ascii,
}

impl Marks {
    /// Dots of a cell, along and up.
    pub fn dots(self) -> (u16, u16) {
        match self {
            Self::Braille => (2, 4),
            Self::Blocks => (1, 2),
            Self::Ascii => (1, 1),
        }
    }

    /// `fancy`, or `plain` where only ASCII is wanted.
    pub fn of<T>(self, fancy: T, plain: T) -> T {
        if self == Self::Ascii { plain } else { fancy }
    }

    /// The bit of a dot of a cell; `y` from the top.
    fn bit(self, x: u16, y: u16) -> u8 {
        const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        match self {
            Self::Braille => BRAILLE[usize::from(x & 1)][usize::from(y & 3)],
            Self::Blocks => 1 << (y & 1),
            Self::Ascii => 1,
        }
    }

    fn sign(self, mask: u8, sign: char) -> char {
        match self {
            Self::Braille => char::from_u32(0x2800 + u32::from(mask)).unwrap_or(' '),
            Self::Blocks => ['▀', '▄', '█'][usize::from(mask.clamp(1, 3)) - 1],
            Self::Ascii => sign,
        }
    }
}

/// How a line is interrupted: dots drawn, dots left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// It is not.
    Solid,
    /// For the baseline.
    Dashed,
    /// For levels.
    Dotted,
}

impl Pattern {
    fn draws(self, dot: u32) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => dot % 6 < 3,
            Self::Dotted => dot.is_multiple_of(3),
        }
    }
}

/// Cells of dots.
pub struct Canvas {
    marks: Marks,
    columns: u16,
    rows: u16,
    laid: Vec<Option<(u8, char, Style)>>,
    layer: Vec<u8>,
    dot: u32,
}

impl Canvas {
    /// An empty one.
    pub fn new(marks: Marks, columns: u16, rows: u16) -> Self {
        let cells = usize::from(columns) * usize::from(rows);
        Self { marks, columns, rows, laid: vec![None; cells], layer: vec![0; cells], dot: 0 }
    }

    /// Draws a line in the layer on top, between shares of the way along and up; what is outside is cut off.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), pattern: Pattern) {
        let (dots_x, dots_y) = self.marks.dots();
        let (most_x, most_y) = (self.columns * dots_x, self.rows * dots_y);
        let Some((a, b)) = cut(from, to) else { return };
        let dot =
            |part: f64, most: u16| i32::from(((part * f64::from(most)).max(0.0) as u16).min(most.saturating_sub(1)));
        let ((x0, y0), (x1, y1)) =
            ((dot(a.0, most_x), dot(1.0 - a.1, most_y)), (dot(b.0, most_x), dot(1.0 - b.1, most_y)));
        // Bresenham's line.
        let count = (x1 - x0).abs().max((y1 - y0).abs());
        for index in 0..=count {
            let at =
                |from: i32, to: i32| (from + (2 * (to - from) * index + count).div_euclid(2 * count.max(1))) as u16;
            let (x, y) = (at(x0, x1), at(y0, y1));
            // The end of one line is the beginning of the next.
            self.dot = self.dot.wrapping_add(u32::from(index > 0));
            if pattern.draws(self.dot) {
                let cell = usize::from(y / dots_y) * usize::from(self.columns) + usize::from(x / dots_x);
                if let Some(mask) = self.layer.get_mut(cell) {
                    *mask |= self.marks.bit(x % dots_x, y % dots_y);
                }
            }
        }
    }

    /// Lays the layer down in a style; `sign` stands for it where there are only characters.
    pub fn lay(&mut self, style: Style, sign: char) {
        for (laid, mask) in self.laid.iter_mut().zip(&mut self.layer) {
            if *mask > 0 {
                // Of the same looks there is nothing to cover.
                let under = laid.filter(|(_, _, under)| *under == style).map_or(0, |(mask, _, _)| mask);
                *laid = Some((*mask | under, sign, style));
                *mask = 0;
            }
        }
        self.dot = 0;
    }

    /// Nothing is laid in this cell; `row` from the top.
    pub fn is_free(&self, column: u16, row: u16) -> bool {
        column < self.columns
            && self
                .laid
                .get(usize::from(row) * usize::from(self.columns) + usize::from(column))
                .is_some_and(Option::is_none)
    }

    /// Shows what is laid.
    pub fn show(&self, buffer: &mut Buffer, area: Rect) {
        for (index, laid) in self.laid.iter().enumerate() {
            let Some((mask, sign, style)) = laid else { continue };
            let (x, y) = (index % usize::from(self.columns), index / usize::from(self.columns));
            if let Some(cell) = buffer.cell_mut((area.x + x as u16, area.y + y as u16)) {
                cell.set_char(self.marks.sign(*mask, *sign)).set_style(*style);
            }
        }
    }
}

/// The part of a line within the unit square (Liang and Barsky 1984).
fn cut(from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    for (step, room) in [(-dx, from.0), (dx, 1.0 - from.0), (-dy, from.1), (dy, 1.0 - from.1)] {
        match step {
            0.0 if room < 0.0 => return None,
            0.0 => {}
            step if step < 0.0 => start = start.max(room / step),
            _ => end = end.min(room / step),
        }
    }
    let at = |part: f64| (from.0 + dx * part, from.1 + dy * part);
    (start <= end).then(|| (at(start), at(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    fn shown(canvas: &Canvas) -> Vec<String> {
        let area = Rect::new(0, 0, canvas.columns, canvas.rows);
        let mut buffer = Buffer::empty(area);
        canvas.show(&mut buffer, area);
        (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
    }

    #[test]
    fn lines_leave_the_picture_where_they_would() {
        assert_eq!(cut((-1.0, -1.0), (2.0, 2.0)), Some(((0.0, 0.0), (1.0, 1.0))));
        assert_eq!(cut((0.0, 2.0), (1.0, 2.0)), None);
        let mut canvas = Canvas::new(Marks::Ascii, 4, 4);
        canvas.line((0.0, 0.0), (1.0, 1e12), Pattern::Solid);
        canvas.lay(Style::new(), '*');
        assert_eq!(shown(&canvas), ["*   ", "*   ", "*   ", "*   "]);
        canvas.line((0.0, f64::NAN), (1.0, 1.0), Pattern::Solid);
    }

    #[test]
    fn a_layer_covers_those_of_other_looks_and_joins_its_own() {
        let mut canvas = Canvas::new(Marks::Braille, 1, 1);
        let styles = [Style::new().fg(Color::Red), Style::new()];
        canvas.line((0.0, 0.99), (1.0, 0.99), Pattern::Solid);
        canvas.lay(styles[0], '*');
        assert_eq!(shown(&canvas), ["⠉"]);
        canvas.line((0.0, 0.0), (1.0, 0.0), Pattern::Solid);
        canvas.lay(styles[1], '*');
        assert_eq!(shown(&canvas), ["⣀"]);
        canvas.line((0.0, 0.99), (1.0, 0.99), Pattern::Solid);
        canvas.lay(styles[1], '*');
        assert_eq!(shown(&canvas), ["⣉"]);
        let mut canvas = Canvas::new(Marks::Blocks, 2, 1);
        canvas.line((0.0, 0.0), (1.0, 0.99), Pattern::Solid);
        canvas.lay(styles[1], '*');
        assert_eq!(shown(&canvas), ["▄▀"]);
    }
}
