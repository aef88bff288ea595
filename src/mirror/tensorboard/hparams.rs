//! The table of hyper-parameters (`tensorboard/plugins/hparams`): the settings of a run, and how it ended.

use super::super::flat;
use super::wire::{Value, plugin};
use crate::event::Outcome;
use crate::experiment::Experiment;
use crate::run::RunDir;
use prost::{Message, Oneof};
use std::collections::HashMap;

#[derive(Clone, PartialEq, Message)]
struct Data {
    #[prost(message, optional, tag = "3")]
    start: Option<Start>,
    #[prost(message, optional, tag = "4")]
    end: Option<End>,
}

#[derive(Clone, PartialEq, Message)]
struct Start {
    #[prost(map = "string, message", tag = "1")]
    settings: HashMap<String, Setting>,
    #[prost(string, tag = "4")]
    group: String,
    #[prost(double, tag = "5")]
    began: f64,
}

#[derive(Clone, PartialEq, Message)]
struct End {
    #[prost(int32, tag = "1")]
    status: i32,
    #[prost(double, tag = "2")]
    ended: f64,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
struct Setting {
    #[prost(oneof = "Kind", tags = "2, 3, 4")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
}

const UNKNOWN: i32 = 0;
const SUCCESS: i32 = 1;
const FAILURE: i32 = 2;

/// The settings of `run`.
pub fn start(experiment: &Experiment, run: &RunDir, began: f64) -> Value {
    let setting = |value: serde_json::Value| {
        let kind = match value {
            serde_json::Value::Bool(value) => Kind::Bool(value),
            serde_json::Value::Number(value) => Kind::Number(value.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(value) => Kind::Text(value),
            other => Kind::Text(other.to_string()),
        };
        Setting { kind: Some(kind) }
    };
    let settings = flat(experiment).into_iter().map(|(name, value)| (name, setting(value))).collect();
    let data = Data { start: Some(Start { settings, group: run.label(), began }), end: None };
    plugin("_hparams_/session_start_info", "hparams", data.encode_to_vec())
}

/// How it ended.
pub fn end(outcome: Outcome, ended: f64) -> Value {
    let status = match outcome {
        Outcome::Done => SUCCESS,
        Outcome::Failed => FAILURE,
        Outcome::Stopped | Outcome::Paused | Outcome::Requeued => UNKNOWN,
    };
    let data = Data { start: None, end: Some(End { status, ended }) };
    plugin("_hparams_/session_end_info", "hparams", data.encode_to_vec())
}
