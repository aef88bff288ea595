//! The life of a run: started, stopped, killed, failed, resumed, and never trained twice at once.

use crate::project::{Ended, Project, poll};
use mocolab::run::RunDir;
use std::fs::File;
use std::process::Child;

/// Waits until the latest run of `quick` has made a step.
fn wait_for_steps(project: &Project) {
    poll("a step", || (project.summary("quick")["step"].as_u64()? > 0).then_some(()));
}

#[test]
fn a_stopped_run_says_so_and_goes_on_as_the_next_attempt() {
    let project = Project::endless();
    project.start("quick");
    wait_for_steps(&project);
    assert!(project.run("resume quick").bad().contains("is running: there is nothing to resume"));
    let out = project.run("stop quick").good();
    assert!(out.contains("is stopped at step"), "{out}");
    assert_eq!(project.status("quick"), "stopped");

    // The old request must not stop the new attempt.
    project.run("resume quick").good();
    let run = poll("the second attempt", || Some(project.summary("quick")).filter(|run| run["status"] == "running"));
    assert_eq!((&run["attempt"], &run["devices"]), (&2.into(), &serde_json::json!(["cpu"])));
    assert!(project.run("resume quick").bad().contains("there is nothing to resume"));
    project.run("stop quick").good();
    assert_eq!(project.json("ls --json").as_array().unwrap().len(), 1, "it is one run");
}

#[test]
fn a_killed_run_is_killed_at_once_and_goes_on() {
    let project = Project::endless();
    project.start("quick");
    wait_for_steps(&project);
    assert!(project.run("stop quick --now").good().contains("is killed at step"));
    assert_eq!(project.status("quick"), "killed");
    assert!(project.run("stop quick").bad().contains("is killed: there is nothing to stop"));
    project.run("resume quick").good();
    assert_eq!(project.summary("quick")["attempt"], 2);
    let out = project.run("logs quick").good();
    assert!(out.contains("attempt 1") && out.contains("attempt 2"), "both attempts print to one log: {out}");
}

#[test]
fn a_run_that_fails_says_why() {
    let project = Project::quick().with("FAKE_FAIL_AT", "17");
    let ended = project.run("start quick --device cpu --wait");
    assert_eq!(ended.code, Some(1));
    for words in ["epoch 1/3", "is failed after", "told to fail at this step", "it was told to fail"] {
        assert!(ended.out.contains(words), "no {words} in\n{}{}", ended.out, ended.err);
    }
    let run = project.summary("quick");
    assert_eq!((&run["status"], &run["step"]), (&"failed".into(), &17.into()));
    assert_eq!(run["cause"], "told to fail at this step");
    assert!(project.run("show quick").good().contains("told to fail"));
}

#[test]
fn a_trainer_that_is_missing_or_dies_at_once_is_reported_by_start() {
    let project = Project::quick().with("MOCOLAB_TRAIN", "/nowhere/mocolab-train");
    let err = project.run("start quick --device cpu").bad();
    assert!(err.contains("the trainer `/nowhere/mocolab-train` is missing") && err.contains("MOCOLAB_TRAIN"), "{err}");
    assert_eq!(project.status("quick"), "queued", "nothing was launched");

    // Once there is a trainer the same run can be started.
    let project = project.with("MOCOLAB_TRAIN", "/bin/false");
    let err = project.run("resume quick --device cpu").bad();
    assert!(err.contains("did not start") || err.contains("crashed"), "{err}");
    assert_eq!(project.status("quick"), "crashed");
    let project = project.with("MOCOLAB_TRAIN", crate::fake_train::program());
    let out = project.run("resume quick --device cpu --wait").good();
    assert!((1..4).all(|epoch| out.contains(&format!("epoch {epoch}/3"))), "{out}");
    assert_eq!((project.status("quick").as_str(), &project.summary("quick")["attempt"]), ("done", &2.into()));
}

#[test]
fn of_several_launches_at_once_one_wins() {
    let project = Project::endless();
    let run = project.start("quick");
    wait_for_steps(&project);
    project.run("stop quick").good();

    let launch = |number: usize| {
        let file = |what: &str| File::create(project.path(&format!("{number}.{what}"))).unwrap();
        let mut command = project.mocolab("launch --device cpu");
        command.arg(run.path()).stdout(file("out")).stderr(file("err")).spawn().unwrap()
    };
    let mut launched: Vec<Child> = (0..4).map(launch).collect();
    // Those that lose end; the one that wins trains on.
    poll("three of four to give up", || {
        let ended: Vec<_> = launched.iter_mut().filter_map(|child| child.try_wait().unwrap()).collect();
        assert!(ended.len() < 4 && ended.iter().all(|status| status.code() == Some(1)), "{ended:?}");
        (ended.len() == 3).then_some(())
    });
    let texts: Vec<String> =
        (0..4).map(|n| std::fs::read_to_string(project.path(&format!("{n}.err"))).unwrap()).collect();
    assert_eq!(texts.iter().filter(|text| text.contains("is running already")).count(), 3, "{texts:?}");
    project.wait_for("quick", "running");
    assert_eq!(run.read_job().unwrap().unwrap().attempt, 2);

    project.run("stop quick").good();
    let codes: Vec<Option<i32>> =
        launched.into_iter().map(|child| Ended::from(child.wait_with_output().unwrap()).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(started(&run), [1, 2], "no attempt was begun twice");
}

/// The attempts that wrote that they began.
fn started(run: &RunDir) -> Vec<u32> {
    let batch = mocolab::run::Reader::new(run).read(usize::MAX).unwrap();
    assert!(batch.damaged.is_empty());
    let starts = batch.lines.iter().filter(|line| matches!(line.event, mocolab::event::Event::Started(_)));
    starts.map(|line| line.attempt).collect()
}
