//! The learning rate of each step: a pure function of the step, and of what a plateau has cost so far.

use crate::experiment::{Descent, Schedule};
use crate::metrics::Direction;
use serde::{Deserialize, Serialize};

/// The learning rate of a whole run, before a [`Plateau`] takes its part.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    schedule: Schedule,
    highest: f64,
    warmup: f64,
    steps: f64,
    /// Steps after which the rate is multiplied by `factor`.
    milestones: Vec<f64>,
    factor: f64,
}

/// The first rate of a one-cycle schedule is the highest over this; the last is the first over [`FINAL`] (torch's values).
const START: f64 = 25.0;
const FINAL: f64 = 1e4;

impl Rate {
    /// The schedule of `settings` for a run of `epochs` times `steps_per_epoch` steps.
    pub fn new(settings: &Descent, steps_per_epoch: u64) -> Self {
        let per_epoch = steps_per_epoch as f64;
        Self {
            schedule: settings.schedule,
            highest: settings.lr.get(),
            warmup: settings.warmup_epochs.get() * per_epoch,
            steps: settings.epochs.get() as f64 * per_epoch,
            milestones: settings.milestones.get().iter().map(|epoch| *epoch as f64 * per_epoch).collect(),
            factor: settings.factor.get(),
        }
    }

    /// The rate of step `step`, from 0. It rises linearly over the warm-up (the first step already moves), then goes as
    /// the schedule says: `cosine` and `linear` fall to 0 just after the last step.
    pub fn at(&self, step: u64) -> f64 {
        let step = step as f64;
        if self.schedule == Schedule::OneCycle {
            return self.one_cycle(step);
        }
        if step < self.warmup {
            return self.highest * (step + 1.0) / (self.warmup + 1.0);
        }
        let part = ((step - self.warmup) / (self.steps - self.warmup).max(1.0)).clamp(0.0, 1.0);
        self.highest
            * match self.schedule {
                Schedule::Cosine => cosine(1.0, 0.0, part),
                Schedule::Linear => 1.0 - part,
                Schedule::Step => {
                    let passed = self.milestones.iter().filter(|milestone| step >= **milestone).count();
                    self.factor.powi(passed as i32)
                }
                Schedule::Constant | Schedule::Plateau | Schedule::OneCycle => 1.0,
            }
    }

    /// Smith and Topin 2018, as `torch.optim.lr_scheduler.OneCycleLR` with cosines computes it.
    fn one_cycle(&self, step: f64) -> f64 {
        let (first, top) = (self.highest / START, self.warmup - 1.0);
        if step <= top {
            return cosine(first, self.highest, step / top.max(1.0));
        }
        let part = (step - top) / (self.steps - 1.0 - top).max(1.0);
        cosine(self.highest, first / FINAL, part.clamp(0.0, 1.0))
    }
}

/// From `from` at 0 to `to` at 1 by half a cosine.
pub fn cosine(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * f64::midpoint(1.0, (std::f64::consts::PI * part).cos())
}

/// What a plateau has cost: `torch.optim.lr_scheduler.ReduceLROnPlateau` (relative threshold 1e-4) as a value that can be
/// saved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// What the rate is multiplied by.
    pub scale: f64,
    best: Option<f64>,
    waited: u32,
}

/// A change of a value by less than this part of it is no improvement.
const THRESHOLD: f64 = 1e-4;

impl Default for Plateau {
    fn default() -> Self {
        Self { scale: 1.0, best: None, waited: 0 }
    }
}

impl Plateau {
    /// Takes in the next value of what is monitored; lowers the scale by `factor` where it has not improved for more
    /// than `patience` values.
    pub fn observe(&mut self, value: f64, better: Direction, (factor, patience): (f64, u32)) {
        let improved = self.best.is_none_or(|best| match better {
            Direction::Lower => value < best * (1.0 - THRESHOLD),
            Direction::Higher => value > best * (1.0 + THRESHOLD),
        });
        if improved && value.is_finite() {
            (self.best, self.waited) = (Some(value), 0);
        } else {
            self.waited += 1;
        }
        if self.waited > patience {
            self.scale *= factor;
            self.waited = 0;
        }
    }
}

/// How long nothing has improved: early stopping as a value that can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Patience {
    best: Option<f64>,
    waited: u32,
}

impl Patience {
    /// Takes in the next value; says whether `patience` values in a row were no better than the best by `min_delta`. A
    /// patience of 0 never ends.
    pub fn is_over(&mut self, value: f64, better: Direction, (patience, min_delta): (u32, f64)) -> bool {
        let improved = self.best.is_none_or(|best| match better {
            Direction::Lower => value < best - min_delta,
            Direction::Higher => value > best + min_delta,
        });
        if improved && value.is_finite() {
            (self.best, self.waited) = (Some(value), 0);
        } else {
            self.waited += 1;
        }
        patience > 0 && self.waited >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: &str) -> Rate {
        let text = format!(
            "epochs = 10\nlr = 1\nwarmup_epochs = 2\nschedule = \"{schedule}\"\nmilestones = \"4, 7\"\nfactor = 0.5"
        );
        Rate::new(&toml::from_str(&text).unwrap(), 10)
    }

    #[test]
    fn the_rate_rises_then_falls_to_nothing() {
        let rate = rate("cosine");
        let close = |step, want: f64| assert!((rate.at(step) - want).abs() < 1e-12, "{step}: {}", rate.at(step));
        close(0, 1.0 / 21.0);
        close(19, 20.0 / 21.0);
        close(20, 1.0);
        close(60, 0.5);
        close(100, 0.0);
        assert!((21..100).all(|step| rate.at(step) < rate.at(step - 1)));
    }

    #[test]
    fn linear_constant_and_step() {
        assert!((rate("linear").at(60) - 0.5).abs() < 1e-12);
        assert!((rate("constant").at(99) - 1.0).abs() < 1e-12);
        let steps = [39, 40, 69, 70].map(|step| rate("step").at(step));
        assert_eq!(steps.map(f64::to_bits), [1.0, 0.5, 0.5, 0.25].map(f64::to_bits));
    }

    #[test]
    fn early_stopping_waits_as_long_as_it_is_told() {
        let mut patience = Patience::default();
        let mut over = |value| patience.is_over(value, Direction::Higher, (2, 0.01));
        let answers = [0.5, 0.505, 0.52, 0.52, 0.529, 0.9].map(&mut over);
        assert_eq!(answers, [false, false, false, false, true, false]);
        let mut never = Patience::default();
        assert!((0..50).all(|_| !never.is_over(f64::NAN, Direction::Lower, (0, 0.0))));
    }
}
