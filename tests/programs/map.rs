//! Maps of the features with the real trainer: made while it trains, on demand, written, looked at in a real terminal.

use crate::project::Project;
use crate::screen::{Screen, tmux_is_missing};
use crate::training::project_of;
use safetensors::SafeTensors;
use std::collections::BTreeSet;
use std::fs;

/// A classifier, features without labels, and a head of two groups on the classifier.
const TABLES: &str = "
[experiment.tiny.supervised]
arch = \"resnet8\"
epochs = 4
batch = 20
warmup_epochs = 1
val_fraction = 0.2
map_every = 2
[experiment.features.moco]
arch = \"resnet8\"
epochs = 2
batch = 32
queue = 64
map_every = 0
[experiment.head.probe]
from = \"tiny\"
epochs = 3
classes = { first = [\"class0\"], rest = [\"*\"] }
";

fn project() -> Project {
    let project = project_of(TABLES);
    for name in ["tiny", "head"] {
        project.run(&format!("start {name} --device cpu --wait")).good();
    }
    project
}

fn rows(project: &Project, file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(project.path(file)).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn maps_are_made_written_and_made_again() {
    let project = project();
    let run = project.latest("tiny");
    let epochs: Vec<Option<u64>> = run.map_files().unwrap().iter().map(|file| file.epoch).collect();
    assert_eq!(epochs, [Some(2), Some(4)]);

    let shown = project.run("show tiny --tsne").good();
    assert!(shown.contains("epoch 4: KL") && shown.contains("class1"), "{shown}");
    let letters: BTreeSet<char> = shown.lines().skip(1).take(32).flat_map(str::chars).filter(|c| *c != ' ').collect();
    assert_eq!(letters, ['a', 'b', 'c'].into());

    let out = project.run("embed tiny --epoch 2 --labels error --csv points.csv --svg map.svg").good();
    assert!(out.contains("epoch 2: KL") && out.contains("wrote `points.csv`: 120 points"), "{out}");
    let rows = rows(&project, "points.csv");
    assert_eq!((rows.len(), rows[0][..3].join(",")), (121, "x,y,image".to_owned()));
    let of = |column: usize| rows[1..].iter().map(|row| row[column].clone()).collect::<BTreeSet<String>>();
    assert_eq!(of(3), ["class0", "class1", "class2"].map(str::to_owned).into());
    assert!(of(4).is_subset(&["right", "wrong"].map(str::to_owned).into()));
    // A point each, and one beside each of two names.
    assert_eq!(fs::read_to_string(project.path("map.svg")).unwrap().matches("<circle").count(), 122);

    // Its checkpoint is gone or not: with another perplexity it is laid out again, in the place of the old one.
    let before = fs::read(run.map_files().unwrap()[0].path()).unwrap();
    let out = project.run("embed tiny --epoch 2 --perplexity 10").good();
    assert!(out.contains("perplexity 10"), "{out}");
    let after = run.map_files().unwrap();
    assert_eq!((after.len(), after[0].read().unwrap().about.perplexity as u64), (2, 10));
    assert_ne!(fs::read(after[0].path()).unwrap(), before);

    let err = project.run("embed tiny --epoch 9").bad();
    assert!(err.contains("neither a checkpoint nor a map of epoch 9; there are: "), "{err}");
    let err = project.run("show tiny --tsne --epoch 1").bad();
    assert!(err.contains("has no map of epoch 1; there are: 2, 4"), "{err}");
    assert!(project.run("show tiny --tsne --labels 5").bad().contains("airplane"), "these are other classes");
}

#[test]
fn a_run_without_maps_is_mapped_on_demand_and_a_head_keeps_the_classes_of_the_data() {
    let project = project();
    project.run("start features --device cpu --wait").good();
    let err = project.run("show features --tsne").bad();
    assert!(err.contains("has no map yet: `mocolab embed"), "{err}");
    let about = project.json("embed features --json");
    assert_eq!((about["by"].as_str(), about["epoch"].as_u64()), (Some("neighbours"), Some(2)));
    let before = project.latest("features").map_files().unwrap();
    project.run("embed features").good();
    assert_eq!(project.latest("features").map_files().unwrap(), before, "what is there is not made again");

    let about = project.json("embed head --json");
    assert_eq!(about["answers"].as_array().unwrap().len(), 2);
    assert_eq!((about["classes"].as_array().unwrap().len(), about["right"].to_string()), (3, "[0,1,1]".to_owned()));
    project.run("embed head --labels answer --csv head.csv").good();
    let rows = rows(&project, "head.csv");
    assert!(rows[1..].iter().all(|row| row[3].starts_with("class") && ["first", "rest"].contains(&row[4].as_str())));

    // Python reads the same file.
    let file = project.latest("head").map_files().unwrap().remove(0).bytes().unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
    assert_eq!((shape("points"), shape("near"), shape("components")), (vec![120, 2], vec![120, 8], vec![120, 50]));
}

#[test]
fn a_map_is_looked_at_in_a_real_terminal() {
    if tmux_is_missing() {
        return;
    }
    let project = project();
    let screen = Screen::laboratory(&project, 120, 40);
    screen.wait_for("✓ done");
    screen.press(&["G", "8"]);
    screen.wait_for("120 test pictures");
    screen.press(&["Right"]);
    screen.wait_for("x as far from its class");
    screen.wait_for("▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀");
    screen.press(&["o"]);
    screen.wait_for("outliers of class");
    screen.press(&["e"]);
    screen.wait_for("map of head/");
    screen.press(&["q"]);
    screen.wait_for_shell();
}
