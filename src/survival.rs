//! Will a run outlive the terminal it is started from, and will the disk hold it? [`Facts::gather`] reads the machine,
//! [`advice`] judges what it read.
//!
//! The facts of systemd's logind: where `KillUserProcesses` is on, the end of a login session ends all that was started in
//! it, tmux and `setsid` included, lingering or not; what runs below a user's own manager (`systemd-run --user`, many
//! desktop terminals) ends with the user's last session unless the user lingers (logind.conf(5), loginctl(1)).

mod gather;
mod limit;
mod logind;

pub use limit::outlive_file_limits;

use crate::text::{bytes, duration};
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// Which part of the machine a process belongs to, as far as the init system is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Home {
    /// A login session: a console, an SSH connection.
    Session,
    /// The user's own service manager.
    UserManager,
    /// Neither, or not known: a system service, a container, no systemd.
    #[default]
    Elsewhere,
}

/// What of this machine decides whether a run lives on.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them can be with any other")]
pub struct Facts {
    /// Where processes started from here belong.
    pub home: Home,
    /// logind ends what a user leaves behind at logout.
    pub kills: bool,
    /// The user's manager stays when nobody is logged in.
    pub lingers: bool,
    /// Processes can be put below it: `systemd-run` is there, and so is its bus.
    pub scopes: bool,
    /// Inside tmux or screen.
    pub multiplexer: Option<&'static str>,
    /// Over SSH.
    pub ssh: bool,
    /// The Slurm job around this process.
    pub slurm: Option<Slurm>,
    /// What kind of container is around this process.
    pub container: Option<&'static str>,
    /// Where runs are written.
    pub disk: Disk,
    /// Bytes that the checkpoints of the run will take; none where not known.
    pub checkpoints: Option<u64>,
}

/// A Slurm allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Slurm {
    /// The job's id.
    pub job: String,
    /// Seconds until it ends, where Slurm says so.
    pub seconds_left: Option<f64>,
}

/// The file system of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    /// Bytes that may still be written.
    pub free: Option<u64>,
    /// What kind it is, where that matters.
    pub kind: Kind,
}

/// Kinds of file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A disk of this machine, or not known.
    #[default]
    Local,
    /// Another machine's, by this protocol.
    Network(&'static str),
    /// Memory: gone after a restart.
    Memory,
}

/// How much a piece of advice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The run is likely to be lost unless something is done.
    Warning,
    /// Good to know.
    Note,
}

/// What a user should know before a long run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// How much it matters.
    pub level: Level,
    /// One sentence: what is the case, and what to do.
    pub text: String,
}

impl Advice {
    fn warning(text: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into() }
    }

    fn note(text: impl Into<String>) -> Self {
        Self { level: Level::Note, text: text.into() }
    }
}

/// The command that starts `program` where it outlives this login: below the user's manager where the end of the login
/// would end it and that stays, else as it is.
pub fn lasting(program: &Path, facts: &Facts) -> Command {
    if !facts.needs_scope() {
        return Command::new(program);
    }
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--scope", "--quiet", "--collect", "--"]).arg(program);
    command
}

impl Facts {
    /// Whether a scope of the user's manager keeps what the login's end would end.
    fn needs_scope(&self) -> bool {
        self.slurm.is_none() && self.home == Home::Session && self.kills && self.lingers && self.scopes
    }
}

/// What to know before a run is started where `facts` hold: warnings first.
pub fn advice(facts: &Facts) -> Vec<Advice> {
    let mut all: Vec<Advice> = [scheduler(facts), logout(facts), container(facts)].into_iter().flatten().collect();
    all.extend(disk(facts));
    all.sort_by_key(|advice| advice.level);
    all
}

/// Whether any of it is a warning.
pub fn warnings(facts: &Facts) -> impl Iterator<Item = String> {
    advice(facts).into_iter().filter(|advice| advice.level == Level::Warning).map(|advice| advice.text)
}

fn scheduler(facts: &Facts) -> Option<Advice> {
    let Slurm { job, seconds_left } = facts.slurm.as_ref()?;
    let left = seconds_left.map(|seconds| format!(", in {}", duration(seconds))).unwrap_or_default();
    Some(Advice::warning(format!(
        "this is inside the Slurm job {job}: the run ends with it{left}; resumed later, it goes on from its newest checkpoint"
    )))
}

/// Slurm ends its jobs by itself, so that logind has no say there.
fn logout(facts: &Facts) -> Option<Advice> {
    if facts.slurm.is_some() {
        return None;
    }
    let too = facts.multiplexer.map(|name| format!(", {name} included")).unwrap_or_default();
    match facts.home {
        Home::Session if facts.needs_scope() => Some(Advice::note(format!(
            "this machine ends your processes at logout{too} (KillUserProcesses=yes); runs are started in a scope of your \
             user manager, which stays"
        ))),
        Home::Session if facts.kills && facts.scopes => Some(Advice::warning(format!(
            "this machine ends your processes at logout{too} (KillUserProcesses=yes): run `loginctl enable-linger` once; runs \
             are then started in a scope of your user manager, which stays"
        ))),
        Home::Session if facts.kills => {
            let first = if facts.lingers { "" } else { "run `loginctl enable-linger` once, then " };
            Some(Advice::warning(format!(
                "this machine ends your processes at logout{too} (KillUserProcesses=yes): {first}start mocolab by \
                 `systemd-run --user --scope mocolab`"
            )))
        }
        Home::UserManager if !facts.lingers => Some(Advice::warning(format!(
            "this terminal runs below your user manager, which ends at your last logout{too}: run `loginctl \
             enable-linger` once"
        ))),
        Home::Session | Home::UserManager => {
            let what = if facts.ssh { "when the connection closes" } else { "when you log out" };
            Some(Advice::note(format!("the run goes on {what}; a restart of the machine ends it")))
        }
        Home::Elsewhere => None,
    }
}

fn container(facts: &Facts) -> Option<Advice> {
    let kind = facts.container.filter(|_| facts.slurm.is_none())?;
    Some(Advice::note(format!("this is inside a container ({kind}): the run ends when the container stops")))
}

fn disk(facts: &Facts) -> Vec<Advice> {
    let mut all = Vec::new();
    let Disk { free, kind } = facts.disk;
    match (free, facts.checkpoints) {
        (Some(free), Some(needed)) if free < needed => all.push(Advice::warning(format!(
            "the disk of the runs has {} free, and the checkpoints take about {}: make room, or the run stops",
            bytes(free),
            bytes(needed)
        ))),
        (Some(0), None) => all.push(Advice::warning("the disk of the runs is full: make room, or the run stops")),
        _ => {}
    }
    match kind {
        Kind::Memory => all.push(Advice::warning(
            "the runs lie in memory (tmpfs): a restart loses them; start from a folder on a disk to keep them",
        )),
        Kind::Network(name) => all.push(Advice::note(format!(
            "the runs lie on another machine's disk ({name}): where it can't be reached, the run waits or stops"
        ))),
        Kind::Local => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workstation: systemd that kills nothing, a login session, room on the disk.
    fn calm() -> Facts {
        let disk = Disk { free: Some(100 << 30), kind: Kind::Local };
        Facts { home: Home::Session, disk, checkpoints: Some(1 << 30), ..Facts::default() }
    }

    /// Facts, what is warned of, what is noted.
    type Row = (&'static str, Facts, &'static [&'static str], &'static [&'static str]);

    /// Ways to be logged in.
    fn logins() -> Vec<Row> {
        vec![
            ("calm", calm(), &[], &["goes on when you log out"]),
            ("ssh", Facts { ssh: true, ..calm() }, &[], &["when the connection closes"]),
            (
                "kills",
                Facts { kills: true, ..calm() },
                &["KillUserProcesses=yes): run `loginctl enable-linger` once, then"],
                &[],
            ),
            (
                "kills in tmux",
                Facts { kills: true, multiplexer: Some("tmux"), ..calm() },
                &["at logout, tmux included (KillUserProcesses"],
                &[],
            ),
            (
                "kills, and a scope would help",
                Facts { kills: true, scopes: true, ..calm() },
                &["run `loginctl enable-linger` once; runs are then started in a scope"],
                &[],
            ),
            (
                "kills, and a scope helps",
                Facts { kills: true, lingers: true, scopes: true, ..calm() },
                &[],
                &["runs are started in a scope of your user manager, which stays"],
            ),
            (
                "lingering alone does not help",
                Facts { kills: true, lingers: true, ..calm() },
                &["yes): start mocolab by `systemd-run"],
                &[],
            ),
            ("a manager that ends", Facts { home: Home::UserManager, ..calm() }, &["enable-linger` once"], &[]),
            (
                "a manager that ends, whatever is killed",
                Facts { home: Home::UserManager, kills: true, ..calm() },
                &["last logout"],
                &[],
            ),
            (
                "a manager that stays",
                Facts { home: Home::UserManager, lingers: true, kills: true, ..calm() },
                &[],
                &["goes on"],
            ),
            ("a service", Facts { home: Home::Elsewhere, kills: true, ..calm() }, &[], &[]),
        ]
    }

    /// What may be around a process, and below it.
    fn surroundings() -> Vec<Row> {
        let slurm = |seconds_left| Some(Slurm { job: "4711".into(), seconds_left });
        let disk = |free, kind| Disk { free: Some(free), kind };
        vec![
            (
                "slurm",
                Facts { slurm: slurm(None), kills: true, ..calm() },
                &["Slurm job 4711: the run ends with it;"],
                &[],
            ),
            ("slurm with an end", Facts { slurm: slurm(Some(7200.0)), ..calm() }, &["with it, in 2:00:00;"], &[]),
            (
                "a container",
                Facts { home: Home::Elsewhere, container: Some("docker"), ..calm() },
                &[],
                &["inside a container (docker)"],
            ),
            (
                "little room",
                Facts { disk: disk(512 << 20, Kind::Local), ..calm() },
                &["512.0 MiB free, and the checkpoints take about 1.0 GiB"],
                &["goes on"],
            ),
            ("full", Facts { disk: disk(0, Kind::Local), checkpoints: None, ..calm() }, &["is full"], &["goes on"]),
            ("nothing known of the disk", Facts { disk: Disk::default(), ..calm() }, &[], &["goes on"]),
            ("in memory", Facts { disk: disk(1 << 40, Kind::Memory), ..calm() }, &["tmpfs"], &["goes on"]),
            (
                "nfs",
                Facts { disk: disk(1 << 40, Kind::Network("nfs")), ..calm() },
                &[],
                &["goes on", "another machine's disk (nfs)"],
            ),
        ]
    }

    #[test]
    fn a_scope_is_made_only_where_it_helps() {
        let words = |facts: &Facts| {
            let command = lasting(Path::new("/bin/mocolab"), facts);
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let killed = Facts { kills: true, lingers: true, scopes: true, ..calm() };
        assert_eq!(words(&killed), "systemd-run --user --scope --quiet --collect -- /bin/mocolab");
        let slurm = Some(Slurm { job: "1".into(), seconds_left: None });
        for facts in [
            calm(),
            Facts { lingers: false, ..killed.clone() },
            Facts { scopes: false, ..killed.clone() },
            Facts { slurm, ..killed.clone() },
            Facts { home: Home::UserManager, ..killed },
        ] {
            assert_eq!(words(&facts), "/bin/mocolab");
        }
    }

    #[test]
    fn every_state_of_a_machine_gets_its_advice_and_no_other() {
        for (name, facts, warned, noted) in [logins(), surroundings()].concat() {
            let given = advice(&facts);
            let of = |level| {
                given.iter().filter(|advice| advice.level == level).map(|advice| advice.text.as_str()).collect()
            };
            for (level, expected) in [(Level::Warning, warned), (Level::Note, noted)] {
                let texts: Vec<&str> = of(level);
                assert_eq!(texts.len(), expected.len(), "{name}: {given:?}");
                for (text, part) in texts.iter().zip(expected) {
                    assert!(text.contains(part), "{name}: {text}");
                }
            }
            assert!(given.is_sorted_by_key(|advice| advice.level), "{name}: warnings come first");
            assert_eq!(warnings(&facts).count(), warned.len());
        }
    }
}
