//! The features of test pictures in a file of their own, for other programs.

use super::{Seen, When};
use crate::method::Job;
use anyhow::{Context, Result, bail};
use safetensors::{Dtype, tensor::TensorView};
use std::{collections::HashMap, fs, path::Path};
use tch::{Device, Kind, Tensor};

/// Writes what was `seen` of the test pictures `images`: as safetensors `features` `[n, width]`, `labels` and `images` `[n]`; as a file of
/// `NumPy` the features alone. Gives a line of JSON about it.
///
/// # Errors
/// Where the name ends in neither, or the file can't be written.
pub fn write((images, seen): (Vec<i64>, Seen), (job, when): (&Job, When), out: &Path) -> Result<String> {
    let features = seen.features.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let [n, width] = features.size()[..] else { bail!("features are rows of numbers") };
    let shown = out.display();
    let beside = out.with_added_extension(format!("{}.part", std::process::id()));
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => features.write_npy(&beside).with_context(|| format!("writing `{shown}`"))?,
        Some("safetensors") => {
            let labels: Vec<i32> = images.iter().map(|image| i32::from(job.plain.test[*image as usize])).collect();
            let numbers: Vec<i32> = images.iter().map(|image| *image as i32).collect();
            fs::write(&beside, encode(&features, [&labels, &numbers], (job, when))?)
                .with_context(|| format!("writing `{shown}`"))?;
        }
        _ => bail!("`{shown}` ends in neither .safetensors nor .npy"),
    }
    fs::rename(&beside, out).with_context(|| format!("writing `{shown}`"))?;
    Ok(serde_json::json!({ "epoch": when.epoch, "step": when.step, "pictures": n, "width": width }).to_string())
}

fn encode(features: &Tensor, [labels, images]: [&[i32]; 2], (job, when): (&Job, When)) -> Result<Vec<u8>> {
    let n = labels.len();
    let values = super::tsne::values(features);
    let floats: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let wholes = |values: &[i32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let (labels, images) = (wholes(labels), wholes(images));
    let tensors = [
        ("features", TensorView::new(Dtype::F32, vec![n, values.len() / n.max(1)], &floats)?),
        ("labels", TensorView::new(Dtype::I32, vec![n], &labels)?),
        ("images", TensorView::new(Dtype::I32, vec![n], &images)?),
    ];
    let texts = [
        ("classes", serde_json::to_string(&job.plain.classes)?),
        ("epoch", when.epoch.to_string()),
        ("step", when.step.to_string()),
        ("experiment", job.experiment.name.to_string()),
    ];
    Ok(safetensors::serialize(tensors, Some(HashMap::from(texts.map(|(key, text)| (key.to_owned(), text)))))?)
}
