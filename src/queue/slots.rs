//! Who is on which device, and who waits for it.

use super::{Live, Reason, Turn, Waiting, Wanted};

/// A device as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name: `cpu`, `0`, …
    pub name: String,
    /// What distinguishes a GPU for ever, where it is known.
    pub uuid: Option<String>,
    /// Bytes of its memory that are free; none where that can't be told.
    pub free: Option<u64>,
    /// Bytes of its memory.
    pub total: Option<u64>,
    /// Processes that are not ours are on it.
    pub others: bool,
}

/// A device with the runs on it, those among them that start by this plan.
struct Place<'a> {
    slot: &'a Slot,
    free: Option<u64>,
    /// Names of the runs on it, and how many each allows.
    on: Vec<(String, u32)>,
    /// The first of those that wait for it: nobody behind them gets it.
    kept_for: Option<String>,
}

pub(super) struct Slots<'a>(Vec<Place<'a>>);

impl<'a> Slots<'a> {
    pub fn new(devices: &'a [Slot], live: &[Live]) -> Self {
        let place = |slot: &'a Slot| {
            let on = live.iter().filter(|run| run.is_on(&slot.name, slot.uuid.as_deref()));
            let on = on.map(|run| (run.name.clone(), run.slots)).collect();
            Place { slot, free: slot.free, on, kept_for: None }
        };
        Self(devices.iter().map(place).collect())
    }

    /// Gives `run` its devices, or keeps them for it.
    pub fn take(&mut self, run: &Waiting) -> Turn {
        match &run.wanted {
            Wanted::These(names) => self.take_these(run, names),
            Wanted::OneOf(names) => self.take_one(run, names),
            // GPUs where there are any, else the CPU.
            Wanted::Any => {
                let gpus = self.0.iter().any(|place| place.slot.name != "cpu");
                let fits = |at: &usize| (self.0[*at].slot.name != "cpu") == gpus;
                let places: Vec<usize> = (0..self.0.len()).filter(fits).collect();
                self.take_first(run, &places)
            }
        }
    }

    fn take_these(&mut self, run: &Waiting, names: &[String]) -> Turn {
        let places: Option<Vec<usize>> = names.iter().map(|name| self.find(name)).collect();
        let Some(places) = places else {
            let missing = names.iter().find(|name| self.find(name).is_none()).cloned().unwrap_or_default();
            return Turn::Wait(Reason::NoDevice(missing));
        };
        match places.iter().find_map(|at| self.0[*at].refuses(run)) {
            // What never fits keeps nothing from others.
            Some(reason) if reason.is_stuck() => Turn::Wait(reason),
            Some(reason) => {
                for at in places {
                    self.0[at].kept_for.get_or_insert_with(|| run.name.clone());
                }
                Turn::Wait(reason)
            }
            None => self.give(run, &places),
        }
    }

    fn take_one(&mut self, run: &Waiting, names: &[String]) -> Turn {
        let places: Vec<usize> = names.iter().filter_map(|name| self.find(name)).collect();
        match places.as_slice() {
            [] => Turn::Wait(Reason::NoDevice(names.join("/"))),
            places => self.take_first(run, places),
        }
    }

    /// The first of `places` that takes it.
    fn take_first(&mut self, run: &Waiting, places: &[usize]) -> Turn {
        let (mut waits, mut never) = (None, None);
        let mut kept = Vec::new();
        for at in places.iter().copied() {
            match self.0[at].refuses(run) {
                None => return self.give(run, &[at]),
                Some(reason) if reason.is_stuck() => _ = never.get_or_insert(reason),
                Some(reason) => {
                    kept.push(at);
                    waits.get_or_insert(reason);
                }
            }
        }
        // Whoever takes any device waits for all it fits on: those behind it get none of them.
        for at in kept {
            self.0[at].kept_for.get_or_insert_with(|| run.name.clone());
        }
        Turn::Wait(waits.or(never).unwrap_or_else(|| Reason::NoDevice("at all".into())))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|place| place.slot.name == name || place.slot.uuid.as_deref() == Some(name))
    }

    fn give(&mut self, run: &Waiting, places: &[usize]) -> Turn {
        for at in places {
            let place = &mut self.0[*at];
            place.on.push((run.name.clone(), run.slots));
            place.free = place.free.zip(run.need).map(|(free, need)| free.saturating_sub(need)).or(place.free);
        }
        Turn::Start(places.iter().map(|at| self.0[*at].slot.name.clone()).collect())
    }
}

impl Place<'_> {
    /// Why `run` can't go here, now or ever.
    fn refuses(&self, run: &Waiting) -> Option<Reason> {
        if let Some((need, total)) = run.need.zip(self.slot.total).filter(|(need, total)| !run.force && need > total) {
            return Some(Reason::TooLarge(self.slot.name.clone(), need, total));
        }
        if let Some(name) = &self.kept_for {
            return Some(Reason::Behind(name.clone()));
        }
        // As many as all of them allow.
        let allowed = self.on.iter().map(|(_, slots)| *slots).chain([run.slots]).min().unwrap_or(1).max(1);
        if self.on.len() >= allowed as usize {
            return self.on.first().map(|(name, _)| Reason::Behind(name.clone()));
        }
        if self.slot.others && !run.force {
            return Some(Reason::Others(self.slot.name.clone()));
        }
        let (need, free) = run.need.zip(self.free).filter(|(need, free)| !run.force && need > free)?;
        Some(Reason::Memory(self.slot.name.clone(), need, free))
    }
}
