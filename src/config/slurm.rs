//! `[executor.slurm]` of a project's or a user's file: what a job asks Slurm for.

use super::problem::Findings;
use super::suggest::did_you_mean;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// What jobs ask for. What isn't set is left to Slurm, or to the file below this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slurm {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--gres`, as `gpu:1`.
    pub gres: Option<String>,
    /// `--time`, as Slurm writes it.
    pub time: Option<String>,
    /// `--mem`, as `16G`.
    pub memory: Option<String>,
    /// `--cpus-per-task`, and the threads of a run that names none.
    pub cpus: Option<u32>,
    /// Seconds before the time limit at which a run saves and is requeued.
    pub warning: Option<u32>,
    /// How often a run is requeued at its time limit.
    pub requeues: Option<u32>,
    /// Further options of sbatch, as they are.
    pub options: Option<Vec<String>>,
    /// Lines of shell before the trainer starts, as `module load cuda`.
    pub setup: Option<Vec<String>>,
}

/// A setting: its name, what is allowed, an example.
type About = (&'static str, &'static str, &'static str);

impl Slurm {
    /// CPUs of a job that says nothing of them.
    pub const CPUS: u32 = 4;
    /// Seconds of warning.
    pub const WARNING: u32 = 120;
    /// Requeues.
    pub const REQUEUES: u32 = 100;

    /// Every setting: name, what is allowed, an example.
    pub const SETTINGS: [About; 11] = [
        ("partition", "a name", "\"gpu\""),
        ("account", "a name", "\"lab\""),
        ("qos", "a name", "\"normal\""),
        ("gres", "what of it, as Slurm writes it", "\"gpu:1\""),
        ("time", "minutes, or as HH:MM:SS, D-HH:MM:SS", "\"08:00:00\""),
        ("memory", "a number with K, M, G or T", "\"16G\""),
        ("cpus", "a whole number from 1 to 1024", "4"),
        ("warning", "seconds from 10 to 3600", "120"),
        ("requeues", "a whole number from 0 to 10000", "100"),
        ("options", "options of sbatch, each beginning with --", "[\"--constraint=a100\"]"),
        ("setup", "lines of shell", "[\"module load cuda\"]"),
    ];

    /// These settings, where they say nothing those of `other`.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            partition: self.partition.or(other.partition),
            account: self.account.or(other.account),
            qos: self.qos.or(other.qos),
            gres: self.gres.or(other.gres),
            time: self.time.or(other.time),
            memory: self.memory.or(other.memory),
            cpus: self.cpus.or(other.cpus),
            warning: self.warning.or(other.warning),
            requeues: self.requeues.or(other.requeues),
            options: self.options.or(other.options),
            setup: self.setup.or(other.setup),
        }
    }

    /// In a few words, for the dialogue of a start.
    pub fn about(&self) -> String {
        let named = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} {value}"));
        let parts =
            [named("partition", &self.partition), self.gres.clone(), named("for", &self.time), self.memory.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "as Slurm's defaults have it".into() } else { parts.join(", ") }
    }

    /// Reads `[executor]`.
    pub fn read(value: &DeValue, span: Range<usize>, findings: &mut Findings) -> Self {
        let mut settings = Self::default();
        let DeValue::Table(executors) = value else {
            let help = "write [executor.slurm] on a line of its own and its settings below";
            findings.add(span, "`executor` is not a table".to_owned(), [help.to_owned()]);
            return settings;
        };
        for (key, value) in executors {
            if let ("slurm", DeValue::Table(table)) = (key.get_ref().as_ref(), value.get_ref()) {
                settings.take(table, findings);
            } else {
                let message = format!("there is no executor `{}`", findings.quote(key.span()));
                findings.add(key.span(), message, ["allowed: [executor.slurm]".to_owned()]);
            }
        }
        settings
    }

    fn take(&mut self, table: &DeTable, findings: &mut Findings) {
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let Some((name, allowed, example)) = Self::SETTINGS.iter().find(|(name, ..)| *name == word) else {
                let names = Self::SETTINGS.map(|(name, ..)| name);
                let message = format!("there is no setting `{}` of Slurm", findings.quote(key.span()));
                let help = did_you_mean(word, names).into_iter().chain([format!("allowed: {}", names.join(", "))]);
                findings.add(key.span(), message, help);
                continue;
            };
            if !self.set(name, value.get_ref()) {
                let message = format!("`{name}` can't be {}", findings.quote(value.span()));
                findings.add(value.span(), message, [format!("allowed: {allowed}, as {name} = {example}")]);
            }
        }
    }

    /// Whether `value` is allowed there.
    fn set(&mut self, name: &str, value: &DeValue) -> bool {
        let text = || value.as_str().filter(|text| is_plain(text)).map(str::to_owned);
        let number = |from: u32, to: u32| {
            let number = value.as_integer()?;
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            u32::try_from(number).ok().filter(|number| (from..=to).contains(number))
        };
        let lines = |fits: fn(&str) -> bool| {
            let list = value.as_array()?.iter().map(|line| line.get_ref().as_str().filter(|line| fits(line)));
            list.map(|line| line.map(str::to_owned)).collect::<Option<Vec<String>>>()
        };
        match name {
            "partition" => put(&mut self.partition, text()),
            "account" => put(&mut self.account, text()),
            "qos" => put(&mut self.qos, text()),
            "gres" => put(&mut self.gres, text()),
            "time" => put(&mut self.time, text().filter(|text| is_time(text))),
            "memory" => put(&mut self.memory, text().filter(|text| is_memory(text))),
            "cpus" => put(&mut self.cpus, number(1, 1024)),
            "warning" => put(&mut self.warning, number(10, 3600)),
            "requeues" => put(&mut self.requeues, number(0, 10_000)),
            "options" => put(&mut self.options, lines(|line| line.starts_with("--") && is_line(line))),
            _ => put(&mut self.setup, lines(is_line)),
        }
    }
}

fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

/// One line that a terminal can show.
fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// A word of Slurm's: no blank in it, nothing that begins an option.
fn is_plain(text: &str) -> bool {
    is_line(text) && !text.starts_with('-') && !text.contains(char::is_whitespace)
}

/// Minutes, or with colons and days as sbatch(1) has it.
fn is_time(text: &str) -> bool {
    let (days, rest) = text.split_once('-').map_or((None, text), |(days, rest)| (Some(days), rest));
    let number = |part: &str| !part.is_empty() && part.len() < 7 && part.bytes().all(|byte| byte.is_ascii_digit());
    days.is_none_or(number) && rest.split(':').count() <= 3 && rest.split(':').all(number)
}

fn is_memory(text: &str) -> bool {
    let digits = text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text);
    !digits.is_empty() && digits.len() < 12 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const EXPERIMENT: &str = "[experiment.a.supervised]\n";

    #[test]
    fn what_a_job_asks_for_is_read_and_laid_over_the_users_own() {
        let text = format!(
            "{EXPERIMENT}[executor.slurm]\npartition = \"gpu\"\ngres = \"gpu:2\"\ntime = \"1-12:00:00\"\nmemory = \"16G\"\n\
             cpus = 8\nwarning = 60\nrequeues = 3\noptions = [\"--constraint=a100 b\"]\nsetup = [\"module load 'x y'\"]\n"
        );
        let slurm = parse(&text, "x").unwrap().slurm;
        assert_eq!(slurm.about(), "partition gpu, gpu:2, for 1-12:00:00, 16G");
        assert_eq!((slurm.cpus, slurm.warning, slurm.requeues), (Some(8), Some(60), Some(3)));
        let users = Slurm { partition: Some("cpu".into()), account: Some("lab".into()), ..Slurm::default() };
        let both = slurm.over(users);
        assert_eq!((both.partition.as_deref(), both.account.as_deref()), (Some("gpu"), Some("lab")));
        assert_eq!(Slurm::default().about(), "as Slurm's defaults have it");
    }

    #[test]
    fn what_is_wrong_is_refused_with_what_is_allowed() {
        for (line, why) in [
            ("partition = \"a b\"", "`partition` can't be \"a b\""),
            ("partition = \"--wrap=rm\"", "allowed: a name"),
            ("time = \"soon\"", "D-HH:MM:SS"),
            ("time = \"1:2:3:4\"", "D-HH:MM:SS"),
            ("memory = \"lots\"", "with K, M, G or T"),
            ("cpus = 0", "from 1 to 1024"),
            ("options = [\"-w x\"]", "each beginning with --"),
            ("setup = [\"a\\nb\"]", "lines of shell"),
            ("partitoin = \"a\"", "did you mean `partition`?"),
        ] {
            let text = format!("{EXPERIMENT}[executor.slurm]\n{line}\n");
            let problem = parse(&text, "x").unwrap_err().to_string();
            assert!(problem.contains(why) && problem.contains("x:3:"), "{line}: {problem}");
        }
        let problem = parse(&format!("{EXPERIMENT}[executor.pbs]\n"), "x").unwrap_err().to_string();
        assert!(problem.contains("there is no executor `pbs`"), "{problem}");
        assert!(parse(&format!("executor = 1\n{EXPERIMENT}"), "x").is_err());
    }
}
