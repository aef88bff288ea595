//! A project in a folder of its own, and mocolab's command line in it.

use crate::fake_train;
use mocolab::run::RunDir;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The longest that anything here may take: a busy machine of two cores needs a small part of it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Asks `look` again and again until it has an answer.
pub fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a command did.
pub struct Ended {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Standard output, of a command that must succeed.
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Standard error, of a command that must fail in good order.
    pub fn bad(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A project. Dropped, it takes its trainers along.
pub struct Project {
    folder: TempDir,
    settings: Vec<(&'static str, OsString)>,
}

impl Project {
    /// A project of `experiments`, trained by the fake trainer.
    pub fn new(experiments: &str) -> Self {
        let project = Self::untrained();
        fs::write(project.path("experiments.toml"), experiments).unwrap();
        project.with("MOCOLAB_TRAIN", fake_train::program())
    }

    /// A project of one experiment `quick`: 3 epochs of 10 steps.
    pub fn quick() -> Self {
        Self::new("[experiment.quick]\ndata = \"shapes\"\n[experiment.quick.supervised]\nepochs = 3\narch = \"resnet8\"\nwarmup_epochs = 1\n")
            .with("FAKE_STEP_MS", "2")
    }

    /// As [`Project::quick`], of a training that nobody sees the end of: an epoch takes about a minute.
    pub fn endless() -> Self {
        Self::quick().with("FAKE_STEPS", "30000")
    }

    /// A folder without experiments and without a trainer of its own.
    pub fn untrained() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: Vec::new() }
    }

    /// Sets a variable of the environment.
    pub fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.settings.retain(|(set, _)| *set != name);
        self.settings.push((name, value.into()));
        self
    }

    /// A path in the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `program` in this project, away from the user's own caches and variables.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in ["MOCOLAB_RUNS", "MOCOLAB_DATA", "MOCOLAB_TRAIN", "SLURM_JOB_ID", "NO_COLOR", "TMUX"] {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env("MOCOLAB_CACHE", self.path("cache"));
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_STATE_HOME", self.path("state"));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// mocolab with the words of `line` as its arguments.
    pub fn mocolab(&self, line: &str) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_mocolab"));
        command.args(line.split(' ').filter(|word| !word.is_empty()));
        command
    }

    /// Runs mocolab to its end.
    pub fn run(&self, line: &str) -> Ended {
        self.mocolab(line).output().unwrap().into()
    }

    /// What a command prints for scripts.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).good()).unwrap()
    }

    /// The latest run of `experiment` as `ls --json` has it; null where there is none.
    pub fn summary(&self, experiment: &str) -> Value {
        let mut runs = self.json(&format!("ls {experiment} --json"));
        runs.as_array_mut().unwrap().pop().unwrap_or_default()
    }

    /// The status of the latest run of `experiment`.
    pub fn status(&self, experiment: &str) -> String {
        self.summary(experiment)["status"].as_str().unwrap_or("none").to_owned()
    }

    /// Waits until the latest run of `experiment` is `status`.
    pub fn wait_for(&self, experiment: &str, status: &str) {
        poll(&format!("{experiment} to be {status}"), || (self.status(experiment) == status).then_some(()));
    }

    /// Starts `experiment` on the CPU and returns its run.
    pub fn start(&self, experiment: &str) -> RunDir {
        self.run(&format!("start {experiment} --device cpu")).good();
        self.latest(experiment)
    }

    /// The latest run of `experiment`.
    pub fn latest(&self, experiment: &str) -> RunDir {
        RunDir::new(self.summary(experiment)["path"].as_str().unwrap())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let Ok(output) = self.mocolab("ls --json").output() else { return };
        let Ok(Value::Array(runs)) = serde_json::from_slice(&output.stdout) else { return };
        for run in runs {
            let live = matches!(run["status"].as_str(), Some("starting" | "running" | "stopping"));
            if let (true, Some(label)) = (live, run["run"].as_str()) {
                let _ = self.mocolab(&format!("stop {label} --now")).output();
            }
        }
    }
}
