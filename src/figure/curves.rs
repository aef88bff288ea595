//! Curves over steps or epochs, each with a name.

use super::{Drawing, Drawn, FONT, Figure, GREY, colour};
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, DrawingArea, DrawingBackend, IntoFont, LineSeries, PathElement, WHITE,
};
use plotters::style::{Color, ShapeStyle};

/// Points that are drawn of a curve: of more the lowest and highest of each part.
const DRAWN: usize = 1500;

/// A curve.
pub struct Series {
    /// What it is called.
    pub name: String,
    /// Where it goes; what is no number parts it.
    pub points: Vec<(f64, f64)>,
    /// Drawn thin, as what another smooths.
    pub faint: bool,
    /// Which colour it has; several may have one.
    pub colour: usize,
}

pub(super) struct Curves {
    title: String,
    axes: [String; 2],
    series: Vec<Series>,
    level: Option<(String, f64)>,
}

/// `series` under `title`; `axes` name across and up; `level` is a line across with a name.
pub fn curves(title: &str, axes: [&str; 2], series: Vec<Series>, level: Option<(String, f64)>) -> Figure {
    let drawing = Curves { title: title.to_owned(), axes: axes.map(str::to_owned), series, level };
    Figure { size: (600, 380), drawing: Drawing::Curves(drawing) }
}

impl Curves {
    /// The least and greatest of what is to be seen, with a little room.
    fn range(&self, of: impl Fn(&(f64, f64)) -> f64, more: Option<f64>) -> (f64, f64) {
        let values = self.series.iter().flat_map(|series| series.points.iter().map(&of)).chain(more);
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match high - low {
            span if span > 0.0 => (low, high),
            _ if low.is_finite() => (low - 0.5, high + 0.5),
            _ => (0.0, 1.0),
        }
    }

    pub fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let (left, right) = self.range(|point| point.0, None);
        let (low, high) = self.range(|point| point.1, self.level.as_ref().map(|level| level.1));
        let room = (high - low) * 0.04;
        let font = |size: f64| (FONT, size).into_font();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, font(17.0).color(&BLACK))
            .margin(8)
            .margin_right(16)
            .x_label_area_size(36)
            .y_label_area_size(58)
            .build_cartesian_2d(left..right, (low - room)..(high + room))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GREY.mix(0.18))
            .axis_style(GREY)
            .label_style(font(12.0).color(&GREY))
            .axis_desc_style(font(13.0).color(&BLACK))
            .x_desc(&self.axes[0])
            .y_desc(&self.axes[1])
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(&|value| tick(*value, right - left))
            .y_label_formatter(&|value| tick(*value, high - low))
            .draw()?;
        for series in &self.series {
            let ink = colour(series.colour);
            let style: ShapeStyle = if series.faint { ink.mix(0.3).stroke_width(1) } else { ink.stroke_width(2) };
            let points = thin(&series.points);
            let mut first = true;
            for part in points.split(|point| !point.1.is_finite()).filter(|part| !part.is_empty()) {
                // A line of one point would not be seen.
                if let [alone] = part {
                    chart.draw_series([Circle::new(*alone, 3, style.filled())])?;
                }
                let drawn = chart.draw_series(LineSeries::new(part.iter().copied(), style))?;
                if first && !series.name.is_empty() {
                    drawn
                        .label(series.name.clone())
                        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                }
                first = false;
            }
        }
        if let Some((name, level)) = &self.level {
            let style = GREY.stroke_width(1);
            let drawn = chart.draw_series(LineSeries::new([(left, *level), (right, *level)], style))?;
            drawn.label(name.clone()).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        if self.series.iter().any(|series| !series.name.is_empty()) || self.level.is_some() {
            chart
                .configure_series_labels()
                .background_style(WHITE.mix(0.85))
                .border_style(GREY.mix(0.3))
                .label_font(font(12.0).color(&BLACK))
                .draw()?;
        }
        Ok(())
    }
}

/// A number beside an axis of `span`.
fn tick(value: f64, span: f64) -> String {
    let places = (1.0 - span.abs().max(1e-12).log10()).ceil().clamp(0.0, 8.0) as usize;
    let value = if value.abs() < span.abs() * 1e-9 { 0.0 } else { value };
    format!("{value:.places$}")
}

/// At most [`DRAWN`] points that look the same: of each part the first, the lowest, the highest and the last.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= DRAWN {
        return points.to_vec();
    }
    let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let part = |part: &[(f64, f64)]| {
        let chosen = [part.first(), part.iter().min_by(by), part.iter().max_by(by), part.last()];
        let mut chosen: Vec<(f64, f64)> = chosen.into_iter().flatten().copied().collect();
        chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
        chosen.dedup();
        chosen
    };
    points.chunks(points.len().div_ceil(DRAWN / 4)).flat_map(part).collect()
}
