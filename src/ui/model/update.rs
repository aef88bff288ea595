//! One message changes the model and says what is to be done.

use super::press::{click, paste, press};
use super::toast::Known;
use super::{Cmd, Dialogue, LOG_LINES, Model, Msg, News, Notice, Screen, start};
use crate::project::interrupted;
use crate::sight::Sight;
use crate::ui::list::Target;
use mocolab::run::{Listing, RunDir};
use mocolab::state::Depth;
use mocolab::status::Status;

/// Seconds between two looks whether an agent is at work.
const WAKE: f64 = 10.0;

/// Takes in what happened.
pub fn update(model: &mut Model, message: Msg) -> Vec<Cmd> {
    model.let_go();
    let mut commands = match model.hold(message) {
        Some(message) => take(model, message),
        None => Vec::new(),
    };
    commands.extend(model.attend());
    commands.extend(model.look_at_pictures());
    commands
}

/// What Slurm says of its jobs. That it does not answer is said once.
fn hear_of_jobs(model: &mut Model, listing: Listing) {
    let silent = |listing: &Listing| listing.jobs.is_none();
    match (model.jobs.as_ref().is_some_and(silent), silent(&listing)) {
        (false, true) => {
            model.notice = Some(Notice::Failed("Slurm does not answer: how its jobs stand is not known".into()));
        }
        (true, false) => model.notice = Some(Notice::Done("Slurm answers again".into())),
        _ => {}
    }
    model.jobs = Some(listing);
}

/// All runs are known. What was left waiting, by a machine that went down, say, goes on; whether what it cut off does is
/// asked.
fn complete(model: &mut Model) -> Option<Cmd> {
    model.complete = true;
    if model.read_only {
        return None;
    }
    let cut = interrupted(model.runs.values(), &model.here);
    let cut: Vec<RunDir> = cut.into_iter().map(|sight| sight.run.clone()).collect();
    if !cut.is_empty() && model.dialogue.is_none() {
        model.dialogue = Some(Dialogue::Interrupted(cut));
    }
    (!model.queued().0.is_empty()).then_some(Cmd::Wake)
}

pub(super) fn take(model: &mut Model, message: Msg) -> Vec<Cmd> {
    // Rows are made anew where they can be others.
    let pressed = matches!(&message, Msg::Key(_) | Msg::Mouse(..) | Msg::Paste(_) | Msg::Made(_) | Msg::Restored(_));
    if pressed && model.rows.stale {
        model.arrange();
    }
    // Rows are made anew where they can be others; not before they are seen or asked.
    model.rows.stale |= !matches!(
        &message,
        Msg::Redraw
            | Msg::Map(..)
            | Msg::Pictures(..)
            | Msg::MapSteps(..)
            | Msg::Log(..)
            | Msg::Sampled(..)
            | Msg::Notice(_)
    );
    model.map.tick(model.now);
    let mut commands = Vec::new();
    match message {
        Msg::Key(key) => commands = press(model, &key),
        Msg::Mouse(mouse, area) => commands = click(model, mouse, area),
        Msg::Paste(text) => paste(model, &text),
        Msg::Redraw | Msg::Tick => {}
        about @ (Msg::Map(..) | Msg::MapSteps(..) | Msg::Pictures(..) | Msg::Embedded(..)) => {
            model.learn_of_maps(about);
        }
        Msg::Suite(suite) => model.suite = Some(suite),
        Msg::News(news) => hear(model, *news),
        Msg::Found(all) => all.into_iter().for_each(|news| hear(model, news)),
        Msg::Complete => commands.extend(complete(model)),
        Msg::Jobs(listing) => hear_of_jobs(model, listing),
        Msg::Gone(run) => forget(model, &run),
        Msg::Log(run, lines, total) => show_log(model, &run, (lines, total)),
        Msg::Devices(devices, slurm) => start::offer(model, devices, slurm),
        Msg::Facts(facts) => start::learn(model, facts),
        Msg::Sampled(sample, at) => {
            model.history.take(&sample, at);
            start::refresh(model, &sample);
            model.sample = Some(*sample);
            // An agent that was killed, or went down with the machine, is at work again when somebody looks.
            if model.screen == Screen::Queue
                && !model.read_only
                && model.now > model.woken + WAKE
                && model.queue_is_due()
            {
                model.woken = model.now;
                commands.push(Cmd::Wake);
            }
        }
        Msg::Notice(notice) => model.notice = Some(notice),
        Msg::Made(run) => choose(model, run),
        Msg::Trashed(run, place) => model.trash.push((run, place)),
        Msg::Restored(run) => model.list.choose(&model.rows, Target::Run(run)),
        Msg::Noted(run, notes) => _ = model.runs.get_mut(&run).map(|sight| sight.notes = notes),
    }
    if model.rows.stale && model.screen == Screen::List {
        model.arrange();
    }
    commands
}

impl Model {
    /// Somebody waits for it: it is shown at once, and not with the next frame of data.
    pub fn awaits(&self, message: &Msg) -> bool {
        let whole = |news: &News| news.reading.as_ref().is_some_and(|reading| reading.state.depth == Depth::Whole);
        match message {
            Msg::News(news) => !self.complete || whole(news),
            Msg::Found(all) => !self.complete || all.iter().any(whole),
            Msg::Log(..) => self.log.is_empty(),
            Msg::Sampled(..) => self.sample.is_none(),
            _ => true,
        }
    }

    /// Takes in what is told of maps.
    fn learn_of_maps(&mut self, message: Msg) {
        match message {
            Msg::Map(run, map) => self.map.take(&run, map),
            Msg::MapSteps(run, steps) => self.map.keep(&run, &steps),
            Msg::Pictures(data, pictures, trouble) => self.map.see(&data, pictures, trouble),
            Msg::Embedded(run, made) => self.mapped(&run, made),
            _ => {}
        }
    }

    /// A map was made of a run, or not.
    fn mapped(&mut self, run: &RunDir, made: Result<String, String>) {
        self.map.making.remove(run);
        self.notice = Some(match made {
            Ok(about) => Notice::Done(format!("map of {}, {about}", run.label())),
            Err(trouble) => Notice::Failed(format!("map of {}: {trouble}", run.label())),
        });
    }

    /// Asks for the pictures under the cursor of a map.
    fn look_at_pictures(&mut self) -> Option<Cmd> {
        let Screen::Map(_) = self.screen else { return None };
        let (map, wanted) = self.map.wanted()?;
        Some(Cmd::Pictures(map.about.data.clone(), wanted))
    }

    /// Makes the rows of the list anew; the cursor stays on what it was on.
    pub(super) fn arrange(&mut self) {
        let Self { rows, list, runs, suite, now, .. } = self;
        let suite = suite.as_ref().and_then(|suite| suite.as_ref().ok());
        rows.rebuild(suite, runs, list, *now);
        list.settle(rows);
        rows.stale = false;
    }
}

fn hear(model: &mut Model, news: News) {
    let run = news.run.clone();
    let before = model.runs.get(&run).and_then(Known::of);
    let sight = model.runs.entry(news.run.clone()).or_insert_with(|| Sight::unread(news.run));
    if let Some(experiment) = news.experiment {
        sight.experiment = experiment;
    }
    if let Some(reading) = news.reading {
        sight.begin(*reading);
    }
    sight.take(&news.batch);
    sight.status = news.status.unwrap_or(sight.status);
    sight.job = news.job;
    (sight.notes, sight.ticket) = (news.notes, news.ticket);
    sight.trouble = news.trouble;
    if let Some(before) = before {
        model.tell(&run, &before);
    }
}

fn forget(model: &mut Model, run: &RunDir) {
    model.runs.remove(run);
    model.list.forget(run);
    model.baseline = model.baseline.take().filter(|baseline| baseline != run);
    match &mut model.screen {
        Screen::Run(shown) | Screen::Classes(shown) | Screen::Log(shown) | Screen::Map(shown) if shown == run => {
            model.notice = Some(Notice::Failed(format!("{} is gone from the disk", run.label())));
            model.leave();
        }
        Screen::Compare(runs) => {
            // The others are measured by the same one as before.
            let baseline = model.compare.baseline.and_then(|at| runs.get(at)).cloned();
            runs.retain(|shown| shown != run);
            model.compare.baseline = baseline.and_then(|baseline| runs.iter().position(|run| *run == baseline));
            if runs.len() < 2 {
                model.leave();
            }
        }
        _ => {}
    }
}

fn show_log(model: &mut Model, run: &RunDir, (mut lines, total): (Vec<String>, u64)) {
    if model.followed() == Some(run) {
        lines.drain(..lines.len().saturating_sub(LOG_LINES));
        model.log_look.grown(total.saturating_sub(model.log_total) as usize, lines.len());
        (model.log, model.log_total) = (lines, total);
    }
}

/// A run this screen has started: the list has it chosen, a run's screen shows it. The watcher may not have seen it yet.
fn choose(model: &mut Model, run: RunDir) {
    let launched = || Sight { status: Status::Starting, ..Sight::unread(run.clone()) };
    model.runs.entry(run.clone()).or_insert_with(launched);
    model.arrange();
    model.list.choose(&model.rows, Target::Run(run.clone()));
    if let Screen::Run(shown) = &model.screen
        && *shown != run
    {
        model.show(Screen::Run(run));
    }
}
