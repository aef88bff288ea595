//! What the mouse does: it clicks what lies under it, and its wheel zooms, pans and moves by rows.

use super::screens::{enter, on_screen, reach};
use crate::ui::board;
use crate::ui::keys::Action;
use crate::ui::list::Motion;
use crate::ui::look::Way;
use crate::ui::model::{Cmd, Model, Screen, Tab};
use crate::ui::view::{self, Hit};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

/// Rows that a turn of the wheel moves by.
const WHEEL: isize = 3;

/// The mouse did something on a screen of `area`.
pub fn click(model: &mut Model, mouse: MouseEvent, area: Rect) -> Vec<Cmd> {
    if model.dialogue.is_some() || model.words.is_some() {
        return Vec::new();
    }
    let hit = view::hit(model, area, Position::new(mouse.column, mouse.row));
    match (mouse.kind, hit) {
        (MouseEventKind::Down(MouseButton::Left), Some(Hit::Tab(tab))) => _ = model.go_to(tab),
        (MouseEventKind::Down(MouseButton::Left), Some(Hit::Row(row))) => {
            if row == model.list.cursor() {
                return enter(model);
            }
            let by = row as isize - model.list.cursor() as isize;
            model.list.go(&model.rows, Motion::By(by));
        }
        (
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left),
            Some(Hit::Chart(chart, at)),
        ) => {
            model.look.chosen = chosen_by(model, chart);
            model.look.cursor = Some(at);
        }
        (MouseEventKind::Down(MouseButton::Left), Some(Hit::Point(at))) => _ = model.map.choose_at(at),
        (MouseEventKind::Down(MouseButton::Left), Some(Hit::Group(group))) => model.map.toggle(group),
        (MouseEventKind::ScrollLeft | MouseEventKind::ScrollRight, Some(Hit::Chart(..))) => {
            let way = if mouse.kind == MouseEventKind::ScrollLeft { Way::Less } else { Way::More };
            model.look.pan(reach(model), way);
        }
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, hit) => {
            let up = mouse.kind == MouseEventKind::ScrollUp;
            turn_wheel(model, up, hit);
        }
        _ => {}
    }
    Vec::new()
}

/// The title of the chart at a place among all.
fn chosen_by(model: &Model, chart: usize) -> Option<String> {
    let Screen::Run(run) = &model.screen else { return model.look.chosen.clone() };
    let panels = board::panels(&model.runs.get(run)?.state);
    panels.into_iter().nth(chart).map(|panel| panel.title)
}

/// Zooms a chart about the mouse; moves by rows elsewhere.
fn turn_wheel(model: &mut Model, up: bool, hit: Option<Hit>) {
    let (action, down) = if up { (Action::Up, -WHEEL) } else { (Action::Down, WHEEL) };
    match (model.screen.tab(), hit) {
        (Tab::Run | Tab::Compare, Some(Hit::Chart(_, at))) => {
            model.look.zoom_about(reach(model), at, if up { Way::More } else { Way::Less });
        }
        (Tab::List, _) => model.list.go(&model.rows, Motion::By(down)),
        (Tab::Log, _) => model.log_look.go(model.log.len(), -down),
        (Tab::Classes | Tab::Devices | Tab::Queue | Tab::Compare, _) => _ = on_screen(model, action),
        (Tab::Map, Some(Hit::Point(at))) => model.map.zoom(up, Some(at)),
        (Tab::Run | Tab::Map, _) => {}
    }
}
