//! The messages of an event file, as far as they are written here (`tensorboard/compat/proto`: event, summary, tensor,
//! histogram).

use crate::event::Histogram;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub image: Option<Image>,
    #[prost(message, optional, tag = "5")]
    pub histo: Option<Histo>,
    #[prost(message, optional, tag = "8")]
    pub tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub encoded: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Histo {
    #[prost(double, tag = "1")]
    pub min: f64,
    #[prost(double, tag = "2")]
    pub max: f64,
    #[prost(double, tag = "3")]
    pub num: f64,
    #[prost(double, tag = "4")]
    pub sum: f64,
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub plugin: Option<Plugin>,
    #[prost(int32, tag = "4")]
    pub data_class: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Plugin {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub strings: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dim {
    #[prost(int64, tag = "1")]
    pub size: i64,
}

const FLOAT: i32 = 1;
const STRING: i32 = 7;
/// Of [`Metadata`]: values that are no scalars and no blobs.
const TENSORS: i32 = 2;
/// Of [`Image`]: red, green, blue.
const RGB: i32 = 3;

pub fn scalar(tag: &str, value: f64) -> Value {
    Value { tag: tag.into(), simple: Some(value as f32), ..Value::default() }
}

/// A PNG of `(width, height)`.
pub fn image(tag: &str, (width, height): (u32, u32), encoded: Vec<u8>) -> Value {
    let image = Image { height: height as i32, width: width as i32, colorspace: RGB, encoded };
    Value { tag: tag.into(), image: Some(image), ..Value::default() }
}

pub fn histogram(tag: &str, from: &Histogram) -> Value {
    let parts = from.counts.len().max(1) as f64;
    let width = (from.max - from.min) / parts;
    let num: u64 = from.counts.iter().sum();
    let histo = Histo {
        min: from.min,
        max: from.max,
        num: num as f64,
        sum: from.sum,
        sum_squares: from.squares,
        // Limits must ascend, of equal numbers too.
        bucket_limit: (1..=from.counts.len())
            .map(|part| from.min + width.max(f64::MIN_POSITIVE) * part as f64)
            .collect(),
        bucket: from.counts.iter().map(|count| *count as f64).collect(),
    };
    Value { tag: tag.into(), histo: Some(histo), ..Value::default() }
}

/// Markdown.
pub fn text(tag: &str, text: &str) -> Value {
    let tensor = Tensor { dtype: STRING, shape: None, strings: vec![text.as_bytes().to_vec()] };
    let plugin = Plugin { name: "text".into(), content: Vec::new() };
    let metadata = Metadata { plugin: Some(plugin), data_class: TENSORS };
    Value { tag: tag.into(), tensor: Some(tensor), metadata: Some(metadata), ..Value::default() }
}

/// What the plugin `name` finds in its own `content`.
pub fn plugin(tag: &str, name: &str, content: Vec<u8>) -> Value {
    let plugin = Plugin { name: name.into(), content };
    let tensor = Tensor { dtype: FLOAT, shape: Some(Shape { dim: vec![Dim { size: 0 }] }), strings: Vec::new() };
    let metadata = Metadata { plugin: Some(plugin), data_class: TENSORS };
    Value { tag: tag.into(), tensor: Some(tensor), metadata: Some(metadata), ..Value::default() }
}
