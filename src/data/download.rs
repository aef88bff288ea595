//! Bringing one file whose checksum is known: resumed where it broke off, tried again a bounded number of times, and
//! never to be found under its name before every byte is right. One attempt is [`super::fetch`]'s.

use super::{
    DataError,
    fetch::{self, Attempt, Partial},
    hexadecimal,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A file to bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it is; the last part of the path is the file's name.
    pub url: String,
    /// Its sha256 in hexadecimal.
    pub sha256: String,
    /// The folder to put it in; made if it is not there.
    pub into: PathBuf,
}

/// What is going on, for a progress bar. Told often: draw as seldom as you like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process is bringing the same thing; this one goes on when that one is done.
    Waiting,
    /// So many bytes are there, of so many if the server says so. The first one tells where a resumed download begins.
    Downloading {
        /// Bytes on disk.
        bytes: u64,
        /// Bytes of the whole file.
        total: Option<u64>,
    },
    /// It broke off and will go on from there after `wait`.
    Retrying {
        /// What happened.
        problem: String,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// Every byte is here; the checksum is being computed.
    Checking,
    /// The archive is being unpacked.
    Unpacking,
}

/// Attempts in a row that bring no new byte before giving up; the waits between them add up to half a minute.
const FRUITLESS_ATTEMPTS: u32 = 8;
/// Attempts in all: a server that breaks off this often is not going to get better.
const ATTEMPTS: u32 = 200;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Brings the file, or finds that it is already there, and returns its path.
///
/// What has come lies in `NAME.partial` until it is complete and verified, so an interrupted download goes on where it
/// broke off, also in another process; two processes at once take turns.
///
/// # Errors
/// [`DataError::Download`] after the last attempt or at once where another would not help (no such file, too large),
/// [`DataError::Checksum`] if what came is not the file, [`DataError::DiskFull`] or [`DataError::Io`] for the disk.
pub fn download(job: &Download, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, DataError> {
    let name = file_name(&job.url)?;
    fs::create_dir_all(&job.into).map_err(DataError::writing(&job.into))?;
    let _turn = take_turn(&job.into.join(format!(".{name}.lock")), progress)?;
    let target = job.into.join(name);
    if target.is_file() && sum(&target)?.eq_ignore_ascii_case(&job.sha256) {
        return Ok(target);
    }
    let partial = Partial::new(&target);
    let mut resumed = partial.length() > 0;
    loop {
        bring(job, &partial, progress)?;
        progress(Progress::Checking);
        let found = sum(&partial.path)?;
        if found.eq_ignore_ascii_case(&job.sha256) {
            break;
        }
        partial.discard();
        if !resumed {
            return Err(DataError::Checksum { url: without_login(&job.url), found, expected: job.sha256.clone() });
        }
        // the first part may have been left by an older version of the file: once more, from the beginning
        resumed = false;
    }
    fs::rename(&partial.path, &target).map_err(DataError::doing("renaming", &partial.path))?;
    partial.discard();
    Ok(target)
}

/// Attempts until everything is there.
fn bring(job: &Download, partial: &Partial, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
    let agent = fetch::agent();
    let mut fruitless = 0;
    for _ in 0..ATTEMPTS {
        let before = partial.length();
        let problem = match fetch::attempt(&agent, &job.url, partial, progress) {
            Attempt::Complete => return Ok(()),
            Attempt::Failed(error) => return Err(error),
            Attempt::Hopeless(problem) => return Err(lost(&job.url, &problem)),
            Attempt::BrokeOff(problem) => problem,
        };
        fruitless = if partial.length() > before { 0 } else { fruitless + 1 };
        if fruitless == FRUITLESS_ATTEMPTS {
            let problem = format!("{problem}; tried {fruitless} times. What came is kept: run this again to go on");
            return Err(lost(&job.url, &problem));
        }
        let wait = FIRST_WAIT * 2_u32.pow(fruitless.saturating_sub(1));
        progress(Progress::Retrying { problem, wait });
        thread::sleep(wait);
    }
    let problem = format!("broke off {ATTEMPTS} times; what came is kept: run this again to go on");
    Err(lost(&job.url, &problem))
}

fn file_name(url: &str) -> Result<&str, DataError> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.split_once("://").and_then(|(_, rest)| rest.rsplit_once('/')).map(|(_, name)| name);
    name.filter(|name| !name.is_empty() && !name.starts_with('.'))
        .ok_or_else(|| lost(url, "the address does not end in a file name, like `https://HOST/FOLDER/FILE.tar.gz`"))
}

fn lost(url: &str, problem: &str) -> DataError {
    let shown = without_login(url);
    DataError::Download { problem: problem.replace(url, &shown), url: shown }
}

/// An address as it may be shown and kept: without the name and password before its host.
pub(super) fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let login = host.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[login..])
}

/// Waits until no other process holds `path`, then holds it until the answer is dropped.
pub(super) fn take_turn(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<File, DataError> {
    let locking = |error: io::Error| DataError::doing("locking", path)(error);
    let file = File::options().create(true).append(true).open(path).map_err(DataError::writing(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(Progress::Waiting);
            file.lock().map_err(locking)?;
        }
        Err(TryLockError::Error(error)) => return Err(locking(error)),
    }
    Ok(file)
}

fn sum(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::reading(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(DataError::reading(path))? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{file_name, lost, without_login};

    #[test]
    fn a_password_in_an_address_is_not_told() {
        for (url, shown) in [
            ("https://me:word@host:8080/a@b.tar", "https://host:8080/a@b.tar"),
            ("https://me:w@rd@host?x=a@b", "https://host?x=a@b"),
            ("https://host/a.tar", "https://host/a.tar"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(without_login(url), shown);
            let error = lost(url, &format!("`{url}` is odd")).to_string();
            assert_eq!(error, format!("downloading `{shown}`: `{shown}` is odd"));
        }
    }

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        assert_eq!(file_name("https://host/a/b.tar.gz?x=/y#z").unwrap(), "b.tar.gz");
        for bad in ["https://host", "https://host/", "https://host/a/..", "https://host/.hidden", "b.tar.gz"] {
            assert!(file_name(bad).unwrap_err().to_string().contains("file name"), "{bad}");
        }
    }
}
