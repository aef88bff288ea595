//! Shows the model. Every function here takes what is to be seen, the frame and its rectangle, and is safe at any size.
//!
//! ```text
//! mocolab  1 list  2 run  3 classes  4 compare  5 devices  6 log   1 running, 3 runs
//! (the screen in front)
//! (a notice, or a line that is typed)
//! s start  x stop  ? help  q leave
//! ```

mod classes;
pub(in crate::ui) mod compare;
mod devices;
mod dialogue;
mod foot;
mod head;
mod hit;
pub(in crate::ui) mod list;
mod log;
pub(in crate::ui) mod map;
mod queue;
mod run;
mod together;

pub use classes::ClassesScreen;
pub use devices::DevicesScreen;
pub use hit::{Hit, hit};

use crate::ui::figures::{bar, fit, part, percent};
use crate::ui::model::{Model, Screen};
use crate::ui::theme::ascii;
use mocolab::state::Depth;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Span, Text};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};

/// Draws the whole screen.
pub fn draw(model: &Model, frame: &mut Frame) {
    let (said, _) = foot::said(model, frame.area().width);
    let [head, body, notice, foot] = areas(model, frame.area());
    head::draw(model, frame, head);
    match &model.screen {
        Screen::List => list::table::draw(&seen(model), model.theme, frame, body),
        Screen::Run(run) => run::draw(model, run, frame, body),
        Screen::Classes(run) => {
            if let Some(sight) =
                model.runs.get(run).filter(|sight| sight.state.depth != Depth::Whole && sight.state.attempt > 0)
            {
                let text = format!(" {}  reading the record", mocolab::text::sanitize(&sight.run.label()));
                frame.render_widget(Span::styled(text, model.theme.faint()), body);
            } else if let Some(sight) = model.runs.get(run) {
                classes::draw(sight, &model.classes, model.theme, frame, body);
            }
        }
        Screen::Compare(_) => together::draw(model, frame, body),
        Screen::Devices => devices(model, frame, body),
        Screen::Queue => queue::draw(model, frame, body),
        Screen::Log(run) => {
            let title = format!("log of {}", mocolab::text::sanitize(&run.label()));
            log::draw(&title, &model.log, &model.log_look, model.theme, (frame, body));
        }
        Screen::Map(run) => map::draw(model, run, frame, body),
    }
    frame.render_widget(said, notice);
    foot::draw(model, frame, foot);
    if let Some(open) = &model.dialogue {
        dialogue::draw(model, open, frame, body);
    }
    foot::toasts(model, frame, body);
    if model.theme.ascii() {
        ascii::translate(frame.buffer_mut());
    }
}

/// Head, screen, notice and foot.
fn areas(model: &Model, area: Rect) -> [Rect; 4] {
    let (_, lines) = foot::said(model, area.width);
    let lines = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(lines), Constraint::Length(1)];
    Layout::vertical(lines).areas(area)
}

/// What the list shows.
fn seen(model: &Model) -> list::table::Seen<'_> {
    let problem = match &model.suite {
        Some(Err(problem)) => Some(problem.as_str()),
        _ => None,
    };
    list::table::Seen {
        suite: model.suite(),
        problem,
        complete: model.complete,
        runs: &model.runs,
        rows: &model.rows,
        state: &model.list,
        now: model.now,
    }
}

fn devices(model: &Model, frame: &mut Frame, rect: Rect) {
    let live = model.runs.values().filter(|sight| sight.status.is_live());
    let here =
        live.filter_map(|sight| Some((sight.job.as_ref().filter(|job| job.boot_id == model.here.boot_id)?, sight)));
    let labels = here.map(|(job, sight)| (job.pid, sight.run.label())).collect();
    let seen =
        devices::Seen { sample: model.sample.as_ref(), history: &model.history, labels: &labels, theme: model.theme };
    devices::draw(&seen, &model.devices, frame, rect);
}

/// `text` over as many lines of `width` as it needs, at most 4, and how many those are.
fn wrapped(text: &str, style: Style, width: u16) -> (Paragraph<'static>, u16) {
    let paragraph = Paragraph::new(Text::styled(text.to_owned(), style)).wrap(Wrap { trim: true });
    let paragraph = paragraph.block(Block::new().padding(Padding::horizontal(1)));
    let lines = if text.is_empty() { 0 } else { paragraph.line_count(width.saturating_sub(2)).min(4) as u16 };
    (paragraph, lines)
}
