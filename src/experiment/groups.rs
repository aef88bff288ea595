//! Settings that several recipes share, in groups: how to descend, how to judge, what to keep, how to change pictures.

use super::{
    Chance, Count, Fraction, LearningRate, Milestones, Momentum, Monitor, NonNegative, Normalise, Positive, Precision,
    Schedule, Trouble, setting::settings,
};

settings! {
    /// How a run descends: stochastic gradient descent, its schedule, its care.
    pub struct Descent {
        epochs: Count = Count::constant(100), Count::ALLOWED,
            "passes over the training split";
        batch: Count = Count::constant(128), Count::ALLOWED,
            "images per step, over all devices; the last, smaller batch of an epoch is left out";
        accumulate: Count = Count::constant(1), Count::ALLOWED,
            "parts that a batch is computed in, one after the other, to save memory; batch norms see one part";
        lr: LearningRate = LearningRate::constant(0.1), LearningRate::ALLOWED,
            "highest learning rate, reached at the end of the warm-up";
        momentum: Momentum = Momentum::constant(0.9), Momentum::ALLOWED,
            "momentum of SGD";
        nesterov: bool = true, "true or false",
            "look ahead along the momentum";
        weight_decay: NonNegative = NonNegative::constant(5e-4), NonNegative::ALLOWED,
            "added to the gradient as `weight_decay` x weight, on all parameters";
        schedule: Schedule = Schedule::Cosine, Schedule::ALLOWED,
            "how the learning rate falls after the warm-up";
        warmup_epochs: NonNegative = NonNegative::constant(5.0), NonNegative::ALLOWED,
            "epochs (parts too) over which the learning rate rises linearly from 0";
        milestones: Milestones = Milestones::none(), Milestones::ALLOWED,
            "with `schedule = \"step\"`: the epochs after which the rate is multiplied by `factor`";
        factor: Fraction = Fraction::constant(0.1), Fraction::ALLOWED,
            "what `step` and `plateau` multiply the learning rate by";
        plateau_patience: u32 = 10, "a whole number, 0 or more",
            "with `schedule = \"plateau\"`: evaluations without improvement of `monitor` that are waited for";
        clip_norm: NonNegative = NonNegative::constant(0.0), NonNegative::ALLOWED,
            "longest gradient, as its L2 norm over all parameters; 0 = not clipped";
        ema: Momentum = Momentum::constant(0.0), Momentum::ALLOWED,
            "evaluate a moving average of the weights with this momentum a step, 0.999 say; 0 = the weights themselves";
    }
}

settings! {
    /// How a run is judged.
    pub struct Judging {
        val_fraction: Fraction = Fraction::constant(0.1), Fraction::ALLOWED,
            "share of the training images held out for validation: seeded, the same share of every class";
        test_every: u32 = 0, "a whole number, 0 or more",
            "epochs between looks at the test set; 0 = at the end only. Nothing is decided by it";
        monitor: Monitor = Monitor::ValMacro, Monitor::ALLOWED,
            "what decides which epoch is the best, when to stop early and when a plateau is reached";
        patience: u32 = 0, "a whole number, 0 or more",
            "stop early after so many evaluations without improvement of `monitor`; 0 = never";
        min_delta: NonNegative = NonNegative::constant(0.0), NonNegative::ALLOWED,
            "how much better than the best counts as an improvement for `patience`";
        map_every: u32 = 10, "a whole number, 0 or more",
            "epochs between maps of the test pictures' features (t-SNE); the last epoch has one too; 0 = no maps";
        map_images: u32 = 10_000, "a whole number, 0 or more",
            "the most test pictures on a map, the same ones throughout; 0 = all";
        map_perplexity: Positive = Positive::constant(30.0), Positive::ALLOWED,
            "effective neighbours of a point on a map, 5 to 50 as a rule";
    }
}

settings! {
    /// What a run writes and when it gives up.
    pub struct Keeping {
        log_every: Count = Count::constant(10), Count::ALLOWED,
            "steps between two points of the training curves";
        checkpoint_every: Count = Count::constant(1), Count::ALLOWED,
            "epochs between checkpoints; the last and the best epoch are always kept";
        checkpoint_minutes: NonNegative = NonNegative::constant(10.0), NonNegative::ALLOWED,
            "longest time without a checkpoint, within an epoch too; 0 = no limit";
        keep_every: u32 = 0, "a whole number, 0 or more",
            "epochs between checkpoints that stay for ever, for `from = \"NAME@epoch:N\"`; 0 = none but newest and best";
        max_minutes: NonNegative = NonNegative::constant(0.0), NonNegative::ALLOWED,
            "training time over all attempts after which the run evaluates and ends; 0 = no limit";
        on_trouble: Trouble = Trouble::Stop, Trouble::ALLOWED,
            "where the loss is no number any more, or features collapse";
        rollbacks: u32 = 3, "a whole number, 0 or more",
            "with `on_trouble = \"roll-back\"`: how often at most";
        precision: Precision = Precision::Auto, Precision::ALLOWED,
            "number format of the forward and backward pass; weights are always kept in fp32";
        tensorboard: bool = true, "true or false",
            "write the record as TensorBoard's event files too, beside it: `tensorboard --logdir runs`";
        histograms_every: u32 = 0, "a whole number, 0 or more",
            "epochs between histograms of all weights in the record, for TensorBoard and W&B; 0 = none";
    }
}

settings! {
    /// How training pictures are changed, each with its probability and range. The order is that of the list.
    pub struct Views {
        crop_area: Fraction = Fraction::constant(0.2), Fraction::ALLOWED,
            "smallest share of a picture's area that a crop shows, resized to the whole; 1 = no crop";
        crop_ratio: Positive = Positive::constant(4.0 / 3.0), Positive::ALLOWED,
            "widest crop, width over height; the narrowest is its inverse";
        rotate: Chance = Chance::constant(0.0), Chance::ALLOWED,
            "probability of a rotation";
        rotate_degrees: NonNegative = NonNegative::constant(15.0), NonNegative::ALLOWED,
            "largest angle of a rotation, either way";
        flip: Chance = Chance::constant(0.5), Chance::ALLOWED,
            "probability of mirroring left and right";
        jitter: Chance = Chance::constant(0.8), Chance::ALLOWED,
            "probability of changing colours: the next four, in random order";
        brightness: Fraction = Fraction::constant(0.4), Fraction::ALLOWED,
            "brightness is multiplied by 1 - this to 1 + this";
        contrast: Fraction = Fraction::constant(0.4), Fraction::ALLOWED,
            "contrast is multiplied by 1 - this to 1 + this";
        saturation: Fraction = Fraction::constant(0.4), Fraction::ALLOWED,
            "saturation is multiplied by 1 - this to 1 + this";
        hue: Fraction = Fraction::constant(0.1), "a number from 0 to 0.5",
            "hue is turned by this part of the circle at most, either way";
        grey: Chance = Chance::constant(0.2), Chance::ALLOWED,
            "probability of losing all colour";
        blur: Chance = Chance::constant(0.5), Chance::ALLOWED,
            "probability of a Gaussian blur";
        blur_kernel: Count = Count::constant(3), "an odd number from 1 to 31",
            "pixels that the blur reaches over";
        blur_sigma_min: Positive = Positive::constant(0.1), Positive::ALLOWED,
            "narrowest blur, in pixels";
        blur_sigma_max: Positive = Positive::constant(2.0), Positive::ALLOWED,
            "widest blur, in pixels";
        solarise: Chance = Chance::constant(0.0), Chance::ALLOWED,
            "probability of inverting what is brighter than `solarise_above`";
        solarise_above: Fraction = Fraction::constant(0.5), Fraction::ALLOWED,
            "brightness from which colours are inverted, 1 = white";
        normalise: Normalise = Normalise::Data, Normalise::ALLOWED,
            "mean and deviation that colours are normalised by, for evaluation too";
    }
}

impl Views {
    /// Only the mirror, half of the time: what classifiers begin with.
    pub fn plain() -> Self {
        Self {
            crop_area: Fraction::constant(1.0),
            jitter: Chance::constant(0.0),
            grey: Chance::constant(0.0),
            blur: Chance::constant(0.0),
            ..Self::default()
        }
    }

    /// Whether pictures are changed in no other way than mirrored.
    pub fn only_flips(&self) -> bool {
        let never = [self.rotate, self.jitter, self.grey, self.blur, self.solarise];
        self.crop_area.get() >= 1.0 && never.iter().all(|chance| chance.get() <= 0.0)
    }
}
