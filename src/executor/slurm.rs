//! Runs as jobs of Slurm: one `sbatch` for a run, or for all variants of one experiment (an array), one `squeue` for all of
//! them. The job's script hands over to `mocolab launch`, so that the trainer is the process that Slurm signals; what it
//! writes is the same run directory as on one machine, on a file system that all see.
//!
//! Near the time limit and where it is to be preempted the trainer gets USR1, saves, and has its job requeued; upon TERM it
//! saves and ends. Nothing but the lines of `setup` is read by a shell as it was written.

use crate::config::Slurm;
use crate::run::{Listed, Listing, RunDir, now};
use crate::status::Scheduler;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a command may take to submit or to cancel: a busy controller answers in seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one may take to list jobs. A frozen controller lets it wait for 10 s and more.
const GLANCE: Duration = Duration::from_secs(8);
/// So often it is tried to submit.
const TRIES: u32 = 3;
/// Says in the job how often it may be requeued.
const REQUEUES: &str = "MOCOLAB_REQUEUES";
/// Says in the job how many seconds before its limit it saves.
const WARNING: &str = "MOCOLAB_WARNING";
/// Says to the trainer when that is, seconds since 1970.
pub const DUE: &str = "MOCOLAB_DUE";

/// What went wrong with Slurm.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Its commands aren't there.
    #[error("`{0}` is not there: Slurm's commands are on its login nodes; run mocolab there")]
    Missing(&'static str),
    /// A command could not be run, or its answer not be read.
    #[error("`{0}`: {1}")]
    Failed(&'static str, std::io::Error),
    /// A command did not end in time.
    #[error("`{0}` has not answered within {1} s: Slurm's controller may be down")]
    Silent(&'static str, u64),
    /// What a file names as a job's id is none.
    #[error("`{0}` is no id of a job")]
    NoId(String),
    /// A command refused.
    #[error("`{0}` says: {1}")]
    Refused(&'static str, String),
    /// A run has been requeued often enough.
    #[error("it has been requeued {0} times, which is what `requeues` allows; `mocolab resume` goes on with it")]
    Enough(u32),
}

/// Runs to be submitted together.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The runs; several are an array.
    pub runs: &'a [RunDir],
    /// The job's name.
    pub name: &'a str,
    /// What they ask for.
    pub settings: &'a Slurm,
    /// `mocolab`, as all nodes see it.
    pub program: &'a Path,
    /// Jobs that must end well before.
    pub after: &'a [String],
}

/// The job around this process, as `squeue -r` calls it.
pub fn here() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (set("SLURM_ARRAY_JOB_ID"), set("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(task)) => Some(format!("{job}_{task}")),
        _ => set("SLURM_JOB_ID"),
    }
}

/// Whether Slurm's commands are there.
pub fn is_here() -> bool {
    super::program("squeue").is_some()
}

/// Submits; the id of each run's job, in the order of the runs.
///
/// # Errors
/// Where Slurm can't be asked, or refuses.
pub fn submit(submission: &Submission) -> Result<Vec<String>, SlurmError> {
    // Found again by it where the controller's answer was lost: the job may have been taken all the same.
    let mark = format!("mocolab-{}-{:.6}", std::process::id(), now());
    let arguments = arguments(submission, &mark);
    let script = script(submission);
    let mut tries = 1;
    loop {
        match ask("sbatch", &arguments, &script, PATIENCE) {
            Ok(text) => return ids(&text, submission.runs.len()),
            Err(SlurmError::Refused(_, why)) if !is_passing(&why) => return Err(SlurmError::Refused("sbatch", why)),
            Err(error @ (SlurmError::Refused(..) | SlurmError::Silent(..))) => {
                if let Some(id) = find(&mark)? {
                    return ids(&id, submission.runs.len());
                }
                if tries == TRIES {
                    return Err(error);
                }
                thread::sleep(Duration::from_secs(1 << tries));
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// A fault of the moment, not of what was asked.
fn is_passing(why: &str) -> bool {
    ["timed out", "temporarily", "Unable to contact", "Connection refused", "Zero Bytes"]
        .iter()
        .any(|sign| why.contains(sign))
}

/// The job with this mark.
fn find(mark: &str) -> Result<Option<String>, SlurmError> {
    // Also one that has ended meanwhile; of an array the id of the whole.
    let text = ask("squeue", &words(&["-h", "--me", "-t", "all", "-o", "%F|%k"]), "", GLANCE)?;
    let found = text.lines().find_map(|line| line.split_once('|').filter(|(_, comment)| *comment == mark));
    Ok(found.map(|(id, _)| id.to_owned()))
}

/// The ids of an answer of `sbatch --parsable`: `7`, or `7;cluster`.
fn ids(text: &str, count: usize) -> Result<Vec<String>, SlurmError> {
    let id = text.trim().split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SlurmError::Refused("sbatch", format!("`{}`, which is no id of a job", text.trim())));
    }
    Ok(if count == 1 { vec![id.to_owned()] } else { (0..count).map(|task| format!("{id}_{task}")).collect() })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The options of `sbatch`: no shell reads them.
fn arguments(submission: &Submission, mark: &str) -> Vec<String> {
    let Submission { runs, settings, after, .. } = submission;
    let mut all = words(&["--parsable", "--requeue", "--open-mode=append"]);
    let mut add = |name: &str, value: &str| all.push(format!("--{name}={value}"));
    add("job-name", &format!("mocolab:{}", submission.name));
    add("signal", &format!("B:USR1@{}", settings.warning.unwrap_or(Slurm::WARNING)));
    add("cpus-per-task", &settings.cpus.unwrap_or(Slurm::CPUS).to_string());
    match runs {
        // A percent sign stands for itself where it is doubled.
        [run] => add("output", &run.output().display().to_string().replace('%', "%%")),
        _ => add("output", "/dev/null"),
    }
    if runs.len() > 1 {
        add("array", &format!("0-{}", runs.len() - 1));
    }
    if !after.is_empty() {
        add("dependency", &format!("afterok:{}", after.join(":")));
    }
    let named = [
        ("partition", &settings.partition),
        ("account", &settings.account),
        ("qos", &settings.qos),
        ("gres", &settings.gres),
        ("time", &settings.time),
        ("mem", &settings.memory),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            add(name, value);
        }
    }
    all.extend(settings.options.iter().flatten().cloned());
    // The last word counts: without the mark a job that was taken might be submitted again.
    all.push(format!("--comment={mark}"));
    all
}

/// The script: it finds its run, and becomes the launcher.
fn script(submission: &Submission) -> String {
    let Submission { runs, settings, program, .. } = submission;
    let quoted = |path: &Path| quote(&path.display().to_string());
    // USR1 before the trainer listens must not end it.
    let mut lines = vec!["#!/bin/sh".to_owned(), "trap '' USR1".to_owned()];
    if let [run] = runs {
        lines.push(format!("run={}", quoted(run.path())));
    } else {
        lines.push("case $SLURM_ARRAY_TASK_ID in".into());
        lines.extend(runs.iter().enumerate().map(|(task, run)| format!("{task}) run={} ;;", quoted(run.path()))));
        lines.extend(["esac".to_owned(), "exec >>\"$run/output.log\" 2>&1".to_owned()]);
    }
    lines.push(format!("export {REQUEUES}={}", settings.requeues.unwrap_or(Slurm::REQUEUES)));
    lines.push(format!("export {WARNING}={}", settings.warning.unwrap_or(Slurm::WARNING)));
    lines.extend(settings.setup.iter().flatten().cloned());
    lines.push(format!("exec {} launch \"$run\" --device allocated --force", quoted(program)));
    lines.join("\n") + "\n"
}

/// One word for a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Asks how all jobs of this user stand, and publishes the answer. Once it was silent, the next answer counts.
pub fn look() -> Listing {
    let t = now();
    let asked = ask("squeue", &words(&["-h", "-r", "--me", "-o", "%i|%T|%r"]), "", GLANCE);
    let listing = Listing { t, jobs: asked.ok().map(|text| listed(&text)) };
    listing.clone().publish();
    listing
}

fn listed(text: &str) -> HashMap<String, Listed> {
    let row = |line: &str| {
        let (id, rest) = line.split_once('|')?;
        let (word, reason) = rest.split_once('|').unwrap_or((rest, ""));
        let state = match word {
            "PENDING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "SPECIAL_EXIT" | "CONFIGURING" => {
                Scheduler::Pending
            }
            _ => Scheduler::Running,
        };
        let clean = crate::text::sanitize;
        Some((id.to_owned(), Listed { state, word: clean(word), reason: clean(reason) }))
    };
    text.lines().filter_map(row).collect()
}

/// Cancels a job: by SIGTERM and, where it does not end, by SIGKILL; where `now` at once by SIGKILL.
///
/// # Errors
/// Where Slurm can't be asked, or refuses.
pub fn cancel(id: &str, now: bool) -> Result<(), SlurmError> {
    let mut arguments = if now { words(&["--batch", "--signal=KILL"]) } else { Vec::new() };
    // What a file says is an id, and no option.
    if !id.starts_with(|c: char| c.is_ascii_digit()) || !id.chars().all(|c| c.is_ascii_digit() || "_+.".contains(c)) {
        return Err(SlurmError::NoId(id.to_owned()));
    }
    arguments.push(id.to_owned());
    ask("scancel", &arguments, "", PATIENCE).map(|_| ())
}

/// When the trainer of the job around this process has to save, seconds since 1970; none without a limit. Slurm's own signal
/// says the same, but is lost where it comes before the trainer listens, as it does where the limit is near from the start.
pub fn due() -> Option<f64> {
    let id = here()?;
    let text = ask("squeue", &words(&["-h", "-r", "-j", &id, "-o", "%L"]), "", GLANCE).ok()?;
    let left = seconds(text.trim())?;
    let warning = std::env::var(WARNING).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::from(Slurm::WARNING));
    // However short the limit, there is time for some steps.
    Some(now() + (left - warning).max(left / 4.0))
}

/// Seconds of Slurm's `D-HH:MM:SS`, `HH:MM:SS` or `MM:SS`.
fn seconds(text: &str) -> Option<f64> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let parts = rest.split(':').map(|part| part.parse::<f64>().ok()).collect::<Option<Vec<f64>>>()?;
    let rest = parts.iter().fold(0.0, |all, part| all * 60.0 + part);
    ((2..4).contains(&parts.len())).then_some(rest + days.parse::<f64>().ok()? * 86_400.0)
}

/// Has the job around this process requeued, which ends it, after `before`. False where Slurm takes it away already, to be requeued by
/// itself (preempted) or not (cancelled).
///
/// # Errors
/// Where it was requeued too often already, or Slurm can't be asked.
pub fn requeue(before: impl FnOnce()) -> Result<bool, SlurmError> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let (restarts, most) = (number("SLURM_RESTART_COUNT").unwrap_or(0), number(REQUEUES).unwrap_or(Slurm::REQUEUES));
    if restarts >= most {
        return Err(SlurmError::Enough(restarts));
    }
    let id = here().unwrap_or_default();
    let shown = ask("scontrol", &["show".into(), "-o".into(), "job".into(), id.clone()], "", PATIENCE)?;
    if !shown.split_whitespace().any(|word| word == "JobState=RUNNING") {
        return Ok(false);
    }
    before();
    ask("scontrol", &["requeue".to_owned(), id], "", PATIENCE).map(|_| true)
}

/// Tells a command `input`, and listens to what it prints: each pipe on a thread of its own, since none may wait for another.
fn talk(child: &mut Child, input: &str) -> std::io::Result<Receiver<(usize, String)>> {
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_owned();
        thread::Builder::new().spawn(move || pipe.write_all(input.as_bytes()))?;
    }
    let (send, read) = channel();
    let pipes: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|pipe| Box::new(pipe) as _), child.stderr.take().map(|pipe| Box::new(pipe) as _)];
    for (at, pipe) in pipes.into_iter().enumerate() {
        let send = send.clone();
        thread::Builder::new().spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            let _ = send.send((at, String::from_utf8_lossy(&bytes).into_owned()));
        })?;
    }
    Ok(read)
}

/// Runs a command with `input`; what it printed. It is ended where it takes too long.
fn ask(program: &'static str, arguments: &[String], input: &str, patience: Duration) -> Result<String, SlurmError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => SlurmError::Missing(program),
        _ => SlurmError::Failed(program, error),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // One format whatever the user's own settings are.
    for name in ["SQUEUE_FORMAT", "SQUEUE_FORMAT2", "SQUEUE_STATES", "SQUEUE_PARTITION", "SLURM_TIME_FORMAT"] {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(failed)?;
    let read = match talk(&mut child, input) {
        Ok(read) => read,
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(error));
        }
    };
    let deadline = Instant::now() + patience;
    let mut texts = [String::new(), String::new()];
    for _ in 0..2 {
        let Ok((at, text)) = read.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(SlurmError::Silent(program, patience.as_secs()));
        };
        texts[at] = text;
    }
    let status = child.wait().map_err(failed)?;
    let [out, err] = texts;
    if status.success() {
        return Ok(out);
    }
    let why: Vec<&str> = err.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let own = format!("{program}: error: ");
    let why = why.join("; ").replace(&own, "");
    Err(SlurmError::Refused(program, if why.is_empty() { status.to_string() } else { crate::text::sanitize(&why) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission<'a>(runs: &'a [RunDir], settings: &'a Slurm, after: &'a [String]) -> Submission<'a> {
        Submission { runs, name: "base", settings, program: Path::new("/opt/it's/mocolab"), after }
    }

    #[test]
    fn nothing_in_a_name_is_read_by_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a'; touch pwned; $(touch pwned) `x` \"b %j");
        std::fs::create_dir(&place).unwrap();
        let program = folder.path().join("pro'gram $HOME");
        std::fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, all).unwrap();
        let run = RunDir::new(&place);
        let settings = Slurm { setup: Some(vec!["X=1".into()]), ..Slurm::default() };
        let runs = [run.clone()];
        let one = Submission { program: &program, ..submission(&runs, &settings, &[]) };
        let said = Command::new("sh").arg("-c").arg(script(&one)).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said, format!("launch\n{}\n--device\nallocated\n--force\n", place.display()));
        assert!(!folder.path().join("pwned").exists());
        let output = arguments(&one, "m").into_iter().find(|word| word.starts_with("--output=")).unwrap();
        assert!(output.ends_with("%%j/output.log"), "{output}");
        // A task of an array finds its own.
        let two = [RunDir::new("/nowhere"), run];
        let many = Submission { program: &program, ..submission(&two, &settings, &[]) };
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script(&many)).env("SLURM_ARRAY_TASK_ID", "1").current_dir(folder.path());
        assert!(shell.status().unwrap().success());
        assert!(std::fs::read_to_string(place.join("output.log")).unwrap().contains("launch\n"));
        assert!(!folder.path().join("pwned").exists());
    }

    #[test]
    fn what_is_asked_for_becomes_options() {
        let settings = Slurm {
            partition: Some("gpu".into()),
            gres: Some("gpu:1".into()),
            time: Some("60".into()),
            memory: Some("8G".into()),
            options: Some(vec!["--nice".into()]),
            ..Slurm::default()
        };
        let runs = ["/r/a/1", "/r/b/1", "/r/c/1"].map(RunDir::new);
        let after = ["4".to_owned(), "5_1".to_owned()];
        let words = arguments(&submission(&runs, &settings, &after), "mark").join(" ");
        for part in [
            "--parsable --requeue --open-mode=append --job-name=mocolab:base --signal=B:USR1@120",
            "--cpus-per-task=4 --output=/dev/null --array=0-2 --dependency=afterok:4:5_1",
            "--partition=gpu --gres=gpu:1 --time=60 --mem=8G --nice --comment=mark",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(ids("17\n", 1).unwrap(), ["17"]);
        assert_eq!(ids("17;cluster\n", 3).unwrap(), ["17_0", "17_1", "17_2"]);
        assert!(ids("sbatch: huh", 1).is_err() && ids("", 1).is_err());
        let jobs = listed("7|RUNNING|None\n8_0|PENDING|Resources\n8_1|COMPLETING|None\nodd\n");
        let states = ["7", "8_0", "8_1"].map(|id| jobs[id].state);
        assert_eq!(states, [Scheduler::Running, Scheduler::Pending, Scheduler::Running]);
        assert_eq!((jobs.len(), jobs["8_0"].reason.as_str()), (3, "Resources"));
    }

    #[test]
    fn times_are_read() {
        let read = ["59:00", "1:00:00", "2-01:00:00", "UNLIMITED", "INVALID", "7"].map(seconds);
        assert_eq!(read, [Some(3540.0), Some(3600.0), Some(176_400.0), None, None, None]);
    }

    #[test]
    fn a_command_that_hangs_or_is_missing_is_said_to() {
        let began = Instant::now();
        let silent = ask("sleep", &words(&["60"]), "", Duration::from_millis(200));
        assert!(matches!(silent, Err(SlurmError::Silent("sleep", _))) && began.elapsed() < Duration::from_secs(10));
        assert!(matches!(ask("no-such-command", &[], "", GLANCE), Err(SlurmError::Missing(_))));
        let refused = ask("sh", &words(&["-c", "echo 'sh: error: no such partition' >&2; exit 1"]), "", GLANCE);
        assert!(matches!(refused, Err(SlurmError::Refused("sh", why)) if why == "no such partition"));
        let much = ask("sh", &words(&["-c", "yes | head -c 300000"]), "", GLANCE).unwrap();
        assert_eq!(much.len(), 300_000);
    }
}
