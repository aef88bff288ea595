//! The tables of a report.

use super::groups::{Features, Group, Kind, Reported};
use super::page::Table;
use super::published::Published;
use mocolab::compare::{Spread, differences};
use mocolab::metrics::{self, Confusion};
use mocolab::run::Source;
use mocolab::text::duration;

/// 6400 as `6,400`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

/// A share as percent, without the sign.
pub fn hundredths(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

/// Mean and deviation in percent, without the sign.
pub fn spread(of: Option<Spread>) -> String {
    match of {
        None => "–".to_owned(),
        Some(Spread { mean, deviation: Some(deviation), .. }) => {
            format!("{} ± {}", hundredths(mean), hundredths(deviation))
        }
        Some(Spread { mean, .. }) => hundredths(mean),
    }
}

/// Points above or below.
pub fn points(difference: f64) -> String {
    format!("{:+.2}", difference * 100.0).replace('-', "−")
}

fn difference(ours: Option<Spread>, theirs: Option<f64>) -> String {
    ours.zip(theirs).map_or_else(|| "–".to_owned(), |(ours, theirs)| points(ours.mean - theirs))
}

fn seeds(group: &Group) -> String {
    let seeds = group.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    if group.done { seeds } else { format!("{seeds} (not done)") }
}

/// What they learnt from, in pictures.
fn images(group: &Group) -> String {
    let started = group.state().started.as_ref();
    started.and_then(|started| started.images.get("train")).map_or_else(|| "–".to_owned(), |count| thousands(*count))
}

fn theirs(published: Option<Published>, of: impl Fn(Published) -> f64) -> String {
    published.map_or_else(|| "–".to_owned(), |published| hundredths(of(published)))
}

/// Table 1: classifiers by classes.
pub fn classifiers(groups: &[Group]) -> Table {
    let head = [
        "classes",
        "experiment",
        "what",
        "pictures",
        "train",
        "val",
        "test",
        "seeds",
        "published train",
        "published val",
        "difference",
    ];
    let mut table = Table::new(&head, &[0, 3, 4, 5, 6, 8, 9, 10]);
    for group in groups {
        let Kind::Classifier { classes } = group.kind else { continue };
        let recipe = &group.runs[0].experiment.recipe;
        let arch = group.state().started.as_ref().map_or_else(|| recipe.arch().to_string(), |s| s.arch.clone());
        let what = match recipe {
            mocolab::experiment::Recipe::Probe(_) => format!("last layer, frozen {arch}"),
            _ => format!("{arch}, all of it"),
        };
        let published = group.published();
        table.rows.push(vec![
            classes.to_string(),
            group.name.clone(),
            what,
            images(group),
            spread(group.train),
            spread(group.val),
            spread(group.test),
            seeds(group),
            theirs(published, |published| published.train),
            theirs(published, |published| published.val),
            difference(group.val, published.map(|published| published.val)),
        ]);
    }
    table.without_empty_columns()
}

/// Table 2: probes by dictionary and labels; how far each is above a network that has learnt nothing.
pub fn probes(groups: &[Group]) -> Table {
    let head = [
        "dictionary",
        "labels",
        "experiment",
        "pictures",
        "train",
        "val",
        "test",
        "seeds",
        "over random",
        "published train",
        "published val",
        "of dictionary",
        "difference",
    ];
    let mut table = Table::new(&head, &[0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    for group in groups {
        let Kind::Probe { features, fraction } = group.kind else { continue };
        let published = group.published();
        let floor = floor(groups, group).filter(|_| features != Features::Random);
        table.rows.push(vec![
            match features {
                Features::Random => "none: random network".to_owned(),
                Features::Moco(queue) => thousands(queue),
                Features::Other => "other features".to_owned(),
            },
            format!("{} %", (fraction * 1000.0).round() / 10.0),
            group.name.clone(),
            images(group),
            spread(group.train),
            spread(group.val),
            spread(group.test),
            seeds(group),
            difference(group.test, floor.and_then(|floor| floor.test).map(|spread| spread.mean)),
            theirs(published, |published| published.train),
            theirs(published, |published| published.val),
            published.and_then(|it| it.queue).map_or_else(|| "–".to_owned(), thousands),
            difference(group.val, published.map(|published| published.val)),
        ]);
    }
    table.without_empty_columns()
}

/// The same probe of a network that has learnt nothing; none where there is none, or several.
fn floor<'a>(groups: &'a [Group<'a>], probe: &Group) -> Option<&'a Group<'a>> {
    let random = |group: &&Group| matches!(group.kind, Kind::Probe { features: Features::Random, .. });
    let mut floors = groups.iter().filter(random).filter(|group| group.is_like(probe));
    floors.next().filter(|_| floors.next().is_none())
}

/// Features by dictionary, as nearest neighbours see them.
pub fn encoders(groups: &[Group]) -> Table {
    let head = [
        "dictionary",
        "experiment",
        "network",
        "pictures",
        "epochs",
        "val kNN",
        "test kNN",
        "seeds",
        "loss",
        "guessing",
    ];
    let mut table = Table::new(&head, &[0, 3, 4, 5, 6, 8, 9]);
    for group in groups {
        let Kind::Encoder { queue } = group.kind else { continue };
        let state = group.state();
        let loss = state.curves.get(&metrics::of_epoch(metrics::TRAIN_LOSS)).and_then(mocolab::curve::Curve::last);
        let guessing = state.started.as_ref().and_then(|started| started.chance_loss);
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        table.rows.push(vec![
            thousands(queue),
            group.name.clone(),
            group.runs[0].experiment.recipe.arch().to_string(),
            images(group),
            state.epoch.to_string(),
            spread(group.val),
            spread(group.test),
            seeds(group),
            number(loss.map(|(_, value)| value)),
            number(guessing),
        ]);
    }
    table.without_empty_columns()
}

/// Every run.
pub fn runs(groups: &[Group]) -> Table {
    let head = ["run", "status", "seed", "epochs", "train", "val", "in epoch", "test", "training", "devices"];
    let mut table = Table::new(&head, &[2, 3, 4, 5, 6, 7, 8]);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), hundredths);
    for run in groups.iter().flat_map(|group| &group.runs) {
        let Reported { sight, experiment } = run;
        let (state, val) = (&sight.state, run.val());
        let worked = state.worked_at(state.step);
        table.rows.push(vec![
            sight.run.label(),
            sight.status.to_string(),
            experiment.seed.to_string(),
            format!("{} of {}", state.epoch.min(state.epochs), state.epochs),
            shown(run.train()),
            shown(val.map(|best| best.value)),
            val.map_or_else(|| "–".to_owned(), |best| best.epoch.to_string()),
            shown(run.test()),
            worked.map_or_else(|| "–".to_owned(), duration),
            sight.devices(),
        ]);
    }
    table.without_empty_columns()
}

/// How each class fared: recall, precision, F1, and what it is most often taken for.
pub fn classes(confusion: &Confusion, names: &[String]) -> Table {
    let mut table = Table::new(&["class", "pictures", "recall", "precision", "F1", "mostly taken for"], &[1, 2, 3, 4]);
    let mistakes = confusion.mistakes();
    let name = |class: usize| names.get(class).map_or_else(|| format!("class {class}"), Clone::clone);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), hundredths);
    let figures = confusion.recalls().into_iter().zip(confusion.precisions()).zip(confusion.f1s());
    for (class, ((recall, precision), f1)) in figures.enumerate() {
        let worst = mistakes.iter().find(|mistake| mistake.truth == class);
        table.rows.push(vec![
            name(class),
            thousands(confusion.supports()[class]),
            shown(recall),
            shown(precision),
            shown(f1),
            worst.map_or_else(|| "–".to_owned(), |it| format!("{} ({} %)", name(it.answer), hundredths(it.share))),
        ]);
    }
    let mean = |values: Vec<Option<f64>>| {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    table.rows.push(vec![
        "mean".to_owned(),
        thousands(confusion.supports().iter().sum()),
        shown(mean(confusion.recalls())),
        shown(mean(confusion.precisions())),
        shown(mean(confusion.f1s())),
        String::new(),
    ]);
    table
}

/// In which settings `groups` differ: a column for each.
pub fn settings(groups: &[&Group]) -> Option<Table> {
    let mut experiments: Vec<mocolab::experiment::Experiment> =
        groups.iter().map(|group| group.best().experiment.clone()).collect();
    // Seeds are what a group has several of, and where weights lie is no setting of theirs.
    for experiment in &mut experiments {
        experiment.seed = 0;
    }
    let found = differences(&experiments.iter().collect::<Vec<_>>());
    let names: Vec<&str> = std::iter::once("setting").chain(groups.iter().map(|group| group.name.as_str())).collect();
    let mut table = Table::new(&names, &[]);
    for difference in found.into_iter().filter(|difference| difference.key != "from") {
        let values = difference.values.into_iter().map(|value| value.unwrap_or_else(|| "–".to_owned()));
        table.rows.push(std::iter::once(difference.key).chain(values).collect());
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What ran, where: a row for each of several that differ, with the number of runs.
pub fn environment(groups: &[Group]) -> Table {
    let head = ["runs", "mocolab", "commit", "project", "machine", "devices", "processor", "threads", "libtorch"];
    let mut table = Table::new(&head, &[0, 7]);
    let mut found: Vec<(usize, Vec<String>)> = Vec::new();
    for run in groups.iter().flat_map(|group| &group.runs) {
        let Some(Source { version, commit, project_commit, host, devices, cpu, threads, libtorch, .. }) =
            run.sight.run.read_sources().ok().flatten().and_then(|mut sources| sources.pop())
        else {
            continue;
        };
        let project = project_commit.unwrap_or_else(|| "–".to_owned());
        let row = vec![version, commit, project, host, devices.join(", "), cpu, threads.to_string(), libtorch];
        match found.iter_mut().find(|(_, known)| *known == row) {
            Some((count, _)) => *count += 1,
            None => found.push((1, row)),
        }
    }
    table.rows =
        found.into_iter().map(|(count, row)| std::iter::once(count.to_string()).chain(row).collect()).collect();
    table.without_empty_columns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_a_paper() {
        assert_eq!([0, 640, 6_400, 1_234_567].map(thousands), ["0", "640", "6,400", "1,234,567"]);
        assert_eq!([0.125, -0.0314].map(points), ["+12.50", "−3.14"]);
        let of = |deviation| Some(Spread { seeds: 3, mean: 0.95104, deviation });
        assert_eq!([of(Some(0.002)), of(None), None].map(spread), ["95.10 ± 0.20", "95.10", "–"]);
    }

    #[test]
    fn classes_have_their_worst_mistake() {
        let confusion = Confusion::from_counts(vec![vec![8, 2, 0], vec![1, 9, 0], vec![0, 0, 0]]);
        let table = classes(&confusion, &["cat".into(), "dog".into()]);
        assert_eq!(table.rows[0], ["cat", "10", "80.00", "88.89", "84.21", "dog (20.00 %)"]);
        assert_eq!(table.rows[2], ["class 2", "0", "–", "–", "–", "–"]);
        assert_eq!(table.rows[3][..3], ["mean", "20", "85.00"]);
    }
}
