//! The queue with real processes: an agent, launchers, fake trainers.

use crate::project::{Project, poll};
use mocolab::run::{Reader, RunDir, Runs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;

/// Eight classifiers, and a chain of three behind one another.
const SUITE: &str = "[defaults]\ndata = \"shapes\"\n\
    [experiment.many]\nseed = [1, 2, 3, 4, 5, 6, 7, 8]\n\
    [experiment.many.supervised]\narch = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\n\
    [experiment.base.supervised]\narch = \"resnet8\"\nepochs = 2\nwarmup_epochs = 0\n\
    [experiment.head.probe]\nfrom = \"base\"\nepochs = 1\n\
    [experiment.other.probe]\nfrom = \"base@best\"\nepochs = 1\n";

/// How often an agent is killed.
const KILLS: usize = 50;
/// How often two start the same at the same moment.
const RACES: usize = 100;

fn project() -> Project {
    Project::new(SUITE).with("FAKE_STEP_MS", "5")
}

/// First and last moment of a run's record.
fn span(run: &RunDir) -> (f64, f64) {
    let lines = Reader::new(run).read(usize::MAX).unwrap().lines;
    (lines[0].t, lines.last().unwrap().t)
}

fn runs(project: &Project) -> Vec<RunDir> {
    Runs::new(project.path("runs")).list().unwrap()
}

/// Waits until all `count` runs are done; how many attempts each took.
fn all_done(project: &Project, count: usize) -> Vec<u64> {
    poll("all to be done", || {
        let runs = project.json("ls --json");
        let runs = runs.as_array().unwrap();
        let done = runs.iter().filter(|run| run["status"] == "done").count();
        (runs.len() == count && done == count)
            .then(|| runs.iter().map(|run| run["attempt"].as_u64().unwrap()).collect())
    })
}

/// The agent's process, if it is at work.
fn agent(project: &Project) -> Option<Pid> {
    let runs = fs::canonicalize(project.path("runs")).ok()?;
    let ours = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        words.contains(&b"agent".as_slice()) && words.contains(&runs.as_os_str().as_encoded_bytes())
    };
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(ours).find_map(Pid::from_raw)
}

#[test]
fn eight_runs_on_one_device_never_overlap_and_the_agent_ends_by_itself() {
    let project = project();
    let out = project.run("start many --queue --device cpu").good();
    assert_eq!(out.matches("queued many.seed-").count(), 8, "{out}");
    assert!(all_done(&project, 8).iter().all(|attempts| *attempts == 1));
    let mut spans: Vec<(f64, f64)> = runs(&project).iter().map(span).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    poll("the agent's end", || agent(&project).is_none().then_some(()));
    assert!(project.run("queue").good().contains("nothing waits"));
}

#[test]
fn runs_that_allow_it_share_a_device() {
    let project = project().with("FAKE_STEP_MS", "40");
    project.run("start many --queue --device cpu --slots 3").good();
    assert!(all_done(&project, 8).iter().all(|attempts| *attempts == 1));
    let spans: Vec<(f64, f64)> = runs(&project).iter().map(span).collect();
    let at_once = |moment: f64| spans.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
    let most = spans.iter().map(|(from, _)| at_once(*from)).max().unwrap();
    assert!(most > 1 && most <= 3, "{most} at once: {spans:?}");
}

#[test]
fn an_agent_that_is_killed_again_and_again_starts_every_run_once() {
    let project = project();
    project.run("start many --queue --device cpu").good();
    let mut killed = 0;
    // Moments drawn by a generator of remainders: the same on every day, spread over a launch.
    let mut pause = 7_u64;
    let mut rounds = 1;
    let waits = || project.json("ls --json").as_array().unwrap().iter().any(|run| run["status"] != "done");
    while killed < KILLS {
        if !waits() {
            rounds += 1;
            project.run("start many --queue --device cpu").good();
        }
        pause = pause * 48_271 % 0x7fff_ffff;
        std::thread::sleep(std::time::Duration::from_millis(pause % 60));
        if let Some(pid) = agent(&project) {
            kill_process(pid, Signal::KILL).unwrap();
            killed += 1;
        }
        // Whoever looks at the queue and changes something in it wakes an agent.
        let waiting = project.json("queue --json");
        if let Some(run) = waiting[0]["run"].as_str() {
            project.run(&format!("queue {run} release"));
        }
    }
    eprintln!("the agent was killed {killed} times over {} runs", 8 * rounds);
    assert!(all_done(&project, 8 * rounds).iter().all(|attempts| *attempts == 1), "every run was launched once");
    let mut spans: Vec<(f64, f64)> = runs(&project).iter().map(span).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "never two on the device: {spans:?}");
}

#[test]
fn a_probe_queues_its_source_before_it_and_begins_from_what_that_became() {
    let project = project();
    let out = project.run("start head other --queue --device cpu").good();
    let order: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("queued ")?.split('/').next()).collect();
    assert_eq!(order, ["base", "head", "other"], "{out}");
    assert_eq!(all_done(&project, 3), [1, 1, 1]);
    let base = fs::canonicalize(project.latest("base").checkpoints()).unwrap();
    for name in ["head", "other"] {
        let from = project.json(&format!("show {name} --json"))["experiment"]["recipe"]["probe"]["from"].clone();
        let from = from.as_str().unwrap().to_owned();
        assert!(from.starts_with(&format!("checkpoint:{}", base.display())), "{from}");
        assert!(span(&project.latest(name)).0 >= span(&project.latest("base")).1);
    }
}

#[test]
fn what_waits_for_a_source_that_failed_says_so_and_goes_on_when_that_is_resumed() {
    let project = project().with("FAKE_FAIL_AT", "5").with("FAKE_FAIL_NAME", "base");
    project.run("start head --queue --device cpu").good();
    project.wait_for("base", "failed");
    let base = project.latest("base").label();
    let why = || project.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    assert_eq!(why(), Some(format!("needs {base}, which failed at epoch 1: resume that")));
    poll("the agent's end", || agent(&project).is_none().then_some(()));
    assert_eq!(project.status("head"), "queued");
    let project = project.with("FAKE_FAIL_AT", "1000");
    project.run(&format!("resume {base} --wait")).good();
    project.wait_for("head", "done");
}

#[test]
fn a_run_is_held_moved_and_taken_out() {
    let project = project().with("FAKE_STEPS", "100000");
    project.run("start base --queue --device cpu").good();
    project.wait_for("base", "running");
    project.run("start many --queue --device cpu").good();
    let names = || -> Vec<String> {
        let lines = project.json("queue --json");
        lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["run"].as_str().unwrap().split('/').next().unwrap().to_owned())
            .collect()
    };
    let before = names();
    assert_eq!((before.len(), before[0].as_str()), (8, "many.seed-1"));
    project.run("queue many.seed-8 first").good();
    project.run("queue many.seed-1 last").good();
    project.run("queue many.seed-2 hold").good();
    project.run("queue many.seed-3 cancel").good();
    let after = names();
    assert_eq!((after.len(), after[0].as_str(), after[6].as_str()), (7, "many.seed-8", "many.seed-1"));
    assert_eq!(project.status("many.seed-2"), "held");
    assert_eq!(project.status("many.seed-3"), "none");
    let held = |line: &Value| line["run"].as_str().unwrap().starts_with("many.seed-2") && line["why"] == "held";
    assert!(project.json("queue --json").as_array().unwrap().iter().any(held));
    let ended = project.run("queue base first");
    assert!(ended.err.contains("is not in this machine's queue"), "{}", ended.err);
    project.run("stop base --now").good();
    project.wait_for("many.seed-8", "running");
}

#[test]
fn what_can_not_be_launched_says_why_and_is_tried_again_on_request() {
    let project = project().with("MOCOLAB_TRAIN", "/nowhere/mocolab-train");
    project.run("start base --queue --device cpu").good();
    let why = || project.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    poll("the trouble", || why().filter(|why| why.starts_with("could not be started: ")));
    assert!(why().unwrap().contains("/nowhere/mocolab-train"), "{:?}", why());
    // An agent at work has the surroundings that it was started in.
    poll("the agent's end", || agent(&project).is_none().then_some(()));
    let project = project.with("MOCOLAB_TRAIN", crate::fake_train::program());
    project.run("queue base release").good();
    project.wait_for("base", "done");
}

#[test]
fn what_waits_for_its_source_can_not_be_started_by_hand_before_that() {
    let project = project().with("FAKE_STEPS", "100000");
    project.run("start head --queue --device cpu").good();
    project.wait_for("base", "running");
    let ended = project.run("resume head");
    assert!(ended.code != Some(0) && ended.err.contains("is running: it begins when that is done"), "{}", ended.err);
    assert_eq!(project.status("head"), "queued", "it has lost nothing");
    // What is missing is what waits: no second one.
    let out = project.run("start head --missing").good();
    assert!(out.contains("waits in the queue: no other is started"), "{out}");
    assert_eq!(project.json("ls head --json").as_array().unwrap().len(), 1);
}

#[test]
fn a_worker_that_is_killed_holds_those_that_wait_for_it_and_lets_the_others_go_on() {
    let project = project().with("FAKE_STEPS", "100000");
    project.run("start head --queue --device cpu").good();
    project.wait_for("base", "running");
    let project = project.with("FAKE_STEPS", "10");
    let base = project.latest("base");
    let pid = base.read_job().unwrap().unwrap().pid;
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    project.wait_for("base", "crashed");
    let why = || project.json("queue --json")[0]["why"].as_str().map(str::to_owned);
    poll("the reason", || why().filter(|why| why.contains("which crashed at epoch")));
    // Whoever looked at the queue has not woken one: it would find nothing to do.
    poll("the agent's end", || agent(&project).is_none().then_some(()));
    project.run("start many --queue --device cpu").good();
    project.wait_for("many.seed-8", "done");
    assert_eq!(project.status("head"), "queued");
}

#[test]
fn a_queue_begun_in_another_folder_with_a_relative_path_is_the_same() {
    let project = project();
    project.run("--runs runs start head --queue --device cpu").good();
    assert_eq!(all_done(&project, 2), [1, 1]);
}

#[test]
fn of_two_that_start_the_same_at_the_same_moment_one_does_and_the_other_is_told() {
    let project = project().with("FAKE_STEP_MS", "0");
    for round in 0..RACES {
        // By hand and through the queue in turn; runs of before are done by then.
        let line = if round % 2 == 0 { "start base --device cpu" } else { "start base --queue --device cpu" };
        let slow = |command: &mut std::process::Command| {
            command.env("FAKE_STEP_MS", "10").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        };
        let both = [0, 1].map(|_| {
            let mut command = project.mocolab(line);
            slow(&mut command);
            command.spawn().unwrap()
        });
        let ended = both.map(|child| child.wait_with_output().unwrap());
        let good = ended.iter().filter(|ended| ended.status.success()).count();
        let words: String = ended.iter().map(|ended| String::from_utf8_lossy(&ended.stderr).into_owned()).collect();
        assert_eq!(good, 1, "round {round}: {words}");
        assert!(words.contains("already: no other is"), "round {round}: {words}");
        all_done(&project, round + 1);
    }
    assert!(runs(&project).iter().all(|run| run.read_job().unwrap().unwrap().attempt == 1));
    // A second one only on request.
    let project = project.with("FAKE_STEPS", "100000").with("FAKE_STEP_MS", "5");
    project.run("start base --device cpu").good();
    project.run("start base --device cpu").bad();
    project.run("start base --device cpu --again").good();
    let live = |run: &&Value| run["status"] == "running" || run["status"] == "starting";
    assert_eq!(project.json("ls base --json").as_array().unwrap().iter().filter(live).count(), 2);
}

#[test]
fn a_worker_that_is_killed_is_shown_as_crashed_within_a_second() {
    let project = project().with("FAKE_STEPS", "100000");
    let run = project.start("base");
    project.wait_for("base", "running");
    let mut watch = mocolab::run::Watch::new(run.clone());
    kill_process(crate::processes::trainer(&run), Signal::KILL).unwrap();
    let killed = std::time::Instant::now();
    poll("the crash to be seen", || (watch.status().unwrap() == mocolab::status::Status::Crashed).then_some(()));
    assert!(killed.elapsed().as_secs_f64() < 1.0, "{:?}", killed.elapsed());
}
