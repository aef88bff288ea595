//! The commented `experiments.toml` that `mocolab init` writes, and a recipe's settings as text.

use crate::experiment::{Common, Recipe, Setting, Settings};

const HEAD: &str = "\
# What mocolab trains. `mocolab check` reads this file and says what is wrong with it; `mocolab` shows the experiments.
# Lines that begin with `#name =` are settings at their defaults: remove the `#` and change the value.
# Any setting may be a list, and each value is tried: lr = [0.05, 0.1] makes two variants of an experiment.

# For all experiments below, unless they say otherwise.
[defaults]
";

const QUICK: &str = "
# Something to watch within minutes: a small network, and drawings where CIFAR-10 is not found.
[experiment.quick]
data = \"cifar10 else shapes\"

[experiment.quick.supervised]
arch = \"resnet8\"
epochs = 5
lr = 0.3
warmup_epochs = 1
crop_padding = 0
test_every = 1

# A base classifier: what self-supervised pre-training has to be compared with.
[experiment.base.supervised]
";

const MORE: &str = "
# More to train, for a GPU or for patience: take the `# ` away from the lines below. `mocolab settings` prints all that
# can be set there, `mocolab settings --preset fair-cifar` what a preset sets.
# Features learnt without labels, by momentum contrast.
";

/// What wants a GPU, or patience: written as comments.
const EXAMPLES: &str = "\
[experiment.moco.moco]
preset = \"fair-cifar\"
# How good they are: a linear classifier on them, frozen, trained with all labels and with a tenth of them.
[experiment.probe.probe]
from = \"moco\"
train_fraction = [1, 0.1]
# The floor: the same on a network like it that has learnt nothing.
[experiment.floor.probe]
from = \"moco@random\"
# Five classes, told apart by the features of the base classifier's best epoch.
[experiment.head.probe]
from = \"base@best\"
classes = \"five\"
";

/// The text of a new `experiments.toml`: an experiment `quick`, an experiment `base` with every setting explained, and
/// examples of the other recipes.
pub fn template() -> String {
    let base = describe("supervised").unwrap_or_default();
    let base: String =
        base.lines().map(|line| if line.starts_with('#') { line.into() } else { format!("#{line}") } + "\n").collect();
    let examples: String = EXAMPLES.lines().flat_map(|line| ["# ", line, "\n"]).collect();
    format!("{HEAD}{}{QUICK}{base}{MORE}{examples}", explain(&Common::settings()))
}

/// The settings of a recipe as TOML with their defaults, each below a comment with its meaning and before one with what
/// is allowed. Nothing where there is no such recipe.
pub fn describe(recipe: &str) -> Option<String> {
    Recipe::settings(recipe).map(|settings| explain(&settings))
}

fn explain(settings: &[Setting]) -> String {
    let lines = settings.iter().map(|setting| {
        let assignment = format!("{} = {}", setting.name, setting.default);
        format!("# {}\n{assignment:<28}  # {}\n", setting.meaning, setting.allowed)
    });
    lines.collect()
}
