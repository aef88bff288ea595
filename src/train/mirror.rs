//! The record told to others while it is written, to programs and by webhooks to people, by a thread of its own that reads it as they would: what is slow
//! or full there never holds up the training.

use super::print;
use mocolab::data::Places;
use mocolab::event::{Alert, Event, Line};
use mocolab::herald::{Heralds, LAST};
use mocolab::mirror::tensorboard::Board;
use mocolab::run::{Reader, RunDir, host, now};
use mocolab::text::duration;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the record.
const LOOK: Duration = Duration::from_secs(1);
/// A record that says nothing for so long, and for so many times its longest silence before, has stalled.
const SILENCE: Duration = Duration::from_mins(15);
const TIMES: u32 = 10;
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
        let mut told = Listeners { board, heralds, pulse: Pulse::new(Instant::now()), attempt };
        let mut reader = Reader::new(run);
        let tell = move || {
            told.follow(&mut reader, &ended);
            if let Some(heralds) = told.heralds {
                heralds.finish(LAST);
            }
        };
        match std::thread::Builder::new().name("mirror".into()).spawn(tell) {
            Ok(thread) => Self(Some((end, thread))),
            Err(error) => {
                print(&format!("nobody is told of this run: starting a thread: {error}"));
                Self(None)
            }
        }
    }

    /// Tells what is left, once nothing more is written.
    pub fn finish(self) {
        if let Some((end, thread)) = self.0 {
            drop(end);
            if thread.join().is_err() {
                print("what this run was to tell TensorBoard and its hooks broke off (above)");
            }
        }
    }
}

/// Who is told.
struct Listeners {
    board: Option<Board>,
    heralds: Option<Heralds>,
    pulse: Pulse,
    attempt: u32,
}

/// How long the record has said nothing.
struct Pulse {
    last: Instant,
    longest: Duration,
    said: u64,
    late: bool,
}

impl Pulse {
    fn new(now: Instant) -> Self {
        Self { last: now, longest: Duration::ZERO, said: 0, late: false }
    }

    /// The record has said something.
    fn beat(&mut self, now: Instant) {
        // A silence that was told is no measure of those to come.
        if !self.late {
            self.longest = self.longest.max(now - self.last);
        }
        (self.last, self.late) = (now, false);
    }

    /// The silence, where it has just become one to be told: once, until the record says something again.
    fn stalled(&mut self, now: Instant) -> Option<Duration> {
        let silent = now - self.last;
        if self.late || silent < SILENCE.max(self.longest * TIMES) {
            return None;
        }
        (self.late, self.said) = (true, self.said + 1);
        Some(silent)
    }
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
            if let Some(silent) = self.pulse.stalled(Instant::now()) {
                self.stalled(silent);
            }
            if last {
                return;
            }
        }
    }

    fn catch_up(&mut self, reader: &mut Reader) -> io::Result<()> {
        loop {
            let batch = reader.read(CHUNK)?;
            batch.lines.iter().for_each(|line| self.tell(line));
            if !batch.lines.is_empty() {
                self.pulse.beat(Instant::now());
            }
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

    /// Tells that the training has said nothing for too long. Its record can't: it is its thread that hangs.
    fn stalled(&mut self, silent: Duration) {
        let silent = duration(silent.as_secs_f64());
        let message = format!("nothing has happened for {silent}: it may have stalled; `mocolab logs` may tell why");
        print(&message);
        let alert = Event::Alert(Alert { what: "stalled".to_owned(), message });
        // A number that no line of the record has.
        let line = Line { attempt: self.attempt, seq: u64::MAX - self.pulse.said, t: now(), event: alert };
        if let Some(heralds) = &mut self.heralds {
            heralds.tell(&line);
        }
    }

    /// Does something with the board; once that fails there is none.
    fn on_board(&mut self, act: impl FnOnce(&mut Board) -> io::Result<()>) {
        if let Some(Err(error)) = self.board.as_mut().map(act) {
            print(&format!("TensorBoard's files can't be written, and the training goes on without them: {error}"));
            self.board = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_measured_by_those_before() {
        let begin = Instant::now();
        let at = |minutes: u64| begin + Duration::from_mins(minutes);
        let mut pulse = Pulse::new(begin);
        pulse.beat(at(1));
        assert_eq!((pulse.stalled(at(15)), pulse.stalled(at(16))), (None, Some(SILENCE)));
        assert_eq!(pulse.stalled(at(40)), None, "it was told");
        pulse.beat(at(41));
        assert_eq!(pulse.stalled(at(55)), None);
        assert_eq!(pulse.stalled(at(56)), Some(SILENCE), "the forty minutes are no measure");
        // A training that is silent for five minutes now and then is let be for fifty.
        pulse.beat(at(57));
        pulse.beat(at(62));
        assert_eq!((pulse.stalled(at(111)), pulse.stalled(at(112))), (None, Some(Duration::from_mins(50))));
    }
}
