//! The laboratory on the screen. One circle: keys and news become a [`Msg`], [`update`](model::update) turns it into a
//! changed [`Model`] and a few [`Cmd`](model::Cmd)s, [`view`](view::draw) shows the model. All files are read by the watcher's
//! thread; this loop never waits for a disk.

mod keys;
mod model;
mod perform;
mod screen;
mod theme;
mod view;
mod watcher;

#[cfg(test)]
mod tests;

use crate::project::Project;
use anyhow::{Context, bail};
use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use model::{Model, Msg, update};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use theme::Theme;
use tokio::sync::mpsc;

/// Least time between two frames that only show new data; keys are answered at once.
const DATA_FRAME: Duration = Duration::from_millis(250);

/// Opens the laboratory on `project` until the user leaves. Runs go on.
///
/// # Errors
/// Where there is no terminal, or it fails.
pub fn run(project: Project) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("the laboratory needs a terminal; without one use `mocolab ls`, `show`, `start` (`mocolab --help`)");
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the event loop")?;
    let mut screen = screen::Screen::open()?;
    let result = runtime.block_on(circle(&mut screen, project));
    screen.close();
    result
}

async fn circle(screen: &mut screen::Screen, project: Project) -> anyhow::Result<()> {
    let (send, mut receive) = mpsc::unbounded_channel();
    let hands = perform::Hands::new(project.clone(), send);
    let mut model = Model::new(&project, Theme::from_environment());
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
        let (message, at) = tokio::select! {
            key = keys.next() => match key {
                Some(Ok(Event::Key(key))) => (Msg::Key(key), Instant::now()),
                Some(Ok(_)) => (Msg::Redraw, Instant::now()),
                // The terminal has gone away.
                Some(Err(_)) | None => break,
            },
            Some(message) = receive.recv() => (message, drawn + DATA_FRAME),
            _ = term.recv() => break,
            () = tokio::time::sleep(wait) => continue,
        };
        for command in update(&mut model, message) {
            hands.perform(command);
        }
        due = Some(due.map_or(at, |due| due.min(at)));
    }
    Ok(())
}
