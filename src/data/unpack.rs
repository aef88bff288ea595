//! Unpacking the archive of CIFAR-10 as if an enemy had packed it: only plain files of the expected names and sizes are
//! taken, into a folder beside the final one, which gets its name when everything is in it.

use super::{DataError, cifar10};
use flate2::read::GzDecoder;
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};
use tar::{Archive, Entry, EntryType};

/// Ten thousand pictures, as many as the official files have.
const MOST_OF_BATCH: u64 = 10_000 * cifar10::ROW as u64;
const MOST_OF_TEXT: u64 = 64 << 10;
/// The whole archive unpacked, with room to spare.
const MOST_IN_ALL: u64 = 256 << 20;
const README: &str = "readme.html";

/// Unpacks `archive` and gives the result the name `folder`, which must not exist.
///
/// # Errors
/// [`DataError::Invalid`] naming the entry that does not belong, or the file that is missing; the disk's errors. Nothing
/// is left behind then.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Result<(), DataError> {
    let beside = folder.with_extension("unpacking");
    // left by a process that was killed; the caller sees to it that no other is at work
    let _ = fs::remove_dir_all(&beside);
    let unpacked = unpack_into(archive, &beside).and_then(|()| cifar10::check(&beside)).and_then(|()| {
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(DataError::writing(path));
        sync(&beside)?;
        fs::rename(&beside, folder).map_err(DataError::doing("renaming", &beside))?;
        folder.parent().map_or(Ok(()), sync)
    });
    if unpacked.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    unpacked
}

fn unpack_into(archive: &Path, folder: &Path) -> Result<(), DataError> {
    let damaged = |error| DataError::invalid(archive, format!("cannot be unpacked: {error}"));
    fs::create_dir(folder).map_err(DataError::writing(folder))?;
    let file = File::open(archive).map_err(DataError::reading(archive))?;
    let mut archived = Archive::new(GzDecoder::new(file).take(MOST_IN_ALL));
    for entry in archived.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let unexpected = |problem: &str, entry: &Entry<_>| {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            DataError::invalid(
                archive,
                format!("holds `{}`, which {problem}: this is not CIFAR-10", name.escape_debug()),
            )
        };
        let Some((name, most)) = expected(&entry) else {
            if is_the_folder(&entry) {
                continue;
            }
            return Err(unexpected("is no plain file of the expected names", &entry));
        };
        let mut bytes = Vec::new();
        entry.by_ref().take(most + 1).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 > most {
            return Err(unexpected(&format!("has more than {most} bytes"), &entry));
        }
        if bytes.len() as u64 != entry.size() {
            return Err(unexpected("is cut off", &entry));
        }
        write(&folder.join(name), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut file = File::create_new(path).map_err(DataError::writing(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(DataError::writing(path))
}

/// The name of a file that belongs here and its largest size.
fn expected(entry: &Entry<impl Read>) -> Option<(&'static str, u64)> {
    if !matches!(entry.header().entry_type(), EntryType::Regular) {
        return None;
    }
    let batches = cifar10::FILES.iter().map(|&name| (name, MOST_OF_BATCH));
    let texts = [(cifar10::NAMES, MOST_OF_TEXT), (README, MOST_OF_TEXT)];
    let path = entry.path_bytes();
    batches.chain(texts).find(|(name, _)| *path == *format!("{}/{name}", cifar10::FOLDER).as_bytes())
}

fn is_the_folder(entry: &Entry<impl Read>) -> bool {
    let path = entry.path_bytes();
    entry.header().entry_type().is_dir() && path.strip_suffix(b"/").unwrap_or(&path) == cifar10::FOLDER.as_bytes()
}
