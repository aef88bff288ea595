//! About how much memory and disk a run will need, from its settings alone: arithmetic over the layers of its network,
//! its batch, its pictures. Never exact: allocators round up, libraries take room of their own.

mod shape;

pub use shape::Shape;

use super::{DataSource, Experiment, Head, Moco, Precision, Probe, Recipe};

/// What is known of pictures before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Training pictures.
    pub train: u64,
    /// Test pictures.
    pub test: u64,
    /// Height and width in pixels.
    pub size: (u64, u64),
    /// Classes.
    pub classes: u64,
}

/// Where a run is to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Devices that share a batch, at least 1.
    pub devices: u64,
    /// GPUs, or the CPU.
    pub gpu: bool,
    /// Whether bf16 is multiplied faster there than fp32.
    pub bf16: bool,
}

/// What a run needs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Memory of each device.
    pub memory: u64,
    /// One checkpoint.
    pub checkpoint: u64,
    /// Checkpoints that lie on the disk at most, one being written included.
    pub checkpoints: u64,
    /// All maps of features.
    pub maps: u64,
    /// Whether it computes in bf16.
    pub bf16: bool,
}

/// Bytes of a point on a map: 50 components and what is known of it.
const POINT: u64 = 50 * FP32 + 68;
/// Bytes of an fp32 number.
const FP32: u64 = 4;
/// Pictures that are evaluated at once.
const EVALUATED: u64 = 500;
/// What CUDA, cuDNN and cuBLAS take of a GPU before the first tensor.
const CUDA: u64 = 700 << 20;
/// What libtorch takes of the machine's memory before the first tensor.
const LIBTORCH: u64 = 250 << 20;
/// Outputs of the largest layer that a backward pass has beside what was kept: gradients coming and going, room to work.
const GRADIENTS: u64 = 3;

impl Sizes {
    /// Of the pictures of `experiment`; none of a folder, which has to be read first.
    pub fn of(experiment: &Experiment) -> Option<Self> {
        let (train, test) = match experiment.data {
            DataSource::Cifar10(_) | DataSource::Cifar10ElseShapes => (50_000, 10_000),
            DataSource::Shapes => (20_000, 2_000),
            DataSource::Images(_) => return None,
        };
        let images = u64::from(experiment.images);
        let train = if images == 0 { train } else { images.min(train) };
        Some(Self { train, test, size: (32, 32), classes: 10 })
    }

    /// Numbers of one picture.
    fn pixels(&self) -> u64 {
        3 * self.size.0 * self.size.1
    }

    /// The whole set as bytes with its labels.
    fn bytes(&self) -> u64 {
        (self.train + self.test) * (self.pixels() + 8)
    }
}

impl Need {
    /// About what `experiment` needs with pictures of `sizes` on each device of `place`.
    pub fn of(experiment: &Experiment, sizes: &Sizes, place: Place) -> Self {
        let recipe = &experiment.recipe;
        let bf16 = match recipe.keeping().precision {
            Precision::Fp32 => false,
            Precision::Bf16 => true,
            Precision::Auto => place.bf16,
        };
        let work = Work { recipe, sizes, place, bf16, shape: Shape::of(recipe.arch(), recipe.stem(), sizes.size) };
        let (tensors, checkpoint) = match recipe {
            Recipe::Supervised(_) => work.classifier(),
            Recipe::Moco(settings) => work.contrast(settings),
            Recipe::Probe(settings) => work.probe(settings),
        };
        // On the CPU the pictures as read lie beside those trained on.
        let (base, copies) = if place.gpu { (CUDA, 1) } else { (LIBTORCH, 2) };
        // A caching allocator loses about a tenth to rounding.
        let memory = base + copies * sizes.bytes() + tensors + tensors / 10;
        let for_ever = u64::from(recipe.keeping().keep_every);
        let for_ever = recipe.epochs().checked_div(for_ever).unwrap_or(0);
        // The newest two, the best, one that is being written.
        Self { memory, checkpoint, checkpoints: 4 + for_ever, maps: maps(experiment, sizes), bf16 }
    }

    /// All checkpoints and maps together, in bytes.
    pub fn disk(&self) -> u64 {
        self.checkpoint * self.checkpoints + self.maps
    }
}

/// Bytes of all maps of features: one every so many epochs, and at the end.
fn maps(experiment: &Experiment, sizes: &Sizes) -> u64 {
    let judging = experiment.recipe.judging();
    let (every, most) = (u64::from(judging.map_every), u64::from(judging.map_images));
    let points = if most == 0 { sizes.test } else { most.min(sizes.test) };
    let count = experiment.recipe.epochs().checked_div(every).map_or(0, |count| count + 1);
    count * points * POINT
}

/// An estimate under way. Each recipe gives bytes of tensors on a device, and of a checkpoint.
struct Work<'a> {
    recipe: &'a Recipe,
    sizes: &'a Sizes,
    place: Place,
    bf16: bool,
    shape: Shape,
}

impl Work<'_> {
    /// Bytes of a number in a forward pass.
    fn number(&self) -> u64 {
        if self.bf16 { 2 } else { FP32 }
    }

    /// Pictures of a step on one device, of one part where a batch is accumulated.
    fn batch(&self) -> u64 {
        let descent = self.recipe.descent();
        let batch = descent.batch.get().min(self.sizes.train);
        batch.div_ceil(self.place.devices.max(1) * descent.accumulate.get())
    }

    /// Weights of one network: fp32, and their copy in bf16.
    fn weights(&self, parameters: u64) -> u64 {
        parameters * (FP32 + if self.bf16 { 2 } else { 0 })
    }

    /// What descent holds beside the weights: momentum, the gradient flat and in pieces, a moving average.
    fn descent(&self, parameters: u64) -> u64 {
        let averaged = self.recipe.descent().ema.get() > 0.0;
        parameters * (FP32 * if averaged { 4 } else { 3 } + self.number())
    }

    /// What `terms` forward passes keep for the way back, and the way back itself.
    fn passes(&self, terms: u64, parts: u64) -> u64 {
        let numbers = self.shape.kept + if parts > 1 { self.shape.copies } else { 0 };
        let picture = numbers * self.number() + self.shape.places * 8;
        self.batch() * (terms * picture + GRADIENTS * self.shape.largest * self.number())
    }

    /// A forward pass of an evaluation.
    fn evaluation(&self) -> u64 {
        EVALUATED.min(self.sizes.train) * GRADIENTS * self.shape.largest * self.number()
    }

    fn classifier(&self) -> (u64, u64) {
        let parameters = self.shape.parameters + self.shape.head(Head::Linear, 0, self.sizes.classes);
        let views = self.batch() * self.sizes.pixels() * FP32 * 2;
        let step = self.passes(1, 1) + views;
        let tensors = self.weights(parameters) + self.descent(parameters) + step.max(self.evaluation());
        let averaged = if self.recipe.descent().ema.get() > 0.0 { 2 } else { 1 };
        (tensors, (parameters * (1 + averaged) + self.shape.statistics * averaged) * FP32)
    }

    fn contrast(&self, settings: &Moco) -> (u64, u64) {
        let (hidden, dim) = (settings.hidden.get(), settings.dim.get());
        let parameters = self.shape.parameters + self.shape.head(settings.head, hidden, dim);
        let keys = settings.queue.get();
        let val_keys = match u64::from(settings.val_queue) {
            0 => keys.min((self.sizes.train as f64 * settings.judging.val_fraction.get()) as u64),
            keys => keys,
        };
        let queues = (keys + val_keys) * dim * FP32;
        let terms = if settings.symmetric { 2 } else { 1 };
        // Similarities to the queue, their exponentials, their gradient.
        let similarities = terms * 3 * self.batch() * keys * FP32;
        // Two views of every picture, in fp32 while they are made.
        let views = self.batch() * self.sizes.pixels() * FP32 * 6;
        let step = self.passes(terms, settings.bn_splits.get()) + similarities + views;
        let neighbours = (self.sizes.train + self.sizes.test) * self.shape.width.max(dim) * FP32 * 2;
        let encoders = self.weights(2 * parameters) + self.descent(parameters);
        let tensors = encoders + queues + step.max(self.evaluation() + neighbours);
        let checkpoint = (3 * parameters + 2 * self.shape.statistics) * FP32 + queues;
        (tensors, checkpoint)
    }

    fn probe(&self, settings: &Probe) -> (u64, u64) {
        let val = settings.judging.val_fraction.get();
        let used = (self.sizes.train as f64 * (1.0 - val) * settings.train_fraction.get()) as u64;
        let held_out = (self.sizes.train as f64 * val) as u64;
        let sides = if settings.mirror { 2 } else { 1 };
        let rows = sides * used + held_out + self.sizes.test;
        // Standardised features lie beside the first ones for a moment.
        let features = rows * self.shape.width * FP32 * if settings.standardise { 2 } else { 1 };
        let layer = self.shape.head(Head::Linear, 0, self.sizes.classes);
        let layers = layer * if settings.sweep { 5 } else { 1 };
        let tensors = self.weights(self.shape.parameters) + self.descent(layers) + features + self.evaluation();
        (tensors, (self.shape.parameters + layer + layers + self.shape.statistics) * FP32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const GPU: Place = Place { devices: 1, gpu: true, bf16: true };
    const GIB: f64 = (1u64 << 30) as f64;

    fn experiment(recipe: &str) -> Experiment {
        config::parse(&format!("[experiment.a]\n[experiment.a.{recipe}"), "x").unwrap().groups[0].experiments[0].clone()
    }

    fn need(recipe: &str, place: Place) -> Need {
        let experiment = experiment(recipe);
        Need::of(&experiment, &Sizes::of(&experiment).unwrap(), place)
    }

    #[test]
    fn the_base_classifier_needs_what_its_layers_hold() {
        let found = need("supervised]\nprecision = \"bf16\"", GPU);
        // ResNet-18 at 32x32 keeps about 1.25 million numbers of a picture: 128 of them in bf16 are a third of a GiB.
        assert!((0.9..2.0).contains(&(found.memory as f64 / GIB)), "{}", found.memory);
        let wide = need("supervised]\nprecision = \"fp32\"", GPU);
        assert!(wide.memory > found.memory && !wide.bf16 && found.bf16);
        // Weights and momentum in fp32, and running statistics.
        assert_eq!(found.checkpoint, (2 * 11_173_962 + 9_600) * 4);
        assert_eq!(found.disk(), 4 * found.checkpoint + found.maps);
    }

    #[test]
    fn what_is_larger_needs_more() {
        let memory = |recipe: &str| need(recipe, GPU).memory;
        let grows = |less: &str, more: &str| assert!(memory(less) < memory(more), "{less} {more}");
        grows("moco]", "moco]\nbatch = 1024");
        grows("moco]\nsymmetric = false", "moco]");
        grows("moco]\nbn_splits = 1", "moco]");
        grows("moco]", "moco]\nqueue = 65536");
        grows("moco]\nhead = \"linear\"", "moco]\nhead = \"mlp\"");
        grows("moco]\naccumulate = 4", "moco]");
        grows("supervised]\narch = \"resnet18\"", "supervised]\narch = \"resnet50\"");
        grows("supervised]\nstem = \"imagenet\"", "supervised]");
        grows("supervised]\narch = \"resnet8\"", "supervised]\narch = \"resnet56\"");
        grows("probe]\nfrom = \"random\"\ntrain_fraction = 0.1", "probe]\nfrom = \"random\"");
        let shared = need("moco]", Place { devices: 2, ..GPU });
        assert!(shared.memory < memory("moco]") && shared.checkpoint == need("moco]", GPU).checkpoint);
        assert_eq!(need("supervised]\nkeep_every = 10", GPU).checkpoints, 14);
        assert!(!need("supervised]", Place { gpu: false, bf16: false, ..GPU }).bf16);
    }

    #[test]
    fn a_folder_is_not_known_before_it_is_read() {
        let mut folder = experiment("supervised]");
        folder.data = DataSource::Images("/pictures".into());
        assert_eq!(Sizes::of(&folder), None);
        let mut few = experiment("supervised]");
        few.images = 2_000;
        assert_eq!(Sizes::of(&few).unwrap().train, 2_000);
    }
}
