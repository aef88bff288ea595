//! Reading what a trainer prints as it grows: by cursor, each byte once, lines as a terminal would have left them.

use super::{RunDir, plain};
use crate::text::log_line;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Bytes read from the end of a log at first, and at once later.
const BYTES: u64 = 256 << 10;
/// A line's end without a newline is kept up to here: a progress bar draws over itself for ever.
const LONGEST: usize = 64 << 10;

/// The end of a run's log.
#[derive(Debug, Clone)]
pub struct Output {
    path: PathBuf,
    offset: u64,
    lines: VecDeque<String>,
    keep: usize,
    /// The line that has no end yet.
    open: Vec<u8>,
    /// What is read begins within a line.
    within: bool,
    total: u64,
}

impl Output {
    /// The log of `run`, which need not be there yet: at most its last `keep` lines.
    pub fn new(run: &RunDir, keep: usize) -> Self {
        let (lines, open) = (VecDeque::new(), Vec::new());
        Self { path: run.output(), offset: 0, lines, keep, open, within: false, total: 0 }
    }

    /// Reads what has come. Returns whether anything has.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn read(&mut self) -> io::Result<bool> {
        let length = match fs::metadata(&self.path) {
            Ok(data) => data.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length == self.offset {
            return Ok(false);
        }
        if length < self.offset {
            // It was cut or replaced.
            (self.offset, self.within) = (0, false);
            self.lines.clear();
            self.open.clear();
        }
        if length - self.offset > BYTES {
            self.lines.clear();
            self.open.clear();
            (self.offset, self.within) = (length - BYTES, true);
        }
        if length > 0 {
            let mut file = plain::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            self.offset += file.take(BYTES).read_to_end(&mut bytes)? as u64;
            self.take(&bytes);
        }
        Ok(true)
    }

    /// Lines with an end that were read, those no longer kept among them.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The lines, safe to print, the unfinished last one among them.
    pub fn lines(&self) -> Vec<String> {
        let open = (!self.open.is_empty() && !self.within).then(|| shown(&self.open));
        let lines: Vec<String> = self.lines.iter().cloned().chain(open).collect();
        lines[lines.len().saturating_sub(self.keep)..].to_vec()
    }

    fn take(&mut self, bytes: &[u8]) {
        for mut part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A progress bar that begins anew shows all there is of its line.
            if let Some(at) = part.windows(2).position(|pair| pair[0] == b'\r' && pair[1] != b'\n')
                && std::mem::take(&mut self.within)
            {
                part = &part[at + 1..];
            }
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                // The first line of a part may be half a line.
                if !std::mem::take(&mut self.within) {
                    self.lines.push_back(shown(&self.open));
                    self.total += 1;
                }
                self.open.clear();
            }
        }
        while self.lines.len() > self.keep {
            self.lines.pop_front();
        }
        if self.open.len() > LONGEST {
            // What was drawn over is gone.
            let last = self.open.iter().rposition(|byte| *byte == b'\r').unwrap_or(0);
            let from = last.max(self.open.len() - LONGEST);
            self.open.drain(..from);
        }
    }
}

fn shown(line: &[u8]) -> String {
    log_line(&String::from_utf8_lossy(line))
}
