//! The learning rate of each step, as a pure function: nothing to save, nothing to restore.

use crate::experiment::{Schedule, Supervised};

/// The learning rate of a whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    schedule: Schedule,
    highest: f64,
    warmup: f64,
    steps: f64,
}

impl Rate {
    /// The schedule of `settings` for a run of `epochs` times `steps_per_epoch` steps.
    pub fn new(settings: &Supervised, steps_per_epoch: u64) -> Self {
        let per_epoch = steps_per_epoch as f64;
        Self {
            schedule: settings.schedule,
            highest: settings.lr.get(),
            warmup: settings.warmup_epochs.get() * per_epoch,
            steps: settings.epochs.get() as f64 * per_epoch,
        }
    }

    /// The rate of step `step`, from 0. It rises linearly over the warm-up (the first step already moves), then falls
    /// over the steps that are left, to 0 just after the last.
    pub fn at(&self, step: u64) -> f64 {
        let step = step as f64;
        if step < self.warmup {
            return self.highest * (step + 1.0) / (self.warmup + 1.0);
        }
        let part = ((step - self.warmup) / (self.steps - self.warmup).max(1.0)).clamp(0.0, 1.0);
        self.highest
            * match self.schedule {
                Schedule::Cosine => f64::midpoint(1.0, (std::f64::consts::PI * part).cos()),
                Schedule::Linear => 1.0 - part,
                Schedule::Constant => 1.0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: &str) -> Rate {
        let text = format!("epochs = 10\nlr = 1\nwarmup_epochs = 2\nschedule = \"{schedule}\"");
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
    fn linear_and_constant() {
        assert!((rate("linear").at(60) - 0.5).abs() < 1e-12);
        assert!((rate("constant").at(99) - 1.0).abs() < 1e-12);
    }
}
