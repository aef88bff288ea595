//! What lies in a folder of pictures, `train/<class>/*.{jpg,jpeg,png}` and `test/<class>/…`: found and sorted, not read.

use super::{DataError, names};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];
const MOST_CLASSES: usize = 1_000;
/// A picture of at most 256x256 whose file is larger than this is no such picture.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// One picture's file, and what shows that it has changed.
pub(super) struct Picture {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i128,
    pub(super) label: u16,
}

/// What lies in an image folder: the classes, and the pictures of `train` and `test`, all sorted by name.
pub(super) struct Listing {
    pub(super) classes: Vec<String>,
    pub(super) train: Vec<Picture>,
    pub(super) test: Vec<Picture>,
}

/// Whether `folder` looks like an image folder, without listing its pictures.
///
/// # Errors
/// If there is no `train` or `test` in it, or their classes differ.
pub(super) fn check(folder: &Path) -> Result<(), DataError> {
    classes(folder).map(drop)
}

/// Lists `folder`.
///
/// # Errors
/// As [`check`], and where a class has no pictures, or too large a file.
pub(super) fn list(folder: &Path) -> Result<Listing, DataError> {
    let classes = classes(folder)?;
    let split = |name: &str| {
        let mut pictures = Vec::new();
        for (label, class) in (0..).zip(&classes) {
            pictures.extend(pictures_of(&folder.join(name).join(class), label)?);
        }
        Ok(pictures)
    };
    Ok(Listing { train: split("train")?, test: split("test")?, classes })
}

/// The sorted names of the folders in `train`, which `test` must have too.
fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    let of = |split: &str| {
        let split = folder.join(split);
        if !split.is_dir() {
            let problem =
                "is missing: an image folder holds `train/CLASS/*.jpg` and `test/CLASS/*.jpg` (or `.jpeg`, `.png`)";
            return Err(DataError::invalid(split, problem));
        }
        Ok(names(&split)?.into_iter().filter(|name| split.join(name).is_dir()).collect::<Vec<_>>())
    };
    let (train, test) = (of("train")?, of("test")?);
    let differing = |these: &[String], those: &[String]| these.iter().find(|name| !those.contains(name)).cloned();
    if train.is_empty() || train.len() > MOST_CLASSES {
        let problem = format!("has {} class folders, allowed are 1 to {MOST_CLASSES}", train.len());
        return Err(DataError::invalid(folder.join("train"), problem));
    }
    for (extra, has, lacks) in
        [(differing(&train, &test), "train", "test"), (differing(&test, &train), "test", "train")]
    {
        if let Some(name) = extra {
            let problem = format!("is a class, but `{lacks}` has none of that name: both need the same class folders");
            return Err(DataError::invalid(folder.join(has).join(name), problem));
        }
    }
    Ok(train)
}

fn pictures_of(folder: &Path, label: u16) -> Result<Vec<Picture>, DataError> {
    let mut pictures = Vec::new();
    for name in names(folder)? {
        let ending = Path::new(&name).extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if !ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            continue;
        }
        let path = folder.join(name);
        let metadata = fs::metadata(&path).map_err(DataError::reading(&path))?;
        if metadata.is_dir() {
            continue;
        }
        if !metadata.is_file() {
            return Err(DataError::invalid(path, "is a pipe or a device, no picture: take it out"));
        }
        if metadata.len() > MOST_BYTES {
            return Err(DataError::invalid(path, format!("has {} bytes, more than any small picture", metadata.len())));
        }
        let modified = metadata.modified().map_err(DataError::reading(&path))?;
        let modified = modified.duration_since(UNIX_EPOCH).map_or(-1, |since| since.as_nanos() as i128);
        pictures.push(Picture { path, bytes: metadata.len(), modified, label });
    }
    if pictures.is_empty() {
        return Err(DataError::invalid(folder, "has no picture (`.jpg`, `.jpeg`, `.png`): fill it or take it out"));
    }
    Ok(pictures)
}
