//! Files of a run that are torn, damaged or not what they should be: shown as such, and in the way of nothing else.

use crate::project::Project;
use std::fs::{self, OpenOptions};
use std::io::Write;

#[test]
fn a_torn_and_a_damaged_line_are_passed_over_and_said() {
    let project = Project::quick();
    project.run("start quick --device cpu --wait").good();
    let run = project.latest("quick");

    let mut bytes = fs::read(run.events()).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 20;
    bytes[second] ^= 1;
    fs::write(run.events(), &bytes).unwrap();
    OpenOptions::new().append(true).open(run.events()).unwrap().write_all(b"{\"v\":1,\"attempt\":1,").unwrap();

    let summary = project.summary("quick");
    assert_eq!((&summary["status"], &summary["damaged_lines"]), (&"done".into(), &1.into()));
    let show = project.run("show quick").good();
    assert!(show.contains("1 damaged lines in the record were passed over"), "{show}");
    assert!(project.run("ls").good().contains("done"));
}

#[test]
fn a_torn_record_is_mended_by_the_next_attempt() {
    let project = Project::endless();
    let run = project.start("quick");
    project.wait_for("quick", "running");
    project.run("stop quick --now").good();
    OpenOptions::new().append(true).open(run.events()).unwrap().write_all(b"{\"v\":1,\"att").unwrap();
    assert_eq!(project.status("quick"), "killed");
    project.run("resume quick").good();
    project.wait_for("quick", "running");
    assert!(fs::read_to_string(run.torn()).unwrap().ends_with("{\"v\":1,\"att\n"));
    let summary = project.summary("quick");
    assert_eq!((&summary["attempt"], &summary["damaged_lines"]), (&2.into(), &0.into()));
    let alerts = project.json("show quick --json")["alerts"].to_string();
    assert!(alerts.contains("moved to events.torn"), "{alerts}");
}

#[test]
fn an_unreadable_job_or_experiment_is_shown_and_hides_no_other_run() {
    let project = Project::quick();
    for _ in 0..3 {
        project.run("start quick --device cpu --wait").good();
    }
    let runs = project.json("ls --json");
    let label = |at: usize| runs[at]["run"].as_str().unwrap().to_owned();
    let run = |at: usize| mocolab::run::RunDir::new(runs[at]["path"].as_str().unwrap());
    fs::write(run(0).job(), "{\"attempt\": ").unwrap();
    fs::write(run(1).experiment(), "no longer TOML [").unwrap();
    // Not a run at all: without an experiment.toml nobody made it.
    fs::create_dir_all(project.path("runs/quick/notes of mine")).unwrap();

    let after = project.json("ls --json");
    let states: Vec<&str> = after.as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["unknown", "done", "done"]);
    assert!(project.run("ls").good().contains("? unknown"));
    let show = project.run(&format!("show {}", label(0))).good();
    assert!(show.contains("job.json` can't be read"), "{show}");
    project.run(&format!("show {}", label(1))).good();
    let refused = project.run(&format!("resume {}", label(0))).bad();
    assert!(refused.contains("job.json` can't be read") && refused.contains("--force"), "{refused}");
    project.run(&format!("resume {} --device cpu --wait --force", label(0))).good();
    assert_eq!(project.json("ls --json")[0]["attempt"], 2, "the record knows of the first");
    // The next start looks at all of them.
    project.run("start quick --device cpu --wait").good();
}
