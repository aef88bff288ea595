//! Following a run from outside: what it has said since the last look, and what it is now.

use super::{Batch, Heart, Job, Listing, Notes, Reader, Reading, RunDir, Ticket, scheduled};
use crate::event::{Event, Outcome};
use crate::status::{Evidence, Scheduler, Status};
use std::fs;
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// A file system's clock may tick as rarely as this: what was written within a tick can't be told apart.
const TICK: Duration = Duration::from_secs(2);

/// A watcher of one run.
#[derive(Debug, Clone)]
pub struct Watch {
    run: RunDir,
    reader: Reader,
    heart: Heart,
    attempt: u32,
    ended: Option<Outcome>,
}

/// What one look saw.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// New lines of the record.
    pub batch: Batch,
    /// What the run is; none while there is more of its record to be read.
    pub status: Option<Status>,
    /// The attempt launched last.
    pub job: Option<Job>,
    /// What people say of it.
    pub notes: Notes,
    /// How it is to be started first, where it was queued.
    pub ticket: Option<Ticket>,
    /// A sentence where a file beside the record can't be read: the rest is told all the same.
    pub trouble: Option<String>,
}

/// What shows that files of a run were written, without reading them: the same stamp twice means that a run at rest is
/// what it was. Of one that lives it shows too little: its heartbeat and its lock are no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When a file was made, replaced or removed.
    folder: SystemTime,
    /// Length of the record, and when it was written.
    record: Option<(u64, SystemTime)>,
}

impl Stamp {
    /// The stamp of `run`; none where it was written to so lately that more may follow unseen.
    pub fn of(run: &RunDir) -> Option<Self> {
        let folder = fs::metadata(run.path()).ok()?.modified().ok()?;
        let record = match fs::metadata(run.events()) {
            Ok(data) => Some((data.len(), data.modified().ok()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => return None,
        };
        let latest = record.map_or(folder, |(_, written)| written.max(folder));
        settled(latest).then_some(Self { folder, record })
    }
}

/// What was read; where it can't be, the first reason why goes into `trouble`.
fn readable<T>(read: io::Result<Option<T>>, trouble: &mut Option<String>) -> Option<T> {
    read.unwrap_or_else(|error| {
        trouble.get_or_insert(error.to_string());
        None
    })
}

/// Was what was `written` then written so long ago that another writing since would show?
pub(super) fn settled(written: SystemTime) -> bool {
    written.elapsed().is_ok_and(|age| age > TICK)
}

impl Watch {
    /// Begins to watch.
    pub fn new(run: RunDir) -> Self {
        let (reader, heart) = (Reader::new(&run), Heart::new(&run, Instant::now()));
        Self { run, reader, heart, attempt: 0, ended: None }
    }

    /// Begins to watch from where `reading` has got to.
    pub fn after(run: RunDir, reading: &Reading) -> Self {
        let ended = reading.state.finished.as_ref().map(|finished| finished.outcome);
        let watch = Self { reader: reading.reader.clone(), ..Self::new(run) };
        Self { attempt: reading.state.attempt, ended, ..watch }
    }

    /// Goes on from where `reading` has got to.
    pub fn go_on(&mut self, reading: &Reading) {
        *self = Self { heart: self.heart, ..Self::after(self.run.clone(), reading) };
    }

    /// Bytes of the record read so far.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The run watched.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// Reads on to the end of the record for what the run is now.
    ///
    /// # Errors
    /// As [`Watch::look`].
    pub fn status(&mut self) -> io::Result<Status> {
        loop {
            if let Some(status) = self.look(usize::MAX)?.status {
                return Ok(status);
            }
        }
    }

    /// Looks: at most about `limit` lines.
    ///
    /// # Errors
    /// Where a file of the run is there but can't be read.
    pub fn look(&mut self, limit: usize) -> io::Result<Look> {
        // The order matters. The record is read after the lock is probed: whoever let go of the lock had written all
        // its lines before, so a run that just ended never looks crashed.
        let job = self.run.read_job()?;
        let lock = self.run.probe_for(job.as_ref());
        let heartbeat = self.heart.look(&self.run, Instant::now());
        let mut trouble = None;
        let notes = readable(self.run.read_notes(), &mut trouble).unwrap_or_default();
        let ticket = readable(self.run.read_ticket(), &mut trouble);
        let request = readable(self.run.read_request(), &mut trouble).map(|request| (request.attempt, request.wish));
        let batch = self.reader.read(limit)?;
        if batch.restart {
            (self.attempt, self.ended) = (0, None);
        }
        for line in &batch.lines {
            if line.attempt > self.attempt {
                (self.attempt, self.ended) = (line.attempt, None);
            }
            match &line.event {
                Event::Finished(finished) if line.attempt == self.attempt => self.ended = Some(finished.outcome),
                _ => {}
            }
        }
        let evidence = Evidence {
            job: job.as_ref().map(|job| job.attempt),
            held: notes.held,
            attempt: self.attempt,
            ended: self.ended,
            lock,
            heartbeat,
            scheduler: scheduled(job.as_ref(), ticket.as_ref()).map_or(Scheduler::None, |(id, since)| {
                let state = Listing::latest().map_or(Scheduler::None, |listing| listing.state(&id, since));
                // The answer names only this user's jobs.
                if state == Scheduler::Gone && !self.run.is_own() { Scheduler::Silent } else { state }
            }),
            request,
            ticket: ticket.as_ref().map(|ticket| ticket.after),
        };
        Ok(Look { status: (!batch.more).then(|| Status::derive(&evidence)), batch, job, notes, ticket, trouble })
    }
}
