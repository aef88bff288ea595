//! The book and the README: every command in them is run as it stands, in a project whose runs are finished, or where it can't
//! be (`sh by-hand`), its verbs and options are checked. Pages that are written by the program are what it writes.

use crate::project::Project;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The suite of the README, by name and kind, on drawn pictures of CIFAR-10's ten classes, in seconds.
const SUITE: &str = "
[defaults]
data = \"images:pictures\"
threads = 1
[defaults.supervised]
arch = \"resnet8\"
epochs = 2
batch = 20
warmup_epochs = 1
[defaults.moco]
arch = \"resnet8\"
epochs = 2
batch = 20
dim = 16
bn_splits = 1
shuffle_bn = false
knn_k = 10
warmup_epochs = 0
[defaults.probe]
epochs = 3
[experiment.quick.supervised]
epochs = 40
[experiment.base.supervised]
[experiment.head-5.probe]
from = \"base@best\"
classes = \"five\"
[experiment.head-2.probe]
from = \"base@best\"
classes = \"two\"
[experiment.moco.moco]
queue = [6400, 25600]
[experiment.probe.probe]
from = [\"moco.queue-6400\", \"moco.queue-25600\"]
train_fraction = [0.1, 0.5]
[experiment.floor.probe]
from = \"moco.queue-6400@random\"
train_fraction = [0.1, 0.5]
";
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

fn project() -> Project {
    let project = Project::untrained();
    for (split, count) in [("train", 20), ("test", 4)] {
        for (place, class) in CLASSES.iter().enumerate() {
            let folder = project.path(&format!("pictures/{split}/{class}"));
            fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let shade = |at: u32| ((at * 7 + place as u32 * 40 + number * 3) % 256) as u8;
                let picture = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([shade(x), shade(y), shade(x + y)]));
                picture.save(folder.join(format!("{number:03}.png"))).unwrap();
            }
        }
    }
    fs::write(project.path("experiments.toml"), SUITE).unwrap();
    project.run("start --all --wait --device cpu").good();
    project
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// The blocks of shell in a page: what stands behind `sh`, and their lines.
fn blocks(text: &str) -> Vec<(String, String)> {
    let block = |part: &str| {
        let (head, rest) = part.split_once('\n')?;
        Some((head.trim().to_owned(), rest.split("```").next()?.to_owned()))
    };
    // Indented ones, in lists, too.
    text.split("```sh").skip(1).filter_map(block).collect()
}

/// The commands of mocolab within the lines of a text.
fn inline(text: &str) -> Vec<String> {
    let codes = text.split('`').skip(1).step_by(2).filter(|code| !code.contains('\n'));
    codes.filter_map(|code| code.strip_prefix("mocolab ").map(str::to_owned)).collect()
}

#[test]
fn every_command_of_the_book_does_what_it_says() {
    let project = project();
    let programs = Path::new(env!("CARGO_BIN_EXE_mocolab")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let (mut run, mut by_hand) = (0, 0);
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for (kind, lines) in blocks(&fs::read_to_string(&page).unwrap()) {
            if kind == "by-hand" {
                by_hand += 1;
                continue;
            }
            assert_eq!(kind, "", "{name}: a block is `sh` or `sh by-hand`");
            let output = project.command("bash").args(["-e", "-c", &lines]).env("PATH", &path).output().unwrap();
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{name}:\n{lines}\n{said}");
            run += 1;
        }
    }
    assert!(run >= 15, "{run} blocks run, {by_hand} by hand");
}

#[test]
fn verbs_and_options_of_the_book_are_known() {
    let project = Project::quick();
    let mut checked = BTreeSet::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let lines = blocks(&text).into_iter().flat_map(|(_, lines)| {
            let own = |line: &str| line.trim().strip_prefix("mocolab ").map(str::to_owned);
            lines.lines().filter_map(own).collect::<Vec<_>>()
        });
        for line in inline(&text).into_iter().chain(lines) {
            // What a shell does with it is the shell's.
            let words = line.split(['#', '|', '>']).next().unwrap().split_whitespace().map(str::to_owned);
            let words: Vec<String> = words.filter(|word| word != "…" && !word.starts_with('[')).collect();
            if words.first().is_none_or(|word| word == "help") || !checked.insert(words.clone()) {
                continue;
            }
            let plain: Vec<&str> = words.iter().map(|word| word.trim_matches('\'')).collect();
            let output = project.command(env!("CARGO_BIN_EXE_mocolab")).args(&plain).arg("--help").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: mocolab {}\n{said}", page.display(), words.join(" "));
        }
    }
    assert!(checked.len() > 30, "{checked:?}");
}

#[test]
fn what_the_program_writes_is_what_stands_in_the_book() {
    let project = Project::quick();
    for (command, page) in [("settings --markdown", "settings.md"), ("settings --screen", "config.toml")] {
        let written = fs::read_to_string(root().join("docs").join(page)).unwrap();
        assert_eq!(project.run(command).good().trim_end(), written.trim_end(), "mocolab {command} > docs/{page}");
    }
}

#[test]
fn links_of_the_book_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if file.is_empty() || file.starts_with("http") {
                continue;
            }
            assert!(page.parent().unwrap().join(file).exists(), "{}: {target}", page.display());
        }
    }
}

/// The names in the first column of the table below a heading, up to the next heading.
fn documented(text: &str, heading: &str) -> BTreeSet<String> {
    let part = text.split(&format!("\n## {heading}")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let rows = part.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    let top = |row: &str| row.split('`').next().unwrap().split(['.', '[']).next().unwrap().to_owned();
    rows.map(top).collect()
}

#[test]
fn json_has_the_fields_that_stand_in_the_book() {
    let project = project();
    let text = fs::read_to_string(root().join("docs/json.md")).unwrap();
    project.run("start quick --again --queue --device cpu").good();
    for (heading, command) in [
        ("`mocolab ls --json`", "ls --json"),
        ("`mocolab show RUN --json`", "show base --json"),
        ("`mocolab devices --json`", "devices --json"),
        ("`mocolab doctor --json`", "doctor --json"),
        ("`mocolab embed RUN --json`", "embed base --json"),
        ("`mocolab report --json`", "report --json"),
        (
            "`mocolab bench train --json`",
            "bench train --task base --arch resnet8 --batch 16 --steps 1 --device cpu --json",
        ),
        ("`mocolab export metrics RUN --format json`", "export metrics base --format json"),
    ] {
        let said = project.run(command).out;
        let value: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{command}: {error}\n{said}"));
        let first = if let Value::Array(all) = &value { &all[0] } else { &value };
        let real: BTreeSet<String> = first.as_object().unwrap().keys().cloned().collect();
        assert_eq!(documented(&text, heading), real, "{command}");
    }
}
