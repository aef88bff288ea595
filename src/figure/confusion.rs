//! A confusion matrix: a row for each true class, coloured by the share of its pictures.

use super::{Drawing, Drawn, FONT, Figure, GREY};
use crate::metrics;
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, DrawingArea, DrawingBackend, IntoFont, IntoTextStyle, RGBColor, Rectangle, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform};

/// Across and down, in pixels.
pub const SIZE: (u32, u32) = (560, 560);
/// To the left of the cells and below, for names: the least and the most; and above, for the title.
const LEFT: (i32, i32) = (96, 200);
const TOP: i32 = 34;
/// Classes up to which shares are written into cells.
const WRITTEN: usize = 12;
/// Classes up to which all are named.
const NAMED: usize = 40;

pub(super) struct Confusion {
    title: String,
    classes: Vec<String>,
    shares: Vec<Vec<Option<f64>>>,
}

/// The confusion of `classes`: counts `[true class][answer]`.
pub fn confusion(title: &str, classes: &[String], counts: &[Vec<u64>]) -> Figure {
    let counted = metrics::Confusion::from_counts(counts.to_vec());
    let row = |truth: usize| (0..counts.len()).map(|answer| counted.share(truth, answer)).collect();
    let shares = (0..counts.len()).map(row).collect();
    let drawing = Confusion { title: title.to_owned(), classes: classes.to_vec(), shares };
    Figure { size: SIZE, drawing: Drawing::Confusion(drawing) }
}

impl Confusion {
    pub fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let (width, height) = area.dim_in_pixel();
        let n = self.shares.len().max(1);
        let edge = edge(&self.classes);
        let side = f64::from((width as i32 - edge - 10).min(height as i32 - TOP - edge)) / n as f64;
        let at = |place: usize, from: i32| from + (place as f64 * side).round() as i32;
        let font = |size: f64| (FONT, size).into_font();
        area.draw(&Text::new(self.title.clone(), (edge, 10), font(16.0).color(&BLACK)))?;
        for (truth, row) in self.shares.iter().enumerate() {
            for (answer, share) in row.iter().enumerate() {
                let corners = [(at(answer, edge), at(truth, TOP)), (at(answer + 1, edge), at(truth + 1, TOP))];
                let share = share.unwrap_or(0.0);
                area.draw(&Rectangle::new(corners, shade(share).filled()))?;
                if n <= WRITTEN && share >= 0.005 {
                    let middle = (i32::midpoint(corners[0].0, corners[1].0), i32::midpoint(corners[0].1, corners[1].1));
                    let ink = if share > 0.55 { WHITE } else { BLACK };
                    let style = font((side / 3.2).min(15.0)).color(&ink).pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw(&Text::new(format!("{:.0}", share * 100.0), middle, style))?;
                }
            }
        }
        area.draw(&Rectangle::new([(edge, TOP), (at(n, edge), at(n, TOP))], GREY))?;
        let style = font((side * 0.8).clamp(6.0, 13.0)).into_text_style(area).color(&BLACK);
        for (place, name) in self.classes.iter().enumerate().take(if n <= NAMED { n } else { 0 }) {
            let middle = (side * (place as f64 + 0.5)).round() as i32;
            let left = style.pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(name.clone(), (edge - 6, TOP + middle), left))?;
            let below = style.transform(FontTransform::Rotate270).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(name.clone(), (edge + middle, at(n, TOP) + 6), below))?;
        }
        let note = font(11.0).color(&GREY).pos(Pos::new(HPos::Left, VPos::Bottom));
        area.draw(&Text::new("rows: true class; in %", (2, height as i32 - 2), note))
    }
}

/// Room for the names of `classes`.
fn edge(classes: &[String]) -> i32 {
    let longest = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    (longest as i32 * 8 + 12).clamp(LEFT.0, LEFT.1)
}

/// White for nothing to dark blue for all.
fn shade(share: f64) -> RGBColor {
    let part = |low: f64| (255.0 - (255.0 - low) * share.clamp(0.0, 1.0).sqrt()) as u8;
    RGBColor(part(8.0), part(48.0), part(107.0))
}
