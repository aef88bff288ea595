//! GPUs as things to be had: who gets which, and that nobody gets what another has.

use crate::gpus::{set, with_gpus};
use crate::project::{Project, poll};
use mocolab::run::{Reader, RunDir, Runs};
use std::collections::BTreeMap;

const SUITE: &str = "[defaults]\ndata = \"shapes\"\n\
    [experiment.many]\nseed = [1, 2, 3, 4, 5, 6, 7, 8]\n\
    [experiment.many.supervised]\narch = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\n\
    [experiment.small]\nslots = 2\nseed = [1, 2, 3]\n\
    [experiment.small.supervised]\narch = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\n\
    [experiment.base.supervised]\narch = \"resnet8\"\nepochs = 2\nwarmup_epochs = 0\n\
    [experiment.other.supervised]\narch = \"resnet8\"\nepochs = 3\nwarmup_epochs = 0\n";

fn project(gpus: &[&str]) -> Project {
    with_gpus(Project::new(SUITE).with("FAKE_STEP_MS", "10"), gpus)
}

/// First and last moment of a run's record.
fn span(run: &RunDir) -> (f64, f64) {
    let lines = Reader::new(run).read(usize::MAX).unwrap().lines;
    (lines[0].t, lines.last().unwrap().t)
}

fn runs(project: &Project) -> Vec<RunDir> {
    Runs::new(project.path("runs")).list().unwrap()
}

/// Waits until all `count` runs are done; what ran on which GPU, by its UUID.
fn done(project: &Project, count: usize) -> BTreeMap<String, Vec<(f64, f64)>> {
    poll("all to be done", || {
        let runs = project.json("ls --json");
        let done = runs.as_array().unwrap().iter().filter(|run| run["status"] == "done").count();
        (done == count).then_some(())
    });
    let mut on: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for run in runs(project) {
        let job = run.read_job().unwrap().unwrap();
        assert_eq!(job.attempt, 1, "{} was launched once", run.label());
        for uuid in job.uuids {
            on.entry(uuid).or_default().push(span(&run));
        }
    }
    for spans in on.values_mut() {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    on
}

fn overlap(spans: &[(f64, f64)]) -> bool {
    spans.windows(2).any(|pair| pair[0].1 > pair[1].0)
}

fn uuids(run: &RunDir) -> Vec<String> {
    run.read_job().unwrap().unwrap().uuids
}

#[test]
fn eight_runs_on_two_gpus_never_overlap_on_one_and_both_are_used() {
    let project = project(&["GPU-a", "GPU-b"]);
    project.run("start many --queue").good();
    let on = done(&project, 8);
    assert_eq!(on.keys().map(String::as_str).collect::<Vec<_>>(), ["GPU-a", "GPU-b"]);
    assert!(on.values().all(|spans| !overlap(spans)), "{on:?}");
    let all: Vec<(f64, f64)> = on.into_values().flatten().collect();
    assert_eq!(all.len(), 8);
    let at_once = |moment: f64| all.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
    assert!(all.iter().any(|(from, _)| at_once(*from) == 2), "two at once: {all:?}");
}

#[test]
fn one_for_both_waits_for_both_and_one_of_several_takes_the_free_one() {
    let project = project(&["GPU-a", "GPU-b", "GPU-c"]).with("FAKE_STEPS", "100000");
    project.run("start base --device 0").good();
    // What the agent starts is shorter: it has the surroundings in which it was woken.
    let project = project.with("FAKE_STEPS", "10");
    project.run("start other --queue --device 0,1").good();
    let why = || project.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    assert_eq!(why().as_deref(), Some("behind base"));
    project.run("start many.seed-1 --queue --device 0/2").good();
    project.wait_for("many.seed-1", "done");
    assert_eq!(uuids(&project.latest("many.seed-1")), ["GPU-c"]);
    project.run("stop base").good();
    project.wait_for("other", "done");
    assert_eq!(uuids(&project.latest("other")), ["GPU-a", "GPU-b"]);
}

#[test]
fn as_many_share_a_gpu_as_the_experiment_says() {
    let project = project(&["GPU-a"]).with("FAKE_STEP_MS", "60");
    project.run("start small --queue").good();
    let spans = done(&project, 3).remove("GPU-a").unwrap();
    let at_once = |moment: f64| spans.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
    assert_eq!(spans.iter().map(|(from, _)| at_once(*from)).max(), Some(2), "{spans:?}");
}

#[test]
fn a_gpu_that_somebody_else_uses_is_not_taken_unless_forced() {
    let project = project(&["GPU-a 1:60000"]);
    project.run("start base --queue").good();
    let why = || project.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    assert_eq!(why().as_deref(), Some("somebody else is on 0"));
    let said = project.run("start other").bad();
    assert!(said.contains("every GPU is in use"), "{said}");
    set(&project, &["GPU-a"]);
    project.wait_for("base", "done");
    set(&project, &["GPU-a 1:100"]);
    project.run("start other --queue --force").good();
    project.wait_for("other", "done");
}

#[test]
fn a_gpu_that_was_at_work_a_moment_ago_is_waited_for() {
    let project = project(&["GPU-a"]);
    let busy = project.path("gpus.busy");
    std::fs::write(&busy, "97").unwrap();
    let said = project.run("start base").bad();
    assert!(said.contains("every GPU is in use"), "{said}");
    let mut start = project.mocolab("start base").spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    std::fs::write(&busy, "0").unwrap();
    assert!(start.wait().unwrap().success());
    project.wait_for("base", "done");
    assert_eq!(uuids(&project.latest("base")), ["GPU-a"]);
}

#[test]
fn two_that_start_on_one_gpu_by_hand_do_not_both_get_it() {
    let project = project(&["GPU-a", "GPU-b"]).with("FAKE_STEPS", "100000");
    let starts = ["base", "other"].map(|name| project.mocolab(&format!("start {name} --device 0")).spawn().unwrap());
    let codes: Vec<bool> = starts.map(|mut start| start.wait().unwrap().success()).into();
    assert_eq!(codes.iter().filter(|good| **good).count(), 1, "{codes:?}");
    let loser = if codes[0] { "other" } else { "base" };
    let said = project.run(&format!("resume {loser} --device 0")).bad();
    assert!(said.contains("is on GPU-a, which is not to be shared"), "{said}");
    project.run(&format!("resume {loser} --device 0 --force")).good();
    project.wait_for(loser, "running");
}

#[test]
fn a_run_of_another_project_has_its_gpu_too() {
    let state = tempfile::tempdir().unwrap();
    let first = project(&["GPU-a"]).with("FAKE_STEPS", "100000").with("XDG_STATE_HOME", state.path());
    first.run("start base --device 0").good();
    let second = project(&["GPU-a"]).with("XDG_STATE_HOME", state.path());
    second.run("start base --queue").good();
    let why = || second.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    let other = first.latest("base").label();
    assert_eq!(why(), Some(format!("behind {other}")));
    first.run("stop base").good();
    second.wait_for("base", "done");
}

#[test]
fn a_run_goes_on_on_its_gpu_whatever_number_that_has() {
    let project = project(&["GPU-a", "GPU-b"]).with("FAKE_STEPS", "100000");
    project.run("start base --device 1").good();
    project.run("pause base").good();
    assert_eq!(project.status("base"), "suspended");
    set(&project, &["GPU-b", "GPU-a"]);
    project.run("resume base").good();
    let base = project.latest("base");
    assert_eq!(
        (uuids(&base), base.read_job().unwrap().unwrap().devices),
        (vec!["GPU-b".into()], vec!["cuda:0".into()])
    );
    project.run("pause base").good();
    // The card is gone: another is taken.
    set(&project, &["GPU-a"]);
    project.run("resume base").good();
    assert_eq!(uuids(&base), ["GPU-a"]);
    let environment = std::fs::read(format!("/proc/{}/environ", base.read_job().unwrap().unwrap().pid)).unwrap();
    let visible = environment.split(|byte| *byte == 0).any(|line| line == b"CUDA_VISIBLE_DEVICES=GPU-a");
    assert!(visible, "it sees only that one");
}

#[test]
fn what_a_shell_may_see_is_what_its_runs_may_have() {
    let project = project(&["GPU-a", "GPU-b"]).with("CUDA_VISIBLE_DEVICES", "1");
    project.run("start base --queue").good();
    project.wait_for("base", "done");
    assert_eq!(uuids(&project.latest("base")), ["GPU-b"]);
    let said = project.run("start other --queue --device 1").bad();
    assert!(said.contains("there is no GPU `1` here; there are: cpu, 0"), "{said}");
}

#[test]
fn paused_runs_go_on_through_the_queue() {
    let project = project(&["GPU-a"]).with("FAKE_STEPS", "300");
    project.run("start base --device 0").good();
    project.run("pause base").good();
    let step = project.summary("base")["step"].as_u64().unwrap();
    project.run("resume base --queue").good();
    project.wait_for("base", "done");
    let job = project.latest("base").read_job().unwrap().unwrap();
    assert_eq!((job.attempt, job.uuids), (2, vec!["GPU-a".to_owned()]));
    assert!(step > 0);
    // Taken out of the queue, it is what it was.
    let project = project.with("FAKE_STEPS", "100000");
    project.run("start other --device 0").good();
    project.run("start many.seed-1 --queue --device 0").good();
    project.run("start base --queue --again --device 0").good();
    assert_eq!(project.status("base"), "queued");
    project.run("pause other").good();
    project.wait_for("many.seed-1", "running");
    project.run("resume other --queue").good();
    assert_eq!(project.status("other"), "queued");
    project.run("queue other cancel").good();
    assert_eq!(project.status("other"), "suspended");
}

#[test]
fn what_was_at_work_when_the_machine_went_down_is_told_and_goes_on_on_request() {
    let project = project(&["GPU-a", "GPU-b"]).with("FAKE_STEPS", "100000");
    project.run("start base --device 0").good();
    project.run("start other --device 1").good();
    project.wait_for("other", "running");
    for name in ["base", "other"] {
        let run = project.latest(name);
        rustix::process::kill_process(crate::processes::trainer(&run), rustix::process::Signal::KILL).unwrap();
        poll("its end", || (run.probe() == mocolab::status::Lock::Free).then_some(()));
        // As it looks after another boot.
        let job = run.read_job().unwrap().unwrap();
        run.write_job(&mocolab::run::Job { boot_id: "the one before".into(), ..job }).unwrap();
    }
    let said = project.run("queue").good();
    assert!(said.contains("2 runs were at work when this machine went down: `mocolab resume --interrupted`"), "{said}");
    let project = project.with("FAKE_STEPS", "10");
    let said = project.run("resume --interrupted").good();
    assert!(said.find("queued base").unwrap() < said.find("queued other").unwrap(), "{said}");
    project.wait_for("base", "done");
    project.wait_for("other", "done");
    assert_eq!(uuids(&project.latest("other")), ["GPU-b"]);
    assert!(project.run("resume --interrupted").good().contains("nothing was at work"));
}

#[test]
fn a_run_in_another_machines_queue_is_taken_over() {
    let project = project(&["GPU-a"]).with("FAKE_STEPS", "100000");
    project.run("start base --device 0").good();
    project.run("start other --queue --device 0").good();
    let other = project.latest("other");
    let ticket = other.read_ticket().unwrap().unwrap();
    other.write_ticket(&mocolab::run::Ticket { host: "old-name".into(), ..ticket }).unwrap();
    let said = project.run("queue").good();
    assert!(said.contains("1 in the queues of other machines (`mocolab queue NAME here` takes one over)"), "{said}");
    let said = project.run("queue other here").good();
    assert!(said.contains("waits here, no longer on old-name"), "{said}");
    let project = project.with("FAKE_STEPS", "10");
    project.run("stop base").good();
    project.wait_for("other", "running");
}
