//! `mocolab-train bench`: how fast a recipe trains, and beside it, in the same process, its floor: forward, backward and
//! update on one fixed batch, which is what remains where pictures and bookkeeping cost nothing.

use super::{
    device,
    eval::features,
    method::{Job, Method},
    moco::Moco,
    pictures::Pictures,
    probe::Probe,
    start::From,
    supervised::Supervised,
    training::{self, Training},
};
use anyhow::{Context, Result, bail};
use clap::Parser;
use mocolab::{
    config::read_snapshot,
    data::{self, Places},
    experiment::{DataSource, Experiment, Origin, Probe as Settings, Recipe},
};
use std::{path::PathBuf, time::Instant};
use tch::Tensor;

/// Time the training of a recipe: the yardstick's of `benches/`, or that of an experiment.toml.
#[derive(Debug, Parser)]
#[command(name = "mocolab-train bench")]
pub struct Arguments {
    /// What is trained; of a probe the features are timed, and its fit of 50,000 pictures.
    #[arg(long, default_value = "base", value_parser = ["base", "moco", "probe"])]
    task: String,
    /// The network.
    #[arg(long, default_value = "resnet18")]
    arch: String,
    /// Images a step.
    #[arg(long, default_value_t = 128)]
    batch: u64,
    /// Keys in the queue.
    #[arg(long, default_value_t = 6400)]
    queue: u64,
    /// Take the recipe of this experiment.toml of a run instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "arch", "batch", "queue"])]
    experiment: Option<PathBuf>,
    /// Steps that are timed, of each style.
    #[arg(long, default_value_t = 20)]
    steps: u64,
    /// Steps before those.
    #[arg(long, default_value_t = 3)]
    warmup: u64,
    /// Epochs of a probe's fit.
    #[arg(long, default_value_t = 100)]
    fit_epochs: u64,
    /// `train`, `floor`, or `both` in turn.
    #[arg(long, default_value = "both", value_parser = ["train", "floor", "both"])]
    style: String,
    /// The folder of CIFAR-10's binary files, or the one around it; without it, the drawings.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// CPU threads; 0 = all.
    #[arg(long, default_value_t = 0)]
    threads: u32,
    /// `cpu`, `cuda:0`, or several.
    #[arg(long, default_value = "cpu", value_delimiter = ',')]
    device: Vec<String>,
    /// Number format.
    #[arg(long, default_value = "auto", value_parser = ["auto", "fp32", "bf16"])]
    precision: String,
}

/// What was timed.
#[derive(Debug, serde::Serialize)]
struct Timing {
    task: String,
    arch: String,
    batch: usize,
    precision: &'static str,
    device: String,
    style: String,
    /// Source images; of MoCo each gives two views.
    images_per_s: f64,
    /// Median.
    step_s: f64,
    floor_images_per_s: Option<f64>,
    /// Of the loop over its own floor.
    efficiency: Option<f64>,
    /// Highest resident memory of the process.
    peak_mib: Option<u64>,
    /// A probe's, of [`FITTED`] pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    fit_s: Option<f64>,
    loss: f64,
}

/// Pictures of a probe's fit.
const FITTED: i64 = 50_000;

/// Runs the bench; gives its line of JSON.
///
/// # Errors
/// Where arguments, data or device aren't right.
pub fn run(arguments: &Arguments) -> Result<String> {
    let experiment = arguments.read()?;
    let dataset = data::load(&experiment.data, &Places::new(PathBuf::from(".")))?;
    let devices = arguments.device.iter().map(|name| device::open(name)).collect::<Result<_>>()?;
    let job = Job::new(experiment, dataset, (devices, arguments.device.clone()))?;
    if job.experiment.threads > 0 {
        tch::set_num_threads(job.experiment.threads as i32);
    }
    let format = training::format(&job);
    let from = From { origin: Origin::Random, own: false };
    let timing = match &job.experiment.recipe {
        Recipe::Supervised(settings) => arguments.time(&job, Supervised::new(settings, &job, (format, &from))?),
        Recipe::Moco(settings) => arguments.time(&job, Moco::new(settings, &job, (format, &from))?),
        Recipe::Probe(settings) => arguments.time_probe(&job, settings, &from),
        other => bail!("this trainer does not know the recipe `{}`", other.name()),
    };
    Ok(serde_json::to_string(&timing?)?)
}

impl Arguments {
    /// Where it runs.
    pub fn devices(&self) -> &[String] {
        &self.device
    }

    /// The experiment: that of the file, or what `benches/` and its yardstick train.
    fn read(&self) -> Result<Experiment> {
        if let Some(path) = &self.experiment {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("reading `{name}`"))?;
            return Ok(Experiment { threads: self.threads, ..read_snapshot(&text, &name)? });
        }
        let shared = format!(
            "arch = '{}'\nbatch = {}\nlr = 0.03\nmomentum = 0.9\nnesterov = false\nweight_decay = 1e-4\nwarmup_epochs = 0\n\
             schedule = 'constant'\nprecision = '{}'\nval_fraction = 0\n",
            self.arch, self.batch, self.precision
        );
        let recipe = match self.task.as_str() {
            "moco" => Recipe::Moco(toml::from_str(&format!(
                "{shared}queue = {}\ntemperature = 0.07\nkey_momentum = 0.999\nkey_momentum_end = 0.999\nsymmetric = false\n\
                 bn_splits = 1\nshuffle_bn = false\ncrop_area = 0.2\nblur = 0.5\n",
                self.queue
            ))?),
            "probe" => Recipe::Probe(toml::from_str(&format!(
                "from = 'bench'\narch = '{}'\nbatch = 256\nepochs = {}\nprecision = '{}'\nval_fraction = 0\n",
                self.arch, self.fit_epochs, self.precision
            ))?),
            _ => Recipe::Supervised(toml::from_str(&format!("{shared}crop_padding = 0\n"))?),
        };
        let data = self.data.clone().map_or(DataSource::Shapes, |path| DataSource::Cifar10(Some(path)));
        let name = "bench".parse().map_err(anyhow::Error::msg)?;
        Ok(Experiment {
            name,
            data,
            images: 0,
            seed: 1,
            threads: self.threads,
            slots: 1,
            executor: mocolab::experiment::Executor::Local,
            recipe,
        })
    }

    /// Times `work` of each style wanted in turn, step by step: the seconds of each, and what the last gave. Work that gives a
    /// value of its result has waited for the device.
    fn alternate(&self, mut work: impl FnMut(&str, usize) -> f64) -> ([Vec<f64>; 2], f64) {
        let (mut seconds, mut last) = ([Vec::new(), Vec::new()], f64::NAN);
        for step in 0..self.warmup + self.steps {
            for (style, seconds) in ["train", "floor"].into_iter().zip(&mut seconds) {
                if self.style != style && self.style != "both" {
                    continue;
                }
                let began = Instant::now();
                last = work(style, step as usize);
                if step >= self.warmup {
                    seconds.push(began.elapsed().as_secs_f64());
                }
            }
        }
        (seconds, last)
    }

    fn time<M: Method>(&self, job: &Job, method: M) -> Result<Timing> {
        let mut training = Training::new(job, method, training::format(job))?;
        let (order, batch) = (training.order(0), training.batch());
        let fixed = training.ready(&order[..batch]);
        let (seconds, loss) = self.alternate(|style, step| {
            let images = &order[step * batch % (order.len() - batch + 1)..][..batch];
            let measured = if style == "train" { training.step(images) } else { training.step_on(&fixed) };
            measured.double_value(&[0])
        });
        Ok(self.told(job, batch, &seconds, (None, loss)))
    }

    /// Features beside the network alone on one fixed batch, then a fit of features that are noise.
    fn time_probe(&self, job: &Job, settings: &Settings, from: &From) -> Result<Timing> {
        let format = training::format(job);
        let probe = Probe::of_noise(settings, job, (format, from), FITTED)?;
        let (model, colours) = probe.network();
        let (dataset, batch) = (&job.dataset, self.batch as usize);
        let pictures = Pictures::new(&dataset.train, (dataset.height, dataset.width), job.devices[0]);
        let all = pictures.all();
        let fixed = colours.normalise(&pictures.plain(&all[..batch]), model.format.kind());
        let (seconds, _) = self.alternate(|style, step| {
            let images = &all[step * batch % (all.len() - batch + 1)..][..batch];
            let seen = match style {
                "train" => features((&pictures, images), colours, model, false).into_iter().next(),
                _ => Some(model.both(&fixed).0),
            };
            seen.map_or(f64::NAN, |seen| seen.double_value(&[0, 0]))
        });
        let began = Instant::now();
        let mut training = Training::new(job, probe, format)?;
        let mut measured = Tensor::from(f64::NAN);
        for epoch in 0..self.fit_epochs {
            for images in training.order(epoch).chunks(training.batch()) {
                measured = training.step(images);
            }
        }
        let loss = measured.double_value(&[0]);
        Ok(self.told(job, batch, &seconds, (Some(began.elapsed().as_secs_f64()), loss)))
    }

    fn told(
        &self,
        job: &Job,
        batch: usize,
        [whole, floor]: &[Vec<f64>; 2],
        (fit_s, loss): (Option<f64>, f64),
    ) -> Timing {
        let speed = |seconds: &[f64]| (!seconds.is_empty()).then(|| batch as f64 / median(seconds));
        let (trained, floored) = (speed(whole), speed(floor));
        Timing {
            task: self.task.clone(),
            arch: job.experiment.recipe.arch().to_string(),
            batch,
            precision: training::format(job).name(),
            device: self.device.join(","),
            style: self.style.clone(),
            images_per_s: trained.or(floored).unwrap_or(f64::NAN),
            step_s: median(if whole.is_empty() { floor } else { whole }),
            floor_images_per_s: floored,
            efficiency: trained.zip(floored).map(|(trained, floored)| trained / floored),
            peak_mib: peak_mib(),
            fit_s,
            loss,
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tasks_are_timed() {
        assert!((median(&[3.0, 1.0, 2.0, 10.0]) - 2.5).abs() < 1e-12);
        for task in ["base", "moco", "probe"] {
            let words = ["bench", "--task", task, "--arch", "resnet8", "--batch", "16", "--queue", "40"];
            let small = ["--steps", "2", "--warmup", "1", "--threads", "1", "--fit-epochs", "1"];
            let line = run(&Arguments::parse_from(words.iter().chain(&small))).unwrap();
            let timing: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(timing["images_per_s"].as_f64().unwrap() > 0.0 && timing["efficiency"].as_f64().unwrap() > 0.0);
            assert_eq!((timing["task"].as_str(), timing["batch"].as_u64()), (Some(task), Some(16)));
        }
    }
}
