//! What this program knows of one run: the experiment it is of, the fold of its events, and what it is now.

use crate::project;
use mocolab::device::{Choice, Device, Devices};
use mocolab::event::{Best, Line};
use mocolab::experiment::Experiment;
use mocolab::metrics;
use mocolab::queue::Live;
use mocolab::run::{Batch, Job, Listing, Notes, Reading, RunDir, Ticket, Watch, scheduled};
use mocolab::state::{Depth, RunState};
use mocolab::status::{Scheduler, Status};
use mocolab::text::duration;
use std::collections::BTreeMap;
use std::io;

/// A run as seen from here.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Where it lies.
    pub run: RunDir,
    /// What it trains; a sentence where its file can't be read.
    pub experiment: Result<Experiment, String>,
    /// What it has said.
    pub state: RunState,
    /// What it is.
    pub status: Status,
    /// The attempt launched last.
    pub job: Option<Job>,
    /// Damaged lines in its record.
    pub damaged: usize,
    /// A sentence where something of it can't be read.
    pub trouble: Option<String>,
    /// What people say of it.
    pub notes: Notes,
    /// How it is to be started next, where it was queued.
    pub ticket: Option<Ticket>,
    /// It is this user's, who may act on it.
    pub own: bool,
}

/// How a run stands for scripts: what `ls --json` prints.
#[derive(Debug, serde::Serialize)]
pub struct Summary<'a> {
    run: String,
    path: String,
    experiment: String,
    status: Status,
    devices: Vec<String>,
    attempt: u32,
    step: u64,
    steps: u64,
    epoch: u64,
    epochs: u64,
    seconds_left: Option<f64>,
    began: Option<f64>,
    last_seen: Option<f64>,
    latest: BTreeMap<&'a str, Option<f64>>,
    best: &'a BTreeMap<String, Best>,
    damaged_lines: usize,
    cause: Option<&'a str>,
    trouble: Option<&'a str>,
}

/// Whether a scheduler may have a run of this status, job and ticket: worth a question.
pub fn may_be_job(status: Status, job: Option<&Job>, ticket: Option<&Ticket>) -> bool {
    let over = matches!(status, Status::Done | Status::Stopped | Status::Failed | Status::Killed);
    !over && scheduled(job, ticket).is_some()
}

impl Sight {
    /// A run of which nothing has been read yet but what it trains.
    pub fn new(run: RunDir) -> Self {
        let experiment = project::experiment(&run).map_err(|error| format!("{error:#}"));
        Self { experiment, ..Self::unread(run) }
    }

    /// A run of which nothing has been read yet.
    pub fn unread(run: RunDir) -> Self {
        let experiment = Err("not read yet".to_owned());
        let (state, notes) = (RunState::default(), Notes::default());
        let (status, damaged, own) = (Status::Unknown, 0, run.is_own());
        Self { run, experiment, state, status, job: None, damaged, trouble: None, notes, ticket: None, own }
    }

    /// Reads all there is of a run now.
    pub fn read(run: RunDir) -> Self {
        Self::read_as(run, Reading::whole)
    }

    /// Reads what a list shows of a run now.
    pub fn glimpse(run: RunDir) -> Self {
        Self::read_as(run, Reading::glimpse)
    }

    fn read_as(run: RunDir, read: fn(&RunDir) -> io::Result<Reading>) -> Self {
        let (mut sight, mut watch) = Self::open(run, read);
        if let Err(error) = sight.look(&mut watch) {
            sight.trouble = Some(error.to_string());
        }
        sight
    }

    /// Reads a run as `read` does; with it what goes on watching from there. Where it can't be read the watch begins at its
    /// first line.
    pub fn open(run: RunDir, read: fn(&RunDir) -> io::Result<Reading>) -> (Self, Watch) {
        let mut sight = Self::new(run.clone());
        let watch = match read(&run) {
            Ok(reading) => {
                let watch = Watch::after(run, &reading);
                sight.begin(reading);
                watch
            }
            Err(_) => Watch::new(run),
        };
        (sight, watch)
    }

    /// Takes in what was read, in the place of all before.
    pub fn begin(&mut self, reading: Reading) {
        (self.state, self.damaged) = (reading.state, reading.damaged);
    }

    /// Takes in all that is new to `watch`. Returns the new lines.
    ///
    /// # Errors
    /// Where a file of the run is there but can't be read.
    pub fn look(&mut self, watch: &mut Watch) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        loop {
            let look = watch.look(usize::MAX)?;
            self.take(&look.batch);
            self.job = look.job;
            (self.notes, self.ticket, self.trouble) = (look.notes, look.ticket, look.trouble);
            lines.extend(look.batch.lines);
            if let Some(status) = look.status {
                self.status = status;
                return Ok(lines);
            }
        }
    }

    /// Takes in new lines.
    pub fn take(&mut self, batch: &Batch) {
        if batch.restart {
            // All lines follow: that is more than a glimpse.
            (self.state, self.damaged) = (RunState::of(self.state.depth.max(Depth::Summary)), 0);
        }
        batch.lines.iter().for_each(|line| self.state.apply(line));
        self.damaged += batch.damaged.len();
    }

    /// The devices, in words: `cpu`, `cuda:0`; `–` before a start.
    pub fn devices(&self) -> String {
        self.job
            .as_ref()
            .filter(|job| !job.devices.is_empty())
            .map_or("–".into(), |job| mocolab::text::sanitize(&job.devices.join(",")))
    }

    /// It as one that has its devices.
    pub fn as_live(&self, name: String) -> Live {
        let job = self.job.as_ref();
        let devices = job.into_iter().flat_map(|job| &job.devices);
        let devices = devices.map(|name| name.strip_prefix("cuda:").unwrap_or(name).to_owned()).collect();
        let slots = job.map_or(1, |job| job.slots.max(1));
        Live { name, devices, uuids: job.map_or_else(Vec::new, |job| job.uuids.clone()), slots }
    }

    /// The job of a scheduler that it waits in or is trained by. One that ended before it was done has one only where the
    /// scheduler says so, or can't be asked.
    pub fn scheduled(&self) -> Option<String> {
        let (id, since) = scheduled(self.job.as_ref(), self.ticket.as_ref()).filter(|_| self.may_be_job())?;
        let state = || Listing::latest().map(|listing| listing.state(&id, since));
        let cut = self.status.is_cut_short() || self.status == Status::Unknown;
        let has = |state| matches!(state, Scheduler::Pending | Scheduler::Running | Scheduler::Silent);
        (!cut || state().is_some_and(has)).then_some(id)
    }

    /// A scheduler may have it: worth a question.
    pub fn may_be_job(&self) -> bool {
        may_be_job(self.status, self.job.as_ref(), self.ticket.as_ref())
    }

    /// Is it being trained on the device of this name and UUID of the machine with this boot id, as far as can be told?
    pub fn trains_on(&self, device: &Device, boot_id: &str) -> bool {
        let here = self.job.as_ref().is_some_and(|job| job.boot_id == boot_id);
        here && self.status.is_live() && self.as_live(String::new()).is_on(&device.name, device.uuid.as_deref())
    }

    /// The devices that it was launched on last, by their numbers among those `found` today; none where one is gone.
    pub fn placed(&self, found: &Devices) -> Option<Choice> {
        let job = self.job.as_ref()?;
        Choice::again(&job.devices, &job.uuids, found)
    }

    /// How far it is, in words: `epoch 3 of 5, 2 min left`.
    pub fn progress(&self) -> String {
        let state = &self.state;
        match state.seconds_left() {
            Some(left) => format!("epoch {} of {}, {} left", state.epoch, state.epochs, duration(left)),
            None => format!("epoch {} of {}", state.epoch, state.epochs),
        }
    }

    /// What it is, as the end of a sentence: `is running (epoch 3 of 5)`, `failed at epoch 12`.
    pub fn standing(&self) -> String {
        let verb = match self.status {
            Status::Failed => "failed".to_owned(),
            Status::Crashed => "crashed".to_owned(),
            Status::Stopped => "was stopped".to_owned(),
            status if status.is_live() => return format!("is {status} ({})", self.progress()),
            Status::Queued | Status::Held => return format!("is {} and was never launched", self.status),
            status => format!("is {status}"),
        };
        match self.state.epoch {
            0 => format!("{verb} before its first epoch"),
            epoch => format!("{verb} at epoch {epoch}"),
        }
    }

    /// The latest loss: of the training steps.
    pub fn loss(&self) -> Option<f64> {
        self.state.latest.get(metrics::TRAIN_LOSS).copied()
    }

    /// The best macro accuracy on the validation split, by neighbours for MoCo, with its epoch.
    pub fn best_macro(&self) -> Option<Best> {
        self.state.best.get(&self.state.headline("val")).copied()
    }

    /// Why it ended, where it said so.
    pub fn cause(&self) -> Option<&str> {
        self.state.finished.as_ref()?.cause.as_deref()
    }

    /// For scripts.
    pub fn summary(&self) -> Summary<'_> {
        let state = &self.state;
        let seen = |t: f64| (state.attempt > 0).then_some(t);
        Summary {
            run: self.run.label(),
            path: self.run.path().display().to_string(),
            experiment: self.run.experiment_name().map(|name| name.to_string()).unwrap_or_default(),
            status: self.status,
            devices: self.job.as_ref().map(|job| job.devices.clone()).unwrap_or_default(),
            attempt: self.job.as_ref().map_or(state.attempt, |job| job.attempt),
            step: state.step,
            steps: state.steps,
            epoch: state.epoch,
            epochs: state.epochs,
            seconds_left: state.seconds_left().filter(|_| self.status.is_live()),
            began: seen(state.began),
            last_seen: seen(state.last_seen),
            latest: state.latest.iter().map(|(name, v)| (name.as_str(), v.is_finite().then_some(*v))).collect(),
            best: &state.best,
            damaged_lines: self.damaged,
            cause: self.cause(),
            trouble: self.trouble.as_deref(),
        }
    }
}
