//! Folders that last, and who may look into them. What lies in one is there after a power cut only where the folder's own name,
//! in the one above, is. The folder of all runs is made for its owner alone; one that is made in it is as open as it is.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// Who may look, of a folder's mode: that goes on to those that are made in it; setgid does by itself, on Linux.
const LOOKING: u32 = 0o055;

/// Makes `folder` and those above it that are missing, each as open as the one that it is in.
///
/// # Errors
/// Where one can't be made or synced.
pub fn make(folder: &Path) -> io::Result<()> {
    match make_new(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(folder.parent().ok_or(error)?)?;
            make(folder)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

/// Makes `folder`, which must not be there, as open as the one that it is in.
///
/// # Errors
/// Where it can't be made or synced.
pub fn make_new(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(above(folder))?.permissions().mode();
    // Who may write is for the user's mask to say: a folder that all can write into makes none of these so.
    DirBuilder::new().mode(0o700 | mode & 0o077).create(folder)?;
    let masked = fs::metadata(folder)?.permissions().mode();
    if masked & LOOKING != mode & LOOKING {
        fs::set_permissions(folder, Permissions::from_mode(masked | mode & LOOKING))?;
    }
    sync_above(folder)
}

/// Makes `folder` where it is missing, for its owner alone, and those above it that are missing as the system makes folders.
///
/// # Errors
/// Where it can't be made or synced.
pub fn make_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(above(folder))?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_above(folder),
    }
}

/// Lets the group of `folder` look into it and all folders in it; what is made in them later is of the same group, and as open.
/// Folders of others in it are for them to share.
///
/// # Errors
/// Where that can't be done.
pub fn share(folder: &Path) -> io::Result<()> {
    let data = fs::metadata(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(data.permissions().mode() | 0o2050))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.metadata()?.uid() == data.uid() {
            std::os::unix::fs::chown(entry.path(), None, Some(data.gid()))?;
            share(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes the name of `path` last, or that it has none any more.
///
/// # Errors
/// Where the folder above can't be synced.
pub fn sync_above(path: &Path) -> io::Result<()> {
    File::open(above(path))?.sync_all()
}

fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(folder: &Path) -> u32 {
        fs::metadata(folder).unwrap().permissions().mode() & 0o7777
    }

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

    #[test]
    fn what_is_made_for_one_is_closed_until_it_is_shared() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path().join("new/runs");
        make_private(&runs).unwrap();
        make(&runs.join("quick/1")).unwrap();
        assert_eq!([&runs, &runs.join("quick"), &runs.join("quick/1")].map(|folder| mode(folder)), [0o700; 3]);
        share(&runs).unwrap();
        make_private(&runs).unwrap();
        make(&runs.join("other/1")).unwrap();
        assert_eq!([&runs, &runs.join("quick"), &runs.join("quick/1")].map(|folder| mode(folder)), [0o2750; 3]);
        assert_eq!(mode(&runs.join("other/1")) & 0o777, 0o750);
        // A folder that was there is left as it is.
        fs::set_permissions(&runs, Permissions::from_mode(0o755)).unwrap();
        make_private(&runs).unwrap();
        assert_eq!(mode(&runs), 0o755);
        // Nor does one that all can write into make others so, where the user's mask does not.
        fs::set_permissions(&runs, Permissions::from_mode(0o1777)).unwrap();
        make(&runs.join("third")).unwrap();
        fs::create_dir(runs.join("as ever")).unwrap();
        assert_eq!(mode(&runs.join("third")), mode(&runs.join("as ever")) | 0o755);
    }
}
