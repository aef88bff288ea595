//! `mocolab agent`: starts what waits in this machine's queue when its turn has come, also when no terminal is open. One a
//! machine and project, by its lock; it ends when nothing waits that could go on by itself.

use super::output::say;
use crate::project::{Here, Project, Stand, printed, said, settle};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::config::{Hook, Occasion};
use mocolab::device::Choice;
use mocolab::device::sample::Sampler;
use mocolab::executor::local::{self, Launch};
use mocolab::herald;
use mocolab::queue::Turn;
use mocolab::run::{AgentLock, Job, Reading, RunDir, Stamp, Ticket, Watch, host, now, process_start};
use mocolab::status::Status;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks.
const POLL: Duration = Duration::from_millis(500);
/// A launcher says what it launched within milliseconds; on a bad day it takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A launcher of an agent that was killed holds the lock for a moment longer.
const LOCK: Duration = Duration::from_secs(3);
/// Seconds after which a crash is no news any more.
const LONG_AGO: f64 = 24.0 * 3600.0;
/// So many launches that fail one after another, or looks, are no fault of the runs.
const TRIES: u32 = 3;

/// What a step has done.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A run was started, or could not be: who is next is to be asked at once.
    Moved,
    /// Something waits for what goes on by itself.
    Waits,
    /// Nothing waits that could go on by itself.
    Rests,
}

/// Works until nothing waits that could go on by itself.
///
/// # Errors
/// Where the runs can't be read again and again, launches fail again and again, or the lock can't be had.
pub fn agent(project: &Project) -> anyhow::Result<()> {
    // A terminal that closes must not end it.
    let _ = rustix::process::setsid();
    super::slurm::keep_asking(project)?;
    loop {
        let Some(lock) = take(project)? else { return Ok(()) };
        let mut agent = Agent::new(project, lock)?;
        agent.work()?;
        agent.lock = None;
        // Whoever queued something while the lock was held has found an agent at work.
        if agent.turns()?.iter().all(|(_, turn)| turn.is_stuck()) && !agent.tell_of_crashes() {
            return Ok(());
        }
    }
}

/// The lock; none where another agent is at work.
fn take(project: &Project) -> anyhow::Result<Option<AgentLock>> {
    let deadline = Instant::now() + LOCK;
    loop {
        let lock = AgentLock::take(&project.runs).context("taking the lock of the queue")?;
        if lock.is_some() || Instant::now() > deadline {
            return Ok(lock);
        }
        thread::sleep(POLL / 10);
    }
}

/// A run as the agent knows it.
struct Known {
    sight: Sight,
    watch: Watch,
    stamp: Option<Stamp>,
    /// Somebody wants to be told where it crashes.
    crash_is_told: bool,
}

struct Agent<'a> {
    project: &'a Project,
    lock: Option<AgentLock>,
    here: Here,
    /// This program, which may be built anew meanwhile.
    program: PathBuf,
    known: BTreeMap<RunDir, Known>,
    sampler: Sampler,
    /// Launchers, which become trainers: waited for, so that they leave no zombies.
    children: Vec<Child>,
    /// Those who tell of crashes, until they have.
    tellers: Vec<JoinHandle<()>>,
    /// Attempts whose end is told although that can't be noted on the disk.
    unnoted: BTreeMap<RunDir, u32>,
    /// Launches that failed, one after another.
    failed: u32,
}

impl<'a> Agent<'a> {
    fn new(project: &'a Project, lock: AgentLock) -> anyhow::Result<Self> {
        Ok(Self {
            project,
            lock: Some(lock),
            here: Here::now(),
            program: std::env::current_exe().context("finding this program")?,
            known: BTreeMap::new(),
            sampler: Sampler::new(project.runs.path()),
            children: Vec::new(),
            tellers: Vec::new(),
            unnoted: BTreeMap::new(),
            failed: 0,
        })
    }

    fn work(&mut self) -> anyhow::Result<()> {
        let mut blind = 0;
        loop {
            match self.step() {
                Ok(Step::Rests) => return Ok(()),
                Ok(Step::Moved) if self.failed >= TRIES => {
                    bail!("{TRIES} launches failed one after another: the queue stands until it is woken again")
                }
                Ok(Step::Moved) => blind = 0,
                Ok(Step::Waits) => {
                    blind = 0;
                    thread::sleep(POLL);
                }
                // A file system that is gone for a moment comes back.
                Err(error) if blind < 20 * TRIES => {
                    blind += 1;
                    tell(&format!("{error:#}"));
                    thread::sleep(POLL * blind);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Looks, and starts the one whose turn it is.
    fn step(&mut self) -> anyhow::Result<Step> {
        self.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let turns = self.turns()?;
        let watches = self.tell_of_crashes();
        if let Some((run, Turn::Start(devices))) = turns.iter().find(|(_, turn)| matches!(turn, Turn::Start(_))) {
            return Ok(if self.start(run, devices) { Step::Moved } else { Step::Waits });
        }
        let stuck = turns.iter().all(|(_, turn)| turn.is_stuck());
        Ok(if stuck && !watches { Step::Rests } else { Step::Waits })
    }

    /// Tells of runs that crashed, each attempt once. True while that is under way, or may become necessary.
    fn tell_of_crashes(&mut self) -> bool {
        let mut watches = false;
        for known in self.known.values().filter(|known| known.crash_is_told) {
            let sight = &known.sight;
            // Of other machines their own agents tell, and of its jobs Slurm can (`--mail-type`).
            let Some(job) = sight.job.as_ref().filter(|job| job.executor == "local" && job.host == host()) else {
                continue;
            };
            watches |= sight.status.is_live();
            if sight.status == Status::Crashed {
                self.tellers.extend(tell_of_crash(sight, job, &mut self.unnoted));
            }
        }
        self.tellers.retain(|teller| !teller.is_finished());
        watches || !self.tellers.is_empty()
    }

    /// Who waits, in the order of their turns.
    fn turns(&mut self) -> anyhow::Result<Vec<(RunDir, Turn)>> {
        self.look()?;
        let stand = Stand::of(self.known.values().map(|known| &known.sight), &self.here, trains);
        if stand.waiting.is_empty() {
            return Ok(Vec::new());
        }
        let turns = stand.turns(&self.sampler.sample());
        Ok(stand.waiting.into_iter().map(|(run, _)| run).zip(turns).collect())
    }

    /// Looks at all runs; at those that rest only where a file of theirs was written.
    fn look(&mut self) -> anyhow::Result<()> {
        let runs = self.project.runs.list().context("reading the runs")?;
        self.known.retain(|run, _| runs.binary_search(run).is_ok());
        for run in runs {
            let known = self.known.entry(run.clone()).or_insert_with(|| Known::new(run));
            known.look();
        }
        Ok(())
    }

    /// Starts a run, and waits until it says so: its devices are taken from then on. False where somebody else has them.
    fn start(&mut self, run: &RunDir, devices: &[String]) -> bool {
        let label = run.label();
        let launched = self.launch(run, devices);
        let taken = matches!(launched, Ok(false));
        match launched {
            // It is seen to be taken at the next look.
            Ok(false) => tell(&format!("{label} found its device taken")),
            Ok(true) => {
                self.failed = 0;
                tell(&format!("{label} started on {}", devices.join(",")));
            }
            Err(error) => {
                self.failed += 1;
                let trouble = mocolab::text::log_line(&format!("{error:#}"));
                tell(&format!("{label} could not be started: {trouble}"));
                let ticket = run.read_ticket().ok().flatten().unwrap_or_default();
                if let Err(error) = run.write_ticket(&Ticket { trouble: Some(trouble), ..ticket }) {
                    tell(&format!("{label}: its ticket can't be written: {error}"));
                }
            }
        }
        if let Some(known) = self.known.get_mut(run) {
            known.stamp = None;
            known.look();
        }
        !taken
    }

    /// Whether it is launched; not where somebody else has taken the device since the plan was made.
    fn launch(&mut self, run: &RunDir, devices: &[String]) -> anyhow::Result<bool> {
        settle(run)?;
        let choice: Choice = devices.join(",").parse().map_err(anyhow::Error::msg)?;
        let (before, ticket) = (printed(run), run.read_ticket()?.unwrap_or_default());
        let (slots, force, after) = (ticket.slots, ticket.force, Some(ticket.after));
        let mut command = local::start(&self.program, run, &Launch { slots, force, after, ..Launch::on(choice) })?;
        if let Some(lock) = &self.lock {
            command.stdin(lock.share()?);
        }
        let mut child = command.spawn().context("starting the launcher")?;
        let deadline = Instant::now() + PATIENCE;
        let launched = || run.read_job().is_ok_and(|job| job.is_some_and(|job| job.attempt > ticket.after));
        loop {
            if launched() {
                self.children.push(child);
                return Ok(true);
            }
            if let Some(status) = child.try_wait().context("waiting for the launcher")? {
                if status.code() == Some(local::TAKEN.into()) {
                    return Ok(false);
                }
                bail!("{}", said(run, before, 1).pop().unwrap_or_else(|| format!("the launcher ended: {status}")));
            }
            if Instant::now() > deadline {
                // It must not wake up when its device has been given away.
                let _ = child.kill();
                let _ = child.wait();
                if launched() {
                    return Ok(true);
                }
                bail!("the launcher has said nothing for {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Tells the hooks of a run that its process is gone, unless that is told or long ago. Each gets its tries; then it is told.
fn tell_of_crash(sight: &Sight, job: &Job, unnoted: &mut BTreeMap<RunDir, u32>) -> Vec<JoinHandle<()>> {
    let run = &sight.run;
    let told = run.read_told().ok().flatten().max(unnoted.get(run).copied()).unwrap_or(0);
    if told >= job.attempt || now() - sight.state.last_seen.max(job.t) > LONG_AGO {
        return Vec::new();
    }
    // First the mark: a message that is lost is better than one every half a second. On a disk that is full this process
    // has to remember.
    if let Err(error) = run.write_told(&job.attempt) {
        tell(&format!("{}: what is told of it can't be noted: {error}", run.label()));
        unnoted.insert(run.clone(), job.attempt);
    }
    let message = herald::crashed(&run.label(), (&job.host, job.attempt, now()), &sight.state, said(run, 0, 5));
    let hooks = run.read_hooks().ok().flatten().unwrap_or_default();
    let wanted = hooks.into_iter().filter(|hook| hook.wants(Occasion::Crashed));
    // On threads of their own: the queue goes on.
    let teller = |hook: Hook| {
        let (message, label) = (message.clone(), run.label());
        let wait = |pause| {
            thread::sleep(pause);
            true
        };
        let work = move || match herald::deliver(&hook, &message, wait) {
            Ok(()) => tell(&format!("the hook `{}` was told that {label} crashed", hook.name)),
            Err(why) => tell(&format!("the hook `{}` was not told that {label} crashed: {why}", hook.name)),
        };
        let thread = thread::Builder::new().spawn(work);
        thread.map_err(|error| tell(&format!("nobody is told that {} crashed: {error}", run.label()))).ok()
    };
    wanted.filter_map(teller).collect()
}

/// It has its devices: at work, or its process has not gone yet.
fn trains(sight: &Sight) -> bool {
    let alive = |pid, start| process_start(pid) == Some(start);
    sight.status.is_live() || sight.job.as_ref().is_some_and(|job| alive(job.pid, job.process_start))
}

impl Known {
    fn new(run: RunDir) -> Self {
        let (sight, watch) = Sight::open(run, Reading::glimpse);
        Self { sight, watch, stamp: None, crash_is_told: false }
    }

    fn look(&mut self) {
        let stamp = Stamp::of(&self.sight.run);
        let rests = !self.sight.status.is_live() && self.sight.status != Status::Unknown && !self.sight.may_be_job();
        if rests && stamp.is_some() && stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        if !self.crash_is_told {
            // Hooks name secrets of the user in whose name they are told.
            let hooks = self.sight.run.read_hooks().ok().flatten().filter(|_| self.sight.own).unwrap_or_default();
            self.crash_is_told = hooks.iter().any(|hook| hook.wants(Occasion::Crashed));
        }
        if let Err(error) = self.sight.look(&mut self.watch) {
            self.sight.trouble = Some(error.to_string());
        }
    }
}

/// Into the agent's log.
fn tell(text: &str) {
    let _ = say(format!("{} {text}", jiff::ZonedDateTime::now().strftime("%Y-%m-%d %H:%M:%S")));
}
