//! The last minutes of every device, bounded in time and in number. Time is an argument.

use super::sample::{DeviceSample, Memory, Sample};
use std::collections::{BTreeMap, VecDeque};

/// Seconds that are remembered.
pub const SPAN: f64 = 300.0;
/// Moments that are remembered of one device, however often it is looked at.
const MOST: usize = 1200;

/// What a device did at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// When, in seconds of any clock that never goes back.
    pub at: f64,
    /// How busy it was, 0 to 1.
    pub busy: Option<f64>,
    /// How full its memory was, 0 to 1.
    pub memory: Option<f64>,
    /// What it drew, in watts.
    pub power: Option<f64>,
    /// How hot it was, in degrees Celsius.
    pub temperature: Option<f64>,
}

/// The last minutes of one device, oldest first.
pub type Track = VecDeque<Moment>;

/// The last minutes of all devices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    gpus: BTreeMap<String, Track>,
    host: Track,
}

/// What a column of a picture shows of the moments it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Their mean: for use.
    Mean,
    /// The highest: for memory, where a peak is what runs out.
    Peak,
}

impl History {
    /// Remembers `sample`, taken at `at`, and forgets what is older than [`SPAN`].
    pub fn take(&mut self, sample: &Sample, at: f64) {
        for gpu in &sample.gpus {
            let moment = Moment {
                at,
                busy: gpu.busy.map(|percent| f64::from(percent) / 100.0),
                memory: gpu.memory.map(Memory::share),
                power: gpu.power,
                temperature: gpu.temperature.map(f64::from),
            };
            push(self.gpus.entry(key(gpu).to_owned()).or_default(), moment);
        }
        let memory = sample.host.memory.map(Memory::share);
        push(&mut self.host, Moment { at, busy: sample.host.busy, memory, ..Moment::default() });
        // A GPU that is no longer there.
        self.gpus.retain(|_, track| track.back().is_some_and(|last| last.at > at - SPAN));
    }

    /// What is remembered of `gpu`.
    pub fn of(&self, gpu: &DeviceSample) -> Option<&Track> {
        self.gpus.get(key(gpu))
    }

    /// What is remembered of the processor and its memory.
    pub fn host(&self) -> &Track {
        &self.host
    }

    /// The latest moment that was remembered.
    pub fn now(&self) -> f64 {
        self.host.back().map_or(0.0, |last| last.at)
    }
}

/// A GPU is the same one as long as its UUID is, whatever its number.
fn key(gpu: &DeviceSample) -> &str {
    gpu.uuid.as_deref().unwrap_or(&gpu.name)
}

fn push(track: &mut Track, moment: Moment) {
    // A clock that went back would leave moments that never age.
    while track.back().is_some_and(|last| last.at > moment.at) {
        track.pop_back();
    }
    track.push_back(moment);
    while track.len() > MOST || track.front().is_some_and(|first| first.at <= moment.at - SPAN) {
        track.pop_front();
    }
}

/// The [`SPAN`] before `now` in `columns` equal stretches, oldest first; none where nothing is known.
pub fn columns(
    track: &Track,
    of: fn(&Moment) -> Option<f64>,
    shown: Shown,
    now: f64,
    columns: usize,
) -> Vec<Option<f64>> {
    let mut stretches = vec![None::<(f64, f64)>; columns];
    let width = SPAN / columns.max(1) as f64;
    for moment in track {
        let Some(value) = of(moment).filter(|value| value.is_finite()) else { continue };
        let back = ((now - moment.at) / width).max(0.0) as usize;
        let Some(stretch) = columns.checked_sub(back + 1).and_then(|at| stretches.get_mut(at)) else { continue };
        let (kept, count) = stretch.unwrap_or((f64::NEG_INFINITY, 0.0));
        *stretch = Some(match shown {
            Shown::Mean if count > 0.0 => (kept + value, count + 1.0),
            Shown::Mean => (value, 1.0),
            Shown::Peak => (kept.max(value), 1.0),
        });
    }
    stretches.into_iter().map(|stretch| stretch.map(|(sum, count)| sum / count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(busy: u32) -> Sample {
        let gpu =
            |name: &str| DeviceSample { name: name.into(), busy: Some(busy), power: Some(300.0), ..Default::default() };
        Sample { gpus: vec![gpu("0"), gpu("1")], ..Sample::default() }
    }

    #[test]
    fn it_is_bounded_in_time_and_number() {
        let mut history = History::default();
        for at in 0..2000 {
            history.take(&sample(50), f64::from(at));
        }
        let track = history.of(&sample(0).gpus[0]).unwrap();
        assert_eq!((track.len(), track[0].at, history.now()), (300, 1700.0, 1999.0));
        for at in 0..5000 {
            history.take(&sample(50), 2000.0 + f64::from(at) * 0.001);
        }
        assert_eq!(history.host().len(), MOST);
        history.take(&Sample::default(), 9000.0);
        assert_eq!(history.of(&sample(0).gpus[0]), None, "a GPU that went is forgotten");
    }

    #[test]
    fn a_clock_that_goes_back_leaves_no_moments_that_never_age() {
        let mut history = History::default();
        history.take(&sample(1), 1e9);
        history.take(&sample(2), 5.0);
        assert_eq!((history.host().len(), history.now()), (1, 5.0));
    }

    #[test]
    fn columns_hold_means_or_peaks_and_gaps_stay_gaps() {
        let at = |at: f64, busy: Option<f64>| Moment { at, busy, ..Moment::default() };
        let track: Track = [at(10.0, Some(0.2)), at(20.0, Some(0.6)), at(250.0, None), at(299.0, Some(1.0))].into();
        let shown = |shown| columns(&track, |moment| moment.busy, shown, 300.0, 3);
        assert_eq!(shown(Shown::Mean), [Some(0.4), None, Some(1.0)]);
        assert_eq!(shown(Shown::Peak), [Some(0.6), None, Some(1.0)]);
        assert_eq!(columns(&track, |moment| moment.busy, Shown::Mean, 300.0, 0), []);
    }
}
