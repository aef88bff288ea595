//! What is written over the curves: names of levels, arrows and marks at the border, signs, the cursor.

use super::canvas::{Canvas, Marks};
use super::draw::Picture;
use super::label;
use super::reading::Reading;
use crate::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

impl Picture<'_> {
    /// The names of levels, above or below their lines, where nothing is drawn.
    pub(super) fn levels(&self, canvas: &Canvas, theme: Theme, buffer: &mut Buffer) {
        for level in &self.plot.levels {
            let Some(row) = self.row(level.value).map(|row| row - self.area.y) else { continue };
            let width = level.name.width() as u16 + 1;
            let rows = [row.checked_sub(1), Some(row + 1).filter(|row| *row < self.area.height)];
            for row in rows.into_iter().flatten() {
                let free = |start: &u16| (*start..*start + width).all(|column| canvas.is_free(column, row));
                if let Some(start) = (0..(self.area.width + 1).saturating_sub(width)).rev().find(free) {
                    buffer.set_string(
                        self.area.x + start,
                        self.area.y + row,
                        format!("{} ", level.name),
                        theme.faint(),
                    );
                    break;
                }
            }
        }
    }

    /// At the border: arrows where values lie beyond it, and a mark where they are not finite.
    pub(super) fn borders(&self, marks: Marks, theme: Theme, buffer: &mut Buffer) {
        let (top, bottom) = (self.area.y, self.area.bottom() - 1);
        for (series, trace) in self.plot.series.iter().zip(&self.traces) {
            for bar in &trace.bars {
                let Some(column) = self.x.cell(bar.x, self.area.width).map(|cell| self.area.x + cell) else { continue };
                if self.y.part(bar.high).is_some_and(|part| part > 1.0) {
                    buffer.set_string(column, top, marks.of("▲", "^"), series.style);
                }
                if self.y.part(bar.low).is_some_and(|part| part < 0.0) {
                    buffer.set_string(column, bottom, marks.of("▼", "v"), series.style);
                }
            }
        }
        let row = if self.below > 1 { bottom + 1 } else { bottom };
        for hole in self.traces.iter().flat_map(|trace| &trace.holes) {
            if let Some(cell) = self.x.cell(*hole, self.area.width) {
                buffer.set_string(self.area.x + cell, row, marks.of("×", "x"), theme.bad());
            }
        }
    }

    /// Letters on curves that look alike, each at a place of its own.
    pub(super) fn signs(&self, signs: Option<&[char]>, marks: Marks, buffer: &mut Buffer) {
        let Some(signs) = signs.filter(|_| marks != Marks::Ascii) else { return };
        for (index, (sign, trace)) in signs.iter().zip(&self.traces).enumerate() {
            let seen: Vec<_> = trace.bars.iter().filter(|bar| self.sees(bar.x)).collect();
            let place = seen.get(seen.len() * (index + 1) / (signs.len() + 1));
            let Some((bar, series)) = place.zip(self.plot.series.get(index)) else { continue };
            let value = if self.plot.smoothing > 0.0 { bar.smooth } else { bar.high };
            if let Some((cell, row)) = self.x.cell(bar.x, self.area.width).zip(self.row(value)) {
                buffer.set_string(self.area.x + cell, row, sign.to_string(), series.style.add_modifier(Modifier::BOLD));
            }
        }
    }

    /// A line up at the cursor, and its place below.
    pub(super) fn cursor(&self, canvas: &Canvas, marks: Marks, theme: Theme, buffer: &mut Buffer) {
        let area = self.area;
        let Some(x) = self.plot.cursor else { return };
        let Some(cell) = self.x.cell(x, area.width) else { return };
        for row in (0..area.height).filter(|row| canvas.is_free(cell, *row)) {
            buffer.set_string(area.x + cell, area.y + row, marks.of("┊", ":"), theme.faint());
        }
        if let Some((start, text)) = self.place() {
            buffer.set_string(area.x + start, area.bottom() + self.below - 1, text, theme.chosen());
        }
    }

    /// Where the cursor is, for the row of the labels, and the first column of that.
    pub(super) fn place(&self) -> Option<(u16, String)> {
        let x = self.plot.cursor?;
        let cell = self.x.cell(x, self.area.width)?;
        let text = format!(" {} ", label::place(x, self.plot.x.by));
        let width = text.width() as u16;
        (width <= self.area.width).then(|| (cell.saturating_sub(width / 2).min(self.area.width - width), text))
    }

    /// The points that the legend reads at the cursor.
    pub(super) fn marked(&self, readings: &[Option<Reading>], marks: Marks, buffer: &mut Buffer) {
        for (series, reading) in self.plot.series.iter().zip(readings).filter(|_| self.plot.cursor.is_some()) {
            let place = reading.and_then(|at| self.x.cell(at.x, self.area.width).zip(self.row(at.shown())));
            if let Some((cell, row)) = place {
                let style = series.style.add_modifier(Modifier::BOLD);
                buffer.set_string(self.area.x + cell, row, marks.of("●", "@"), style);
            }
        }
    }
}
