//! Where the fake trainer is. It is an example, so that nobody installs it with mocolab: `cargo test` and `cargo nextest
//! run` build it, but not where a single test is named (`--test programs`), nor for `--tests`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fake-train.rs");

/// The program, built where it is missing or older than its source.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_mocolab")).parent().unwrap();
        let program = folder.join("examples/fake-train");
        let written = |path: &Path| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        if written(&program) < written(Path::new(SOURCE)) {
            build(folder);
        }
        assert!(program.exists(), "cargo has built no `{}`", program.display());
        program
    })
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
