//! A disk that fails: every N-th write, sync, rename or opening of the trainer; threads that it does not get, and panics on them. It says what it could not do, or does without
//! what it can do without; when the disk is well again the run goes on, and nothing is missing.

use super::crashes::{assert_clean, walk};
use super::{SMALL, count, tell};
use crate::project::{Ended, Project};
use crate::screen::{Screen, tmux_is_missing};
use crate::training::{assert_alike, project_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// "No space left on device", or "no storage space" where only a part was taken, and "Input/output error".
const DISK: &[(&str, &str)] = &[("28", "space"), ("5", "Input/output error")];

/// The library `fail.c`, built once for these tests.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fail-{}.so", std::process::id()));
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&path);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/fail.c")).arg("-ldl");
        assert!(command.status().unwrap().success(), "compiling the library");
        path
    })
}

#[test]
fn writes_that_fail() {
    strike("writes_that_fail", "write", DISK);
}

#[test]
fn syncs_that_fail() {
    strike("syncs_that_fail", "sync", DISK);
}

#[test]
fn renames_that_fail() {
    strike("renames_that_fail", "rename", DISK);
}

#[test]
fn openings_that_fail() {
    strike("openings_that_fail", "open", DISK);
}

#[test]
fn threads_that_are_refused_to_a_trainer() {
    strike("threads_that_are_refused_to_a_trainer", "thread", &[("11", "Resource temporarily unavailable")]);
}

#[test]
fn panics_on_threads_of_a_trainer() {
    strike("panics_on_threads_of_a_trainer", "panic", &[("22", "Invalid argument")]);
}

/// How many runs ended how.
#[derive(Debug, Default)]
struct Seen {
    failures: usize,
    ended: usize,
    went_on: usize,
}

/// Every first, second, third … call of a kind fails, until a run has none that does.
fn strike(test: &str, call: &str, errors: &[(&str, &str)]) {
    let table = |name: &str| format!("[experiment.{name}.supervised]\n{SMALL}");
    let project = project_of(&(table("undisturbed") + &table("struck")));
    project.run("start undisturbed --device cpu --wait").good();
    let (mut every, mut seen) = (1_u64, Seen::default());
    for error in errors.iter().cycle() {
        if !one(&project, (call, every), *error, &mut seen) {
            break;
        }
        // All small ones where all are asked for; else further and further apart.
        every = count(every * 3, every + 1 + if every > 32 { every / 8 } else { 0 });
    }
    let Seen { failures, ended, went_on } = seen;
    assert!(failures > 0 && ended > 0, "nothing was struck: {call}");
    tell(
        test,
        &format!(
            "every N-th for {} values of N up to {every}: {failures} failures; {ended} runs ended and said why, {went_on} did without; all were whole and \
             bit-equal in the end",
            ended + went_on
        ),
    );
}

/// One run with a disk on which each `every`-th `call` fails. Whether one did.
fn one(project: &Project, (call, every): (&str, u64), (number, words): (&str, &str), seen: &mut Seen) -> bool {
    let told = project.path("told");
    let _ = fs::remove_file(&told);
    let mut command = project.mocolab("start struck --device cpu --wait");
    let of_files = ["write", "sync", "rename", "open"].contains(&call);
    let under = if of_files { fs::canonicalize(project.path("runs")).unwrap() } else { "/".into() };
    command.env("LD_PRELOAD", library()).env("FAIL_UNDER", under);
    command
        .env("FAIL_CALL", call)
        .env("FAIL_EVERY", every.to_string())
        .env("FAIL_WITH", number)
        .env("FAIL_TOLD", &told);
    let output = command.output().unwrap();
    let failures = fs::metadata(&told).map_or(0, |file| file.len() as usize);
    let case = format!("every {every}. {call}, {words}");
    let status = project.status("struck");
    let done = status == "done";
    assert_eq!(output.status.success(), done, "{case}: {}", String::from_utf8_lossy(&output.stderr));
    let run = project.latest("struck");
    if !done {
        // A record that can not be written to says nothing of its end.
        let may_crash = of_files;
        assert!(status == "failed" || (may_crash && status == "crashed"), "{case}: {status}");
        let said = format!(
            "{}{}{}{}",
            project.run("show struck --json").good(),
            project.run("logs struck").out,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        // Where not even that can be written, the log is empty too, and that is said.
        assert!(said.contains(words) || (call == "write" && every == 1), "{case}: {said}");
        project.run("resume struck --device cpu --wait").good();
    }
    assert_alike((project, "undisturbed"), (project, "struck"));
    walk(&run);
    assert_clean(run.path());
    seen.failures += failures;
    if failures > 0 {
        *(if done { &mut seen.went_on } else { &mut seen.ended }) += 1;
    }
    failures > 0
}

#[test]
fn a_panic_of_the_trainer_is_shown_and_hits_nobody_else() {
    let names = ["undisturbed", "beside", "struck"];
    let project = project_of(&names.map(|name| format!("[experiment.{name}.supervised]\n{SMALL}")).concat());
    project.run("start undisturbed --device cpu --wait").good();
    project.start("beside");
    let mut command = project.mocolab("start struck --device cpu --wait --force");
    command.env("LD_PRELOAD", library()).env("FAIL_UNDER", "/").env("FAIL_CALL", "panic").env("FAIL_EVERY", "20");
    let ended: Ended = command.env("FAIL_WITH", "22").env("FAIL_TOLD", project.path("told")).output().unwrap().into();
    assert_eq!((ended.code, project.status("struck").as_str()), (Some(1), "failed"), "{}{}", ended.out, ended.err);
    if !tmux_is_missing() {
        let screen = Screen::laboratory(&project, 120, 40);
        screen.press(&["/"]);
        screen.type_line("struck");
        screen.wait_for("✗ failed");
        screen.press(&["Enter"]);
        screen.wait_for("Invalid argument");
        screen.press(&["7"]);
        screen.wait_for("mocolab-train: called `Result::unwrap()`");
        screen.kill();
    }
    project.wait_for("beside", "done");
    assert_alike((&project, "undisturbed"), (&project, "beside"));
    // Its device is free again.
    project.run("resume struck --device cpu --wait").good();
    assert_alike((&project, "undisturbed"), (&project, "struck"));
}
