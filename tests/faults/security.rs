//! A folder of runs into which somebody else can write: nothing in it reaches the terminal as a command, writes a line of its own
//! into a list, is run in the name of the one who looks, leads out of the folder, or holds anybody up.

use super::{SMALL, count, files, tell};
use crate::project::{Ended, Project, poll};
use crate::screen::{Screen, tmux_is_missing};
use crate::training::project_of;
use crate::upgrade::recorded;
use mocolab::run::{Job, Ticket, boot_id, host, process_start};
use mocolab::status::Lock;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a name, a note or a log may hold: a title for the terminal, a screen that is cleared, a mouse that is asked for, text that
/// runs the other way or can't be seen, a line of its own, markup.
const POISON: &str = "x\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\r\u{202e}\u{200b}\u{2066}\u{e0041}\nFORGED line\n<script>alert(1)</script>[a](javascript:1)";
/// Everything that prints something of runs.
const VERBS: [&str; 22] = [
    "ls",
    "ls --json",
    "show base",
    "show base --json",
    "show base --tsne",
    "show failed",
    "plot base",
    "plot base resumed --out curves.svg",
    "compare base resumed",
    "compare base resumed --json",
    "logs base --lines 20",
    "queue",
    "queue --json",
    "embed base",
    "report --out report",
    "report --json",
    "export metrics base",
    "export wandb base",
    "export tensorboard base",
    "doctor --json",
    "start base --dry-run",
    "resume failed",
];

/// mocolab, ended where it takes longer than anybody waits, and within 3 GB.
fn within(project: &Project, line: &str) -> Ended {
    let mut shell = project.command("sh");
    shell.args(["-c", "ulimit -v 3000000; exec timeout 60 \"$@\"", "sh", env!("CARGO_BIN_EXE_mocolab")]);
    let ended: Ended = shell.args(line.split(' ')).output().unwrap().into();
    assert!(ended.code.is_some_and(|code| code < 100), "`{line}` hangs or panics: {:?} {}", ended.code, ended.err);
    ended
}

/// A laboratory on such runs is whole: nothing has cleared the screen, begun a line or changed the title.
fn see(project: &Project) {
    if tmux_is_missing() {
        return;
    }
    let screen = Screen::laboratory(project, 120, 40);
    screen.wait_for("✓ done");
    let title = screen.title();
    for keys in [&["g", "Enter"][..], &["2"], &["3"], &["4"], &["5"], &["6"], &["7"], &["8"], &["Escape"]] {
        screen.press(keys);
        screen.wait_until("a whole screen", |screen| {
            let text = screen.text();
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            assert!(!lines.iter().any(|line| line.starts_with("FORGED")), "{text}");
            lines.len() > 3 && lines.last().is_some_and(|keys| keys.contains("help"))
        });
    }
    assert_eq!(screen.title(), title);
    screen.kill();
}

/// Adds the poison to every text in `value`, but to those that say what it is.
fn poison(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !["kind", "outcome", "wish", "executor", "crc", "split", "host"].contains(&key) => {
            text.push_str(POISON);
        }
        Value::Array(all) => all.iter_mut().for_each(|value| poison(value, key)),
        Value::Object(all) => all.iter_mut().for_each(|(key, value)| poison(value, key)),
        _ => {}
    }
}

/// A line of a record with its texts poisoned and its checksum right.
fn poisoned(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    value.as_object_mut().unwrap().remove("crc");
    poison(&mut value, "");
    let head = format!("{{\"v\":{},\"attempt\":{}", value["v"], value["attempt"]);
    for key in ["v", "attempt"] {
        value.as_object_mut().unwrap().remove(key);
    }
    let body = format!("{head},{}", &value.to_string().trim_end_matches('}')[1..]);
    // As many brackets as it takes, but the last.
    let open = value.to_string().len() - value.to_string().trim_end_matches('}').len() - 1;
    let body = format!("{body}{}", "}".repeat(open));
    format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()))
}

#[test]
fn what_runs_say_of_themselves_is_never_obeyed() {
    let project = recorded("v1");
    let mut changed = 0;
    for file in files(&project.path("runs")) {
        let (name, Ok(text)) = (file.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&file)) else {
            continue;
        };
        let is_record = name == "events.jsonl";
        let new = if is_record {
            text.lines().map(poisoned).collect()
        } else if file.extension().is_some_and(|ending| ending == "json") {
            let mut value: Value = serde_json::from_str(&text).unwrap();
            poison(&mut value, "");
            value.to_string()
        } else if name == "output.log" {
            format!("{text}{POISON}\n")
        } else {
            continue;
        };
        fs::write(&file, new).unwrap();
        changed += 1;
    }
    let base = project.latest("base");
    base.change_notes(|notes| (notes.note, notes.tags) = (POISON.into(), vec![POISON.into()])).unwrap();
    see(&project);
    let mut looked = 0;
    for line in VERBS.iter().copied().chain([
        "show base --note x\u{1b}[2J",
        "--theme \u{1b}]0;x\u{7}",
        "show \u{1b}[2J",
        "nonsense\u{202e}",
    ]) {
        let ended = within(&project, line);
        let all = ended.out + &ended.err;
        let obeyed = |c: char| (c.is_control() && c != '\n') || !mocolab::text::is_shown(c);
        assert!(!all.contains(obeyed), "`{line}` prints {:?}", all.chars().filter(|c| obeyed(*c)).collect::<String>());
        // A log is a log, and a note may be of several lines.
        let may = ["logs", "show base --n"].iter().any(|verb| line.starts_with(verb));
        assert!(
            may || !all.lines().any(|line| line.starts_with("FORGED")),
            "`{line}` prints a line of somebody else's:\n{all}"
        );
        looked += 1;
    }
    for page in ["report/index.html", "report/report.md"] {
        let text = fs::read_to_string(project.path(page)).unwrap().replace("\\<", "&lt;");
        let bad = text.lines().find(|line| line.contains("<script") || line.contains("href=\"javascript"));
        assert!(bad.is_none(), "{page}: {bad:?}");
    }
    tell(
        "what_runs_say_of_themselves_is_never_obeyed",
        &format!(
            "{changed} files of recorded runs with escapes, marks of direction and lines in every text; {looked} commands, no control character, no forged line"
        ),
    );
}

#[test]
fn names_that_a_shell_would_read_are_no_runs() {
    let project = recorded("v1");
    let base = project.latest("base");
    let names = ["$(touch pwned)", "a b", "x\u{1b}[2J", "-rf", "a;b", "a\nb"];
    for name in names {
        let beside = base.path().parent().unwrap().join(name);
        fs::create_dir(&beside).unwrap();
        fs::copy(base.experiment(), beside.join("experiment.toml")).unwrap();
    }
    let listed = project.json("ls base --json");
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert!(
        listed.iter().all(|name| !["$", ";", " ", "\n", "\u{1b}"].iter().any(|bad| name.contains(bad))),
        "{listed:?}"
    );
    let told = project.run("ls");
    // A dash is no danger behind the name of an experiment.
    let forged = |line: &&str| !(line.starts_with("'base/") && line.contains("is passed over"));
    assert_eq!((told.err.lines().count(), told.err.lines().find(forged)), (names.len() - 1, None), "{}", told.err);
    let err = project.mocolab("show").arg(base.path().parent().unwrap().join("$(touch pwned)")).output().unwrap();
    assert!(!err.status.success() && String::from_utf8_lossy(&err.stderr).contains("is not named as a run is"));
}

#[test]
fn pipes_links_and_giants_hold_nobody_up() {
    let project = recorded("v1");
    let (base, secret) = (project.latest("base"), project.path("secret"));
    fs::write(&secret, "SECRET-OF-SOMEBODY").unwrap();
    let names = [
        "job.json",
        "events.jsonl",
        "lock",
        "notes.json",
        "ticket.json",
        "request.json",
        "heartbeat",
        "experiment.toml",
        "output.log",
        "source.json",
        "hooks.json",
    ];
    let (mut cases, mut commands) = (0, 0);
    for (at, name) in names.iter().enumerate() {
        let path = base.path().join(name);
        let kept = fs::read(&path).ok();
        for kind in 0..3 {
            let _ = fs::remove_file(&path);
            match kind {
                0 => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                1 => symlink(&secret, &path).unwrap(),
                _ => File::create(&path).and_then(|file| file.set_len(20 << 30)).unwrap(),
            }
            // All verbs for each file in the full count, one after another in the sample.
            let some =
                VERBS.iter().enumerate().filter(|(number, _)| count(u64::from((at + kind) % 4 == number % 4), 1) > 0);
            for (_, line) in some.filter(|(_, line)| !line.starts_with("resume")) {
                let ended = within(&project, line);
                assert!(!ended.out.contains("SECRET-OF") && !ended.err.contains("SECRET-OF"), "{name}: `{line}`");
                if line.starts_with("ls") {
                    assert!(ended.out.contains("stopped"), "{name}: other runs are hidden: {}", ended.out);
                }
                commands += 1;
            }
            cases += 1;
        }
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = kept {
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "SECRET-OF-SOMEBODY");
    tell(
        "pipes_links_and_giants_hold_nobody_up",
        &format!(
            "{cases} files replaced by a pipe, a link or 20 GiB of zeros; {commands} commands within 3 GB, none held up"
        ),
    );
}

#[test]
fn a_run_of_somebody_else_is_looked_at_and_no_more() {
    let project = Project::endless();
    let run = project.start("quick");
    kill_process(crate::processes::trainer(&run), Signal::KILL).unwrap();
    project.wait_for("quick", "crashed");
    let ticket =
        Ticket { after: run.read_job().unwrap().unwrap().attempt, device: Some("cpu".into()), ..Ticket::default() };
    run.write_ticket(&ticket).unwrap();
    if chown(run.path(), Some(65534), None).is_err() {
        eprintln!("SKIPPED: only root can give a run to somebody else");
        return;
    }
    let queue = project.run("queue").good();
    assert!(!queue.contains("quick"), "{queue}");
    run.leave_queue().unwrap();
    let err = project.run("resume quick --device cpu").bad();
    assert!(err.contains("belongs to another user (uid 65534)"), "{err}");
    // A process of this user's that the run says is its own.
    let mut bystander = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
    let pid = bystander.id();
    let job = Job {
        pid,
        process_start: process_start(pid).unwrap(),
        boot_id: boot_id(),
        host: host(),
        ..run.read_job().unwrap().unwrap()
    };
    run.write_job(&job).unwrap();
    fs::remove_file(run.lock()).unwrap();
    assert_eq!(run.probe(), Lock::Held, "as far as can be seen, it lives");
    for line in ["stop quick", "stop quick --now", "pause quick"] {
        let err = project.run(line).bad();
        assert!(err.contains("belongs to another user (uid 65534)"), "`{line}`: {err}");
    }
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander lives");
    assert!(project.run("show quick").good().contains("quick/"));
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn folders_of_runs_are_private_until_they_are_shared() {
    let project = Project::quick();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    project.run("start quick --device cpu --wait").good();
    let run = project.latest("quick");
    assert_eq!(
        [project.path("runs"), run.path().to_owned(), run.path().parent().unwrap().to_owned()].map(|path| mode(&path)),
        [0o700; 3]
    );
    project.run("--shared start quick --device cpu --wait --force").good();
    let newer = project.latest("quick");
    assert_ne!(newer, run);
    for folder in [&project.path("runs"), run.path(), newer.path(), &run.checkpoints(), &newer.checkpoints()] {
        assert!(!folder.exists() || mode(folder) & 0o2057 == 0o2050, "{}: {:o}", folder.display(), mode(folder));
    }
    assert!(project.run("--shared --read-only").bad().contains("leave one out"));
}

#[test]
fn a_trainer_follows_no_link() {
    let project = project_of(&format!("[experiment.base.supervised]\n{SMALL}"));
    let run = project.start("base");
    poll("a step", || (project.summary("base")["step"].as_u64()? > 0).then_some(()));
    kill_process(crate::processes::trainer(&run), Signal::KILL).unwrap();
    project.wait_for("base", "crashed");
    let precious = project.path("precious");
    fs::write(&precious, "precious").unwrap();
    let attempt = || run.read_job().unwrap().unwrap().attempt;
    // Without a heart it trains on; without a log it isn't started.
    for (file, starts) in [(run.heartbeat(), true), (run.output(), false)] {
        let (kept, before) = (fs::read(&file).unwrap(), attempt());
        fs::remove_file(&file).unwrap();
        symlink(&precious, &file).unwrap();
        let ended = project.run("resume base --device cpu");
        assert_eq!((attempt() > before, ended.code == Some(0)), (starts, starts), "{}: {}", file.display(), ended.err);
        if starts {
            poll("a further step", || (project.status("base") == "running").then_some(()));
            kill_process(crate::processes::trainer(&run), Signal::KILL).unwrap();
            project.wait_for("base", "crashed");
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious", "{}", file.display());
        fs::remove_file(&file).unwrap();
        fs::write(&file, kept).unwrap();
    }
    project.run("resume base --device cpu --wait").good();
}

/// What is read of a run is checked for what it is; a folder is no run because it says so.
#[test]
fn what_the_record_names_lies_in_the_run() {
    let project = recorded("v1");
    let base = project.latest("base");
    let outside = project.path("private.png");
    image::RgbImage::new(8, 8).save(&outside).unwrap();
    let marked = [fs::read(&outside).unwrap(), b"PRIVATE-BYTES".to_vec()].concat();
    fs::write(&outside, &marked).unwrap();
    for name in
        [outside.to_str().unwrap().to_owned(), "pictures/../../../../private.png".into(), "../../../private.png".into()]
    {
        let event = json!({"v": 1, "attempt": 1});
        let body = format!(
            "{{\"v\":{},\"attempt\":{},\"seq\":999,\"t\":1793520000.0,\"kind\":\"picture\",\"name\":\"views\",\"file\":{},\"epoch\":1,\"step\":1",
            event["v"],
            event["attempt"],
            json!(name)
        );
        let line = format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()));
        let record = fs::read_to_string(base.events()).unwrap();
        fs::write(base.events(), format!("{record}{line}")).unwrap();
    }
    assert_eq!(project.summary("base")["damaged_lines"], 0, "the lines are whole");
    project.run("export tensorboard base").good();
    let found = files(&project.path(""))
        .into_iter()
        .any(|file| file != outside && fs::read(&file).unwrap().windows(13).any(|part| part == b"PRIVATE-BYTES"));
    assert!(!found, "a file from outside the run is in the export");
}
