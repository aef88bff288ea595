//! What a series is at a place.

use super::trace::nearest;
use super::way::Way;
use super::{Plot, Series};
use mocolab::curve::Average;

/// A value of a series: that of the point nearest to the cursor, or its last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Where the point lies, in the axis's units.
    pub x: f64,
    /// As measured; NaN where it was.
    pub raw: f64,
    /// The running average there; none where none is wanted.
    pub smooth: Option<f64>,
    /// How much more it is than the baseline; none without one, without a cursor, and for itself.
    pub difference: Option<f64>,
}

impl Reading {
    /// The average where there is one, else the value.
    pub fn shown(&self) -> f64 {
        self.smooth.unwrap_or(self.raw)
    }
}

/// A reading of each series, none of those that have no points or no place on this axis.
pub fn readings(plot: &Plot, ways: &[Option<Way>]) -> Vec<Option<Reading>> {
    let all = plot.series.iter().zip(ways).map(|(series, way)| read(plot, series, way.as_ref()?));
    let mut readings: Vec<Option<Reading>> = all.collect();
    let baseline = plot.series.iter().position(|series| series.baseline).filter(|_| plot.cursor.is_some());
    if let Some((index, base)) = baseline.and_then(|index| Some((index, readings[index]?.shown()))) {
        for (_, reading) in readings.iter_mut().enumerate().filter(|(other, _)| *other != index) {
            if let Some(reading) = reading {
                reading.difference = Some(reading.shown() - base);
            }
        }
    }
    readings
}

fn read(plot: &Plot, series: &Series, way: &Way) -> Option<Reading> {
    let curve = series.curve?;
    let (step, raw) = match plot.cursor {
        Some(x) => nearest(curve, way.step(x))?,
        None => curve.last()?,
    };
    let smooth = (plot.smoothing > 0.0).then(|| Average::until(curve, step.saturating_add(1), plot.smoothing).value());
    Some(Reading { x: way.x(step as f64), raw, smooth, difference: None })
}
