//! (being written elsewhere: the shape of a data set, for the trainer's tests)

use crate::random::{Purpose, Random};

/// A labelled set of small colour pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Name.
    pub name: String,
    /// Class names; a label is an index into these.
    pub classes: Vec<String>,
    /// Rows of every picture.
    pub height: usize,
    /// Columns of every picture.
    pub width: usize,
    /// To learn from.
    pub train: Split,
    /// To be judged on.
    pub test: Split,
}

/// Pictures with labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// `[n, height, width, 3]`.
    pub images: Vec<u8>,
    /// `[n]`.
    pub labels: Vec<u16>,
}

/// Splits into (the rest, `fraction` held out), the same share of every class.
pub fn stratified(labels: &[u16], classes: usize, fraction: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut parts = (Vec::new(), Vec::new());
    for class in 0..classes {
        let mut members: Vec<u32> =
            (0..labels.len() as u32).filter(|index| usize::from(labels[*index as usize]) == class).collect();
        Random::new(seed, Purpose::Split, (class as u64, 0)).shuffle(&mut members);
        let held = (members.len() as f64 * fraction).round() as usize;
        parts.1.extend_from_slice(&members[..held]);
        parts.0.extend_from_slice(&members[held..]);
    }
    parts.0.sort_unstable();
    parts.1.sort_unstable();
    parts
}
