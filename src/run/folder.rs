//! Folders that last: what lies in one is there after a power cut only where the folder's own name, in the one above, is.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes `folder` and those above it that are missing, and the names of those made last.
///
/// # Errors
/// Where one can't be made or synced.
pub fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => sync_above(folder),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(folder.parent().ok_or(error)?)?;
            make(folder)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the name of `path` last, or that it has none any more.
///
/// # Errors
/// Where the folder above can't be synced.
pub fn sync_above(path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(above)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_down_to_the_last() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b/c");
        make(&folder).unwrap();
        make(&folder).unwrap();
        assert!(folder.is_dir());
        fs::write(folder.join("file"), "").unwrap();
        assert_eq!(make(&folder.join("file")).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(make(&folder.join("file/d")).unwrap_err().kind(), ErrorKind::NotADirectory);
    }
}
