//! Who is on a GPU: processes by number, their owner and their command. Another user's may be hidden; then that is none.

use crate::text::sanitize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{read, read_to_string};

/// Characters of a command that are kept.
const LONGEST_COMMAND: usize = 160;

/// A process on a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Process {
    /// Its number, as this machine or this container counts.
    pub pid: u32,
    /// What it does there.
    pub kind: Kind,
    /// Bytes of the GPU's memory that it holds.
    pub memory: Option<u64>,
    /// How much of the GPU's time it takes, in percent.
    pub busy: Option<u32>,
    /// Its owner's name, or number where that has no name here.
    pub user: Option<String>,
    /// Its command, short and safe to print.
    pub command: Option<String>,
    /// The MIG instance that it is on.
    pub instance: Option<u32>,
}

/// What a process does on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It computes.
    #[default]
    Compute,
    /// It draws.
    Graphics,
    /// It does both.
    Both,
}

impl Kind {
    /// `C`, `G`, `C+G`.
    pub fn letters(self) -> &'static str {
        match self {
            Self::Compute => "C",
            Self::Graphics => "G",
            Self::Both => "C+G",
        }
    }
}

/// Puts those that compute and those that draw together, the largest first; one that does both stands once.
pub(super) fn together(compute: Vec<Process>, graphics: Vec<Process>) -> Vec<Process> {
    let mut all: Vec<Process> = compute;
    for drawing in graphics {
        match all.iter_mut().find(|process| process.pid == drawing.pid && process.instance == drawing.instance) {
            Some(both) if both.kind == Kind::Compute => both.kind = Kind::Both,
            Some(_) => {}
            None => all.push(Process { kind: Kind::Graphics, ..drawing }),
        }
    }
    all.sort_by_key(|process| (std::cmp::Reverse(process.memory), process.pid));
    all
}

/// Fills in what `/proc` says of `process`; `users` are names by number.
pub(super) fn known(process: &Process, users: &BTreeMap<u32, String>) -> Process {
    let folder = format!("/proc/{}", process.pid);
    let id = read_to_string(format!("{folder}/status")).ok().and_then(|status| owner(&status));
    let name = read_to_string(format!("{folder}/comm")).unwrap_or_default();
    let words = read(format!("{folder}/cmdline")).unwrap_or_default();
    Process {
        user: id.map(|id| users.get(&id).cloned().unwrap_or_else(|| id.to_string())),
        command: command(&words, &name),
        ..process.clone()
    }
}

/// The users of `/etc/passwd`.
pub(super) fn users() -> BTreeMap<u32, String> {
    names(&read_to_string("/etc/passwd").unwrap_or_default())
}

/// Names by number, of a text as `/etc/passwd`; the first of two with one number is its name, as for `ls`.
fn names(passwd: &str) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse)) {
            names.entry(id).or_insert_with(|| sanitize(name));
        }
    }
    names
}

/// The user that a process acts as, of `/proc/PID/status`: a folder of `/proc` itself can be root's though the process is not.
fn owner(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A command of words that end in NUL; the program and its script without their folders. Where there are no words, the
/// process's name in brackets.
fn command(words: &[u8], name: &str) -> Option<String> {
    let words = String::from_utf8_lossy(words);
    let mut text = String::new();
    for (at, word) in words.trim_end_matches('\0').split('\0').enumerate() {
        let short = if at < 2 && word.starts_with('/') { word.rsplit('/').next().unwrap_or(word) } else { word };
        if at > 0 {
            text.push(' ');
        }
        text.push_str(short);
    }
    let text = match (text.trim(), name.trim()) {
        ("", "") => return None,
        ("", name) => format!("[{name}]"),
        (text, _) => text.to_owned(),
    };
    // Cut before it is made safe: a command can be megabytes long.
    Some(sanitize(&text.chars().take(LONGEST_COMMAND).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_short_and_safe() {
        let shown = |words: &str, name: &str| command(words.as_bytes(), name);
        assert_eq!(
            shown("/opt/conda/bin/python\0/home/ann/moco/main_moco.py\0--data\0/data/imagenet\0", "python\n").unwrap(),
            "python main_moco.py --data /data/imagenet"
        );
        assert_eq!(shown("ray::worker\0\0\0", "x").unwrap(), "ray::worker");
        assert_eq!(shown("a\x1b[2Jb\0", "").unwrap(), "a␛[2Jb");
        assert_eq!(shown("", "kworker\n").unwrap(), "[kworker]");
        assert_eq!(shown("", ""), None);
        assert_eq!(shown(&"x".repeat(10_000), "").unwrap().len(), LONGEST_COMMAND);
    }

    #[test]
    fn owners_have_names() {
        let names = names("root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:\ntoo:x:1000:1::\nbroken\nx:y:z\n");
        assert_eq!((names.len(), &names[&0][..], &names[&1000][..]), (2, "root", "ann"));
        assert_eq!(owner("Name:\tpython\nUid:\t1000\t1001\t1000\t1000\n"), Some(1001));
        assert_eq!(owner("Name:\tpython\n"), None);
    }

    #[test]
    fn one_that_draws_and_computes_stands_once() {
        let process = |pid, memory| Process { pid, memory, ..Process::default() };
        let all = together(
            vec![process(1, Some(5)), process(2, Some(9)), process(4, None)],
            vec![process(1, Some(5)), process(3, Some(7))],
        );
        let shown: Vec<_> = all.iter().map(|process| (process.pid, process.kind.letters())).collect();
        assert_eq!(shown, [(2, "C"), (3, "G"), (1, "C+G"), (4, "C")]);
    }

    #[test]
    fn this_process_is_known() {
        let me = known(&Process { pid: std::process::id(), ..Process::default() }, &users());
        assert!(me.user.is_some() && me.command.is_some(), "{me:?}");
        assert_eq!(known(&Process { pid: u32::MAX, ..Process::default() }, &users()).user, None);
    }
}
