//! The verbs of the command line, each as a user types it.

use crate::project::Project;
use std::fs;
use std::net::TcpListener;

#[test]
fn init_writes_a_file_that_check_finds_right_and_never_overwrites_one() {
    let project = Project::untrained();
    let err = project.run("check").bad();
    assert!(err.contains("`mocolab init` writes one"), "{err}");
    assert!(project.run("init").good().contains("wrote `experiments.toml`"));
    let out = project.run("check").good();
    assert!(out.contains("is right: 2 experiments") && out.contains("quick"), "{out}");

    fs::write(project.path("experiments.toml"), "mine").unwrap();
    assert!(project.run("init").bad().contains("was left as it is"));
    assert_eq!(fs::read_to_string(project.path("experiments.toml")).unwrap(), "mine");
    project.run("init --force").good();
    project.run("check").good();
}

#[test]
fn check_names_file_and_line_of_every_error() {
    let text = "[experiment.a.supervised]\nepoch = 3\nlr = 0\n\n[experiment.b.supervised]\narch = \"resnet9\"\n";
    let project = Project::new(text);
    let err = project.run("check").bad();
    for words in ["experiments.toml:2:1", "did you mean `epochs`?", "experiments.toml:3:", "experiments.toml:6:"] {
        assert!(err.contains(words), "no {words} in\n{err}");
    }
    // Nothing is started from a file with an error, and no run is made.
    assert!(project.run("start b --device cpu").bad().contains("experiments.toml:6:"));
    assert_eq!(project.json("ls --json"), serde_json::json!([]));
    assert!(!project.path("runs").exists());
}

#[test]
fn a_run_from_start_to_done() {
    let project = Project::quick();
    assert!(project.run("ls").good().contains("no runs yet"));
    let out = project.run("start quick --device cpu --wait").good();
    for words in ["epoch 1/3", "epoch 2/3", "epoch 3/3", "val macro", "is done after"] {
        assert!(out.contains(words), "no {words} in\n{out}");
    }
    let list = project.run("ls").good();
    assert!(list.contains("✓ done") && list.contains("3/3") && list.contains("100%"), "{list}");

    let run = project.summary("quick");
    assert_eq!(run["status"], "done");
    assert_eq!(
        (&run["step"], &run["steps"], &run["epoch"], &run["attempt"]),
        (&30.into(), &30.into(), &3.into(), &1.into())
    );
    assert_eq!(run["devices"], serde_json::json!(["cpu"]));
    assert!(run["seconds_left"].is_null() && run["cause"].is_null());

    let show = project.run("show quick").good();
    for words in ["train/loss over steps", "val/macro_accuracy over steps", "val after epoch 3", "circle"] {
        assert!(show.contains(words), "no {words} in\n{show}");
    }
    let details = project.json("show quick --json");
    assert_eq!(details["curves"]["val/loss"].as_array().unwrap().len(), 3);
    assert!(details["curves"]["train/loss"].as_array().unwrap().len() >= 30, "{}", details["curves"]["train/loss"]);
    assert_eq!(details["finished"]["outcome"], "done");
    assert_eq!(details["experiment"]["recipe"]["supervised"]["arch"], "resnet8");

    let logs = project.run("logs quick").good();
    assert_eq!(logs.lines().last(), Some("epoch 3 of 3"), "{logs}");
    assert_eq!(project.run("logs quick --lines 1").good(), "epoch 3 of 3\n");
    assert!(project.run("stop quick").bad().contains("there is nothing to stop"));
    assert!(project.run("resume quick").bad().contains("there is nothing to resume"));
}

#[test]
fn variants_are_trained_one_after_another() {
    let project = Project::new("[experiment.a]\ndata = \"shapes\"\nseed = [1, 2]\n[experiment.a.supervised]\n")
        .with("FAKE_STEPS", "1");
    let project = project.with("FAKE_STEP_MS", "1");
    let err = project.run("start a --device cpu").bad();
    assert!(err.contains("has 2 variants") && err.contains("--wait"), "{err}");
    project.run("start a --device cpu --wait").good();
    let runs = project.json("ls --json");
    let states: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "done"]);
    assert_ne!(runs[0]["experiment"], runs[1]["experiment"]);
}

#[test]
fn what_there_is_not_is_said_with_what_there_is() {
    let project = Project::quick();
    let err = project.run("start quik --device cpu").bad();
    assert!(err.contains("quik") && err.contains("quick"), "{err}");
    assert!(project.run("show quick").bad().contains("holds no runs yet"));
    project.run("start quick --device cpu --wait").good();
    assert!(project.run("show quik").bad().contains("did you mean `quick/"));
    // Without a terminal the laboratory says what to use in its place.
    assert!(project.run("").bad().contains("needs a terminal"));
    assert!(project.run("devices").good().starts_with("cpu"));
    assert!(project.run("settings").good().contains("epochs = 100"));
}

#[test]
fn settings_are_printed_of_one_recipe_or_one_preset() {
    let project = Project::untrained();
    let probe = project.run("settings probe").good();
    assert!(probe.starts_with("[experiment.NAME.probe]") && probe.contains("train_fraction = 1.0"), "{probe}");
    assert!(!probe.contains("key_momentum") && !probe.contains("threads"), "{probe}");
    let err = project.run("settings moko").bad();
    assert!(err.contains("no recipe `moko`; did you mean `moco`? there are: supervised, moco, probe"), "{err}");
    let preset = project.run("settings --preset v2plus").good();
    assert!(preset.contains("preset = \"v2plus\"") && preset.parse::<toml::Table>().is_ok(), "{preset}");
    assert_eq!(project.run("settings moco --preset v2plus").good(), preset);
    let err = project.run("settings probe --preset course").bad();
    assert!(err.contains("`probe` has no presets") && err.contains("course"), "{err}");
    let err = project.run("settings --preset fair-cifa").bad();
    assert!(err.contains("did you mean `fair-cifar`?"), "{err}");
    // What is printed can be pasted.
    fs::write(project.path("experiments.toml"), format!("[experiment.m.moco]\n{preset}")).unwrap();
    project.run("check").good();
}

#[test]
fn logs_that_are_followed_end_with_the_run() {
    let project = Project::quick().with("FAKE_STEP_MS", "40");
    project.start("quick");
    let ended = project.run("logs -f quick");
    assert_eq!(project.status("quick"), "done", "it ends no sooner than the run");
    let expected = ["a fake trainer, attempt 1", "epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"];
    assert_eq!(ended.good().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::quick();
    project.run("start quick --device cpu --wait").good();
    for line in ["ls", "ls --json", "show quick", "logs quick", "settings", "check"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = project.mocolab(line).stdout(writer).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.is_empty(), "{line}: {err}");
    }
}

#[test]
fn a_download_that_is_not_what_was_promised_leaves_nothing() {
    let project = Project::quick();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = server.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = server.accept() {
            use std::io::{BufRead, BufReader, Write};
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlies");
        }
    });
    let sum = "0".repeat(64);
    let get = format!("data get cifar10 --into there --url http://{place}/a.tar.gz --sha256 {sum}");
    let err = project.run(&get).bad();
    assert!(err.contains(&format!("expected `{sum}`; nothing was kept")), "{err}");
    let names =
        fs::read_dir(project.path("there")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    // Locks stay: a file that is removed can't keep two programs apart.
    let left: Vec<String> = names.filter(|name| !name.contains(".lock")).collect();
    assert_eq!(left, [""; 0]);
    assert_eq!(project.run("data get imagenet").code, Some(2), "only what is known");
}

/// What a shell is told that a line of these words may go on with, the last of them begun.
fn completed(project: &Project, words: &[&str]) -> Vec<String> {
    let mut command = project.command(env!("CARGO_BIN_EXE_mocolab"));
    command.env("MOCOLAB_COMPLETE", "bash").env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.args(["--", "mocolab"]).args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn tab_completes_verbs_experiments_and_runs() {
    let project = Project::quick();
    project.run("start quick --wait").good();
    let run = project.latest("quick").label();
    assert_eq!(completed(&project, &["pl"]), ["plot"]);
    assert_eq!(completed(&project, &["start", "q"]), ["quick"]);
    assert_eq!(completed(&project, &["show", "quick/"]), [run.as_str()]);
    assert!(completed(&project, &["export", "weights", ""]).contains(&"quick".to_owned()));
    assert!(completed(&project, &["show", "quick", "--"]).contains(&"--tsne".to_owned()));
    for words in [&["--file", "nowhere/x.toml", "start", "q"][..], &["--file=nowhere/x.toml", "start", "q"]] {
        assert!(completed(&project, words).is_empty(), "{words:?}");
    }
    for (shell, line) in [("bash", "complete "), ("zsh", "#compdef mocolab"), ("fish", "complete ")] {
        let lines = project.run(&format!("completions {shell}")).good();
        assert!(lines.contains(line) && lines.contains("COMPLETE"), "{lines}");
    }
}

/// In a real bash, with the keys of a user.
#[test]
fn bash_completes_the_name_of_a_run() {
    let project = Project::quick();
    project.run("start quick --wait").good();
    let script = "source <(mocolab completions bash); COMP_WORDS=(mocolab show qui); COMP_CWORD=2; COMP_TYPE=9; \
                  $(complete -p mocolab | sed 's/.*-F \\([^ ]*\\).*/\\1/') mocolab qui show; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_mocolab")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = project.command("bash").args(["-c", script]).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.lines().any(|line| line.trim() == "quick"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let project = Project::quick();
    let page = project.run("man").good();
    assert!(page.contains(".TH") && page.contains("Exit status"), "{page}");
    let said = project.run("man --out pages").good();
    let pages: Vec<String> = fs::read_dir(project.path("pages"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(said.contains(&format!("wrote {} pages", pages.len())), "{said}");
    for page in ["mocolab.1", "mocolab-start.1", "mocolab-export-weights.1", "mocolab-bench-train.1"] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    assert!(!pages.iter().any(|name| name.contains("launch") || name.contains("agent")), "what is hidden has none");
    if std::process::Command::new("man").arg("--version").output().is_ok() {
        let read =
            project.command("man").arg(project.path("pages/mocolab-start.1")).env("MANPAGER", "cat").output().unwrap();
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.contains("mocolab") && read.to_lowercase().contains("synopsis"), "{read}");
    } else {
        eprintln!("SKIPPED: no `man` to read the pages with");
    }
}
