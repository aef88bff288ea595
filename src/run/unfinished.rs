//! What a writing that was interrupted has left: a hidden file beside the one that it was to replace.

use super::RunDir;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

impl RunDir {
    /// Removes what interrupted writings of a trainer, and of who started it, have left. For the one that holds the run's
    /// lock: of these files only a map may be written by somebody else at the same time, who is told that it failed then.
    /// Checkpoints are cleared where they are looked for.
    ///
    /// # Errors
    /// Where a folder can't be read or a file can't be removed.
    pub fn remove_unfinished(&self) -> io::Result<()> {
        remove(self.path(), |name| name.starts_with(".source.json.") || name.starts_with(".job.json."))?;
        remove(&self.maps(), |name| name.starts_with(".step-"))?;
        remove(&self.pictures(), |name| name.starts_with('.') && name.contains(".png."))
    }
}

fn remove(folder: &Path, unfinished: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&unfinished) && entry.file_type()?.is_file() {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        run.remove_unfinished().unwrap();
        fs::create_dir_all(run.maps()).unwrap();
        fs::create_dir_all(folder.path().join("pictures/.kept.png.d")).unwrap();
        let left = [
            ".source.json.a1",
            ".job.json.b2",
            "maps/.step-0000000001.00000000.safetensors.c3",
            "pictures/.views.png.d4",
        ];
        let stays = [
            "source.json",
            "job.json",
            ".note of mine",
            "maps/step-0000000001.00000000.safetensors",
            "pictures/views.png",
        ];
        left.iter().chain(&stays).for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        run.remove_unfinished().unwrap();
        assert!(left.iter().all(|name| !folder.path().join(name).exists()));
        assert!(
            stays.iter().all(|name| folder.path().join(name).exists())
                && folder.path().join("pictures/.kept.png.d").is_dir()
        );
    }
}
