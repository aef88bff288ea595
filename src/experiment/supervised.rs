//! The settings of a supervised classifier.

use super::{
    Arch, ClassMap, Conflict, Descent, Fraction, Judging, Keeping, NonNegative, Origin, Recipe, Stem, Views,
    conflict::{self, conflict},
    setting::settings,
};

settings! {
    /// A classifier trained on labels, all of it (`src/train/supervised.rs`). The defaults are a base classifier for
    /// CIFAR-10: ResNet-18 with a 3x3 stem, SGD with Nesterov momentum, cosine schedule with warm-up.
    pub struct Supervised {
        arch: Arch = Arch::Resnet18, Arch::ALLOWED,
            "the network; resnet8/20/32/56: He et al. 2015, 4.2, with projections; cnn: small, plain, no batch norm";
        stem: Stem = Stem::Cifar, Stem::ALLOWED,
            "how resnet18/34/50 begin: a 3x3 convolution, or 7x7 with stride 2 and pooling";
        init: Origin = Origin::Random, Origin::ALLOWED,
            "the first weights; of a run or a file all that fits is taken, and what is not taken is listed";
        classes: ClassMap = ClassMap::All, ClassMap::ALLOWED,
            "what is told apart: the classes of the data, or groups of them";
        label_smoothing: Fraction = Fraction::constant(0.0), Fraction::ALLOWED,
            "share of the target spread evenly over all classes";
        crop_padding: u8 = 4, "a whole number from 0 to 255",
            "pixels of zero padding around an image before a random crop of its size; 0 = no crop";
        cutout: u8 = 0, "a whole number from 0 to 255",
            "side of a square that is blanked at a random place (DeVries and Taylor 2017); 0 = none";
        mixup: NonNegative = NonNegative::constant(0.0), NonNegative::ALLOWED,
            "alpha of the Beta distribution by which pairs of images are mixed (Zhang et al. 2017); 0 = not mixed";
        + views: Views = Views::plain();
        + descent: Descent = Descent::default();
        + judging: Judging = Judging::default();
        + keeping: Keeping = Keeping::default();
    }
}

impl Supervised {
    /// Settings that each are allowed and together make no sense.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = conflict::of_groups(&Recipe::Supervised(self.clone()));
        conflicts.extend(conflict::of_views(&self.views));
        if self.label_smoothing.get() >= 1.0 {
            let message =
                format!("`label_smoothing` {} leaves nothing of the labels to learn", self.label_smoothing.get());
            conflicts.push(conflict(&["label_smoothing"], message, "set it below 1; 0.1 is usual"));
        }
        conflicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Settings;

    #[test]
    fn every_setting_has_a_default_that_reads_back() {
        let settings = Supervised::settings();
        let lines: Vec<String> = settings.iter().map(|s| format!("{} = {}", s.name, s.default)).collect();
        assert_eq!(toml::from_str::<Supervised>(&lines.join("\n")).unwrap(), Supervised::default());
        assert!(settings.iter().all(|s| !s.meaning.contains('\n') && s.meaning.len() < 120 && !s.allowed.is_empty()));
        let written = toml::to_string(&Supervised::default()).unwrap();
        assert_eq!(written.lines().count(), settings.len());
        assert_eq!(toml::from_str::<Supervised>(&written).unwrap(), Supervised::default());
    }

    #[test]
    fn what_is_not_a_setting_is_refused_at_its_place() {
        let text = "arch = \"resnet8\"\nepoch = 3\n";
        let error = toml::from_str::<Supervised>(text).unwrap_err();
        assert_eq!(error.span().map(|span| &text[span]), Some("epoch"));
        let text = "arch = \"resnet8\"\nepochs = 0\n";
        let error = toml::from_str::<Supervised>(text).unwrap_err();
        assert_eq!(error.span().map(|span| &text[span]), Some("0"));
    }
}
