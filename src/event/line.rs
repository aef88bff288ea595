//! One event as a line of `events.jsonl`: plain JSON, so that pandas and jq read it, with a CRC-32 of all bytes before
//! it as the last key, so that every torn end and flipped bit is seen.

use super::Event;
use serde::{Deserialize, Serialize};

/// Version of the line format.
pub const VERSION: u32 = 1;

/// Bytes of `,"crc":"01234567"}`.
const TAIL: usize = 18;

/// An event with its place in the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which start of the run wrote it, from 1.
    pub attempt: u32,
    /// Number of the line in the file, from 0, over all attempts.
    pub seq: u64,
    /// Seconds since 1970, by the clock of the machine that trains.
    pub t: f64,
    /// What happened.
    pub event: Event,
}

/// Why a line of the log is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It doesn't end in a checksum.
    #[error("the line has no checksum")]
    NoChecksum,
    /// The checksum doesn't fit.
    #[error("the checksum is `{written}`, the line gives `{computed:08x}`")]
    Checksum {
        /// What stands there.
        written: String,
        /// What should.
        computed: u32,
    },
    /// The checksum fits and yet it can't be read: another program wrote it, or a newer version.
    #[error("the line can't be read: {0}")]
    Content(String),
    /// A newer mocolab wrote it.
    #[error("the line has version {0}; this mocolab reads up to {VERSION}")]
    Version(u32),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    attempt: u32,
    seq: u64,
    t: f64,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Head {
    v: u32,
    attempt: u32,
    seq: u64,
    t: f64,
}

impl Line {
    /// The bytes of the line, its newline included.
    ///
    /// # Panics
    /// Never: an event is made of strings, numbers and lists of them.
    pub fn encode(&self) -> Vec<u8> {
        let written = Written { v: VERSION, attempt: self.attempt, seq: self.seq, t: self.t, event: &self.event };
        let mut bytes = serde_json::to_vec(&written).expect("events are plain data");
        bytes.pop();
        let tail = format!(",\"crc\":\"{:08x}\"}}\n", crc32fast::hash(&bytes));
        bytes.extend_from_slice(tail.as_bytes());
        bytes
    }

    /// Reads a line without its newline.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadLine> {
        let at = bytes.len().checked_sub(TAIL).ok_or(BadLine::NoChecksum)?;
        let (body, tail) = bytes.split_at(at);
        let written =
            tail.strip_prefix(b",\"crc\":\"").and_then(|t| t.strip_suffix(b"\"}")).ok_or(BadLine::NoChecksum)?;
        let computed = crc32fast::hash(body);
        if written != format!("{computed:08x}").as_bytes() {
            return Err(BadLine::Checksum { written: String::from_utf8_lossy(written).into_owned(), computed });
        }
        let unreadable = |error: serde_json::Error| BadLine::Content(error.to_string());
        let json = [body, b"}"].concat();
        let head: Head = serde_json::from_slice(&json).map_err(unreadable)?;
        if head.v > VERSION {
            return Err(BadLine::Version(head.v));
        }
        let event = serde_json::from_slice(&json).map_err(unreadable)?;
        Ok(Self { attempt: head.attempt, seq: head.seq, t: head.t, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Finished, Outcome, Real, Step};
    use proptest::prelude::*;

    fn line() -> Line {
        let metrics = [("train/loss".to_owned(), Real(2.25)), ("lr".to_owned(), Real(f64::NAN))].into();
        Line {
            attempt: 1,
            seq: 7,
            t: 1_764_023_789.25,
            event: Event::Step(Step { step: 10, of: 100, epoch: 1, metrics }),
        }
    }

    #[test]
    fn a_line_is_plain_json_with_the_checksum_last() {
        insta::assert_snapshot!(String::from_utf8(line().encode()).unwrap());
    }

    #[test]
    fn kinds_of_a_newer_version_are_known_as_unknown() {
        let body = r#"{"v":1,"attempt":1,"seq":0,"t":1.0,"kind":"hologram","depth":3"#;
        let text = format!("{body},\"crc\":\"{:08x}\"}}", crc32fast::hash(body.as_bytes()));
        assert_eq!(Line::decode(text.as_bytes()).unwrap().event, Event::Unknown);
        let newer = body.replace("\"v\":1", "\"v\":2");
        let text = format!("{newer},\"crc\":\"{:08x}\"}}", crc32fast::hash(newer.as_bytes()));
        assert_eq!(Line::decode(text.as_bytes()).unwrap_err(), BadLine::Version(2));
    }

    proptest! {
        #[test]
        fn events_read_back_bit_for_bit(value in any::<f64>(), step in any::<u64>(), cause in ".*", seq in any::<u64>()) {
            for event in [
                Event::Step(Step { step, of: step, epoch: 1, metrics: [(cause.clone(), Real(value))].into() }),
                Event::Finished(Finished { outcome: Outcome::Failed, step, cause: Some(cause.clone()) }),
            ] {
                let line = Line { attempt: 2, seq, t: 0.5, event };
                let encoded = line.encode();
                prop_assert_eq!(encoded.iter().position(|b| *b == b'\n'), Some(encoded.len() - 1));
                let back = Line::decode(&encoded[..encoded.len() - 1]).unwrap();
                if value.is_finite() { prop_assert_eq!(&back, &line); }
                prop_assert_eq!(back.encode(), encoded);
            }
        }

        #[test]
        fn a_flipped_bit_is_seen(at in 0..4000_usize) {
            let mut bytes = line().encode();
            bytes.pop();
            let bit = at % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Line::decode(&bytes).is_err());
        }

        #[test]
        fn anything_at_all_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Line::decode(&bytes);
        }
    }
}
