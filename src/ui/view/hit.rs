//! What lies under the mouse. It asks those who draw where things lie, so that both agree.

use super::{areas, head, list, map, run, together};
use crate::ui::model::{Model, Screen, Tab};
use ratatui::layout::{Position, Rect};

/// What lies at a place of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hit {
    /// The name of a screen.
    Tab(Tab),
    /// A row of the list.
    Row(usize),
    /// A chart, and the place along it, in its units.
    Chart(usize, f64),
    /// A place on a map, in its units.
    Point([f32; 2]),
    /// A group in a map's legend.
    Group(u16),
}

/// What lies at `place` on a screen of `area`, no dialogue being open.
pub fn hit(model: &Model, area: Rect, place: Position) -> Option<Hit> {
    let [top, body, ..] = areas(model, area);
    if top.contains(place) {
        return head::tab_at(place.x - top.x, top.width).map(Hit::Tab);
    }
    if !body.contains(place) {
        return None;
    }
    match &model.screen {
        Screen::List => list::table::row_at(&super::seen(model), body, place.y).map(Hit::Row),
        Screen::Run(shown) => run::chart_at(model, shown, body, place).map(|(chart, at)| Hit::Chart(chart, at)),
        Screen::Compare(_) => together::place_at(model, body, place).map(|at| Hit::Chart(0, at)),
        Screen::Map(_) => map::hit(model, body, place),
        Screen::Classes(_) | Screen::Devices | Screen::Queue | Screen::Log(_) => None,
    }
}
