//! What was read of a run, kept in its directory so that it needn't be read again. A cache is believed only where it is
//! whole, was written by this version, and the record still has what was read: the same last line, and the same bytes at
//! places spread over it.
//!
//! ```text
//! magic, CRC-32 of the rest, length of the proof, proof (JSON), state
//! ```

use super::reader::{Place, Reader};
use super::{Reading, RunDir, plain};
use crate::state::{Depth, RunState};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The number grows with every change to what a state holds or to how one is made from events.
const MAGIC: &[u8; 8] = b"mocolab\x02";
/// Samples of a record, and bytes of each.
const SAMPLES: u64 = 8;
const SAMPLE: usize = 512;
/// Most bytes of a cache: the curves of a run of a hundred million points.
const MOST: u64 = 4 << 30;

/// What was read to make the state, and by which program.
#[derive(Serialize, Deserialize)]
struct Proof {
    version: String,
    place: Place,
    samples: u32,
    /// When the record was last written to, where all of it was read.
    written: Option<SystemTime>,
    damaged: usize,
}

/// What the cache tells of a run, to that depth; none where there is nothing to be believed.
pub(super) fn read(run: &RunDir, depth: Depth) -> Option<Reading> {
    let bytes = plain::read(&path(run, depth), MOST).ok()?;
    let (sum, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32fast::hash(rest) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (proof, state) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let Proof { version, place, samples, written, damaged } = serde_json::from_slice(proof).ok()?;
    let record = plain::open(&run.events()).ok()?;
    let same = version == env!("CARGO_PKG_VERSION")
        && place.lies_in(&record).ok()?
        && sampled(&record, place.offset).ok()? == samples
        // Nothing was added to it: nothing in it was changed either.
        && (written.is_none() || unchanged(&record, place).ok()?.is_none_or(|now| Some(now) == written));
    let state = RunState::decode(state).filter(|state| same && state.depth == depth)?;
    Some(Reading { state, damaged, reader: Reader::at(run, place), cached: place.offset })
}

/// Keeps what was read. It appears whole or not at all; of two that write at once one is kept.
pub(super) fn write(run: &RunDir, reading: &Reading) -> io::Result<()> {
    if reading.state.depth == Depth::Glimpse || !run.is_own() {
        return Ok(());
    }
    let (place, damaged) = (reading.reader.place(), reading.damaged);
    let record = plain::open(&run.events())?;
    let (samples, written) = (sampled(&record, place.offset)?, unchanged(&record, place)?);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let proof = serde_json::to_vec(&Proof { version, place, samples, written, damaged })?;
    let rest = [&(proof.len() as u32).to_le_bytes()[..], &proof, &reading.state.encode()];
    let mut sum = crc32fast::Hasher::new();
    for part in &rest {
        sum.update(part);
    }
    // A run that has gone meanwhile is not made anew by its cache.
    match super::folder::make_new(&run.cache()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // What a power cut leaves of it is not believed, so that nothing need wait for the disk.
    let path = path(run, reading.state.depth);
    let beside = path.with_extension(std::process::id().to_string());
    let sum = sum.finalize().to_le_bytes();
    let whole = [MAGIC, &sum[..]].into_iter().chain(rest);
    let written = put(&beside, whole).and_then(|()| fs::rename(&beside, &path));
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

fn put<'a>(path: &Path, mut parts: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    // One that a process of this number has left, or that somebody has put there, is not written to.
    let _ = fs::remove_file(path);
    let mut file = File::create_new(path)?;
    parts.try_for_each(|part| file.write_all(part))
}

/// When the record was written last, where it ends at `place`.
fn unchanged(record: &File, place: Place) -> io::Result<Option<SystemTime>> {
    let data = record.metadata()?;
    (data.len() == place.offset).then(|| data.modified()).transpose()
}

fn path(run: &RunDir, depth: Depth) -> PathBuf {
    run.cache().join(if depth == Depth::Whole { "curves" } else { "summary" })
}

/// CRC-32 of bytes spread over the first `length` of a record.
fn sampled(record: &File, length: u64) -> io::Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    let mut bytes = [0; SAMPLE];
    let sample = &mut bytes[..length.min(SAMPLE as u64) as usize];
    for number in 0..SAMPLES {
        record.read_exact_at(sample, (length - sample.len() as u64) / SAMPLES * number)?;
        sum.update(sample);
    }
    Ok(sum.finalize())
}
