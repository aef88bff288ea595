//! The devices of this machine that can train, and a user's choice among them; what they do, in the rooms below.

mod gpu;
pub mod health;
pub mod history;
pub mod host;
pub mod limits;
mod meter;
pub mod processes;
pub mod sample;

pub use meter::Meter;

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
    /// CUDA's compute capability, major and minor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<(i32, i32)>,
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
        let cpu = Device {
            name: "cpu".into(),
            model: cpu_model(),
            uuid: None,
            memory: cpu_memory(),
            busy: None,
            compute: None,
        };
        let (gpus, note) = match gpus() {
            Ok(gpus) if gpus.is_empty() => (gpus, Some(NONE_LEFT.to_owned())),
            Ok(gpus) => (gpus, None),
            Err(error) => (Vec::new(), Some(absence(&error))),
        };
        Self { devices: std::iter::once(cpu).chain(gpus).collect(), note }
    }
}

impl Devices {
    /// Those of `choice` that are there.
    pub fn those(&self, choice: &Choice) -> impl Iterator<Item = &Device> {
        let names: Vec<String> = match choice {
            Choice::Cpu => vec!["cpu".into()],
            Choice::Gpus(numbers) => numbers.iter().map(u32::to_string).collect(),
        };
        self.devices.iter().filter(move |device| names.contains(&device.name))
    }

    /// What a scheduler has given to this job: all GPUs that can be seen where it gave some, else the CPU.
    ///
    /// # Errors
    /// A sentence where it gave GPUs and none can be seen: hours on a CPU are not what was asked for.
    pub fn allocated(&self) -> Result<Choice, String> {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let given = set("SLURM_JOB_GPUS") || set("SLURM_STEP_GPUS");
        let gpus: Vec<u32> = self.devices.iter().filter_map(|device| device.name.parse().ok()).collect();
        match (given, gpus.is_empty()) {
            (true, true) => {
                let note = self.note.as_deref().unwrap_or("no GPU can be seen");
                Err(format!("Slurm gave GPUs to this job, but {note}"))
            }
            (_, false) if given || set("CUDA_VISIBLE_DEVICES") => Ok(Choice::Gpus(gpus)),
            _ => Ok(Choice::Cpu),
        }
    }

    /// The GPU of this number.
    ///
    /// # Errors
    /// A sentence where there is none.
    pub fn gpu(&self, number: u32) -> Result<&Device, String> {
        let name = number.to_string();
        self.devices.iter().find(|device| device.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.devices.iter().map(|device| device.name.as_str()).collect();
            let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            format!("there is no GPU `{name}` here; there are: {}{note}", names.join(", "))
        })
    }
}

/// Said where the driver is there and no GPU is.
const NONE_LEFT: &str = "no GPU: the NVIDIA driver lists none that CUDA_VISIBLE_DEVICES leaves";

/// Why there is no GPU.
fn absence(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(_) => "no GPU: no NVIDIA driver is installed".to_owned(),
        error => format!("no GPU: {error}"),
    }
}

/// The GPUs that `CUDA_VISIBLE_DEVICES` leaves, numbered as they stand there, or all of them in the order of their bus.
fn visible(nvml: &nvml_wrapper::Nvml) -> Result<Vec<Result<nvml_wrapper::Device<'_>, NvmlError>>, NvmlError> {
    Ok(match std::env::var("CUDA_VISIBLE_DEVICES") {
        Err(_) => (0..nvml.device_count()?).map(|index| nvml.device_by_index(index)).collect(),
        // As CUDA does: the first that isn't there ends the list.
        Ok(set) => set.split(',').map_while(|id| by_id(nvml, id.trim()).ok()).map(Ok).collect(),
    })
}

fn gpus() -> Result<Vec<Device>, NvmlError> {
    let nvml = nvml_wrapper::Nvml::init()?;
    let seen: Vec<nvml_wrapper::Device> = visible(&nvml)?.into_iter().collect::<Result<_, _>>()?;
    let describe = |(index, device): (usize, &nvml_wrapper::Device)| {
        Ok(Device {
            name: index.to_string(),
            model: device.name()?,
            uuid: device.uuid().ok(),
            memory: device.memory_info().ok().map(|memory| (memory.used, memory.total)),
            busy: device.utilization_rates().ok().map(|rates| rates.gpu),
            compute: device.cuda_compute_capability().ok().map(|capability| (capability.major, capability.minor)),
        })
    };
    seen.iter().enumerate().map(describe).collect()
}

fn by_id<'a>(nvml: &'a nvml_wrapper::Nvml, id: &str) -> Result<nvml_wrapper::Device<'a>, NvmlError> {
    match id.parse() {
        Ok(index) => nvml.device_by_index(index),
        Err(_) => nvml.device_by_uuid(id),
    }
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
    host::memory_of(&info, "MemTotal", "MemAvailable").map(|memory| (memory.used, memory.total))
}

/// The devices that one run uses: the CPU, or GPUs by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The CPU.
    Cpu,
    /// GPUs, as the driver numbers them.
    Gpus(Vec<u32>),
}

impl Choice {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "`cpu`, a GPU's number such as `0`, or several as `0,1`";

    /// The names for a job's record.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Cpu => vec!["cpu".into()],
            Self::Gpus(numbers) => numbers.iter().map(|number| format!("cuda:{number}")).collect(),
        }
    }

    /// The value of `CUDA_VISIBLE_DEVICES` under which exactly these of the GPUs `found` are seen, by their UUIDs, since
    /// numbers count differently from place to place. None for the CPU.
    ///
    /// # Errors
    /// A sentence where one isn't there.
    pub fn visible(&self, found: &Devices) -> Result<Option<String>, String> {
        let Self::Gpus(numbers) = self else { return Ok(None) };
        let id = |number: &u32| Ok(found.gpu(*number)?.uuid.clone().unwrap_or_else(|| number.to_string()));
        numbers.iter().map(id).collect::<Result<Vec<_>, String>>().map(|ids| Some(ids.join(",")))
    }

    /// The devices with these `names` and `uuids`, as a job keeps them, by their numbers of today. None where one is gone.
    pub fn again(names: &[String], uuids: &[String], found: &Devices) -> Option<Self> {
        if uuids.is_empty() {
            return names.join(",").parse().ok().filter(|choice: &Self| choice.visible(found).is_ok());
        }
        let number = |uuid: &String| {
            let gpu = found.devices.iter().find(|device| device.uuid.as_ref() == Some(uuid))?;
            gpu.name.parse().ok()
        };
        uuids.iter().map(number).collect::<Option<Vec<u32>>>().map(Self::Gpus)
    }
}

/// Where a run may be trained, as `--device` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// On a GPU that is free; on the CPU where there is no GPU.
    Any,
    /// On whichever of these GPUs is free.
    OneOf(Vec<u32>),
    /// On all of these.
    These(Choice),
}

impl Wanted {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "`any`, `cpu`, a GPU's number such as `0`, several together as `0,1`, whichever is \
                                       free of several as `0/1`";

    /// The GPUs that are meant by number; none where all are.
    pub fn numbers(&self) -> Option<&[u32]> {
        match self {
            Self::Any => None,
            Self::These(Choice::Cpu) => Some(&[]),
            Self::OneOf(numbers) | Self::These(Choice::Gpus(numbers)) => Some(numbers),
        }
    }

    /// The UUIDs of the GPUs that are meant, as far as they are known.
    ///
    /// # Errors
    /// A sentence where one isn't there.
    pub fn uuids(&self, found: &Devices) -> Result<Vec<String>, String> {
        let numbers = self.numbers().unwrap_or_default();
        let all = numbers.iter().map(|number| found.gpu(*number).map(|gpu| gpu.uuid.clone()));
        Ok(all.collect::<Result<Option<Vec<_>>, _>>()?.unwrap_or_default())
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self::Any);
        }
        if text.contains('/') {
            return match text.replace('/', ",").parse() {
                Ok(Choice::Gpus(numbers)) => Ok(Self::OneOf(numbers)),
                _ => Err(format!("`{text}` is not a device: {}; `mocolab devices` lists them", Self::ALLOWED)),
            };
        }
        let choice: Result<Choice, String> = text.parse();
        choice.map(Self::These).map_err(|why| why.replace(Choice::ALLOWED, Self::ALLOWED))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::These(choice) => choice.fmt(f),
            Self::OneOf(numbers) => f.write_str(&numbers.iter().map(u32::to_string).collect::<Vec<_>>().join("/")),
        }
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
        if once.len() < numbers.len() {
            return Err(format!("`{text}` names a GPU twice: one run has one copy of the network on each"));
        }
        Ok(Self::Gpus(numbers))
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
        let two: Choice = "0, cuda:2".parse().unwrap();
        assert_eq!((two.to_string(), two.names()), ("0,2".into(), vec!["cuda:0".to_owned(), "cuda:2".to_owned()]));
        assert_eq!(two.names().join(",").parse(), Ok(two), "as a job keeps it");
        for (bad, why) in [
            ("gpu", "or several as `0,1`"),
            ("", "`cpu`, a GPU"),
            ("0,0", "twice"),
            ("1,cuda:1", "twice"),
            ("0,cpu", "`0,cpu` is not a device"),
            ("0,", "is not a device"),
        ] {
            assert!(bad.parse::<Choice>().unwrap_err().contains(why), "{bad}");
        }
    }

    #[test]
    fn what_is_wanted_reads_back() {
        for text in ["any", "cpu", "0", "0,1", "0/1", "2/0/1"] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        for bad in ["", "gpu", "0/", "cpu/0", "0/0", "0,1/2x"] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
        assert!("tpu".parse::<Wanted>().unwrap_err().contains("`any`, `cpu`"));
    }

    #[test]
    fn a_gpu_is_found_again_by_its_uuid_whatever_its_number() {
        let gpu = |name: &str, uuid: &str| Device {
            name: name.into(),
            model: String::new(),
            uuid: Some(uuid.into()),
            memory: None,
            busy: None,
            compute: None,
        };
        let found = Devices { devices: vec![gpu("0", "GPU-b"), gpu("1", "GPU-a")], note: None };
        let text = |text: &str| text.to_owned();
        assert_eq!(Choice::again(&[text("cuda:0")], &[text("GPU-a")], &found), Some(Choice::Gpus(vec![1])));
        assert_eq!(Choice::again(&[text("cuda:0")], &[text("GPU-c")], &found), None);
        assert_eq!(Choice::again(&[text("cuda:0")], &[], &found), Some(Choice::Gpus(vec![0])));
        assert_eq!(Choice::again(&[text("cuda:7")], &[], &found), None);
        assert_eq!(Choice::again(&[text("cpu")], &[], &found), Some(Choice::Cpu));
        assert_eq!(Wanted::OneOf(vec![1, 0]).uuids(&found), Ok(vec![text("GPU-a"), text("GPU-b")]));
        assert!(Wanted::OneOf(vec![2]).uuids(&found).is_err());
    }

    #[test]
    fn a_gpu_is_handed_on_by_its_uuid_and_one_that_is_not_there_is_refused() {
        let device = |name: &str, uuid: Option<&str>| Device {
            name: name.into(),
            model: String::new(),
            uuid: uuid.map(str::to_owned),
            memory: None,
            busy: None,
            compute: None,
        };
        let found =
            Devices { devices: vec![device("cpu", None), device("0", Some("GPU-a")), device("1", None)], note: None };
        assert_eq!(Choice::Cpu.visible(&found), Ok(None));
        assert_eq!(Choice::Gpus(vec![0]).visible(&found), Ok(Some("GPU-a".into())));
        assert_eq!(Choice::Gpus(vec![1]).visible(&found), Ok(Some("1".into())));
        assert_eq!(Choice::Gpus(vec![1, 0]).visible(&found), Ok(Some("1,GPU-a".into())));
        assert!(Choice::Gpus(vec![2]).visible(&found).unwrap_err().contains("there are: cpu, 0, 1"));
    }

    #[test]
    fn the_cpu_is_always_there() {
        let found = Devices::find();
        assert_eq!(found.devices[0].name, "cpu");
        assert!(found.devices.len() > 1 || found.note.is_some());
    }
}
