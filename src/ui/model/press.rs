//! What a key does, by the screen or dialogue it is pressed on.

use super::compare::Page;
use super::{Cmd, Dialogue, Model, Notice, Screen, Start, Tab, data, start};
use crate::ui::board;
use crate::ui::chart::Scale;
use crate::ui::keys::{Action, Place, Press};
use crate::ui::list::{Motion, Row};
use crate::ui::log::{Find, LogLook};
use crate::ui::look::Way;
use crate::ui::palette::{self, Answer, Command, Palette};
use crate::ui::view::{self, Hit};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use mocolab::run::RunDir;
use mocolab::status::{Status, Wish};
use ratatui::layout::{Position, Rect};

/// Rows of a page.
pub const PAGE: usize = 10;

/// A key is pressed.
pub fn press(model: &mut Model, key: &KeyEvent) -> Vec<Cmd> {
    model.notice = None;
    if Press::of(key).is_interrupt() {
        model.leaving = true;
        return Vec::new();
    }
    if let Some(Dialogue::Palette(palette)) = &mut model.dialogue {
        let answer = palette.press(key);
        return palette_answers(model, answer);
    }
    if model.words.is_some() {
        return model.type_words(key);
    }
    if model.list_is_typed() {
        model.list.search.press(key);
        return Vec::new();
    }
    match model.keys.action(model.front(), key) {
        Some(action) => act(model, action),
        None => start::typed(model, key),
    }
}

/// Text is pasted: into the line that is open, and nowhere else.
pub fn paste(model: &mut Model, text: &str) {
    let typed = model.list_is_typed();
    match &mut model.dialogue {
        Some(Dialogue::Palette(palette)) => palette.paste(text),
        Some(_) => start::paste(model, text),
        None if model.words.is_some() => model.paste_words(text),
        None if typed => model.list.search.paste(text),
        _ => {}
    }
}

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

/// What the charts of the screen reach over.
fn reach(model: &Model) -> Scale {
    let sights = match &model.screen {
        Screen::Run(run) => model.runs.get(run).into_iter().collect(),
        _ => model.shown_together(),
    };
    model.look.reach_of(sights.into_iter().map(|sight| &sight.state))
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
        (Tab::Run, _) => {}
    }
}

/// Does what a key means here.
fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    if model.read_only && changes_something(action) && model.front().is_screen() {
        return fail(model, "read-only: nothing is started, stopped or written from here");
    }
    match (action, model.front()) {
        (Action::Quit, _) => model.leaving = true,
        (action, Place::Choice | Place::Settings | Place::Typing) => return start::press(model, action),
        (action, Place::Question | Place::Page) => return answer(model, action),
        (Action::Help, _) => model.dialogue = Some(Dialogue::Help(0)),
        (Action::Palette, _) => open_palette(model),
        (Action::Start, _) => return ask_start(model),
        (Action::Resume, _) => return ask_resume(model),
        (Action::Stop, _) => return ask_stop(model),
        (Action::Note | Action::Tags, _) => return model.ask_words(action == Action::Tags),
        (Action::Copy, _) => return data::copy(model),
        (Action::Trash, _) => return ask_trash(model),
        (Action::Restore, _) => return restore(model),
        (Action::Freeze, _) => return model.freeze(),
        (Action::NextScreen | Action::PreviousScreen, _) => model.turn(action == Action::NextScreen),
        (action, _) => match Tab::of(action) {
            Some(tab) => _ = model.go_to(tab),
            None => return on_screen(model, action),
        },
    }
    Vec::new()
}

fn on_screen(model: &mut Model, action: Action) -> Vec<Cmd> {
    match (model.screen.tab(), action) {
        (Tab::List, action) => return on_list(model, action),
        (_, Action::Previous | Action::Next) if model.screen.tab() != Tab::Compare => neighbour(model, action),
        (Tab::Run, action) => on_run(model, action),
        (Tab::Classes, action) => on_classes(model, action),
        (Tab::Compare, action) => on_compare(model, action),
        (Tab::Devices, action) => on_devices(model, action),
        (Tab::Queue, action) => return model.on_queue(action),
        (Tab::Log, action) => on_log(model, action),
    }
    Vec::new()
}

fn changes_something(action: Action) -> bool {
    use Action::{Backward, Forward, Hold, Note, Restore, Resume, Start, Stop, Tags, Trash};
    matches!(action, Start | Stop | Resume | Note | Tags | Trash | Restore | Hold | Forward | Backward)
}

fn open_palette(model: &mut Model) {
    let runs = model.runs.keys().rev().cloned();
    model.dialogue = Some(Dialogue::Palette(Palette::new(palette::items(&model.keys, model.front(), runs))));
}

fn palette_answers(model: &mut Model, answer: Answer) -> Vec<Cmd> {
    if answer != Answer::Stays {
        model.dialogue = None;
    }
    match answer {
        Answer::Chosen(Command::Do(action)) => return act(model, action),
        Answer::Chosen(Command::GoTo(run)) if model.runs.contains_key(&run) => model.show(Screen::Run(run)),
        Answer::Chosen(Command::GoTo(run)) => {
            return fail(model, format!("{} is gone from the disk", run.label()));
        }
        Answer::Chosen(Command::Use(look)) => model.theme = model.theme.with(look),
        Answer::Chosen(Command::Column(metric)) => model.list.toggle_metric(&metric),
        Answer::Stays | Answer::Closes => {}
    }
    Vec::new()
}

/// Where `action` moves a cursor among `rows` rows.
pub fn moved(cursor: usize, action: Action, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    match action {
        Action::Up => cursor.saturating_sub(1),
        Action::Down => (cursor + 1).min(last),
        Action::PageUp => cursor.saturating_sub(PAGE),
        Action::PageDown => (cursor + PAGE).min(last),
        Action::First => 0,
        Action::Last => last,
        _ => cursor,
    }
}

/// Rows down that a key means; none where it means something else.
fn rows_down(action: Action) -> Option<isize> {
    match action {
        Action::Up => Some(-1),
        Action::Down => Some(1),
        Action::PageUp => Some(-(PAGE as isize)),
        Action::PageDown => Some(PAGE as isize),
        _ => None,
    }
}

/// Says why nothing is done.
pub fn fail(model: &mut Model, text: impl Into<String>) -> Vec<Cmd> {
    model.notice = Some(Notice::Failed(text.into()));
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
fn enter(model: &mut Model) -> Vec<Cmd> {
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
        (action, Some(state)) => {
            let all = model.look.reach(state);
            on_charts(model, action, all);
        }
        (_, None) => {}
    }
}

/// What keys do with all charts.
fn on_charts(model: &mut Model, action: Action, all: Scale) {
    let look = &mut model.look;
    match action {
        Action::Left => look.read(all, Way::Less),
        Action::Right => look.read(all, Way::More),
        Action::ZoomIn => look.zoom(all, Way::More),
        Action::ZoomOut => look.zoom(all, Way::Less),
        Action::PanLeft => look.pan(all, Way::Less),
        Action::PanRight => look.pan(all, Way::More),
        Action::Axis => look.turn_axis(model.east),
        Action::Smoother => look.turn_smoothing(Way::More),
        Action::Rougher => look.turn_smoothing(Way::Less),
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
            let all = reach(model);
            on_charts(model, action, all);
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

/// From one run's screen to the same of the run above or below it on the list.
fn neighbour(model: &mut Model, action: Action) {
    let (Screen::Run(here) | Screen::Classes(here) | Screen::Log(here)) = &model.screen else { return };
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
        _ => Screen::Run(run),
    };
    model.show(screen);
}

fn ask_start(model: &mut Model) -> Vec<Cmd> {
    let Some(experiment) = model.experiment() else {
        return fail(model, "no experiment here: choose one that experiments.toml describes");
    };
    let what = Start::New(Box::new(experiment.clone()));
    start::ask(model, what)
}

fn ask_resume(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.can_start() => start::ask(model, Start::Again(run)),
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to resume")),
        None => fail(model, "choose a run to resume"),
    }
}

fn ask_stop(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((run, status)) if status.is_live() => {
            model.dialogue = Some(Dialogue::Stop { run, now: status == Status::Stopping });
            Vec::new()
        }
        Some((_, status)) => fail(model, format!("the run is {status}: there is nothing to stop")),
        None => fail(model, "choose a run to stop"),
    }
}

fn ask_trash(model: &mut Model) -> Vec<Cmd> {
    match model.run().map(|sight| (sight.run.clone(), sight.status)) {
        Some((_, status)) if status.is_live() => {
            let text = format!("the run is {status}: stop it first ({})", model.key(Action::Stop));
            fail(model, text)
        }
        Some((_, Status::Unknown)) => {
            fail(model, "it can't be told from here whether the run lives: look at its machine first")
        }
        Some((run, _)) => {
            model.dialogue = Some(Dialogue::Trash(run));
            Vec::new()
        }
        None => fail(model, "choose a run to put into the trash"),
    }
}

fn restore(model: &mut Model) -> Vec<Cmd> {
    match model.trash.pop() {
        Some((run, place)) => vec![Cmd::Restore(run, place)],
        None => fail(model, "nothing was put into the trash from here; what lies there is in .trash among the runs"),
    }
}

fn answer(model: &mut Model, action: Action) -> Vec<Cmd> {
    if let (Some(Dialogue::Help(first)), Some(down)) = (&mut model.dialogue, rows_down(action)) {
        *first = first.saturating_add_signed(down).min(model.keys.at(model.screen.place()).count().div_ceil(2));
        return Vec::new();
    }
    let command = match (&model.dialogue, action) {
        (Some(Dialogue::Stop { run, now: false }), Action::Enter) => Some(Cmd::Ask(run.clone(), Wish::Stop)),
        (Some(Dialogue::Stop { run, now: true }), Action::Enter) => Some(Cmd::Kill(run.clone())),
        (Some(Dialogue::Trash(run)), Action::Enter) => Some(Cmd::Trash(run.clone())),
        (_, Action::Enter | Action::Back) => None,
        _ => return Vec::new(),
    };
    model.dialogue = None;
    command.into_iter().collect()
}
