//! Who lives: numbers of processes that are given anew, locks that are taken away or not to be had, clocks that jump, a machine that
//! gets another name, data that vanishes. A status is right or "unknown", and nobody is hit who isn't meant.

use super::SMALL;
use super::crashes::walk;
use super::writes::library;
use crate::processes::trainer;
use crate::project::{Ended, Project, poll};
use crate::training::{assert_alike, project_of};
use mocolab::run::{Job, process_start};
use mocolab::status::Lock;
use rustix::process::{Signal, kill_process};
use std::fs;
use std::process::{Command, Stdio};

#[test]
fn a_process_that_got_the_number_of_a_trainer_is_left_alone() {
    let project = Project::endless();
    let run = project.start("quick");
    kill_process(trainer(&run), Signal::KILL).unwrap();
    project.wait_for("quick", "crashed");
    let mut other = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
    let job = Job { pid: other.id(), ..run.read_job().unwrap().unwrap() };
    assert_ne!(process_start(job.pid), Some(job.process_start));
    run.write_job(&job).unwrap();
    assert_eq!(project.status("quick"), "crashed");
    for line in ["stop quick", "stop quick --now"] {
        assert!(project.run(line).bad().contains("nothing to stop"), "{line}");
    }
    assert!(other.try_wait().unwrap().is_none(), "it lives");
    // Nor without the file of the lock.
    fs::remove_file(run.lock()).unwrap();
    assert_eq!(project.status("quick"), "crashed");
    project.run("resume quick --device cpu").good();
    project.wait_for("quick", "running");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_lock_whose_file_is_removed_lets_nobody_else_in() {
    let project = Project::endless();
    let run = project.start("quick");
    project.wait_for("quick", "running");
    fs::remove_file(run.lock()).unwrap();
    assert_eq!(project.status("quick"), "running");
    let err = project.run("resume quick --device cpu").bad();
    assert!(err.contains("running"), "{err}");
    assert!(!run.lock().exists(), "and nobody makes one that says less");
    project.run("stop quick --now").good();
    assert_eq!(project.status("quick"), "killed");
}

#[test]
fn without_locks_a_status_is_by_the_heart_or_unknown() {
    let project = Project::endless();
    let run = project.start("quick");
    project.wait_for("quick", "running");
    let without = |line: &str| -> Ended {
        let mut command = project.mocolab(line);
        command.env("LD_PRELOAD", library()).env("FAIL_PROGRAM", "mocolab").env("FAIL_CALL", "lock");
        command.env("FAIL_UNDER", fs::canonicalize(run.path()).unwrap()).env("FAIL_EVERY", "1").env("FAIL_WITH", "37");
        command.env("FAIL_TOLD", project.path("told")).output().unwrap().into()
    };
    let listed = without("ls quick --json").good();
    assert!(fs::metadata(project.path("told")).is_ok_and(|told| told.len() > 0), "no lock was refused");
    let runs: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert!(["running", "unknown"].contains(&runs[0]["status"].as_str().unwrap()), "{listed}");
    let err = without("resume quick --device cpu").bad();
    assert!(err.contains("running") || err.contains("tells of no locks"), "{err}");
    kill_process(trainer(&run), Signal::KILL).unwrap();
    poll("its end", || (run.probe() == Lock::Free).then_some(()));
    let err = without("resume quick --device cpu --force").bad();
    assert!(err.contains("need a file system with locks"), "{err}");
}

#[test]
fn clocks_that_jump_change_no_bit_and_no_status() {
    let project =
        project_of(&["undisturbed", "struck"].map(|name| format!("[experiment.{name}.supervised]\n{SMALL}")).concat());
    project.run("start undisturbed --device cpu --wait").good();
    // A day ahead from the 30th question on, or back; or wrong from the beginning.
    for (seconds, from) in [("86400", "30"), ("-86400", "30"), ("-86400", "1")] {
        let mut command = project.mocolab("start struck --device cpu --wait");
        command
            .env("LD_PRELOAD", library())
            .env("FAIL_CALL", "clock")
            .env("FAIL_EVERY", from)
            .env("FAIL_WITH", seconds);
        command.env("FAIL_UNDER", "/").env("FAIL_TOLD", project.path("told"));
        let ended: Ended = command.output().unwrap().into();
        let said = ended.good();
        assert!(fs::metadata(project.path("told")).unwrap().len() > 0, "the clock did not jump");
        // Durations of a clock that went back are none, not less.
        assert!(!said.contains(" -") && said.contains("is done after"), "{said}");
        assert_eq!(project.status("struck"), "done");
        assert_alike((&project, "undisturbed"), (&project, "struck"));
        walk(&project.latest("struck"));
        for line in ["ls", "show struck", "plot struck"] {
            project.run(line).good();
        }
        fs::remove_file(project.path("told")).unwrap();
    }
}

#[test]
fn a_machine_that_gets_another_name_is_still_this_one() {
    let project = Project::endless();
    let run = project.start("quick");
    project.wait_for("quick", "running");
    let renamed = |line: &str| -> Option<Ended> {
        let mut command = project.command("unshare");
        command.args([
            "--uts",
            "sh",
            "-c",
            "hostname another-name || exit 99; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_mocolab"),
        ]);
        let ended = Ended::from(command.args(line.split(' ')).output().ok()?);
        let refused = ended.code == Some(99) || ended.err.contains("unshare:");
        (!refused).then_some(ended)
    };
    let Some(listed) = renamed("ls quick --json") else {
        eprintln!("SKIPPED: no machine was renamed (it takes root, `unshare` and `hostname`)");
        return;
    };
    let listed = listed.good();
    assert!(listed.contains("\"running\""), "{listed}");
    kill_process(trainer(&run), Signal::KILL).unwrap();
    poll("its end", || (run.probe() == Lock::Free).then_some(()));
    assert!(renamed("ls quick --json").unwrap().out.contains("\"crashed\""));
}

#[test]
fn data_that_vanishes_in_the_middle_is_not_missed() {
    let project =
        project_of(&["undisturbed", "struck"].map(|name| format!("[experiment.{name}.supervised]\n{SMALL}")).concat());
    project.run("start undisturbed --device cpu --wait").good();
    project.start("struck");
    poll("some steps", || (project.summary("struck")["step"].as_u64()? > 2).then_some(()));
    fs::rename(project.path("pictures"), project.path("gone")).unwrap();
    fs::remove_dir_all(project.path("cache")).unwrap();
    project.wait_for("struck", "done");
    assert_alike((&project, "undisturbed"), (&project, "struck"));
    // Without it no run starts, and it is said which is missing.
    let err = project.run("start struck --device cpu --wait").bad();
    assert!(err.contains("pictures"), "{err}");
    assert!(!err.contains("panicked"), "{err}");
}
