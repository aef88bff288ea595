//! Charts of curves over steps, epochs or time. A frame costs the columns it has, whatever the curves' length, and spikes
//! are never lost: each stretch of steps is drawn from its lowest to its highest value.
//!
//! ```text
//!  loss  train 0.4894 ~0.5012  val 0.6750  guess 2.3026  smoothed 0.90 ────────
//!   2.0┤⢣                                    ·
//!      │ ⠣⡀
//!   1.0┤  ⠈⠒⠤⣀⡀      ·                       ·                       ·
//!      │       ⠉⠉⠒⠒⠢⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀
//!      └─────────────┴───────────────────────┴───────────────────────┴─────────
//!  step             10                      20                      30
//! ```

mod axis;
mod bounds;
mod canvas;
pub mod colour;
mod draw;
mod label;
mod legend;
mod overlay;
mod reading;
mod scale;
mod trace;
mod way;
mod window;

#[cfg(test)]
mod tests;

pub use draw::{draw, place_at};
pub use scale::Scale;
pub use window::Window;

use mocolab::curve::Curve;
use ratatui::style::Style;

/// Curves of one kind.
#[derive(Debug, Clone)]
pub struct Plot<'a> {
    /// What they show.
    pub title: &'a str,
    /// In painter's order: the last lies on top.
    pub series: Vec<Series<'a>>,
    /// Values to compare with: lines across.
    pub levels: Vec<Level<'a>>,
    /// The axis along.
    pub x: XAxis,
    /// The axis up.
    pub y: YAxis,
    /// The part shown; none shows all, and follows.
    pub window: Option<Window>,
    /// A place, in the units of the axis along, where values are read; none reads the last ones.
    pub cursor: Option<f64>,
    /// Weight of the running average, 0 (none) to 0.99.
    pub smoothing: f64,
    /// How a value is written.
    pub show: fn(f64) -> String,
}

/// A curve with its name and looks.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// For the legend; safe to print.
    pub name: &'a str,
    /// The points; none draws nothing.
    pub curve: Option<&'a Curve>,
    /// Its colour.
    pub style: Style,
    /// What the others are compared with: drawn dashed.
    pub baseline: bool,
    /// Where its steps lie in epochs and time.
    pub pace: Pace<'a>,
}

/// How a run went through its steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace<'a> {
    /// Steps an epoch has; 0 where not known.
    pub steps_per_epoch: u64,
    /// Seconds since the run began, over steps; none where not known.
    pub seconds: Option<&'a Curve>,
    /// When the run began, seconds since 1970.
    pub began: f64,
}

impl Pace<'_> {
    /// Where `step` lies along an axis; what is beyond the times that are known lies at their end.
    fn x(&self, step: u64, by: By) -> Option<f64> {
        let time = || {
            let seconds = self.seconds?;
            let beyond = || if step < seconds.first()?.0 { seconds.first() } else { seconds.last() };
            seconds.at(step).or_else(|| beyond().map(|(_, time)| time))
        };
        match by {
            By::Step => Some(step as f64),
            By::Epoch => (self.steps_per_epoch > 0).then(|| step as f64 / self.steps_per_epoch as f64),
            By::Relative => time(),
            By::Wall(_) => time().map(|time| self.began + time),
        }
    }
}

/// A value to compare with.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// What it is, such as `chance`.
    pub name: &'a str,
    /// Where it lies.
    pub value: f64,
}

/// What is along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Optimiser steps.
    #[default]
    Step,
    /// Epochs done.
    Epoch,
    /// Seconds since the run began.
    Relative,
    /// Seconds since 1970, written in a time zone this many seconds east of Greenwich.
    Wall(i32),
}

/// The axis along.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct XAxis {
    /// Its unit.
    pub by: By,
    /// Logarithmic.
    pub log: bool,
    /// First and last place where all is shown, so that the charts of a screen line up (`reach`); none is as far as this
    /// plot's series reach.
    pub span: Option<(f64, f64)>,
}

/// The axis up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct YAxis {
    /// Logarithmic: what is not above 0 is left out.
    pub log: bool,
    /// Values far beyond the 1st and the 99th percentile of those shown don't stretch the axis.
    pub robust: bool,
}

impl Plot<'_> {
    /// All there is along, before any window: what [`Window::zoom`] and [`Window::pan`] move in.
    pub fn all(&self) -> Scale {
        let own = reach(&self.series, self.x.by);
        let (low, high) = self.x.span.or(own).unwrap_or((0.0, 1.0));
        // A logarithmic axis has no 0: it begins at the first point, or a thousandth of the way.
        let first = own.map_or(0.0, |own| own.0);
        let low = if self.x.log && low <= 0.0 { first.max(if first > 0.0 { 0.0 } else { high / 1e3 }) } else { low };
        Scale::new(low, high, self.x.log)
    }
}

/// From where to where series reach along an axis; none where nothing can be placed.
pub fn reach(series: &[Series], by: By) -> Option<(f64, f64)> {
    let ends = series.iter().filter_map(|series| {
        let (first, last) = series.curve.and_then(|curve| Some((curve.first()?.0, curve.last()?.0)))?;
        series.pace.x(first, by).zip(series.pace.x(last, by))
    });
    ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
