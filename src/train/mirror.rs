//! The record told to others while it is written, to programs and by webhooks to people, by a thread of its own that reads it as they would: what is slow
//! or full there never holds up the training.

use super::print;
use mocolab::data::Places;
use mocolab::event::Line;
use mocolab::herald::{Heralds, LAST};
use mocolab::mirror::tensorboard::Board;
use mocolab::run::{Reader, RunDir, host};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at the record.
const LOOK: Duration = Duration::from_secs(1);
/// Lines told at once.
const CHUNK: usize = 10_000;

/// The thread, where there is anything to tell.
pub struct Mirror(Option<(Sender<()>, JoinHandle<()>)>);

impl Mirror {
    /// Begins to tell what the record says and will say: to TensorBoard, where `tensorboard` is wished for, and to the run's hooks
    /// what attempt `attempt` does.
    pub fn start(run: &RunDir, attempt: u32, tensorboard: bool) -> Self {
        let hooks = run.read_hooks().unwrap_or_else(|error| {
            print(&format!("nobody is told of this run: {error}"));
            None
        });
        let hooks = hooks.unwrap_or_default();
        if !tensorboard && hooks.is_empty() {
            return Self(None);
        }
        let (end, ended) = channel();
        let project = run.path().ancestors().nth(3).unwrap_or(run.path()).to_owned();
        let board = tensorboard.then(|| Board::new(run, &run.tensorboard(), Places::new(project)));
        let heralds = (!hooks.is_empty()).then(|| Heralds::new(hooks, (run.label(), host(), attempt), print));
        let mut told = Listeners { board, heralds };
        let mut reader = Reader::new(run);
        let tell = move || {
            told.follow(&mut reader, &ended);
            if let Some(heralds) = told.heralds {
                heralds.finish(LAST);
            }
        };
        Self(std::thread::Builder::new().name("mirror".into()).spawn(tell).ok().map(|thread| (end, thread)))
    }

    /// Tells what is left, once nothing more is written.
    pub fn finish(self) {
        if let Some((end, thread)) = self.0 {
            drop(end);
            let _ = thread.join();
        }
    }
}

/// Who is told.
struct Listeners {
    board: Option<Board>,
    heralds: Option<Heralds>,
}

impl Listeners {
    fn follow(&mut self, reader: &mut Reader, ended: &Receiver<()>) {
        let mut said = false;
        loop {
            let last = ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
            // A file system that is gone for a moment comes back.
            if let Err(error) = self.catch_up(reader)
                && !std::mem::replace(&mut said, true)
            {
                print(&format!("the record can't be read to be told on, and will be tried again: {error}"));
            }
            self.on_board(Board::flush);
            if last {
                return;
            }
        }
    }

    fn catch_up(&mut self, reader: &mut Reader) -> io::Result<()> {
        loop {
            let batch = reader.read(CHUNK)?;
            batch.lines.iter().for_each(|line| self.tell(line));
            if !batch.more {
                return Ok(());
            }
        }
    }

    fn tell(&mut self, line: &Line) {
        if let Some(heralds) = &mut self.heralds {
            heralds.tell(line);
        }
        self.on_board(|board| board.tell(line));
    }

    /// Does something with the board; once that fails there is none.
    fn on_board(&mut self, act: impl FnOnce(&mut Board) -> io::Result<()>) {
        if let Some(Err(error)) = self.board.as_mut().map(act) {
            print(&format!("TensorBoard's files can't be written, and the training goes on without them: {error}"));
            self.board = None;
        }
    }
}
