//! The run directory: the only meeting place of the terminal and the trainer. [`RunDir`] knows its file names; every file
//! has one writer. `ARCHITECTURE.md` lists them.

mod agent;
mod cache;
mod checkpoints;
mod claims;
mod find;
mod folder;
mod listing;
mod lock;
mod log;
mod maps;
mod output;
mod owner;
mod plain;
mod reader;
mod reading;
mod records;
mod skim;
mod trash;
mod unfinished;
mod watch;

pub use agent::AgentLock;
pub use checkpoints::{CheckpointFile, Header, Whole, checkpoint_name, newest_first, newest_whole};
pub use claims::{Claim, Claims, Taken};
pub use find::{Runs, create, create_with};
pub use folder::make as make_folder;
pub use listing::{Listed, Listing, scheduled};
pub use lock::{HeldLock, LockError};
pub use log::{Log, LogError};
pub use maps::MapFile;
pub use output::Output;
pub use owner::NotOwn;
pub use reader::{Batch, Reader};
pub use reading::Reading;
pub use records::{Heart, Job, Notes, Request, Source, Ticket, boot_id, host, now, process_start};
pub use trash::TrashError;
pub use watch::{Look, Stamp, Watch};

use crate::disk::write_whole;
use crate::experiment::Name;
use std::path::{Path, PathBuf};

/// A run's place on the disk: `runs/<experiment>/<run id>/`.
///
/// Runs are in the order in which they were made: by their experiment, then by the moment in the id and the number behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunDir(PathBuf);

impl Ord for RunDir {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let above = self.0.parent().cmp(&other.0.parent());
        above.then_with(|| self.moment().cmp(&other.moment())).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for RunDir {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl RunDir {
    /// The run at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The experiment's name, from the directory above.
    pub fn experiment_name(&self) -> Option<Name> {
        self.0.parent()?.file_name()?.to_str()?.parse().ok()
    }

    /// The run's id, the directory's own name.
    pub fn id(&self) -> String {
        self.0.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The moment in its id, and the number behind it. Thousands of runs are sorted at every look: nothing is copied for it.
    fn moment(&self) -> (&str, u32) {
        find::moment(self.0.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default())
    }

    /// `experiment/id`, as a user names a run.
    pub fn label(&self) -> String {
        let experiment = self.experiment_name().map(|name| format!("{name}/")).unwrap_or_default();
        format!("{experiment}{}", self.id())
    }

    /// How it is to be started next, while it waits in a queue.
    pub fn ticket(&self) -> PathBuf {
        self.0.join("ticket.json")
    }

    /// Writes what is trained anew, in one piece: of a run that has waited for its source.
    ///
    /// # Errors
    /// Where it can't be written; the old one is left then.
    pub fn settle(&self, snapshot: &str) -> std::io::Result<()> {
        records::replace(&self.experiment(), snapshot.trim_end().as_bytes())
    }

    /// Writes the picture `name` as PNG. Gives its file, relative to the run.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write_picture(&self, name: &str, png: &[u8]) -> std::io::Result<String> {
        make_folder(&self.pictures())?;
        let file = format!("pictures/{name}.png");
        write_whole(&self.0.join(&file), png).map(|()| file)
    }

    /// Reads the picture that the record names `file`: one of those that [`RunDir::write_picture`] writes, and nothing else.
    ///
    /// # Errors
    /// Where it can't be read, or is no such picture.
    pub fn read_picture(&self, file: &str) -> std::io::Result<Vec<u8>> {
        let name = file.strip_prefix("pictures/").filter(|name| !name.contains('/') && !name.starts_with('.'));
        let name = name.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        plain::read(&self.pictures().join(name), 64 << 20)
    }

    /// Its log, to be written on at the end.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn append_output(&self) -> std::io::Result<std::fs::File> {
        plain::check(plain::options().create(true).append(true).open(self.output()))
    }

    /// Its log, to be read.
    ///
    /// # Errors
    /// Where it can't be opened, or is no plain file.
    pub fn open_output(&self) -> std::io::Result<std::fs::File> {
        plain::open(&self.output())
    }

    /// What its log holds behind `from`, of that the last `most` bytes.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn read_output(&self, from: u64, most: u64) -> std::io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.open_output()?;
        let from = from.max(file.metadata()?.len().saturating_sub(most));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).map(|_| bytes)
    }

    /// What the run's experiment.toml says.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn read_experiment(&self) -> std::io::Result<String> {
        let bytes = plain::read(&self.experiment(), plain::TEXT)?;
        String::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// What is trained, every default filled in. Written before the start.
    pub fn experiment(&self) -> PathBuf {
        self.0.join("experiment.toml")
    }

    /// Which program, host and devices ran. Written by the trainer.
    pub fn source(&self) -> PathBuf {
        self.0.join("source.json")
    }

    /// The record. Written by the trainer.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    /// Who is told of it. Written before the start.
    pub fn hooks(&self) -> PathBuf {
        self.0.join("hooks.json")
    }

    /// The attempt whose crash was told. Written by the agent.
    pub fn told(&self) -> PathBuf {
        self.0.join("told.json")
    }

    /// The record again, for TensorBoard. Written by the trainer.
    pub fn tensorboard(&self) -> PathBuf {
        self.0.join("tensorboard")
    }

    /// The record again, for Weights & Biases. Written by `mocolab export wandb`.
    pub fn wandb(&self) -> PathBuf {
        self.0.join("wandb")
    }

    /// Pictures worth looking at. Written by the trainer.
    pub fn pictures(&self) -> PathBuf {
        self.0.join("pictures")
    }

    /// Torn ends of the record, kept as evidence.
    pub fn torn(&self) -> PathBuf {
        self.0.join("events.torn")
    }

    /// What the trainer printed.
    pub fn output(&self) -> PathBuf {
        self.0.join("output.log")
    }

    /// Locked from launch to the trainer's end. Never deleted or replaced.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Which attempt was launched where. Written by the launcher.
    pub fn job(&self) -> PathBuf {
        self.0.join("job.json")
    }

    /// What the user wants of an attempt.
    pub fn request(&self) -> PathBuf {
        self.0.join("request.json")
    }

    /// A counter that moves while the trainer lives.
    pub fn heartbeat(&self) -> PathBuf {
        self.0.join("heartbeat")
    }

    /// What people say of the run.
    pub fn notes(&self) -> PathBuf {
        self.0.join("notes.json")
    }

    /// What can be made again from the other files, to be read faster. Written by any watcher.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Weights, optimiser and place in the run, a file a kept step.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }
}
