//! One run as the watcher knows it: how deep it was read, and what was told of it. A run at rest costs two questions to the
//! file system a look; only what was written to is opened.

use crate::project;
use crate::sight::may_be_job;
use crate::ui::model::News;
use mocolab::run::{Job, Look, Notes, Reading, RunDir, Stamp, Ticket, Watch};
use mocolab::state::Depth;
use mocolab::status::Status;
use std::io;

/// Lines taken at once; what is more is folded here, not where keys are answered.
const LINES: usize = 2000;
/// Bytes of a record that are worth a cache: they take longer to read than the cache does.
const WORTH: u64 = 1 << 20;
/// Bytes that are worth a new one while they are shown.
const GROWN: u64 = 8 << 20;

type Read = fn(&RunDir) -> io::Result<Reading>;

/// A run that is watched.
pub(super) struct Watched {
    run: RunDir,
    /// None where its record can't be read.
    watch: Option<Watch>,
    /// How deep what the model knows of it goes.
    depth: Depth,
    told: Option<Told>,
    /// What it trains has been told.
    is_known: bool,
    stamp: Option<Stamp>,
    /// By depth, summary and whole: bytes of the record read, and those that the cache spares; all where there can be none.
    read: [u64; 2],
    kept: [u64; 2],
    /// What is to be kept.
    to_keep: Option<Reading>,
}

#[derive(Clone, PartialEq)]
struct Told {
    status: Option<Status>,
    job: Option<Job>,
    notes: Notes,
    ticket: Option<Ticket>,
    trouble: Option<String>,
}

impl Watched {
    /// A run of which nothing is known.
    pub fn new(run: RunDir) -> Self {
        Self {
            run,
            watch: None,
            depth: Depth::Glimpse,
            told: None,
            is_known: false,
            stamp: None,
            read: [0; 2],
            kept: [0; 2],
            to_keep: None,
        }
    }

    /// Which run it is.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// Is it at work, as far as can be told?
    pub fn is_live(&self) -> bool {
        self.status().is_some_and(Status::is_live)
    }

    /// Does the model know all of it?
    pub fn is_whole(&self) -> bool {
        self.depth == Depth::Whole
    }

    /// May there be something new? A run at rest is left alone until it is written to; `anyway` looks all the same.
    pub fn may_be_new(&mut self, anyway: bool) -> bool {
        let before = std::mem::replace(&mut self.stamp, Stamp::of(&self.run));
        let rests = self.status().is_some_and(|status| !status.is_live() && status != Status::Unknown);
        // What a scheduler has changes without a file.
        let rests = rests && !self.is_scheduled();
        anyway || !rests || before.is_none() || before != self.stamp
    }

    /// Looks, and begins anew where it is wanted deeper or no longer as deep. Returns what is new.
    pub fn look(&mut self, whole: bool) -> Option<News> {
        let is_whole = self.is_whole();
        match (&self.watch, whole) {
            (Some(_), true) if !is_whole => self.begin(Reading::whole),
            (None, true) => self.begin(Reading::whole),
            (Some(_), false) if is_whole => self.begin(Reading::summary),
            (None, false) => self.begin(Reading::glimpse),
            _ => self.go_on(),
        }
    }

    /// Reads more of a run that was only glimpsed at. None where that is done.
    pub fn deepen(&mut self) -> Option<News> {
        let glimpsed = self.depth == Depth::Glimpse && self.watch.is_some();
        glimpsed.then(|| self.begin(Reading::summary)).flatten()
    }

    /// Is there more to be read when nothing else is to be done?
    pub fn is_shallow(&self) -> bool {
        self.depth == Depth::Glimpse && self.watch.is_some()
    }

    /// Has so much been read since it was kept that it is worth to be kept before it is left?
    pub fn has_grown(&self) -> bool {
        self.to_keep.is_some() || self.new_bytes(self.place()) > GROWN
    }

    /// Writes what was read to the run's cache, where that is worth it: nothing of it is to be waited for.
    pub fn keep(&mut self, allowed: bool) {
        let ready = self.to_keep.take();
        if !allowed {
            self.kept = [u64::MAX; 2];
            return;
        }
        for (place, read) in [(0, Reading::summary as Read), (1, Reading::whole)] {
            if self.new_bytes(place) < WORTH {
                continue;
            }
            let ready = ready.clone().filter(|reading| depth_place(reading.state.depth) == place);
            let reading = ready.map_or_else(|| read(&self.run), Ok);
            let kept = reading.and_then(|mut reading| reading.keep(&self.run).map(|()| reading.cached));
            // Where it can't be written now it is not tried again.
            self.kept[place] = kept.unwrap_or(u64::MAX);
        }
    }

    fn place(&self) -> usize {
        depth_place(self.depth)
    }

    fn new_bytes(&self, place: usize) -> u64 {
        self.read[place].saturating_sub(self.kept[place])
    }

    fn is_scheduled(&self) -> bool {
        let told = self.told.as_ref();
        told.is_some_and(|told| {
            told.status.is_some_and(|status| may_be_job(status, told.job.as_ref(), told.ticket.as_ref()))
        })
    }

    fn status(&self) -> Option<Status> {
        self.told.as_ref()?.status
    }

    fn begin(&mut self, read: Read) -> Option<News> {
        let reading = match read(&self.run) {
            Ok(reading) => reading,
            Err(error) => {
                self.watch = None;
                return self.tell(None, Look::default(), Some(error.to_string()));
            }
        };
        match &mut self.watch {
            Some(watch) => watch.go_on(&reading),
            None => self.watch = Some(Watch::after(self.run.clone(), &reading)),
        }
        self.depth = reading.state.depth;
        let place = self.place();
        self.kept[place] = self.kept[place].max(reading.cached);
        let (look, trouble) = self.see();
        if self.depth != Depth::Glimpse && self.new_bytes(place) >= WORTH {
            self.to_keep = Some(reading.clone());
        }
        self.tell(Some(Box::new(reading)), look, trouble)
    }

    fn go_on(&mut self) -> Option<News> {
        let (look, trouble) = self.see();
        if look.batch.more {
            // Much has come at once.
            return self.begin(if self.depth == Depth::Whole { Reading::whole } else { Reading::summary });
        }
        self.tell(None, look, trouble)
    }

    fn see(&mut self) -> (Look, Option<String>) {
        let Some(watch) = &mut self.watch else { return (Look::default(), None) };
        let seen = match watch.look(LINES) {
            Ok(mut look) => {
                let trouble = look.trouble.take();
                (look, trouble)
            }
            Err(error) => (Look::default(), Some(error.to_string())),
        };
        if self.depth != Depth::Glimpse {
            self.read[depth_place(self.depth)] = watch.offset();
        }
        seen
    }

    fn tell(&mut self, reading: Option<Box<Reading>>, look: Look, trouble: Option<String>) -> Option<News> {
        let Look { batch, status, mut job, mut notes, mut ticket, .. } = look;
        if let (Some(_), Some(told)) = (&trouble, &self.told) {
            // What can't be read for a moment is as it was.
            (job, notes) = (job.or_else(|| told.job.clone()), told.notes.clone());
            ticket = ticket.or_else(|| told.ticket.clone());
        }
        let now = Told { status, job, notes, ticket, trouble };
        if self.told.as_ref() == Some(&now) && batch.is_empty() && reading.is_none() {
            return None;
        }
        let experiment = (!self.is_known).then(|| project::experiment(&self.run).map_err(|error| format!("{error:#}")));
        self.is_known |= experiment.as_ref().is_some_and(Result::is_ok);
        let Told { job, notes, ticket, trouble, .. } = now.clone();
        self.told = Some(now);
        Some(News { run: self.run.clone(), experiment, reading, batch, status, job, notes, ticket, trouble })
    }
}

/// Where what is known of a depth stands.
fn depth_place(depth: Depth) -> usize {
    usize::from(depth == Depth::Whole)
}
