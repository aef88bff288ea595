//! Curves over steps. A frame costs the columns it has, whatever the curve's length, and spikes are never lost: each
//! stretch of steps is drawn from its lowest to its highest value. NaN leaves a gap.

use crate::ui::theme::Theme;
use mocolab::curve::Curve;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};

/// A curve with its name and looks.
pub struct Series<'a> {
    /// For the title.
    pub name: &'static str,
    /// The points; none draws nothing.
    pub curve: Option<&'a Curve>,
    /// Its colour.
    pub style: Style,
}

/// Curves of one kind.
pub struct Plot<'a> {
    /// What they show.
    pub title: &'static str,
    /// In painter's order.
    pub series: Vec<Series<'a>>,
    /// A level to compare with, and its name: a line across.
    pub level: Option<(&'static str, f64)>,
    /// The last step of the axis: the same for all plots of a screen, so that they line up.
    pub until: u64,
    /// How a value is written.
    pub show: fn(f64) -> String,
}

/// Draws curves, their names and latest values in the title.
pub fn draw(plot: &Plot, theme: Theme, frame: &mut Frame, rect: Rect) {
    let mut title = vec![Span::styled(format!(" {} ", plot.title), theme.title())];
    for series in &plot.series {
        if let Some((_, value)) = series.curve.and_then(Curve::last) {
            title.push(Span::styled(format!("{} {} ", series.name, (plot.show)(value)), series.style));
        }
    }
    if let Some((name, value)) = plot.level {
        title.push(Span::styled(format!("{name} {} ", (plot.show)(value)), theme.faint()));
    }
    let block = super::part(Line::from(title), theme.faint());
    let empty = plot.series.iter().all(|series| series.curve.is_none_or(Curve::is_empty));
    if empty || rect.height <= 3 || rect.width <= 16 {
        frame.render_widget(block, rect);
        return;
    }
    let last = plot.until;
    // Below the curves, since painted first.
    let level = plot.level.map(|(_, value)| (theme.faint(), vec![(0.0, value), (last as f64, value)]));
    let curves = plot.series.iter().flat_map(|series| segments(series, last, rect.width as usize));
    let lines: Vec<(Style, Vec<(f64, f64)>)> = level.into_iter().chain(curves).collect();
    let (low, high) = bounds(lines.iter().flat_map(|(_, points)| points));
    let datasets = lines
        .iter()
        .map(|(style, points)| {
            Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(*style).data(points)
        })
        .collect();
    let label = |value: f64| Span::styled((plot.show)(value), theme.faint());
    let mut values = vec![label(low), label(high)];
    if rect.height > 8 {
        values.insert(1, label(f64::midpoint(low, high)));
    }
    let steps = vec![Span::styled("0", theme.faint()), Span::styled(format!("step {last}"), theme.faint())];
    let x = Axis::default().bounds([0.0, last.max(1) as f64]).labels(steps).style(theme.faint());
    let y = Axis::default().bounds([low, high]).labels(values).style(theme.faint());
    frame.render_widget(Chart::new(datasets).block(block).x_axis(x).y_axis(y), rect);
}

/// The points of a series that are to be joined: a list for each stretch without a hole.
fn segments(series: &Series, last: u64, columns: usize) -> Vec<(Style, Vec<(f64, f64)>)> {
    let mut segments = vec![Vec::new()];
    for bin in series.curve.map_or(&[][..], |curve| curve.bins(0, last, columns)) {
        let middle = f64::midpoint(bin.first as f64, bin.last as f64);
        if let Some(segment) = segments.last_mut().filter(|_| bin.count > 0) {
            segment.push((middle, bin.low));
            if bin.high > bin.low {
                segment.push((middle, bin.high));
            }
        }
        if bin.holes > 0 {
            segments.push(Vec::new());
        }
    }
    segments.into_iter().filter(|segment| !segment.is_empty()).map(|segment| (series.style, segment)).collect()
}

/// The range of the finite values with a little room; never empty.
fn bounds<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> (f64, f64) {
    let (low, high) =
        points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = if high > low { (high - low) * 0.03 } else { high.abs().max(1e-3) * 0.1 };
    // What is never negative isn't drawn below zero.
    (if low >= 0.0 { (low - room).max(0.0) } else { low - room }, high + room)
}
