//! Writing the record: each line by one `write`, a torn end set aside before anything is added, so that what was once
//! written whole stays readable whatever happens.

use super::{Reader, RunDir, folder, now, plain};
use crate::event::{BadLine, Event, Line};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// The record of a run, open for writing by its one trainer.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    attempt: u32,
    seq: u64,
    length: u64,
    /// Bytes from the file's beginning that the disk has room for.
    room: u64,
}

/// Room that is always kept for what ends an attempt, and how much is asked for at a time.
const MARGIN: u64 = 16 << 10;
const CHUNK: u64 = 64 << 10;

/// Why the record can't be written. A training that can't be recorded must stop.
#[derive(Debug, thiserror::Error)]
#[error("writing `{}`: {error}", path.display())]
pub struct LogError {
    path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

impl Log {
    /// Opens the record for `attempt`: finds its end, moves a torn last line to `events.torn` and says so in the record.
    /// A damaged line within the record is left as it is: readers pass over it.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn open(run: &RunDir, attempt: u32) -> Result<Self, LogError> {
        let path = run.events();
        let failed = |error| LogError { path: path.clone(), error };
        let mut reader = Reader::new(run);
        let mut seq = 0;
        loop {
            let batch = reader.read(usize::MAX).map_err(failed)?;
            seq = batch.lines.iter().map(|line| line.seq + 1).max().unwrap_or(0).max(seq);
            if let Some((number, newer)) = batch.damaged.iter().find(|(_, what)| matches!(what, BadLine::Version(_))) {
                let message = format!("line {number}: {newer}; go on with the mocolab that wrote it, or a newer one");
                return Err(failed(io::Error::new(io::ErrorKind::InvalidData, message)));
            }
            if !batch.more {
                break;
            }
        }
        let mut file =
            plain::check(plain::options().read(true).append(true).create(true).open(&path)).map_err(failed)?;
        let length = reader.offset();
        let torn = set_aside(run, &mut file, length).map_err(failed)?;
        // The file's own name lasts as well.
        folder::sync_above(&path).map_err(failed)?;
        let mut log = Self { file, path, attempt, seq, length, room: length };
        if torn > 0 {
            log.write(Event::Recovered { bytes: torn })?;
        }
        Ok(log)
    }

    /// Appends an event. Either the whole line is added or, as far as the system allows, nothing. Of a disk that is full,
    /// what it kept for this file takes the last lines: how the attempt ended, and why.
    ///
    /// # Errors
    /// Where the line can't be written whole: a full disk, a failing device.
    pub fn write(&mut self, event: Event) -> Result<(), LogError> {
        let line = Line { attempt: self.attempt, seq: self.seq, t: milliseconds(now()), event };
        let bytes = line.encode();
        if !matches!(line.event, Event::Finished(_)) {
            self.keep_room(bytes.len() as u64)?;
        }
        // One write; where the system takes a part, the next tells why.
        match self.file.write_all(&bytes) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.seq += 1;
                Ok(())
            }
            Err(error) => {
                // The next line must not be glued to a torn one. What was kept goes with it.
                if self.file.set_len(self.length).is_ok() && self.room < u64::MAX {
                    self.room = self.length;
                }
                Err(LogError { path: self.path.clone(), error })
            }
        }
    }

    /// Has the disk keep room for this file, where the file system can: for `more` bytes, and 16 KiB beyond them at the least.
    fn keep_room(&mut self, more: u64) -> Result<(), LogError> {
        if self.length + more + MARGIN <= self.room {
            return Ok(());
        }
        let kept = more + CHUNK;
        let keep = || rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, self.length, kept);
        match rustix::io::retry_on_intr(keep) {
            Ok(()) => self.room = self.length + kept,
            // What was kept so far takes the last lines.
            Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {
                return Err(LogError { path: self.path.clone(), error: io::ErrorKind::StorageFull.into() });
            }
            Err(_) => self.room = u64::MAX,
        }
        Ok(())
    }

    /// Makes all lines so far last through a power cut.
    ///
    /// # Errors
    /// Where the device fails; the lines may be lost then.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.file.sync_data().map_err(|error| LogError { path: self.path.clone(), error })
    }
}

impl Drop for Log {
    /// Gives back what room was kept and not used.
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|data| data.len() == self.length) {
            let _ = self.file.set_len(self.length);
        }
    }
}

/// Moves what follows the last whole line to `events.torn`. Returns how many bytes that were.
fn set_aside(run: &RunDir, file: &mut File, length: u64) -> io::Result<u64> {
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(length))?;
    file.read_to_end(&mut torn)?;
    if !torn.is_empty() {
        let mut kept = plain::check(plain::options().append(true).create(true).open(run.torn()))?;
        kept.write_all(&torn)?;
        kept.write_all(b"\n")?;
        kept.sync_all()?;
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(torn.len() as u64)
}

/// Milliseconds are enough, and keep lines short.
fn milliseconds(t: f64) -> f64 {
    (t * 1000.0).round() / 1000.0
}
