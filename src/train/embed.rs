//! Maps of a run's features: test pictures shown to the network, their features laid out by t-SNE, the answers beside them.
//! While a run trains, or of any checkpoint by `mocolab-train embed`.

mod again;
mod features;
mod npy;

pub use again::{Arguments, TsneArguments, layout, run};

use super::{
    method::{Job, Method},
    online::normalised,
    tsne,
};
use anyhow::{Context, Result, ensure};
use mocolab::{
    embedding::{About, Answerer, Embedding, NEAR, Point},
    experiment::{Judging, Recipe},
    random::{Purpose, Random},
    run::RunDir,
};
use std::time::Instant;
use tch::{Device, Kind, Tensor, no_grad};

/// Pictures below which there is no map worth the name.
const FEWEST: usize = 8;

/// What a network makes of pictures.
pub struct Seen {
    /// `[n, width]`.
    pub features: Tensor,
    /// Logits `[n, answers]`; none where it gives no answers.
    pub logits: Option<Tensor>,
}

/// The classes of the test pictures before any were grouped, and the group that each is in.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Their names.
    pub classes: Vec<String>,
    /// The class of each test picture.
    pub test: Vec<u16>,
    /// The group of each class, which is the right answer of a classifier of groups.
    pub groups: Vec<u16>,
}

/// How a map is made.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// The most pictures on it; 0 = all.
    pub images: u64,
    /// Effective neighbours of a point.
    pub perplexity: f64,
    /// Decides which pictures, and where points begin.
    pub seed: u64,
}

/// When in a training a map is made.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// Complete epochs.
    pub epoch: u64,
    /// Steps.
    pub step: u64,
}

impl How {
    /// As a run's settings say.
    pub fn of(judging: &Judging, seed: u64) -> Self {
        Self { images: u64::from(judging.map_images), perplexity: judging.map_perplexity.get(), seed }
    }
}

/// Makes the map of what `method` makes of the test pictures of `job` and keeps it in `run`, going on from the newest map before it of
/// the same pictures, or lying as that does where the features are the same. Gives the file's name and what is known of the map.
///
/// # Errors
/// Where there are too few test pictures, or the file can't be written.
pub fn embed(method: &impl Method, job: &Job, (run, when, how): (&RunDir, When, How)) -> Result<(String, About)> {
    let began = Instant::now();
    let images = chosen(job.dataset.test.len(), how);
    ensure!(
        images.len() >= FEWEST,
        "a map of {} test pictures would say nothing: {FEWEST} are needed (`map_images`, or the data)",
        images.len()
    );
    let seen = no_grad(|| method.see(&images));
    let features = normalised(&seen.features.to_device(Device::Cpu), Kind::Float);
    ensure!(features.isfinite().all().int64_value(&[]) == 1, "some features of the test pictures are no numbers");
    let (components, kept) = tsne::principal(&features, tsne::DIMENSIONS);
    let labels: Vec<u16> = images.iter().map(|image| job.plain.test[*image as usize]).collect();
    let map = Map { components, from: before(run, when.step, &images), when, how, device: job.devices[0] };
    let classifier = seen.logits.is_some();
    let own = |name: &[String]| name.to_vec();
    let about = About {
        epoch: when.epoch,
        step: when.step,
        data: job.experiment.data.clone(),
        classes: own(&job.plain.classes),
        answers: own(if classifier { &job.dataset.classes } else { &job.plain.classes }),
        right: if classifier { job.plain.groups.clone() } else { (0..job.plain.classes.len() as u16).collect() },
        by: if classifier { Answerer::Classifier } else { Answerer::Neighbours },
        width: features.size()[1] as u64,
        components: map.components.size()[1] as u64,
        kept,
        perplexity: how.perplexity,
        seed: how.seed,
        from: None,
        divergence: 0.0,
        trustworthiness: None,
        recall: None,
        seconds: 0.0,
    };
    let off = off(&features, &labels);
    let answers = seen.logits.map(|logits| softmax(&logits));
    let point = |place: usize| Point {
        at: [0.0; 2],
        image: images[place] as u32,
        label: labels[place],
        answers: answers.as_ref().map_or([0; 2], |answers| answers[place].0),
        shares: answers.as_ref().map_or([0.0; 2], |answers| answers[place].1),
        off: off[place],
        near: [u32::MAX; NEAR],
    };
    let embedding = Embedding { about, points: (0..images.len()).map(point).collect() };
    map.finish(embedding, run, began)
}

/// What is to be laid out, and from where.
struct Map {
    /// `[n, ≤ 50]`, on the CPU.
    components: Tensor,
    from: Option<Before>,
    when: When,
    how: How,
    device: Device,
}

/// An earlier map of the same pictures.
struct Before {
    step: u64,
    map: Embedding,
    /// What it laid out.
    components: Vec<f32>,
}

impl Map {
    /// Lays it out, and keeps it.
    fn finish(self, mut embedding: Embedding, run: &RunDir, began: Instant) -> Result<(String, About)> {
        let components = tsne::values(&self.components);
        embedding.about.from = self.from.as_ref().map(|before| before.step);
        match &self.from {
            // A probe's network learns nothing, and its pictures lie where they lay.
            Some(before) if before.components == components && before.made_by(self.how, embedding.about.by) => {
                before.repeat(&mut embedding);
            }
            _ => self.lay_out(&mut embedding),
        }
        let about = &mut embedding.about;
        about.seconds = began.elapsed().as_secs_f64();
        let bytes = embedding.encode(&components)?;
        let path = run
            .write_map(self.when.step, &bytes)
            .with_context(|| format!("writing into `{}`", run.maps().display()))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((file, embedding.about))
    }

    fn lay_out(&self, embedding: &mut Embedding) {
        let from: Option<Vec<[f32; 2]>> =
            self.from.as_ref().map(|before| before.map.points.iter().map(|point| point.at).collect());
        let mapped = tsne::map(&self.components, from.as_deref(), (self.how.perplexity, self.how.seed), self.device);
        let quality = tsne::quality(&self.components, &mapped.points);
        for (place, (point, at)) in embedding.points.iter_mut().zip(&mapped.points).enumerate() {
            point.at = *at;
            let near = mapped.neighbours.of(place);
            point.near = std::array::from_fn(|nth| near.get(nth).copied().unwrap_or(u32::MAX));
        }
        if embedding.about.by == Answerer::Neighbours {
            vote(embedding, &mapped.neighbours);
        }
        let about = &mut embedding.about;
        (about.perplexity, about.seed, about.divergence) = (mapped.perplexity, self.how.seed, mapped.divergence);
        about.trustworthiness = quality.map(|quality| quality.trustworthiness);
        about.recall = quality.map(|quality| quality.recall);
    }
}

impl Before {
    /// Whether it was made so, and its answers by the same.
    fn made_by(&self, how: How, by: Answerer) -> bool {
        let perplexity = tsne::perplexity(how.perplexity, self.map.points.len());
        let about = &self.map.about;
        about.by == by && about.seed == how.seed && about.perplexity.to_bits() == perplexity.to_bits()
    }

    /// Lays out `embedding`, of the same features, as this one lies.
    fn repeat(&self, embedding: &mut Embedding) {
        let voted = embedding.about.by == Answerer::Neighbours;
        for (point, before) in embedding.points.iter_mut().zip(&self.map.points) {
            (point.at, point.near) = (before.at, before.near);
            if voted {
                (point.answers, point.shares) = (before.answers, before.shares);
            }
        }
        let (about, before) = (&mut embedding.about, &self.map.about);
        (about.perplexity, about.seed, about.divergence) = (before.perplexity, before.seed, before.divergence);
        (about.trustworthiness, about.recall) = (before.trustworthiness, before.recall);
    }
}

/// The test pictures on the map: all of them, or the same share of them for the same seed, in their order.
pub fn chosen(all: usize, how: How) -> Vec<i64> {
    let mut images: Vec<i64> = (0..all as i64).collect();
    if how.images > 0 && (how.images as usize) < all {
        Random::new(how.seed, Purpose::Map, (1, 0)).shuffle(&mut images);
        images.truncate(how.images as usize);
        images.sort_unstable();
    }
    images
}

/// The newest map before `step` of the same pictures.
fn before(run: &RunDir, step: u64, images: &[i64]) -> Option<Before> {
    let files = run.map_files().ok()?;
    let mut earlier = files.iter().rev().filter(|file| file.step < step);
    earlier.find_map(|file| {
        let bytes = file.bytes().ok()?;
        let map = Embedding::decode(&bytes).ok()?;
        let same = map.points.len() == images.len()
            && map.points.iter().zip(images).all(|(point, image)| i64::from(point.image) == *image);
        let components = Embedding::components(&bytes).map_or_else(|_| Vec::new(), |(components, _)| components);
        same.then_some(Before { step: file.step, map, components })
    })
}

/// Lets libtorch and rayon work on so many threads; 0 leaves it to them. Only the first call counts for rayon.
pub fn use_threads(threads: u32) {
    if threads > 0 {
        tch::set_num_threads(threads as i32);
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build_global();
    }
}

/// The distance of each of `features` `[n, width]` to the mean of its class, over the mean of these distances in the class.
fn off(features: &Tensor, labels: &[u16]) -> Vec<f32> {
    let labels = Tensor::from_slice(&labels.iter().map(|label| i64::from(*label)).collect::<Vec<_>>());
    let classes = labels.max().int64_value(&[]) + 1;
    let counts = labels.bincount(None::<&Tensor>, classes).to_kind(Kind::Double).clamp_min(1.0);
    let mean = |values: &Tensor| {
        let sums = Tensor::zeros([classes, values.size()[1]], (Kind::Double, Device::Cpu));
        sums.index_add(0, &labels, values) / counts.unsqueeze(1)
    };
    let features = features.to_kind(Kind::Double);
    let apart = &features - mean(&features).index_select(0, &labels);
    let distances = apart.norm_scalaropt_dim(2.0, [1].as_slice(), true);
    let usual = mean(&distances).clamp_min(f64::MIN_POSITIVE).index_select(0, &labels);
    tsne::values(&(distances / usual))
}

/// The two likeliest answers of each row of `logits` `[n, answers]` with their shares.
fn softmax(logits: &Tensor) -> Vec<([u16; 2], [f32; 2])> {
    let shares = logits.to_device(Device::Cpu).to_kind(Kind::Float).softmax(1, Kind::Float);
    let width = shares.size()[1] as usize;
    tsne::values(&shares).chunks(width).map(two).collect()
}

/// The places of the two greatest of `shares`, and these; of equal ones the lower place. Of one alone, that twice, the second time
/// with nothing.
fn two(shares: &[f32]) -> ([u16; 2], [f32; 2]) {
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
    let first = order[0];
    match order.get(1) {
        Some(second) => ([first as u16, *second as u16], [shares[first], shares[*second]]),
        None => ([first as u16; 2], [shares[first], 0.0]),
    }
}

/// Lets the nearest neighbours of each point vote for its class.
fn vote(embedding: &mut Embedding, neighbours: &tsne::Neighbours) {
    let labels: Vec<u16> = embedding.points.iter().map(|point| point.label).collect();
    let classes = embedding.about.classes.len();
    for (place, point) in embedding.points.iter_mut().enumerate() {
        let near = &neighbours.of(place)[..neighbours.k.min(tsne::VOTERS)];
        let mut votes = vec![0.0; classes];
        for voter in near {
            votes[usize::from(labels[*voter as usize])] += 1.0 / near.len() as f32;
        }
        (point.answers, point.shares) = two(&votes);
    }
}

/// The classes of a recipe's test pictures, before and after they are grouped.
pub fn plain(recipe: &Recipe, dataset: &mocolab::data::Dataset) -> Result<Plain> {
    let groups = match recipe {
        Recipe::Supervised(settings) => settings.classes.groups(&dataset.classes),
        Recipe::Probe(settings) => settings.classes.groups(&dataset.classes),
        _ => Ok((Vec::new(), (0..dataset.classes.len()).collect())),
    };
    let (_, groups) = groups.map_err(anyhow::Error::msg)?;
    let groups = groups.into_iter().map(|group| group as u16).collect();
    Ok(Plain { classes: dataset.classes.clone(), test: dataset.test.labels.clone(), groups })
}

#[cfg(test)]
mod tests;
