//! What the driver (NVML) says of one GPU, a field a call; what it does not know, support or allow is none.
//! `PCIe` throughput is left out: NVML measures it by sleeping 20 ms a direction.

use super::health::{Health, Slowed, Wanted};
use super::processes::{self, Process};
use super::sample::{DeviceSample, Instance, Link, Memory, Mig};
use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor, TemperatureThreshold};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::{ProcessInfo, ProcessUtilizationSample};
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, NVML_FI_DEV_REMAPPED_FAILURE, NVML_FI_DEV_REMAPPED_PENDING,
};

/// Microseconds over which the use of a process is looked for.
const LATELY: u64 = 2_000_000;

/// Looks at `gpu`; `now` is in microseconds since 1970, as the driver counts them.
pub(super) fn look(gpu: &Device, now: u64) -> DeviceSample {
    let mig = mig(gpu);
    // Of a GPU that is cut, some drivers say 0 instead of nothing.
    let rates = if mig == Mig::Whole { gpu.utilization_rates().ok() } else { None };
    DeviceSample {
        name: String::new(),
        model: gpu.name().unwrap_or_else(|_| "GPU".into()),
        uuid: gpu.uuid().ok(),
        busy: rates.as_ref().map(|rates| rates.gpu),
        memory_busy: rates.as_ref().map(|rates| rates.memory),
        memory: memory(gpu),
        power: gpu.power_usage().ok().map(watts),
        power_limit: gpu.enforced_power_limit().ok().map(watts),
        temperature: gpu.temperature(TemperatureSensor::Gpu).ok(),
        slowdown: gpu.temperature_threshold(TemperatureThreshold::Slowdown).ok(),
        clock: gpu.clock_info(Clock::SM).ok(),
        highest_clock: gpu.max_clock_info(Clock::SM).ok(),
        fan: gpu.fan_speed(0).ok(),
        link: link(gpu),
        slowed: gpu.current_throttle_reasons().map(slowed).unwrap_or_default(),
        health: health(gpu),
        processes: on(gpu, &mig, now),
        mig,
    }
}

fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1000.0
}

fn memory(gpu: &Device) -> Option<Memory> {
    gpu.memory_info().ok().map(|memory| Memory { used: memory.used, total: memory.total, free: memory.free })
}

fn link(gpu: &Device) -> Option<Link> {
    let (generation, width) = (gpu.current_pcie_link_gen().ok()?, gpu.current_pcie_link_width().ok()?);
    Some(Link { generation, width, widest: gpu.max_pcie_link_width().ok() })
}

fn slowed(reasons: ThrottleReasons) -> Vec<Slowed> {
    let heat = ThrottleReasons::SW_THERMAL_SLOWDOWN | ThrottleReasons::HW_THERMAL_SLOWDOWN;
    let named = [
        (ThrottleReasons::SW_POWER_CAP, Slowed::Power),
        (heat, Slowed::Heat),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, Slowed::Supply),
    ];
    let mut found: Vec<Slowed> =
        named.iter().filter(|(reason, _)| reasons.intersects(*reason)).map(|(_, slowed)| *slowed).collect();
    // The hardware's slowdown is the sum of its reasons; it is one of its own only where none is given.
    let given = found.iter().any(|slowed| *slowed != Slowed::Power);
    if reasons.contains(ThrottleReasons::HW_SLOWDOWN) && !given {
        found.push(Slowed::Hardware);
    }
    found
}

fn health(gpu: &Device) -> Health {
    let errors = |kind| gpu.total_ecc_errors(kind, EccCounter::Volatile).ok();
    let lost = match gpu.memory_info() {
        Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) => Some(error.to_string()),
        _ => None,
    };
    Health {
        lost,
        corrected: errors(MemoryError::Corrected),
        uncorrected: errors(MemoryError::Uncorrected),
        // Before Ampere bad memory was retired by pages, since then it is replaced by rows.
        waits: field(gpu, NVML_FI_DEV_REMAPPED_PENDING) == Some(1) || gpu.are_pages_pending_retired().unwrap_or(false),
        worn: field(gpu, NVML_FI_DEV_REMAPPED_FAILURE) == Some(1),
        wanted: field(gpu, NVML_FI_DEV_GET_GPU_RECOVERY_ACTION).map(Wanted::of).unwrap_or_default(),
    }
}

fn field(gpu: &Device, id: u32) -> Option<u64> {
    let sample = gpu.field_values_for(&[FieldId(id)]).ok()?.pop()?.ok()?;
    match sample.value.ok()? {
        SampleValue::U32(value) => Some(u64::from(value)),
        SampleValue::U64(value) => Some(value),
        SampleValue::I64(value) => u64::try_from(value).ok(),
        SampleValue::F64(_) => None,
    }
}

fn mig(gpu: &Device) -> Mig {
    if gpu.mig_is_mig_device_handle().unwrap_or(false) {
        return Mig::Part;
    }
    if gpu.mig_mode().map_or(0, |mode| mode.current) != 1 {
        return Mig::Whole;
    }
    let instance = |(number, part): (u32, Device)| Instance {
        number,
        // The name is the GPU's, then `MIG`, then the profile.
        profile: part
            .name()
            .ok()
            .and_then(|name| name.split_once("MIG ").map(|(_, p)| p.to_owned()))
            .unwrap_or_default(),
        uuid: part.uuid().ok(),
        memory: memory(&part),
    };
    Mig::Cut(parts(gpu).map(instance).collect())
}

/// The parts of `gpu` that exist: their places can have gaps.
fn parts<'a>(gpu: &'a Device) -> impl Iterator<Item = (u32, Device<'a>)> {
    let places = gpu.mig_device_count().unwrap_or(0);
    (0..places).filter_map(|place| Some((place, gpu.mig_device_by_index(place).ok()?)))
}

/// The processes on a GPU, or on each of its parts.
fn on(gpu: &Device, mig: &Mig, now: u64) -> Option<Vec<Process>> {
    if let Mig::Cut(_) = mig {
        let of = |(number, part): (u32, Device)| listed(&part, Some(number));
        return parts(gpu).map(of).collect::<Option<Vec<_>>>().map(|parts| parts.concat());
    }
    let mut all = listed(gpu, None)?;
    let uses = gpu.process_utilization_stats(now.saturating_sub(LATELY)).unwrap_or_default();
    for process in &mut all {
        process.busy = latest(&uses, process.pid);
    }
    Some(all)
}

fn listed(gpu: &Device, instance: Option<u32>) -> Option<Vec<Process>> {
    let process = |info: ProcessInfo| Process {
        pid: info.pid,
        memory: match info.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        },
        instance,
        ..Process::default()
    };
    let compute = gpu.running_compute_processes().ok()?;
    let graphics = gpu.running_graphics_processes().unwrap_or_default();
    Some(processes::together(compute.into_iter().map(process).collect(), graphics.into_iter().map(process).collect()))
}

/// The latest use of the multiprocessors by a process. Some drivers report rubbish above 100.
fn latest(uses: &[ProcessUtilizationSample], pid: u32) -> Option<u32> {
    let own = uses.iter().filter(|sample| sample.pid == pid && sample.sm_util <= 100);
    own.max_by_key(|sample| sample.timestamp).map(|sample| sample.sm_util)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardware_slows_for_its_reasons_or_for_none_given() {
        use ThrottleReasons as Why;
        assert_eq!(slowed(Why::GPU_IDLE), []);
        assert_eq!(slowed(Why::SW_POWER_CAP), [Slowed::Power]);
        assert_eq!(
            slowed(Why::HW_SLOWDOWN | Why::HW_THERMAL_SLOWDOWN | Why::SW_POWER_CAP),
            [Slowed::Power, Slowed::Heat]
        );
        assert_eq!(slowed(Why::HW_SLOWDOWN | Why::SW_POWER_CAP), [Slowed::Power, Slowed::Hardware]);
    }

    #[test]
    fn the_latest_use_counts_and_rubbish_does_not() {
        let at = |timestamp, pid, sm_util| ProcessUtilizationSample {
            pid,
            timestamp,
            sm_util,
            mem_util: 0,
            enc_util: 0,
            dec_util: 0,
        };
        let uses = [at(2, 7, 90), at(1, 7, 10), at(3, 7, 4_000_000), at(9, 8, 1)];
        assert_eq!((latest(&uses, 7), latest(&uses, 8), latest(&uses, 9)), (Some(90), Some(1), None));
    }
}
