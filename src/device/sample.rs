//! What all devices do at one moment, as plain values: `None` is what this machine, its driver or its rights do not tell.

use super::health::{Health, Slowed};
use super::host::{self, Host};
use super::processes::{self, Process};
use super::{gpu, visible};
use crate::run::{Claim, Claims};
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// All devices at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sample {
    /// The GPUs, in the order and under the numbers of [`super::Devices`].
    pub gpus: Vec<DeviceSample>,
    /// A sentence where there is no GPU, or where not all are shown.
    pub note: Option<String>,
    /// The machine around them.
    pub host: Host,
    /// Which runs of this user have which of them, of whatever project.
    pub claims: Vec<Claim>,
}

/// A GPU at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DeviceSample {
    /// How a user names it: its number.
    pub name: String,
    /// What it is.
    pub model: String,
    /// What distinguishes it for ever.
    pub uuid: Option<String>,
    /// Share of the last moments in which anything ran on it, in percent. Never known of a part of a GPU (MIG).
    pub busy: Option<u32>,
    /// Share of them in which its memory was read or written, in percent.
    pub memory_busy: Option<u32>,
    /// Its memory.
    pub memory: Option<Memory>,
    /// What it draws, in watts.
    pub power: Option<f64>,
    /// What it may draw, in watts.
    pub power_limit: Option<f64>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Degrees Celsius at which it slows itself down.
    pub slowdown: Option<u32>,
    /// Clock of its multiprocessors, in MHz.
    pub clock: Option<u32>,
    /// The highest such clock, in MHz.
    pub highest_clock: Option<u32>,
    /// Its fan, in percent; none where the case cools it.
    pub fan: Option<u32>,
    /// How it is attached.
    pub link: Option<Link>,
    /// Whether it is cut into parts.
    pub mig: Mig,
    /// Why it runs slower than it could, at this moment.
    pub slowed: Vec<Slowed>,
    /// What is wrong with it.
    pub health: Health,
    /// Who is on it, the largest first; none where the driver doesn't say.
    pub processes: Option<Vec<Process>>,
}

/// Bytes of a memory. Used and free need not make up all: a driver keeps some for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Memory {
    /// In use.
    pub used: u64,
    /// In all.
    pub total: u64,
    /// To be had.
    pub free: u64,
}

impl Memory {
    /// How full it is, 0 to 1.
    pub fn share(self) -> f64 {
        self.used as f64 / self.total.max(1) as f64
    }
}

/// A `PCIe` link. A GPU at rest lowers its generation to save power, never its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Generation, now.
    pub generation: u32,
    /// Lanes, now.
    pub width: u32,
    /// Lanes that both ends have.
    pub widest: Option<u32>,
}

/// Whether a GPU is cut into parts (Multi-Instance GPU).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mig {
    /// It is whole, or can't be cut.
    #[default]
    Whole,
    /// It is cut into these.
    Cut(Vec<Instance>),
    /// It is itself such a part.
    Part,
}

/// A part of a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Instance {
    /// Its place on the GPU.
    pub number: u32,
    /// What it is: `1g.10gb`.
    pub profile: String,
    /// What `CUDA_VISIBLE_DEVICES` takes for it.
    pub uuid: Option<String>,
    /// Its memory.
    pub memory: Option<Memory>,
}

impl DeviceSample {
    /// Bytes in use that no process seen from here holds: another container's. What drivers keep for themselves is less
    /// than the gibibyte below which this is none, and in parts of a GPU nothing can be told.
    pub fn hidden(&self) -> Option<u64> {
        let (memory, processes) = (self.memory?, self.processes.as_ref()?);
        let held = processes.iter().map(|process| process.memory).sum::<Option<u64>>()?;
        let hidden = memory.used.saturating_sub(held);
        (self.mig == Mig::Whole && hidden > 1 << 30).then_some(hidden)
    }

    /// Is it as good as unused: nobody seen on it, and no memory held out of sight?
    pub fn is_free(&self) -> bool {
        self.processes.as_ref().is_some_and(Vec::is_empty) && self.hidden().is_none() && self.health.lost.is_none()
    }

    /// All that is wrong with it, a sentence each.
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = self.health.troubles();
        if let Some(Link { width, widest: Some(widest), .. }) = self.link
            && width < widest
        {
            troubles.push(format!("its PCIe link has {width} of {widest} lanes: reseat the card"));
        }
        troubles.extend(self.slowed.iter().filter_map(|slowed| slowed.trouble()));
        troubles
    }
}

/// Looks at all devices again and again. It keeps the driver's library open, and what it needs to tell a change.
#[derive(Debug)]
pub struct Sampler {
    nvml: Result<Nvml, String>,
    runs: PathBuf,
    model: String,
    users: BTreeMap<u32, String>,
    ticks: Vec<host::Ticks>,
    claims: Option<Claims>,
}

impl Sampler {
    /// Opens the driver's library, if there is one; `runs` is the folder whose disk is looked at.
    pub fn new(runs: &Path) -> Self {
        Self {
            nvml: Nvml::init().map_err(|error| super::absence(&error)),
            runs: runs.to_owned(),
            model: super::cpu_model(),
            users: processes::users(),
            ticks: host::now(),
            claims: Claims::of_user(),
        }
    }

    /// Looks. It takes milliseconds, longer where a driver or the disk of the runs is slow: never do it where keys are read.
    pub fn sample(&mut self) -> Sample {
        let host = Host::look(&self.model, &self.runs, &mut self.ticks);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let (gpus, note) = match &self.nvml {
            Err(absence) => (Vec::new(), Some(absence.clone())),
            Ok(nvml) => match visible(nvml) {
                Err(error) => (Vec::new(), Some(super::absence(&error))),
                Ok(seen) => {
                    let note = note(seen.len(), nvml.device_count().unwrap_or(0) as usize);
                    let gpus = seen.into_iter().enumerate();
                    (gpus.map(|(at, gpu)| one(at, gpu, now, &self.users)).collect(), note)
                }
            },
        };
        let claims = self.claims.as_ref().map_or_else(Vec::new, Claims::living);
        Sample { gpus, note, host, claims }
    }
}

/// One GPU; one that can't be reached is shown with the reason.
fn one(
    at: usize,
    found: Result<nvml_wrapper::Device, NvmlError>,
    now: u64,
    users: &BTreeMap<u32, String>,
) -> DeviceSample {
    let name = at.to_string();
    let mut sample = match found {
        Ok(gpu) => gpu::look(&gpu, now),
        Err(error) => {
            let health = Health { lost: Some(error.to_string()), ..Health::default() };
            DeviceSample { model: "not reachable".into(), health, ..DeviceSample::default() }
        }
    };
    sample.name = name;
    let known = |process: &Process| processes::known(process, users);
    sample.processes = sample.processes.map(|processes| processes.iter().map(known).collect());
    sample
}

/// What to say where fewer GPUs are seen than there are.
fn note(seen: usize, all: usize) -> Option<String> {
    match all.saturating_sub(seen) {
        _ if seen == 0 => Some(super::NONE_LEFT.to_owned()),
        0 => None,
        1 => Some("1 more GPU is hidden by CUDA_VISIBLE_DEVICES".to_owned()),
        hidden => Some(format!("{hidden} more GPUs are hidden by CUDA_VISIBLE_DEVICES")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_out_of_sight_is_told_and_never_taken_for_free() {
        let memory = |used: u64| Some(Memory { used: used << 30, total: 80 << 30, free: (80 - used) << 30 });
        let held = |bytes| Some(vec![Process { memory: bytes, ..Process::default() }]);
        let gpu = |used, processes| DeviceSample { memory: memory(used), processes, ..DeviceSample::default() };
        assert_eq!(gpu(30, held(Some(20 << 30))).hidden(), Some(10 << 30));
        assert_eq!(gpu(30, held(Some(30 << 30))).hidden(), None);
        assert_eq!(gpu(30, held(None)).hidden(), None, "what one of them holds is not known");
        assert_eq!(gpu(30, None).hidden(), None);
        assert!(gpu(0, Some(vec![])).is_free() && !gpu(30, Some(vec![])).is_free() && !gpu(0, None).is_free());
        let cut = DeviceSample { mig: Mig::Cut(vec![]), ..gpu(30, Some(vec![])) };
        assert_eq!(cut.hidden(), None);
    }

    #[test]
    fn a_link_at_rest_is_no_trouble_and_a_narrow_one_is() {
        let link = |generation, width| DeviceSample {
            link: Some(Link { generation, width, widest: Some(16) }),
            ..DeviceSample::default()
        };
        assert_eq!(link(1, 16).troubles(), [""; 0]);
        assert_eq!(link(5, 8).troubles(), ["its PCIe link has 8 of 16 lanes: reseat the card"]);
    }

    #[test]
    fn any_machine_can_be_sampled() {
        let mut sampler = Sampler::new(Path::new("runs"));
        let sample = sampler.sample();
        assert!(!sample.gpus.is_empty() || sample.note.is_some());
        assert!(sample.host.memory.is_some() && sample.host.load.is_some() && sample.host.disk.is_some());
        assert_eq!(sampler.sample().gpus.len(), sample.gpus.len());
        assert_eq!([note(0, 0).is_some(), note(2, 2).is_none()], [true; 2]);
        assert_eq!(note(1, 4).unwrap(), "3 more GPUs are hidden by CUDA_VISIBLE_DEVICES");
    }
}
