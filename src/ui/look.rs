//! How charts are looked at: the same for all charts of a screen, so that they line up, and kept from run to run.

use super::board::{Panel, Split};
use super::chart::{By, Level, Pace, Plot, Scale, Series, Window, XAxis, YAxis, reach};
use super::theme::Theme;
use mocolab::state::RunState;

/// Weights of the running average that a key turns through.
const SMOOTHINGS: [f64; 5] = [0.0, 0.5, 0.8, 0.9, 0.97];

/// How charts are looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// The axis along.
    pub by: By,
    /// The axis up: logarithmic.
    pub log: bool,
    /// Values far beyond the others are cut off.
    pub robust: bool,
    /// Weight of the running average.
    pub smoothing: f64,
    /// The part shown.
    pub window: Option<Window>,
    /// Where values are read.
    pub cursor: Option<f64>,
    /// The title of the chart chosen; none before one was, for the first.
    pub chosen: Option<String>,
    /// It fills the screen.
    pub alone: bool,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the left, out, or back.
    Less,
    /// To the right, in, or on.
    More,
}

impl Look {
    /// The next unit along; `east` are the seconds that this place's clock is ahead of Greenwich. What was zoomed into was
    /// in the old unit.
    pub fn turn_axis(&mut self, east: i32) {
        (self.window, self.cursor) = (None, None);
        self.by = match self.by {
            By::Step => By::Epoch,
            By::Epoch => By::Relative,
            By::Relative => By::Wall(east),
            By::Wall(_) => By::Step,
        };
    }

    /// The next weight of the running average, or the one before.
    pub fn turn_smoothing(&mut self, way: Way) {
        let at = SMOOTHINGS.iter().rposition(|weight| *weight <= self.smoothing).unwrap_or(0);
        let next = match way {
            Way::More => (at + 1) % SMOOTHINGS.len(),
            Way::Less => (at + SMOOTHINGS.len() - 1) % SMOOTHINGS.len(),
        };
        self.smoothing = SMOOTHINGS[next];
    }

    /// Closer, or further away, about the place where values are read, or the end.
    pub fn zoom(&mut self, all: Scale, way: Way) {
        self.zoom_about(all, self.cursor.unwrap_or_else(|| Window::shown(self.window, all).high), way);
    }

    /// Closer, or further away, with `about` staying where it is.
    pub fn zoom_about(&mut self, all: Scale, about: f64, way: Way) {
        let factor = if way == Way::More { 0.5 } else { 2.0 };
        self.window = Window::zoom(self.window, all, about, factor);
    }

    /// A quarter of what is shown to the left or right.
    pub fn pan(&mut self, all: Scale, way: Way) {
        self.window = Window::pan(self.window, all, if way == Way::More { 0.25 } else { -0.25 });
    }

    /// The place where values are read a fiftieth of what is shown to the left or right; what is shown moves along.
    pub fn read(&mut self, all: Scale, way: Way) {
        let shown = Window::shown(self.window, all);
        let from = self.cursor.and_then(|cursor| shown.part(cursor)).unwrap_or(1.0);
        let part = from + if way == Way::More { 0.02 } else { -0.02 };
        if !(0.0..=1.0).contains(&part) && self.window.is_some() {
            self.pan(all, way);
        }
        let shown = Window::shown(self.window, all);
        let place = if self.cursor.is_none() && way == Way::More { return } else { part.clamp(0.0, 1.0) };
        self.cursor = Some(shown.value(place));
    }

    /// The place of the chart chosen among `panels`.
    pub fn place(&self, panels: &[Panel]) -> usize {
        panels.iter().position(|panel| Some(&panel.title) == self.chosen.as_ref()).unwrap_or(0)
    }

    /// One layer back towards all charts, all shown, the last values read: whether there was one.
    pub fn back(&mut self) -> bool {
        self.back_to_all() || std::mem::take(&mut self.alone)
    }

    /// One layer back towards all shown and the last values read: whether there was one.
    pub fn back_to_all(&mut self) -> bool {
        self.cursor.take().is_some() || self.window.take().is_some()
    }

    /// What is unusual about it, in words.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.smoothing > 0.0 {
            words.push(format!("smoothed {}", self.smoothing));
        }
        if self.log {
            words.push("log".to_owned());
        }
        if self.robust {
            words.push("without outliers".to_owned());
        }
        if self.window.is_some() {
            words.push("zoomed".to_owned());
        }
        words
    }
}

/// How a run went through its steps.
pub fn pace(state: &RunState) -> Pace<'_> {
    Pace {
        steps_per_epoch: state.started.as_ref().map_or(0, |started| started.steps_per_epoch),
        seconds: Some(state.clock.times()),
        began: state.began,
    }
}

/// A chart of one run, over the same of `baseline` where there is one.
pub fn plot<'a>(
    panel: &'a Panel,
    (state, baseline): (&'a RunState, Option<&'a RunState>),
    look: &Look,
    theme: Theme,
) -> Plot<'a> {
    let style = |split| match split {
        Split::Train | Split::Other => theme.train(),
        Split::Val => theme.val(),
        Split::Test => theme.test(),
    };
    let own = panel.lines.iter().map(|trace| Series {
        name: &trace.name,
        curve: state.curves.get(&trace.metric),
        style: if trace.metric == mocolab::metrics::TRAIN_NEGATIVE { theme.val() } else { style(trace.split) },
        baseline: false,
        pace: pace(state),
    });
    // Of the pinned run the one curve that the chart stands for: more would hide the run's own.
    let pinned = baseline.map(|other| Series {
        name: "pinned",
        curve: other.curves.get(panel.metric()),
        style: theme.faint(),
        baseline: true,
        pace: pace(other),
    });
    let states = [Some(state), baseline];
    Plot {
        title: &panel.title,
        series: pinned.into_iter().chain(own).collect(),
        levels: panel.levels.iter().map(|(name, value)| Level { name, value: *value }).collect(),
        x: XAxis { by: look.by, log: false, span: span(states.into_iter().flatten(), look.by) },
        y: YAxis { log: look.log, robust: look.robust },
        window: look.window,
        cursor: look.cursor,
        smoothing: look.smoothing,
        show: panel.show,
    }
}

/// One metric of several runs.
pub fn overlay<'a>(title: &'a str, series: Vec<Series<'a>>, show: fn(f64) -> String, look: &Look) -> Plot<'a> {
    Plot {
        title,
        series,
        levels: Vec::new(),
        x: XAxis { by: look.by, ..XAxis::default() },
        y: YAxis { log: look.log, robust: look.robust },
        window: look.window,
        cursor: look.cursor,
        smoothing: look.smoothing,
        show,
    }
}

impl Look {
    /// All there is along for charts of these runs.
    pub fn reach_of<'a>(&self, states: impl Iterator<Item = &'a RunState>) -> Scale {
        let (low, high) = span(states, self.by).unwrap_or((0.0, 1.0));
        Scale::new(low, high, false)
    }
}

/// From where to where all charts of a screen reach, so that they line up.
fn span<'a>(states: impl Iterator<Item = &'a RunState>, by: By) -> Option<(f64, f64)> {
    let style = ratatui::style::Style::new();
    // Of each run the curve that begins first and the one that ends last tell all: a way through time is dear.
    let of = |state: &'a RunState| {
        let pace = pace(state);
        let first = state.curves.values().min_by_key(|curve| curve.first().map_or(u64::MAX, |(step, _)| step));
        let last = state.curves.values().max_by_key(|curve| curve.last().map_or(0, |(step, _)| step));
        let ends = first.into_iter().chain(last);
        ends.map(move |curve| Series { name: "", curve: Some(curve), style, baseline: false, pace })
    };
    let all: Vec<Series> = states.flat_map(of).collect();
    let (from, to) = reach(&all, by)?;
    Some(if matches!(by, By::Wall(_)) { (from, to) } else { (0.0, to) })
}
