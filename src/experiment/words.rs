//! Settings that are one of a few words.

use serde::{Deserialize, Serialize};

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

            /// The variant of a word.
            pub fn named(word: &str) -> Option<Self> {
                [$(($word, Self::$variant)),*].into_iter().find(|(own, _)| *own == word).map(|(_, variant)| variant)
            }

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
    /// Where a run is trained unless its start says otherwise.
    Executor {
        /// On this machine.
        Local = "local",
        /// As a job of Slurm.
        Slurm = "slurm",
    }
}

words! {
    /// The networks.
    Arch {
        /// Three convolutions with pooling, no batch norm: the small plain network to begin with.
        Cnn = "cnn",
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
    /// How a residual network begins.
    Stem {
        /// A 3x3 convolution, stride 1, no pooling: for pictures of 32x32.
        Cifar = "cifar",
        /// A 7x7 convolution, stride 2, and 3x3 max pooling, stride 2: for pictures of 224x224 (He et al. 2015, table 1).
        Imagenet = "imagenet",
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
        /// Multiplied by `factor` at each of the `milestones`.
        Step = "step",
        /// Multiplied by `factor` where `monitor` has not improved for more than `plateau_patience` evaluations.
        Plateau = "plateau",
        /// From a 25th of the rate up to it over the warm-up, then down to a 250,000th, both by cosines (Smith and Topin 2018).
        OneCycle = "one-cycle",
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

words! {
    /// The colours that pictures are normalised by.
    Normalise {
        /// Mean and deviation of the training pictures.
        Data = "data",
        /// Those of ImageNet, (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225), which torchvision's ResNets suggest.
        Imagenet = "imagenet",
    }
}

words! {
    /// What a run does where the loss is no number any more, or the features have collapsed.
    Trouble {
        /// It ends as failed, its last good checkpoint kept.
        Stop = "stop",
        /// It goes back to its newest checkpoint and on from there at half the rate, `rollbacks` times at most.
        RollBack = "roll-back",
    }
}

words! {
    /// What decides which epoch was best, when to stop early, and when the rate of `plateau` falls.
    Monitor {
        /// Macro accuracy on the validation split.
        ValMacro = "val/macro_accuracy",
        /// Loss on the validation split.
        ValLoss = "val/loss",
        /// Macro accuracy of weighted k nearest neighbours on the validation split.
        Knn = "val/knn_macro_accuracy",
    }
}

words! {
    /// A named set of MoCo settings; each can be overridden.
    Preset {
        /// As the course-work system trained: to see where its 53 to 56 % come from.
        Course = "course",
        /// FAIR's demo for CIFAR-10 (`moco_cifar10_demo`), symmetric loss.
        FairCifar = "fair-cifar",
        /// MoCo v2+ as solo-learn trains it for CIFAR-10.
        V2Plus = "v2plus",
    }
}

words! {
    /// What follows the pooled features in a MoCo encoder.
    Head {
        /// One linear layer (He et al. 2019).
        Linear = "linear",
        /// Linear, rectifier, linear (Chen et al. 2020, "MLP head").
        Mlp = "mlp",
    }
}

words! {
    /// Which layer nearest neighbours are looked for in.
    Layer {
        /// The pooled features, which a linear probe learns from.
        Features = "features",
        /// What the head makes of them, which the loss is computed from.
        Projection = "projection",
    }
}

words! {
    /// How the linear layer of a probe is fitted.
    Solver {
        /// Stochastic gradient descent in batches.
        Sgd = "sgd",
        /// L-BFGS on all pictures at once (Liu and Nocedal 1989); an epoch is an iteration.
        Lbfgs = "lbfgs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed() {
        assert_eq!(Head::ALLOWED, "linear | mlp");
        assert_eq!(Arch::Resnet56.to_string(), "resnet56");
        assert_eq!(Schedule::WORDS.len(), 6);
    }
}
