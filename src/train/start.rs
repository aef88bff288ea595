//! What recipes begin with: the parts of the training pictures, the first weights, and what a checkpoint must agree in.

use super::{
    checkpoint::{Loaded, Texts},
    method::Job,
    model::Model,
    network::Shape,
    pictures::Colours,
};
use anyhow::{Context, Result, bail, ensure};
use mocolab::data::stratified;
use mocolab::experiment::{Experiment, Origin};
use mocolab::random::Purpose;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, no_grad};

/// The training pictures, of the classes `strata`, by number: those to learn from, and the share `val_fraction` that is
/// held out.
pub fn parts(strata: &[u16], val_fraction: f64, seed: u64) -> (Vec<i64>, Vec<i64>) {
    divide(strata, val_fraction, (seed, Purpose::Split))
}

/// The share `fraction` of the pictures `learnt` whose labels may be used, the same of each of the classes `strata`.
pub fn labelled(learnt: &[i64], strata: &[u16], (fraction, seed): (f64, u64)) -> Vec<i64> {
    let own: Vec<u16> = learnt.iter().map(|image| strata[*image as usize]).collect();
    let (_, used) = divide(&own, fraction, (seed, Purpose::Labels));
    used.into_iter().map(|place| learnt[place as usize]).collect()
}

/// Places in `strata`: the rest, and the share `fraction`, as [`stratified`] draws them.
fn divide(strata: &[u16], fraction: f64, key: (u64, Purpose)) -> (Vec<i64>, Vec<i64>) {
    let classes = strata.iter().max().map_or(0, |last| usize::from(*last) + 1);
    let (rest, taken) = stratified(strata, classes, fraction, key);
    let numbers = |part: Vec<u32>| part.into_iter().map(i64::from).collect();
    (numbers(rest), numbers(taken))
}

/// What a run goes on from: the origin that its recipe names, or its own newest checkpoint, whose origin may be gone.
#[derive(Debug, Clone)]
pub struct From {
    /// Where weights come from.
    pub origin: Origin,
    /// Whether that is the run itself.
    pub own: bool,
}

/// What a run takes over from what it goes on from.
#[derive(Debug)]
pub struct Beginning {
    /// Decides which pictures are held out: the first network's own seed, so that none is judged by what it learnt from.
    pub split_seed: u64,
    /// The network there, where the file says.
    pub shape: Option<Shape>,
    /// What colours were normalised by there.
    pub colours: Option<Colours>,
    /// Sentences worth keeping.
    pub notes: Vec<String>,
    /// Sentences that a person should know.
    pub warnings: Vec<String>,
    loaded: Option<Loaded>,
    from: From,
}

impl Beginning {
    /// Reads what `from` says.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn read(job: &Job, from: &From) -> Result<Self> {
        let origin = &from.origin;
        let loaded = match origin {
            Origin::Random => None,
            Origin::File(path) | Origin::Checkpoint(path) => {
                Some(Loaded::open(path).with_context(|| format!("taking weights from `{origin}`"))?)
            }
            Origin::Experiment { .. } => {
                bail!("`{origin}` names no file: `mocolab start` finds the one of the latest run")
            }
        };
        let text = |key: &str| loaded.as_ref().and_then(|loaded| loaded.texts.get(key));
        let mut beginning = Self {
            split_seed: text("split_seed").and_then(|seed| seed.parse().ok()).unwrap_or(job.experiment.seed),
            shape: text("shape").map(|text| serde_json::from_str(text)).transpose().context("reading its shape")?,
            colours: text("colours")
                .map(|text| serde_json::from_str(text))
                .transpose()
                .context("reading its colours")?,
            notes: Vec::new(),
            warnings: Vec::new(),
            from: from.clone(),
            loaded: None,
        };
        if from.own {
            beginning.notes = text("notes").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        } else if let Some(there) = text("experiment") {
            beginning.compare(job, &toml::from_str(there).context("reading what it was trained for")?);
        }
        beginning.loaded = loaded;
        Ok(beginning)
    }

    /// Warns where the pictures that judge may be such that the source has learnt from.
    fn compare(&mut self, job: &Job, source: &Experiment) {
        let here = &job.experiment;
        let [own, theirs] = [here, source].map(|experiment| experiment.recipe.judging().val_fraction);
        let name = &source.name;
        if source.data != here.data {
            self.notes.push(format!("`{name}` was trained on other data: {}", source.data));
        } else if source.images != here.images {
            self.warnings.push(format!(
                "`{name}` was trained with `images = {}`, this run has {}: some pictures that it is validated on were \
                 learnt from there",
                source.images, here.images
            ));
        } else if own > theirs {
            self.warnings.push(format!(
                "`{name}` held out {theirs} of the training images, this run holds out {own}: some of these were learnt \
                 from there"
            ));
        }
    }

    /// Gives `model` the weights, as far as they fit; drawn ones it has already. Of a head that does not fit it is said
    /// where `head` says so.
    ///
    /// # Errors
    /// Where they are of another network.
    pub fn give(&mut self, model: &mut Model, head: bool) -> Result<()> {
        // The file is as large as the network: it is let go.
        let Some(loaded) = self.loaded.take() else { return Ok(()) };
        let note = take(model, &loaded, &self.from.origin.to_string(), head)?;
        if !self.from.own {
            self.notes.push(note);
        }
        Ok(())
    }
}

/// What a checkpoint says of the network and the pictures it was trained on: it must be the same where a run goes on.
///
/// # Errors
/// Where something can't be written as JSON.
pub fn texts(shape: &Shape, classes: &[String], colours: &Colours, split_seed: u64) -> Result<Texts> {
    let texts = [
        ("shape", serde_json::to_string(shape)?),
        ("classes", serde_json::to_string(classes)?),
        ("colours", serde_json::to_string(colours)?),
        ("split_seed", split_seed.to_string()),
    ];
    Ok(texts.map(|(key, text)| (key.to_owned(), text)).into())
}

/// The SHA-256 of the body's weights and running statistics, shortened: the same only where all are the same to the bit.
pub fn fingerprint(model: &Model) -> String {
    let mut sum = Sha256::new();
    for (_, tensor) in model.state("").iter().filter(|(name, _)| !name.starts_with(HEAD)) {
        let values = tensor.to_device(Device::Cpu).contiguous().view([-1]);
        for value in Vec::<f32>::try_from(values).expect("a vector of 32-bit floats") {
            sum.update(value.to_bits().to_le_bytes());
        }
    }
    short(sum)
}

/// What the names of a head's tensors begin with.
pub const HEAD: &str = "fc.";

/// The first 64 bits of a sum.
pub fn short(sum: Sha256) -> String {
    let digest = sum.finalize();
    format!("{:016x}", digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)))
}

/// What may stand before torchvision's names: MoCo's query encoder (`main_moco.py` of FAIR, on several GPUs or one), a
/// network on several GPUs, and what wrappers are fond of. A run that judged averaged weights gives those: `ema.` comes first.
const PREFIXES: &[&str] =
    &["ema.", "", "module.encoder_q.", "encoder_q.", "module.", "model.", "backbone.", "encoder.", "net."];

/// Takes all that fits. The body of the network must fit whole; of the head it is said what did not.
fn take(model: &mut Model, loaded: &Loaded, path: &str, head: bool) -> Result<String> {
    let shapes = loaded.shapes()?;
    let state = model.state("");
    let first = &state[0].0;
    let prefix = PREFIXES.iter().find(|prefix| shapes.contains_key(&format!("{prefix}{first}")));
    let prefix = prefix.with_context(|| {
        let mut names: Vec<&str> = shapes.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(5);
        format!("`{path}` has no `{first}`, nor behind any prefix that is known; it begins with {}", names.join(", "))
    })?;
    let mut left = Vec::new();
    for (name, tensor) in &state {
        let there = shapes.get(&format!("{prefix}{name}"));
        if there == Some(&tensor.size()) {
            let saved = loaded.tensor(&format!("{prefix}{name}"))?.to_kind(Kind::Float);
            no_grad(|| tensor.shallow_clone().f_copy_(&saved))?;
            continue;
        }
        let what = there.map_or("which is not there".to_owned(), |shape| format!("which is {shape:?} there"));
        let wanted = format!("`{name}` {:?}, {what}", tensor.size());
        ensure!(name.starts_with(HEAD), "`{path}` is of another network: wanted {wanted}. Do `arch` and `stem` fit?");
        left.push(wanted);
    }
    model.parameters.refresh();
    let averaged = if *prefix == "ema." { ", averaged" } else { "" };
    let taken = format!("{} of {} tensors come from `{path}`{averaged}", state.len() - left.len(), state.len());
    if left.is_empty() || !head {
        return Ok(taken);
    }
    Ok(format!("{taken}; left as drawn: {}", left.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Format;
    use mocolab::experiment::{Arch, Stem};
    use safetensors::tensor::{Dtype, TensorView};
    use std::path::{Path, PathBuf};
    use tch::Tensor;

    fn model(outputs: usize, seed: u64) -> Model {
        Model::new(Shape::classifier(Arch::Resnet8, Stem::Cifar, outputs), seed, (Format::Fp32, Device::Cpu))
    }

    /// A file with `tensors` under names behind `prefix`.
    fn file(folder: &Path, prefix: &str, tensors: &[(String, Tensor)]) -> Origin {
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, tensor)| {
                let values = Vec::<f32>::try_from(tensor.contiguous().view([-1])).unwrap();
                let shape = tensor.size().iter().map(|length| *length as usize).collect();
                (format!("{prefix}{name}"), shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            })
            .collect();
        let views =
            bytes.iter().map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
        let path: PathBuf = folder.join("weights.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        Origin::File(path)
    }

    /// What a model with other weights says after it was given those of `origin`.
    fn weights(model: &mut Model, origin: &Origin) -> Result<Vec<String>> {
        let from = From { origin: origin.clone(), own: false };
        let mut beginning = Beginning::read(&crate::training::test_job("supervised", ""), &from)?;
        beginning.give(model, true)?;
        Ok(beginning.notes)
    }

    #[test]
    fn weights_of_torchvision_and_of_fair_are_taken_whole() {
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["", "module.encoder_q.", "backbone."] {
            let (source, mut taken) = (model(10, 1), model(10, 2));
            let mut tensors = source.state("");
            // FAIR's file has the key encoder and the queue too.
            tensors.push(("queue".to_owned(), Tensor::from_slice(&[1_f32, 2.0])));
            let notes = weights(&mut taken, &file(folder.path(), prefix, &tensors)).unwrap();
            assert_eq!(fingerprint(&taken), fingerprint(&source), "{prefix}");
            assert!(notes[0].starts_with("47 of 47 tensors come from"), "{notes:?}");
        }
    }

    #[test]
    fn a_head_of_another_size_is_left_and_said_and_a_body_of_another_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (source, mut taken) = (model(128, 1), model(10, 2));
        let before = taken.named(&taken.parameters.flat).pop().unwrap().1.copy();
        let notes = weights(&mut taken, &file(folder.path(), "", &source.state(""))).unwrap();
        assert!(
            notes[0].contains("45 of 47") && notes[0].contains("`fc.weight` [10, 64], which is [128, 64] there"),
            "{notes:?}"
        );
        assert_eq!(taken.named(&taken.parameters.flat).pop().unwrap().1, before);
        let mut other = Model::new(Shape::classifier(Arch::Resnet20, Stem::Cifar, 10), 1, (Format::Fp32, Device::Cpu));
        let error = format!("{:#}", weights(&mut other, &file(folder.path(), "", &source.state(""))).unwrap_err());
        assert!(error.contains("another network: wanted `layer1.1.conv1.weight`"), "{error}");
        let strange = [("enc.w".to_owned(), Tensor::from_slice(&[0_f32]))];
        let error = format!("{:#}", weights(&mut other, &file(folder.path(), "", &strange)).unwrap_err());
        assert!(error.contains("has no `conv1.weight`") && error.contains("enc.w"), "{error}");
    }

    #[test]
    fn a_fingerprint_sees_a_single_bit() {
        let one = model(10, 1);
        let before = fingerprint(&one);
        let _ = no_grad(|| one.buffers.flat.get(3).g_add_scalar_(1e-7));
        assert_ne!(fingerprint(&one), before);
    }
}
