//! The figures of a report.

use super::groups::{Features, Group, Kind, Reported};
use super::tables::thousands;
use mocolab::embedding::{By, Embedding};
use mocolab::figure::{self, Figure, Series, confusion, curves};
use mocolab::metrics;
use mocolab::state::RunState;

/// A figure, the name of its file, and what it shows.
pub type Named = (String, String, Figure);

/// The curve of `metric` over epochs.
fn over_epochs(state: &RunState, metric: &str) -> Vec<(f64, f64)> {
    let Some(curve) = state.curves.get(metric) else { return Vec::new() };
    curve.points().map(|(step, value)| (state.epochs_at(step).unwrap_or(step as f64), value)).collect()
}

/// The curves of `metric` of a group's runs: that of the best with its name, those of other seeds thin.
fn lines<'a>(group: &'a Group<'a>, metric: &'a str, name: &'a str, colour: usize) -> impl Iterator<Item = Series> + 'a {
    let best: *const Reported = group.best();
    let line = move |run: &&Reported| {
        let is_best = std::ptr::eq(*run, best);
        let name = if is_best { name.to_owned() } else { String::new() };
        Series { name, points: over_epochs(&run.sight.state, metric), faint: !is_best, colour }
    };
    group.runs.iter().map(line).filter(|series| !series.points.is_empty())
}

/// The losses of a classifier, learnt from and held out.
pub fn losses(group: &Group) -> Option<Named> {
    let train = metrics::of_epoch(metrics::TRAIN_LOSS);
    let series: Vec<Series> =
        lines(group, &train, "train", 0).chain(lines(group, metrics::VAL_LOSS, "val", 1)).collect();
    let caption = format!("Loss of {}, as augmented in training and on the pictures held out.", group.name);
    let figure =
        (!series.is_empty()).then(|| curves(&format!("loss: {}", group.name), ["epoch", "loss"], series, None));
    figure.map(|figure| (format!("loss-{}", group.name), caption, figure))
}

/// The macro accuracies of all classifiers on the pictures held out.
pub fn accuracies(groups: &[&Group]) -> Option<Named> {
    let each = groups.iter().enumerate();
    let series: Vec<Series> =
        each.flat_map(|(place, group)| lines(group, metrics::VAL_MACRO, &group.name, place)).collect();
    let caption = "Macro accuracy on the pictures held out.".to_owned();
    let figure = || curves("val macro accuracy", ["epoch", "macro accuracy"], series, None);
    (groups.len() > 1).then(|| ("accuracy-classifiers".to_owned(), caption, figure()))
}

/// How features came about: the pretext loss, and what nearest neighbours say of them.
pub fn pretraining(groups: &[&Group]) -> Vec<Named> {
    let train = metrics::of_epoch(metrics::TRAIN_LOSS);
    let each = || groups.iter().enumerate();
    let named = |group: &Group, split: &str| match group.kind {
        Kind::Encoder { .. } if groups.len() == 1 => split.to_owned(),
        _ => format!("{}, {split}", group.name),
    };
    let losses: Vec<Series> = each()
        .flat_map(|(place, group)| {
            let of = |metric, split, colour| lines(group, metric, &named(group, split), colour).collect::<Vec<_>>();
            of(&train, "train", 2 * place).into_iter().chain(of(metrics::VAL_LOSS, "val", 2 * place + 1))
        })
        .collect();
    let neighbours: Vec<Series> =
        each().flat_map(|(place, group)| lines(group, metrics::VAL_KNN_MACRO, &group.name, 2 * place)).collect();
    let chance = match groups {
        [only] => only.state().started.as_ref().and_then(|started| started.chance_loss),
        _ => None,
    };
    let chance = chance.map(|loss| ("guessing".to_owned(), loss));
    let mut figures = Vec::new();
    if !losses.is_empty() {
        let caption =
            "Pretext loss (InfoNCE) in training and on the pictures held out, which have a queue of their own.";
        let figure = curves("MoCo: pretext loss", ["epoch", "loss"], losses, chance);
        figures.push(("loss-moco".to_owned(), caption.to_owned(), figure));
    }
    if !neighbours.is_empty() {
        let caption = "Macro accuracy of weighted nearest neighbours among the features of the pictures learnt from.";
        let figure = curves("MoCo: nearest neighbours, val", ["epoch", "macro accuracy"], neighbours, None);
        figures.push(("knn-moco".to_owned(), caption.to_owned(), figure));
    }
    figures
}

/// The losses and macro accuracies of probes.
pub fn probes(groups: &[&Group]) -> Vec<Named> {
    let label = |group: &Group| {
        let Kind::Probe { features, fraction } = group.kind else { return group.name.clone() };
        let features = match features {
            Features::Random => "random".to_owned(),
            Features::Moco(queue) => thousands(queue),
            Features::Other => group.name.clone(),
        };
        format!("{features}, {:.0} %", fraction * 100.0)
    };
    let chart = |metric: &str, what: &str, up: &str, caption: &str| {
        let each = groups.iter().enumerate();
        let series: Vec<Series> =
            each.flat_map(|(place, group)| lines(group, metric, &label(group), place).collect::<Vec<_>>()).collect();
        let figure = || curves(&format!("probes: {what}"), ["epoch", up], series, None);
        (!groups.is_empty()).then(|| (format!("{}-probes", what.replace(' ', "-")), caption.to_owned(), figure()))
    };
    let charts = [
        chart(
            &metrics::of_epoch(metrics::TRAIN_LOSS),
            "train loss",
            "loss",
            "Loss on the labelled pictures, by dictionary and labels.",
        ),
        chart(metrics::VAL_LOSS, "val loss", "loss", "Loss on the pictures held out, by dictionary and labels."),
        chart(metrics::VAL_MACRO, "val macro accuracy", "macro accuracy", "Macro accuracy on the pictures held out."),
    ];
    charts.into_iter().flatten().collect()
}

/// Who was taken for whom, in the best run of a group.
pub fn confusions(group: &Group) -> Option<Named> {
    let (classes, _) = group.classes()?;
    let by = if classes.by.is_empty() { "" } else { ", by nearest neighbours" };
    let caption = format!(
        "{}: the {} set after epoch {}{by}; percent of the pictures of each true class (rows).",
        group.best().sight.run.label(),
        classes.split,
        classes.epoch
    );
    let title = format!("{}, {}", group.name, classes.split);
    let figure = confusion(&title, group.state().class_names(), &classes.confusion);
    Some((format!("confusion-{}", group.name), caption, figure))
}

/// A map of `run` by all classes, by five and by two, as far as the data has such.
pub fn maps(name: &str, map: &Embedding) -> Vec<Named> {
    let words = [(By::Class, "classes"), (By::Five, "5 classes"), (By::Two, "2 classes")];
    let drawn = words.into_iter().filter_map(|(by, words)| {
        let colouring = map.colouring(by).ok()?;
        let words = if by == By::Class { format!("{} {words}", colouring.names.len()) } else { words.to_owned() };
        let caption = format!(
            "t-SNE of {} test pictures' features in {name} after epoch {}, by {words}.",
            thousands(map.points.len() as u64),
            map.about.epoch
        );
        Some((format!("map-{}-{name}", by.word()), caption, figure::map(&format!("{name}: {words}"), map, &colouring)))
    });
    drawn.collect()
}
