//! The walls of the house (`ARCHITECTURE.md`): which part of `src/` may name which crates, modules and files. Cargo can't
//! keep them, since all targets of a package see all its dependencies.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Something a source file names, outside comments and tests.
#[derive(Debug, Clone, PartialEq)]
enum Named {
    /// A path, `std::fs::read`, as written; those of a `use` with braces are written out.
    Path(String),
    /// A text in quotes.
    Text(String),
}

/// A wall: what the files for which `holds` is true must not name.
struct Wall {
    about: &'static str,
    holds: fn(&str) -> bool,
    never: &'static [&'static str],
}

const TERMINAL: &[&str] = &["ratatui", "crossterm", "tokio", "futures", "indicatif", "textplots"];
const TRAINER: &[&str] = &["tch", "libloading"];
const VALUES: &[&str] =
    &["embedding", "experiment", "event", "figure", "metrics", "preview", "schedule", "curve", "random", "text"];
const RULES: &[&str] = &["config", "state", "status", "compare", "queue"];
const WORLD: &[&str] = &["crate::run", "crate::device", "crate::executor", "crate::data", "crate::survival"];

const WALLS: &[Wall] = &[
    Wall { about: "only the terminal program knows a terminal", holds: |file| !of_terminal(file), never: TERMINAL },
    Wall { about: "only the trainer knows libtorch", holds: |file| !of_trainer(file), never: TRAINER },
    Wall {
        about: "only the trainer, and what lets all outlive a limit, take over signals",
        holds: |file| !of_trainer(file) && file != "src/survival/limit.rs",
        never: &["signal_hook"],
    },
    Wall {
        about: "a thread that the system does not give is an error, not a panic",
        holds: |_| true,
        never: &["std::thread::spawn", "thread::spawn"],
    },
    Wall { about: "the library has errors of its own", holds: of_library, never: &["anyhow", "clap"] },
    Wall {
        about: "values and rules know no files, clocks, threads, processes, environment",
        holds: |file| module_is(file, VALUES) || module_is(file, RULES),
        never: &[
            "std::fs",
            "std::thread",
            "std::process",
            "std::env",
            "std::net",
            "std::time::Instant",
            "std::time::SystemTime",
            "jiff",
            "rustix",
        ],
    },
    Wall {
        about: "values and rules do not know the world",
        holds: |file| module_is(file, VALUES) || module_is(file, RULES),
        never: WORLD,
    },
    Wall {
        about: "values do not know rules",
        holds: |file| module_is(file, VALUES),
        never: &["crate::config", "crate::state", "crate::status", "crate::compare"],
    },
    Wall {
        about: "what the screen shows and decides is pure",
        holds: |file| {
            let rooms = [
                "model", "view", "keys", "theme", "list", "chart", "board", "look", "log", "palette", "input",
                "figures", "map",
            ];
            rooms.iter().any(|room| file.strip_prefix("src/ui/").is_some_and(|rest| rest.starts_with(room)))
        },
        never: &["std::fs", "std::thread", "std::process", "std::time::Instant", "std::time::SystemTime", "tokio"],
    },
];

/// Files of a run: only `src/run*` knows their names. (`checkpoints` is a word with other uses.)
const FILES: &[&str] = &[
    "experiment.toml",
    "source.json",
    "events.jsonl",
    "events.torn",
    "output.log",
    "lock",
    "job.json",
    "request.json",
    "heartbeat",
    "notes.json",
];

fn of_trainer(file: &str) -> bool {
    file.starts_with("src/train/")
}

fn of_terminal(file: &str) -> bool {
    module_is(file, &["main", "cli", "ui", "picture", "project", "report", "sight"])
}

fn of_library(file: &str) -> bool {
    !of_trainer(file) && !of_terminal(file)
}

/// Whether `file` is one of the top modules, or lies in one.
fn module_is(file: &str, modules: &[&str]) -> bool {
    let module = file.strip_prefix("src/").and_then(|rest| rest.split(['/', '.']).next());
    module.is_some_and(|module| modules.contains(&module))
}

/// All that `source` names, with its line. What stands under `#[cfg(test)]` doesn't count, nor do comments.
fn named(source: &str) -> Vec<(usize, Named)> {
    let mut found = Vec::new();
    collect(source.parse().unwrap(), "", &mut found);
    found
}

fn collect(tokens: TokenStream, prefix: &str, found: &mut Vec<(usize, Named)>) {
    let mut path = String::new();
    let mut tokens = tokens.into_iter().peekable();
    // A group after `a::` is a `use` with braces: the names in it begin with `a::`.
    while let Some(token) = tokens.next() {
        let line = token.span().start().line;
        match token {
            TokenTree::Ident(ident) => {
                if !path.ends_with("::") {
                    prefix.clone_into(&mut path);
                }
                path += &ident.to_string();
                let more = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == proc_macro2::Spacing::Joint);
                if !more {
                    found.push((line, Named::Path(std::mem::take(&mut path))));
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => path.push(':'),
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                path.clear();
                tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!'));
                let attribute = tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
                match attribute.map(|attribute| attribute.to_string().replace(' ', "")) {
                    Some(text) if text == "[cfg(test)]" => skip_item(&mut tokens),
                    Some(text) if text.starts_with("[doc") => {}
                    Some(text) => collect(text.parse().unwrap(), "", found),
                    None => {}
                }
            }
            TokenTree::Punct(_) => path.clear(),
            TokenTree::Literal(literal) => {
                path.clear();
                found.push((line, Named::Text(literal.to_string().trim_matches(['"', 'r', 'b', '#']).to_owned())));
            }
            TokenTree::Group(group) => {
                let within = if path.ends_with("::") { std::mem::take(&mut path) } else { prefix.to_owned() };
                path.clear();
                collect(group.stream(), &within, found);
            }
        }
    }
}

/// Passes over an item: to its body in braces, or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    let _ = tokens.find(ends);
}

/// What in `source`, the text of `file`, breaks a wall.
fn breaches(file: &str, source: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for (line, named) in named(source) {
        let mut report = |about: &str, what: &str| breaches.push(format!("{file}:{line}: `{what}`: {about}"));
        match named {
            Named::Path(path) => {
                let walls = WALLS.iter().filter(|wall| (wall.holds)(file));
                for wall in walls.filter(|wall| wall.never.iter().any(|never| is_within(&path, never))) {
                    report(wall.about, &path);
                }
            }
            Named::Text(text) if !module_is(file, &["run"]) && FILES.contains(&text.as_str()) => {
                report("files of a run are reached through RunDir alone", &text);
            }
            Named::Text(_) => {}
        }
    }
    breaches
}

fn is_within(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// How often `source` names the path `word`.
fn count(source: &str, word: &str) -> usize {
    named(source).iter().filter(|(_, named)| *named == Named::Path(word.to_owned())).count()
}

/// Every Rust file under `src/`, with its text.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50, "{} files", found.len());
    found
}

#[test]
fn no_part_reaches_through_its_walls() {
    let breaches: Vec<String> = sources().iter().flat_map(|(file, source)| breaches(file, source)).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn unsafe_stands_in_five_places_with_its_reason() {
    let total = |word| sources().iter().map(|(_, source)| count(source, word)).sum::<usize>();
    let (used, announced) = (total("unsafe"), total("unsafe_code"));
    assert!(used == 5 && announced == used, "`unsafe` {used} times, `expect(unsafe_code)` {announced} times");
    let allowed = |source: &str| source.contains("allow(unsafe_code");
    assert!(!sources().iter().any(|(_, source)| allowed(source)), "`allow` gives no reason: `expect` it");
}

#[test]
fn the_linker_is_told_of_libtorch_for_the_trainer_alone() {
    let script = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs")).unwrap();
    assert_eq!(linker_arguments(&script), ["cargo::rustc-link-arg-bin=mocolab-train={argument}"]);
}

fn linker_arguments(script: &str) -> Vec<String> {
    let text = |(_, named): (usize, Named)| if let Named::Text(text) = named { Some(text) } else { None };
    named(script).into_iter().filter_map(text).filter(|text| text.contains("rustc-link")).collect()
}

#[test]
fn the_walls_are_seen_when_they_are_broken() {
    let broken = |file: &str, source: &str| breaches(file, source).len();
    assert_eq!(broken("src/run/log.rs", "use tokio::fs;"), 1);
    assert_eq!(broken("src/train/main.rs", "fn f() { ratatui::restore() }"), 1);
    assert_eq!(broken("src/sight.rs", "use {std::fmt, tch::{Device, Tensor}};"), 2);
    assert_eq!(broken("src/curve.rs", "use std::{fmt, fs::{self, File}, time::{Duration, Instant}};"), 3);
    assert_eq!(broken("src/event/line.rs", "fn now() -> SystemTime { std::time::SystemTime::now() }"), 1);
    assert_eq!(broken("src/state.rs", "use crate::run::RunDir;"), 1);
    assert_eq!(broken("src/metrics.rs", "use crate::{event, status::Status};"), 1);
    assert_eq!(broken("src/ui/watcher.rs", "fn f(run: &RunDir) { run.path().join(\"events.jsonl\"); }"), 1);
    assert_eq!(broken("src/text.rs", "#[derive(clap::Parser)] struct A;"), 1);
    assert_eq!(broken("src/text.rs", "macro_rules! m { () => { std::env::var(\"A\") } }"), 1);
    assert_eq!(count("#[expect(unsafe_code, reason = \"x\")] fn f() { unsafe { g() } }", "unsafe"), 1);
    assert_eq!(count("#[expect(unsafe_code, reason = \"x\")] fn f() { unsafe { g() } }", "unsafe_code"), 1);
    assert_eq!(linker_arguments("fn main() { println!(\"cargo:rustc-link-arg=-ltorch\"); }").len(), 1);

    let right = [
        ("src/ui/perform.rs", "use tokio::sync::mpsc; use std::{fs, thread};"),
        ("src/train/device.rs", "use tch::Device; fn f(d: tch::Device) {}"),
        (
            "src/curve.rs",
            "// tokio, std::fs\n/** ratatui */ /* tch */ use std::time::Duration; fn f(x: u8) { x.fs::<u8>() }",
        ),
        ("src/curve.rs", "#[cfg(test)]\nmod tests { use std::fs; }\n#[cfg(test)] use std::env;"),
        ("src/run.rs", "fn f() { join(\"events.jsonl\") }"),
        ("src/cli.rs", "//! `job.json`\nfn f() { say(\"in job.json, a lock\") }"),
    ];
    for (file, source) in right {
        assert_eq!(breaches(file, source), [""; 0]);
    }
}

#[test]
fn the_terminal_program_needs_no_libtorch() {
    let Ok(output) = Command::new("readelf").args(["-d", env!("CARGO_BIN_EXE_mocolab")]).output() else {
        eprintln!("SKIPPED: no readelf, so what mocolab links was not looked at (sudo apt-get install binutils)");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let needed: Vec<&str> = text.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.iter().any(|line| line.contains("libc.so")), "{text}");
    for library in ["torch", "c10", "stdc++", "cuda"] {
        assert!(!needed.iter().any(|line| line.contains(library)), "mocolab needs {library}: {needed:?}");
    }
}

#[test]
fn the_terminal_program_says_its_version() {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_mocolab")).arg("--version").output().unwrap();
    eprintln!("mocolab --version took {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("mocolab ", env!("CARGO_PKG_VERSION"), "\n"));
}
