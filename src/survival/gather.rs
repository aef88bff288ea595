//! Reads the facts: files, the environment, the file system of the runs. No program is started and nothing is waited for.

use super::logind::{Logind, home};
use super::{Disk, Facts, Home, Kind, Slurm};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where logind's files lie, the strongest first.
const FOLDERS: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

impl Facts {
    /// Of this machine, for runs under `folder`, which need not exist. What can't be read counts as harmless.
    pub fn gather(folder: &Path) -> Self {
        Self { disk: disk(folder), ..Self::below(Path::new("/"), |name| std::env::var_os(name)) }
    }

    /// As [`Facts::gather`], of a machine whose files lie below `root`, but the disk.
    fn below(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let text = |name: &str| variable(name).and_then(|text| text.into_string().ok()).filter(|text| !text.is_empty());
        let user = user(&read("etc/passwd"), rustix::process::getuid().as_raw());
        let user = user.or_else(|| text("USER")).unwrap_or_default();
        let multiplexer = [("TMUX", "tmux"), ("STY", "screen"), ("ZELLIJ", "zellij")];
        Self {
            // As sd_booted(3) asks: without systemd, names of control groups mean nothing.
            home: if root.join("run/systemd/system").is_dir() {
                home(&read("proc/self/cgroup"))
            } else {
                Home::Elsewhere
            },
            kills: Logind::read(&configuration(root)).kills(&user),
            lingers: !user.is_empty()
                && !user.contains('/')
                && root.join("var/lib/systemd/linger").join(&user).exists(),
            scopes: text("XDG_RUNTIME_DIR").is_some_and(|folder| below(root, &folder).join("bus").exists())
                && text("PATH").is_some_and(|path| {
                    std::env::split_paths(&path)
                        .any(|folder| below(root, &folder.display().to_string()).join("systemd-run").is_file())
                }),
            multiplexer: multiplexer.into_iter().find(|(name, _)| text(name).is_some()).map(|(_, name)| name),
            ssh: text("SSH_CONNECTION").is_some(),
            slurm: text("SLURM_JOB_ID").map(|job| Slurm {
                job: crate::text::sanitize(&job),
                seconds_left: text("SLURM_JOB_END_TIME").and_then(|end| Some(end.parse::<f64>().ok()? - now())),
            }),
            container: container(root, &read("proc/self/cgroup"), text("container").as_deref()),
            disk: Disk::default(),
            checkpoints: None,
        }
    }
}

/// A folder as the machine below `root` calls it.
fn below(root: &Path, folder: &str) -> PathBuf {
    root.join(folder.trim_start_matches('/'))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The texts of the main file and of the drop-ins, in the order in which they count: by the drop-ins' names, whatever
/// folder they lie in; of two of the same name the stronger folder's.
fn configuration(root: &Path) -> Vec<String> {
    let folders = || FOLDERS.iter().map(|folder| root.join(folder));
    let main = folders().map(|folder| folder.join("logind.conf")).find(|path| path.exists());
    let mut parts: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in folders() {
        for entry in fs::read_dir(folder.join("logind.conf.d")).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "conf") {
                parts.entry(entry.file_name()).or_insert(entry.path());
            }
        }
    }
    main.into_iter().chain(parts.into_values()).filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// The name of the user `id`. Users of a network directory stand in no file.
fn user(accounts: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

fn container(root: &Path, groups: &str, variable: Option<&str>) -> Option<&'static str> {
    const KNOWN: [&str; 5] = ["docker", "podman", "lxc", "systemd-nspawn", "apptainer"];
    if root.join(".dockerenv").exists() {
        return Some("docker");
    }
    if root.join("run/.containerenv").exists() {
        return Some("podman");
    }
    if root.join(".singularity.d").exists() {
        return Some("apptainer");
    }
    if groups.contains("kubepods") {
        return Some("kubernetes");
    }
    variable.map(|kind| KNOWN.into_iter().find(|known| *known == kind).unwrap_or("of some kind"))
}

/// The file system of `folder`, or of the nearest folder above it that exists.
fn disk(folder: &Path) -> Disk {
    let folder = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let free = rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let kind = rustix::fs::statfs(folder).map_or(Kind::Local, |disk| kind(i128::from(disk.f_type) as u32));
    Disk { free, kind }
}

/// By the numbers of statfs(2).
fn kind(number: u32) -> Kind {
    match number {
        0x0102_1994 | 0x8584_58f6 => Kind::Memory,
        0x6969 => Kind::Network("nfs"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Kind::Network("smb"),
        0x0bd0_0bd0 => Kind::Network("lustre"),
        0x4750_4653 => Kind::Network("gpfs"),
        0x1983_0326 => Kind::Network("beegfs"),
        0x00c3_6400 => Kind::Network("ceph"),
        0x5346_414f | 0x6b41_4653 => Kind::Network("afs"),
        0x0102_1997 => Kind::Network("9p"),
        _ => Kind::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine in a folder: its files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn passwd() -> String {
        format!(
            "root:x:4294967294:0::/root:/bin/sh\nann:x:{}:100:Ann:/home/ann:/bin/sh\n",
            rustix::process::getuid().as_raw()
        )
    }

    #[test]
    fn a_server_that_kills_is_seen_through_its_drop_in() {
        let accounts = passwd();
        let root = machine(&[
            ("run/systemd/system/x", ""),
            ("etc/passwd", &accounts),
            ("usr/lib/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\n"),
            ("etc/systemd/logind.conf.d/50-site.conf", "[Login]\nKillUserProcesses=yes\n"),
            ("usr/lib/systemd/logind.conf.d/50-site.conf", "[Login]\nKillUserProcesses=no\n"),
            ("etc/systemd/logind.conf.d/README", "KillUserProcesses=no\n"),
            ("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n"),
        ]);
        let variables = |name: &str| match name {
            "TMUX" => Some("/tmp/tmux-1000/default,1,0".into()),
            "SSH_CONNECTION" => Some("a 1 b 2".into()),
            "STY" | "SLURM_JOB_ID" => Some("".into()),
            _ => None,
        };
        let facts = Facts::below(root.path(), variables);
        let expected =
            Facts { home: Home::Session, kills: true, multiplexer: Some("tmux"), ssh: true, ..Facts::default() };
        assert_eq!(facts, expected);
        fs::create_dir_all(root.path().join("var/lib/systemd/linger")).unwrap();
        fs::write(root.path().join("var/lib/systemd/linger/ann"), "").unwrap();
        assert!(Facts::below(root.path(), variables).lingers);
        let bus = |name: &str| match name {
            "XDG_RUNTIME_DIR" => Some("/run/user/1000".into()),
            "PATH" => Some("/bin:/usr/bin".into()),
            name => variables(name),
        };
        assert!(!Facts::below(root.path(), bus).scopes);
        for (folder, file) in [("run/user/1000", "bus"), ("usr/bin", "systemd-run")] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join(file), "").unwrap();
        }
        assert!(Facts::below(root.path(), bus).scopes);
    }

    #[test]
    fn an_empty_machine_is_harmless_and_an_allocation_has_an_end() {
        let root = machine(&[]);
        assert_eq!(Facts::below(root.path(), |_| None), Facts::default());
        let variables = |name: &str| match name {
            "SLURM_JOB_ID" => Some("12".into()),
            "SLURM_JOB_END_TIME" => Some(format!("{}", now() as u64 + 3600).into()),
            _ => None,
        };
        let slurm = Facts::below(root.path(), variables).slurm.unwrap();
        assert_eq!(slurm.job, "12");
        assert!((3590.0..3610.0).contains(&slurm.seconds_left.unwrap()), "{slurm:?}");
        let root = machine(&[(".dockerenv", "")]);
        assert_eq!(Facts::below(root.path(), |_| None).container, Some("docker"));
    }

    #[test]
    fn this_machine_can_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts::gather(&folder.path().join("runs/not/made/yet"));
        assert!(facts.disk.free.is_some(), "{facts:?}");
        assert_eq!(kind(0x6969), Kind::Network("nfs"));
        assert_eq!(kind(0xef53), Kind::Local);
    }
}
