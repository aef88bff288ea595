//! What can happen to the model, and what it wants done.

use super::{Attention, Said};
use crate::picture::Picture;
use crossterm::event::{KeyEvent, MouseEvent};
use mocolab::config::Suite;
use mocolab::device::sample::Sample;
use mocolab::device::{Choice, Devices, Wanted};
use mocolab::embedding::Embedding;
use mocolab::experiment::{DataSource, Experiment};
use mocolab::run::{Batch, Job, Listing, Notes, Reading, RunDir, Ticket};
use mocolab::status::{Status, Wish};
use mocolab::survival::Facts;
use ratatui::layout::Rect;
use std::path::PathBuf;
use std::sync::Arc;

/// What to start.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A new run.
    New(Box<Experiment>),
    /// A new run with other settings than the file has: which, a line each.
    Changed(Box<Experiment>, Vec<String>),
    /// A run that goes on.
    Again(RunDir),
}

/// A line for the footer.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// Something was done.
    Done(String),
    /// Something failed.
    Failed(String),
}

/// What can happen.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// The terminal changed its size or wants a frame.
    Redraw,
    /// The experiments were read, or read again.
    Suite(Result<Suite, String>),
    /// Something new about a run.
    News(Box<News>),
    /// Something new about several runs at once: all that lay there at the start, say.
    Found(Vec<News>),
    /// A run is gone from the disk.
    Gone(RunDir),
    /// All runs have been read once.
    Complete,
    /// The end of a run's log, and how many lines it has had in all, as far as they were counted.
    Log(RunDir, Vec<String>, u64),
    /// The mouse did something, on a screen of this size.
    Mouse(MouseEvent, Rect),
    /// Text was pasted.
    Paste(String),
    /// The devices were looked for, and what a job of Slurm would ask for where there is Slurm.
    Devices(Devices, Option<String>),
    /// The devices were looked at, at a moment of a clock that never goes back.
    Sampled(Box<Sample>, f64),
    /// Slurm was asked how its jobs stand.
    Jobs(Listing),
    /// Time has passed: the next message is due now.
    Tick,
    /// What decides here whether a run lives on was looked at.
    Facts(Facts),
    /// A map of a run, or what is wrong with one.
    Map(RunDir, Result<Arc<Embedding>, String>),
    /// A map was made of a run's newest checkpoint: what is known of it, or why not.
    Embedded(RunDir, Result<String, String>),
    /// The steps of which a run has maps: those of others are gone.
    MapSteps(RunDir, Vec<u64>),
    /// Pictures of some data that were asked for, by number, and why others can't be had.
    Pictures(DataSource, Vec<(u32, Picture)>, Option<String>),
    /// Something was done or failed.
    Notice(Notice),
    /// A run was made by this screen: show it.
    Made(RunDir),
    /// A run was put into the trash, where it lies at this path.
    Trashed(RunDir, PathBuf),
    /// A run is back from the trash.
    Restored(RunDir),
    /// This is said of a run now.
    Noted(RunDir, Notes),
}

/// Something new about a run.
#[derive(Debug)]
pub struct News {
    /// Which.
    pub run: RunDir,
    /// What it trains, the first time.
    pub experiment: Option<Result<Experiment, String>>,
    /// What of its record is known, in the place of all that was told before: at first, and where the depth changes.
    pub reading: Option<Box<Reading>>,
    /// New lines of its record after that.
    pub batch: Batch,
    /// What it is, once its record has been read to the end.
    pub status: Option<Status>,
    /// The attempt launched last.
    pub job: Option<Job>,
    /// What people say of it.
    pub notes: Notes,
    /// How it is to be started first, where it was queued.
    pub ticket: Option<Ticket>,
    /// What of it can't be read.
    pub trouble: Option<String>,
}

impl News {
    /// That a run is there, and nothing else.
    pub fn of(run: RunDir) -> Self {
        let (experiment, reading, status, job, ticket, trouble) = (None, None, None, None, None, None);
        Self {
            run,
            experiment,
            reading,
            batch: Batch::default(),
            status,
            job,
            notes: Notes::default(),
            ticket,
            trouble,
        }
    }
}

/// Where something is trained at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Where {
    /// On these.
    pub device: Choice,
    /// A run of the same was seen to be under way: this is a second one.
    pub again: bool,
    /// A run was seen to be on the device: this one goes there too.
    pub force: bool,
}

impl Where {
    /// On `device`, where nobody is.
    pub fn free(device: Choice) -> Self {
        Self { device, again: false, force: false }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Cmd {
    /// Look for devices, and for what decides whether a run lives on.
    FindDevices,
    /// Train something now.
    Start(Start, Where),
    /// Let it wait for its turn; where it was seen to be under way already, a second one.
    Queue(Start, Wanted, bool),
    /// Submit it to Slurm; where it was seen to be under way already, a second one.
    Submit(Start, bool),
    /// Let these go on, each when its turn has come.
    Requeue(Vec<RunDir>),
    /// See to it that an agent is at work.
    Wake,
    /// Hold a run in the queue back.
    Hold(RunDir),
    /// Let a run in the queue go, and try again where it could not be started.
    Release(RunDir),
    /// Give those that wait this order.
    Order(Vec<RunDir>),
    /// Ask a run for something.
    Ask(RunDir, Wish),
    /// End a run's process by a signal: at once, or so that it can still save.
    End(RunDir, bool),
    /// Watch this, and nothing else.
    Attend(Attention),
    /// Say this of a run.
    Say(RunDir, Said),
    /// Map what the newest checkpoint of a run makes of the test pictures.
    Embed(RunDir),
    /// Read single test pictures of this data.
    Pictures(DataSource, Vec<u32>),
    /// Copy this text, which is called so.
    Copy(&'static str, String),
    /// Put a run into the trash.
    Trash(RunDir),
    /// Bring a run back from this path.
    Restore(RunDir, PathBuf),
}
