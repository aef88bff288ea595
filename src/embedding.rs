//! A map of features: test pictures as points in the plane, near each other where their features are (t-SNE), each with
//! what the network answered and how it lies among its class.

mod colouring;
mod file;
mod scatter;
#[cfg(test)]
mod tests;

pub use colouring::{By, Colouring};
pub use file::BadFile;
pub use scatter::{Frame, scatter};
#[cfg(test)]
pub use tests::map as test_map;

use crate::experiment::DataSource;
use serde::{Deserialize, Serialize};

/// Nearest neighbours that are kept of each point.
pub const NEAR: usize = 8;

/// A map after some epoch of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// What is known of it as a whole.
    pub about: About,
    /// Its points, in the order of their pictures.
    pub points: Vec<Point>,
}

/// What is known of a map as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Complete epochs of training.
    pub epoch: u64,
    /// Steps of training.
    pub step: u64,
    /// The data whose test pictures are mapped, by number.
    pub data: DataSource,
    /// The classes of the data: label n is `classes[n]`.
    pub classes: Vec<String>,
    /// What can be answered: answer n is `answers[n]`.
    pub answers: Vec<String>,
    /// The right answer for each of the classes.
    pub right: Vec<u16>,
    /// Who answers.
    pub by: Answerer,
    /// The width of the features.
    pub width: u64,
    /// How many principal components of them were mapped.
    pub components: u64,
    /// The share of the variance that these keep, 0 to 1.
    pub kept: f64,
    /// Effective neighbours of a point.
    pub perplexity: f64,
    /// Decides where points begin.
    pub seed: u64,
    /// The step of the map that this one went on from; none where it began from the principal components.
    pub from: Option<u64>,
    /// The Kullback-Leibler divergence of the map, in nats.
    pub divergence: f64,
    /// Venna and Kaski's measure over 12 neighbours, 0 to 1; none for few points.
    pub trustworthiness: Option<f64>,
    /// The share of the ten nearest in the features that are among the ten nearest in the map; none for few points.
    pub recall: Option<f64>,
    /// Seconds it took, features included.
    pub seconds: f64,
}

/// Who gives the answers of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerer {
    /// The network's own classifier; shares are its softmax.
    Classifier,
    /// The nearest neighbours among the points, each with one vote for its class; shares are those of the votes.
    Neighbours,
}

/// A picture on a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where it lies, in units of the map.
    pub at: [f32; 2],
    /// Its number in the test set.
    pub image: u32,
    /// Its class.
    pub label: u16,
    /// The likeliest answer and the one after it; the same where there is but one.
    pub answers: [u16; 2],
    /// The shares of these, 0 to 1.
    pub shares: [f32; 2],
    /// Its distance to the centre of its class in the features, over the mean distance of that class: 1 is usual.
    pub off: f32,
    /// Its nearest neighbours in the mapped features, as places among the points, nearest first; fewer points have fewer.
    pub near: [u32; NEAR],
}

/// Reads effective neighbours of a point, as typed.
///
/// # Errors
/// What is allowed.
pub fn read_perplexity(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (2.0..=500.0).contains(value));
    value.ok_or_else(|| format!("`{text}` is not allowed: a number from 2 to 500, 5 to 50 is usual"))
}

impl Answerer {
    /// For people: `its classifier`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Classifier => "its classifier",
            Self::Neighbours => "its neighbours",
        }
    }
}

/// `epoch 20, 10000 pictures …`: what is known of a map as a whole, in a line.
impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "epoch {}: KL {:.3}", self.epoch, self.divergence)?;
        if let (Some(trustworthiness), Some(recall)) = (self.trustworthiness, self.recall) {
            write!(f, ", trustworthiness {trustworthiness:.3}, recall of 10 neighbours {recall:.3}")?;
        }
        write!(f, ", perplexity {}, {:.1} s", self.perplexity, self.seconds)
    }
}

impl Point {
    /// How much likelier the first answer is than the second, 0 to 1.
    pub fn margin(&self) -> f32 {
        self.shares[0] - self.shares[1]
    }
}

impl Embedding {
    /// Whether a point was answered right.
    pub fn is_right(&self, point: &Point) -> bool {
        self.about.right.get(usize::from(point.label)) == Some(&point.answers[0])
    }

    /// The class of a point.
    pub fn class(&self, point: &Point) -> &str {
        self.about.classes.get(usize::from(point.label)).map_or("?", String::as_str)
    }

    /// What an answer means.
    pub fn answer(&self, answer: u16) -> &str {
        self.about.answers.get(usize::from(answer)).map_or("?", String::as_str)
    }

    /// The nearest neighbours of the point at `place`, nearest first: places.
    pub fn near(&self, place: usize) -> impl Iterator<Item = usize> {
        let near = self.points.get(place).map_or([u32::MAX; NEAR], |point| point.near);
        near.into_iter().map(|near| near as usize).filter(move |near| *near != place && *near < self.points.len())
    }

    /// Places of the points for which `fits`, farthest from the centre of their class first.
    pub fn outliers(&self, fits: impl Fn(&Point) -> bool) -> Vec<usize> {
        self.sorted(fits, |point| -point.off)
    }

    /// Places of the points for which `fits`, those first whose two likeliest answers are most nearly as likely.
    pub fn confused(&self, fits: impl Fn(&Point) -> bool) -> Vec<usize> {
        self.sorted(fits, Point::margin)
    }

    fn sorted(&self, fits: impl Fn(&Point) -> bool, by: impl Fn(&Point) -> f32) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.points.len()).filter(|place| fits(&self.points[*place])).collect();
        places.sort_by(|a, b| by(&self.points[*a]).total_cmp(&by(&self.points[*b])));
        places
    }

    /// The least rectangle around all points: lowest and highest, across and down.
    pub fn bounds(&self) -> [[f32; 2]; 2] {
        let axis = |axis: usize| {
            let all = self.points.iter().map(move |point| point.at[axis]);
            all.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], at| [low.min(at), high.max(at)])
        };
        if self.points.is_empty() { [[0.0, 1.0]; 2] } else { [axis(0), axis(1)] }
    }
}
