//! Files of a run as they may be trusted. Who can write into its folder could put a pipe, a device or a link in the place of
//! any: one would hold up all that look, another lead anywhere, a third never end.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Most bytes of a small file, and of one that people write.
pub const SMALL: u64 = 1 << 20;
pub const TEXT: u64 = 4 << 20;

/// Options that follow no link and wait for nobody.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    options
}

/// Opens the file at `path` to be read.
///
/// # Errors
/// Where it can't be opened, or is no plain file.
pub fn open(path: &Path) -> io::Result<File> {
    check(options().read(true).open(path))
}

/// What was opened, where it is a plain file.
///
/// # Errors
/// Where it isn't, or could not be opened.
pub fn check(opened: io::Result<File>) -> io::Result<File> {
    let no = |what: &str| io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, no file: take it away"));
    match opened {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Err(no("a link")),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            Err(no("a pipe or a device"))
        }
        Err(error) => Err(error),
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(no("a folder, a pipe or a device")),
    }
}

/// All of the file at `path`, which must be no longer than `most` bytes.
///
/// # Errors
/// As [`open`], or where it is longer ([`ErrorKind::InvalidData`]).
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("it is longer than {}", crate::text::bytes(most))));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_plain_files_of_a_sensible_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "four").unwrap();
        assert_eq!(read(&at("file"), 4).unwrap(), b"four");
        assert_eq!(read(&at("file"), 3).unwrap_err().to_string(), "it is longer than 3 B");
        assert_eq!(read(&at("none"), 3).unwrap_err().kind(), ErrorKind::NotFound);
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for (name, what) in [("link", "a link"), ("pipe", "a pipe"), ("folder", "a folder")] {
            let error = read(&at(name), 9).unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains(what), "{name}: {error}");
        }
        assert!(open(Path::new("/dev/zero")).is_err(), "which never ends");
    }
}
