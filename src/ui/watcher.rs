//! The thread that reads: the experiments, the runs, the log of the run in front. It sends only what changed. Runs that the
//! screen shows whole are read whole, all others as far as a list shows them; those at rest are not opened again.

mod watched;

use super::model::{LOG_LINES, Msg, News};
use super::perform::begin;
use crate::project::Project;
use mocolab::run::{MapFile, Output, RunDir};
use mocolab::text::log_line;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedSender;
use watched::Watched;

/// Between two looks at runs that live.
const LIVE: Duration = Duration::from_millis(250);
/// Between two looks at all others, and at the folder.
const REST: Duration = Duration::from_millis(2500);
/// After something was done here, everything is looked at as often as what lives.
const EAGER: Duration = Duration::from_secs(5);
/// A run at rest is opened once in so many looks, though nothing shows that it was written to.
const ANYWAY: usize = 60;
/// The folder is listed once in so many looks, though nothing shows that a run came or went.
const RELIST: usize = 5;
/// What is read or kept when nothing else is to be done gets a quarter of the time.
const SLICE: Duration = Duration::from_millis(25);
const PAUSE: Duration = Duration::from_millis(75);

/// What the watcher is told.
#[derive(Debug)]
pub enum Order {
    /// Look at everything now.
    Look,
    /// Follow the log of this run, and read it whole.
    Follow(Option<RunDir>),
    /// Read these runs whole, and no others but the one followed.
    Whole(BTreeSet<RunDir>),
    /// Read the maps of this run.
    Maps(Option<RunDir>),
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
    /// When the folders of the runs were written to.
    folders: Option<Vec<(PathBuf, SystemTime)>>,
    /// Looks at all so far.
    round: usize,
    whole: BTreeSet<RunDir>,
    followed: Option<(RunDir, Output)>,
    /// The run whose maps are read.
    mapped: Option<RunDir>,
    /// The run whose maps were told last, the names that lay there, and the maps; none before they were looked for.
    told: Option<(RunDir, Vec<OsString>, Vec<MapFile>)>,
    /// Runs that may be worth a cache.
    to_keep: BTreeSet<RunDir>,
    /// Caches are written.
    keep: bool,
}

/// Starts the thread, which writes caches where `keep`. It ends when nobody listens.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn(project: Project, tell: UnboundedSender<Msg>, keep: bool) -> anyhow::Result<Sender<Order>> {
    let (send, orders) = channel();
    let watcher = Watcher { keep, ..Watcher::new(project, tell) };
    begin(move || _ = watcher.run(&orders))?;
    Ok(send)
}

impl Watcher {
    fn new(project: Project, tell: UnboundedSender<Msg>) -> Self {
        let (runs, whole, to_keep) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let (suite, folders, followed) = (Suite::Untold, None, None);
        Self {
            project,
            tell,
            suite,
            runs,
            folders,
            round: 0,
            whole,
            followed,
            mapped: None,
            told: None,
            to_keep,
            keep: true,
        }
    }

    /// Looks, waits, looks again; `None` from a step means that nobody listens any more.
    fn run(mut self, orders: &Receiver<Order>) -> Option<()> {
        let now = Instant::now();
        let (mut live, mut everything, mut eager) = (now, now, now);
        self.look_at_all(true)?;
        self.tell.send(Msg::Complete).ok()?;
        loop {
            let now = Instant::now();
            if now >= live {
                let all = now >= everything || now < eager;
                if all {
                    self.look_at_all(false)?;
                    everything = now + REST;
                } else {
                    self.look(|_, watched| watched.is_live())?;
                }
                self.read_log()?;
                self.read_maps()?;
                // Where nothing lives there is nothing to be looked at more often.
                let lives = self.followed.is_some() || self.runs.values().any(Watched::is_live);
                live = now + if lives || now < eager { LIVE } else { REST };
            }
            let left = self.use_spare_time()?;
            let wait = live.saturating_duration_since(Instant::now());
            match orders.recv_timeout(if left { wait.min(PAUSE) } else { wait }) {
                Ok(order) => {
                    for order in std::iter::once(order).chain(orders.try_iter()) {
                        if matches!(order, Order::Look) {
                            (live, everything, eager) = (now, now, now + EAGER);
                        }
                        self.obey(order);
                    }
                    self.look(|_, _| false)?;
                    self.read_log()?;
                    self.read_maps()?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Look => {}
            Order::Follow(run) => self.followed = run.map(|run| (run.clone(), Output::new(&run, LOG_LINES))),
            Order::Whole(runs) => self.whole = runs,
            Order::Maps(run) => {
                // The screen has let go of what was told of another run.
                let another = |run: &RunDir| self.told.as_ref().is_some_and(|(told, ..)| told != run);
                if run.as_ref().is_some_and(another) {
                    self.told = None;
                }
                self.mapped = run;
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

    fn look_at_all(&mut self, first: bool) -> Option<()> {
        self.read_suite()?;
        self.list()?;
        self.round += 1;
        let round = self.round;
        self.look(|number, watched| watched.may_be_new(first || (round + number).is_multiple_of(ANYWAY)))
    }

    fn list(&mut self) -> Option<()> {
        // A folder that can't be read for a moment is no reason to forget its runs.
        let before = std::mem::replace(&mut self.folders, self.project.runs.stamp());
        if self.folders.is_some() && self.folders == before && !self.round.is_multiple_of(RELIST) {
            return Some(());
        }
        let Ok(found) = self.project.runs.list() else { return Some(()) };
        let gone: Vec<RunDir> = self.runs.keys().filter(|run| found.binary_search(run).is_err()).cloned().collect();
        for run in gone {
            self.runs.remove(&run);
            self.tell.send(Msg::Gone(run)).ok()?;
        }
        for run in found {
            self.runs.entry(run.clone()).or_insert_with(|| Watched::new(run));
        }
        Some(())
    }

    /// Looks at the runs that are wanted whole or were, and at those that are `due`, as many at once as there are
    /// processors, and tells all that is new at once.
    fn look(&mut self, mut due: impl FnMut(usize, &mut Watched) -> bool) -> Option<()> {
        let whole = |run: &RunDir| self.whole.contains(run) || self.followed.as_ref().is_some_and(|(it, _)| it == run);
        let mut looks: Vec<(bool, &mut Watched)> = Vec::new();
        for (number, (run, watched)) in self.runs.iter_mut().enumerate() {
            let wanted = whole(run);
            // Both are asked: the second looks at the disk for the next time.
            if watched.is_whole() != wanted {
                self.to_keep.insert(run.clone());
                looks.push((wanted, watched));
            } else if due(number, watched) || (wanted && watched.is_live()) {
                looks.push((wanted, watched));
            }
        }
        // What is shown whole comes first, and each as soon as it is there.
        let (mut front, mut others): (Vec<_>, Vec<_>) = looks.into_iter().partition(|(wanted, _)| *wanted);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
        let (each, all) = (front.chunks_mut(threads), others.chunks_mut(usize::MAX));
        for looks in each.chain(all) {
            say(&self.tell, look_at_once(looks, threads))?;
            let grown = looks.iter().filter(|(_, watched)| watched.has_grown());
            self.to_keep.extend(grown.map(|(_, watched)| watched.run().clone()));
        }
        Some(())
    }

    /// Reads more of what was only glimpsed at, and writes caches, newest runs first. Returns whether there is more to do.
    fn use_spare_time(&mut self) -> Option<bool> {
        let end = Instant::now() + SLICE;
        while let Some(run) = self.to_keep.pop_last() {
            if let Some(watched) = self.runs.get_mut(&run) {
                watched.keep(self.keep);
            }
            if Instant::now() > end {
                return Some(true);
            }
        }
        let mut news = Vec::new();
        for (run, watched) in self.runs.iter_mut().rev().filter(|(_, watched)| watched.is_shallow()) {
            news.extend(watched.deepen());
            self.to_keep.insert(run.clone());
            if Instant::now() > end {
                break;
            }
        }
        let more = !news.is_empty();
        say(&self.tell, news)?;
        Some(more || !self.to_keep.is_empty())
    }

    /// Tells the maps that have come, the newest first, and which there are.
    fn read_maps(&mut self) -> Option<()> {
        let Some(run) = self.mapped.clone() else { return Some(()) };
        let (names, told) = (run.map_names(), self.told.take().filter(|(of, ..)| *of == run));
        if let Some(same) = told.as_ref().filter(|(_, before, _)| *before == names) {
            self.told = Some(same.clone());
            return Some(());
        }
        let before = told.map(|(_, _, files)| files).unwrap_or_default();
        let say = |map| self.tell.send(Msg::Map(run.clone(), map)).ok();
        let files = match run.map_files() {
            Ok(files) => files,
            Err(error) => return say(Err(log_line(&error.to_string()))),
        };
        self.tell.send(Msg::MapSteps(run.clone(), files.iter().map(|file| file.step).collect())).ok()?;
        for file in files.iter().rev().filter(|file| !before.contains(file)) {
            match file.read() {
                Ok(map) => say(Ok(Arc::new(map)))?,
                // Another has taken its place meanwhile: the next look finds that.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => say(Err(log_line(&error.to_string())))?,
            }
        }
        self.told = Some((run, names, files));
        Some(())
    }

    fn read_log(&mut self) -> Option<()> {
        let Some((run, output)) = &mut self.followed else { return Some(()) };
        if matches!(output.read(), Ok(true)) {
            self.tell.send(Msg::Log(run.clone(), output.lines(), output.total())).ok()?;
        }
        Some(())
    }
}

/// Tells all that is new at once; nothing where nothing is.
fn say(tell: &UnboundedSender<Msg>, mut news: Vec<News>) -> Option<()> {
    let message = match news.len() {
        0 => return Some(()),
        1 => Msg::News(Box::new(news.remove(0))),
        _ => Msg::Found(news),
    };
    tell.send(message).ok()
}

/// Looks at runs, `true` where one is wanted whole.
fn look_at_once(looks: &mut [(bool, &mut Watched)], threads: usize) -> Vec<News> {
    let look = |(whole, watched): &mut (bool, &mut Watched)| watched.look(*whole);
    if looks.len() == 1 {
        return looks.iter_mut().filter_map(look).collect();
    }
    let left = Mutex::new(looks.iter_mut());
    let work = || std::iter::from_fn(|| left.lock().ok()?.next()).filter_map(look).collect::<Vec<News>>();
    thread::scope(|scope| {
        // Where the system gives no more threads, this one does it all.
        let others = (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
        let others: Vec<_> = others.collect();
        let own = work();
        others.into_iter().flat_map(|other| other.join().unwrap_or_default()).chain(own).collect()
    })
}

#[cfg(test)]
mod tests;
