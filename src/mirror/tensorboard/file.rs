//! An event file: records of a length, its checksum, an `Event`, and that one's checksum (TensorFlow's `TFRecord`, whose
//! checksum is a CRC-32C, rotated and shifted so that one over data with checksums in it is not trivial).

use super::wire::{Event, SessionLog, Summary};
use prost::Message;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The format, as the first record says.
const VERSION: &str = "brain.Event:2";
/// Of [`SessionLog`]: what follows is to be taken in place of later steps.
const START: i32 = 1;

/// A file that is written.
pub struct EventFile(BufWriter<File>);

impl EventFile {
    /// Makes it, empty but for its version.
    pub fn create(path: &Path, wall_time: f64) -> io::Result<Self> {
        let mut file = Self(BufWriter::new(File::create(path)?));
        file.event(&Event { wall_time, file_version: Some(VERSION.into()), ..Event::default() })?;
        Ok(file)
    }

    /// Says that all from `step` on is told anew.
    pub fn restart(&mut self, wall_time: f64, step: i64) -> io::Result<()> {
        self.event(&Event { wall_time, step, session_log: Some(SessionLog { status: START }), ..Event::default() })
    }

    pub fn summary(&mut self, wall_time: f64, step: i64, summary: Summary) -> io::Result<()> {
        self.event(&Event { wall_time, step, summary: Some(summary), ..Event::default() })
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.0.write_all(&record(&event.encode_to_vec()))
    }
}

/// `data` as a record.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let parts: [&[u8]; 4] = [&length, &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()];
    parts.concat()
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
