//! The settings of a supervised classifier.

use super::{Conflict, Count, Fraction, LearningRate, Momentum, NonNegative, setting::settings};
use serde::{Deserialize, Serialize};

settings! {
    /// A classifier trained from scratch on labels (`src/train/supervised.rs`). The defaults are a base classifier for
    /// CIFAR-10: ResNet-18 with a 3x3 stem, SGD with Nesterov momentum, cosine schedule with warm-up.
    pub struct Supervised {
        arch: Arch = Arch::Resnet18, Arch::ALLOWED,
            "the network; resnet18/34/50 with a 3x3 stem; resnet8/20/32/56: He et al. 2015, 4.2, with projections";
        epochs: Count = Count::constant(100), Count::ALLOWED,
            "passes over the training split";
        batch: Count = Count::constant(128), Count::ALLOWED,
            "images per step; the last, smaller batch of an epoch is left out";
        lr: LearningRate = LearningRate::constant(0.1), LearningRate::ALLOWED,
            "highest learning rate, reached at the end of the warm-up";
        momentum: Momentum = Momentum::constant(0.9), Momentum::ALLOWED,
            "momentum of SGD";
        nesterov: bool = true, "true or false",
            "look ahead along the momentum";
        weight_decay: NonNegative = NonNegative::constant(5e-4), NonNegative::ALLOWED,
            "added to the gradient as `weight_decay` x weight, on all parameters";
        schedule: Schedule = Schedule::Cosine, Schedule::ALLOWED,
            "how the learning rate falls after the warm-up, step by step";
        warmup_epochs: NonNegative = NonNegative::constant(5.0), NonNegative::ALLOWED,
            "epochs (parts too) over which the learning rate rises linearly from 0";
        label_smoothing: Fraction = Fraction::constant(0.0), Fraction::ALLOWED,
            "share of the target spread evenly over all classes";
        flip: bool = true, "true or false",
            "mirror half of the training images";
        crop_padding: u8 = 4, "a whole number from 0 to 255",
            "pixels of zero padding around an image before a random crop of its size; 0 = no crop";
        val_fraction: Fraction = Fraction::constant(0.1), Fraction::ALLOWED,
            "share of the training images held out for validation: seeded, the same share of every class";
        test_every: u32 = 0, "a whole number, 0 or more",
            "epochs between looks at the test set; 0 = at the end only";
        log_every: Count = Count::constant(10), Count::ALLOWED,
            "steps between two points of the training curves";
        checkpoint_every: Count = Count::constant(1), Count::ALLOWED,
            "epochs between checkpoints; the last and the best epoch are always kept";
        checkpoint_minutes: NonNegative = NonNegative::constant(10.0), NonNegative::ALLOWED,
            "longest time without a checkpoint, within an epoch too; 0 = no limit";
        precision: Precision = Precision::Auto, Precision::ALLOWED,
            "number format of the forward and backward pass; weights are always kept in fp32";
    }
}

impl Supervised {
    /// Settings that each are allowed and together make no sense.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        if self.warmup_epochs.get() > self.epochs.get() as f64 {
            conflicts.push(Conflict {
                settings: &["warmup_epochs", "epochs"],
                message: format!(
                    "the warm-up of {} epochs is longer than the training of {}",
                    self.warmup_epochs.get(),
                    self.epochs
                ),
                help: format!("set `warmup_epochs` to at most {}, or `epochs` higher", self.epochs),
            });
        }
        if self.val_fraction.get() >= 1.0 {
            conflicts.push(Conflict {
                settings: &["val_fraction"],
                message: format!("`val_fraction` {} leaves no image to train on", self.val_fraction.get()),
                help: "set it below 1; 0.1 is usual".into(),
            });
        }
        if self.label_smoothing.get() >= 1.0 {
            conflicts.push(Conflict {
                settings: &["label_smoothing"],
                message: format!(
                    "`label_smoothing` {} leaves nothing of the labels to learn",
                    self.label_smoothing.get()
                ),
                help: "set it below 1; 0.1 is usual".into(),
            });
        }
        conflicts
    }
}

/// A list of words, each a variant, with the words listed for messages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// The words.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            /// What is allowed, for messages.
            pub const ALLOWED: &'static str = words!(@join $($word),*);

            /// The word of this variant.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
    (@join $first:literal $(, $rest:literal)*) => { concat!($first $(, " | ", $rest)*) };
}

words! {
    /// The networks.
    Arch {
        /// 3 stages of 1 block, widths 16/32/64.
        Resnet8 = "resnet8",
        /// 3 stages of 3 blocks, widths 16/32/64.
        Resnet20 = "resnet20",
        /// 3 stages of 5 blocks, widths 16/32/64.
        Resnet32 = "resnet32",
        /// 3 stages of 9 blocks, widths 16/32/64.
        Resnet56 = "resnet56",
        /// 4 stages of 2 basic blocks, widths 64 to 512.
        Resnet18 = "resnet18",
        /// 4 stages of 3, 4, 6, 3 basic blocks, widths 64 to 512.
        Resnet34 = "resnet34",
        /// 4 stages of 3, 4, 6, 3 bottleneck blocks, widths 256 to 2048.
        Resnet50 = "resnet50",
    }
}

words! {
    /// How the learning rate falls after the warm-up.
    Schedule {
        /// Half a cosine from the highest rate to 0 (Loshchilov and Hutter 2016, equation 5, without restarts).
        Cosine = "cosine",
        /// A straight line from the highest rate to 0.
        Linear = "linear",
        /// The highest rate to the end.
        Constant = "constant",
    }
}

words! {
    /// Number format of the forward and backward pass.
    Precision {
        /// bf16 where the device multiplies it faster, else fp32.
        Auto = "auto",
        /// 32-bit floats.
        Fp32 = "fp32",
        /// 16-bit brain floats for convolutions and the linear layer; batch norm, loss and weights stay fp32.
        Bf16 = "bf16",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_default_that_reads_back() {
        let settings = Supervised::settings();
        assert_eq!(settings.len(), 18);
        let lines: Vec<String> = settings.iter().map(|s| format!("{} = {}", s.name, s.default)).collect();
        assert_eq!(toml::from_str::<Supervised>(&lines.join("\n")).unwrap(), Supervised::default());
        assert!(settings.iter().all(|s| !s.meaning.contains('\n') && s.meaning.len() < 120 && !s.allowed.is_empty()));
    }

    #[test]
    fn words_are_listed() {
        assert_eq!(Schedule::ALLOWED, "cosine | linear | constant");
        assert_eq!(Arch::Resnet56.to_string(), "resnet56");
    }
}
