//! The laboratory in a real terminal, with the fake trainer.

use crate::fake_train;
use crate::project::{Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use std::fs;

/// The number of the epoch in the row of the running run: `3/40`.
fn epoch(screen: &Screen) -> Option<u64> {
    screen.row("running")?.get(4)?.split_once('/')?.0.parse().ok()
}

/// Presses `s` on the first experiment and takes the CPU.
fn start(screen: &Screen) {
    screen.wait_for("not run yet");
    screen.press(&["s"]);
    screen.wait_for("start quick: where?");
    screen.wait_until("the devices", |screen| {
        screen.text().lines().any(|line| line.contains("│ > ") || line.contains("│   cpu"))
    });
    // The CPU is the first row; where there is a GPU another one is chosen.
    screen.press(&["k", "Enter"]);
    screen.wait_for("● running");
}

/// Starts a run, watches it, opens it, stops it, leaves.
fn story(width: u16, height: u16) {
    if tmux_is_missing() {
        return;
    }
    let epochs = "[experiment.quick]\ndata = \"shapes\"\n[experiment.quick.supervised]\nepochs = 500\n";
    let project = Project::new(epochs).with("FAKE_STEP_MS", "25");
    let screen = Screen::laboratory(&project, width, height);
    start(&screen);

    let first = screen.find("an epoch", |screen| epoch(screen).filter(|epoch| *epoch > 0));
    screen.wait_until("two more epochs", |screen| epoch(screen) >= Some(first + 2));
    let row =
        screen.find("the run's figures", |screen| screen.row("running").filter(|row| Screen::figures(row).is_some()));
    assert_eq!(row[3], "cpu");

    screen.press(&["Enter"]);
    screen.wait_for("macro accuracy");
    screen.wait_for("epoch 2 of 500");
    for words in ["loss", "learning rate", "images/s", "log", "train ", "val "] {
        assert!(screen.text().contains(words), "no {words} on\n{}", screen.text());
    }
    screen.press(&["?"]);
    screen.wait_for("on this screen (run)");
    screen.press(&["Escape"]);
    screen.wait_without("on this screen");
    screen.press(&["Escape"]);
    screen.wait_for("STATUS");

    // The run that was started here is the one chosen.
    screen.press(&["x"]);
    screen.wait_for("stop quick/");
    screen.press(&["Enter"]);
    screen.wait_for("■ stopped");
    assert_eq!(project.status("quick"), "stopped");
    screen.press(&["q"]);
    screen.wait_for_shell();
}

#[test]
fn a_story_at_80x24() {
    story(80, 24);
}

#[test]
fn a_story_at_120x40() {
    story(120, 40);
}

#[test]
fn a_terminal_that_dies_takes_no_run_along() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::endless();
    let screen = Screen::laboratory(&project, 80, 24);
    start(&screen);
    screen.kill();
    let before = project.summary("quick")["step"].as_u64().unwrap();
    poll("further steps", || (project.summary("quick")["step"].as_u64()? > before + 10).then_some(()));
    assert_eq!(project.status("quick"), "running");

    let screen = Screen::laboratory(&project, 80, 24);
    screen.wait_for("● running");
    screen.wait_for("1 live, 1 run");
    // `start --wait` in a terminal that dies is no different.
    screen.press(&["q"]);
    screen.wait_for_shell();
    project.run("stop quick --now").good();
    screen.type_line(&format!("{} start quick --device cpu --wait", env!("CARGO_BIN_EXE_mocolab")));
    project.wait_for("quick", "running");
    screen.kill();
    let before = project.summary("quick")["step"].as_u64().unwrap();
    poll("further steps", || (project.summary("quick")["step"].as_u64()? > before + 10).then_some(()));
}

#[test]
fn any_size_of_the_terminal_is_borne() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::endless();
    let screen = Screen::laboratory(&project, 80, 24);
    start(&screen);
    for opened in [false, true] {
        if opened {
            screen.press(&["Enter"]);
            screen.wait_for("macro accuracy");
        }
        for (width, height) in [(20, 5), (1, 1), (2, 40), (200, 2), (200, 50)] {
            screen.resize(width, height);
            screen.press(&["?", "?", "j", "k"]);
            assert!(screen.is_alternate(), "at {width}x{height}");
        }
        // It still answers.
        screen.press(&["?"]);
        screen.wait_for("on this screen");
        screen.press(&["?"]);
        screen.wait_without("on this screen");
        screen.resize(80, 24);
        screen.wait_for("● running");
    }
    // Nothing is to be seen on one character, but keys do what they do.
    assert_eq!(project.status("quick"), "running");
    screen.resize(1, 1);
    screen.press(&["x", "Enter"]);
    project.wait_for("quick", "stopped");
    screen.resize(80, 24);
    screen.wait_for("■ stopped");
    screen.press(&["q"]);
    screen.wait_for_shell();
}

#[test]
fn an_error_in_the_file_is_shown_at_its_line_until_it_is_mended() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::quick();
    let file = project.path("experiments.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("epochs", "epoch")).unwrap();
    let screen = Screen::laboratory(&project, 80, 24);
    screen.wait_for("experiments.toml:4:1");
    screen.wait_for("did you mean `epochs`?");
    fs::write(&file, &good).unwrap();
    screen.wait_without("did you mean");
    screen.wait_for("not run yet");
    // And the other way round, with the runs still there.
    project.run("start quick --device cpu --wait").good();
    screen.wait_for("✓ done");
    fs::write(&file, good.replace("resnet8", "resnet9")).unwrap();
    screen.wait_for("resnet9\"` is not allowed");
    screen.wait_for("✓ done");
    screen.press(&["q"]);
    screen.wait_for_shell();
}

/// From an empty folder: a file, two runs, both side by side, a note, the trash and back.
#[test]
fn from_nothing_to_a_compared_pair() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::untrained().with("MOCOLAB_TRAIN", fake_train::program()).with("FAKE_STEP_MS", "1");
    project.run("init").good();
    let screen = Screen::laboratory(&project, 80, 24);
    for runs in ["1 run", "2 runs"] {
        screen.press(&["g"]);
        screen.wait_for("quick  supervised");
        screen.press(&["s"]);
        screen.wait_until("the devices", |screen| screen.text().contains("│ > "));
        screen.press(&["k", "Enter"]);
        screen.wait_for(runs);
        screen.wait_without("● running");
        screen.wait_for("✓ done");
    }
    screen.press(&["g", "Space"]);
    screen.wait_for("2 marked");
    screen.press(&["4"]);
    screen.wait_for("[curves]");
    screen.wait_for(" A ✓ ");
    screen.wait_for(" B ✓ ");
    screen.press(&["p"]);
    screen.wait_for("[settings]");
    screen.wait_for("no setting differs");
    screen.press(&["p"]);
    screen.wait_for("[bests]");
    screen.wait_for("val/macro_accuracy");
    screen.press(&["p"]);
    screen.wait_for("A less B");

    screen.press(&["Escape"]);
    screen.wait_for("STATUS");
    screen.press(&["j", "e"]);
    screen.wait_for("note on quick/");
    screen.press(&["-l", "a first try"]);
    screen.press(&["Enter"]);
    screen.wait_for("noted of quick/");
    screen.press(&["/"]);
    screen.press(&["-l", "has:note"]);
    screen.press(&["Enter"]);
    screen.wait_for("1 of 2 runs");
    screen.press(&["Escape"]);
    screen.wait_without("has:note");
    screen.press(&["D"]);
    screen.wait_for("into the trash?");
    screen.press(&["Enter"]);
    screen.wait_for("is in the trash");
    screen.wait_for(" 1 run ");
    screen.press(&["u"]);
    screen.wait_for("is back");
    screen.wait_for(" 2 runs ");
    screen.press(&["q"]);
    screen.wait_for_shell();
}

/// Opens the start dialogue with the cursor on the CPU.
fn ask(screen: &Screen) {
    screen.press(&["s"]);
    screen.wait_for("start quick: where?");
    screen.wait_until("the devices", |screen| {
        screen.text().lines().any(|line| line.contains("│ > ") || line.contains("│   cpu"))
    });
    screen.press(&["k"]);
}

#[test]
fn two_laboratories_that_start_the_same_at_the_same_moment_start_one_run_and_both_show_it() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::quick().with("FAKE_STEPS", "100000");
    let screens = [Screen::laboratory(&project, 80, 24), Screen::laboratory(&project, 80, 24)];
    for screen in &screens {
        screen.wait_for("not run yet");
    }
    // Five seconds each: MOCOLAB_ROUNDS=100 for the full count.
    let rounds = std::env::var("MOCOLAB_ROUNDS").map_or(8, |text| text.parse().unwrap());
    for round in 1..=rounds {
        screens.iter().for_each(ask);
        std::thread::scope(|scope| {
            for screen in &screens {
                scope.spawn(|| screen.press(&["Enter"]));
            }
        });
        for screen in &screens {
            screen.wait_for("● running");
            screen.wait_for("1 live");
        }
        let told = screens.iter().filter(|screen| screen.text().contains("already: no other is started")).count();
        assert_eq!(told, 1, "{}\n{}", screens[0].text(), screens[1].text());
        assert_eq!(project.json("ls --json").as_array().unwrap().len(), round, "one run a round");
        // Seen to be there, a second one is a request.
        ask(&screens[0]);
        screens[0].wait_for("this is a second one");
        screens[0].press(&["Escape"]);
        project.run("stop quick --now").good();
        for screen in &screens {
            screen.wait_without("● running");
        }
    }
}

#[test]
fn a_worker_that_is_killed_is_on_the_screen_as_crashed_within_a_second() {
    if tmux_is_missing() {
        return;
    }
    let project = Project::endless();
    let screen = Screen::laboratory(&project, 80, 24);
    start(&screen);
    let run = project.latest("quick");
    rustix::process::kill_process(crate::processes::trainer(&run), rustix::process::Signal::KILL).unwrap();
    let killed = std::time::Instant::now();
    screen.wait_for("! crashed");
    eprintln!("shown after {:.2} s", killed.elapsed().as_secs_f64());
    assert!(killed.elapsed().as_secs_f64() < 3.0, "{:?}", killed.elapsed());
}
