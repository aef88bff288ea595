//! The checkpoint files of a run as anyone can read them, without libtorch: safetensors files that name their step and
//! their own CRC-32, `step-0000001234.1a2b3c4d.safetensors`, and say the rest in their header.

use super::{RunDir, plain};
use crate::experiment::Moment;
use safetensors::{SafeTensors, tensor::Metadata};
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The longest header that is read: a network has thousands of tensors, not millions.
const LONGEST_HEADER: u64 = 16 << 20;

/// What a safetensors file says of itself, without its tensors.
#[derive(Debug, Clone)]
pub struct Header {
    /// Text by key.
    pub texts: HashMap<String, String>,
    /// How many tensors there are.
    pub tensors: usize,
}

/// A checkpoint on the disk, its tensors unread and its checksum unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    /// The file.
    pub path: PathBuf,
    /// Steps done.
    pub step: u64,
    /// Complete epochs; none where the header can't be read.
    pub epoch: Option<u64>,
    /// Whether it was the best of its time.
    pub best: bool,
    /// Whether it stays for ever (`keep_every`).
    pub kept: bool,
    /// Text by key; none where the header can't be read.
    pub texts: HashMap<String, String>,
}

impl Header {
    /// Reads the header of the safetensors file at `path`.
    ///
    /// # Errors
    /// Where it can't be read, or is no whole safetensors file ([`ErrorKind::InvalidData`]).
    pub fn read(path: &Path) -> io::Result<Self> {
        let no = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("it is no safetensors file: {what}"));
        let mut file = plain::open(path)?;
        let whole = file.metadata()?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| no("it is too short"))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > whole.saturating_sub(8) {
            return Err(no("it does not begin with the length of a header"));
        }
        let mut json = Vec::new();
        file.take(length).read_to_end(&mut json)?;
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| no(&error.to_string()))?;
        if 8 + length + metadata.data_len() as u64 != whole {
            return Err(no("it is longer or shorter than its header says"));
        }
        Ok(Self { texts: metadata.metadata().clone().unwrap_or_default(), tensors: metadata.tensors().len() })
    }
}

impl CheckpointFile {
    /// The checkpoint at `path`; none where its name is not that of one.
    pub fn open(path: PathBuf) -> Option<Self> {
        let (step, _) = promise(path.file_name()?.to_str()?)?;
        let texts = Header::read(&path).map(|header| header.texts).unwrap_or_default();
        let says = |key: &str| texts.get(key).is_some_and(|text| text == "true");
        let epoch = texts.get("epoch").and_then(|text| text.parse().ok());
        Some(Self { step, epoch, best: says("best"), kept: says("kept"), path, texts })
    }

    /// The file's name.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// All of the file, where it is what its name says.
    ///
    /// # Errors
    /// Where it can't be read, or is damaged ([`ErrorKind::InvalidData`]).
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let bytes = plain::read(&self.path, u64::MAX - 1)?;
        let (promised, sum) = (promise(&self.name()).map(|(_, sum)| sum), crc32fast::hash(&bytes));
        if promised == Some(sum) {
            let no = |error| io::Error::new(ErrorKind::InvalidData, format!("it is no safetensors file: {error}"));
            return SafeTensors::read_metadata(&bytes).map_err(no).map(|_| bytes);
        }
        let promised = promised.map_or("none".to_owned(), |sum| format!("{sum:08x}"));
        let message = format!("it is damaged: its name promises checksum `{promised}`, it has `{sum:08x}`");
        Err(io::Error::new(ErrorKind::InvalidData, message))
    }
}

/// `step 30, epoch 3`.
impl fmt::Display for CheckpointFile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "step {}", self.step)?;
        self.epoch.map_or(Ok(()), |epoch| write!(f, ", epoch {epoch}"))
    }
}

/// The name of a checkpoint after `step` steps, of which `bytes` are all.
pub fn checkpoint_name(step: u64, bytes: &[u8]) -> String {
    format!("step-{step:010}.{:08x}.safetensors", crc32fast::hash(bytes))
}

/// The step and the checksum in the name of a checkpoint.
fn promise(name: &str) -> Option<(u64, u32)> {
    let (step, sum) = name.strip_suffix(".safetensors")?.strip_prefix("step-")?.split_once('.')?;
    Some((step.parse().ok()?, u32::from_str_radix(sum, 16).ok()?))
}

/// All checkpoints in `directory`, by step and then by complete epochs, newest first; those too whose header can't be
/// read. None where there is no such directory.
///
/// # Errors
/// Where the directory can't be read.
pub fn newest_first(directory: &Path) -> io::Result<Vec<CheckpointFile>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let mut files: Vec<CheckpointFile> = paths.into_iter().filter_map(CheckpointFile::open).collect();
    files.sort_by_cached_key(|file| std::cmp::Reverse((file.step, file.epoch, file.name())));
    Ok(files)
}

/// The newest whole checkpoint in `directory` that `fits`, with all its bytes, and what is wrong with newer ones that fit.
///
/// # Errors
/// Where the directory can't be read, or a file that may be whole: to go back behind it would be a loss.
pub fn newest_whole(directory: &Path, fits: impl Fn(&CheckpointFile) -> bool) -> io::Result<(Whole, Vec<String>)> {
    first_whole(newest_first(directory)?.into_iter().filter(fits))
}

/// A checkpoint with all its bytes, where there is one.
pub type Whole = Option<(CheckpointFile, Vec<u8>)>;

fn first_whole(files: impl Iterator<Item = CheckpointFile>) -> io::Result<(Whole, Vec<String>)> {
    let mut skipped = Vec::new();
    for file in files {
        match file.read() {
            Ok(bytes) => return Ok((Some((file, bytes)), skipped)),
            // The trainer may remove one after it was listed.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => {
                skipped.push(format!("`{}`: {error}", file.name()));
            }
            Err(error) => {
                let message = format!("reading the checkpoint `{}`: {error}", file.path.display());
                return Err(io::Error::new(error.kind(), message));
            }
        }
    }
    Ok((None, skipped))
}

impl RunDir {
    /// The whole checkpoint of `moment`, with all its bytes: the newest, but of an epoch the first, since one that was
    /// stopped within the next epoch has as many complete ones.
    ///
    /// # Errors
    /// A sentence where there is none, with what there is, or where the directory or a file can't be read.
    pub fn checkpoint_of(&self, moment: Moment) -> Result<(CheckpointFile, Vec<u8>), String> {
        let reading = |error| format!("reading `{}`: {error}", self.checkpoints().display());
        let all = newest_first(&self.checkpoints()).map_err(reading)?;
        let fits = |file: &CheckpointFile| match moment {
            Moment::End | Moment::Last => true,
            Moment::Best => file.best,
            Moment::Epoch(epoch) => file.epoch == Some(epoch),
            Moment::Random => false,
        };
        let (whole, _) = match moment {
            Moment::Epoch(_) => first_whole(all.iter().rev().filter(|file| fits(file)).cloned()),
            _ => newest_whole(&self.checkpoints(), fits),
        }
        .map_err(reading)?;
        whole.ok_or_else(|| self.no_checkpoint_of(moment, &all))
    }

    fn no_checkpoint_of(&self, moment: Moment, all: &[CheckpointFile]) -> String {
        let (label, mut epochs) = (self.label(), all.iter().filter_map(|file| file.epoch).collect::<Vec<_>>());
        epochs.sort_unstable();
        epochs.dedup();
        let there = epochs.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match moment {
            _ if epochs.is_empty() => format!("`{label}` has no whole checkpoint"),
            Moment::Epoch(epoch) => format!(
                "`{label}` has no whole checkpoint of epoch {epoch}; it has those after epoch {there}. `keep_every = N` \
                 keeps one every N epochs, of runs that are started from now on"
            ),
            Moment::Best => {
                format!("`{label}` has no whole checkpoint of a best epoch; it has those after epoch {there}")
            }
            Moment::End | Moment::Last | Moment::Random => {
                format!("`{label}` has no whole checkpoint; name another with `epoch:N`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::{Dtype, tensor::TensorView};

    /// Writes a checkpoint as the trainer names it.
    fn write(run: &RunDir, step: u64, epoch: u64, words: &[&str]) -> PathBuf {
        let data = [1_f32, 2.0].map(f32::to_le_bytes).concat();
        let view = TensorView::new(Dtype::F32, vec![2], &data).unwrap();
        let texts = words.iter().map(|word| ((*word).to_owned(), "true".to_owned()));
        let texts = texts.chain([("epoch".to_owned(), epoch.to_string())]).collect();
        let bytes = safetensors::serialize([("a", view)], Some(texts)).unwrap();
        fs::create_dir_all(run.checkpoints()).unwrap();
        let path = run.checkpoints().join(checkpoint_name(step, &bytes));
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_moment_leads_to_its_newest_whole_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path().join("base/1"));
        assert_eq!(run.checkpoint_of(Moment::Last).unwrap_err(), "`base/1` has no whole checkpoint");
        let first = write(&run, 10, 1, &["best", "kept"]);
        let best = write(&run, 20, 2, &["best"]);
        let before = write(&run, 30, 2, &[]);
        let last = write(&run, 30, 3, &[]);
        fs::write(run.checkpoints().join("notes"), "").unwrap();
        assert!(checkpoint_name(30, &fs::read(&last).unwrap()).starts_with("step-0000000030."));
        let path = |moment| run.checkpoint_of(moment).map(|(file, _)| file.path);
        assert_eq!(path(Moment::Last).unwrap(), last);
        assert_eq!(path(Moment::Best).unwrap(), best);
        assert_eq!(path(Moment::Epoch(1)).unwrap(), first);
        assert_eq!(path(Moment::Epoch(2)).unwrap(), best, "not the one that was stopped in epoch 3");
        let kept: Vec<bool> = newest_first(&run.checkpoints()).unwrap().iter().map(|file| file.kept).collect();
        assert_eq!(kept, [false, false, false, true]);
        let message = path(Moment::Epoch(7)).unwrap_err();
        assert!(message.contains("after epoch 1, 2, 3") && message.contains("keep_every"), "{message}");

        let mut bytes = fs::read(&last).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&last, bytes).unwrap();
        assert_eq!(path(Moment::Last).unwrap(), before, "a damaged one is passed over");
        assert!(path(Moment::Epoch(3)).unwrap_err().contains("no whole checkpoint of epoch 3"));
    }

    #[test]
    fn one_that_is_gone_after_it_was_listed_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path().join("base/1"));
        let (older, newer) = (write(&run, 10, 1, &[]), write(&run, 20, 2, &[]));
        let listed = newest_first(&run.checkpoints()).unwrap();
        fs::remove_file(&newer).unwrap();
        let (whole, skipped) = first_whole(listed.into_iter()).unwrap();
        let (file, bytes) = whole.unwrap();
        assert_eq!((file.path, bytes), (older.clone(), fs::read(&older).unwrap()));
        assert!(skipped.len() == 1 && skipped[0].contains("step-0000000020."), "{skipped:?}");
        let (whole, skipped) = newest_whole(&run.checkpoints(), |file| file.best).unwrap();
        assert!(whole.is_none() && skipped.is_empty());
    }

    #[test]
    fn what_is_no_safetensors_file_is_told_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let path = write(&run, 1, 1, &[]);
        let whole = fs::read(&path).unwrap();
        let header = Header::read(&path).unwrap();
        assert_eq!((header.tensors, header.texts["epoch"].as_str()), (1, "1"));
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Header::read(&path).unwrap_err().kind(), ErrorKind::InvalidData, "{length} bytes");
        }
        fs::write(&path, b"PK\x03\x04 a zip archive, as Python pickles it").unwrap();
        assert!(Header::read(&path).unwrap_err().to_string().contains("no safetensors file"));
        assert_eq!(newest_first(&run.checkpoints()).unwrap()[0].epoch, None);
    }

    proptest::proptest! {
        #[test]
        fn a_changed_or_made_up_file_gives_a_header_or_an_error(
            head in proptest::option::of(proptest::num::u64::ANY), text in "[\\[\\]{}\",:0-9a-fF_]{0,80}",
            changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 0..6), cut in proptest::num::usize::ANY
        ) {
            static WHOLE: std::sync::LazyLock<(tempfile::TempDir, PathBuf, Vec<u8>)> = std::sync::LazyLock::new(|| {
                let folder = tempfile::tempdir().unwrap();
                let path = write(&RunDir::new(folder.path()), 1, 1, &["best"]);
                let bytes = fs::read(&path).unwrap();
                (folder, path, bytes)
            });
            let (_, path, whole) = &*WHOLE;
            // Either a file that was one, or a length and a text of its own.
            let mut bytes = match head {
                Some(head) => [&(head % 200).to_le_bytes()[..], text.as_bytes()].concat(),
                None => whole.clone(),
            };
            for (at, new) in changes {
                let at = at % bytes.len();
                bytes[at] = new;
            }
            bytes.truncate(bytes.len() - cut % bytes.len().min(40));
            fs::write(path, &bytes).unwrap();
            let _ = Header::read(path);
            let file = CheckpointFile::open(path.clone()).unwrap();
            proptest::prop_assert_eq!(file.read().is_ok(), bytes == *whole, "only what its name promises is taken");
        }
    }
}
