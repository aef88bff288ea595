//! Checkpoint files: one safetensors file each, that names its step and its own CRC-32 and so verifies itself, as
//! `step-0000001234.1a2b3c4d.safetensors`. Written beside, synced, renamed, read again; only then do older ones go.
//! What the tensors mean is the writer's business; how files are named and found is [`mocolab::run::newest_whole`]'s.

use anyhow::{Context, Result};
use mocolab::disk::write_whole;
use mocolab::run::{CheckpointFile, checkpoint_name, newest_first, newest_whole};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{collections::HashMap, fs, io, path::Path};
use tch::{Kind, Tensor};

/// Text about a checkpoint, by key.
pub type Texts = HashMap<String, String>;

/// What is to be saved.
pub struct Content<'a> {
    /// Tensors by name, fp32 or whole numbers.
    pub tensors: Vec<(String, Tensor)>,
    /// Text by key.
    pub texts: Texts,
    /// Steps done.
    pub step: u64,
    /// Complete epochs: tells apart two checkpoints of the same step, before and after an evaluation.
    pub epoch: u64,
    /// Whether it is the best so far: the last of these is kept.
    pub best: bool,
    /// Whether it stays for ever.
    pub kept: bool,
    /// The directory.
    pub directory: &'a Path,
}

/// A checkpoint on the disk, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The file's name.
    pub file: String,
    /// The file's size.
    pub bytes: u64,
}

/// A checkpoint in memory, verified.
#[derive(Debug)]
pub struct Loaded {
    /// The file's name.
    pub file: String,
    /// Text by key.
    pub texts: Texts,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// What was found in a directory of checkpoints.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest that verifies.
    pub newest: Option<Loaded>,
    /// Newer ones that don't, each with what is wrong with it.
    pub skipped: Vec<String>,
}

/// Checkpoints kept beside the best.
const KEPT: usize = 2;

impl Content<'_> {
    /// Writes the file, verifies it, and removes those it supersedes: the newest two, the best, and those marked to be kept stay.
    ///
    /// # Errors
    /// Where there isn't twice the space it needs, or the disk fails. Checkpoints from before are then all still there.
    pub fn write(mut self) -> Result<Saved> {
        let own = [("format", "pt".to_owned()), ("step", self.step.to_string()), ("epoch", self.epoch.to_string())];
        self.texts.extend(own.map(|(key, text)| (key.to_owned(), text)));
        for (key, is_so) in [("best", self.best), ("kept", self.kept)] {
            self.texts.insert(key.to_owned(), is_so.to_string());
        }
        let bytes = encode(&self.tensors, self.texts)?;
        let file = checkpoint_name(self.step, &bytes);
        let path = self.directory.join(&file);
        require_space(self.directory, bytes.len() as u64)?;
        write_whole(&path, &bytes).with_context(|| format!("writing the checkpoint `{}`", path.display()))?;
        let written = CheckpointFile::open(path).context("a checkpoint has lost its name")?;
        written.read().context("reading the checkpoint again that was just written")?;
        remove_superseded(self.directory)?;
        Ok(Saved { file, bytes: bytes.len() as u64 })
    }
}

impl Loaded {
    /// The tensor called `name`, on the CPU.
    ///
    /// # Errors
    /// Where it isn't there or is of a type that checkpoints don't have.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let view = file.tensor(name).with_context(|| format!("`{name}` in the checkpoint `{}`", self.file))?;
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::I64 => Kind::Int64,
            // Files of others.
            Dtype::F64 => Kind::Double,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => {
                anyhow::bail!("`{name}` in the checkpoint `{}` is of type `{other:?}`, and can't be taken", self.file)
            }
        };
        let shape: Vec<i64> = view.shape().iter().map(|length| *length as i64).collect();
        Ok(Tensor::f_from_data_size(view.data(), &shape, kind)?)
    }

    /// Reads a safetensors file of whatever origin; one of ours is verified.
    ///
    /// # Errors
    /// Where it can't be read, is damaged or something else.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = match CheckpointFile::open(path.to_owned()) {
            Some(file) => file.read(),
            None if fs::metadata(path).is_ok_and(|data| !data.is_file()) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a folder, a pipe or a device, no file"))
            }
            None => fs::read(path),
        };
        let loaded = bytes.map_err(anyhow::Error::from).and_then(Self::of);
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, ..loaded.with_context(|| format!("reading `{}`", path.display()))? })
    }

    fn of(bytes: Vec<u8>) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(&bytes).context("it is not a safetensors file")?;
        Ok(Self { file: String::new(), texts: metadata.metadata().clone().unwrap_or_default(), bytes })
    }

    /// The names of all tensors with their shapes.
    ///
    /// # Errors
    /// Where it is no safetensors file.
    pub fn shapes(&self) -> Result<HashMap<String, Vec<i64>>> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let shape = |view: &TensorView| view.shape().iter().map(|length| *length as i64).collect();
        Ok(file.tensors().iter().map(|(name, view)| (name.clone(), shape(view))).collect())
    }

    /// The text under `key`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn text(&self, key: &str) -> Result<&str> {
        let text = self.texts.get(key).map(String::as_str);
        text.with_context(|| format!("the checkpoint `{}` says nothing of `{key}`", self.file))
    }
}

/// Looks for the newest checkpoint in `directory` that verifies, and removes what an interrupted writing left.
///
/// # Errors
/// Where the directory can't be read.
pub fn find(directory: &Path) -> Result<Found> {
    let reading = || format!("reading `{}`", directory.display());
    for entry in fs::read_dir(directory).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".step-")) {
            fs::remove_file(&path).with_context(|| format!("removing the left-over `{}`", path.display()))?;
        }
    }
    let (newest, skipped) = newest_whole(directory, |_| true).with_context(reading)?;
    let load = |(file, bytes): (CheckpointFile, Vec<u8>)| -> Result<Loaded> {
        Ok(Loaded { file: file.name(), ..Loaded::of(bytes)? })
    };
    Ok(Found { newest: newest.map(load).transpose()?, skipped })
}

/// Removes all but the newest two, the newest that was the best of its time, and those to be kept. Damaged ones don't
/// count; of those to be kept only what could be one of the others is read.
fn remove_superseded(directory: &Path) -> Result<()> {
    let (mut kept, mut best_kept) = (0, false);
    for file in newest_first(directory)? {
        let is_best = !best_kept && file.best;
        if kept < KEPT || is_best {
            match file.read() {
                Ok(_) => {
                    kept += 1;
                    best_kept |= is_best;
                    continue;
                }
                // It may be whole: the next time will tell.
                Err(error) if error.kind() != io::ErrorKind::InvalidData => continue,
                Err(_) => {}
            }
        } else if file.kept {
            continue;
        }
        fs::remove_file(&file.path).with_context(|| format!("removing the superseded `{}`", file.path.display()))?;
    }
    Ok(())
}

fn require_space(directory: &Path, bytes: u64) -> Result<()> {
    let disk =
        rustix::fs::statvfs(directory).with_context(|| format!("asking for space in `{}`", directory.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= 2 * bytes {
        return Ok(());
    }
    let message = format!(
        "no space for a checkpoint of {} MB: `{}` has {} MB free, and twice the size is needed. Make room, then resume",
        bytes.div_ceil(1_000_000),
        directory.display(),
        free / 1_000_000
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, message).into())
}

fn encode(tensors: &[(String, Tensor)], texts: Texts) -> Result<Vec<u8>> {
    let raw = tensors.iter().map(|(name, tensor)| {
        let kind = if tensor.kind() == Kind::Int64 { Dtype::I64 } else { Dtype::F32 };
        let tensor = tensor.detach().to_device(tch::Device::Cpu).contiguous();
        let mut bytes = vec![0; tensor.numel() * kind.bitsize() / 8];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel()).with_context(|| format!("copying `{name}`"))?;
        let shape: Vec<usize> = tensor.size().iter().map(|length| *length as usize).collect();
        Ok((name, kind, shape, bytes))
    });
    let raw: Vec<_> = raw.collect::<Result<_>>()?;
    let views = raw.iter().map(|(name, kind, shape, bytes)| Ok((name, TensorView::new(*kind, shape.clone(), bytes)?)));
    let views: Vec<_> = views.collect::<Result<_>>()?;
    Ok(safetensors::serialize(views, Some(texts))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        newest_first(directory).unwrap().iter().map(CheckpointFile::name).collect()
    }

    fn write(directory: &Path, step: u64, epoch: u64, best: bool) -> String {
        let tensors = vec![
            ("a.weight".to_owned(), Tensor::from_slice(&[1_f32, -0.0, f32::MIN_POSITIVE, step as f32]).view([2, 2])),
            ("a.count".to_owned(), Tensor::from(7_i64)),
        ];
        let texts = [("said".to_owned(), "ä\n".to_owned())].into();
        Content { tensors, texts, step, epoch, best, kept: step == 100, directory }.write().unwrap().file
    }

    proptest::proptest! {
        #[test]
        fn a_changed_or_made_up_file_gives_tensors_or_an_error(
            changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()), 0..6),
            length in proptest::option::of(proptest::prelude::any::<proptest::sample::Index>()),
            made_up in proptest::option::of("\\PC{0,80}"),
        ) {
            let tensors = [("a".to_owned(), Tensor::from_slice(&[1_f32, 2.0])), ("b".to_owned(), Tensor::from(7_i64))];
            let mut bytes = encode(&tensors, Texts::new()).unwrap();
            if let Some(header) = made_up {
                bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8..]].concat();
            }
            let all = bytes.len();
            for (at, byte) in changes {
                bytes[at.index(all)] = byte;
            }
            bytes.truncate(length.map_or(all, |at| at.index(all)));
            if let Ok(loaded) = Loaded::of(bytes)
                && let Ok(shapes) = loaded.shapes()
            {
                for name in shapes.keys() {
                    let _ = loaded.tensor(name);
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = write(directory.path(), 12, 1, false);
        assert!(file.starts_with("step-0000000012."), "{file}");
        fs::write(directory.path().join(".step-0000000013.00000000.safetensors.Xy12"), "half").unwrap();
        let loaded = find(directory.path()).unwrap().newest.unwrap();
        assert_eq!(loaded.file, file);
        let expected = Tensor::from_slice(&[1_f32, -0.0, f32::MIN_POSITIVE, 12.0]).view([2, 2]);
        assert_eq!(loaded.tensor("a.weight").unwrap(), expected);
        assert_eq!(loaded.tensor("a.count").unwrap(), Tensor::from(7_i64));
        assert_eq!((loaded.text("said").unwrap(), loaded.text("format").unwrap()), ("ä\n", "pt"));
        assert!(loaded.tensor("b").is_err() && loaded.text("b").is_err());
        assert_eq!(names(directory.path()), [file]);
    }

    #[test]
    fn a_damaged_checkpoint_is_skipped_for_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let older = write(directory.path(), 1, 0, false);
        let newer = write(directory.path(), 2, 0, false);
        let path = directory.path().join(&newer);
        let whole = fs::read(&path).unwrap();
        for bit in (0..whole.len() * 8).step_by(97) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert_eq!(find(directory.path()).unwrap().newest.unwrap().file, older, "bit {bit}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let found = find(directory.path()).unwrap();
            assert_eq!(found.newest.unwrap().file, older, "length {length}");
            assert!(found.skipped.len() == 1 && found.skipped[0].contains("damaged"), "{:?}", found.skipped);
        }
    }

    #[test]
    fn the_newest_two_and_the_best_stay() {
        let directory = tempfile::tempdir().unwrap();
        let files: Vec<String> = [(1, 1, true), (2, 2, true), (3, 3, false), (4, 3, false), (4, 4, false)]
            .into_iter()
            .map(|(s, e, b)| write(directory.path(), s, e, b))
            .collect();
        assert_eq!(names(directory.path()), [4, 3, 1].map(|k| files[k].clone()));
        let fifth = directory.path().join(&files[4]);
        fs::write(&fifth, "damaged").unwrap();
        let sixth = write(directory.path(), 6, 5, false);
        assert_eq!(names(directory.path()), [sixth, files[3].clone(), files[1].clone()]);
    }

    #[test]
    fn one_to_be_kept_stays_and_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let kept = write(directory.path(), 100, 1, false);
        let [_, third] = [101, 102].map(|step| write(directory.path(), step, 1, false));
        let path = directory.path().join(&kept);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let last = write(directory.path(), 103, 1, false);
        assert_eq!(names(directory.path()), [last, third, kept]);
    }

    #[test]
    fn too_little_space_is_said_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let message = require_space(directory.path(), u64::MAX / 4).unwrap_err().to_string();
        assert!(message.contains("no space") && message.contains("resume"), "{message}");
    }
}
