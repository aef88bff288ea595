//! The rows of the list: runs that the filter lets through, in groups, in order. Made anew when something changes, not for
//! every frame; what they say is written only for the rows in view.

mod group;

pub use group::Group;

use super::filter::Subject;
use super::order::{Column, Grouping, Sort, Worth};
use super::settings::{self, Differing, Values};
use super::{ListState, Target};
use crate::sight::Sight;
use group::Place;
use mocolab::config::Suite;
use mocolab::experiment::Name;
use mocolab::run::RunDir;
use std::collections::{BTreeMap, HashMap};
use unicode_width::UnicodeWidthStr;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// What its runs have in common.
    Group(Group),
    /// An experiment of the group above that was never run.
    Experiment {
        /// Which.
        name: Name,
        /// Its name within the group.
        label: String,
    },
    /// A run of the group above.
    Run {
        /// Which.
        run: RunDir,
        /// Its name within the group.
        label: String,
    },
}

/// All rows, and what they have in common.
#[derive(Debug, Default)]
pub struct Rows {
    all: Vec<Row>,
    known: Vec<Known>,
    /// They have to be made anew before they are seen.
    pub stale: bool,
    /// Runs that the filter lets through, folded ones too.
    pub shown: usize,
    /// All runs.
    pub total: usize,
    /// The settings in which the runs shown differ.
    pub settings: Vec<Differing>,
    /// Columns that the longest name, device, epoch and tags take.
    pub widths: Widths,
}

/// Columns that the longest of all rows take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Widths {
    /// Names within their groups.
    pub name: usize,
    /// Devices.
    pub device: usize,
    /// `12/200`
    pub epoch: usize,
    /// Tags; 0 where there are none.
    pub tags: usize,
}

/// What never changes of a run, written out once.
#[derive(Debug)]
struct Known {
    run: RunDir,
    values: Option<Values>,
}

/// A run that is shown.
struct Entry<'a> {
    sight: &'a Sight,
    values: Option<&'a Values>,
    /// The experiment's place in the file, and its name.
    order: (usize, &'a str),
    /// Which of the experiment's runs it is, where it has several.
    number: Option<usize>,
    worth: Worth,
}

impl Row {
    /// What it stands for, wherever it is.
    pub fn target(&self) -> Target {
        match self {
            Self::Group(group) => Target::Group(group.key.clone()),
            Self::Experiment { name, .. } => Target::Experiment(name.clone()),
            Self::Run { run, .. } => Target::Run(run.clone()),
        }
    }

    fn is(&self, target: &Target) -> bool {
        match (self, target) {
            (Self::Group(group), Target::Group(key)) => group.key == *key,
            (Self::Experiment { name, .. }, Target::Experiment(other)) => name == other,
            (Self::Run { run, .. }, Target::Run(other)) => run == other,
            _ => false,
        }
    }
}

impl Rows {
    /// All rows from top to bottom.
    pub fn rows(&self) -> &[Row] {
        &self.all
    }

    /// Where `target` stands.
    pub fn position(&self, target: &Target) -> Option<usize> {
        self.all.iter().position(|row| row.is(target))
    }

    /// The settings of a run, where they have been read.
    pub fn values(&self, run: &RunDir) -> Option<&Values> {
        let at = self.known.binary_search_by(|known| known.run.cmp(run)).ok()?;
        self.known[at].values.as_ref()
    }

    /// Makes the rows anew. To be called when the suite, a run or the state has changed; what never changes of a run is
    /// kept from last time.
    pub fn rebuild(&mut self, suite: Option<&Suite>, runs: &BTreeMap<RunDir, Sight>, state: &ListState, now: f64) {
        self.learn(runs);
        let places = group::places(suite);
        let names: Vec<String> = runs.keys().map(group::experiment_of).collect();
        let numbers = group::numbers(&names);
        let mut shown: Vec<Entry> = Vec::new();
        // Newest first: what comes later keeps this order where nothing else decides.
        for (((sight, known), name), number) in runs.values().zip(&self.known).zip(&names).zip(numbers).rev() {
            let values = known.values.as_ref();
            if state.filter().accepts_subject(&Subject::run(sight, values), now) {
                let order = (places.get(name.as_str()).map_or(usize::MAX, |place| place.order), name.as_str());
                let worth = Worth::of(state.sort.by.as_ref(), sight, values);
                shown.push(Entry { sight, values, order, number, worth });
            }
        }
        (self.shown, self.total) = (shown.len(), runs.len());
        let of = |name| places.get(name).map_or(name, |place| place.name);
        let mut settings: Vec<_> = shown.iter().filter_map(|entry| Some((entry.order, entry.values?))).collect();
        settings.sort_by_key(|((order, _), _)| *order);
        let settings: Vec<_> = settings.into_iter().map(|((_, name), values)| (of(name), values)).collect();
        self.settings = settings::differing(&settings);
        let mut groups = gather(shown, state, &places);
        if let (Grouping::Experiment, Some(suite)) = (state.grouping, suite) {
            add_waiting(&mut groups, suite, &names, |experiment| state.filter().accepts_experiment(experiment, now));
        }
        arrange(&mut groups, state);
        self.all = groups.into_iter().flat_map(|group| group.rows(state)).collect();
        self.widths = widths(&self.all, runs);
    }

    /// Writes out the settings of runs that are new or have been read only now.
    fn learn(&mut self, runs: &BTreeMap<RunDir, Sight>) {
        let mut old = std::mem::take(&mut self.known).into_iter().peekable();
        for (run, sight) in runs {
            while old.next_if(|known| known.run < *run).is_some() {}
            let values = old.next_if(|known| known.run == *run).and_then(|known| known.values);
            let values = values.or_else(|| sight.experiment.as_ref().ok().map(Values::of));
            self.known.push(Known { run: run.clone(), values });
        }
    }
}

/// Runs of one group, and experiments of it that have none.
struct Gathered<'a> {
    head: Group,
    rank: (usize, String),
    entries: Vec<Entry<'a>>,
    waiting: Vec<(usize, Name)>,
}

fn gather<'a>(shown: Vec<Entry<'a>>, state: &ListState, places: &HashMap<&str, Place>) -> Vec<Gathered<'a>> {
    let mut groups: BTreeMap<(usize, String), Gathered> = BTreeMap::new();
    for entry in shown {
        let rank = group::rank(state.grouping, entry.sight, entry.order.1, places);
        let gathered = groups.entry(rank).or_insert_with_key(|rank| {
            let head = Group::new(state.grouping, rank, places);
            Gathered { head, rank: rank.clone(), entries: Vec::new(), waiting: Vec::new() }
        });
        gathered.entries.push(entry);
    }
    groups.into_values().collect()
}

/// Adds the experiments of the file that were never run.
fn add_waiting(
    groups: &mut Vec<Gathered>,
    suite: &Suite,
    run: &[String],
    accepts: impl Fn(&mocolab::experiment::Experiment) -> bool,
) {
    let run: std::collections::HashSet<&str> = run.iter().map(String::as_str).collect();
    let places = group::places(Some(suite));
    for (index, group) in suite.groups.iter().enumerate() {
        let never = group.experiments.iter().filter(|experiment| !run.contains(experiment.name.as_str()));
        let place = |name: &Name| places.get(name.as_str()).map_or(usize::MAX, |place| place.order);
        let waiting: Vec<(usize, Name)> =
            never.filter(|one| accepts(one)).map(|one| (place(&one.name), one.name.clone())).collect();
        if waiting.is_empty() {
            continue;
        }
        let rank = (index, group.name.to_string());
        if let Some(gathered) = groups.iter_mut().find(|gathered| gathered.rank == rank) {
            gathered.waiting = waiting;
        } else {
            let head = Group::new(Grouping::Experiment, &rank, &places);
            groups.push(Gathered { head, rank, entries: Vec::new(), waiting });
        }
    }
}

/// Puts runs in order within their groups, and the groups: by their first runs, or as they come in the file.
fn arrange(groups: &mut [Gathered], state: &ListState) {
    let sort = &state.sort;
    let falls = sort.by.as_ref().is_some_and(Column::falls) != sort.reversed;
    for group in groups.iter_mut() {
        group.entries.sort_by(|a, b| a.worth.compare(&b.worth, falls).then_with(|| a.order.cmp(&b.order)));
        if sort.by.is_none() && sort.reversed {
            group.entries.reverse();
        }
    }
    let first = |group: &Gathered| group.entries.first().map_or(Worth::Missing, |entry| entry.worth.clone());
    groups.sort_by(|a, b| {
        let by_file = if sort.by.is_none() && sort.reversed { b.rank.cmp(&a.rank) } else { a.rank.cmp(&b.rank) };
        // Statuses keep their order: what asks for a person stands first.
        if state.grouping == Grouping::Status { by_file } else { first(a).compare(&first(b), falls).then(by_file) }
    });
}

impl Gathered<'_> {
    fn rows(mut self, state: &ListState) -> Vec<Row> {
        self.head.count(self.entries.iter().map(|entry| entry.sight), self.waiting.len());
        self.head.folded = state.is_folded(&self.head.key);
        let bare = state.grouping == Grouping::Nothing;
        let within = if state.grouping == Grouping::Experiment { self.rank.1.as_str() } else { "" };
        let mut rows = Vec::new();
        if bare || !self.head.folded {
            self.body(within, &state.sort, &mut rows);
        }
        if !bare {
            rows.insert(0, Row::Group(self.head));
        }
        rows
    }

    /// The runs. Where the file decides the order, experiments without runs stand in their places, else behind.
    fn body(&self, within: &str, sort: &Sort, rows: &mut Vec<Row>) {
        let mut waiting = self.waiting.iter().peekable();
        // The heading itself stands for an experiment without variants.
        let wait = |(_, name): &(usize, Name)| {
            let label = name.as_str().strip_prefix(within).unwrap_or(name.as_str()).trim_start_matches('.');
            (!label.is_empty()).then(|| Row::Experiment { name: name.clone(), label: label.to_owned() })
        };
        for entry in &self.entries {
            let before = |(order, _): &&(usize, Name)| sort == &Sort::default() && *order < entry.order.0;
            while let Some(earlier) = waiting.next_if(before) {
                rows.extend(wait(earlier));
            }
            let label = group::label(&entry.sight.run, entry.order.1, within, entry.number);
            rows.push(Row::Run { run: entry.sight.run.clone(), label });
        }
        rows.extend(waiting.filter_map(wait));
    }
}

fn widths(rows: &[Row], runs: &BTreeMap<RunDir, Sight>) -> Widths {
    let mut widths = Widths::default();
    for row in rows {
        match row {
            Row::Group(_) => {}
            Row::Experiment { label, .. } | Row::Run { label, .. } => widths.name = widths.name.max(label.width()),
        }
    }
    for sight in runs.values() {
        let device = sight.job.iter().map(|job| job.devices.iter().map(|name| name.len() + 1).sum::<usize>());
        widths.device = widths.device.max(device.max().unwrap_or(0).saturating_sub(1));
        let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
        widths.epoch = widths.epoch.max(digits(sight.state.epochs) * 2 + 1);
        let tags = sight.notes.tags.iter().map(|tag| tag.width() + 1).sum::<usize>();
        widths.tags = widths.tags.max(tags.saturating_sub(1));
    }
    widths
}
