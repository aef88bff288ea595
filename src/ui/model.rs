//! What the screen knows, what can happen to it, and what it wants done. Pure: no files, no clock, no terminal.

mod press;
mod update;

pub use update::update;

use crate::project::Project;
use crate::sight::Sight;
use crate::ui::keys::Place;
use crate::ui::theme::Theme;
use crossterm::event::KeyEvent;
use mocolab::config::Suite;
use mocolab::device::{Choice, Devices};
use mocolab::experiment::Experiment;
use mocolab::run::{Batch, Job, RunDir};
use mocolab::status::{Status, Wish};
use std::collections::BTreeMap;

/// Lines of a log kept for the screen.
pub const LOG_LINES: usize = 2000;

/// All that is known.
#[derive(Debug)]
pub struct Model {
    /// Where `experiments.toml` lies, for the header.
    pub place: String,
    /// How it looks.
    pub theme: Theme,
    /// The experiments, or what is wrong with the file; none before it has been read.
    pub suite: Option<Result<Suite, String>>,
    /// Every run by its directory.
    pub runs: BTreeMap<RunDir, Sight>,
    /// All runs that lay there at the start have been read once.
    pub complete: bool,
    /// The row chosen on the list.
    pub cursor: usize,
    /// The screen in front.
    pub screen: Screen,
    /// The dialogue over it.
    pub dialogue: Option<Dialogue>,
    /// The last thing that was done or failed, until the next key.
    pub notice: Option<Notice>,
    /// The user leaves.
    pub leaving: bool,
}

/// The screen in front.
#[derive(Debug, Clone, PartialEq)]
pub enum Screen {
    /// The experiments and their runs.
    List,
    /// One run.
    Run(RunScreen),
}

/// The screen of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunScreen {
    /// Which.
    pub run: RunDir,
    /// The end of its log, safe to print.
    pub log: Vec<String>,
    /// Lines between the end of the log and the last one shown; 0 follows it.
    pub up: usize,
}

/// A question, or a page over the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialogue {
    /// Where to train something.
    Start(StartDialogue),
    /// Whether to stop a run: by request, or at once where it has been asked already.
    Stop {
        /// Which.
        run: RunDir,
        /// Kill it.
        now: bool,
    },
    /// The keys.
    Help,
}

/// Where to train something.
#[derive(Debug, Clone, PartialEq)]
pub struct StartDialogue {
    /// What.
    pub what: Start,
    /// The devices; none while they are being looked for.
    pub devices: Option<Devices>,
    /// The row chosen.
    pub cursor: usize,
}

/// What to start.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A new run.
    New(Box<Experiment>),
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
    /// A run is gone from the disk.
    Gone(RunDir),
    /// All runs have been read once.
    Complete,
    /// The end of a run's log.
    Log(RunDir, Vec<String>),
    /// The devices were looked at.
    Devices(Devices),
    /// Something was done or failed.
    Notice(Notice),
    /// A run was made by this screen: show it.
    Made(RunDir),
}

/// Something new about a run.
#[derive(Debug)]
pub struct News {
    /// Which.
    pub run: RunDir,
    /// What it trains, the first time.
    pub experiment: Option<Result<Experiment, String>>,
    /// New lines of its record.
    pub batch: Batch,
    /// What it is, once its record has been read to the end.
    pub status: Option<Status>,
    /// The attempt launched last.
    pub job: Option<Job>,
    /// What of it can't be read.
    pub trouble: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Cmd {
    /// Look for devices.
    FindDevices,
    /// Train something on a device.
    Start(Start, Choice),
    /// Ask a run for something.
    Ask(RunDir, Wish),
    /// Kill a run's process.
    Kill(RunDir),
    /// Follow the log of this run, and of no other.
    Follow(Option<RunDir>),
}

/// A row of the list.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// An experiment of the file.
    Experiment(&'a Experiment),
    /// The name of an experiment that the file no longer has.
    Former(&'a str),
    /// A run of the experiment above.
    Run(&'a Sight),
}

impl Model {
    /// Nothing known yet.
    pub fn new(project: &Project, theme: Theme) -> Self {
        let home = std::env::var("HOME").unwrap_or_default();
        let place = project.places.project.display().to_string();
        let place = match place.strip_prefix(&home) {
            Some(rest) if !home.is_empty() && rest.starts_with('/') => format!("~{rest}"),
            _ => place,
        };
        Self {
            place: mocolab::text::sanitize(&place),
            theme,
            suite: None,
            runs: BTreeMap::new(),
            complete: false,
            cursor: 0,
            screen: Screen::List,
            dialogue: None,
            notice: None,
            leaving: false,
        }
    }

    /// The rows of the list: each experiment of the file with its runs, newest first, then runs of experiments that the
    /// file no longer has.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut of: BTreeMap<String, Vec<&Sight>> = BTreeMap::new();
        for sight in self.runs.values().rev() {
            let name = sight.run.experiment_name().map(|name| name.to_string()).unwrap_or_default();
            of.entry(name).or_default().push(sight);
        }
        let mut rows = Vec::new();
        if let Some(Ok(suite)) = &self.suite {
            for experiment in suite.experiments() {
                rows.push(Row::Experiment(experiment));
                rows.extend(of.remove(experiment.name.as_str()).into_iter().flatten().map(Row::Run));
            }
        }
        for sight in of.values().flatten() {
            let name = sight.run.path().parent().and_then(|path| path.file_name()).and_then(|name| name.to_str());
            let name = name.unwrap_or_default();
            if !rows.iter().any(|row| matches!(row, Row::Former(former) if *former == name)) {
                rows.push(Row::Former(name));
            }
            rows.push(Row::Run(sight));
        }
        rows
    }

    /// Where a key counts now.
    pub fn front(&self) -> Place {
        match (&self.dialogue, &self.screen) {
            (Some(Dialogue::Start(_)), _) => Place::Choice,
            (Some(Dialogue::Stop { .. }), _) => Place::Question,
            (Some(Dialogue::Help), _) => Place::Page,
            (None, Screen::List) => Place::List,
            (None, Screen::Run(_)) => Place::Run,
        }
    }

    /// The run in front: that of the run's screen, or the one chosen on the list.
    pub fn run(&self) -> Option<&Sight> {
        match &self.screen {
            Screen::Run(screen) => self.runs.get(&screen.run),
            Screen::List => match self.rows().get(self.cursor) {
                Some(Row::Run(sight)) => Some(sight),
                _ => None,
            },
        }
    }

    /// The experiment of the row chosen, or of the run in front, as the file has it now.
    pub fn experiment(&self) -> Option<&Experiment> {
        let name = match (&self.screen, self.rows().get(self.cursor)) {
            (Screen::List, Some(Row::Experiment(experiment))) => return Some(*experiment),
            _ => self.run()?.run.experiment_name()?,
        };
        let suite = self.suite.as_ref()?.as_ref().ok()?;
        suite.experiments().find(|experiment| experiment.name == name)
    }
}
