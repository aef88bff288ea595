//! The settings of momentum contrast, and its presets.

use super::{
    Arch, Chance, Conflict, Count, Descent, Fraction, Head, Judging, Keeping, Layer, LearningRate, Monitor,
    NonNegative, Origin, Positive, Preset, Recipe, Schedule, Stem, Views,
    conflict::{self, conflict},
    setting::settings,
};

settings! {
    /// Momentum contrast (He et al. 2019; v2: Chen et al. 2020), `src/train/moco.rs`: learning features without labels.
    /// The defaults are those of the preset `fair-cifar`.
    pub struct Moco {
        preset: Preset = Preset::FairCifar, Preset::ALLOWED,
            "the set of values that all other settings start from";
        arch: Arch = Arch::Resnet18, Arch::ALLOWED,
            "the network of both encoders";
        stem: Stem = Stem::Cifar, Stem::ALLOWED,
            "how resnet18/34/50 begin: a 3x3 convolution, or 7x7 with stride 2 and pooling";
        init: Origin = Origin::Random, Origin::ALLOWED,
            "the first weights; of a run or a file all that fits is taken, and what is not taken is listed";
        head: Head = Head::Linear, Head::ALLOWED,
            "what follows the features: one linear layer (v1), or two with a rectifier between (v2)";
        hidden: Count = Count::constant(2048), Count::ALLOWED,
            "width between the layers of the `mlp` head";
        dim: Count = Count::constant(128), Count::ALLOWED,
            "length of the vectors that are compared";
        queue: Count = Count::constant(4096), Count::ALLOWED,
            "keys in the dictionary queue: the negatives of each query. It need not divide by the batch";
        val_queue: u32 = 0, "a whole number, 0 or more",
            "keys in the queue of the validation split; 0 = as many as `queue`, or as the split has pictures";
        temperature: Positive = Positive::constant(0.1), Positive::ALLOWED,
            "what similarities are divided by";
        key_momentum: Fraction = Fraction::constant(0.99), Fraction::ALLOWED,
            "how much of the key encoder stays at each step; the rest comes from the query encoder";
        key_momentum_end: Fraction = Fraction::constant(0.99), Fraction::ALLOWED,
            "the same at the last step, reached by half a cosine";
        symmetric: bool = true, "true or false",
            "each view is query and key in turn: twice the work a step";
        bn_splits: Count = Count::constant(8), Count::ALLOWED,
            "parts of a batch on one device whose batch norms are apart: keeps them from giving the answer away";
        shuffle_bn: bool = true, "true or false",
            "the key encoder sees the batch in another order, so that the parts of queries and keys differ";
        val_augment: bool = true, "true or false",
            "compare views of validation pictures; false = the pictures themselves";
        knn_every: u32 = 5, "a whole number, 0 or more",
            "epochs between looks at the features: nearest neighbours, collapse, rank; 0 = at the end only";
        knn_k: Count = Count::constant(200), Count::ALLOWED,
            "neighbours that vote";
        knn_temperature: Positive = Positive::constant(0.1), Positive::ALLOWED,
            "a neighbour's vote is exp(cosine / this)";
        knn_layer: Layer = Layer::Projection, Layer::ALLOWED,
            "where neighbours are looked for";
        + views: Views = Views { crop_area: Fraction::constant(0.08), blur: Chance::constant(0.0), ..Views::default() };
        + descent: Descent = Descent {
            epochs: Count::constant(200),
            batch: Count::constant(512),
            lr: LearningRate::constant(0.06),
            nesterov: false,
            warmup_epochs: NonNegative::constant(0.0),
            ..Descent::default()
        };
        + judging: Judging = Judging { monitor: Monitor::Knn, ..Judging::default() };
        + keeping: Keeping = Keeping::default();
    }
}

impl Preset {
    /// The settings of the preset as TOML, with where they come from.
    pub fn table(self) -> &'static str {
        match self {
            Self::Course => include_str!("presets/course.toml"),
            Self::FairCifar => include_str!("presets/fair-cifar.toml"),
            Self::V2Plus => include_str!("presets/v2plus.toml"),
        }
    }
}

impl Moco {
    /// The loss of guessing: ln(K + 1) for a queue of K keys and the one right answer.
    pub fn chance_loss(&self) -> f64 {
        ((self.queue.get() + 1) as f64).ln()
    }

    /// Settings that each are allowed and together make no sense.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = conflict::of_groups(&Recipe::Moco(self.clone()));
        conflicts.extend(conflict::of_views(&self.views));
        let parts = self.bn_splits.get() * self.descent.accumulate.get();
        let divides = self.descent.batch.get().is_multiple_of(parts);
        if self.descent.batch.get() / parts < 2 || !divides {
            let message =
                format!("a batch of {} can't be had in {parts} equal parts of two images or more", self.descent.batch);
            conflicts.push(conflict(
                &["bn_splits", "batch", "accumulate"],
                message,
                "parts of 16 images and more are usual",
            ));
        }
        let waits = self.judging.patience > 0 || self.descent.schedule == Schedule::Plateau;
        if self.judging.monitor == Monitor::ValLoss && waits {
            let message = "the pretext loss rises while the queue fills, and is no measure of features".to_owned();
            conflicts.push(conflict(&["monitor", "patience", "schedule"], message, "monitor `val/knn_macro_accuracy`"));
        }
        if self.judging.monitor == Monitor::ValMacro {
            let message =
                "`val/macro_accuracy` is nothing that MoCo measures, and its pretext accuracy says nothing of \
                           the features"
                    .to_owned();
            conflicts.push(conflict(&["monitor"], message, "monitor `val/knn_macro_accuracy`, or `val/loss`"));
        }
        conflicts
    }

    /// What is allowed and worth a word.
    pub(super) fn warnings(&self, images: u64) -> Vec<String> {
        let learnt = (images as f64 * (1.0 - self.judging.val_fraction.get())).round() as u64;
        let large = self.queue.get() > learnt;
        let text = format!(
            "the queue of {} keys is larger than the {learnt} images it is filled from: an image meets its own older \
             keys as negatives",
            self.queue
        );
        let leaks = self.bn_splits.get() > 1 && !self.shuffle_bn;
        let leak = "without `shuffle_bn` queries and keys are normalised with the same pictures: batch norms may give the \
                    answer away";
        let falls = self.key_momentum_end < self.key_momentum;
        let fall = format!(
            "the key momentum falls from {} to {}: where that isn't meant, set `key_momentum_end` too",
            self.key_momentum, self.key_momentum_end
        );
        [large.then_some(text), leaks.then(|| leak.to_owned()), falls.then_some(fall)].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Settings;

    #[test]
    fn the_default_is_the_preset_that_it_names() {
        assert_eq!(toml::from_str::<Moco>(Preset::FairCifar.table()).unwrap(), Moco::default());
        let settings = Moco::settings();
        let lines: Vec<String> = settings.iter().map(|s| format!("{} = {}", s.name, s.default)).collect();
        assert_eq!(toml::from_str::<Moco>(&lines.join("\n")).unwrap(), Moco::default());
    }

    #[test]
    fn presets_are_whole_and_right() {
        for word in Preset::WORDS {
            let preset: Preset = toml::Value::from(*word).try_into().unwrap();
            let moco: Moco = toml::from_str(preset.table()).unwrap();
            assert_eq!(moco.preset, preset);
            assert_eq!(moco.conflicts(), []);
        }
        let course: Moco = toml::from_str(Preset::Course.table()).unwrap();
        assert!((course.chance_loss() - 8.764).abs() < 1e-3);
        assert_eq!(course.warnings(50_000), [""; 0]);
        assert!(course.warnings(5_000)[0].contains("6400 keys"));
    }

    #[test]
    fn a_key_momentum_that_falls_is_worth_a_word() {
        let warnings = |text: &str| toml::from_str::<Moco>(text).unwrap().warnings(50_000);
        assert!(warnings("key_momentum = 0.999")[0].contains("falls from 0.999 to 0.99"));
        assert_eq!(warnings("key_momentum = 0.9"), [""; 0]);
        assert_eq!(warnings("key_momentum = 0.999\nkey_momentum_end = 0.999"), [""; 0]);
    }
}
