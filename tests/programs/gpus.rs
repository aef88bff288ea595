//! A machine with GPUs that aren't there: mocolab asks a driver's library of ours (`nvml.c`), so that all of it but the
//! training itself is as on a real one.

use crate::project::Project;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the library, built once for these tests.
fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nvml-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.join("libnvidia-ml.so.1")).arg(tests.join("nvml.c"));
        assert!(command.status().unwrap().success(), "compiling the library");
        folder
    })
}

/// A project on a machine with these GPUs.
pub fn with_gpus(project: Project, gpus: &[&str]) -> Project {
    let mut paths = vec![library().to_owned()];
    paths.extend(std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths));
    set(&project, gpus);
    let file = project.path("gpus");
    project.with("LD_LIBRARY_PATH", std::env::join_paths(paths).unwrap()).with("FAKE_GPUS", file)
}

/// The GPUs from now on, each a UUID and then the processes on it.
pub fn set(project: &Project, gpus: &[&str]) {
    // Replaced whole: it is read at any moment.
    let beside = project.path("gpus.new");
    fs::write(&beside, gpus.join("\n")).unwrap();
    fs::rename(beside, project.path("gpus")).unwrap();
}
