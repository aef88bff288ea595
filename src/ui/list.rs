//! The list of experiments and their runs: what is filtered, sorted, grouped, folded, marked and chosen. Pure: [`ListState`]
//! is what the user asked for, [`Rows`] what follows from it, and `view::list` draws them.

pub mod filter;
pub mod order;
pub mod rows;
pub mod search;
pub mod settings;

#[cfg(test)]
mod tests;

pub use filter::Filter;
pub use order::{Column, Grouping, Sort};
pub use rows::{Row, Rows};
pub use search::Search;

use mocolab::experiment::Name;
use mocolab::run::RunDir;
use std::collections::BTreeSet;

/// What a row stands for, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A heading, by its key.
    Group(String),
    /// An experiment that was never run.
    Experiment(Name),
    /// A run.
    Run(RunDir),
}

/// What the user asked of the list.
#[derive(Debug, Clone, Default)]
pub struct ListState {
    /// The filter and the line it is typed on.
    pub search: Search,
    /// The order of runs.
    pub sort: Sort,
    /// What runs are put together by.
    pub grouping: Grouping,
    /// Metrics that have a column.
    pub metrics: Vec<String>,
    /// Runs that are marked.
    pub marks: BTreeSet<RunDir>,
    folded: BTreeSet<(Grouping, String)>,
    chosen: Option<Target>,
    cursor: usize,
    /// What was chosen before the filter hid it.
    home: Option<Target>,
    /// What is to be chosen as soon as it is there.
    awaited: Option<Target>,
}

/// Where the cursor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// So many rows down, or up where negative.
    By(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl ListState {
    /// The filter in force.
    pub fn filter(&self) -> &Filter {
        self.search.filter()
    }

    /// The row that the cursor is on; of the rows that were there when [`settle`](Self::settle) was called last.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// What the cursor is on.
    pub fn chosen(&self) -> Option<&Target> {
        self.chosen.as_ref()
    }

    /// To be called after the rows were made anew: the cursor stays on what it was on, though rows come and go. Where that
    /// is gone, it stays in its place; where only the filter hid it, it comes back with it.
    pub fn settle(&mut self, rows: &Rows) {
        if let Some(awaited) = self.awaited.take_if(|awaited| rows.position(awaited).is_some()) {
            (self.home, self.chosen) = (None, Some(awaited));
        }
        let back = self.home.as_ref().is_some_and(|home| rows.position(home).is_some());
        if back {
            self.chosen = self.home.take();
        } else if self.filter().is_empty() {
            self.home = None;
        }
        if let Some(at) = self.chosen.as_ref().and_then(|chosen| rows.position(chosen)) {
            self.cursor = at;
            return;
        }
        if !self.filter().is_empty() && self.home.is_none() {
            self.home = self.chosen.take();
        }
        self.put(rows, self.cursor);
    }

    fn put(&mut self, rows: &Rows, at: usize) {
        self.cursor = at.min(rows.rows().len().saturating_sub(1));
        self.chosen = rows.rows().get(self.cursor).map(Row::target);
    }

    /// Moves the cursor.
    pub fn go(&mut self, rows: &Rows, motion: Motion) {
        (self.home, self.awaited) = (None, None);
        let at = match motion {
            Motion::By(rows) => self.cursor.saturating_add_signed(rows),
            Motion::First => 0,
            Motion::Last => usize::MAX,
        };
        self.put(rows, at);
    }

    /// Puts the cursor on `target`, now or as soon as it is there.
    pub fn choose(&mut self, rows: &Rows, target: Target) {
        (self.home, self.chosen) = (None, Some(target));
        match self.chosen.as_ref().and_then(|target| rows.position(target)) {
            Some(at) => self.cursor = at,
            None => self.awaited.clone_from(&self.chosen),
        }
    }

    /// Sorts by the next column, after the last by the file again.
    pub fn turn_sort(&mut self, rows: &Rows) {
        let mut columns = Column::sortable(&self.metrics, &rows.settings);
        let next = match &self.sort.by {
            None => columns.next(),
            Some(by) => columns.by_ref().find(|column| column == by).and_then(|_| columns.next()),
        };
        self.sort = Sort { by: next, reversed: false };
    }

    /// Turns the order round.
    pub fn reverse_sort(&mut self) {
        self.sort.reversed = !self.sort.reversed;
    }

    /// Puts runs together by the next thing.
    pub fn turn_grouping(&mut self) {
        let at = Grouping::ALL.iter().position(|grouping| *grouping == self.grouping).unwrap_or(0);
        self.grouping = Grouping::ALL[(at + 1) % Grouping::ALL.len()];
    }

    /// Whether the group `key` is folded.
    pub fn is_folded(&self, key: &str) -> bool {
        !self.folded.is_empty() && self.folded.contains(&(self.grouping, key.to_owned()))
    }

    /// Folds or unfolds the group that the cursor is in, and puts the cursor on its heading.
    pub fn fold(&mut self, rows: &Rows) {
        let mut above = rows.rows().iter().take(self.cursor + 1).rev();
        let heading = above.find_map(|row| if let Row::Group(group) = row { Some(group) } else { None });
        let Some(group) = heading else { return };
        let key = (self.grouping, group.key.clone());
        if !self.folded.remove(&key) {
            self.folded.insert(key);
        }
        self.choose(rows, Target::Group(group.key.clone()));
    }

    /// Folds all groups, or unfolds them where all are folded.
    pub fn fold_all(&mut self, rows: &Rows) {
        let headings =
            rows.rows().iter().filter_map(|row| if let Row::Group(group) = row { Some(group) } else { None });
        let open: Vec<_> = headings.filter(|group| !group.folded).map(|group| group.key.clone()).collect();
        if open.is_empty() {
            let grouping = self.grouping;
            self.folded.retain(|(of, _)| *of != grouping);
        } else {
            self.folded.extend(open.into_iter().map(|key| (self.grouping, key)));
        }
    }

    /// Marks the run that the cursor is on, or unmarks it; on a heading all its runs.
    pub fn mark(&mut self, rows: &Rows) {
        match rows.rows().get(self.cursor) {
            Some(Row::Run { run, .. }) => self.mark_these(std::slice::from_ref(run)),
            Some(Row::Group(group)) => self.mark_these(&group.runs),
            Some(Row::Experiment { .. }) | None => {}
        }
    }

    /// Marks all runs that the filter lets through, or unmarks them where all of them are marked.
    pub fn mark_shown(&mut self, rows: &Rows) {
        let of = |row: &Row| match row {
            Row::Group(group) => group.runs.clone(),
            Row::Run { run, .. } => vec![run.clone()],
            Row::Experiment { .. } => Vec::new(),
        };
        let runs: BTreeSet<RunDir> = rows.rows().iter().flat_map(of).collect();
        self.mark_these(&runs.into_iter().collect::<Vec<_>>());
    }

    fn mark_these(&mut self, runs: &[RunDir]) {
        if runs.iter().all(|run| self.marks.contains(run)) {
            for run in runs {
                self.marks.remove(run);
            }
        } else {
            self.marks.extend(runs.iter().cloned());
        }
    }

    /// Gives `metric` a column, or takes it away.
    pub fn toggle_metric(&mut self, metric: &str) {
        match self.metrics.iter().position(|name| name == metric) {
            Some(at) => _ = self.metrics.remove(at),
            None => self.metrics.push(metric.to_owned()),
        }
        if matches!(&self.sort.by, Some(Column::Metric(name)) if !self.metrics.contains(name)) {
            self.sort = Sort::default();
        }
    }

    /// Forgets a run that is gone.
    pub fn forget(&mut self, run: &RunDir) {
        self.marks.remove(run);
    }
}
