//! What keys do on each screen.

use super::{fail, moved, rows_down};
use crate::ui::board;
use crate::ui::chart::Scale;
use crate::ui::keys::Action;
use crate::ui::list::{Motion, Row};
use crate::ui::log::{Find, LogLook};
use crate::ui::look;
use crate::ui::map::{MapScreen, Way};
use crate::ui::model::compare::Page;
use crate::ui::model::{Cmd, Dialogue, Model, Screen, Tab, data};
use crate::ui::palette::{self, Palette};
use mocolab::run::RunDir;

pub(super) fn on_screen(model: &mut Model, action: Action) -> Vec<Cmd> {
    match (model.screen.tab(), action) {
        (Tab::List, action) => return on_list(model, action),
        (_, Action::Previous | Action::Next) if model.screen.tab() != Tab::Compare => neighbour(model, action),
        (Tab::Run, action) => on_run(model, action),
        (Tab::Classes, action) => on_classes(model, action),
        (Tab::Compare, action) => on_compare(model, action),
        (Tab::Devices, action) => on_devices(model, action),
        (Tab::Queue, action) => return model.on_queue(action),
        (Tab::Log, action) => on_log(model, action),
        (Tab::Map, action) => return on_map(model, action),
    }
    Vec::new()
}

fn on_list(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Model { list, rows, .. } = model;
    match action {
        Action::Enter => return enter(model),
        Action::Back => _ = list.search.clear(),
        Action::First => list.go(rows, Motion::First),
        Action::Last => list.go(rows, Motion::Last),
        Action::Search => list.search.open(),
        Action::FindNext | Action::FindPrevious => {
            if !list.jump(rows, &model.runs, model.now, action == Action::FindNext) {
                let text = format!("nothing fits: {} sets what to look for", model.key(Action::Search));
                return fail(model, text);
            }
        }
        Action::Mark => {
            list.mark(rows);
            list.go(rows, Motion::By(1));
        }
        Action::MarkAll => list.mark_shown(rows),
        Action::Sort => list.turn_sort(rows),
        Action::Reverse => list.reverse_sort(),
        Action::Group => list.turn_grouping(),
        Action::Fold => list.fold(rows),
        Action::FoldAll => list.fold_all(rows),
        Action::Columns => {
            let metrics = palette::metrics(model.runs.values(), &model.list.metrics);
            model.dialogue = Some(Dialogue::Palette(Palette::new(metrics)));
        }
        action => {
            if let Some(down) = rows_down(action) {
                list.go(rows, Motion::By(down));
            }
        }
    }
    Vec::new()
}

/// Opens the run under the cursor; of a group its newest, or what is folded.
pub(super) fn enter(model: &mut Model) -> Vec<Cmd> {
    match model.rows.rows().get(model.list.cursor()) {
        Some(Row::Group(group)) if group.folded => model.list.fold(&model.rows),
        _ => _ = model.go_to(Tab::Run),
    }
    Vec::new()
}

fn on_run(model: &mut Model, action: Action) {
    let Screen::Run(run) = &model.screen else { return };
    let state = model.runs.get(run).map(|sight| &sight.state);
    match (action, state) {
        (Action::Back, _) => {
            if !model.look.back() {
                model.leave();
            }
        }
        (Action::Enter, _) => model.look.alone = !model.look.alone,
        (Action::Baseline, _) => {
            model.baseline = Some(run.clone()).filter(|run| model.baseline.as_ref() != Some(run));
        }
        (Action::Up | Action::Down | Action::First | Action::Last, Some(state)) => {
            let panels = board::panels(state);
            let at = moved(model.look.place(&panels), action, panels.len());
            model.look.chosen = panels.get(at).map(|panel| panel.title.clone());
        }
        (action, Some(_)) => on_charts(model, action),
        (_, None) => {}
    }
}

/// What keys do with all charts.
fn on_charts(model: &mut Model, action: Action) {
    let all = reach(model);
    let look = &mut model.look;
    match action {
        Action::Left => look.read(all, look::Way::Less),
        Action::Right => look.read(all, look::Way::More),
        Action::ZoomIn => look.zoom(all, look::Way::More),
        Action::ZoomOut => look.zoom(all, look::Way::Less),
        Action::PanLeft => look.pan(all, look::Way::Less),
        Action::PanRight => look.pan(all, look::Way::More),
        Action::Axis => look.turn_axis(model.east),
        Action::Smoother => look.turn_smoothing(look::Way::More),
        Action::Rougher => look.turn_smoothing(look::Way::Less),
        Action::Logarithmic => look.log = !look.log,
        Action::Outliers => look.robust = !look.robust,
        _ => {}
    }
}

fn on_classes(model: &mut Model, action: Action) {
    let Screen::Classes(run) = &model.screen else { return };
    if action == Action::Back {
        return model.leave();
    }
    let Some(state) = model.runs.get(run).map(|sight| &sight.state) else { return };
    let classes = &mut model.classes;
    match action {
        Action::Up => classes.up(state),
        Action::Down => classes.down(state),
        Action::PageUp => classes.page_up(state),
        Action::PageDown => classes.page_down(state),
        Action::First => classes.first(),
        Action::Last => classes.last(state),
        Action::Sort => classes.turn_order(),
        Action::Reverse => classes.reverse(),
        Action::Split => classes.turn_split(state),
        Action::Matrix => classes.toggle_matrix(),
        _ => {}
    }
}

fn on_compare(model: &mut Model, action: Action) {
    let curves = model.compare.page == Page::Curves;
    match action {
        Action::Back => {
            if !model.look.back_to_all() {
                model.leave();
            }
        }
        Action::NextPage | Action::PreviousPage => model.compare.turn_page(action == Action::NextPage),
        Action::Baseline => model.compare.turn_baseline(model.shown_together().len()),
        Action::Next | Action::Previous => {
            let metrics = data::metrics_together(model);
            model.compare.turn_metric(&metrics, action == Action::Next);
        }
        Action::Left | Action::Right if !curves => {
            let right = if action == Action::Right { 1 } else { -1 };
            model.compare.scroll((0, right), data::extent(model));
        }
        action => {
            if let Some(down) = rows_down(action) {
                return model.compare.scroll((down, 0), data::extent(model));
            }
            on_charts(model, action);
        }
    }
}

fn on_devices(model: &mut Model, action: Action) {
    let gpus = model.sample.as_ref().map_or(0, |sample| sample.gpus.len());
    match action {
        Action::Back => model.leave(),
        Action::Enter => model.devices.toggle(),
        action => model.devices.go(rows_down(action).unwrap_or(0), gpus),
    }
}

fn on_log(model: &mut Model, action: Action) {
    let lines = model.log.len();
    let look = &mut model.log_look;
    match action {
        Action::Back if look.up > 0 || !look.query.is_empty() => *look = LogLook::default(),
        Action::Back => model.leave(),
        Action::First => look.go(lines, isize::MAX),
        Action::Last => look.up = 0,
        Action::Search => model.ask_find(),
        Action::FindNext | Action::FindPrevious => {
            let way = if action == Action::FindNext { Find::Earlier } else { Find::Later };
            if look.query.is_empty() {
                let text = format!("{} sets what to look for", model.key(Action::Search));
                fail(model, text);
            } else if !look.find(&model.log, way) {
                let text = format!("no further line holds `{}`", look.query);
                fail(model, text);
            }
        }
        action => {
            if let Some(down) = rows_down(action) {
                look.go(lines, -down);
            }
        }
    }
}

fn on_map(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Screen::Map(run) = &model.screen else { return Vec::new() };
    let (run, map) = (run.clone(), &mut model.map);
    // What there is to say where nothing came of it.
    let none = match action {
        Action::Back if map.back() => "",
        Action::Back => {
            model.leave();
            ""
        }
        Action::Left | Action::Right | Action::Up | Action::Down if map.step().is_none() => "there is no map yet",
        Action::Left => said(map.go(Way::Left), "no point further on the left"),
        Action::Right => said(map.go(Way::Right), "no point further on the right"),
        Action::Up => said(map.go(Way::Up), "no point further up"),
        Action::Down => said(map.go(Way::Down), "no point further down"),
        Action::Enter => said(map.go_to_neighbour(), "choose a point first, by the arrows"),
        Action::FindNext | Action::FindPrevious if map.list.is_none() => "no list is open: `o` opens one",
        Action::FindNext => said(map.turn_point(true), "that was the last of the list"),
        Action::FindPrevious => said(map.turn_point(false), "that is the first of the list"),
        Action::PageDown | Action::PageUp => {
            said(map.turn_class(action == Action::PageDown), "no list of a class is open: `o` opens one")
        }
        Action::Earlier => said(map.turn_epoch(false), "no map of an earlier epoch"),
        Action::Later => said(map.turn_epoch(true), "no map of a later epoch"),
        Action::Play => said(map.play(model.now), "there is no other map to play: one more is needed"),
        Action::Hide => said(map.hide(), "choose a point of the class first, by the arrows"),
        Action::Only => said(map.show_only(), "choose a point of the class first, by the arrows"),
        Action::Embed if map.making.insert(run.clone()) => return vec![Cmd::Embed(run)],
        Action::Embed => "it is being mapped already",
        action => {
            look_at_map(map, action);
            ""
        }
    };
    if none.is_empty() { Vec::new() } else { fail(model, none) }
}

/// How a map is looked at by keys that always do something.
fn look_at_map(map: &mut MapScreen, action: Action) {
    match action {
        Action::Lists => map.turn_list(),
        Action::Colour => map.turn_colour(),
        Action::ShowAll => map.show_all(),
        Action::Dots => map.turn_dots(),
        Action::ZoomIn => map.zoom(true, None),
        Action::ZoomOut => map.zoom(false, None),
        Action::PanLeft => map.pan(Way::Left),
        Action::PanRight => map.pan(Way::Right),
        Action::PanUp => map.pan(Way::Up),
        Action::PanDown => map.pan(Way::Down),
        _ => {}
    }
}

/// Nothing where it was done, else `why`.
fn said(done: bool, why: &'static str) -> &'static str {
    if done { "" } else { why }
}

/// From one run's screen to the same of the run above or below it on the list.
fn neighbour(model: &mut Model, action: Action) {
    let (Screen::Run(here) | Screen::Classes(here) | Screen::Log(here) | Screen::Map(here)) = &model.screen else {
        return;
    };
    let run = |row: &Row| if let Row::Run { run, .. } = row { Some(run.clone()) } else { None };
    let runs: Vec<RunDir> = model.rows.rows().iter().filter_map(run).collect();
    let at = runs.iter().position(|run| run == here);
    let there = at.and_then(|at| if action == Action::Next { at.checked_add(1) } else { at.checked_sub(1) });
    let Some(run) = there.and_then(|there| runs.get(there).cloned()) else {
        fail(model, "no further run on the list");
        return;
    };
    let screen = match model.screen.tab() {
        Tab::Classes => Screen::Classes(run),
        Tab::Log => Screen::Log(run),
        Tab::Map => Screen::Map(run),
        _ => Screen::Run(run),
    };
    model.show(screen);
}

/// What the charts of the screen reach over.
pub(super) fn reach(model: &Model) -> Scale {
    let sights = match &model.screen {
        Screen::Run(run) => model.runs.get(run).into_iter().collect(),
        _ => model.shown_together(),
    };
    model.look.reach_of(sights.into_iter().map(|sight| &sight.state))
}
