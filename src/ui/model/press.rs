//! What a key does, by the screen or dialogue it is pressed on.

mod ask;
mod mouse;
mod screens;

pub use mouse::click;

use super::{Cmd, Dialogue, Model, Notice, Screen, Tab, data, start};
use crate::ui::keys::{Action, Place, Press};
use crate::ui::palette::{self, Answer, Command, Palette};
use ask::{answer, ask_resume, ask_start, ask_stop, ask_trash, restore};
use crossterm::event::KeyEvent;
use screens::on_screen;

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

/// Does what a key means here.
fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    if model.read_only && changes_something(action) && model.front().is_screen() {
        return fail(model, "read-only: nothing is started, stopped or written from here");
    }
    match (action, model.front()) {
        (Action::Quit, _) => model.leaving = true,
        (action, Place::Choice | Place::Settings | Place::Typing) => return start::press(model, action),
        (action, Place::Question | Place::Stopping | Place::Page) => return answer(model, action),
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

fn changes_something(action: Action) -> bool {
    use Action::{Backward, Embed, Forward, Hold, Note, Restore, Resume, Start, Stop, Tags, Trash};
    matches!(action, Start | Stop | Resume | Note | Tags | Trash | Restore | Hold | Forward | Backward | Embed)
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
    let to = match action {
        Action::First => 0,
        Action::Last => usize::MAX,
        action => cursor.saturating_add_signed(rows_down(action).unwrap_or(0)),
    };
    to.min(rows.saturating_sub(1))
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
