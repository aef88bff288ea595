//! The laboratory on the screen. One circle: keys and news become a [`Msg`], [`update`](model::update) turns it into a
//! changed [`Model`] and a few [`Cmd`](model::Cmd)s, [`view`](view::draw) shows the model. All files are read by the watcher's
//! thread; this loop never waits for a disk.

mod bench;
mod board;
mod chart;
mod figures;
mod input;
mod keys;
mod list;
mod log;
mod look;
mod map;
mod model;
mod palette;
mod perform;
mod screen;
mod settings;
mod theme;
mod view;
mod watcher;

#[cfg(test)]
mod tests;

use crate::project::{Here, Project};
use anyhow::{Context, bail};
pub use bench::{Figure, measure};
use crossterm::event::{Event, EventStream, MouseEventKind};
use futures::StreamExt;
pub use list::Search;
#[cfg(test)]
pub use map::tests::sample as sample_map;
use model::{Cmd, Model, Msg, Notice, update};
pub use settings::{example, own};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use theme::Surroundings;
pub use theme::{Look, Wanted};
use tokio::sync::mpsc;

/// What the command line says of the screen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Nothing may be started, stopped or written.
    pub read_only: bool,
    /// Frames a second that only show new data, in the place of the user's file.
    pub fps: Option<u32>,
    /// The looks, in the place of the user's file.
    pub theme: Wanted,
    /// What the list shows at first.
    pub filter: Option<Search>,
}

/// Opens the laboratory on `project` until the user leaves. Runs go on.
///
/// # Errors
/// Where there is no terminal, or it fails.
pub fn run(project: Project, options: Options) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("the laboratory needs a terminal; without one use `mocolab ls`, `show`, `start` (`mocolab --help`)");
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the event loop")?;
    let mut screen = screen::Screen::open()?;
    let result = runtime.block_on(circle(&mut screen, project, options));
    screen.close();
    result
}

/// What is there at first, by the user's file and the command line; the least time between two frames that only show new
/// data; whether the mouse is obeyed.
fn begin(project: &Project, options: Options) -> (Model, Duration, bool) {
    let (settings, trouble) =
        settings::place(|name| std::env::var_os(name)).map_or_else(Default::default, |path| settings::load(&path));
    let mut model = Model::new(project, Surroundings::of_process().theme(options.theme.or(settings.theme)));
    model.keys = settings.keys(model.theme.ascii());
    model.look.smoothing = settings.smoothing;
    model.notice = trouble.map(Notice::Failed);
    model.read_only = options.read_only;
    model.list.search = options.filter.unwrap_or_default();
    model.here = Here::now();
    model.east = jiff::ZonedDateTime::now().offset().seconds();
    (model, Duration::from_secs(1) / options.fps.unwrap_or(settings.fps).max(1), settings.mouse)
}

async fn circle(screen: &mut screen::Screen, project: Project, options: Options) -> anyhow::Result<()> {
    let (send, mut receive) = mpsc::unbounded_channel();
    let (mut model, data_frame, mouse) = begin(&project, options);
    if mouse {
        screen::Screen::obey_mouse()?;
    }
    let hands = perform::Hands::new(project, send, model.read_only)?;
    let mut keys = EventStream::new();
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut drawn = Instant::now();
    let mut due = Some(drawn);
    while !model.leaving {
        if due.is_some_and(|due| due <= Instant::now()) {
            screen.draw(|frame| view::draw(&model, frame))?;
            (drawn, due) = (Instant::now(), None);
        }
        let wait = due.map_or(Duration::from_hours(1), |due| due.saturating_duration_since(Instant::now()));
        let change = model.next_change().map_or(Duration::from_hours(1), |at| {
            Duration::try_from_secs_f64(at - mocolab::run::now()).unwrap_or_default() + Duration::from_millis(10)
        });
        let (message, at) = tokio::select! {
            key = keys.next() => match key {
                Some(Ok(Event::Key(key))) => (Msg::Key(key), Instant::now()),
                Some(Ok(Event::Mouse(mouse))) if matches!(mouse.kind, MouseEventKind::Moved | MouseEventKind::Up(_)) => continue,
                Some(Ok(Event::Mouse(mouse))) => (Msg::Mouse(mouse, screen.area()), Instant::now()),
                Some(Ok(Event::Paste(text))) => (Msg::Paste(text), Instant::now()),
                Some(Ok(_)) => (Msg::Redraw, Instant::now()),
                // The terminal has gone away.
                Some(Err(_)) | None => break,
            },
            Some(message) = receive.recv() => {
                let at = if model.awaits(&message) { Instant::now() } else { drawn + data_frame };
                (message, at)
            },
            _ = term.recv() => break,
            () = tokio::time::sleep(change) => (Msg::Tick, Instant::now()),
            () = tokio::time::sleep(wait) => continue,
        };
        model.now = mocolab::run::now();
        for command in update(&mut model, message) {
            if let Cmd::Copy(_, text) = &command {
                screen::Screen::copy(text)?;
            }
            hands.perform(command);
        }
        due = Some(due.map_or(at, |due| due.min(at)));
    }
    Ok(())
}
