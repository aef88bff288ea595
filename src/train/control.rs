//! What the world wants of the training, gathered by the main thread, asked for by the training thread after each step.

use mocolab::event::Outcome;
use mocolab::executor::slurm;
use mocolab::run::{RunDir, now};
use mocolab::status::Wish;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a recipe is to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Go on.
    Go,
    /// Write a checkpoint and go on.
    Checkpoint,
    /// Write a checkpoint and return this outcome.
    Leave(Outcome),
}

/// Something that is wanted, and the id of the request that asks for it, where there is one.
pub type Asked = (Wanted, Option<String>);

/// The main thread's end: it turns signals and requests into what is wanted.
pub struct Control {
    run: RunDir,
    attempt: u32,
    seen: Option<String>,
    leave: Arc<AtomicBool>,
    save: Arc<AtomicBool>,
    scheduled: bool,
    /// When it leaves by itself, since the scheduler's limit is near.
    due: Option<f64>,
    tell: Sender<Asked>,
}

impl Control {
    /// Takes over the signals. TERM, INT and HUP: save and stop; a second TERM ends the process at once. USR1: save.
    /// Where a scheduler started it, TERM and USR1 are
    /// the scheduler's: it saves and leaves, to be continued.
    ///
    /// # Errors
    /// Where a signal can't be taken over.
    pub fn new(run: &RunDir, attempt: u32, scheduled: bool) -> io::Result<(Self, Receiver<Asked>)> {
        let (leave, save) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let twice = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_shutdown(SIGTERM, 143, Arc::clone(&twice))?;
        signal_hook::flag::register(SIGTERM, twice)?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&leave))?;
        }
        signal_hook::flag::register(SIGUSR1, Arc::clone(&save))?;
        let (tell, asked) = channel();
        let due = std::env::var(slurm::DUE).ok().filter(|_| scheduled).and_then(|text| text.parse().ok());
        Ok((Self { run: run.clone(), attempt, seen: None, leave, save, scheduled, due, tell }, asked))
    }

    /// Looks for signals and requests since the last look. A request for another attempt is not ours.
    pub fn look(&mut self) {
        // One that can't be read is being written, or will be asked for again.
        let request = self.run.read_request().ok().flatten().filter(|request| request.attempt == self.attempt);
        // What is asked by a signal is answered there; it is known then that a person and no scheduler sent it.
        let forced = request.as_ref().is_some_and(|request| matches!(request.wish, Wish::Terminate | Wish::Kill));
        let goes_on = self.scheduled && !forced;
        if goes_on && self.due.is_some_and(|due| now() > due) {
            self.due = None;
            self.ask(Wanted::Leave(Outcome::Requeued), None);
        }
        if self.leave.swap(false, Ordering::SeqCst) {
            self.ask(Wanted::Leave(if goes_on { Outcome::Requeued } else { Outcome::Stopped }), None);
        }
        if self.save.swap(false, Ordering::SeqCst) {
            self.ask(if goes_on { Wanted::Leave(Outcome::Requeued) } else { Wanted::Checkpoint }, None);
        }
        if let Some(request) = request.filter(|request| self.seen.as_ref() != Some(&request.id)) {
            let wanted = match request.wish {
                Wish::Stop => Some(Wanted::Leave(Outcome::Stopped)),
                Wish::Pause => Some(Wanted::Leave(Outcome::Paused)),
                Wish::Checkpoint => Some(Wanted::Checkpoint),
                Wish::Terminate | Wish::Kill => None,
            };
            self.seen = Some(request.id.clone());
            if let Some(wanted) = wanted {
                self.ask(wanted, Some(request.id));
            }
        }
    }

    fn ask(&self, wanted: Wanted, request: Option<String>) {
        // The training may have ended meanwhile: then there is nothing to want.
        let _ = self.tell.send((wanted, request));
    }
}
