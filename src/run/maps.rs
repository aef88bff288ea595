//! The maps of a run's features: a file each, named like a checkpoint by its step and its own CRC-32.

use super::{CheckpointFile, RunDir, checkpoint_name, newest_first};
use crate::disk::write_whole;
use crate::embedding::Embedding;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// A map on the disk, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFile {
    /// Steps of training.
    pub step: u64,
    /// Complete epochs; none where the header can't be read.
    pub epoch: Option<u64>,
    file: CheckpointFile,
}

impl MapFile {
    /// Reads it.
    ///
    /// # Errors
    /// Where it can't be read, or is damaged or something else ([`ErrorKind::InvalidData`]).
    pub fn read(&self) -> io::Result<Embedding> {
        Embedding::decode(&self.bytes()?)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("`{}`: {error}", self.file.path.display())))
    }

    /// All its bytes, where they are what its name promises.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let reading =
            |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", self.file.path.display()));
        self.file.read().map_err(reading)
    }

    /// Where it lies.
    pub fn path(&self) -> &std::path::Path {
        &self.file.path
    }
}

impl RunDir {
    /// Where its maps lie.
    pub fn maps(&self) -> PathBuf {
        self.path().join("maps")
    }

    /// All its maps, by step, one a step: of several the newest written.
    ///
    /// # Errors
    /// Where the folder can't be read; that there is none is no error.
    pub fn map_files(&self) -> io::Result<Vec<MapFile>> {
        let mut files = newest_first(&self.maps())?;
        let written = |file: &CheckpointFile| fs::metadata(&file.path).and_then(|data| data.modified()).ok();
        files.sort_by_cached_key(|file| (file.step, std::cmp::Reverse(written(file))));
        files.dedup_by_key(|file| file.step);
        Ok(files.into_iter().map(|file| MapFile { step: file.step, epoch: file.epoch, file }).collect())
    }

    /// Removes the maps of steps after `step`: of a training that went back behind them.
    ///
    /// # Errors
    /// Where one can't be removed.
    pub fn remove_maps_after(&self, step: u64) -> io::Result<()> {
        newest_first(&self.maps())?
            .iter()
            .filter(|file| file.step > step)
            .try_for_each(|file| fs::remove_file(&file.path))
    }

    /// The names of the files that lie among its maps, sorted: they change where a map does.
    pub fn map_names(&self) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(self.maps()).into_iter().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort_unstable();
        names
    }

    /// Keeps the map whose bytes these are, of step `step`, in the place of any other of that step. It is there whole or not at all.
    ///
    /// # Errors
    /// Where it can't be written; any other is then still there.
    pub fn write_map(&self, step: u64, bytes: &[u8]) -> io::Result<PathBuf> {
        let folder = self.maps();
        // Of the run itself nothing is made: it may be in the trash.
        match super::folder::make_new(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let path = folder.join(checkpoint_name(step, bytes));
        write_whole(&path, bytes)?;
        for other in newest_first(&folder)?.into_iter().filter(|other| other.step == step && other.path != path) {
            match fs::remove_file(&other.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::test_map;

    #[test]
    fn maps_lie_by_step_and_a_new_one_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        assert_eq!(run.map_files().unwrap(), []);
        let (mut early, late) = (test_map(20), test_map(30));
        early.about.epoch = 2;
        for (step, map) in [(90, &late), (20, &early), (90, &early)] {
            run.write_map(step, &map.encode(&[]).unwrap()).unwrap();
        }
        let files = run.map_files().unwrap();
        assert_eq!(
            files.iter().map(|file| (file.step, file.epoch)).collect::<Vec<_>>(),
            [(20, Some(2)), (90, Some(2))]
        );
        assert_eq!(files[1].read().unwrap(), early);
    }

    #[test]
    fn a_damaged_one_is_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let path = run.write_map(7, &test_map(20).encode(&[]).unwrap()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = run.map_files().unwrap()[0].read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("step-0000000007") && error.to_string().contains("damaged"), "{error}");
    }
}
