//! The thread that reads: the experiments, every run's record, the log of the run in front. It sends only what changed.

use super::model::{LOG_LINES, Msg, News};
use crate::project::{self, Project};
use mocolab::run::{Job, Look, RunDir, Watch};
use mocolab::status::Status;
use mocolab::text::log_line;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedSender;

/// Between two looks at runs that live.
const LIVE: Duration = Duration::from_millis(250);
/// Between two looks at all others, and at the folder.
const REST: Duration = Duration::from_secs(2);
/// After something was done here, everything is looked at as often as what lives.
const EAGER: Duration = Duration::from_secs(5);
/// Lines taken at once, so that a long record doesn't hold up the others' news.
const LINES: usize = 20_000;
/// Bytes read from the end of a log.
const LOG_BYTES: u64 = 256 << 10;

/// What the watcher is told.
#[derive(Debug)]
pub enum Order {
    /// Look at everything now.
    Look,
    /// Follow the log of this run.
    Follow(Option<RunDir>),
}

struct Watched {
    watch: Watch,
    /// What was told last; none before anything was.
    told: Option<(Option<Status>, Option<Job>, Option<String>)>,
    live: bool,
}

/// When the experiments that were told last had been written.
#[derive(PartialEq)]
enum Suite {
    Untold,
    Missing,
    Of(SystemTime),
}

struct Watcher {
    project: Project,
    tell: UnboundedSender<Msg>,
    suite: Suite,
    runs: BTreeMap<RunDir, Watched>,
    followed: Option<RunDir>,
    log: Option<(u64, SystemTime)>,
}

/// Starts the thread. It ends when nobody listens.
pub fn spawn(project: Project, tell: UnboundedSender<Msg>) -> Sender<Order> {
    let (send, orders) = channel();
    let watcher = Watcher { project, tell, suite: Suite::Untold, runs: BTreeMap::new(), followed: None, log: None };
    std::thread::spawn(move || watcher.run(&orders));
    send
}

impl Watcher {
    /// Looks, waits, looks again; `None` from a step means that nobody listens any more.
    fn run(mut self, orders: &Receiver<Order>) -> Option<()> {
        let mut complete = false;
        let (mut everything, mut eager) = (Instant::now(), Instant::now());
        loop {
            let now = Instant::now();
            let all = now >= everything || now < eager;
            if all {
                self.read_suite()?;
                self.list()?;
                everything = now + REST;
            }
            self.look(all)?;
            self.read_log()?;
            if !complete {
                complete = true;
                self.tell.send(Msg::Complete).ok()?;
            }
            match orders.recv_timeout(LIVE) {
                Ok(Order::Look) => (everything, eager) = (now, now + EAGER),
                Ok(Order::Follow(run)) => (self.followed, self.log) = (run, None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn read_suite(&mut self) -> Option<()> {
        let written = fs::metadata(&self.project.file).and_then(|data| data.modified());
        let now = written.map_or(Suite::Missing, Suite::Of);
        if self.suite != now {
            self.suite = now;
            let suite = self.project.suite().map_err(|error| format!("{error:#}"));
            self.tell.send(Msg::Suite(suite)).ok()?;
        }
        Some(())
    }

    fn list(&mut self) -> Option<()> {
        // A folder that can't be read for a moment is no reason to forget its runs.
        let Ok(found) = self.project.runs.list() else { return Some(()) };
        let gone: Vec<RunDir> = self.runs.keys().filter(|run| found.binary_search(run).is_err()).cloned().collect();
        for run in gone {
            self.runs.remove(&run);
            self.tell.send(Msg::Gone(run)).ok()?;
        }
        for run in found {
            let fresh = || Watched { watch: Watch::new(run.clone()), told: None, live: true };
            self.runs.entry(run.clone()).or_insert_with(fresh);
        }
        Some(())
    }

    fn look(&mut self, all: bool) -> Option<()> {
        for (run, watched) in &mut self.runs {
            if !(all || watched.live || self.followed.as_ref() == Some(run)) {
                continue;
            }
            loop {
                let (look, trouble) = match watched.watch.look(LINES) {
                    Ok(look) => (look, None),
                    Err(error) => (Look::default(), Some(error.to_string())),
                };
                let more = look.batch.more;
                let now = (look.status, look.job.clone(), trouble.clone());
                watched.live = look.status.is_some_and(Status::is_live);
                if watched.told.as_ref() != Some(&now) || !look.batch.is_empty() {
                    let first = watched.told.is_none();
                    let experiment = first.then(|| project::experiment(run).map_err(|error| format!("{error:#}")));
                    let (batch, status, job) = (look.batch, look.status, look.job);
                    let news = News { run: run.clone(), experiment, batch, status, job, trouble };
                    watched.told = Some(now);
                    self.tell.send(Msg::News(Box::new(news))).ok()?;
                }
                if !more {
                    break;
                }
            }
        }
        Some(())
    }

    fn read_log(&mut self) -> Option<()> {
        let Some(run) = self.followed.clone() else { return Some(()) };
        let Ok(mut file) = File::open(run.output()) else { return Some(()) };
        let Ok(data) = file.metadata() else { return Some(()) };
        let now = (data.len(), data.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        if self.log == Some(now) {
            return Some(());
        }
        self.log = Some(now);
        let from = data.len().saturating_sub(LOG_BYTES);
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
            return Some(());
        }
        let text = String::from_utf8_lossy(&bytes);
        // The first line of a part may be half a line.
        let lines: Vec<String> = text.lines().skip(usize::from(from > 0)).map(log_line).collect();
        let keep = lines.len().saturating_sub(LOG_LINES);
        self.tell.send(Msg::Log(run, lines[keep..].to_vec())).ok()
    }
}
