//! A disk that is full, and a limit to the size of files: the run ends and says so wherever its user looks, or does without what
//! it can do without; once there is room it goes on, and nothing is missing.

use super::crashes::{assert_clean, walk};
use super::disk::Disk;
use super::{SMALL, count, files, random, tell};
use crate::hooks;
use crate::project::{Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use crate::training::{assert_alike, project_of};
use mocolab::event::{Alert, Event, Finished, Outcome};
use mocolab::run::{Log, Reader, RunDir};
use mocolab::status::Lock;
use std::fs;

/// A hook that is told of how runs end.
const HOOK: &str = "[hook.lab]\nkind = \"json\"\nurl_env = \"LAB_HOOK\"\nevents = [\"failed\", \"crashed\"]\n";

fn tables() -> String {
    ["undisturbed", "struck"].map(|name| format!("[experiment.{name}.supervised]\n{SMALL}")).concat()
}

#[test]
fn a_disk_that_is_full() {
    let (port, came) = hooks::server();
    let project = project_of(&(tables() + HOOK)).with("LAB_HOOK", format!("http://127.0.0.1:{port}/"));
    let Some(disk) = Disk::in_memory(&project.path("disk"), "256m") else {
        eprintln!("SKIPPED: no disk was full, since none could be mounted (it takes root)");
        return;
    };
    let project = project.with("MOCOLAB_RUNS", disk.path().join("runs"));
    project.run("start undisturbed --device cpu --wait").good();
    let whole = size(&project.latest("undisturbed"));
    let (cases, mut random) = (count(4, 40), random(20));
    let (mut refused, mut ended, mut without) = (0, 0, 0);
    let filler = disk.path().join("filler");
    for case in 0..cases {
        // From a disk with nothing left to one that a run just fits on.
        let room = (whole as f64 * (case as f64 + random.between(0.0, 1.0)) / cases as f64) as u64;
        let pages = disk.free().saturating_sub(if case == 0 { 0 } else { room }) / 4096;
        fs::write(&filler, vec![1; pages as usize * 4096]).unwrap();
        let told = came.lock().unwrap().len();
        let before = project.summary("struck")["run"].clone();
        let said = project.run("start struck --device cpu --wait");
        let status = project.status("struck");
        if project.summary("struck")["run"] == before {
            refused += 1;
            assert!(said.bad().contains("space"));
            fs::remove_file(&filler).unwrap();
            continue;
        }
        let run = project.latest("struck");
        let all = format!("{}{}{}", said.out, said.err, project.run("show struck --json").good());
        assert!(all.contains("space"), "case {case}, room for {room} of {whole} bytes, {status}: {all}");
        if status == "done" {
            without += 1;
        } else {
            ended += 1;
            assert_eq!((status.as_str(), said.code), ("failed", Some(1)), "case {case}: {all}");
            poll("the hook to be told", || {
                let came = came.lock().unwrap();
                let of_it = |body: &serde_json::Value| body["run"] == run.label().as_str();
                came[told..].iter().any(|(_, body)| of_it(body) && body.to_string().contains("space")).then_some(())
            });
            see(&project, &run);
        }
        fs::remove_file(&filler).unwrap();
        if status != "done" {
            project.run("resume struck --device cpu --wait").good();
        }
        assert_alike((&project, "undisturbed"), (&project, "struck"));
        walk(&run);
        assert_clean(run.path());
        poll("the trainer's end", || (run.probe() == Lock::Free).then_some(()));
        fs::remove_dir_all(run.path()).unwrap();
    }
    assert!(ended > 0, "no run ended for want of room");
    tell(
        "a_disk_that_is_full",
        &format!(
            "{cases} disks with room for less than a run: {refused} runs refused, {ended} ended and said why in the terminal, on the screen and to a webhook, \
             {without} did without what they can; all were whole and bit-equal in the end"
        ),
    );
}

/// The screen works on a disk that is full, and tells the cause.
fn see(project: &Project, run: &RunDir) {
    if tmux_is_missing() {
        return;
    }
    let screen = Screen::laboratory(project, 120, 40);
    screen.wait_for("✗ failed");
    screen.press(&["G", "Enter"]);
    screen.wait_until("the cause", |screen| {
        let text = screen.text();
        text.contains("space") && text.contains(&run.label())
    });
    screen.kill();
}

/// Bytes of all files of a run.
fn size(run: &RunDir) -> u64 {
    files(run.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn how_a_run_ended_has_room_on_a_disk_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::in_memory(&folder.path().join("disk"), "4m") else {
        eprintln!("SKIPPED: no disk was full, since none could be mounted (it takes root)");
        return;
    };
    let run = RunDir::new(disk.path());
    let mut log = Log::open(&run, 1).unwrap();
    log.write(Event::Note(Alert { what: "note".into(), message: "begun".into() })).unwrap();
    let all = vec![1; disk.free() as usize / 4096 * 4096];
    fs::write(disk.path().join("filler"), all).unwrap();
    assert_eq!(disk.free(), 0);
    // A line of some hundred numbers now and then, as confusion matrices are.
    let note = |number: usize| {
        Event::Note(Alert {
            what: "note".into(),
            message: "x".repeat(if number.is_multiple_of(20) { 9000 } else { 90 }),
        })
    };
    let (written, error) = (1..).find_map(|number| log.write(note(number)).err().map(|error| (number, error))).unwrap();
    assert!(written > 50 && error.to_string().contains("space"), "{written}: {error}");
    let cause = Some(format!("{error}; {}", "and so on ".repeat(300)));
    log.write(Event::Finished(Finished { outcome: Outcome::Failed, step: 1, cause })).unwrap();
    let lines = Reader::new(&run).read(usize::MAX).unwrap();
    assert!(lines.damaged.is_empty() && lines.lines.len() == written + 1);
    assert!(matches!(lines.lines.last().unwrap().event, Event::Finished(_)));
}

#[test]
fn a_limit_to_the_size_of_files() {
    let project = project_of(&tables());
    project.run("start undisturbed --device cpu --wait").good();
    let all = files(project.latest("undisturbed").path());
    let largest = all.iter().map(|file| fs::metadata(file).unwrap().len()).max().unwrap();
    let (cases, mut random) = (count(3, 30), random(21));
    let (mut refused, mut ended, mut without) = (0, 0, 0);
    for case in 0..cases {
        let blocks = (largest as f64 / 512.0 * (case as f64 + random.between(0.0, 1.0)) / cases as f64) as u64;
        let blocks = if case == 0 { blocks % 8 } else { blocks };
        let before = project.summary("struck")["run"].clone();
        let mut shell = project.command("sh");
        shell.args(["-c", "ulimit -f $0; exec \"$@\"", &blocks.to_string(), env!("CARGO_BIN_EXE_mocolab")]);
        let said: crate::project::Ended =
            shell.args(["start", "struck", "--device", "cpu", "--wait"]).output().unwrap().into();
        if project.summary("struck")["run"] == before {
            refused += 1;
            assert!(said.bad().contains("too large"));
            continue;
        }
        let (run, status) = (project.latest("struck"), project.status("struck"));
        let all = format!("{}{}{}", said.out, said.err, project.run("show struck --json").good());
        if status == "done" {
            without += 1;
        } else {
            ended += 1;
            assert!(all.contains("too large"), "files of {blocks} blocks, {status}: {all}");
            assert!(["failed", "crashed"].contains(&status.as_str()), "{status}");
            project.run("resume struck --device cpu --wait").good();
        }
        assert_alike((&project, "undisturbed"), (&project, "struck"));
        walk(&run);
        assert_clean(run.path());
    }
    assert!(ended > 0, "no run met the limit");
    tell(
        "a_limit_to_the_size_of_files",
        &format!(
            "{cases} limits below the largest file of a run: {refused} runs refused, {ended} ended and said why, {without} did without what they can; all were \
             whole and bit-equal in the end"
        ),
    );
}
