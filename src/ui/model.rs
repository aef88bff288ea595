//! What the screen knows, what can happen to it, and what it wants done. Pure: no files, no clock, no terminal.

pub mod compare;
mod data;
mod message;
mod press;
pub mod queue;
mod screens;
pub mod start;
mod still;
mod toast;
mod update;
pub mod words;

pub use message::{Cmd, Msg, News, Notice, Start, Where};
pub use screens::{Attention, Screen, Tab};
pub use start::{StartDialogue, underway};
pub use still::Held;
pub use toast::Toast;
pub use update::update;
pub use words::{Said, Words};

use crate::project::{Here, Project};
use crate::sight::Sight;
use crate::ui::keys::{Action, Keys, Place};
use crate::ui::list::{ListState, Row, Rows, Target};
use crate::ui::log::LogLook;
use crate::ui::look::Look;
use crate::ui::map::MapScreen;
use crate::ui::palette::Palette;
use crate::ui::theme::Theme;
use crate::ui::view::{ClassesScreen, DevicesScreen};
use compare::CompareScreen;
use mocolab::config::Suite;
use mocolab::device::history::History;
use mocolab::device::sample::Sample;
use mocolab::experiment::Experiment;
use mocolab::run::{Listing, RunDir};
use mocolab::status::Wish;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Lines of a log kept for the screen.
pub const LOG_LINES: usize = 2000;

/// All that is known.
#[derive(Debug)]
pub struct Model {
    /// Where `experiments.toml` lies, for the header.
    pub place: String,
    /// How it looks.
    pub theme: Theme,
    /// The keys it obeys.
    pub keys: Keys,
    /// Nothing may be started, stopped or written.
    pub read_only: bool,
    /// What Slurm said last of its jobs; none before it was asked.
    pub jobs: Option<Listing>,
    /// This machine.
    pub here: Here,
    /// Seconds since 1970, when the last message came.
    pub now: f64,
    /// Seconds that this place's clock is ahead of Greenwich.
    pub east: i32,
    /// The experiments, or what is wrong with the file; none before it has been read.
    pub suite: Option<Result<Suite, String>>,
    /// Every run by its directory.
    pub runs: BTreeMap<RunDir, Sight>,
    /// All runs that lay there at the start have been read once.
    pub complete: bool,
    /// What was asked of the list.
    pub list: ListState,
    /// What follows from it.
    pub rows: Rows,
    /// How charts are looked at.
    pub look: Look,
    /// The run whose curves the others are drawn over.
    pub baseline: Option<RunDir>,
    /// How classes are looked at.
    pub classes: ClassesScreen,
    /// How runs side by side are looked at.
    pub compare: CompareScreen,
    /// How devices are looked at.
    pub devices: DevicesScreen,
    /// The run in the queue that the cursor is on; none for the first.
    pub queue_chosen: Option<RunDir>,
    /// The devices now; none before they were looked at.
    pub sample: Option<Sample>,
    /// What they did before.
    pub history: History,
    /// The end of the log that is followed, safe to print.
    pub log: Vec<String>,
    /// Lines that it has had in all, as far as they were counted.
    pub log_total: u64,
    /// How it is looked at.
    pub log_look: LogLook,
    /// The maps of a run, and how they are looked at.
    pub map: MapScreen,
    /// The screen in front.
    pub screen: Screen,
    /// What is typed on the line at the bottom.
    pub words: Option<Words>,
    /// The dialogue over it.
    pub dialogue: Option<Dialogue>,
    /// The last thing that was done or failed, until the next key.
    pub notice: Option<Notice>,
    /// What happened to runs lately.
    pub toasts: Vec<Toast>,
    /// What has come since the picture was held still; none where it isn't.
    pub frozen: Option<Held>,
    /// Runs put into the trash from here, each with the place where it lies now; the last one first out.
    pub trash: Vec<(RunDir, PathBuf)>,
    /// The user leaves.
    pub leaving: bool,
    /// When an agent was last seen to, seconds since 1970.
    woken: f64,
    attention: Attention,
    /// The runs that were shown last.
    shown: Vec<RunDir>,
}

/// A question, or a page over the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialogue {
    /// Where to train something.
    Start(Box<StartDialogue>),
    /// Whether to stop a run: by request; by a signal where it has been asked already; at once where that was sent.
    Stop {
        /// Which.
        run: RunDir,
        /// How.
        wish: Wish,
    },
    /// Whether runs go on that were at work when the machine went down.
    Interrupted(Vec<RunDir>),
    /// Whether to put a run into the trash.
    Trash(RunDir),
    /// The keys, from this line on.
    Help(usize),
    /// All that can be done here, by name.
    Palette(Palette),
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
            keys: Keys::new(theme.ascii()),
            jobs: None,
            read_only: false,
            here: Here::default(),
            now: 0.0,
            east: 0,
            suite: None,
            runs: BTreeMap::new(),
            complete: false,
            list: ListState::default(),
            rows: Rows::default(),
            look: Look::default(),
            baseline: None,
            classes: ClassesScreen::default(),
            compare: CompareScreen::default(),
            devices: DevicesScreen::default(),
            queue_chosen: None,
            sample: None,
            history: History::default(),
            log: Vec::new(),
            log_total: 0,
            log_look: LogLook::default(),
            map: MapScreen::default(),
            screen: Screen::List,
            words: None,
            dialogue: None,
            notice: None,
            toasts: Vec::new(),
            frozen: None,
            trash: Vec::new(),
            leaving: false,
            woken: 0.0,
            attention: Attention::default(),
            shown: Vec::new(),
        }
    }

    /// Where a key counts now.
    pub fn front(&self) -> Place {
        match &self.dialogue {
            Some(Dialogue::Start(start)) => start.place(),
            Some(Dialogue::Stop { wish: Wish::Stop, .. }) => Place::Stopping,
            Some(Dialogue::Stop { .. } | Dialogue::Interrupted(_) | Dialogue::Trash(_)) => Place::Question,
            Some(Dialogue::Help(_) | Dialogue::Palette(_)) => Place::Page,
            None => self.screen.place(),
        }
    }

    /// The run in front: that of the screen, or the one chosen on the list.
    pub fn run(&self) -> Option<&Sight> {
        if self.screen == Screen::Queue {
            let (waits, _) = self.queued();
            return self.runs.get(&waits.get(self.queue_place(&waits))?.run);
        }
        let here = (&self.screen, self.list.chosen(), self.shown.as_slice());
        // The list may have lost to the filter what was shown last.
        let ((Screen::Run(run) | Screen::Classes(run) | Screen::Log(run) | Screen::Map(run), ..)
        | (Screen::Devices | Screen::Compare(_), _, [run])
        | (_, Some(Target::Run(run)), _)) = here
        else {
            return None;
        };
        self.runs.get(run)
    }

    /// The experiment of the row chosen, or of the run in front, as the file has it now.
    pub fn experiment(&self) -> Option<&Experiment> {
        let suite = self.suite.as_ref()?.as_ref().ok()?;
        let name = match (self.run(), self.list.chosen()) {
            (Some(sight), _) => sight.run.experiment_name()?,
            (None, Some(Target::Experiment(name))) => name.clone(),
            (None, Some(Target::Group(_))) => match self.rows.rows().get(self.list.cursor()) {
                Some(Row::Group(group)) => group.experiment.clone()?,
                _ => return None,
            },
            (None, _) => return None,
        };
        suite.experiments().find(|experiment| experiment.name == name)
    }

    /// The line of the list's filter is open.
    pub fn list_is_typed(&self) -> bool {
        self.dialogue.is_none() && self.screen == Screen::List && self.list.search.line().is_some()
    }

    /// The key for `action` here, to be named in a sentence.
    pub fn key(&self, action: Action) -> String {
        self.keys.key_for(self.front(), action).unwrap_or_else(|| ":".to_owned())
    }

    /// The experiments of the file, where it can be read.
    pub fn suite(&self) -> Option<&Suite> {
        self.suite.as_ref()?.as_ref().ok()
    }
}
