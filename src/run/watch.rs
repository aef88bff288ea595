//! Following a run from outside: what it has said since the last look, and what it is now.

use super::{Batch, Heart, Job, Reader, RunDir};
use crate::event::{Event, Outcome};
use crate::status::{Evidence, Scheduler, Status};
use std::io;
use std::time::Instant;

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
}

impl Watch {
    /// Begins to watch.
    pub fn new(run: RunDir) -> Self {
        let (reader, heart) = (Reader::new(&run), Heart::new(&run, Instant::now()));
        Self { run, reader, heart, attempt: 0, ended: None }
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
        let held = self.run.read_notes()?.is_some_and(|notes| notes.held);
        let request = self.run.read_request()?.map(|request| (request.attempt, request.wish));
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
            held,
            attempt: self.attempt,
            ended: self.ended,
            lock,
            heartbeat,
            scheduler: Scheduler::None,
            request,
        };
        Ok(Look { status: (!batch.more).then(|| Status::derive(&evidence)), batch, job })
    }
}
