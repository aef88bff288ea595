//! The screens, how one gets from one to another, and what has to be watched for the one in front.

use super::{Cmd, Dialogue, Model, Notice};
use crate::sight::Sight;
use crate::ui::keys::{Action, Place};
use crate::ui::list::{Row, Target};
use crate::ui::view::compare::MOST;
use mocolab::run::RunDir;
use std::collections::BTreeSet;

/// The screen in front, and what it shows. How it is looked at stays in the [`Model`], from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// The experiments and their runs.
    List,
    /// The charts of a run.
    Run(RunDir),
    /// How its classes fare.
    Classes(RunDir),
    /// Runs side by side.
    Compare(Vec<RunDir>),
    /// The devices.
    Devices,
    /// What waits for its turn.
    Queue,
    /// The log of a run.
    Log(RunDir),
    /// The map of its features.
    Map(RunDir),
}

/// A screen without what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// The experiments and their runs.
    List,
    /// The charts of a run.
    Run,
    /// How its classes fare.
    Classes,
    /// Runs side by side.
    Compare,
    /// The devices.
    Devices,
    /// What waits for its turn.
    Queue,
    /// The log of a run.
    Log,
    /// The map of its features.
    Map,
}

/// What is to be watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attention {
    /// The run whose log is followed.
    pub log: Option<RunDir>,
    /// Runs whose curves and classes are wanted, not only a summary.
    pub whole: BTreeSet<RunDir>,
    /// The devices are looked at every second.
    pub devices: bool,
    /// Slurm is asked how its jobs stand.
    pub jobs: bool,
    /// The run whose maps are read.
    pub maps: Option<RunDir>,
}

impl Tab {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::List, Self::Run, Self::Classes, Self::Compare, Self::Devices, Self::Queue, Self::Log, Self::Map];

    /// Its name in the header.
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Run => "run",
            Self::Classes => "classes",
            Self::Compare => "compare",
            Self::Devices => "devices",
            Self::Queue => "queue",
            Self::Log => "log",
            Self::Map => "map",
        }
    }

    /// The one that a key leads to.
    pub(super) fn of(action: Action) -> Option<Self> {
        match action {
            Action::Experiments => Some(Self::List),
            Action::Charts => Some(Self::Run),
            Action::Classes => Some(Self::Classes),
            Action::Compare => Some(Self::Compare),
            Action::Devices => Some(Self::Devices),
            Action::Queue => Some(Self::Queue),
            Action::Log => Some(Self::Log),
            Action::Map => Some(Self::Map),
            _ => None,
        }
    }
}

impl Screen {
    /// Which one it is.
    pub fn tab(&self) -> Tab {
        match self {
            Self::List => Tab::List,
            Self::Run(_) => Tab::Run,
            Self::Classes(_) => Tab::Classes,
            Self::Compare(_) => Tab::Compare,
            Self::Devices => Tab::Devices,
            Self::Queue => Tab::Queue,
            Self::Log(_) => Tab::Log,
            Self::Map(_) => Tab::Map,
        }
    }

    /// Where keys count on it.
    pub fn place(&self) -> Place {
        match self.tab() {
            Tab::List => Place::List,
            Tab::Run => Place::Run,
            Tab::Classes => Place::Classes,
            Tab::Compare => Place::Compare,
            Tab::Devices => Place::Devices,
            Tab::Queue => Place::Queue,
            Tab::Log => Place::Log,
            Tab::Map => Place::Map,
        }
    }

    /// The runs it shows.
    fn runs(&self) -> &[RunDir] {
        match self {
            Self::List | Self::Devices | Self::Queue => &[],
            Self::Run(run) | Self::Classes(run) | Self::Log(run) | Self::Map(run) => std::slice::from_ref(run),
            Self::Compare(runs) => runs,
        }
    }
}

/// As many of `runs` as can be put side by side: the newest.
fn newest(mut runs: Vec<RunDir>) -> Vec<RunDir> {
    if runs.len() > MOST {
        runs.sort_by_cached_key(|run| {
            (std::cmp::Reverse(run.id()[..run.id().len().min(15)].to_owned()), std::cmp::Reverse(run.clone()))
        });
        runs.truncate(MOST);
        runs.sort();
    }
    runs
}

impl Model {
    /// The run that a screen of one run would show: that in front, else the newest of the group the cursor is on.
    fn subject(&self) -> Option<RunDir> {
        let newest = || match self.rows.rows().get(self.list.cursor()) {
            Some(Row::Group(group)) => group.runs.iter().max_by_key(|run| run.id()).cloned(),
            _ => None,
        };
        // From a screen of no run back to the one that was shown before, else the one chosen on the list.
        let before = || match (self.shown.as_slice(), self.list.chosen()) {
            ([run], _) | (_, Some(Target::Run(run))) => Some(run.clone()),
            _ => newest(),
        };
        let on_list = self.screen == Screen::List;
        self.run().map(|sight| sight.run.clone()).or_else(|| if on_list { newest() } else { before() })
    }

    /// The runs that are put side by side: those marked; with fewer than two of them, those of the group the cursor is in.
    fn side_by_side(&self) -> Vec<RunDir> {
        if self.list.marks.len() > 1 {
            return newest(self.list.marks.iter().cloned().collect());
        }
        let above = self.rows.rows().iter().take(self.list.cursor() + 1).rev();
        let mut groups = above.filter_map(|row| if let Row::Group(group) = row { Some(&group.runs) } else { None });
        let mut runs = groups.next().cloned().unwrap_or_default();
        runs.sort();
        newest(runs)
    }

    /// Goes to a screen, or says what is missing for it and stays.
    pub(super) fn go_to(&mut self, tab: Tab) -> bool {
        let screen = match tab {
            Tab::List => Some(Screen::List),
            Tab::Devices => Some(Screen::Devices),
            Tab::Queue => Some(Screen::Queue),
            Tab::Run => self.subject().map(Screen::Run),
            Tab::Classes => self.subject().map(Screen::Classes),
            Tab::Log => self.subject().map(Screen::Log),
            Tab::Map => self.subject().map(Screen::Map),
            Tab::Compare => Some(self.side_by_side()).filter(|runs| runs.len() > 1).map(Screen::Compare),
        };
        let missing = match (&screen, tab) {
            (Some(_), _) => None,
            (None, Tab::Compare) => {
                let key = self.keys.key_for(Place::List, Action::Mark).unwrap_or_default();
                Some(format!("mark two runs or more on the list ({key}) to set them side by side"))
            }
            (None, _) => {
                Some(format!("not run yet: choose a run on the list, or {} starts one", self.key(Action::Start)))
            }
        };
        self.notice = missing.map(Notice::Failed);
        let Some(screen) = screen else { return false };
        if screen.runs().len() == MOST {
            self.notice = Some(Notice::Done(format!("at most {MOST} runs have letters: these are the newest")));
        }
        self.show(screen);
        true
    }

    /// To the next screen that there is something to show on.
    pub(super) fn turn(&mut self, forward: bool) {
        let here = Tab::ALL.iter().position(|tab| *tab == self.screen.tab()).unwrap_or(0);
        let steps = (1..Tab::ALL.len()).map(|step| if forward { step } else { Tab::ALL.len() - step });
        for step in steps {
            if self.go_to(Tab::ALL[(here + step) % Tab::ALL.len()]) {
                return;
            }
        }
    }

    /// Shows a screen.
    pub(super) fn show(&mut self, screen: Screen) {
        if let [run] = screen.runs()
            && self.list.chosen() != Some(&Target::Run(run.clone()))
        {
            self.list.choose(&self.rows, Target::Run(run.clone()));
        }
        if !screen.runs().is_empty() && screen.runs() != self.shown {
            // What was zoomed into was another run's, and so was the baseline of those compared.
            (self.look.window, self.look.cursor) = (None, None);
            if let Screen::Compare(_) = screen {
                self.compare.baseline = None;
            }
            self.shown = screen.runs().to_vec();
        }
        if let Screen::Map(run) = &screen {
            self.map.open(run);
        }
        self.screen = screen;
    }

    /// Leaves the screen for the list.
    pub(super) fn leave(&mut self) {
        self.screen = Screen::List;
    }

    /// What has to be watched for what is in front, where that has changed.
    pub(super) fn attend(&mut self) -> Option<Cmd> {
        let starting = matches!(self.dialogue, Some(Dialogue::Start(_)));
        let shown = self.screen.runs().iter().chain(self.baseline.iter().filter(|_| self.screen.tab() == Tab::Run));
        let attention = Attention {
            log: match &self.screen {
                Screen::Run(run) | Screen::Log(run) => Some(run.clone()),
                _ => None,
            },
            whole: if matches!(self.screen.tab(), Tab::Log | Tab::Map) {
                BTreeSet::new()
            } else {
                shown.cloned().collect()
            },
            devices: matches!(self.screen, Screen::Devices | Screen::Queue) || starting,
            jobs: self.runs.values().any(Sight::may_be_job),
            maps: if let Screen::Map(run) = &self.screen { Some(run.clone()) } else { None },
        };
        if attention == self.attention {
            return None;
        }
        if attention.log != self.attention.log {
            self.log.clear();
            (self.log_total, self.log_look.up) = (0, 0);
        }
        self.attention = attention.clone();
        Some(Cmd::Attend(attention))
    }

    /// The log that is followed.
    pub(super) fn followed(&self) -> Option<&RunDir> {
        self.attention.log.as_ref()
    }
}
