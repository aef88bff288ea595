//! A state as bytes and back, exactly, for a cache: JSON, but curves in their own short form.

use super::{Clock, RunState};
use crate::curve::Curve;

impl RunState {
    /// The state as bytes that only [`RunState::decode`] of the same program need read.
    ///
    /// # Panics
    /// Never: a state is made of strings, numbers and lists of them.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        text(&mut bytes, &serde_json::to_vec(self).expect("a state is plain data"));
        self.clock.encode(&mut bytes);
        bytes.extend_from_slice(&(self.curves.len() as u64).to_le_bytes());
        for (name, curve) in &self.curves {
            text(&mut bytes, name.as_bytes());
            curve.encode(&mut bytes);
        }
        bytes
    }

    /// The state of which `bytes` are all; none where they aren't those of one.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut state: Self = serde_json::from_slice(take(&mut bytes)?).ok()?;
        state.clock = Clock::decode(&mut bytes)?;
        let (curves, mut bytes) = bytes.split_first_chunk::<8>()?;
        for _ in 0..u64::from_le_bytes(*curves) {
            let name = String::from_utf8(take(&mut bytes)?.to_vec()).ok()?;
            state.curves.insert(name, Curve::decode(&mut bytes)?);
        }
        bytes.is_empty().then_some(state)
    }
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(text)
}

/// Values that may be NaN, which JSON can't say.
pub(super) mod reals {
    use crate::event::Real;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(values: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|(name, value)| (name, Real(*value))).collect::<BTreeMap<_, _>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let values = BTreeMap::<String, Real>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.0)).collect())
    }
}
