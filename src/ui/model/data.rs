//! What is in front as text to take along, and how far it can be moved.

use super::press::fail;
use super::{Cmd, Model, Screen};
use crate::sight::Sight;
use crate::ui::view;
use crate::ui::view::compare::{Compared, Seen};
use mocolab::metrics::Confusion;
use std::fmt::Write;

/// Rows and columns of the page in front of the screen of several runs.
pub fn extent(model: &Model) -> (usize, usize) {
    Seen { compared: &Compared::new(&model.shown_together()), screen: &model.compare }.extent()
}

/// The metrics of the runs side by side, in their order.
pub fn metrics_together(model: &Model) -> Vec<String> {
    Compared::new(&model.shown_together()).metrics.iter().map(|metric| (*metric).to_owned()).collect()
}

impl Model {
    /// The runs that are shown side by side.
    pub fn shown_together(&self) -> Vec<&Sight> {
        match &self.screen {
            Screen::Compare(runs) => runs.iter().filter_map(|run| self.runs.get(run)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Copies what is in front: tables with tabs between cells, the path of a run, the lines of a log.
pub fn copy(model: &mut Model) -> Vec<Cmd> {
    let (what, text) = match &model.screen {
        Screen::List | Screen::Run(_) => match model.run() {
            Some(sight) => ("the run's path", sight.run.path().display().to_string()),
            None => return fail(model, "choose a run to copy its path"),
        },
        Screen::Classes(run) => ("the table of classes", classes(model, model.runs.get(run))),
        Screen::Compare(_) => ("the table of bests", bests(&Compared::new(&model.shown_together()))),
        Screen::Log(_) => ("the log", model.log.join("\n")),
        Screen::Map(_) => ("the point", view::map::words(model)),
        Screen::Devices | Screen::Queue => return fail(model, "nothing here can be copied"),
    };
    if text.is_empty() {
        return fail(model, "there is nothing to copy yet");
    }
    vec![Cmd::Copy(what, text)]
}

fn classes(model: &Model, sight: Option<&Sight>) -> String {
    let Some((sight, classes)) = sight.and_then(|sight| Some((sight, model.classes.seen(&sight.state)?))) else {
        return String::new();
    };
    let confusion = Confusion::from_counts(classes.confusion.clone());
    let mut text = format!("class\trecall\tprecision\timages ({}, epoch {})\n", classes.split, classes.epoch);
    let columns = confusion.recalls().into_iter().zip(confusion.precisions()).zip(&classes.confusion);
    for (class, ((recall, precision), answers)) in columns.enumerate() {
        let name = sight.state.class_names().get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        let cell = |share: Option<f64>| share.map_or(String::new(), |share| format!("{share:.4}"));
        let images: u64 = answers.iter().sum();
        let _ = writeln!(text, "{name}\t{}\t{}\t{images}", cell(recall), cell(precision));
    }
    text
}

fn bests(compared: &Compared) -> String {
    let runs: Vec<String> = compared.runs.iter().map(|run| run.sight.run.label()).collect();
    let mut text = format!("metric\t{}\n", runs.join("\t"));
    for best in &compared.bests {
        let cells = best.scores.iter().map(|score| score.map_or(String::new(), |score| score.best.value.to_string()));
        let _ = writeln!(text, "{}\t{}", best.metric, cells.collect::<Vec<_>>().join("\t"));
    }
    text
}
