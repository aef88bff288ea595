//! Files that are there whole or not at all.

use atomic_write_file::AtomicWriteFile;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Writes `bytes` to the file at `path`, in the place of any other: beside it, made last on the disk, renamed over it.
///
/// # Errors
/// Where it can't be written, or that it was can't be made to last; nothing is left beside it then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = AtomicWriteFile::open(path)?;
    // Held, so that no other file gets its number meanwhile.
    let it = beside.try_clone()?;
    let written = beside.write_all(bytes).and_then(|()| beside.commit());
    if written.is_err() {
        // What got a name before its renaming failed keeps it.
        let _ = it.metadata().and_then(|it| remove_beside(path, &it));
    }
    written
}

/// Removes the file `it` where it lies beside `path` as one that was to replace it.
fn remove_beside(path: &Path, it: &fs::Metadata) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let hidden = [b".", name.as_encoded_bytes(), b"."].concat();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(&hidden)
            && entry.metadata().is_ok_and(|data| (data.dev(), data.ino()) == (it.dev(), it.ino()))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_replaced_or_as_it_was_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let path = folder.path().join("file");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), names().len()), (b"two".as_slice(), 1));
        // A folder can't be renamed over: the new file has a name by then.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("by")).unwrap();
        fs::write(folder.path().join(".taken.others"), "stays").unwrap();
        assert!(write_whole(&taken, b"three").is_err());
        assert!(taken.is_dir() && names().len() == 3, "{:?}", names());
    }
}
