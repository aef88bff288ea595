//! What may start next? Pure: given what waits, what trains and which devices there are, a plan; whoever asks again after a
//! part of it was done gets the rest. A run that fits nowhere yet keeps what it waits for from those behind it, so that it
//! is not passed over for ever.

mod slots;
#[cfg(test)]
mod tests;

pub use slots::Slot;

use slots::Slots;
use std::collections::HashMap;
use std::fmt;

/// Where a run that waits is to be trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// On the first GPU that is free; on the CPU where there is no GPU.
    Any,
    /// On the first of these that is free, each a name or a UUID.
    OneOf(Vec<String>),
    /// On all of these, each a name, `cpu`, `0`, …, or a UUID.
    These(Vec<String>),
}

/// How a run stands that another takes its weights from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is done.
    Done,
    /// It trains, or waits itself.
    Underway(String),
    /// It ended before it was done, or can't be told: its name, and how it stands.
    Ended(String, String),
    /// It is gone.
    Gone(String),
}

/// A run that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Its name.
    pub name: String,
    /// Lower goes first.
    pub place: i64,
    /// When it was queued, seconds since 1970: earlier goes first.
    pub since: f64,
    /// Held by the user.
    pub held: bool,
    /// Where it is to be trained.
    pub wanted: Wanted,
    /// Runs that may be on its devices, itself among them.
    pub slots: u32,
    /// Also on a device that somebody else is on.
    pub force: bool,
    /// Bytes that it needs of a device's memory, as far as can be told.
    pub need: Option<u64>,
    /// Why it could not be started when its turn had come.
    pub trouble: Option<String>,
    /// What it takes its weights from.
    pub source: Option<Source>,
}

/// A run that trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub name: String,
    /// Its devices, by name.
    pub devices: Vec<String>,
    /// Their UUIDs, where they are known: then names don't count.
    pub uuids: Vec<String>,
    /// Runs that may be on its devices, itself among them.
    pub slots: u32,
}

impl Live {
    /// Whether it is on the device of this name and UUID.
    pub fn is_on(&self, name: &str, uuid: Option<&str>) -> bool {
        match uuid.filter(|_| !self.uuids.is_empty()) {
            Some(uuid) => self.uuids.iter().any(|own| own == uuid),
            None => self.devices.iter().any(|own| own == name),
        }
    }
}

/// Why a run does not start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The user holds it.
    Held,
    /// Its turn had come, and it could not be started.
    Trouble(String),
    /// A source is not done yet.
    Source(String),
    /// A source will not be done by itself: its name, and how it stands.
    SourceEnded(String, String),
    /// A source is gone.
    SourceGone(String),
    /// Others are on its devices, or wait for them longer: the first of them.
    Behind(String),
    /// Somebody else is on the device.
    Others(String),
    /// It asks for a device that is not there.
    NoDevice(String),
    /// It needs more memory than the device has free: bytes needed, and free.
    Memory(String, u64, u64),
    /// It needs more memory than the device has: bytes needed, and all.
    TooLarge(String, u64, u64),
    /// A source waits itself, for a person: its name, and why.
    SourceStuck(String, String),
}

impl Reason {
    /// It stays so until a person does something.
    pub fn is_stuck(&self) -> bool {
        matches!(
            self,
            Self::Held
                | Self::Trouble(_)
                | Self::SourceEnded(..)
                | Self::SourceGone(_)
                | Self::SourceStuck(..)
                | Self::NoDevice(_)
                | Self::TooLarge(..)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let bytes = crate::text::bytes;
        match self {
            Self::Held => write!(f, "held"),
            Self::Trouble(why) => write!(f, "could not be started: {why}"),
            Self::Source(name) => write!(f, "waits for {name}"),
            Self::SourceEnded(name, how) => write!(f, "needs {name}, which {how}: resume that"),
            Self::SourceGone(name) => write!(f, "needs {name}, which is gone"),
            Self::Behind(name) => write!(f, "behind {name}"),
            Self::Others(device) => write!(f, "somebody else is on {device}"),
            Self::NoDevice(device) => write!(f, "there is no device {device} here"),
            Self::SourceStuck(name, why) => write!(f, "waits for {name}, which waits: {why}"),
            Self::TooLarge(device, need, all) => {
                write!(f, "needs {}; {device} has no more than {}", bytes(*need), bytes(*all))
            }
            Self::Memory(device, need, free) => {
                write!(f, "needs {} of {device}, which has {} free", bytes(*need), bytes(*free))
            }
        }
    }
}

/// What becomes of each run that waits, in the order of their turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It starts now, on these devices.
    Start(Vec<String>),
    /// It waits.
    Wait(Reason),
}

impl Turn {
    /// It waits until a person does something.
    pub fn is_stuck(&self) -> bool {
        matches!(self, Self::Wait(reason) if reason.is_stuck())
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Start(devices) => write!(f, "starts now on {}", devices.join(",")),
            Self::Wait(reason) => reason.fmt(f),
        }
    }
}

/// The order in which runs have their turns: indices of `waiting`.
pub fn order(waiting: &[Waiting]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..waiting.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&waiting[*a], &waiting[*b]);
        a.place.cmp(&b.place).then(a.since.total_cmp(&b.since)).then_with(|| a.name.cmp(&b.name))
    });
    order
}

/// Who starts where, and why the others wait: a turn for each of `waiting`, in the order given.
pub fn plan(waiting: &[Waiting], live: &[Live], devices: &[Slot]) -> Vec<Turn> {
    let mut slots = Slots::new(devices, live);
    let mut turns = vec![Turn::Wait(Reason::Held); waiting.len()];
    for at in order(waiting) {
        let run = &waiting[at];
        turns[at] = match blocked(run) {
            Some(reason) => Turn::Wait(reason),
            None => slots.take(run),
        };
    }
    spread(waiting, &mut turns);
    turns
}

/// Who waits for one that is stuck is stuck too.
fn spread(waiting: &[Waiting], turns: &mut [Turn]) {
    loop {
        let stuck: HashMap<&str, String> = (waiting.iter().zip(&*turns))
            .filter_map(|(run, turn)| match turn {
                Turn::Wait(reason) if reason.is_stuck() => Some((run.name.as_str(), reason.to_string())),
                _ => None,
            })
            .collect();
        let mut changed = false;
        for turn in turns.iter_mut() {
            if let Turn::Wait(Reason::Source(name)) = turn
                && let Some(why) = stuck.get(name.as_str())
            {
                *turn = Turn::Wait(Reason::SourceStuck(name.clone(), why.clone()));
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Why it does not start, whatever the devices.
fn blocked(run: &Waiting) -> Option<Reason> {
    if run.held {
        return Some(Reason::Held);
    }
    if let Some(trouble) = &run.trouble {
        return Some(Reason::Trouble(trouble.clone()));
    }
    match run.source.as_ref()? {
        Source::Done => None,
        Source::Underway(name) => Some(Reason::Source(name.clone())),
        Source::Ended(name, how) => Some(Reason::SourceEnded(name.clone(), how.clone())),
        Source::Gone(name) => Some(Reason::SourceGone(name.clone())),
    }
}
