//! Which charts a run has, in which order: one for each kind of measurement, with a line for each split.

use mocolab::metrics;
use mocolab::state::RunState;
use mocolab::text::{number, sanitize};

/// One chart of a run.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// Its curves.
    pub lines: Vec<Trace>,
    /// Values to compare with, and their names.
    pub levels: Vec<(&'static str, f64)>,
    /// How its values are written.
    pub show: fn(f64) -> String,
}

/// A curve of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The word for it in the legend; none where it is the only one.
    pub name: String,
    /// The metric.
    pub metric: String,
    /// What it is measured on.
    pub split: Split,
}

/// What a metric is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// The steps' batches.
    Train,
    /// Pictures held out.
    Val,
    /// The test set.
    Test,
    /// None of these.
    Other,
}

/// Kinds that come first, in this order: the end of a metric's name, the title.
const KINDS: [(&str, &str); 9] = [
    ("loss", "loss"),
    ("macro_accuracy", "macro accuracy"),
    ("knn_macro_accuracy", "kNN macro accuracy"),
    ("accuracy", "accuracy"),
    ("knn_accuracy", "kNN accuracy"),
    ("top5_accuracy", "top-5 accuracy"),
    ("similarity", "similarity"),
    ("lr", "learning rate"),
    ("images_per_s", "images/s"),
];

impl Panel {
    /// The metric that stands for it where runs are compared by one: of the validation split where there is one.
    pub fn metric(&self) -> &str {
        let rank = |split| [Split::Val, Split::Test, Split::Train, Split::Other].iter().position(|s| *s == split);
        self.lines.iter().min_by_key(|trace| rank(trace.split)).map_or("", |trace| &trace.metric)
    }
}

/// The charts of a run that has said `state`.
pub fn panels(state: &RunState) -> Vec<Panel> {
    let mut panels: Vec<(usize, String, Panel)> = Vec::new();
    // The mean of an epoch's steps is no chart of its own: the steps are drawn.
    for metric in state.curves.keys().filter(|metric| !metric.starts_with("epoch/")) {
        let (split, kind) = kind(metric);
        let place = KINDS.iter().position(|(known, _)| *known == kind).unwrap_or(KINDS.len());
        let trace = Trace { name: word(metric, split, kind), metric: metric.clone(), split };
        match panels.iter_mut().find(|(_, known, _)| known == kind) {
            Some((_, _, panel)) => panel.lines.push(trace),
            None => panels.push((place, kind.to_owned(), panel(state, kind, trace))),
        }
    }
    panels.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut panels: Vec<Panel> = panels.into_iter().map(|(_, _, panel)| panel).collect();
    for panel in &mut panels {
        panel.lines.sort_by(|a, b| (a.split, &a.metric).cmp(&(b.split, &b.metric)));
        if let [only] = panel.lines.as_mut_slice()
            && only.split == Split::Other
        {
            only.name.clear();
        }
    }
    panels
}

fn panel(state: &RunState, kind: &str, first: Trace) -> Panel {
    let title = KINDS.iter().find(|(known, _)| *known == kind).map(|(_, title)| (*title).to_owned());
    let show: fn(f64) -> String = match kind {
        _ if kind.ends_with("accuracy") || kind.ends_with("recall") => super::figures::percent,
        "images_per_s" => |speed| format!("{speed:.0}"),
        _ => number,
    };
    Panel {
        title: title.unwrap_or_else(|| sanitize(&kind.replace('_', " "))),
        lines: vec![first],
        levels: levels(state, kind),
        show,
    }
}

/// What guessing gives.
fn levels(state: &RunState, kind: &str) -> Vec<(&'static str, f64)> {
    let classes = state.class_names().len();
    let guess = match kind {
        "loss" => state.started.as_ref().and_then(|started| started.chance_loss),
        "macro_accuracy" | "knn_macro_accuracy" if classes > 1 => Some(1.0 / classes as f64),
        _ => None,
    };
    guess.map(|value| ("guess", value)).into_iter().collect()
}

/// The split of a metric, and what kind of measurement it is.
fn kind(metric: &str) -> (Split, &str) {
    let (split, rest) = match metric.split_once('/') {
        Some(("train", rest)) => (Split::Train, rest),
        Some(("val", rest)) => (Split::Val, rest),
        Some(("test", rest)) => (Split::Test, rest),
        _ => (Split::Other, metric),
    };
    (split, if rest.ends_with("_similarity") { "similarity" } else { rest })
}

/// The word for a curve in its chart's legend.
fn word(metric: &str, split: Split, kind: &str) -> String {
    match metric {
        metrics::TRAIN_POSITIVE => return "own key".to_owned(),
        metrics::TRAIN_NEGATIVE => return "others".to_owned(),
        _ => {}
    }
    match split {
        Split::Train => "train".to_owned(),
        Split::Val => "val".to_owned(),
        Split::Test => "test".to_owned(),
        Split::Other => sanitize(&kind.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::event::{Event, Line, Real, Started, Step};

    fn state(metrics: &[&str]) -> RunState {
        let mut state = RunState::default();
        let about =
            Started { classes: vec!["cat".into(), "dog".into()], chance_loss: Some(8.764), ..Started::default() };
        let metrics = metrics.iter().map(|name| ((*name).to_owned(), Real(1.0))).collect();
        let step = Event::Step(Step { step: 1, of: 2, epoch: 1, metrics });
        for (seq, event) in [Event::Started(Box::new(about)), step].into_iter().enumerate() {
            state.apply(&Line { attempt: 1, seq: seq as u64, t: 0.0, event });
        }
        state
    }

    #[test]
    fn splits_of_a_kind_share_a_chart_and_what_matters_comes_first() {
        let metrics = [
            "lr",
            "images_per_s",
            "train/loss",
            "val/loss",
            "test/knn_macro_accuracy",
            "val/knn_macro_accuracy",
            "train/positive_similarity",
            "train/negative_similarity",
            "val/rank",
        ];
        let panels = panels(&state(&metrics));
        let told: Vec<String> = panels
            .iter()
            .map(|panel| {
                let names: Vec<&str> = panel.lines.iter().map(|trace| trace.name.as_str()).collect();
                format!("{}: {}", panel.title, names.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "loss: train val",
                "kNN macro accuracy: val test",
                "similarity: others own key",
                "learning rate: ",
                "images/s: ",
                "rank: val"
            ]
        );
        assert_eq!(panels[0].levels, [("guess", 8.764)]);
        assert_eq!(panels[1].levels, [("guess", 0.5)]);
        assert_eq!((panels[1].show)(0.5), "50.0%");
        assert_eq!((panels[0].metric(), panels[1].metric()), ("val/loss", "val/knn_macro_accuracy"));
    }
}
