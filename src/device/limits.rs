//! What a control group (version 2) leaves of a machine: a container, a slice of systemd, a job of Slurm.

use super::sample::Memory;
use serde::Serialize;

/// Where the groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Limits of this process; none where nothing limits it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Limits {
    /// Memory: what its group uses, without what the kernel would give back at once, and what it may use.
    pub memory: Option<Memory>,
    /// Processors whose time it may use.
    pub cpus: Option<f64>,
}

impl Limits {
    /// Those that are below what the machine has.
    pub(super) fn below(self, memory: Option<u64>, cpus: usize) -> Self {
        Self {
            memory: self.memory.filter(|limit| memory.is_none_or(|machine| limit.total < machine)),
            cpus: self.cpus.filter(|limit| cpus == 0 || *limit < cpus as f64),
        }
    }
}

/// Reads them.
pub(super) fn look() -> Limits {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    limits(&read("/proc/self/cgroup").unwrap_or_default(), |file| read(&format!("{ROOT}{file}")))
}

/// The narrowest limits of the group named in `own` (`/proc/self/cgroup`) and of those around it; `read` reads a file of
/// the mounted groups.
fn limits(own: &str, read: impl Fn(&str) -> Option<String>) -> Limits {
    let group = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    // Seen from a namespace inside, a group can lie outside of what is mounted; then only the mounted root is known.
    let mut group = if group.contains("..") { "" } else { group.trim_end_matches('/') };
    let mut found = Limits::default();
    loop {
        let memory = memory(|name| read(&format!("{group}/{name}")));
        if let Some(memory) = memory.filter(|here| found.memory.is_none_or(|best| here.total < best.total)) {
            found.memory = Some(memory);
        }
        let cpus = read(&format!("{group}/cpu.max")).and_then(|text| cpus(&text));
        found.cpus = found.cpus.into_iter().chain(cpus).reduce(f64::min);
        match group.rfind('/') {
            Some(at) => group = &group[..at],
            None => return found,
        }
    }
}

fn memory(read: impl Fn(&str) -> Option<String>) -> Option<Memory> {
    let total: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let stat = read("memory.stat").unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok()).unwrap_or(0);
    let used = used.saturating_sub(cached);
    Some(Memory { used, total, free: total.saturating_sub(used) })
}

/// `max 100000` is no limit; `150000 100000` is a processor and a half.
fn cpus(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let (quota, period): (f64, f64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of groups as files and their texts.
    fn within(own: &str, files: &[(&str, &str)]) -> Limits {
        limits(own, |file| files.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn the_narrowest_of_all_groups_around_counts() {
        let files = [
            ("/memory.max", "max\n"),
            ("/job/memory.max", "1000\n"),
            ("/job/memory.current", "700\n"),
            ("/job/memory.stat", "anon 5\ninactive_file 200\n"),
            ("/job/step/memory.max", "4000\n"),
            ("/job/cpu.max", "max 100000\n"),
            ("/job/step/cpu.max", "150000 100000\n"),
        ];
        let limits = within("9:name=systemd:/x\n0::/job/step\n", &files);
        assert_eq!(limits, Limits { memory: Some(Memory { used: 500, total: 1000, free: 500 }), cpus: Some(1.5) });
        assert_eq!(limits.below(Some(2000), 2), limits);
        assert_eq!(limits.below(Some(1000), 1), Limits::default(), "no less than the machine has");
        assert_eq!(within("0::/other\n", &files), Limits::default());
    }

    #[test]
    fn a_container_sees_its_group_as_the_root() {
        let files = [("/memory.max", "1000"), ("/cpu.max", "400000 100000")];
        for own in ["0::/\n", "0::/../../outside\n", "", "8:pids:/\n"] {
            assert_eq!(
                (within(own, &files).memory.unwrap().total, within(own, &files).cpus),
                (1000, Some(4.0)),
                "{own}"
            );
        }
        assert_eq!(within("0::/", &[("/cpu.max", "words"), ("/memory.max", "")]), Limits::default());
    }
}
