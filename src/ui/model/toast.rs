//! What happened to runs lately, whichever screen is in front: it ended, it crashed, it warned.

use super::{Model, Screen};
use crate::sight::Sight;
use mocolab::run::RunDir;
use mocolab::status::Status;

/// Seconds that a message stays.
const STAYS: f64 = 12.0;
/// Messages at once; older ones give way.
const MOST: usize = 4;

/// A message about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// What happened.
    pub text: String,
    /// Something went wrong.
    pub bad: bool,
    /// When it goes, seconds since 1970.
    pub until: f64,
}

/// What of a run is worth a message when it changes.
pub struct Known {
    status: Status,
    alert: Option<f64>,
}

impl Known {
    /// Of a run before news of it are taken in; none before it was read.
    pub fn of(sight: &Sight) -> Option<Self> {
        let alert = sight.state.alerts.last().map(|(at, _)| *at);
        (sight.status != Status::Unknown || sight.state.attempt > 0).then_some(Self { status: sight.status, alert })
    }
}

impl Model {
    /// Tells what has changed of `run` since it was as `before`.
    pub(super) fn tell(&mut self, run: &RunDir, before: &Known) {
        let Some(sight) = self.runs.get(run) else { return };
        let ended = before.status.is_live() && !sight.status.is_live();
        let alert = sight.state.alerts.last().filter(|(at, _)| Some(*at) != before.alert && *at > self.now - STAYS);
        let text = match (ended, alert) {
            (true, _) => sight.cause().map_or(sight.standing(), |cause| format!("{}: {cause}", sight.standing())),
            // Who looks at the run sees it there.
            (false, Some(_)) if self.screen == Screen::Run(run.clone()) => return,
            (false, Some((_, alert))) => alert.message.clone(),
            (false, None) => return,
        };
        let bad = matches!(sight.status, Status::Failed | Status::Crashed | Status::Unknown) || !ended;
        let text = mocolab::text::sanitize(&format!("{} {}", run.label(), text.lines().next().unwrap_or_default()));
        self.toasts.push(Toast { text, bad, until: self.now + STAYS });
        let over = self.toasts.len().saturating_sub(MOST);
        self.toasts.drain(..over);
    }

    /// Lets go of messages that have been there long enough.
    pub(super) fn let_go(&mut self) {
        self.toasts.retain(|toast| toast.until > self.now);
    }

    /// When something changes by itself, seconds since 1970: a message goes, or on the list the age of a run.
    pub fn next_change(&self) -> Option<f64> {
        let toast = self.toasts.iter().map(|toast| toast.until);
        let minute =
            (self.screen == Screen::List && !self.runs.is_empty()).then(|| (self.now / 60.0).floor() * 60.0 + 60.0);
        let map = if let Screen::Map(_) = self.screen { self.map.next_change(self.now) } else { None };
        toast.chain(minute).chain(map).min_by(f64::total_cmp)
    }
}
