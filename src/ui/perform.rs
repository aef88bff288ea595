//! Does what the model wants done, each thing on a thread of its own, and tells how it went.

mod queue;

use super::model::{Cmd, Msg, Notice, Said, Start, Where};
use super::settings::user_folder;
use super::watcher::{self, Order};
use crate::picture::Picture;
use crate::project::{self, Begun, Project, Underway};
use crate::sight::Sight;
use anyhow::Context;
use mocolab::data::{self, Places, Shown};
use mocolab::device::Devices;
use mocolab::device::sample::Sampler;
use mocolab::embedding::About;
use mocolab::executor::local::{self, Launch};
use mocolab::executor::slurm;
use mocolab::experiment::DataSource;
use mocolab::run::RunDir;
use mocolab::status::Wish;
use mocolab::survival::Facts;
use mocolab::text::log_line;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// How long others may be kept from starting by a launch that says nothing.
const LAUNCH: Duration = Duration::from_secs(20);
/// Time between two questions to Slurm: its controller has many who ask.
const JOBS: Duration = Duration::from_secs(15);
/// Time between two looks at the devices.
const SAMPLE: Duration = Duration::from_secs(1);

/// Where commands are carried out.
pub struct Hands {
    project: Project,
    tell: UnboundedSender<Msg>,
    watcher: Sender<Order>,
    sampler: Sender<bool>,
    jobs: Sender<bool>,
    pictures: Sender<(DataSource, Vec<u32>)>,
    read_only: bool,
}

impl Hands {
    /// Starts watching `project`; all that happens is told to `tell`. Where `read_only`, nothing is written, no cache either.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(project: Project, tell: UnboundedSender<Msg>, read_only: bool) -> anyhow::Result<Self> {
        let watcher = watcher::spawn(project.clone(), tell.clone(), !read_only)?;
        let (sampler, wanted) = channel();
        let (runs, listener) = (project.runs.path().to_owned(), tell.clone());
        begin(move || sample(&runs, &wanted, &listener))?;
        let (jobs, wanted) = channel();
        let (listener, eye) = (tell.clone(), watcher.clone());
        begin(move || look_at_jobs(&wanted, &listener, &eye))?;
        let (pictures, wanted) = channel();
        let (places, listener) = (project.places.clone(), tell.clone());
        begin(move || look_at_pictures(&places, &wanted, &listener))?;
        Ok(Self { project, tell, watcher, sampler, jobs, pictures, read_only })
    }

    /// Carries out `command`; returns at once.
    pub fn perform(&self, command: Cmd) {
        if let Cmd::Attend(attention) = command {
            let _ = self.watcher.send(Order::Whole(attention.whole));
            let _ = self.watcher.send(Order::Follow(attention.log));
            let _ = self.watcher.send(Order::Maps(attention.maps));
            let _ = self.sampler.send(attention.devices);
            let _ = self.jobs.send(attention.jobs);
            return;
        }
        if let Cmd::Pictures(data, numbers) = command {
            let _ = self.pictures.send((data, numbers));
            return;
        }
        let (project, tell, watcher) = (self.project.clone(), self.tell.clone(), self.watcher.clone());
        let read_only = self.read_only;
        let mapped = if let Cmd::Embed(run) = &command { Some(run.clone()) } else { None };
        let begun = begin(move || {
            let Some(message) = act(&project, &tell, &watcher, (command, read_only)) else { return };
            let _ = watcher.send(Order::Look);
            // Nobody listens any more once the user has left.
            let _ = tell.send(message);
        });
        if let Err(error) = begun {
            let message = match mapped {
                Some(run) => Msg::Embedded(run, Err(format!("{error:#}"))),
                None => told(Err::<String, _>(error)),
            };
            let _ = self.tell.send(message);
        }
    }
}

/// Does what takes a while. None for what threads of their own attend to.
fn act(
    project: &Project,
    tell: &UnboundedSender<Msg>,
    watcher: &Sender<Order>,
    (command, read_only): (Cmd, bool),
) -> Option<Msg> {
    Some(match command {
        Cmd::FindDevices => {
            let _ = tell.send(Msg::Facts(Facts::gather(project.runs.path())));
            let suite = project.suite().unwrap_or_default();
            // A file that is wrong is told of where it is submitted.
            let about = slurm::is_here().then(|| Project::slurm(&suite).unwrap_or_default().about());
            Msg::Devices(Devices::find(), about)
        }
        Cmd::Start(what, place) => start(project, tell, watcher, what, place),
        Cmd::Submit(what, again) => queue::submit(project, tell, what, again),
        Cmd::Wake | Cmd::Queue(..) | Cmd::Requeue(_) | Cmd::Hold(_) | Cmd::Release(_) | Cmd::Order(_) => {
            queue::perform(project, tell, command)
        }
        Cmd::Ask(run, wish) => ask(&run, wish),
        Cmd::End(run, now) => end(project, tell, &run, now),
        Cmd::Say(run, said) => say(tell, &run, said),
        Cmd::Embed(run) => {
            let made = local::embed::<About>(&run, &[]).map_err(|error| log_line(&format!("{error:#}")));
            Msg::Embedded(run, made.map(|about| log_line(&about.to_string())))
        }
        Cmd::Copy(what, text) => copied(what, &text, read_only),
        Cmd::Trash(run) => trash(project, tell, &run),
        Cmd::Restore(run, place) => restore(project, tell, &run, place),
        Cmd::Attend(_) | Cmd::Pictures(..) => return None,
    })
}

fn trash(project: &Project, tell: &UnboundedSender<Msg>, run: &RunDir) -> Msg {
    told(project.runs.trash(run).map(|place| {
        let _ = tell.send(Msg::Trashed(run.clone(), place));
        format!("{} is in the trash", run.label())
    }))
}

fn restore(project: &Project, tell: &UnboundedSender<Msg>, run: &RunDir, place: PathBuf) -> Msg {
    let restored = project.runs.restore(run, &place);
    if restored.is_ok() {
        let _ = tell.send(Msg::Restored(run.clone()));
        let _ = project.wake_if_waiting();
    } else if place.exists() {
        // What still lies there can be tried again.
        let _ = tell.send(Msg::Trashed(run.clone(), place));
    }
    told(restored.map(|()| format!("{} is back", run.label())))
}

/// Does `work` on a thread of its own, where the system gives one.
pub(super) fn begin(work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let thread = thread::Builder::new().spawn(work);
    thread.map(drop).context("this system gives no more threads (`ulimit -u`, or the limit of a container)")
}

/// The next word on whether something is wanted, waited for so long; without a time, however long it takes.
fn next(wanted: &Receiver<bool>, wait: Option<Duration>) -> Result<bool, RecvTimeoutError> {
    match wait {
        Some(wait) => wanted.recv_timeout(wait),
        None => wanted.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Asks Slurm how all jobs stand, every few seconds while that is wanted; whoever watches the runs looks then.
fn look_at_jobs(wanted: &Receiver<bool>, tell: &UnboundedSender<Msg>, watcher: &Sender<Order>) {
    let (mut wanting, mut due) = (false, Instant::now());
    loop {
        match next(wanted, wanting.then(|| due.saturating_duration_since(Instant::now()))) {
            Ok(wants) => wanting = wants,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Who looks elsewhere and comes back is no reason to ask sooner.
        if !wanting || Instant::now() < due {
            continue;
        }
        due = Instant::now() + JOBS;
        if slurm::is_here() {
            let listing = slurm::look();
            let _ = watcher.send(Order::Look);
            if tell.send(Msg::Jobs(listing)).is_err() {
                return;
            }
        }
    }
}

/// Looks at the devices every second while that is wanted.
fn sample(runs: &std::path::Path, wanted: &Receiver<bool>, tell: &UnboundedSender<Msg>) {
    let (began, mut sampler) = (Instant::now(), None);
    let mut wanting = false;
    loop {
        match next(wanted, wanting.then_some(SAMPLE)) {
            Ok(wants) => wanting = wants,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if wanting {
            let sampler = sampler.get_or_insert_with(|| Sampler::new(runs));
            let sample = Box::new(sampler.sample());
            if tell.send(Msg::Sampled(sample, began.elapsed().as_secs_f64())).is_err() {
                return;
            }
        }
    }
}

/// Reads single test pictures, one request after the other; those that wait are read at once.
fn look_at_pictures(places: &Places, wanted: &Receiver<(DataSource, Vec<u32>)>, tell: &UnboundedSender<Msg>) {
    while let Ok((data, mut numbers)) = wanted.recv() {
        let mut other = None;
        for (of, more) in wanted.try_iter() {
            if of == data {
                numbers.extend(more);
            } else {
                other = Some((of, more));
            }
        }
        for (data, numbers) in std::iter::once((data, numbers)).chain(other) {
            let (pictures, trouble) = pictures(places, &data, &numbers);
            if tell.send(Msg::Pictures(data, pictures, trouble)).is_err() {
                return;
            }
        }
    }
}

/// The pictures that can be read, and what is wrong with one that can't.
fn pictures(places: &Places, data: &DataSource, numbers: &[u32]) -> (Vec<(u32, Picture)>, Option<String>) {
    let picture = |shown: Shown| (shown.number, Picture { width: shown.width, pixels: shown.pixels });
    match data::test_pictures(data, places, numbers) {
        Ok(all) => (all.into_iter().map(picture).collect(), None),
        Err(error) if numbers.len() < 2 => (Vec::new(), Some(log_line(&error.to_string()))),
        // One that is gone does not hide the others.
        Err(_) => {
            let each = numbers.iter().map(|number| pictures(places, data, std::slice::from_ref(number)));
            each.fold((Vec::new(), None), |(mut all, trouble), (more, other)| {
                all.extend(more);
                (all, trouble.or(other))
            })
        }
    }
}

fn ask(run: &RunDir, wish: Wish) -> Msg {
    let verb = if wish == Wish::Pause { "pause" } else { "stop" };
    told(local::ask(run, wish).map(|_| format!("asked {} to {verb}", run.label())))
}

fn end(project: &Project, tell: &UnboundedSender<Msg>, run: &RunDir, now: bool) -> Msg {
    // One that was never launched is nothing without its job of Slurm.
    if matches!(run.read_job(), Ok(None)) && run.has_turn().unwrap_or(false) {
        let cancelled = local::end(run, now).map_err(anyhow::Error::from).and_then(|()| Ok(project.runs.trash(run)?));
        return told(cancelled.map(|place| {
            let _ = tell.send(Msg::Trashed(run.clone(), place));
            format!("cancelled {}; it is in the trash", run.label())
        }));
    }
    let word = if now { "killed" } else { "sent SIGTERM to" };
    told(local::end(run, now).map(|()| format!("{word} {}", run.label())))
}

/// Says something of a run, and tells what is said of it now.
fn say(tell: &UnboundedSender<Msg>, run: &RunDir, said: Said) -> Msg {
    let noted = run.change_notes(|notes| match said {
        Said::Note(note) => notes.note = note,
        Said::Tags(tags) => notes.tags = tags,
    });
    told(noted.map(|notes| {
        let _ = tell.send(Msg::Noted(run.clone(), notes));
        format!("noted of {}", run.label())
    }))
}

fn copied(what: &str, text: &str, read_only: bool) -> Msg {
    let bytes = text.len();
    Msg::Notice(match (!read_only).then(|| keep(text)).flatten() {
        None => Notice::Done(format!("copied {what} ({bytes} bytes), if the terminal allows it")),
        Some(Ok(path)) => Notice::Done(format!("copied {what} ({bytes} bytes); also in {}", path.display())),
        Some(Err(error)) => Notice::Failed(format!("copied {what} to the terminal alone: {error}")),
    })
}

/// Keeps what was copied in a file of the user's own too: not every terminal takes it into its clipboard. None without a
/// home.
fn keep(text: &str) -> Option<std::io::Result<PathBuf>> {
    let state = user_folder(|name| std::env::var_os(name), "XDG_STATE_HOME", ".local/state")?;
    let path = state.join("mocolab").join("copied.txt");
    let write = || {
        std::fs::create_dir_all(state.join("mocolab"))?;
        std::fs::write(&path, text)
    };
    Some(write().map(|()| path.clone()))
}

fn told<E: Into<anyhow::Error>>(result: Result<String, E>) -> Msg {
    Msg::Notice(match result {
        Ok(text) => Notice::Done(text),
        Err(error) => Notice::Failed(log_line(&format!("{:#}", error.into()))),
    })
}

/// Writes into the notes of a new run what its settings were changed to, and says so.
fn changed(run: &RunDir, told: &mut Vec<String>, changes: &[String]) {
    let note = format!("changed for this run: {}", changes.join(", "));
    if let Err(error) = run.change_notes(|notes| notes.note.clone_from(&note)) {
        told.push(format!("its notes can't be written: {error}"));
    }
    told.push(note);
}

/// What the user should know of a new run, after the word that it was made.
fn tail(notes: &[String]) -> String {
    notes.iter().flat_map(|note| ["; ", note]).collect()
}

/// A run with notes on it, what it had printed and the attempt before, the launcher, and the gate of starts.
type Launched = (RunDir, Vec<String>, (u64, Option<u32>), std::process::Child, Option<std::fs::File>);

/// Launches, and waits for the process that became the trainer, so that it leaves no zombie. Says so at once where the
/// launch fails; what happens to a training later is in its record. Where another was quicker, that one is shown.
fn start(project: &Project, tell: &UnboundedSender<Msg>, watcher: &Sender<Order>, what: Start, place: Where) -> Msg {
    let Where { device, again, force } = place;
    let launched = || -> anyhow::Result<Launched> {
        let (run, notes, gate) = match what {
            Start::New(experiment) => {
                let Begun { run, notes, gate } = project.begin_alone(&experiment, again)?;
                (run, notes, Some(gate))
            }
            Start::Changed(experiment, changes) => {
                let Begun { run, mut notes, gate } = project.begin_alone(&experiment, again)?;
                changed(&run, &mut notes, &changes);
                (run, notes, Some(gate))
            }
            Start::Again(run) => {
                project::refuse_pending(&Sight::glimpse(run.clone()), false)?;
                (run, Vec::new(), None)
            }
        };
        let before = (project::printed(&run), attempt(&run));
        let slots = project::experiment(&run).map_or(1, |experiment| experiment.slots);
        let launch = Launch { slots, force, ..Launch::on(device.clone()) };
        let child = project::launcher(&run, &launch)?.spawn().context("starting the launcher")?;
        Ok((run, notes, before, child, gate))
    };
    let (run, notes, (before, attempt), mut child, gate) = match launched() {
        Ok(launched) => launched,
        Err(error) => return not_begun(tell, watcher, error),
    };
    let _ = watcher.send(Order::Look);
    let _ = tell.send(Msg::Made(run.clone()));
    let started = format!("started {} on {device}{}", run.label(), tail(&notes));
    let _ = tell.send(Msg::Notice(Notice::Done(started)));
    // What waits for it goes on when it is done; before its job is written it looks as if it had ended.
    let deadline = Instant::now() + LAUNCH;
    while attempt == self::attempt(&run) && matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    drop(gate);
    let _ = project.wake_if_waiting();
    match child.wait() {
        // Without a code a signal ended it: the list shows it crashed.
        Ok(code) if code.success() || code.code().is_none() => Msg::Redraw,
        Ok(_) => {
            let told = project::said(&run, before, 5).into_iter().rfind(|line| !line.starts_with("ended:"));
            Msg::Notice(Notice::Failed(format!("{}: {}", run.label(), told.unwrap_or_else(|| "failed".into()))))
        }
        Err(error) => told(Err::<String, _>(error)),
    }
}

/// Says why nothing was begun; one that another began meanwhile is shown.
fn not_begun(tell: &UnboundedSender<Msg>, watcher: &Sender<Order>, error: anyhow::Error) -> Msg {
    let Some(underway) = error.downcast_ref::<Underway>() else { return told(Err::<String, _>(error)) };
    let _ = watcher.send(Order::Look);
    let _ = tell.send(Msg::Made(underway.run.clone()));
    Msg::Notice(Notice::Done(format!("{underway}: no other is started")))
}

/// The attempt of a run that was launched last.
fn attempt(run: &RunDir) -> Option<u32> {
    run.read_job().ok().flatten().map(|job| job.attempt)
}
