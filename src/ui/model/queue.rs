//! What waits in this machine's queue: in which order, why, and what keys change.

use super::{Cmd, Model, Screen};
use crate::project::Stand;
use crate::sight::Sight;
use crate::ui::keys::Action;
use crate::ui::model::press::moved;
use mocolab::queue::{Live, Turn, Waiting};
use mocolab::run::RunDir;
use mocolab::status::Status;

/// A run in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Waits {
    /// Which.
    pub run: RunDir,
    /// Its name, as short as it can be.
    pub name: String,
    /// What becomes of it now; none before the devices were looked at.
    pub turn: Option<Turn>,
    /// Where it is to be trained, in words.
    pub on: String,
}

impl Model {
    /// What waits, in the order of its turns, and what trains here.
    pub fn queued(&self) -> (Vec<Waits>, Vec<(RunDir, Live)>) {
        let stand = Stand::of(self.runs.values(), &self.here, |sight| sight.status.is_live());
        let turns = self.sample.as_ref().map(|sample| stand.turns(sample));
        let waits = |(at, (run, waiting)): (usize, &(RunDir, Waiting))| {
            let ticket = self.runs.get(run).and_then(|sight| sight.ticket.as_ref());
            let on = ticket.and_then(|ticket| ticket.device.clone()).unwrap_or_else(|| "any".into());
            let turn = turns.as_ref().map(|turns| turns[at].clone());
            Waits { run: run.clone(), name: waiting.name.clone(), turn, on }
        };
        (stand.waiting.iter().enumerate().map(waits).collect(), stand.live)
    }

    /// What Slurm has and does not train yet: run, job, and what it says of it.
    pub fn in_slurm(&self) -> Vec<(RunDir, String, String)> {
        let waits = |sight: &Sight| sight.status.is_waiting() || matches!(sight.status, Status::Suspended);
        let of = |sight: &Sight| {
            let id = sight.scheduled()?;
            let why = match (sight.ticket.as_ref().and_then(|ticket| ticket.trouble.clone()), &self.jobs) {
                (Some(trouble), _) => trouble,
                (None, None) => "asking Slurm".into(),
                (None, Some(listing)) => listing.words(&id),
            };
            Some((sight.run.clone(), id, why))
        };
        self.runs.values().filter(|sight| waits(sight)).filter_map(of).collect()
    }

    /// The place of the run that the cursor is on.
    pub fn queue_place(&self, waits: &[Waits]) -> usize {
        let same = waits.iter().position(|one| Some(&one.run) == self.queue_chosen.as_ref());
        same.unwrap_or(0)
    }

    /// Whether an agent has work: something waits for what goes on by itself.
    pub(super) fn queue_is_due(&self) -> bool {
        let (waits, _) = self.queued();
        waits.iter().filter_map(|one| one.turn.as_ref()).any(|turn| !turn.is_stuck())
    }

    /// A key on the queue.
    pub(super) fn on_queue(&mut self, action: Action) -> Vec<Cmd> {
        let (waits, _) = self.queued();
        let here = self.queue_place(&waits);
        let Some(chosen) = waits.get(here).map(|one| one.run.clone()) else {
            if action == Action::Back {
                self.leave();
            }
            return Vec::new();
        };
        match action {
            Action::Back => self.leave(),
            Action::Enter => self.show(Screen::Run(chosen)),
            Action::Hold => {
                let held = self.runs.get(&chosen).is_some_and(|sight| sight.notes.held);
                let stuck = self.runs.get(&chosen).and_then(|sight| sight.ticket.as_ref()?.trouble.as_ref()).is_some();
                return vec![if held || stuck { Cmd::Release(chosen) } else { Cmd::Hold(chosen) }];
            }
            Action::Forward | Action::Backward => {
                let there = if action == Action::Forward { here.checked_sub(1) } else { Some(here + 1) };
                let Some(there) = there.filter(|there| *there < waits.len()) else { return Vec::new() };
                let mut runs: Vec<RunDir> = waits.into_iter().map(|one| one.run).collect();
                runs.swap(here, there);
                // Known at once: the next key counts from there. Those queued later come after all of them.
                for (run, place) in runs.iter().zip(-(runs.len() as i64)..) {
                    if let Some(sight) = self.runs.get_mut(run) {
                        sight.notes.place = place;
                    }
                }
                self.queue_chosen = Some(chosen);
                return vec![Cmd::Order(runs)];
            }
            action => {
                let at = moved(here, action, waits.len());
                self.queue_chosen = waits.get(at).map(|one| one.run.clone());
            }
        }
        Vec::new()
    }
}
