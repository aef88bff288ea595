//! The devices of this machine that can train, and a user's choice among them.

use nvml_wrapper::error::NvmlError;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A device that can train.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// How a user names it: `cpu`, or the number of a GPU.
    pub name: String,
    /// What it is.
    pub model: String,
    /// What distinguishes it for ever: a GPU's UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Memory in use and in all, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<(u64, u64)>,
    /// How busy it is, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<u32>,
}

/// What there is, and why there is no more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Devices {
    /// The CPU, then the GPUs.
    pub devices: Vec<Device>,
    /// A sentence where no GPU was found.
    pub note: Option<String>,
}

impl Devices {
    /// Looks. A missing driver or library is no failure.
    pub fn find() -> Self {
        let cpu = Device { name: "cpu".into(), model: cpu_model(), uuid: None, memory: cpu_memory(), busy: None };
        let (gpus, note) = match gpus() {
            Ok(gpus) if gpus.is_empty() => (gpus, Some("no GPU: the NVIDIA driver lists none".to_owned())),
            Ok(gpus) => (gpus, None),
            Err(NvmlError::LibloadingError(_)) => {
                (Vec::new(), Some("no GPU: no NVIDIA driver is installed".to_owned()))
            }
            Err(error) => (Vec::new(), Some(format!("no GPU: {error}"))),
        };
        Self { devices: std::iter::once(cpu).chain(gpus).collect(), note }
    }
}

fn gpus() -> Result<Vec<Device>, NvmlError> {
    let nvml = nvml_wrapper::Nvml::init()?;
    (0..nvml.device_count()?)
        .map(|index| {
            let device = nvml.device_by_index(index)?;
            Ok(Device {
                name: index.to_string(),
                model: device.name()?,
                uuid: device.uuid().ok(),
                memory: device.memory_info().ok().map(|memory| (memory.used, memory.total)),
                busy: device.utilization_rates().ok().map(|rates| rates.gpu),
            })
        })
        .collect()
}

/// The processor's name and how many threads it runs.
pub fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    let threads = threads();
    format!("{}, {threads} thread{}", model.unwrap_or("CPU"), if threads == 1 { "" } else { "s" })
}

/// Threads that this process may use.
pub fn threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}

fn cpu_memory() -> Option<(u64, u64)> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
    };
    let (total, free) = (field("MemTotal")?, field("MemAvailable")?);
    Some((total.saturating_sub(free), total))
}

/// The devices that one run is to use: the CPU, or GPUs by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The CPU.
    Cpu,
    /// GPUs, as the driver numbers them.
    Gpus(Vec<u32>),
}

impl Choice {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "`cpu`, or a GPU's number such as `0`";

    /// The names for a job's record.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Cpu => vec!["cpu".into()],
            Self::Gpus(numbers) => numbers.iter().map(|number| format!("cuda:{number}")).collect(),
        }
    }

    /// The value of `CUDA_VISIBLE_DEVICES` under which exactly these GPUs are seen: where the user has set it, the
    /// numbers count among those. None for the CPU.
    pub fn visible(&self, set: Option<&str>) -> Option<String> {
        let Self::Gpus(numbers) = self else { return None };
        let seen: Vec<&str> =
            set.into_iter().flat_map(|set| set.split(',')).map(str::trim).filter(|id| !id.is_empty()).collect();
        let name = |number: &u32| match seen.get(*number as usize) {
            Some(id) => (*id).to_owned(),
            None => number.to_string(),
        };
        Some(numbers.iter().map(name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let refuse = || format!("`{text}` is not a device: {}; `mocolab devices` lists them", Self::ALLOWED);
        let number = |part: &str| part.trim().trim_start_matches("cuda:").parse().map_err(|_| refuse());
        let numbers = text.split(',').map(number).collect::<Result<Vec<u32>, _>>()?;
        let mut once = numbers.clone();
        once.sort_unstable();
        once.dedup();
        match numbers.len() {
            1 => Ok(Self::Gpus(numbers)),
            n if once.len() < n => Err(format!("`{text}` names a GPU twice")),
            n => Err(format!("`{text}` names {n} GPUs: one run trains on one device so far; start a run for each")),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpus(numbers) => f.write_str(&numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_back_and_bad_ones_say_what_is_allowed() {
        assert_eq!("cpu".parse::<Choice>().unwrap().names(), ["cpu"]);
        assert_eq!("cuda:1".parse::<Choice>().unwrap().to_string(), "1");
        for (bad, why) in [("gpu", "`cpu`, or"), ("", "`cpu`, or"), ("0,0", "twice"), ("0,1", "one device so far")] {
            assert!(bad.parse::<Choice>().unwrap_err().contains(why), "{bad}");
        }
    }

    #[test]
    fn numbers_count_among_the_gpus_that_the_user_left_visible() {
        let one = Choice::Gpus(vec![1]);
        assert_eq!(one.visible(None).unwrap(), "1");
        assert_eq!(one.visible(Some("4,GPU-7")).unwrap(), "GPU-7");
        assert_eq!(Choice::Cpu.visible(Some("3")), None);
    }

    #[test]
    fn the_cpu_is_always_there() {
        let found = Devices::find();
        assert_eq!(found.devices[0].name, "cpu");
        assert!(found.devices.len() > 1 || found.note.is_some());
    }
}
