//! Reading the record as it grows: by cursor, whole lines only, never writing. A torn end is held back until it is whole;
//! a damaged line is passed over and counted.

use super::{RunDir, plain};
use crate::event::{BadLine, Line};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Most bytes read at once.
const CHUNK: u64 = 4 << 20;
/// What is longer is no line: the zeros that a power cut can leave, say.
const LONGEST_LINE: u64 = 64 << 20;

/// A place in a run's record.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
    place: Place,
}

/// Where reading goes on, and what lies before it, to know the record again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes of whole lines before it.
    pub offset: u64,
    /// Lines before it, as far as they were read.
    pub number: u64,
    /// Length of the line before it, newline included, and its CRC-32; 0 where nothing is known of it.
    line: (u32, u32),
}

impl Place {
    /// After so many bytes of which nothing else is known.
    pub fn at(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// Goes on to the end of `lines`, whole ones with their newlines.
    pub fn pass(&mut self, lines: &[u8]) {
        let Some((_, but_newline)) = lines.split_last() else { return };
        let start = but_newline.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.offset += lines.len() as u64;
        self.number += lines.split_inclusive(|byte| *byte == b'\n').count() as u64;
        self.line = ((lines.len() - start) as u32, crc32fast::hash(&lines[start..]));
    }

    /// Is `file` still the record, as far as the line before this place tells?
    pub fn lies_in(&self, file: &File) -> io::Result<bool> {
        let (length, sum) = self.line;
        let Some(start) = self.offset.checked_sub(u64::from(length)) else { return Ok(false) };
        if file.metadata()?.len() < self.offset {
            return Ok(false);
        }
        let mut line = vec![0; length as usize];
        file.read_exact_at(&mut line, start)?;
        Ok(length == 0 || crc32fast::hash(&line) == sum)
    }
}

/// Bytes of a record from a place on.
pub(super) struct Chunk {
    /// Whole lines, and maybe the beginning of one.
    pub bytes: Vec<u8>,
    /// The record was replaced or cut: these are from its start.
    pub restart: bool,
    /// The bytes are no line, and were passed.
    pub giant: bool,
}

impl Chunk {
    /// Is there more to be read after it?
    pub fn more(&self) -> bool {
        self.giant || self.bytes.len() as u64 >= CHUNK
    }
}

/// What came since the last look.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The record was replaced or cut: forget all before these lines.
    pub restart: bool,
    /// Whole, valid lines.
    pub lines: Vec<Line>,
    /// Damaged lines passed over: number in the file from 1, and what is wrong.
    pub damaged: Vec<(u64, BadLine)>,
    /// There is more to be read at once.
    pub more: bool,
}

impl Batch {
    /// Nothing new.
    pub fn is_empty(&self) -> bool {
        !self.restart && self.lines.is_empty() && self.damaged.is_empty()
    }
}

impl Reader {
    /// At the start of the record of `run`, which need not be there yet.
    pub fn new(run: &RunDir) -> Self {
        Self::at(run, Place::default())
    }

    /// At `place` in the record of `run`.
    pub(super) fn at(run: &RunDir, place: Place) -> Self {
        Self { path: run.events(), place }
    }

    /// Where it is.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The latest attempt in the record of `run`; 0 without any.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn last_attempt(run: &RunDir) -> io::Result<u32> {
        let mut reader = Self::new(run);
        let mut last = 0;
        loop {
            let batch = reader.read(usize::MAX)?;
            last = batch.lines.iter().map(|line| line.attempt).fold(last, u32::max);
            if !batch.more {
                return Ok(last);
            }
        }
    }

    /// Bytes of whole lines read so far.
    pub fn offset(&self) -> u64 {
        self.place.offset
    }

    /// Reads what has come, at most about `limit` lines (and 4 MiB). No record yet is an empty batch.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn read(&mut self, limit: usize) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let Some(chunk) = self.fetch()? else { return Ok(batch) };
        (batch.restart, batch.more) = (chunk.restart, chunk.giant);
        if chunk.giant {
            batch.damaged.push((self.place.number, BadLine::NoChecksum));
            return Ok(batch);
        }
        let mut end = 0;
        for whole in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = whole.strip_suffix(b"\n") else { break };
            if batch.lines.len() + batch.damaged.len() >= limit {
                batch.more = true;
                break;
            }
            end += whole.len();
            let number = self.place.number + (batch.lines.len() + batch.damaged.len()) as u64 + 1;
            match Line::decode(line) {
                Ok(line) => batch.lines.push(line),
                Err(error) => batch.damaged.push((number, error)),
            }
        }
        self.place.pass(&chunk.bytes[..end]);
        batch.more |= chunk.more() && (!batch.lines.is_empty() || !batch.damaged.is_empty());
        Ok(batch)
    }

    /// Goes on behind `lines` that were fetched, whole ones with their newlines.
    pub(super) fn pass(&mut self, lines: &[u8]) {
        self.place.pass(lines);
    }

    /// The bytes that come next, about 4 MiB of them and at least a line; none where nothing has come. Only a giant is
    /// passed, all else by [`Reader::pass`].
    pub(super) fn fetch(&mut self) -> io::Result<Option<Chunk>> {
        // Most looks see nothing new: they open nothing.
        let known = |length| length == self.place.offset && length > 0;
        let mut file = match fs::symlink_metadata(&self.path) {
            Ok(data) if known(data.len()) => return Ok(None),
            Ok(_) => plain::open(&self.path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut chunk = Chunk { bytes: Vec::new(), restart: !self.place.lies_in(&file)?, giant: false };
        if chunk.restart {
            self.place = Place::default();
        }
        let length = file.metadata()?.len();
        if length == self.place.offset {
            return Ok(chunk.restart.then_some(chunk));
        }
        file.seek(SeekFrom::Start(self.place.offset))?;
        let bytes = &mut chunk.bytes;
        bytes.reserve(length.saturating_sub(self.place.offset).min(CHUNK) as usize);
        // A line may be longer than a chunk; it is read whole, or there would be no getting past it.
        loop {
            let got = file.by_ref().take(CHUNK).read_to_end(bytes)?;
            if (got as u64) < CHUNK || bytes[bytes.len() - got..].contains(&b'\n') {
                return Ok(Some(chunk));
            }
            if bytes.len() as u64 >= LONGEST_LINE {
                // A hole holds no line either, however large it is.
                let end = self.place.offset + bytes.len() as u64;
                let offset = match rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(end)) {
                    Err(rustix::io::Errno::NXIO) => length.max(end),
                    place => place.unwrap_or(end).max(end),
                };
                let number = self.place.number + 1;
                self.place = Place { offset, number, ..Place::default() };
                return Ok(Some(Chunk { giant: true, ..chunk }));
            }
        }
    }
}

#[cfg(test)]
mod tests;
