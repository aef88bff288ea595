//! The archive for Linux: made, unpacked, installed, used, taken out again.

use crate::libtorch::{libtorch, moved_to};
use crate::project::Project;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { files(&path) } else { vec![path] }).collect()
}

/// What a command says that must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// Uses what is installed at `mocolab`, as a new user does.
fn use_it(project: &Project, mocolab: &Path) {
    let mocolab = mocolab.to_str().unwrap();
    run(project.command(mocolab).arg("init"));
    let suite = fs::read_to_string(project.path("experiments.toml")).unwrap();
    assert!(suite.contains("[experiment.quick"), "{suite}");
    let quick = "[experiment.quick]\ndata = \"shapes\"\nimages = 200\n\
                 [experiment.quick.supervised]\narch = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\nmap_every = 0\n";
    fs::write(project.path("experiments.toml"), quick).unwrap();
    run(project.command(mocolab).args(["start", "quick", "--device", "cpu", "--wait"]));
    let said = run(project.command(mocolab).arg("report"));
    assert!(said.contains("Table 1: classifiers"), "{said}");
}

#[test]
fn an_archive_is_installed_used_and_taken_out() {
    let project = Project::untrained().with("LIBTORCH", libtorch()).with("LD_LIBRARY_PATH", "");
    // As another machine gets it: without the path of this machine's libtorch.
    let programs = project.path("built");
    fs::create_dir(&programs).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_mocolab"), programs.join("mocolab")).unwrap();
    moved_to(&programs.join("mocolab-train"));
    let mut package = project.command(root().join("scripts/package").to_str().unwrap());
    run(package.env("MOCOLAB_BINARIES", &programs).env("MOCOLAB_DIST", project.path("dist")));
    let name = format!("mocolab-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let archive = project.path(&format!("dist/{name}.tar.gz"));
    assert!(fs::metadata(&archive).unwrap().len() < 40 << 20, "no debugging information is in it");
    // Elsewhere, as a user has it.
    let there = project.path("there");
    fs::create_dir(&there).unwrap();
    run(project.command("tar").arg("-C").arg(&there).arg("-xzf").arg(&archive));
    let prefix = project.path("home/.local");
    let install = there.join(&name).join("install");
    // A home whose `share` lies elsewhere, as on clusters; and an install over another.
    fs::create_dir_all(project.path("big/share")).unwrap();
    fs::create_dir_all(&prefix).unwrap();
    std::os::unix::fs::symlink(project.path("big/share"), prefix.join("share")).unwrap();
    run(project.command(install.to_str().unwrap()).arg("--prefix").arg(&prefix));
    fs::write(prefix.join("lib/mocolab/old"), "").unwrap();
    let said = run(project.command(install.to_str().unwrap()).arg("--prefix").arg(&prefix));
    assert!(
        said.contains("is in") && said.contains("libtorch is there") && said.contains("not in your PATH"),
        "{said}"
    );
    assert!(prefix.join("share").is_symlink() && !prefix.join("lib/mocolab/old").exists());
    let into_itself =
        project.command(install.to_str().unwrap()).arg("--prefix").arg(there.join(&name)).output().unwrap();
    assert!(
        !into_itself.status.success() && install.exists() && there.join(&name).join("lib/mocolab/mocolab").exists()
    );
    fs::remove_dir_all(&there).unwrap();
    for file in [
        "share/man/man1/mocolab.1",
        "share/man/man1/mocolab-report.1",
        "share/bash-completion/completions/mocolab",
        "share/zsh/site-functions/_mocolab",
        "share/fish/vendor_completions.d/mocolab.fish",
        "share/doc/mocolab/docs/tour.md",
        "share/doc/mocolab/LICENSE-MIT",
    ] {
        assert!(fs::metadata(prefix.join(file)).is_ok_and(|data| data.len() > 0), "{file}");
    }
    // By the names that are in the PATH, which are links.
    use_it(&project, &prefix.join("bin/mocolab"));
    let mut refused = Command::new(root().join("packaging/install"));
    let output = refused.arg("--prefix").arg(&prefix).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("lies beside no programs"));
    run(Command::new(root().join("packaging/install")).arg("--remove").arg("--prefix").arg(&prefix));
    let left = [files(&prefix), files(&project.path("big"))].concat();
    assert_eq!(left, [prefix.join("share")], "the link to a folder, which is empty");
}

#[test]
fn recipes_of_containers_name_the_version_that_there_is() {
    let apptainer = fs::read_to_string(root().join("packaging/mocolab.def")).unwrap();
    assert!(
        apptainer.contains(concat!("dist/mocolab-", env!("CARGO_PKG_VERSION"), "-x86_64-linux.tar.gz")),
        "{apptainer}"
    );
    for file in ["Dockerfile", "mocolab.def", "install"] {
        let text = fs::read_to_string(root().join("packaging").join(file)).unwrap();
        assert!(text.contains(mocolab::executor::libtorch::VERSION), "{file}");
    }
}
