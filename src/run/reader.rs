//! Reading the record as it grows: by cursor, whole lines only, never writing. A torn end is held back until it is whole;
//! a damaged line is passed over and counted.

use super::RunDir;
use crate::event::{BadLine, Line};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Most bytes read at once.
const CHUNK: u64 = 4 << 20;
/// What is longer is no line: the zeros that a power cut can leave, say.
const LONGEST_LINE: u64 = 64 << 20;

/// A place in a run's record.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
    offset: u64,
    number: u64,
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
        Self { path: run.events(), offset: 0, number: 0 }
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
        self.offset
    }

    /// Reads what has come, at most about `limit` lines (and 4 MiB). No record yet is an empty batch.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn read(&mut self, limit: usize) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(batch),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        if length < self.offset {
            batch.restart = true;
            (self.offset, self.number) = (0, 0);
        }
        if length == self.offset {
            return Ok(batch);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::with_capacity((length - self.offset).min(CHUNK) as usize);
        // A line may be longer than a chunk; it is read whole, or there would be no getting past it.
        loop {
            let got = file.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
            if (got as u64) < CHUNK || bytes[bytes.len() - got..].contains(&b'\n') {
                break;
            }
            if bytes.len() as u64 >= LONGEST_LINE {
                self.number += 1;
                self.offset += bytes.len() as u64;
                batch.damaged.push((self.number, BadLine::NoChecksum));
                batch.more = true;
                return Ok(batch);
            }
        }
        for whole in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = whole.strip_suffix(b"\n") else { break };
            if batch.lines.len() + batch.damaged.len() >= limit {
                batch.more = true;
                break;
            }
            self.number += 1;
            self.offset += whole.len() as u64;
            match Line::decode(line) {
                Ok(line) => batch.lines.push(line),
                Err(error) => batch.damaged.push((self.number, error)),
            }
        }
        batch.more |= bytes.len() as u64 >= CHUNK && (!batch.lines.is_empty() || !batch.damaged.is_empty());
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Log;
    use super::*;
    use crate::event::{Event, Finished, Outcome, Real, Step};
    use proptest::prelude::*;
    use std::io::Write;

    fn step(step: u64) -> Event {
        Event::Step(Step { step, of: 9, epoch: 1, metrics: [("train/loss".to_owned(), Real(0.5))].into() })
    }

    fn written(run: &RunDir, count: u64) -> Vec<Line> {
        let mut log = Log::open(run, 1).unwrap();
        (0..count).for_each(|number| log.write(step(number)).unwrap());
        Reader::new(run).read(usize::MAX).unwrap().lines
    }

    #[test]
    fn a_torn_end_is_set_aside_and_a_damaged_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        written(&run, 5);
        let mut bytes = std::fs::read(run.events()).unwrap();
        let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 10;
        bytes[second] ^= 1;
        bytes.extend_from_slice(b"{\"v\":1,\"att");
        std::fs::write(run.events(), &bytes).unwrap();

        let mut log = Log::open(&run, 2).unwrap();
        log.write(Event::Finished(Finished { outcome: Outcome::Done, step: 5, cause: None })).unwrap();
        let batch = Reader::new(&run).read(usize::MAX).unwrap();
        assert_eq!(batch.damaged.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
        assert_eq!(batch.lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6]);
        assert_eq!(batch.lines[4].event, Event::Recovered { bytes: 11 });
        assert_eq!(std::fs::read(run.torn()).unwrap(), b"{\"v\":1,\"att\n");
    }

    #[test]
    fn a_cut_record_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        written(&run, 3);
        let mut reader = Reader::new(&run);
        assert_eq!(reader.read(2).unwrap().lines.len(), 2);
        assert!(!reader.read(usize::MAX).unwrap().restart);
        std::fs::write(run.events(), Line { attempt: 1, seq: 0, t: 0.0, event: step(7) }.encode()).unwrap();
        let batch = reader.read(usize::MAX).unwrap();
        assert!(batch.restart && batch.lines.len() == 1);
    }

    #[test]
    fn a_line_of_any_length_is_read_and_passed() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let cause = Some("x".repeat(9 << 20));
        let mut log = Log::open(&run, 1).unwrap();
        log.write(Event::Finished(Finished { outcome: Outcome::Failed, step: 1, cause })).unwrap();
        std::fs::OpenOptions::new().append(true).open(run.events()).unwrap().write_all(&vec![b'y'; 5 << 20]).unwrap();
        let mut log = Log::open(&run, 2).unwrap();
        log.write(step(2)).unwrap();
        let mut reader = Reader::new(&run);
        let mut seen = 0;
        loop {
            let batch = reader.read(usize::MAX).unwrap();
            seen += batch.lines.len();
            if !batch.more {
                break;
            }
        }
        assert_eq!((seen, std::fs::metadata(run.torn()).unwrap().len()), (3, (5 << 20) + 1));
    }

    #[test]
    fn a_record_of_a_newer_version_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let body = r#"{"v":2,"attempt":1,"seq":0,"t":1.0,"kind":"started""#;
        std::fs::write(run.events(), format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes())))
            .unwrap();
        assert!(Log::open(&run, 2).unwrap_err().to_string().contains("line 1: the line has version 2"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_of_the_record_drains_to_the_same_lines(cuts in prop::collection::vec(0..2000_usize, 0..8), limit in 1..5_usize) {
            let folder = tempfile::tempdir().unwrap();
            let run = RunDir::new(folder.path());
            let lines = written(&run, 12);
            let bytes = std::fs::read(run.events()).unwrap();
            std::fs::remove_file(run.events()).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut reader = Reader::new(&run);
            let mut drained = Vec::new();
            for pair in cuts.windows(2) {
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(run.events()).unwrap();
                file.write_all(&bytes[pair[0]..pair[1]]).unwrap();
                loop {
                    let batch = reader.read(limit).unwrap();
                    prop_assert!(batch.damaged.is_empty() && !batch.restart);
                    if batch.lines.is_empty() { break; }
                    drained.extend(batch.lines);
                }
            }
            prop_assert_eq!(drained, lines);
        }

        #[test]
        fn any_truncation_leaves_a_prefix(keep in 0..2000_usize) {
            let folder = tempfile::tempdir().unwrap();
            let run = RunDir::new(folder.path());
            let lines = written(&run, 12);
            let bytes = std::fs::read(run.events()).unwrap();
            std::fs::write(run.events(), &bytes[..keep.min(bytes.len())]).unwrap();
            let mut log = Log::open(&run, 2).unwrap();
            log.write(step(99)).unwrap();
            let back = Reader::new(&run).read(usize::MAX).unwrap();
            prop_assert!(back.damaged.is_empty());
            let old: Vec<Line> = back.lines.into_iter().filter(|line| line.attempt == 1).collect();
            prop_assert_eq!(&old[..], &lines[..old.len()]);
        }
    }
}
