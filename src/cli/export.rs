//! Verbs that take things out of runs for other programs: the weights of a network, for Python; records are `mirror`'s.

use super::output::{say, write};
use super::{metrics, mirror, names};
use crate::project::{self, Project};
use crate::sight::Sight;
use anyhow::{Context, bail, ensure};
use mocolab::experiment::{Arch, Experiment, Moment, Recipe, Stem};
use mocolab::run::CheckpointFile;
use mocolab::text::bytes;
use safetensors::{SafeTensors, tensor::TensorView};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The longest text of a checkpoint that goes along: what is longer is the state of the training.
const LONGEST_TEXT: usize = 2000;
/// Before the name of a tensor's moving average.
const AVERAGE: &str = "ema.";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write a run's network as a safetensors file that torchvision's `load_state_dict` takes.
    Weights(Weights),
    /// Write what runs measured as a table, a row a point: CSV, JSON or Parquet.
    Metrics(metrics::Asked),
    /// Write the records of runs as TensorBoard's event files, anew where the trainer did already.
    Tensorboard {
        #[command(flatten)]
        which: mirror::Asked,
        /// A folder for all of them [default: `tensorboard/` in each run].
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Write the records of runs as offline runs of Weights & Biases, for `wandb sync` and `wandb leet`.
    Wandb {
        #[command(flatten)]
        which: mirror::Asked,
        #[command(flatten)]
        there: mirror::There,
        /// A folder for all of them [default: `wandb/` in each run].
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `mocolab sync …`.
#[derive(Debug, clap::Subcommand)]
pub enum Sync {
    /// Write the records of runs for Weights & Biases and have your `wandb` send them.
    Wandb {
        #[command(flatten)]
        which: mirror::Asked,
        #[command(flatten)]
        there: mirror::There,
    },
}

#[derive(Debug, clap::Args)]
pub struct Weights {
    /// A run: NAME (its latest), NAME/ID or a path.
    #[arg(add = names::runs())]
    run: String,
    /// Where to [default: NAME-ID.safetensors in this folder].
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Of which moment: last, best or epoch:N.
    #[arg(long, default_value = "last", value_parser = moment)]
    moment: Moment,
    /// Without the last layer: for features.
    #[arg(long)]
    headless: bool,
    /// The weights of the last step, where the run has averaged ones (`ema`): those are written else, as they were judged.
    #[arg(long)]
    raw: bool,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

fn moment(text: &str) -> Result<Moment, String> {
    let moment = Moment::parse(text).filter(|moment| *moment != Moment::Random);
    moment.ok_or_else(|| format!("`{text}` is no moment of a run: last, best or epoch:N"))
}

/// `mocolab export …`.
pub fn run(project: &Project, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Weights(asked) => weights(project, asked),
        Command::Metrics(asked) => metrics::metrics(project, &asked),
        Command::Tensorboard { which, out } => mirror::tensorboard(project, &which, out.as_deref()),
        Command::Wandb { which, there, out } => mirror::wandb(project, &which, (out.as_deref(), &there)),
    }
}

fn weights(project: &Project, asked: Weights) -> anyhow::Result<()> {
    let run = project.runs.find(&asked.run).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run.clone());
    let experiment = project::experiment(&run)?;
    let (file, content) = run.checkpoint_of(asked.moment).map_err(anyhow::Error::msg)?;
    let content = SafeTensors::deserialize(&content).with_context(|| format!("reading `{}`", file.path.display()))?;
    let tensors = network(&content, &asked).with_context(|| format!("`{}` of {}", file.name(), run.label()))?;
    let texts = texts(&file, &sight, &experiment, &tensors);
    let path = asked.out.unwrap_or_else(|| format!("{}.safetensors", run.label().replace('/', "-")).into());
    let lines = loading(&path, &tensors, &texts, &experiment.recipe);
    let count = tensors.len();
    let written = safetensors::serialize(tensors, Some(texts))?;
    if path.exists() && !asked.force {
        bail!("`{}` is there already, and was left as it is; --force replaces it, --out names another", path.display());
    }
    write(&path, &written)?;
    let averaged = match (is_averaged(&content), asked.raw) {
        (true, false) => ", averaged over steps (--raw writes those of the last step)",
        (true, true) => ", not averaged",
        (false, _) => "",
    };
    say(format!("wrote `{}`: {count} tensors, {}, of {file}{averaged}", path.display(), bytes(written.len() as u64)))?;
    lines.iter().try_for_each(|line| say(format!("  {line}")))
}

fn is_averaged(content: &SafeTensors) -> bool {
    content.iter().any(|(name, _)| name.starts_with(AVERAGE))
}

/// The tensors of the network under torchvision's names: no optimiser, no queue, no key encoder.
fn network<'a>(content: &SafeTensors<'a>, asked: &Weights) -> anyhow::Result<Vec<(String, TensorView<'a>)>> {
    let mut tensors: Vec<(String, TensorView)> =
        content.tensors().into_iter().filter(|(name, _)| is_network(name)).collect();
    if !asked.raw {
        for (name, view) in &mut tensors {
            if let Ok(average) = content.tensor(&format!("{AVERAGE}{name}")) {
                *view = average;
            }
        }
    }
    tensors.retain(|(name, _)| !(asked.headless && is_head(name)));
    ensure!(!tensors.is_empty(), "it holds no network");
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(tensors)
}

fn is_network(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    let stage = first.strip_prefix("layer").is_some_and(|number| number.parse::<u8>().is_ok());
    stage || ["conv1", "bn1", "fc", "features"].contains(&first)
}

fn is_head(name: &str) -> bool {
    name.starts_with("fc.")
}

/// All that a reader may want to know of the weights: what the checkpoint says, and where it is from.
fn texts(
    file: &CheckpointFile,
    sight: &Sight,
    experiment: &Experiment,
    tensors: &[(String, TensorView)],
) -> HashMap<String, String> {
    let (recipe, classes) = (&experiment.recipe, sight.state.class_names());
    let mut texts: HashMap<String, String> = [
        ("experiment", experiment.name.to_string()),
        ("recipe", recipe.name().to_owned()),
        ("arch", recipe.arch().to_string()),
        ("stem", recipe.stem().to_string()),
    ]
    .map(|(key, text)| (key.to_owned(), text))
    .into();
    if !classes.is_empty() {
        texts.insert("classes".into(), serde_json::to_string(classes).unwrap_or_default());
    }
    if let Some(outputs) = outputs(tensors) {
        texts.insert("dim".into(), outputs.to_string());
    }
    let short = file.texts.iter().filter(|(_, text)| text.len() <= LONGEST_TEXT);
    texts.extend(short.map(|(key, text)| (key.clone(), text.clone())));
    let own = [("format", "pt"), ("app", "mocolab"), ("version", env!("CARGO_PKG_VERSION"))];
    texts.extend(own.map(|(key, text)| (key.to_owned(), text.to_owned())));
    texts.insert("run".into(), sight.run.label());
    texts
}

/// Length of what the last layer gives.
fn outputs(tensors: &[(String, TensorView)]) -> Option<usize> {
    let head = tensors.iter().rfind(|(name, _)| is_head(name) && name.ends_with(".weight"));
    head.and_then(|(_, view)| view.shape().first().copied())
}

/// The lines of Python that load the file.
fn loading(
    path: &Path,
    tensors: &[(String, TensorView)],
    texts: &HashMap<String, String>,
    recipe: &Recipe,
) -> Vec<String> {
    let load = format!("safetensors.torch.load_file({:?})", path.display().to_string());
    let says = |key: &str| texts.get(key).map(String::as_str);
    let arch = says("arch").unwrap_or(recipe.arch().as_str());
    if !tensors.iter().any(|(name, _)| !is_head(name)) {
        return vec![format!("state = {load}  # the last layer alone, for the features of `{arch}`")];
    }
    if arch == Arch::Cnn.as_str() {
        let names = "its convolutions are `features.N`, as in its VGG and AlexNet, and its last layer is `fc`";
        return vec![format!("state = {load}  # `{arch}`: torchvision has none; {names}")];
    }
    if ![Arch::Resnet18, Arch::Resnet34, Arch::Resnet50].map(Arch::as_str).contains(&arch) {
        return vec![format!("state = {load}  # `{arch}`: torchvision has none, its names are those of its ResNets")];
    }
    let outputs = outputs(tensors).unwrap_or(1000);
    let mut lines = vec![format!("model = torchvision.models.{arch}(num_classes={outputs})")];
    if says("stem") == Some(Stem::Cifar.as_str()) {
        lines.push("model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)".into());
        lines.push("model.maxpool = torch.nn.Identity()".into());
    }
    lines.extend(head(tensors));
    let model = lines.join("; ");
    let imports = "import safetensors.torch, torch, torchvision".to_owned();
    vec![imports, model, format!("model.load_state_dict({load}, strict=True); model.eval()")]
}

/// The line of Python that gives a network a last layer as in `tensors`, where that isn't the usual one.
fn head(tensors: &[(String, TensorView)]) -> Option<String> {
    let shape = |wanted: &str| tensors.iter().find(|(name, _)| name == wanted).map(|(_, view)| view.shape());
    if let (Some([hidden, width]), Some([dim, _])) = (shape("fc.0.weight"), shape("fc.2.weight")) {
        return Some(format!(
            "model.fc = torch.nn.Sequential(torch.nn.Linear({width}, {hidden}), torch.nn.ReLU(), \
             torch.nn.Linear({hidden}, {dim}))"
        ));
    }
    let headless = !tensors.iter().any(|(name, _)| is_head(name));
    headless.then(|| "model.fc = torch.nn.Identity()".to_owned())
}
