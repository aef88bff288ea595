//! What this process takes of the machine while it trains, now and then, for the record.

use super::sample::DeviceSample;
use super::{gpu, visible};
use crate::event::{Metrics, Real};
use nvml_wrapper::Nvml;
use rustix::param::{clock_ticks_per_second, page_size};
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// Between two readings.
const EVERY: Duration = Duration::from_secs(15);

/// Reads what this process and its GPUs do, every so often.
pub struct Meter {
    nvml: Option<Nvml>,
    /// When it was read last, and the processor's time taken by then.
    last: (Instant, f64),
}

impl Meter {
    /// The first reading comes after a while.
    pub fn new() -> Self {
        Self { nvml: Nvml::init().ok(), last: (Instant::now(), seconds().unwrap_or(0.0)) }
    }

    /// What was taken since the last reading; none where that was a moment ago.
    pub fn read(&mut self) -> Option<Metrics> {
        let now = Instant::now();
        let passed = now.duration_since(self.last.0);
        if passed < EVERY {
            return None;
        }
        let taken = seconds().unwrap_or(self.last.1);
        let cores = (taken - self.last.1) / passed.as_secs_f64();
        self.last = (now, taken);
        let mut metrics = Metrics::new();
        metrics.insert("cpu".into(), Real(cores));
        if let Some(memory) = memory() {
            metrics.insert("memory".into(), Real(memory));
        }
        for (place, sample) in self.gpus().into_iter().enumerate() {
            let share = |percent: Option<u32>| percent.map(|percent| f64::from(percent) / 100.0);
            let readings = [
                ("busy", share(sample.busy)),
                ("memory_busy", share(sample.memory_busy)),
                ("temperature", sample.temperature.map(f64::from)),
                ("power", sample.power),
                ("memory", sample.memory.map(|memory| memory.used as f64)),
            ];
            for (name, value) in readings {
                value.map(|value| metrics.insert(format!("gpu.{place}.{name}"), Real(value)));
            }
        }
        Some(metrics)
    }

    /// Those that it sees.
    fn gpus(&self) -> Vec<DeviceSample> {
        let seen = self.nvml.as_ref().and_then(|nvml| visible(nvml).ok()).unwrap_or_default();
        seen.into_iter().map(|gpu| gpu.map_or_else(|_| DeviceSample::default(), |gpu| gpu::look(&gpu, 0))).collect()
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// Seconds of the processor's time that this process has taken, over all its threads.
fn seconds() -> Option<f64> {
    let text = read_to_string("/proc/self/stat").ok()?;
    // The name before may hold anything, brackets too.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / clock_ticks_per_second() as f64)
}

/// Bytes of memory that it holds.
fn memory() -> Option<f64> {
    let text = read_to_string("/proc/self/statm").ok()?;
    Some(text.split_whitespace().nth(1)?.parse::<f64>().ok()? * page_size() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_takes_is_read_and_not_too_often() {
        assert!(memory().unwrap() > 1e5 && seconds().unwrap() >= 0.0);
        let mut meter = Meter::new();
        assert_eq!(meter.read(), None);
        meter.last.0 -= EVERY;
        let metrics = meter.read().unwrap();
        assert!(metrics["memory"].0 > 1e5 && metrics["cpu"].0 >= 0.0);
        assert_eq!(meter.read(), None);
    }
}
