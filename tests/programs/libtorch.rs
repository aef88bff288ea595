//! Where the trainer finds libtorch, when it isn't where it was built with: `LIBTORCH`, Python's torch, or a clear word.

use crate::project::Project;
use crate::training::project_of;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The libtorch that this was built with.
pub fn libtorch() -> PathBuf {
    PathBuf::from(std::env::var_os("LIBTORCH").or_else(|| option_env!("LIBTORCH").map(Into::into)).unwrap())
}

/// Writes a trainer as if it was built on another machine: the path of libtorch in it leads nowhere.
pub fn moved_to(path: &Path) {
    let built = libtorch().join("lib").display().to_string();
    let mut program = fs::read(env!("CARGO_BIN_EXE_mocolab-train")).unwrap();
    let found = program.windows(built.len()).enumerate().filter(|(_, text)| *text == built.as_bytes());
    let places: Vec<usize> = found.map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the trainer was not built with {built}");
    for place in places {
        program[place..place + built.len()].copy_from_slice(&"/nowhere".repeat(20).as_bytes()[..built.len()]);
    }
    fs::write(path, program).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A project with such a trainer.
fn moved() -> Project {
    let project =
        project_of("[experiment.base.supervised]\narch = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\nmap_every = 0\n");
    let path = project.path("mocolab-train");
    moved_to(&path);
    project.with("MOCOLAB_TRAIN", path)
}

/// A `python3` that says its torch lies in `folder`.
fn python(project: Project, folder: &Path) -> Project {
    let programs = project.path("programs");
    fs::create_dir_all(&programs).unwrap();
    let script = programs.join("python3");
    fs::write(&script, format!("#!/bin/sh\necho '{}'\n", folder.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    project.with("PATH", path).with("LIBTORCH", "").with("LD_LIBRARY_PATH", "")
}

#[test]
fn a_trainer_that_was_moved_finds_the_libtorch_that_is_there() {
    let named = moved().with("LIBTORCH", libtorch()).with("LD_LIBRARY_PATH", "");
    named.run("start base --device cpu --wait").good();
    let found = named.run("doctor --only libtorch").good();
    assert!(found.contains("2.11.0") && found.contains(&libtorch().display().to_string()), "{found}");
    let asked = python(moved(), &libtorch());
    asked.run("start base --device cpu --wait").good();
    // A folder beside the trainer goes before both.
    let beside = python(moved(), Path::new("/nothing"));
    symlink(libtorch(), beside.path("libtorch")).unwrap();
    beside.run("start base --device cpu --wait").good();
}

#[test]
fn a_libtorch_that_is_missing_or_of_another_version_is_named() {
    let project = python(moved(), Path::new("/nothing/torch"));
    let said = project.run("start base --device cpu --wait");
    let all = format!("{}{}", said.out, said.err);
    assert!(said.code == Some(1) && all.contains("needs libtorch 2.11.0 and finds none"), "{all}");
    assert!(all.contains("pip install torch==2.11.0") && !all.contains("cannot open shared object"), "{all}");
    let other = project.path("other");
    fs::create_dir_all(other.join("lib")).unwrap();
    symlink(libtorch().join("lib/libtorch_cpu.so"), other.join("lib/libtorch_cpu.so")).unwrap();
    fs::write(other.join("version.py"), "__version__ = '2.4.1+cpu'\n").unwrap();
    let project = project.with("LIBTORCH", &other);
    let said = project.run("doctor --only libtorch");
    assert!(
        said.code == Some(1) && said.out.contains("LIBTORCH is libtorch 2.4.1+cpu in `"),
        "{}{}",
        said.out,
        said.err
    );
    symlink(&other, project.path("libtorch")).unwrap();
    let said = project.run("doctor --only libtorch").out;
    assert!(said.contains("would be given libtorch 2.4.1+cpu in `") && said.contains("needed is 2.11.0"), "{said}");
    assert!(project.run("doctor --only heart").bad().contains("`heart` is nothing that is looked at"));
}
