//! Beginning to read a run, as deep as it is needed: all of its record, all but the points of its curves, or what its
//! first line and its last ones tell. What was read before may lie in the cache.

use super::reader::{Place, Reader};
use super::skim::{is_point, skim, take};
use super::{RunDir, cache, plain};
use crate::event::{Event, Line};
use crate::state::{Depth, RunState};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A record that is no longer than this is read rather than glimpsed at: bytes.
const SHORT: u64 = 48 << 10;
/// Bytes read from the start, in which the first line lies, and from the end, at first.
const HEAD: u64 = 4 << 10;
const END: u64 = 16 << 10;
/// Where so much at the end tells nothing, it is read from the beginning, bit by bit.
const WIDEST: u64 = 64 << 20;

/// A run as read so far.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What it tells.
    pub state: RunState,
    /// Damaged lines passed over.
    pub damaged: usize,
    /// Where to read on.
    pub reader: Reader,
    /// Bytes of the record that needn't be read again, since the cache tells what they do.
    pub cached: u64,
}

impl Reading {
    /// Reads a record to its end for all it tells.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn whole(run: &RunDir) -> io::Result<Self> {
        let mut reading = cache::read(run, Depth::Whole).unwrap_or_else(|| Self::nothing(run, Depth::Whole));
        loop {
            let batch = reading.reader.read(usize::MAX)?;
            if batch.restart {
                reading = Self { reader: reading.reader, ..Self::nothing(run, Depth::Whole) };
            }
            batch.lines.iter().for_each(|line| reading.state.apply(line));
            reading.damaged += batch.damaged.len();
            if !batch.more {
                reading.state.shrink();
                return Ok(reading);
            }
        }
    }

    /// Reads a record to its end for all it tells but the points of its curves: some 50 times as fast.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn summary(run: &RunDir) -> io::Result<Self> {
        let known = cache::read(run, Depth::Summary);
        known.unwrap_or_else(|| Self::nothing(run, Depth::Summary)).summed_up(run)
    }

    /// Reads on to the end, all but the points of the curves.
    fn summed_up(mut self, run: &RunDir) -> io::Result<Self> {
        let reading = &mut self;
        while let Some(chunk) = reading.reader.fetch()? {
            if chunk.restart {
                *reading = Self { reader: reading.reader.clone(), ..Self::nothing(run, Depth::Summary) };
            }
            if chunk.giant {
                reading.damaged += 1;
                continue;
            }
            let end = chunk.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let lines = &chunk.bytes[..end];
            reading.damaged += skim(lines.split_inclusive(|byte| *byte == b'\n'), &mut reading.state);
            reading.reader.pass(lines);
            if !chunk.more() || end == 0 {
                break;
            }
        }
        Ok(self)
    }

    /// Reads little: what is new since a cached summary, a short record as a summary, of a long one the first line and as
    /// many at the end as tell where it is.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn glimpse(run: &RunDir) -> io::Result<Self> {
        let file = match plain::open(&run.events()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::nothing(run, Depth::Summary)),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        match cache::read(run, Depth::Summary) {
            Some(known) if length.saturating_sub(known.cached) <= SHORT => return known.summed_up(run),
            _ if length <= SHORT => return Self::nothing(run, Depth::Summary).summed_up(run),
            _ => {}
        }
        let mut state = RunState::of(Depth::Glimpse);
        let Some(mut damaged) = first(&part(&file, 0, HEAD)?, &mut state) else { return Self::summary(run) };
        state.gap();
        let mut span = END;
        loop {
            let Some(start) = length.checked_sub(span).filter(|start| *start > HEAD) else { return Self::summary(run) };
            let bytes = part(&file, start, span)?;
            if let Some((place, lines)) = end(&bytes, start) {
                // The first point too: the pace is judged from there.
                let first = lines.iter().position(|line| is_point(&line[..line.len() - 1]));
                let (before, after) = lines.split_at(first.map_or(0, |at| at + 1));
                damaged += skim(before.iter().copied(), &mut state) + skim(after.iter().copied(), &mut state);
                let reader = Reader::at(run, place);
                return Ok(Self { state, damaged, reader, cached: 0 });
            }
            span *= 4;
            if span > WIDEST {
                return Self::summary(run);
            }
        }
    }

    /// Writes what was read to the cache, where it lies on a disk that takes it. A glimpse is not worth it.
    ///
    /// # Errors
    /// Where the cache can't be written.
    pub fn keep(&mut self, run: &RunDir) -> io::Result<()> {
        cache::write(run, self)?;
        self.cached = self.reader.offset();
        Ok(())
    }

    /// Nothing read yet.
    fn nothing(run: &RunDir, depth: Depth) -> Self {
        Self { state: RunState::of(depth), damaged: 0, reader: Reader::new(run), cached: 0 }
    }
}

/// Takes in the first line that isn't damaged, and tells how many before it are; none where there is none.
fn first(bytes: &[u8], state: &mut RunState) -> Option<usize> {
    let mut damaged = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match take(line.strip_suffix(b"\n")?, state) {
            0 => return Some(damaged),
            _ => damaged += 1,
        }
    }
    None
}

/// The place after the last whole line of `bytes`, which begin at `start` of a record, and their whole lines; none where
/// no line says where the run is.
fn end(bytes: &[u8], start: u64) -> Option<(Place, Vec<&[u8]>)> {
    // What comes before the first newline is the end of a line.
    let from = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let to = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
    let whole = &bytes[from..to];
    let tells = |line: &[u8]| {
        is_point(line) || Line::decode(line).is_ok_and(|line| matches!(line.event, Event::Started(_) | Event::Epoch(_)))
    };
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    lines.iter().rev().any(|line| tells(&line[..line.len() - 1])).then_some(())?;
    let mut place = Place::at(start + from as u64);
    place.pass(whole);
    Some((place, lines))
}

fn part(file: &File, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    let mut got = 0;
    while got < bytes.len() {
        match file.read_at(&mut bytes[got..], start + got as u64) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(got);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
