//! The machine beside its GPUs: processor, memory, the disk of the runs, and what a container leaves of them.
//! Reading is here; what the texts of `/proc` mean is in pure functions.

use super::limits::{self, Limits};
use super::sample::Memory;
use rustix::fs::{statfs, statvfs};
use serde::Serialize;
use std::fs::read_to_string;
use std::path::Path;

/// The machine at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Host {
    /// The processor and how many threads may be used.
    pub model: String,
    /// How busy all of it is, 0 to 1, since the sample before; none at the first.
    pub busy: Option<f64>,
    /// How busy each core is, 0 to 1.
    pub cores: Vec<f64>,
    /// Mean length of the queue of what could run, over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Memory; what can be had at once counts as free.
    pub memory: Option<Memory>,
    /// Swap; none where there is none.
    pub swap: Option<Memory>,
    /// Where the runs lie.
    pub disk: Option<Disk>,
    /// What a container or a slice allows, where that is less than the machine has.
    pub limits: Limits,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Bytes that this user may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Its kind, `ext4`; none where it is not known here.
    pub system: Option<&'static str>,
    /// Where it is.
    pub place: Place,
}

/// Where a file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In this machine.
    Local,
    /// In another: it can stall.
    Network,
    /// In memory: it is gone after a restart.
    Memory,
    /// Not known: a program in user space, or a kind that is not listed here.
    Unknown,
}

/// Ticks of one processor since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    busy: u64,
    total: u64,
}

impl Host {
    /// Looks, and compares with the ticks `before`, which become those of now.
    pub(super) fn look(model: &str, runs: &Path, before: &mut Vec<Ticks>) -> Self {
        let ticks = now();
        let (busy, cores) = use_between(before, &ticks);
        *before = ticks;
        let info = read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory_of(&info, "MemTotal", "MemAvailable");
        Self {
            model: model.to_owned(),
            busy,
            cores,
            load: read_to_string("/proc/loadavg").ok().and_then(|text| load(&text)),
            memory,
            swap: memory_of(&info, "SwapTotal", "SwapFree"),
            disk: disk(runs),
            limits: limits::look().below(memory.map(|memory| memory.total), before.len().saturating_sub(1)),
        }
    }
}

/// The ticks of all processors together, then of each.
pub(super) fn now() -> Vec<Ticks> {
    ticks(&read_to_string("/proc/stat").unwrap_or_default())
}

fn ticks(stat: &str) -> Vec<Ticks> {
    let of = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user and nice already.
        let counts: Vec<u64> = words.by_ref().take(8).map_while(|word| word.parse().ok()).collect();
        let total = counts.iter().sum();
        let idle: u64 = counts.iter().skip(3).take(2).sum();
        Ticks { busy: total - idle, total }
    };
    stat.lines().take_while(|line| line.starts_with("cpu")).map(of).collect()
}

/// The share of the time between two readings in which all, and each, were busy.
fn use_between(before: &[Ticks], after: &[Ticks]) -> (Option<f64>, Vec<f64>) {
    if before.len() != after.len() {
        // A core came or went: its neighbours' ticks would be taken for its own.
        return (None, Vec::new());
    }
    let share = |(before, after): (&Ticks, &Ticks)| {
        let total = after.total.saturating_sub(before.total);
        let busy = after.busy.saturating_sub(before.busy).min(total);
        (total > 0).then(|| busy as f64 / total as f64)
    };
    let mut shares = before.iter().zip(after).map(share);
    let all = shares.next().flatten();
    (all, if all.is_some() { shares.map(|core| core.unwrap_or(0.0)).collect() } else { Vec::new() })
}

fn load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_whitespace().map_while(|word| word.parse().ok());
    Some([words.next()?, words.next()?, words.next()?])
}

/// Memory of which `/proc/meminfo` says `total` and `free`.
pub(super) fn memory_of(info: &str, total: &str, free: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
    };
    let (total, free) = (field(total)?, field(free)?);
    (total > 0).then_some(Memory { used: total.saturating_sub(free), total, free })
}

/// The file system on which `folder` lies, or will lie once it is made.
fn disk(folder: &Path) -> Option<Disk> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let space = statvfs(there).ok()?;
    let (system, place) = statfs(there).map_or((None, Place::Unknown), |stat| kind(stat.f_type as u64 & 0xffff_ffff));
    Some(Disk { free: space.f_bavail * space.f_frsize, total: space.f_blocks * space.f_frsize, system, place })
}

/// The kind of a file system by its magic number (statfs(2), linux/magic.h).
fn kind(magic: u64) -> (Option<&'static str>, Place) {
    let (name, place) = match magic {
        0xef53 => ("ext4", Place::Local),
        0x5846_5342 => ("xfs", Place::Local),
        0x9123_683e => ("btrfs", Place::Local),
        0x2fc1_2fc1 => ("zfs", Place::Local),
        0xf2f5_2010 => ("f2fs", Place::Local),
        0xca45_1a4e => ("bcachefs", Place::Local),
        0x794c_7630 => ("overlay", Place::Local),
        0x0102_1994 => ("tmpfs", Place::Memory),
        0x8584_58f6 => ("ramfs", Place::Memory),
        0x6969 => ("nfs", Place::Network),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => ("smb", Place::Network),
        0x0bd0_0bd0 => ("lustre", Place::Network),
        0x4750_4653 => ("gpfs", Place::Network),
        0x00c3_6400 => ("ceph", Place::Network),
        0x1983_0326 => ("beegfs", Place::Network),
        0xaad7_aaea => ("panfs", Place::Network),
        0x2003_0528 => ("orangefs", Place::Network),
        0x5346_414f | 0x6b41_4653 => ("afs", Place::Network),
        0x0116_1970 => ("gfs2", Place::Network),
        0x7461_636f => ("ocfs2", Place::Network),
        0x0102_1997 => ("9p", Place::Unknown),
        0x6573_5546 => ("fuse", Place::Unknown),
        _ => return (None, Place::Unknown),
    };
    (Some(name), place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 300 100 0 0 0\nintr 1";
    const AFTER: &str =
        "cpu  180 0 120 800 100 0 0 0 90 0\ncpu0 130 0 70 400 0 0 0 0 0 0\ncpu1 50 0 50 400 100 0 0 0\nintr 2";

    #[test]
    fn use_is_what_lies_between_two_readings() {
        let (before, after) = (ticks(BEFORE), ticks(AFTER));
        assert_eq!(use_between(&before, &after), (Some(0.5), vec![1.0, 0.0]));
        assert_eq!(use_between(&after, &after), (None, vec![]), "no time has passed");
        assert_eq!(use_between(&before[..2], &after), (None, vec![]), "a core came");
        assert_eq!(use_between(&after, &before), (None, vec![]), "ticks that went back");
        assert_eq!(ticks("nothing"), []);
    }

    #[test]
    fn what_proc_says_of_memory_and_load() {
        let info = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        assert_eq!(
            memory_of(info, "MemTotal", "MemAvailable"),
            Some(Memory { used: 600 << 10, total: 1000 << 10, free: 400 << 10 })
        );
        assert_eq!(memory_of(info, "SwapTotal", "SwapFree"), None);
        assert_eq!(load("2.11 2.01 1.79 3/103 19614"), Some([2.11, 2.01, 1.79]));
        assert_eq!(load("2.11"), None);
    }

    #[test]
    fn a_disk_is_found_though_its_folder_is_not_there_yet() {
        let disk = disk(&std::env::temp_dir().join("not/there/yet")).unwrap();
        assert!(disk.total >= disk.free && disk.total > 0);
        assert_eq!(kind(0x6969), (Some("nfs"), Place::Network));
        assert_eq!(kind(0xff53_4d42), (Some("smb"), Place::Network));
        assert_eq!(kind(1), (None, Place::Unknown));
    }
}
