//! The record told to other programs while it is written, by a thread of its own that reads it as they would: what is slow
//! or full there never holds up the training.

use super::print;
use mocolab::data::Places;
use mocolab::mirror::tensorboard::Board;
use mocolab::run::{Reader, RunDir};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at the record.
const LOOK: Duration = Duration::from_secs(2);
/// Lines told at once.
const CHUNK: usize = 10_000;

/// The thread, where there is anything to tell.
pub struct Mirror(Option<(Sender<()>, JoinHandle<()>)>);

impl Mirror {
    /// Begins to tell what attempt `attempt` writes.
    pub fn start(run: &RunDir, attempt: u32, tensorboard: bool) -> Self {
        if !tensorboard {
            return Self(None);
        }
        let (end, ended) = channel();
        let project = run.path().ancestors().nth(3).unwrap_or(run.path()).to_owned();
        let board = Board::new(run, &run.tensorboard(), Places::new(project), attempt);
        let reader = Reader::new(run);
        let tell = move || {
            if let Err(error) = follow((reader, board), &ended) {
                print(&format!("TensorBoard's files can't be written, and the training goes on without them: {error}"));
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

fn follow((mut reader, mut board): (Reader, Board), ended: &Receiver<()>) -> io::Result<()> {
    loop {
        let last = ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
        loop {
            let batch = reader.read(CHUNK)?;
            batch.lines.iter().try_for_each(|line| board.tell(line))?;
            if !batch.more {
                break;
            }
        }
        board.flush()?;
        if last {
            return Ok(());
        }
    }
}
