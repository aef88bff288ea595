//! Where the trainer finds libtorch. The loader looks along the program's run path, and what it says where it finds
//! nothing helps nobody; so what it would find is looked up before, in `LIBTORCH` and in Python's torch too, and a version
//! that doesn't fit is named.

use super::local::ExecutorError;
use object::Endianness;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, FileHeader64};
use object::read::elf::{Dyn, FileHeader};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The library whose folder is looked for.
const LIBRARY: &str = "libtorch_cpu.so";
/// The version that the bindings are of; another last figure will do.
pub const VERSION: &str = "2.11.0";
/// Whether this was built for whichever version there was, at its user's own risk.
const ANY: bool = option_env!("LIBTORCH_BYPASS_VERSION_CHECK").is_some();
/// Where the loader looks first.
const LOADER: &str = "LD_LIBRARY_PATH";
/// Asks Python for the folder of its torch, without importing it; nor anything from the folder that it is started in, which may be
/// anybody's.
const ASK: &str = "import sys; sys.path = [p for p in sys.path if p]; import importlib.util as u, os; s = u.find_spec('torch'); print(os.path.dirname(s.origin) if s and s.origin else '')";

/// A libtorch that the trainer can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libtorch {
    /// The folder with its libraries; none where only the loader knows.
    pub folder: Option<PathBuf>,
    /// Its version, where it says one.
    pub version: Option<String>,
    /// The loader finds it by itself.
    pub own: bool,
}

impl Libtorch {
    /// Whether it computes on GPUs of NVIDIA.
    pub fn has_cuda(&self) -> bool {
        self.folder.as_ref().is_none_or(|folder| folder.join("libtorch_cuda.so").exists())
    }
}

/// Has `command`, which starts the trainer at `trainer`, find libtorch.
///
/// # Errors
/// Where there is none, or what is there is of another version.
pub fn provide(command: &mut Command, trainer: &Path) -> Result<(), ExecutorError> {
    let Some(found) = find(trainer)? else { return Ok(()) };
    if let (false, Some(folder)) = (found.own, &found.folder) {
        let before = std::env::var_os(LOADER).filter(|paths| !paths.is_empty());
        let paths = std::iter::once(folder.clone()).chain(before.iter().flat_map(std::env::split_paths));
        let paths: OsString = std::env::join_paths(paths).unwrap_or_else(|_| folder.clone().into_os_string());
        command.env(LOADER, paths);
    }
    Ok(())
}

/// The libtorch that the trainer at `trainer` will have; none where it is linked to none.
///
/// # Errors
/// Where there is none to be had, or what is there is of another version.
pub fn find(trainer: &Path) -> Result<Option<Libtorch>, ExecutorError> {
    let Some(run_path) = run_path(trainer) else { return Ok(None) };
    let listed = std::env::var_os(LOADER).unwrap_or_default();
    let own = std::env::split_paths(&listed).chain(run_path).find(|folder| folder.join(LIBRARY).exists());
    if let Some(folder) = own {
        return fitting(folder, true).map(Some).map_err(|wrong| ExecutorError::NoLibtorch(format!(
            "the trainer `{}` would be given {wrong}; needed is {VERSION}: take it out of {LOADER}, or build mocolab anew",
            trainer.display()
        )));
    }
    let mut passed = Vec::new();
    let mut try_folder = |what: &str, folder: Option<PathBuf>| match fitting(folder?.join("lib"), false) {
        Ok(found) if found.folder.as_ref().is_some_and(|folder| folder.join(LIBRARY).exists()) => Some(found),
        Ok(found) => {
            passed.push(format!("{what}, `{}`, has no {LIBRARY}", found.folder.unwrap_or_default().display()));
            None
        }
        Err(wrong) => {
            passed.push(format!("{what} is {wrong}"));
            None
        }
    };
    // The loader has folders of its own, which only it knows.
    let known = || starts(trainer).then_some(Libtorch { folder: None, version: None, own: true });
    let found = try_folder("LIBTORCH", named()).or_else(known).or_else(|| try_folder("Python's torch", python()));
    if found.is_some() {
        return Ok(found);
    }
    let passed = if passed.is_empty() { String::new() } else { format!(" ({})", passed.join("; ")) };
    Err(ExecutorError::NoLibtorch(format!(
        "the trainer `{}` needs libtorch {VERSION} and finds none{passed}: `pip install torch=={VERSION}` into the Python that \
         `python3` is, or set LIBTORCH to the folder around its `lib`, or `make setup` in mocolab's source",
        trainer.display()
    )))
}

/// Whether the loader finds all that the trainer needs.
fn starts(trainer: &Path) -> bool {
    let tried = Command::new(trainer)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// libtorch in `folder`, where its version fits; else what it is.
fn fitting(folder: PathBuf, own: bool) -> Result<Libtorch, String> {
    let version = version(&folder);
    let series = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    match &version {
        Some(other) if series(other) != series(VERSION) && !ANY => {
            Err(format!("libtorch {other} in `{}`", folder.display()))
        }
        _ => Ok(Libtorch { folder: Some(folder), version, own }),
    }
}

/// What the files around the libraries' folder say their version is.
fn version(folder: &Path) -> Option<String> {
    let root = folder.parent()?;
    if let Ok(text) = fs::read_to_string(root.join("build-version")) {
        return text.lines().next().map(|line| line.trim().to_owned());
    }
    let text = fs::read_to_string(root.join("version.py")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned())
}

fn named() -> Option<PathBuf> {
    std::env::var_os("LIBTORCH").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn python() -> Option<PathBuf> {
    let mut ask = Command::new("python3");
    ask.args(["-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null());
    let folder = PathBuf::from(String::from_utf8(ask.output().ok()?.stdout).ok()?.trim());
    folder.is_absolute().then_some(folder)
}

/// The folders that the loader looks through for the libraries of the program at `path`; none where it is not linked to
/// libtorch, or is no such program.
fn run_path(path: &Path) -> Option<Vec<PathBuf>> {
    let bytes = fs::read(path).ok()?;
    let header = FileHeader64::<Endianness>::parse(&*bytes).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, &*bytes).ok()?;
    let (dynamic, link) = sections.dynamic(endian, &*bytes).ok()??;
    let strings = sections.strings(endian, &*bytes, link).ok()?;
    let origin = fs::canonicalize(path).ok()?.parent()?.display().to_string();
    let (mut folders, mut needed) = (Vec::new(), false);
    for entry in dynamic {
        let text = || entry.string(endian, strings).ok().map(|text| String::from_utf8_lossy(text).into_owned());
        match entry.tag32(endian).map(i64::from) {
            Some(DT_NEEDED) => needed |= text().is_some_and(|name| name == LIBRARY),
            Some(DT_RPATH | DT_RUNPATH) => {
                let paths = text()?.replace("$ORIGIN", &origin);
                folders.extend(paths.split(':').map(PathBuf::from));
            }
            _ => {}
        }
    }
    needed.then_some(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_up_brings_the_version_that_is_needed() {
        let script = include_str!("../../scripts/setup");
        assert!(script.contains(&format!("\ntorch={VERSION}\n")));
    }

    #[test]
    fn another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let libraries = folder.path().join("lib");
        fs::create_dir(&libraries).unwrap();
        assert_eq!(fitting(libraries.clone(), true).unwrap().version, None);
        fs::write(folder.path().join("version.py"), "from typing import Optional\n__version__ = '2.11.1+cu130'\n")
            .unwrap();
        assert_eq!(fitting(libraries.clone(), false).unwrap().version.as_deref(), Some("2.11.1+cu130"));
        fs::write(folder.path().join("build-version"), "2.4.1+cpu\n").unwrap();
        let wrong = fitting(libraries, true).unwrap_err();
        assert!(wrong.starts_with("libtorch 2.4.1+cpu in `"), "{wrong}");
    }

    #[test]
    fn a_program_without_libtorch_needs_none() {
        assert_eq!(find(&std::env::current_exe().unwrap()).unwrap(), None);
        assert_eq!(find(Path::new("/nothing")).unwrap(), None);
    }
}
