//! Reports of runs whose figures are known.

use super::{Report, Reported, Written};
use crate::sight::Sight;
use mocolab::config;
use mocolab::data::Places;
use mocolab::event::{Alert, Best, Classes, Epoch, Event, Line, Real, Started};
use mocolab::experiment::{Experiment, Origin};
use mocolab::run::{Runs, create};
use mocolab::status::Status;
use std::path::Path;
use tempfile::TempDir;

const SUITE: &str = "[defaults]\ndata = 'cifar10'\n\
    [experiment.base]\nseed = [1, 2]\n[experiment.base.supervised]\narch = 'resnet20'\n\
    [experiment.five.probe]\nfrom = 'base'\nclasses = 'five'\n\
    [experiment.moco.moco]\nqueue = 6400\n\
    [experiment.tenth.probe]\nfrom = 'moco'\ntrain_fraction = 0.1\n\
    [experiment.floor.probe]\nfrom = 'moco@random'\ntrain_fraction = 0.1\n";

/// A finished run of `experiment` with these macro accuracies: learnt from, held out, test.
fn run(runs: &Runs, mut experiment: Experiment, source: Option<&Reported>, [train, val, test]: [f64; 3]) -> Reported {
    if let Some(source) = source {
        *experiment.recipe.origin_mut() =
            Origin::Checkpoint(source.sight.run.checkpoints().join("step-1.x.safetensors"));
    }
    let moment = "2026-11-27T08:00:00[UTC]".parse().unwrap();
    let dir = create(runs, &experiment.name, &moment, &config::snapshot(&experiment)).unwrap();
    let mut sight = Sight::new(dir);
    sight.status = Status::Done;
    let moco = experiment.recipe.name() == "moco";
    let count = if experiment.name.as_str() == "five" { 5 } else { 10 };
    let names: Vec<String> = (0..count).map(|class| format!("class <{class}>")).collect();
    let best = |name: &str, value| (name.to_owned(), Best { value, epoch: 1 });
    let (held_out, tested) = if moco {
        ("val/knn_macro_accuracy", "test/knn_macro_accuracy")
    } else {
        ("val/macro_accuracy", "test/macro_accuracy")
    };
    let started = Started {
        steps: 20,
        epochs: 2,
        steps_per_epoch: 10,
        images: [("train".to_owned(), 45_000)].into(),
        classes: names,
        arch: "resnet20".into(),
        chance_loss: moco.then(|| 6401_f64.ln()),
        notes: vec!["subset abc".into()],
        ..Started::default()
    };
    let bests: std::collections::BTreeMap<_, _> = [best(held_out, val)].into();
    let metrics = |loss| [("train/loss", loss), ("val/loss", loss * 1.1), (held_out, val), (tested, test)];
    let epoch = |epoch| {
        let metrics = metrics(3.0 / epoch as f64).map(|(name, value)| (name.to_owned(), Real(value))).into();
        Event::Epoch(Epoch { epoch, of: 2, step: epoch * 10, seconds: 30.0, metrics, best: bests.clone() })
    };
    let mut confusion = vec![vec![0; count]; count];
    (0..count).for_each(|class| confusion[class][class] = 9);
    confusion[0][1] = 1;
    let classes = Classes { epoch: 2, split: "test".into(), by: String::new(), confusion };
    // A thousand pictures of each class, as many right.
    let right = (train * 1000.0).round() as u64;
    let row = |class: usize| {
        (0..count)
            .map(|answer| match (answer + count - class) % count {
                0 => right,
                1 => 1000 - right,
                _ => 0,
            })
            .collect()
    };
    let learnt =
        Classes { epoch: 2, split: "train".into(), by: String::new(), confusion: (0..count).map(row).collect() };
    let alert = Alert { what: "disk".into(), message: "the *disk* is | nearly full".into() };
    let events = [Event::Started(Box::new(started)), epoch(1), Event::Classes(classes), Event::Alert(alert), epoch(2)];
    let learnt = (!moco).then_some(Event::Classes(learnt));
    for (seq, event) in (0..).zip(events.into_iter().chain(learnt)) {
        sight.state.apply(&Line { attempt: 1, seq, t: 1000.0 + 30.0 * seq as f64, event });
    }
    Reported { sight, experiment }
}

fn reported(folder: &TempDir) -> Vec<Reported> {
    let runs = Runs::new(folder.path().join("runs"));
    let suite = config::parse(SUITE, "x").unwrap();
    let of = |name: &str| suite.experiments().find(|one| one.name.as_str() == name).unwrap().clone();
    let base = run(&runs, of("base.seed-1"), None, [0.999, 0.95, 0.94]);
    let other = run(&runs, of("base.seed-2"), None, [0.998, 0.96, 0.95]);
    let five = run(&runs, of("five"), Some(&base), [0.99, 0.97, 0.965]);
    let moco = run(&runs, of("moco"), None, [0.0, 0.80, 0.79]);
    let tenth = run(&runs, of("tenth"), Some(&moco), [0.90, 0.84, 0.83]);
    let floor = run(&runs, of("floor"), None, [0.40, 0.30, 0.29]);
    // In no order of theirs.
    vec![floor, tenth, base, moco, five, other]
}

fn written(runs: &[Reported], folder: &Path) -> Written {
    let places = Places::new(folder);
    let missing = vec!["late/1 is running (epoch 1 of 9)".to_owned()];
    Report { title: "the | lab".into(), runs, missing, when: "today".into(), places: &places }.write()
}

#[test]
fn tables_hold_what_was_reached_beside_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    let runs = reported(&folder);
    let made = written(&runs, folder.path());
    let tables: Vec<(&str, Vec<String>)> = made
        .tables
        .iter()
        .map(|(title, table)| (*title, table.rows.iter().map(|row| row.join(" | ")).collect()))
        .collect();
    assert_eq!(
        tables,
        [
            (
                "Table 1: classifiers",
                vec![
                    "10 | base | resnet20, all of it | 45,000 | 99.85 ± 0.07 | 95.50 ± 0.71 | 94.50 ± 0.71 | 1, 2 | 99.93 | 82.60 | +12.90".to_owned(),
                    "5 | five | last layer, frozen resnet20 | 45,000 | 99.00 | 97.00 | 96.50 | 1 | 97.50 | 87.70 | +9.30".to_owned(),
                ]
            ),
            (
                "MoCo: features without labels",
                vec!["6,400 | moco | resnet18 | 45,000 | 2 | 80.00 | 79.00 | 1 | 1.500 | 8.764".to_owned()]
            ),
            (
                "Table 2: linear probes",
                vec![
                    "none: random network | 10 % | floor | 45,000 | 40.00 | 30.00 | 29.00 | 1 | – | – | – | – | –".to_owned(),
                    "6,400 | 10 % | tenth | 45,000 | 90.00 | 84.00 | 83.00 | 1 | +54.00 | 77.60 | 53.01 | 6,400 | +30.99".to_owned(),
                ]
            ),
        ]
    );
    let json = &made.json["experiments"];
    assert_eq!(
        (&json[0]["experiment"], &json[0]["classes"], &json[0]["seeds"]),
        (&"base".into(), &10.into(), &serde_json::json!([1, 2]))
    );
    assert!((json[0]["val"]["mean"].as_f64().unwrap() - 0.955).abs() < 1e-12);
    assert_eq!((&json[4]["queue"], &json[4]["labels"], &json[3]["random"]), (&6400.into(), &0.1.into(), &true.into()));
}

#[test]
fn the_page_tells_all_and_shows_what_it_says_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let runs = reported(&folder);
    let made = written(&runs, folder.path());
    let text = &made.page.text;
    for part in [
        "# Report of the \\| lab",
        "- 6 runs of 5 experiments, ",
        "- 10 classes (`base`): 95.50 ± 0.71 % val, 94.50 ± 0.71 % test; published 82.60 % val, +12.90 points.",
        "- Probe, dictionary of 6,400, 10 % of the labels (`tenth`): 84.00 % val",
        "`base.seed-1/20261127-080000`: the \\*disk\\* is \\| nearly full",
        "late/1 is running (epoch 1 of 9)",
        "| class \\<0\\> | 10 | 90.00 | 100.00 | 94.74 | class \\<1\\> (10.00 %) |",
        "subset abc",
        "train_fraction = 0.1",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let shown: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(shown.len() >= 12, "{shown:?}");
    for file in shown {
        assert!(made.page.files.iter().any(|(name, bytes)| name == file && bytes.len() > 500), "{file}");
    }
    let mut names: Vec<&String> = made.page.files.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), made.page.files.len(), "each its own name");
    assert_eq!(made.notes.len(), 2, "no maps: {:?}", made.notes);
    let html = super::html(&made.page, "t", false);
    assert!(!html.contains("class <0>") && html.contains("class &lt;0&gt;"));
}

#[test]
fn a_source_that_is_gone_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runs = reported(&folder);
    std::fs::remove_dir_all(folder.path().join("runs/moco")).unwrap();
    std::fs::remove_dir_all(folder.path().join("runs/base.seed-1")).unwrap();
    let made = written(&runs, folder.path());
    let (title, probes) = &made.tables[2];
    assert_eq!(*title, "Table 2: linear probes");
    assert!(probes.rows.iter().any(|row| row[0] == "other features" && row[2] == "five"), "{probes:?}");
}

#[test]
fn what_is_not_done_counts_for_nothing_beside_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = reported(&folder);
    for run in &mut runs {
        let name = run.experiment.name.to_string();
        run.sight.status =
            if ["base.seed-2", "tenth"].contains(&name.as_str()) { Status::Crashed } else { Status::Done };
    }
    let made = written(&runs, folder.path());
    let row = |table: usize, row: usize| made.tables[table].1.rows[row].join(" | ");
    assert!(row(0, 0).contains("| 99.90 | 95.00 | 94.00 | 1 |"), "{}", row(0, 0));
    assert!(row(2, 1).contains("| 84.00 | 83.00 | 1 (not done) |"), "{}", row(2, 1));
}

#[test]
fn only_what_is_alike_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = reported(&folder);
    // Another floor, that trained otherwise, and a head of other groups.
    for run in &mut runs {
        match run.experiment.name.as_str() {
            "floor" => run.experiment.images = 500,
            "five" => {
                let mocolab::experiment::Recipe::Probe(probe) = &mut run.experiment.recipe else { panic!() };
                probe.classes = mocolab::experiment::ClassMap::Groups(vec![("a".into(), vec!["*".into()])]);
            }
            _ => {}
        }
    }
    let made = written(&runs, folder.path());
    let cells = |table: usize, row: usize| made.tables[table].1.rows[row].join(" | ");
    assert!(cells(0, 1).ends_with("| 1 | – | – | –"), "{}", cells(0, 1));
    assert!(!made.tables[2].1.head.contains(&"over random".to_owned()), "{:?}", made.tables[2].1);
}

#[test]
fn two_experiments_of_one_name_have_figures_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = reported(&folder);
    for run in &mut runs {
        if run.experiment.name.as_str() == "base.seed-2" {
            run.experiment.images = 7;
        }
    }
    let made = written(&runs, folder.path());
    let names: Vec<&str> = made.tables[0].1.rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(names, ["base", "base-20261127-080000", "five"]);
    let files: std::collections::BTreeSet<&String> = made.page.files.iter().map(|(name, _)| name).collect();
    assert_eq!(files.len(), made.page.files.len());
}

#[test]
fn a_project_that_was_moved_is_reported_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let runs = reported(&folder);
    let before = written(&runs, folder.path()).tables;
    let moved = tempfile::tempdir().unwrap();
    std::fs::rename(folder.path().join("runs"), moved.path().join("runs")).unwrap();
    let now = |mut run: Reported| {
        let path = moved.path().join("runs").join(run.sight.run.label());
        run.sight.run = mocolab::run::RunDir::new(path);
        run
    };
    let runs: Vec<Reported> = runs.into_iter().map(now).collect();
    assert_eq!(written(&runs, moved.path()).tables, before);
}
