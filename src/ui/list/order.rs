//! Columns, and the orders and groups that runs can be put in.

use super::filter::subject::metric;
use super::settings::{Differing, Values};
use crate::sight::Sight;
use mocolab::metrics::{self, Direction};
use mocolab::status::Status;
use std::cmp::Ordering;

/// A column of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// The run's name within its group.
    Name,
    /// What it is: symbol and word.
    Status,
    /// Where it was launched last.
    Device,
    /// The epoch under way, of how many.
    Epoch,
    /// The part done.
    Done,
    /// Time left, or what it took, or how long ago it spoke last.
    Time,
    /// The best of what tells how good it is, with the epoch.
    Best,
    /// The latest loss.
    Loss,
    /// How the best has come about.
    Trend,
    /// What people call it.
    Tags,
    /// A metric that the user asked for.
    Metric(String),
    /// A setting in which runs differ.
    Setting(&'static str),
}

/// The order of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sort {
    /// By this column; none for the order of the file, newest runs first.
    pub by: Option<Column>,
    /// The other way round.
    pub reversed: bool,
}

/// What runs are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Grouping {
    /// The experiment of the file, with all its variants.
    #[default]
    Experiment,
    /// What they are.
    Status,
    /// How they train.
    Recipe,
    /// Where they were launched last.
    Device,
    /// The first of their tags.
    Tag,
    /// Nothing: one list.
    Nothing,
}

impl Grouping {
    /// All, in the order in which a key turns through them.
    pub const ALL: [Self; 6] = [Self::Experiment, Self::Status, Self::Recipe, Self::Device, Self::Tag, Self::Nothing];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Status => "status",
            Self::Recipe => "recipe",
            Self::Device => "device",
            Self::Tag => "tag",
            Self::Nothing => "nothing",
        }
    }
}

impl Column {
    /// The columns that a list can be sorted by, in the order in which a key turns through them.
    pub fn sortable<'a>(metrics: &'a [String], settings: &'a [Differing]) -> impl Iterator<Item = Self> + 'a {
        let own = [Self::Name, Self::Status, Self::Device, Self::Epoch, Self::Time, Self::Best, Self::Loss, Self::Tags];
        own.into_iter()
            .chain(metrics.iter().map(|name| Self::Metric(name.clone())))
            .chain(settings.iter().map(|setting| Self::Setting(setting.name)))
    }

    /// Its title.
    pub fn title(&self) -> &str {
        match self {
            Self::Name => "NAME",
            Self::Status => "STATUS",
            Self::Device => "ON",
            Self::Epoch => "EPOCH",
            Self::Done => "DONE",
            Self::Time => "TIME",
            Self::Best => "BEST",
            Self::Loss => "LOSS",
            Self::Trend => "TREND",
            Self::Tags => "TAGS",
            Self::Metric(name) => name,
            Self::Setting(name) => name,
        }
    }

    /// Whether the largest stands first, as one expects of a column of this kind.
    pub fn falls(&self) -> bool {
        match self {
            Self::Epoch | Self::Done | Self::Best => true,
            Self::Metric(name) => metrics::direction(name) != Some(Direction::Lower),
            _ => false,
        }
    }
}

/// What a run is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Worth {
    Missing,
    Number(f64),
    Text(String),
}

impl Worth {
    /// What `column` holds of a run.
    pub(super) fn of(column: Option<&Column>, sight: &Sight, values: Option<&Values>) -> Self {
        let number = |value: Option<f64>| value.filter(|value| !value.is_nan()).map_or(Self::Missing, Self::Number);
        let text = |text: String| if text.is_empty() { Self::Missing } else { Self::Text(text) };
        match column {
            None | Some(Column::Trend) => Self::Missing,
            Some(Column::Name) => text(sight.run.label()),
            Some(Column::Status) => Self::Number(rank(sight.status) as f64),
            Some(Column::Device) => text(sight.job.as_ref().map(|job| job.devices.join(",")).unwrap_or_default()),
            Some(Column::Epoch | Column::Done) => number((sight.state.steps > 0).then(|| sight.state.progress())),
            Some(Column::Time) => number(time(sight)),
            Some(Column::Best) => number(sight.best_macro().map(|best| best.value)),
            Some(Column::Loss) => number(sight.loss()),
            Some(Column::Tags) => text(sight.notes.tags.join(",")),
            Some(Column::Metric(name)) => number(metric(sight, name)),
            Some(Column::Setting(name)) => match values.and_then(|values| values.get(name)) {
                Some(value) => value.parse().map_or_else(|_| text(value.to_owned()), Self::Number),
                None => Self::Missing,
            },
        }
    }

    /// Which comes first. What is missing comes last, whichever way.
    pub(super) fn compare(&self, other: &Self, falls: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Missing, Self::Missing) => return Ordering::Equal,
            (Self::Missing, _) => return Ordering::Greater,
            (_, Self::Missing) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if falls { order.reverse() } else { order }
    }
}

/// Live runs by what they have left, then the others by their age, newest first.
fn time(sight: &Sight) -> Option<f64> {
    const LATER: f64 = 1e12;
    if sight.status.is_live() {
        sight.state.seconds_left()
    } else {
        (sight.state.attempt > 0).then_some(LATER - sight.state.last_seen)
    }
}

/// Statuses by how much they ask of a person: what lives, what is in trouble, what waits, what is over.
pub(super) fn rank(status: Status) -> usize {
    const ORDER: [Status; 14] = [
        Status::Running,
        Status::Starting,
        Status::Pausing,
        Status::Stopping,
        Status::Terminating,
        Status::Failed,
        Status::Crashed,
        Status::Unknown,
        Status::Suspended,
        Status::Stopped,
        Status::Killed,
        Status::Queued,
        Status::Held,
        Status::Done,
    ];
    ORDER.iter().position(|other| *other == status).unwrap_or(ORDER.len())
}
