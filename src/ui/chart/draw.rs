//! A plot on its rectangle.

use super::axis::{self, Tick};
use super::canvas::{Canvas, Marks, Pattern};
use super::legend::{Legend, signs};
use super::reading::readings;
use super::trace::Trace;
use super::way::Way;
use super::{By, Plot, Scale, Window, bounds};
use crate::ui::figures::{fit, part};
use crate::ui::theme::Theme;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::symbols::border;
use unicode_width::UnicodeWidthStr;

/// Columns left of the axis, at least: the unit of the axis along stands below them.
const GUTTER: usize = 5;

/// What has been worked out before anything is drawn.
pub(super) struct Picture<'a> {
    pub(super) plot: &'a Plot<'a>,
    pub(super) ways: Vec<Option<Way>>,
    pub(super) traces: Vec<Trace>,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) across: Vec<Tick>,
    pub(super) up: Vec<Tick>,
    /// Where the curves are.
    pub(super) area: Rect,
    /// Rows below it: the axis where there is room for it, its labels.
    pub(super) below: u16,
}

/// Draws a plot; its title only where there is no room for more.
pub fn draw(plot: &Plot, theme: Theme, frame: &mut Frame, rect: Rect) {
    let marks = if theme.ascii() { Marks::Ascii } else { Marks::Braille };
    draw_with(plot, marks, theme, (frame.buffer_mut(), rect));
}

/// The place along that a column of the screen shows; none beside the curves.
pub fn place_at(plot: &Plot, rect: Rect, column: u16) -> Option<f64> {
    let picture = Picture::new(plot, rect)?;
    let column = column.checked_sub(picture.area.x).filter(|column| *column < picture.area.width)?;
    Some(picture.x.value((f64::from(column) + 0.5) / f64::from(picture.area.width)))
}

pub(super) fn draw_with(plot: &Plot, marks: Marks, theme: Theme, (buffer, rect): (&mut Buffer, Rect)) {
    let rect = rect.intersection(buffer.area);
    if rect.is_empty() {
        return;
    }
    let picture = Picture::new(plot, rect);
    let signs = signs(plot, marks);
    let ways = || plot.series.iter().map(|series| Way::new(series.pace, plot.x.by)).collect::<Vec<_>>();
    let readings = match &picture {
        Some(picture) => readings(plot, &picture.ways),
        None => readings(plot, &ways()),
    };
    let notes = picture.as_ref().map(|picture| picture.notes(marks)).unwrap_or_default();
    let y = picture.as_ref().map(|picture| picture.y);
    let legend = Legend { plot, readings: &readings, signs: signs.as_deref(), y, notes: &notes, marks };
    let mut block = part(legend.line(theme, rect.width), theme.faint());
    if marks == Marks::Ascii {
        block = block.border_set(border::Set { horizontal_top: "-", ..border::PLAIN });
    }
    ratatui::widgets::Widget::render(block, rect, buffer);
    if let Some(picture) = picture {
        picture.axes(marks, theme, buffer);
        let canvas = picture.curves(marks, theme, signs.as_deref());
        canvas.show(buffer, picture.area);
        picture.levels(&canvas, theme, buffer);
        picture.borders(marks, theme, buffer);
        picture.signs(signs.as_deref(), marks, buffer);
        picture.cursor(&canvas, marks, theme, buffer);
        picture.marked(&readings, marks, buffer);
    }
}

impl<'a> Picture<'a> {
    /// None where there is nothing to draw, or no room.
    fn new(plot: &'a Plot<'a>, rect: Rect) -> Option<Self> {
        let empty = plot.series.iter().all(|series| series.curve.is_none_or(mocolab::curve::Curve::is_empty));
        if empty || rect.height <= 3 || rect.width <= 16 {
            return None;
        }
        let below = if rect.height >= 8 { 2 } else { 1 };
        let x = Window::shown(plot.window, plot.all());
        let way =
            |series: &super::Series| Way::new(series.pace, plot.x.by).map(|way| way.closer(series.pace, x.low, x.high));
        let ways: Vec<Option<Way>> = plot.series.iter().map(way).collect();
        let seen = |(series, way): (_, &Option<Way>)| {
            way.as_ref().map(|way| Trace::new(plot, series, way, x, 2 * usize::from(rect.width)))
        };
        let traces: Vec<Trace> = plot.series.iter().zip(&ways).map(|pair| seen(pair).unwrap_or_default()).collect();
        let y = bounds::bounds(plot, &traces, x);
        let up = axis::up(y, (plot.show)(0.5).ends_with('%'), rect.height - 1 - below);
        let gutter = up.iter().map(|tick| tick.label.width()).max().unwrap_or(0).max(GUTTER) as u16 + 1;
        let columns = rect.width.checked_sub(gutter).filter(|columns| *columns >= 8)?;
        let area = Rect { x: rect.x + gutter, y: rect.y + 1, width: columns, height: rect.height - 1 - below };
        Some(Self { across: axis::along(x, plot.x.by, columns), plot, ways, traces, x, y, up, area, below })
    }

    /// What is not as it seems.
    fn notes(&self, marks: Marks) -> Vec<String> {
        let (mut notes, plot) = (Vec::new(), self.plot);
        let outside = |value: f64| self.y.part(value).is_some_and(|part| !(0.0..=1.0).contains(&part));
        let clipped =
            |trace: &Trace| trace.bars.iter().any(|bar| self.sees(bar.x) && (outside(bar.high) || outside(bar.low)));
        if plot.y.robust && self.traces.iter().any(clipped) {
            notes.push("spikes clipped".into());
        }
        if self.traces.iter().any(|trace| trace.left_out) {
            notes.push(marks.of("≤ 0 left out", "<= 0 left out").into());
        }
        match self.traces.iter().map(|trace| trace.not_finite).sum::<u64>() {
            0 => {}
            holes => notes.push(format!("{holes} not finite")),
        }
        let unplaced = |(series, way): (&super::Series, &Option<Way>)| way.is_none() && series.curve.is_some();
        match plot.series.iter().zip(&self.ways).filter(|pair| unplaced(*pair)).count() {
            0 => {}
            count => notes.push(format!("{count} without {}", if plot.x.by == By::Epoch { "epochs" } else { "times" })),
        }
        if plot.smoothing > 0.0 {
            notes.push(format!("smoothed {}", (plot.smoothing * 1000.0).round() / 1000.0));
        }
        if plot.y.log {
            notes.push("log".into());
        }
        notes
    }

    pub(super) fn sees(&self, x: f64) -> bool {
        self.x.cell(x, self.area.width).is_some()
    }

    /// The row of the screen that shows a value.
    pub(super) fn row(&self, value: f64) -> Option<u16> {
        Some(self.area.bottom() - 1 - self.y.cell(value, self.area.height)?)
    }

    fn axes(&self, marks: Marks, theme: Theme, buffer: &mut Buffer) {
        let (area, faint) = (self.area, theme.faint());
        let bottom = area.bottom();
        for y in area.y..bottom {
            buffer.set_string(area.x - 1, y, marks.of("│", "|"), faint);
        }
        for tick in &self.up {
            let y = bottom - 1 - tick.cell;
            let width = tick.label.width() as u16;
            buffer.set_string((area.x - 1).saturating_sub(width), y, &tick.label, faint);
            buffer.set_string(area.x - 1, y, marks.of("┤", "+"), faint);
            for across in &self.across {
                buffer.set_string(area.x + across.cell, y, marks.of("·", "."), faint);
            }
        }
        if self.below > 1 {
            buffer.set_string(area.x - 1, bottom, marks.of("└", "+"), faint);
            for x in area.x..area.right() {
                buffer.set_string(x, bottom, marks.of("─", "-"), faint);
            }
        }
        let place = self.place().map(|(start, text)| (start, start + text.width() as u16));
        let covered = |tick: &Tick| {
            place.is_some_and(|(start, end)| tick.start < end && start < tick.start + tick.label.width() as u16)
        };
        for tick in &self.across {
            if self.below > 1 {
                buffer.set_string(area.x + tick.cell, bottom, marks.of("┴", "+"), faint);
            }
            if !covered(tick) {
                buffer.set_string(area.x + tick.start, bottom + self.below - 1, &tick.label, faint);
            }
        }
        let unit = match self.plot.x.by {
            By::Step => "step",
            By::Epoch => "epoch",
            By::Relative => "time",
            By::Wall(_) => "clock",
        };
        buffer.set_string(area.x - 1 - GUTTER as u16, bottom + self.below - 1, fit(unit, GUTTER, true), faint);
    }

    /// Levels, then the measured lines behind their averages, then what is to be read, in painter's order.
    fn curves(&self, marks: Marks, theme: Theme, signs: Option<&[char]>) -> Canvas {
        let mut canvas = Canvas::new(marks, self.area.width, self.area.height);
        for level in &self.plot.levels {
            if let Some(y) = self.y.part(level.value) {
                canvas.line((0.0, y), (1.0, y), Pattern::Dotted);
            }
        }
        canvas.lay(theme.faint(), '-');
        let smooth = self.plot.smoothing > 0.0;
        for averaged in [false, true] {
            for (index, (series, trace)) in self.plot.series.iter().zip(&self.traces).enumerate() {
                if averaged && !smooth {
                    continue;
                }
                let pattern = if series.baseline { Pattern::Dashed } else { Pattern::Solid };
                self.curve(&mut canvas, trace, averaged, pattern);
                let sign = signs.and_then(|signs| signs.get(index)).copied().unwrap_or('*');
                if smooth && !averaged {
                    canvas.lay(series.style.add_modifier(Modifier::DIM), '.');
                } else {
                    canvas.lay(series.style, sign);
                }
            }
        }
        canvas
    }

    fn curve(&self, canvas: &mut Canvas, trace: &Trace, averaged: bool, pattern: Pattern) {
        let mut before: Option<(f64, f64, f64)> = None;
        for bar in &trace.bars {
            let (low, high) = if averaged { (bar.smooth, bar.smooth) } else { (bar.low, bar.high) };
            let (Some(x), Some(low), Some(high)) = (self.x.part(bar.x), self.y.part(low), self.y.part(high)) else {
                before = None;
                continue;
            };
            if let Some((x0, low0, high0)) = before.filter(|_| bar.joined) {
                // By the shortest way from bar to bar.
                let leave = f64::midpoint(low, high).clamp(low0, high0);
                canvas.line((x0, leave), (x, leave.clamp(low, high)), pattern);
            }
            if high > low || !bar.joined || before.is_none() {
                canvas.line((x, low), (x, high), pattern);
            }
            before = Some((x, low, high));
        }
    }
}
