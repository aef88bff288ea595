//! A transaction log: records in chunks in blocks of 32 KiB (LevelDB's log, with a plain CRC-32 over a chunk's type and
//! data), after seven bytes that say what the file is and count as part of the first block.

use super::wire::Record;
use prost::Message;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What the file is, and its version.
const HEAD: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];
const BLOCK: usize = 32 * 1024;
/// Checksum, length, type.
const CHUNK_HEAD: usize = 7;

/// A log that is written.
pub struct Blocks {
    file: BufWriter<File>,
    /// Bytes in the block under way.
    used: usize,
}

impl Blocks {
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&HEAD)?;
        Ok(Self { file, used: HEAD.len() })
    }

    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let bytes = record.encode_to_vec();
        let mut rest = bytes.as_slice();
        let mut first = true;
        loop {
            let left = BLOCK - self.used;
            if left < CHUNK_HEAD {
                self.file.write_all(&[0; CHUNK_HEAD][..left])?;
                self.used = 0;
                continue;
            }
            let (chunk, after) = rest.split_at(rest.len().min(left - CHUNK_HEAD));
            let kind = match (first, after.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            self.chunk(kind, chunk)?;
            (rest, first) = (after, false);
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn chunk(&mut self, kind: u8, data: &[u8]) -> io::Result<()> {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&[kind]);
        checksum.update(data);
        self.file.write_all(&checksum.finalize().to_le_bytes())?;
        self.file.write_all(&(data.len() as u16).to_le_bytes())?;
        self.file.write_all(&[kind])?;
        self.file.write_all(data)?;
        self.used += CHUNK_HEAD + data.len();
        Ok(())
    }

    /// Brings all to the disk.
    pub fn close(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}
