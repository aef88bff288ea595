//! A curve as bytes and back, exactly: the evenly spaced stretches of its steps, then its values. The pyramid is built
//! again, which is faster than reading it.

use super::Curve;
use super::steps::{Steps, Stride};

impl Curve {
    /// Appends the curve to `bytes`: 8 a point, and 24 a stretch of evenly spaced steps.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let strides = self.steps.strides();
        bytes.reserve(16 + strides.len() * 24 + self.values.len() * 8);
        let mut number = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
        number(strides.len() as u64);
        number(self.values.len() as u64);
        for stride in strides {
            [stride.at as u64, stride.first, stride.by].into_iter().for_each(&mut number);
        }
        self.values.iter().for_each(|value| number(value.to_bits()));
    }

    /// Takes a curve from the front of `bytes`; none where no whole one lies there.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (strides, points) = (take(bytes)? as usize, take(bytes)? as usize);
        let needed = strides.checked_mul(24)?.checked_add(points.checked_mul(8)?)?;
        if needed > bytes.len() {
            return None;
        }
        let stride = |_| Some(Stride { at: take(bytes)? as usize, first: take(bytes)?, by: take(bytes)? });
        let strides = (0..strides).map(stride).collect::<Option<Vec<_>>>()?;
        let steps = Steps::from_strides(strides, points)?;
        let (values, rest) = bytes.split_at(points * 8);
        *bytes = rest;
        let mut curve = Self { steps, values: Vec::with_capacity(points), levels: Vec::new() };
        for value in values.as_chunks::<8>().0 {
            curve.values.push(f64::from_le_bytes(*value));
            curve.raise();
        }
        Some(curve)
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}
