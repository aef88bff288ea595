//! The settings of a linear classifier on frozen features: a probe of a MoCo encoder, or a head on a classifier's body.

use super::{
    Arch, ClassMap, Conflict, Count, Descent, Fraction, Judging, Keeping, LearningRate, NonNegative, Normalise, Origin,
    Recipe, Solver, Stem,
    conflict::{self, conflict},
    setting::settings,
};

settings! {
    /// A linear classifier on the features of a frozen network (`src/train/probe.rs`). The features of every picture and
    /// of its mirror image are computed once.
    pub struct Probe {
        from: Origin = Origin::Random, Origin::ALLOWED,
            "the network; `random` and `NAME@random` have untrained weights: the floor that others are compared with";
        arch: Arch = Arch::Resnet18, Arch::ALLOWED,
            "with `from = \"random\"`: the network";
        stem: Stem = Stem::Cifar, Stem::ALLOWED,
            "with `from = \"random\"`: how resnet18/34/50 begin";
        normalise: Normalise = Normalise::Data, Normalise::ALLOWED,
            "with `from = \"random\"` or a file: mean and deviation that colours are normalised by";
        classes: ClassMap = ClassMap::All, ClassMap::ALLOWED,
            "what is told apart: the classes of the data, or groups of them";
        train_fraction: Fraction = Fraction::constant(1.0), Fraction::ALLOWED,
            "share of the training split whose labels are used: seeded, the same share of every class";
        solver: Solver = Solver::Sgd, Solver::ALLOWED,
            "how the linear layer is fitted; with `lbfgs` an epoch is one iteration on all pictures";
        sweep: bool = false, "true or false",
            "try a hundredth, a tenth, ten and a hundred times `lr` too, and take what validates best";
        mirror: bool = true, "true or false",
            "learn from mirror images half of the time";
        standardise: bool = true, "true or false",
            "give every feature mean 0 and deviation 1 first, folded into the layer when it is written";
        + descent: Descent = Descent {
            batch: Count::constant(256),
            nesterov: false,
            weight_decay: NonNegative::constant(0.0),
            warmup_epochs: NonNegative::constant(0.0),
            lr: LearningRate::constant(0.1),
            ..Descent::default()
        };
        + judging: Judging = Judging::default();
        + keeping: Keeping = Keeping { checkpoint_every: Count::constant(20), ..Keeping::default() };
    }
}

impl Probe {
    /// Settings that each are allowed and together make no sense.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = conflict::of_groups(&Recipe::Probe(self.clone()));
        if self.train_fraction.get() <= 0.0 {
            let message = "`train_fraction` 0 leaves no label to learn from".to_owned();
            conflicts.push(conflict(&["train_fraction"], message, "0.1 and 0.5 are usual"));
        }
        let nothing_to_choose_by = self.judging.val_fraction.get() <= 0.0;
        if self.sweep
            && (self.descent.weight_decay.get() > 0.0 || self.descent.clip_norm.get() > 0.0 || nothing_to_choose_by)
        {
            let message =
                "a sweep needs a validation split to choose by, and knows neither weight decay nor clipping".to_owned();
            let settings = &["sweep", "weight_decay", "clip_norm", "val_fraction"];
            conflicts.push(conflict(settings, message, "leave these out, or make `lr` a list"));
        }
        if self.descent.ema.get() > 0.0 {
            let message = "the layer of a probe is not averaged".to_owned();
            conflicts.push(conflict(&["ema"], message, "leave `ema` out"));
        }
        let ignored = self.descent.clip_norm.get() > 0.0 || self.descent.accumulate.get() > 1;
        if self.solver == Solver::Lbfgs && ignored {
            let message = "`lbfgs` takes all pictures at once and finds its own step".to_owned();
            conflicts.push(conflict(
                &["clip_norm", "accumulate", "solver"],
                message,
                "leave these out, or solve by `sgd`",
            ));
        }
        if self.solver == Solver::Lbfgs && self.sweep {
            let message = "`lbfgs` finds its own step: there is no `lr` to sweep".to_owned();
            conflicts.push(conflict(&["sweep", "solver"], message, "leave `sweep` out, or solve by `sgd`"));
        }
        conflicts
    }
}
