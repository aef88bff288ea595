//! `mocolab-train embed`: the map of a run at one of its checkpoints, or of an earlier map with other settings; and
//! `mocolab-train tsne`: that of any matrix.

use super::{FEWEST, How, Map, When, before, features, npy};
use crate::{
    checkpoint::Loaded, device, method::Job, moco::Moco, probe::Probe, supervised::Supervised, training, tsne,
};
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use mocolab::{
    config::read_snapshot,
    data::{self, Places},
    embedding::{About, Embedding, read_perplexity},
    experiment::Recipe,
    run::{CheckpointFile, RunDir, newest_first},
};
use std::{fmt::Write, path::PathBuf, time::Instant};
use tch::Tensor;

/// Map the features of a run's test pictures by t-SNE, at a checkpoint; the map goes into the run's folder `maps`.
#[derive(Debug, Parser)]
#[command(name = "mocolab-train embed")]
pub struct Arguments {
    /// The run's directory.
    run: PathBuf,
    /// The epoch, of which there is a checkpoint or a map; without it, the newest checkpoint.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Effective neighbours of a point; without it, the run's `map_perplexity`.
    #[arg(long, value_name = "P", value_parser = read_perplexity)]
    perplexity: Option<f64>,
    /// Decides which pictures are mapped, where they aren't all, and where points begin; without it, the run's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The most pictures on the map, 0 = all; without it, the run's `map_images`.
    #[arg(long, value_name = "N")]
    images: Option<u64>,
    /// `cpu`, or a GPU as `cuda:0`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Write the features themselves instead, all their dimensions: a file that ends in .safetensors or .npy.
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
}

/// Lay out the rows of a matrix by t-SNE.
#[derive(Debug, Parser)]
#[command(name = "mocolab-train tsne")]
pub struct TsneArguments {
    /// A file of `NumPy`, `[n, d]`, 32- or 64-bit floats.
    input: PathBuf,
    /// Where to write the points, as CSV: a header `x,y`, a row a point.
    output: PathBuf,
    /// Effective neighbours of a point.
    #[arg(long, default_value_t = 30.0, value_parser = read_perplexity)]
    perplexity: f64,
    /// Decides where points begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CPU threads; 0 = all.
    #[arg(long, default_value_t = 0)]
    threads: u32,
    /// `cpu`, or a GPU as `cuda:0`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// Makes the map; gives what is known of it, as JSON.
///
/// # Errors
/// Where the run, its data, its checkpoint or the device isn't as it should be, or the map can't be written.
pub fn run(arguments: &Arguments) -> Result<String> {
    let run = RunDir::new(&arguments.run);
    let path = run.experiment().display().to_string();
    let text = run.read_experiment().with_context(|| format!("reading `{path}`"))?;
    let experiment = read_snapshot(&text, &path)?;
    super::use_threads(experiment.threads);
    let own = How::of(experiment.recipe.judging(), experiment.seed);
    let how = How {
        images: arguments.images.unwrap_or(own.images),
        perplexity: arguments.perplexity.unwrap_or(own.perplexity),
        seed: arguments.seed.unwrap_or(own.seed),
    };
    let device = device::open(&arguments.device)?;
    let checkpoint = match arguments.checkpoint(&run)? {
        Found::Checkpoint(checkpoint) => checkpoint,
        Found::Map(_) if arguments.features.is_some() => {
            bail!("the checkpoint of that epoch is gone: its map keeps principal components of the features alone")
        }
        Found::Map(step) => {
            return again(&run, step, (how, arguments.images), device)
                .and_then(|about| Ok(serde_json::to_string(&about)?));
        }
    };
    let project = run.path().ancestors().nth(3).unwrap_or(run.path()).to_owned();
    let dataset = data::load(&experiment.data, &Places::new(project))?;
    let job = Job::new(experiment, dataset, (vec![device], vec![arguments.device.clone()]))?;
    let loaded = Loaded::open(&checkpoint.path)?;
    let when = When { epoch: checkpoint.epoch.unwrap_or(0), step: checkpoint.step };
    macro_rules! trained {
        ($recipe:ident, $settings:ident) => {{
            let make = |format, from: &_| $recipe::new($settings, &job, (format, from));
            let mut training = training::of(&job, &loaded, &checkpoint.path, make)?;
            match &arguments.features {
                Some(out) => features::write(training.see(how), (&job, when), out)?,
                None => serde_json::to_string(&training.embed((&run, when, how))?.1)?,
            }
        }};
    }
    Ok(match &job.experiment.recipe {
        Recipe::Supervised(settings) => trained!(Supervised, settings),
        Recipe::Moco(settings) => trained!(Moco, settings),
        Recipe::Probe(settings) => trained!(Probe, settings),
        other => bail!("this trainer does not know the recipe `{}`: it is older than mocolab", other.name()),
    })
}

/// What a map can be made of.
enum Found {
    Checkpoint(CheckpointFile),
    /// A map of this step, whose components can be laid out again.
    Map(u64),
}

impl Arguments {
    fn checkpoint(&self, run: &RunDir) -> Result<Found> {
        let folder = run.checkpoints();
        let files = newest_first(&folder).with_context(|| format!("reading `{}`", folder.display()))?;
        // Newest first; of an epoch the one at its end, not one of the next epoch's middle.
        let found = match self.epoch {
            Some(epoch) => files.iter().rfind(|file| file.epoch == Some(epoch)),
            None => files.first(),
        };
        if let Some(file) = found {
            return Ok(Found::Checkpoint(file.clone()));
        }
        let Some(epoch) = self.epoch else {
            bail!("`{}` has no checkpoint yet: the first is written at the end of an epoch", run.label())
        };
        let maps = run.map_files().with_context(|| format!("reading `{}`", run.maps().display()))?;
        if let Some(map) = maps.iter().find(|map| map.epoch == Some(epoch)) {
            return Ok(Found::Map(map.step));
        }
        let mut there: Vec<u64> =
            files.iter().filter_map(|file| file.epoch).chain(maps.iter().filter_map(|map| map.epoch)).collect();
        there.sort_unstable();
        there.dedup();
        let there: Vec<String> = there.iter().map(u64::to_string).collect();
        bail!(
            "`{}` has neither a checkpoint nor a map of epoch {epoch}; there are: {}. `map_every` says after how many epochs a \
             training makes a map, `keep_every` which checkpoints stay",
            run.label(),
            if there.is_empty() { "none".to_owned() } else { there.join(", ") }
        )
    }
}

/// Lays the components of the map of `step` out again.
fn again(run: &RunDir, step: u64, (how, images): (How, Option<u64>), device: tch::Device) -> Result<About> {
    let began = Instant::now();
    let files = run.map_files()?;
    let file = files.iter().find(|file| file.step == step).context("the map is gone")?;
    let bytes = file.bytes()?;
    let embedding = Embedding::decode(&bytes).with_context(|| format!("reading `{}`", file.path().display()))?;
    let (components, width) = Embedding::components(&bytes)?;
    ensure!(width > 0, "`{}` keeps no components: it can't be laid out again", file.path().display());
    ensure!(
        images.is_none(),
        "the checkpoint of epoch {} is gone, so its map can only be made anew of the {} pictures on it: leave out --images",
        embedding.about.epoch,
        embedding.points.len()
    );
    let components = Tensor::from_slice(&components).view([-1, width as i64]);
    let images: Vec<i64> = embedding.points.iter().map(|point| i64::from(point.image)).collect();
    ensure!(
        images.len() >= FEWEST && components.size()[0] == images.len() as i64,
        "`{}` holds {} points and {} rows of components: it can't be laid out again",
        file.path().display(),
        images.len(),
        components.size()[0]
    );
    let when = When { epoch: embedding.about.epoch, step };
    let map = Map { components, from: before(run, step, &images), when, how, device };
    map.finish(embedding, run, began).map(|(_, about)| about)
}

/// Lays out the rows of a matrix; gives a line of JSON about it.
///
/// # Errors
/// Where the matrix can't be read, has too few rows, or the points can't be written.
pub fn layout(arguments: &TsneArguments) -> Result<String> {
    let device = device::open(&arguments.device)?;
    super::use_threads(arguments.threads);
    let x = npy::read(&arguments.input)?;
    let [n, columns] = x.size()[..] else { bail!("`{}` is no matrix", arguments.input.display()) };
    ensure!(
        n >= FEWEST as i64 && columns > 0,
        "`{}` has {n} rows and {columns} columns: a map needs {FEWEST} rows and a column",
        arguments.input.display()
    );
    ensure!(
        x.isfinite().all().int64_value(&[]) == 1,
        "`{}` holds values that are no numbers",
        arguments.input.display()
    );
    let began = Instant::now();
    // A map does not depend on the scale of what it maps; squares of large numbers might not be numbers any more.
    let largest = x.abs().max().double_value(&[]).max(f64::from(f32::MIN_POSITIVE));
    let (components, kept) = tsne::principal(&(x / largest), tsne::DIMENSIONS);
    let mapped = tsne::map(&components, None, (arguments.perplexity, arguments.seed), device);
    let seconds = began.elapsed().as_secs_f64();
    let mut text = String::from("x,y\n");
    for [across, down] in &mapped.points {
        writeln!(text, "{across},{down}")?;
    }
    std::fs::write(&arguments.output, text).with_context(|| format!("writing `{}`", arguments.output.display()))?;
    let quality = tsne::quality(&components, &mapped.points);
    Ok(serde_json::json!({
        "n": n,
        "seconds": seconds,
        "kl": mapped.divergence,
        "perplexity": mapped.perplexity,
        "kept": kept,
        "trustworthiness": quality.map(|quality| quality.trustworthiness),
        "recall_at_10": quality.map(|quality| quality.recall),
    })
    .to_string())
}
