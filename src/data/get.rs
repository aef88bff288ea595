//! `mocolab data get cifar10`: the official archive, downloaded, checked and unpacked; nothing is ever half used.

use super::{
    DataError, Download, Progress, cifar10,
    download::{download, take_turn},
    unpack::unpack,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The official archive of CIFAR-10 in its binary layout.
pub const CIFAR10_URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
/// Its sha256 (the md5 on the official page, `c32a1d4ab5d03f1284b67883e8d87530`, is of the same file).
pub const CIFAR10_SHA256: &str = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd";
/// Its size in bytes.
pub const CIFAR10_BYTES: u64 = 170_052_171;

/// Brings CIFAR-10 into `into/cifar-10-batches-bin` and returns that folder. If it is there already, nothing is done.
///
/// The archive is deleted once it is unpacked. If the disk fills up meanwhile it is kept, so that it need not come again.
///
/// # Errors
/// As [`download`]; [`DataError::Invalid`] if the archive does not hold CIFAR-10 and nothing else, or if there is a
/// folder of that name that is not CIFAR-10: it is left alone.
pub fn get_cifar10(
    url: &str,
    sha256: &str,
    into: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, DataError> {
    fs::create_dir_all(into).map_err(DataError::writing(into))?;
    let _turn = take_turn(&into.join(".cifar-10.lock"), progress)?;
    let folder = into.join(cifar10::FOLDER);
    if folder.exists() {
        cifar10::check(&folder)?;
        return Ok(folder);
    }
    let job = Download { url: url.into(), sha256: sha256.into(), into: into.into() };
    let archive = download(&job, progress)?;
    progress(Progress::Unpacking);
    let unpacked = unpack(&archive, &folder);
    if matches!(unpacked, Ok(()) | Err(DataError::Invalid { .. })) {
        fs::remove_file(&archive).map_err(DataError::doing("deleting", &archive))?;
    }
    unpacked.map(|()| folder)
}
