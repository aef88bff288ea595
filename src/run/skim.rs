//! Taking in a record without reading all of it: points of the training curves are most of its lines, and of those in a
//! row only the last tells where the run is. The others are checked, but not decoded.

use crate::event::Line;
use crate::state::RunState;
use std::collections::VecDeque;

/// Points decoded at the end, since not all of them tell all metrics.
const LAST: usize = 8;
/// Bytes in which a line says of which kind it is.
const BEGINNING: usize = 120;
/// What a line begins with, and how it says that it is a point.
const VERSION: &[u8] = br#"{"v":1,"attempt":"#;
const POINT: &[u8] = br#""kind":"step""#;
/// How a line ends: `,"crc":"01234567"}`.
const TAIL: usize = 18;

/// Takes `lines`, whole ones with their newlines, into a state that isn't to be whole. Returns how many are damaged.
pub(super) fn skim<'a>(lines: impl Iterator<Item = &'a [u8]>, state: &mut RunState) -> usize {
    let mut damaged = 0;
    let (mut points, mut skipped) = (VecDeque::new(), false);
    for line in lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)) {
        if is_point(line) {
            if points.len() == LAST {
                points.pop_front();
                skipped = true;
            }
            points.push_back(line);
        } else {
            // Where the run is counts before every other line: how an attempt ended, say.
            skipped |= points.len() > 1;
            damaged += take_points(points.drain(..).next_back(), std::mem::take(&mut skipped), state);
            damaged += take(line, state);
        }
    }
    damaged + take_points(points, skipped, state)
}

fn take_points<'a>(points: impl IntoIterator<Item = &'a [u8]>, skipped: bool, state: &mut RunState) -> usize {
    if skipped {
        state.skip_steps();
    }
    points.into_iter().map(|point| take(point, state)).sum()
}

/// Takes in a line; 1 where it is damaged.
pub(super) fn take(line: &[u8], state: &mut RunState) -> usize {
    Line::decode(line).map(|line| state.apply(&line)).is_err().into()
}

/// Is it a point of the training curves, whole and of this version? Text of a line can't look like it: its quotes are escaped.
pub(super) fn is_point(line: &[u8]) -> bool {
    let Some((body, tail)) = line.len().checked_sub(TAIL).map(|at| line.split_at(at)) else { return false };
    let beginning = &body[..body.len().min(BEGINNING)];
    beginning.starts_with(VERSION)
        && beginning.split(|byte| *byte == b',').any(|part| part == POINT)
        && checksum(tail) == Some(crc32fast::hash(body))
}

/// The checksum that a line's end tells, written as it has to be.
fn checksum(tail: &[u8]) -> Option<u32> {
    let digits = tail.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Some(sum << 4 | u32::from(digit - b'0')),
        b'a'..=b'f' => Some(sum << 4 | u32::from(digit - b'a' + 10)),
        _ => None,
    })
}
