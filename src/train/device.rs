//! The device that a run trains on, and the number format that it multiplies fastest.

use super::parameters::Format;
use anyhow::{Context, Result, ensure};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use mocolab::experiment::Precision;
use std::{fs, path::PathBuf};
use tch::{Cuda, Device, Tensor, kind::Element};

/// Opens `cpu`, or a GPU as `cuda`, `cuda:1` or `1`.
///
/// The trainer links no CUDA, so that one build runs everywhere: CUDA's part of libtorch is loaded from beside the part
/// that is in use, before libtorch is asked whether there is any.
///
/// # Errors
/// Where the text names no device, or CUDA is asked for and isn't to be had: says what was looked for.
pub fn open(text: &str) -> Result<Device> {
    let index = match text.strip_prefix("cuda").map_or(text, |rest| rest.trim_start_matches(':')) {
        _ if text == "cpu" => return Ok(Device::Cpu),
        "" => 0,
        number => number
            .parse::<usize>()
            .ok()
            .with_context(|| format!("`{text}` is not a device: `cpu`, or a GPU as `cuda:0` or `0`"))?,
    };
    let library = load_cuda().with_context(|| format!("CUDA was asked for by `{text}`"))?;
    let found = format!("loaded `{}`", library.display());
    ensure!(Cuda::is_available(), "`{text}`: {found}, but it finds no GPU: is a driver installed (`nvidia-smi`)?");
    let count = Cuda::device_count();
    ensure!((index as i64) < count, "`{text}`: there are {count} GPUs, numbered from 0");
    Ok(Device::Cuda(index))
}

/// A vector of `values` on `device`, which is not waited for: what it has been asked for before is done before.
///
/// A plain copy from memory that the driver has not locked waits until the device has nothing left to do, and the next
/// operations are asked for only then. At most 64 KiB the driver puts aside at once: longer lists go in pieces.
pub fn upload<T: Element>(values: &[T], device: Device) -> Tensor {
    if device == Device::Cpu {
        return Tensor::from_slice(values);
    }
    let there = |values| Tensor::from_slice(values).to_device_(device, T::KIND, true, false);
    if size_of_val(values) <= ASIDE {
        return there(values);
    }
    Tensor::cat(&values.chunks(ASIDE / size_of::<T>()).map(there).collect::<Vec<_>>(), 0)
}

/// Bytes that CUDA takes from anywhere without waiting for the device (CUDA C++ Programming Guide, "Concurrent execution
/// between host and device").
const ASIDE: usize = 64 << 10;

/// The number format for `precision` on `device`.
///
/// On a CPU that gains by it (see [`bf16_gains`]) bf16 with channels-last weights was the fastest for every network tried:
/// 1.5 times as fast as fp32 for ResNet-8, 1.7 for ResNet-20, 2 for ResNet-18. Without instructions for it, it is emulated.
pub fn format(precision: Precision, device: Device) -> Format {
    match precision {
        Precision::Bf16 => Format::Bf16,
        Precision::Auto if gains(device) => Format::Bf16,
        Precision::Fp32 | Precision::Auto => Format::Fp32,
    }
}

/// GPUs multiply bf16 faster from compute capability 8.0 (Ampere) on; the one in use is the only one that is seen.
fn gains(device: Device) -> bool {
    if !device.is_cuda() {
        return cpu_multiplies_bf16();
    }
    let found = mocolab::device::Devices::find().devices;
    found.iter().find_map(|device| device.compute).is_none_or(|(major, _)| major >= 8)
}

/// Whether this machine's CPU multiplies bf16 faster than fp32.
fn cpu_multiplies_bf16() -> bool {
    cfg!(target_arch = "x86_64") && fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| bf16_gains(&text))
}

/// Whether the CPU that Linux describes so multiplies bf16 faster than fp32: where it has matrix tiles for it, or the vector
/// instructions and isn't Intel's. Intel's vector instructions for bf16 do two multiplications where those for fp32 do as
/// many in less time: on a Xeon of 2023 whose tiles were hidden from a virtual machine, a step of ResNet-18 took 1.78 s in fp32
/// and 2.45 s in bf16, of ResNet-20 0.154 and 0.224 s. On an EPYC (Zen 4) bf16 is 2 and 1.7 times as fast.
fn bf16_gains(description: &str) -> bool {
    let field = |name: &str| {
        let line = description.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| value)
    };
    let flag = |name: &str| field("flags").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == name));
    let intel = field("vendor_id").is_some_and(|vendor| vendor.trim() == "GenuineIntel");
    flag("amx_bf16") || (flag("avx512_bf16") && !intel)
}

/// The folder of the libtorch that is loaded; none where none is, which can't be asked for by anything that trains.
pub fn libraries() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let mut mapped = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    let library = mapped.find(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"))?;
    library.parent().map(PathBuf::from)
}

const HINT: &str = "the libtorch in use is one for CPUs. Set up the one with CUDA (`make setup` on a machine with an \
                    NVIDIA driver) or point LIBTORCH at it";

fn load_cuda() -> Result<PathBuf> {
    let folder =
        libraries().context("no file `libtorch_cpu.so` is mapped: there is no place to look for CUDA's part")?;
    let path = folder.join("libtorch_cuda.so");
    ensure!(path.exists(), "there is no `{}`: {HINT}", path.display());
    #[expect(
        unsafe_code,
        reason = "loading a library runs its initialisers: those of libtorch, which is loaded already"
    )]
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) };
    let library = library.with_context(|| format!("loading `{}`: {HINT}", path.display()))?;
    // libtorch keeps pointers into it until the process ends.
    std::mem::forget(library);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_and_what_is_missing_is_said() {
        assert_eq!(open("cpu").unwrap(), Device::Cpu);
        for bad in ["gpu", "cuda:x", "-1", "cuda:0:0"] {
            let message = format!("{:#}", open(bad).unwrap_err());
            assert!(message.contains("is not a device"), "{message}");
        }
        if let Err(error) = open("cuda:0") {
            let message = format!("{error:#}");
            assert!(message.contains("`make setup`") || message.contains("finds no GPU"), "{message}");
        }
    }

    #[test]
    fn bf16_is_chosen_where_it_is_faster() {
        let cpu = |vendor: &str, flags: &str| {
            format!(
                "processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: x\nflags\t\t: fpu {flags} sse\n\nprocessor\t: 1\n"
            )
        };
        for (vendor, flags, gains) in [
            ("AuthenticAMD", "avx512f avx512_bf16", true),
            ("AuthenticAMD", "avx512f", false),
            ("GenuineIntel", "avx512f avx512_bf16", false),
            ("GenuineIntel", "avx512_bf16 amx_bf16 amx_tile", true),
            ("GenuineIntel", "avx2 avx512_bf16x", false),
        ] {
            assert_eq!(bf16_gains(&cpu(vendor, flags)), gains, "{vendor} {flags}");
        }
        assert!(!bf16_gains(""));
    }

    #[test]
    fn a_format_asked_for_is_given() {
        assert_eq!(format(Precision::Fp32, Device::Cuda(0)), Format::Fp32);
        assert_eq!(format(Precision::Bf16, Device::Cpu), Format::Bf16);
        assert_eq!(format(Precision::Auto, Device::Cuda(0)), Format::Bf16);
    }
}
