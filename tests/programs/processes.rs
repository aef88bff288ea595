//! What kind of process a trainer is: a session of its own that outlives whoever started it, and a lock that nobody else
//! holds.

use crate::project::{Project, poll};
use mocolab::run::RunDir;
use rustix::process::{Pid, Signal, getsid, kill_process};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// The process that trains `run`.
pub fn trainer(run: &RunDir) -> Pid {
    let job = run.read_job().unwrap().unwrap();
    Pid::from_raw(i32::try_from(job.pid).unwrap()).unwrap()
}

#[test]
fn a_trainer_has_a_session_of_its_own_and_no_terminal() {
    let project = Project::endless();
    let run = project.start("quick");
    let pid = trainer(&run);
    assert_eq!(getsid(Some(pid)).unwrap(), pid, "it leads a session");
    assert_ne!(getsid(None).unwrap(), pid);
    let open = |number: u32| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    // The lock was its standard input until it took it over.
    poll("the trainer to take the lock over", || (open(0) == std::path::Path::new("/dev/null")).then_some(()));
    let log = fs::canonicalize(run.output()).unwrap();
    assert_eq!((open(1), open(2)), (log.clone(), log));
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert!(program.ends_with("fake-train"), "{}", program.display());
}

#[test]
fn a_trainer_outlives_the_process_group_that_started_it() {
    let project = Project::endless();
    let mut starter = project.mocolab("start quick --device cpu --wait");
    let mut starter = starter.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    project.wait_for("quick", "running");
    let group = Pid::from_raw(i32::try_from(starter.id()).unwrap()).unwrap();
    for signal in [Signal::INT, Signal::HUP, Signal::TERM, Signal::KILL] {
        let _ = rustix::process::kill_process_group(group, signal);
    }
    starter.wait().unwrap();
    let before = project.summary("quick")["step"].as_u64().unwrap();
    poll("further steps", || (project.summary("quick")["step"].as_u64()? > before + 10).then_some(()));
    assert_eq!(project.status("quick"), "running");
}

#[test]
fn a_child_of_the_trainer_does_not_keep_a_run_alive() {
    let project = Project::endless().with("FAKE_CHILD", "1");
    let run = project.start("quick");
    let child = poll("the trainer's child", || {
        let text = fs::read_to_string(run.output()).ok()?;
        let number = text.lines().find_map(|line| line.strip_prefix("a child: "))?;
        Pid::from_raw(number.parse().ok()?)
    });
    project.wait_for("quick", "running");
    project.run("stop quick --now").good();
    assert_eq!(project.status("quick"), "killed");
    assert!(fs::exists(format!("/proc/{child}")).unwrap(), "the child is still there");
    kill_process(child, Signal::KILL).unwrap();
}

#[test]
fn a_trainer_that_stands_still_is_alive() {
    let project = Project::endless();
    let pid = trainer(&project.start("quick"));
    kill_process(pid, Signal::STOP).unwrap();
    assert_eq!(project.status("quick"), "running");
    // It can't answer a request, but it can be killed.
    project.run("stop quick --now").good();
    assert_eq!(project.status("quick"), "killed");
}
