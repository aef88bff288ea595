//! Runs that earlier versions have recorded (`tests/runs`, by `record.sh` there): each later one loads, folds, draws and goes on
//! with them. They are never recorded anew; a change of what is shown of them is looked at.

use crate::project::Project;
use std::fs;
use std::path::Path;

/// A project with the runs of `version`.
pub fn recorded(version: &str) -> Project {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs");
    let project = Project::untrained();
    fs::copy(from.join("experiments.toml"), project.path("experiments.toml")).unwrap();
    copy(&from.join(version), &project.path("runs"));
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn recorded_runs_are_listed_and_shown_as_ever() {
    let project = recorded("v1");
    // Whether a killed trainer still lives can only be told on its machine.
    let list = project.run("ls").good().replace("? unknown  ", "! crashed  ");
    insta::assert_snapshot!("v1_list", list);
    let here = project.path("runs").display().to_string();
    for name in ["base", "resumed", "stopped", "failed", "moco.seed-1", "probe.train_fraction-0.1", "groups"] {
        let shown = project.run(&format!("show {name}")).good().replace(&here, "RUNS");
        insta::assert_snapshot!(format!("v1_{name}"), shown);
    }
}

#[test]
fn recorded_runs_are_drawn_and_reported() {
    let project = recorded("v1");
    project.run("plot base resumed moco.seed-1 --out curves.svg").good();
    let curves = fs::read_to_string(project.path("curves.svg")).unwrap();
    assert!(curves.contains("<path") || curves.contains("<polyline"), "{}", &curves[..200.min(curves.len())]);
    let here = project.path("runs").display().to_string();
    insta::assert_snapshot!("v1_map", project.run("embed base").good().replace(&here, "RUNS"));
    project.run("export metrics base --out base.csv").good();
    let rows = fs::read_to_string(project.path("base.csv")).unwrap();
    assert!(rows.lines().count() > 20, "{rows}");
    project.run("report --out report").good();
    let page = fs::read_dir(project.path("report")).unwrap().count();
    assert!(page > 0);
}

#[cfg(feature = "torch")]
#[test]
fn a_recorded_run_goes_on_and_gives_its_weights() {
    let project = recorded("v1");
    project.run("export weights stopped --out weights.safetensors").good();
    assert!(fs::metadata(project.path("weights.safetensors")).unwrap().len() > 300_000);
    let saved = project.json("show stopped --json")["checkpoints"].as_array().unwrap().last().unwrap()["step"].clone();
    project.run("resume stopped --device cpu").good();
    crate::project::poll("the third epoch's end", || {
        (project.json("show stopped --json")["summary"]["epoch"].as_u64()? >= 4).then_some(())
    });
    let details = project.json("show stopped --json");
    assert!(saved.as_u64().unwrap() > 0 && details["started"]["from_step"] == saved, "{}", details["started"]);
    project.run("stop stopped --now").good();
}
