//! Where the fake trainer is. It is an example, so that nobody installs it with mocolab: `cargo test` and `cargo nextest
//! run` build it, but not where a single test is named (`--test programs`), nor for `--tests`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The parts of `src/` that are no part of it.
const OTHERS: [&str; 9] = ["main.rs", "cli.rs", "cli", "ui.rs", "ui", "project.rs", "project", "sight.rs", "train"];

/// The program, built where it is missing or older than what it is made of.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_mocolab")).parent().unwrap();
        let program = folder.join("examples/fake-train");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = newest(&package.join("src")).max(newest(&package.join("examples")));
        if newest(&program) < sources {
            build(folder);
        }
        assert!(program.exists(), "cargo has built no `{}`", program.display());
        program
    })
}

/// When the file, or the newest file in the folder, was written; long ago where there is none.
fn newest(path: &Path) -> SystemTime {
    let Ok(entries) = path.read_dir() else {
        return path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    };
    let paths =
        entries.map(|entry| entry.unwrap().path()).filter(|path| !OTHERS.iter().any(|other| path.ends_with(other)));
    paths.map(|path| newest(&path)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Builds it with the profile and the features of this test.
fn build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--example", "fake-train", "--target-dir"]).arg(folder.parent().unwrap());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if !cfg!(feature = "torch") {
        command.arg("--no-default-features");
    }
    assert!(command.status().unwrap().success(), "building the fake trainer");
}
