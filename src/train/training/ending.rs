//! When a run ends before its last epoch, and what it does where something has gone wrong: the policy of `on_trouble`.

use super::Training;
use crate::{method::Method, parameters::Format, session::Session, start::From};
use anyhow::{Context, Result, ensure};
use mocolab::{
    event::{Alert, Event, Metrics},
    experiment::{Schedule, Trouble as Policy},
    metrics::{self, Direction},
};
use std::path::Path;

/// Something that a run can't go on with, but might go back behind.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// A loss or weight that is no number.
    #[error(
        "the training loss was `{loss}` by step {step}: the run can't go on. A lower `lr` or a longer `warmup_epochs` \
         usually helps; `on_trouble = \"roll-back\"` tries by itself"
    )]
    NotANumber {
        /// What it was.
        loss: f64,
        /// The step.
        step: u64,
    },
    /// The features are all alike.
    #[error("{0}. A lower `lr`, a larger `queue` or a `key_momentum` nearer to 1 usually helps")]
    Collapsed(String),
}

impl Trouble {
    /// The word of its alert.
    fn word(&self) -> &'static str {
        match self {
            Self::NotANumber { .. } => "nan",
            Self::Collapsed(_) => "collapse",
        }
    }
}

/// What the rate is multiplied by at each roll-back.
const LOWER: f64 = 0.5;

impl<M: Method> Training<'_, M> {
    pub(super) fn require_a_number(&self, loss: f64) -> Result<()> {
        ensure!(loss.is_finite(), Trouble::NotANumber { loss, step: self.progress.step });
        Ok(())
    }

    /// The epoch's features have collapsed, as `how` says.
    pub(super) fn collapse(&mut self, how: String, session: &mut Session) -> Result<()> {
        let error = Trouble::Collapsed(how).into();
        // What has collapsed is worth keeping only where nothing goes back behind it.
        if !self.may_roll_back(&error) {
            self.save(session, false)?;
        }
        Err(error)
    }

    /// Whether the policy is to go back behind `error`.
    pub(super) fn may_roll_back(&self, error: &anyhow::Error) -> bool {
        let collapsed = matches!(error.downcast_ref(), Some(Trouble::Collapsed(_)));
        // Checkpoints from after the last good look have collapsed, too.
        let helps = !collapsed || self.progress.healthy >= self.progress.epoch.saturating_sub(1);
        error.is::<Trouble>()
            && helps
            && self.keeping.on_trouble == Policy::RollBack
            && self.progress.rollbacks < self.keeping.rollbacks
            && self.progress.saved
    }

    /// Goes back to the newest checkpoint before the trouble, and on at a lower rate.
    pub(super) fn roll_back(
        &mut self,
        error: &anyhow::Error,
        session: &mut Session,
        make: &impl Fn(Format, &From) -> Result<M>,
    ) -> Result<()> {
        let (rollbacks, scale) = (self.progress.rollbacks + 1, self.progress.scale * LOWER);
        let resumed = self.resume(session, make)?;
        (self.progress.rollbacks, self.progress.scale) = (rollbacks, scale);
        let message = format!(
            "{error}. Going back to step {} and on at {scale} times the rate: roll-back {rollbacks} of {}",
            self.progress.step, self.keeping.rollbacks
        );
        alert(session, word(error), message)?;
        session.run().remove_maps_after(self.progress.step).context("removing maps of what is gone back behind")?;
        let file = resumed.map(|checkpoint| checkpoint.file);
        self.announce(session, file.clone())?;
        // Kept at once, so that a process that is killed now does not roll back anew; the place is that of the file before.
        self.save(session, false)?;
        file.map_or(Ok(()), |file| remove(&session.checkpoints().join(file)))
    }

    /// Saves and leaves. Where what is to be saved is no number, the last checkpoint is what is left.
    pub(super) fn leave(&mut self, session: &mut Session) -> Result<()> {
        match self.save(session, false) {
            Err(error) if error.is::<Trouble>() => record(&error, session),
            saved => saved,
        }
    }

    /// Takes in what the monitored figure has become. Gives the reason to stop early, where there is one.
    pub(super) fn observe(&mut self, metrics: &Metrics) -> Option<String> {
        let monitor = self.judging.monitor.as_str();
        let value = metrics.get(monitor)?.0;
        let better = metrics::direction(monitor).unwrap_or(Direction::Higher);
        if self.descent.schedule == Schedule::Plateau {
            let (factor, patience) = (self.descent.factor.get(), self.descent.plateau_patience);
            self.progress.plateau.observe(value, better, (factor, patience));
        }
        let (patience, min_delta) = (self.judging.patience, self.judging.min_delta.get());
        let over = self.progress.patience.is_over(value, better, (patience, min_delta));
        over.then(|| format!("stopped early: `{monitor}` has not improved in {patience} evaluations"))
    }

    /// Whether the time that the run may take is spent.
    pub(super) fn time_is_up(&self) -> bool {
        let minutes = self.keeping.max_minutes.get();
        minutes > 0.0 && self.progress.spent + self.seconds() >= 60.0 * minutes
    }

    /// The reason of an end by time, where epochs are left over.
    pub(super) fn time_over(&self, left_over: bool) -> Option<String> {
        left_over.then(|| format!("`max_minutes = {}` are over", self.keeping.max_minutes))
    }
}

/// Records the trouble that ends a run.
///
/// # Errors
/// Where the record can't be written.
pub(super) fn record(error: &anyhow::Error, session: &mut Session) -> Result<()> {
    if error.is::<Trouble>() { alert(session, word(error), error.to_string()) } else { Ok(()) }
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        std::fs::remove_file(path).with_context(|| format!("removing the superseded `{}`", path.display()))?;
    }
    Ok(())
}

fn word(error: &anyhow::Error) -> &'static str {
    error.downcast_ref::<Trouble>().map_or("trouble", Trouble::word)
}

/// Writes something that a person should know.
///
/// # Errors
/// Where the record can't be written.
pub(super) fn alert(session: &mut Session, what: &str, message: String) -> Result<()> {
    session.write(Event::Alert(Alert { what: what.to_owned(), message }))
}
