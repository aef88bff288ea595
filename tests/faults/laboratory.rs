//! The laboratory, struck itself: threads that the system refuses, and a panic on a thread that nobody waits for. It works, or it
//! ends and says why; the terminal is its user's again, and the runs go on.

use super::writes::library;
use super::{count, tell};
use crate::project::Project;
use crate::screen::{Screen, tmux_is_missing};
use std::cell::Cell;
use std::fs;
use std::time::Duration;

/// How a laboratory ended in which every `every`-th `call` failed, the terminal as it was left, and how many calls failed. Where it
/// works it is used and left.
fn ended(project: &Project, call: &str, every: u64) -> (i32, String, u64) {
    let told = project.path("told");
    let _ = fs::remove_file(&told);
    let screen = Screen::open(project, 200, 40);
    // The agent is a `mocolab` too, and not meant.
    let words = [
        format!("RUST_BACKTRACE=0 LD_PRELOAD={} FAIL_PROGRAM=mocolab FAIL_UNDER=/ FAIL_WITH=11", library().display()),
        format!("FAIL_CALL={call} FAIL_EVERY={every} FAIL_TOLD={}", told.display()),
    ];
    fs::write(
        project.path("struck.sh"),
        format!("{} {}\necho ended-$?\nstty -a\n", words.join(" "), env!("CARGO_BIN_EXE_mocolab")),
    )
    .unwrap();
    screen.type_line(". ./struck.sh");
    let end = |screen: &Screen| {
        let text = screen.text();
        let code = text.lines().find_map(|line| line.strip_prefix("ended-")?.trim().parse().ok());
        code.filter(|_| !screen.is_alternate() && text.contains("icanon")).map(|code: i32| (code, text))
    };
    let left = Cell::new(false);
    let (code, text) = screen.find("the end of the laboratory", |screen| {
        if call == "thread" && !left.get() && screen.is_alternate() && screen.text().contains("● running") {
            // Each looks for devices, on a thread of its own.
            for keys in [["s", "Escape"], ["s", "Escape"], ["Enter", "Escape"]] {
                screen.press(&keys);
                std::thread::sleep(Duration::from_millis(200));
            }
            screen.press(&["q"]);
            left.set(true);
        }
        end(screen)
    });
    (code, text, fs::metadata(&told).map_or(0, |file| file.len()))
}

/// Keys are handed over by the line, and shown.
fn assert_given_back(text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.contains(&"icanon") && words.contains(&"echo"), "the terminal is left raw:\n{text}");
}

#[test]
fn threads_that_are_refused() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::endless();
    project.start("quick");
    project.wait_for("quick", "running");
    let (mut worked, mut broke) = (0, 0);
    let mut every = 1;
    loop {
        let (code, text, refused) = ended(&project, "thread", every);
        assert_given_back(&text);
        if refused == 0 {
            assert_eq!(code, 0, "{text}");
            break;
        }
        if code == 0 {
            worked += 1;
        } else {
            broke += 1;
            assert!(
                text.contains("gives no more threads") || text.contains("failed to spawn thread"),
                "{every}: {text}"
            );
        }
        every = count(every * 3, every + 1);
    }
    assert!(broke > 0 && (worked > 0 || count(0, 1) == 0), "{broke} ended, {worked} did without");
    assert_eq!(project.status("quick"), "running");
    tell(
        "threads_that_are_refused",
        &format!(
            "every N-th thread for N up to {every}: {broke} laboratories ended and said why, {worked} did without; each terminal was given back"
        ),
    );
}

#[test]
fn a_panic_on_any_thread_ends_the_laboratory() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::endless();
    project.start("quick");
    project.wait_for("quick", "running");
    let cases = count(4, 40);
    for case in 0..cases {
        let (code, text, refused) = ended(&project, "panic", 1 + case * 3);
        assert_eq!((code, refused), (101, 1), "{text}");
        assert!(text.contains("panicked at"), "{text}");
        assert_given_back(&text);
    }
    assert_eq!(project.status("quick"), "running");
    tell(
        "a_panic_on_any_thread_ends_the_laboratory",
        &format!(
            "{cases} panics on a thread of the laboratory: each ended it with 101, told where, and gave the terminal back; the run went on"
        ),
    );
}
