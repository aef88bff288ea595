//! Points in the plane by group, as a map of features is.

use super::{Drawing, Drawn, FONT, Figure, GREY, colour};
use crate::embedding::{Colouring, Embedding};
use plotters::coord::Shift;
use plotters::prelude::{BLACK, Circle, DrawingArea, DrawingBackend, IntoFont, Rectangle, Text};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (540, 440);
/// Above the points, for the title, and to their right, for the names.
const TOP: i32 = 34;
const RIGHT: (i32, i32) = (120, 240);

/// Points of one kind.
pub(super) struct Group {
    /// What they are.
    pub name: String,
    /// Where they lie.
    pub points: Vec<[f32; 2]>,
}

pub(super) struct Scatter {
    title: String,
    groups: Vec<Group>,
}

/// `groups` under `title`, with one scale across and up.
pub(super) fn scatter(title: &str, groups: Vec<Group>) -> Figure {
    Figure { size: SIZE, drawing: Drawing::Scatter(Scatter { title: title.to_owned(), groups }) }
}

/// A map of features under `title`, in the groups of `colouring`.
pub fn map(title: &str, map: &Embedding, colouring: &Colouring) -> Figure {
    let mut groups: Vec<Group> =
        colouring.names.iter().map(|name| Group { name: name.clone(), points: Vec::new() }).collect();
    for (point, group) in map.points.iter().zip(&colouring.groups) {
        if let Some(group) = groups.get_mut(usize::from(*group)) {
            group.points.push(point.at);
        }
    }
    scatter(title, groups)
}

impl Scatter {
    pub fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let (width, height) = area.dim_in_pixel();
        let longest = self.groups.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
        let right = (longest as i32 * 8 + 36).clamp(RIGHT.0, RIGHT.1);
        let (width, height) = (width as i32 - right - 12, height as i32 - TOP - 12);
        let font = |size: f64| (FONT, size).into_font();
        area.draw(&Text::new(self.title.clone(), (12, 10), font(17.0).color(&BLACK)))?;
        area.draw(&Rectangle::new([(6, TOP), (width + 6, height + TOP)], GREY.mix(0.4)))?;
        let all = || self.groups.iter().flat_map(|group| group.points.iter());
        let ends = |axis: usize| {
            all().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| (low.min(at[axis]), high.max(at[axis])))
        };
        let (across, up) = (ends(0), ends(1));
        let span = ((across.1 - across.0) / (width - 16) as f32)
            .max((up.1 - up.0) / (height - 16) as f32)
            .max(f32::MIN_POSITIVE);
        let middle = [f32::midpoint(across.0, across.1), f32::midpoint(up.0, up.1)];
        let place = |at: &[f32; 2]| {
            let x = width / 2 + 6 + ((at[0] - middle[0]) / span).round() as i32;
            (x, TOP + height / 2 - ((at[1] - middle[1]) / span).round() as i32)
        };
        // In turns, so that no group hides another.
        let most = self.groups.iter().map(|group| group.points.len()).max().unwrap_or(0);
        let radius = if all().count() > 4000 { 1 } else { 2 };
        for turn in 0..most {
            for (number, group) in self.groups.iter().enumerate() {
                if let Some(at) = group.points.get(turn) {
                    area.draw(&Circle::new(place(at), radius, colour(number).mix(0.75).filled()))?;
                }
            }
        }
        for (number, group) in self.groups.iter().enumerate() {
            let y = TOP + 12 + number as i32 * 20;
            area.draw(&Circle::new((width + 20, y), 5, colour(number).filled()))?;
            let style = font(13.0).color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(group.name.clone(), (width + 32, y), style))?;
        }
        Ok(())
    }
}
