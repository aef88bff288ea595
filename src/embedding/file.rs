//! A map as the bytes of a safetensors file, which Python reads too: a tensor for each property, the rest as JSON under
//! `about` in its header.

use super::{About, Embedding, NEAR, Point};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;

/// What is wrong with a file of a map.
#[derive(Debug, thiserror::Error)]
#[error("it is no map: {0}")]
pub struct BadFile(String);

const ABOUT: &str = "about";
const POINTS: &str = "points";
const IMAGES: &str = "images";
const LABELS: &str = "labels";
const ANSWERS: &str = "answers";
const SHARES: &str = "shares";
const OFF: &str = "off";
const NEAREST: &str = "near";
const COMPONENTS: &str = "components";

fn bad(error: impl std::fmt::Display) -> BadFile {
    BadFile(error.to_string())
}

impl Embedding {
    /// The bytes of its file: `points` `[n, 2]`, `images`, `labels`, `off` `[n]`, `answers`, `shares` `[n, 2]`, `near` `[n, 8]`, and what was
    /// mapped, `components` `[n, c]`, row by row, so that it can be mapped again; fp32 and 32-bit whole numbers.
    ///
    /// # Errors
    /// Where a point or figure is no number, or there are not as many components for each point.
    pub fn encode(&self, components: &[f32]) -> Result<Vec<u8>, BadFile> {
        let floats = |values: &dyn Fn(&Point) -> Vec<f32>| -> Vec<u8> {
            self.points.iter().flat_map(|point| values(point).into_iter().flat_map(f32::to_le_bytes)).collect()
        };
        let wholes = |values: &dyn Fn(&Point) -> Vec<u32>| -> Vec<u8> {
            self.points
                .iter()
                .flat_map(|point| values(point).into_iter().flat_map(|value| (value as i32).to_le_bytes()))
                .collect()
        };
        let n = self.points.len();
        let figures = [self.about.kept, self.about.divergence, self.about.seconds, self.about.perplexity];
        let at = self.points.iter().flat_map(|point| point.at);
        if !figures.iter().all(|figure| figure.is_finite()) || !at.clone().all(f32::is_finite) {
            return Err(bad("some of its points or figures are no numbers"));
        }
        let tensors = [
            (POINTS, Dtype::F32, vec![n, 2], floats(&|point| point.at.to_vec())),
            (SHARES, Dtype::F32, vec![n, 2], floats(&|point| point.shares.to_vec())),
            (OFF, Dtype::F32, vec![n], floats(&|point| vec![point.off])),
            (IMAGES, Dtype::I32, vec![n], wholes(&|point| vec![point.image])),
            (LABELS, Dtype::I32, vec![n], wholes(&|point| vec![u32::from(point.label)])),
            (ANSWERS, Dtype::I32, vec![n, 2], wholes(&|point| point.answers.map(u32::from).to_vec())),
            (NEAREST, Dtype::I32, vec![n, NEAR], wholes(&|point| point.near.to_vec())),
            (
                COMPONENTS,
                Dtype::F32,
                vec![n, components.len() / n.max(1)],
                components.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
        ];
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, data)| Ok((*name, TensorView::new(*dtype, shape.clone(), data).map_err(bad)?)));
        let texts = [
            (ABOUT, serde_json::to_string(&self.about).map_err(bad)?),
            ("epoch", self.about.epoch.to_string()),
            ("step", self.about.step.to_string()),
        ];
        let about = HashMap::from(texts.map(|(key, text)| (key.to_owned(), text)));
        safetensors::serialize(views.collect::<Result<Vec<_>, BadFile>>()?, Some(about)).map_err(bad)
    }

    /// Reads the bytes of a file, which may be anything.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFile> {
        let about = Self::read_about(bytes)?;
        let file = SafeTensors::deserialize(bytes).map_err(bad)?;
        let n = file.tensor(POINTS).map_err(bad)?.shape().first().copied().unwrap_or(0);
        let [at, shares] = [POINTS, SHARES].map(|name| four(&file, name, (Dtype::F32, &[n, 2])));
        let off = four(&file, OFF, (Dtype::F32, &[n]))?;
        let [images, labels] = [IMAGES, LABELS].map(|name| four(&file, name, (Dtype::I32, &[n])));
        let answers = four(&file, ANSWERS, (Dtype::I32, &[n, 2]))?;
        let near = four(&file, NEAREST, (Dtype::I32, &[n, NEAR]))?;
        let (at, shares, images, labels) = (at?, shares?, images?, labels?);
        let float = |bytes: &[[u8; 4]], place: usize| f32::from_le_bytes(bytes[place]);
        let whole = |bytes: &[[u8; 4]], place: usize| u32::from_le_bytes(bytes[place]);
        let class = |bytes: &[[u8; 4]], place: usize, of: usize, what: &str| {
            let value = whole(bytes, place);
            let known = usize::try_from(value).is_ok_and(|value| value < of);
            if known { Ok(value as u16) } else { Err(BadFile(format!("{what} {place} is `{value}` of {of}"))) }
        };
        let point = |row: usize| {
            let at = [float(&at, row * 2), float(&at, row * 2 + 1)];
            if !at.iter().all(|at| at.is_finite()) {
                return Err(BadFile(format!("point {row} lies nowhere")));
            }
            let answer = |place: usize| class(&answers, row * 2 + place, about.answers.len(), "answer");
            Ok(Point {
                at,
                image: whole(&images, row),
                label: class(&labels, row, about.classes.len(), "label")?,
                answers: [answer(0)?, answer(1)?],
                shares: [float(&shares, row * 2), float(&shares, row * 2 + 1)],
                off: float(&off, row),
                near: std::array::from_fn(|place| whole(&near, row * NEAR + place)),
            })
        };
        let points = (0..n).map(point).collect::<Result<_, _>>()?;
        Ok(Self { about, points })
    }

    /// What was mapped, of the bytes of a file: `[n, c]`, row by row, and c.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn components(bytes: &[u8]) -> Result<(Vec<f32>, usize), BadFile> {
        let file = SafeTensors::deserialize(bytes).map_err(bad)?;
        let shape = file.tensor(COMPONENTS).map_err(bad)?.shape().to_vec();
        let values = four(&file, COMPONENTS, (Dtype::F32, &shape))?;
        let width = shape.get(1).copied().unwrap_or(0);
        Ok((values.into_iter().map(f32::from_le_bytes).collect(), width))
    }

    fn read_about(bytes: &[u8]) -> Result<About, BadFile> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let text = metadata.metadata().as_ref().and_then(|texts| texts.get(ABOUT));
        let about: About = serde_json::from_str(text.ok_or_else(|| bad("it says nothing of itself"))?).map_err(bad)?;
        let right = about.right.len() == about.classes.len();
        if right && about.right.iter().all(|answer| usize::from(*answer) < about.answers.len()) {
            return Ok(about);
        }
        Err(bad("its right answers do not fit its classes"))
    }
}

/// The values of the tensor `name`, of 4 bytes each, where it is what it should be.
fn four(file: &SafeTensors, name: &str, (dtype, shape): (Dtype, &[usize])) -> Result<Vec<[u8; 4]>, BadFile> {
    let view = file.tensor(name).map_err(bad)?;
    if (view.dtype(), view.shape()) != (dtype, shape) {
        return Err(BadFile(format!(
            "`{name}` is {:?} {:?}, and should be {dtype:?} {shape:?}",
            view.dtype(),
            view.shape()
        )));
    }
    Ok(view.data().as_chunks().0.to_vec())
}
