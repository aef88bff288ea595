//! The start dialogue: which devices, how a run there compares, and a table of settings to change for this run alone.

mod earlier;
mod editor;
#[cfg(test)]
mod tests;

pub use earlier::Earlier;
pub use editor::{Editor, Typing};

use super::press::moved;
use super::{Cmd, Dialogue, Model, Notice, Start, Where};
use crate::project;
use crate::sight::Sight;
use crate::ui::keys::{Action, Place};
use crossterm::event::KeyEvent;
use mocolab::config::changes;
use mocolab::device::sample::Sample;
use mocolab::device::{Choice, Device, Devices, Wanted};
use mocolab::experiment::need::{self, Need, Sizes};
use mocolab::experiment::{Executor, Experiment, Recipe};
use mocolab::survival::{Advice, Facts, advice};
use std::collections::BTreeSet;

/// Where to train something, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct StartDialogue {
    /// What.
    pub what: Start,
    /// What is trained, changes included; none of a run whose file can't be read.
    pub experiment: Option<Box<Experiment>>,
    /// The devices; none while they are being looked for.
    pub devices: Option<Devices>,
    /// What a job of Slurm would ask for, where there is Slurm: the row below the devices.
    pub slurm: Option<String>,
    /// The row chosen.
    pub cursor: usize,
    /// Rows of GPUs that are to share the batch.
    pub together: BTreeSet<usize>,
    /// Whether a run lives on here; none while it is being looked for.
    pub facts: Option<Facts>,
    /// How long runs like it took, at most one on GPUs and one on the CPU.
    pub earlier: Vec<Earlier>,
    /// The table of settings, where it is open.
    pub editor: Option<Editor>,
}

/// What a key leads to.
#[derive(Debug, PartialEq)]
enum Answer {
    /// The dialogue stays.
    Stay,
    /// It stays, and says why nothing was done.
    Refuse(String),
    /// It closes.
    Leave,
    /// It closes, and this is done.
    Go(Cmd),
}

/// Opens the dialogue.
pub fn ask(model: &mut Model, what: Start) -> Vec<Cmd> {
    let experiment = match &what {
        Start::New(experiment) | Start::Changed(experiment, _) => Some(experiment.clone()),
        Start::Again(run) => {
            model.runs.get(run).and_then(|sight| sight.experiment.as_ref().ok()).map(|known| Box::new(known.clone()))
        }
    };
    model.dialogue = Some(Dialogue::Start(Box::new(StartDialogue {
        what,
        experiment,
        devices: None,
        slurm: None,
        cursor: 0,
        together: BTreeSet::new(),
        facts: None,
        earlier: Vec::new(),
        editor: None,
    })));
    vec![Cmd::FindDevices]
}

/// Fills the dialogue that waits for devices: first where the run was before, else what `mocolab start` would take.
pub fn offer(model: &mut Model, found: Devices, slurm: Option<String>) {
    let Some(Dialogue::Start(dialogue)) = &mut model.dialogue else { return };
    if dialogue.devices.is_some() {
        return;
    }
    let before = match &dialogue.what {
        Start::Again(run) => model.runs.get(run).and_then(|sight| sight.placed(&found)),
        Start::New(_) | Start::Changed(..) => None,
    };
    let row = |name: String| found.devices.iter().position(|device| device.name == name);
    let rows: Vec<usize> = match before.or_else(|| project::default_device(&found).ok()) {
        Some(Choice::Gpus(numbers)) => numbers.iter().filter_map(|number| row(number.to_string())).collect(),
        Some(Choice::Cpu) | None => row("cpu".into()).into_iter().collect(),
    };
    dialogue.cursor = rows.first().copied().unwrap_or(0);
    let far = |of: &Experiment| of.executor == Executor::Slurm;
    if slurm.is_some() && dialogue.experiment.as_deref().is_some_and(far) {
        dialogue.cursor = found.devices.len();
    }
    dialogue.slurm = slurm;
    dialogue.together = if rows.len() > 1 { rows.into_iter().collect() } else { BTreeSet::new() };
    dialogue.devices = Some(found);
    compare(model);
}

/// Takes in what the devices do now: memory is taken and given back while the dialogue is open.
pub fn refresh(model: &mut Model, sample: &Sample) {
    let Some(Dialogue::Start(dialogue)) = &mut model.dialogue else { return };
    for device in dialogue.devices.iter_mut().flat_map(|found| &mut found.devices) {
        let same = sample.gpus.iter().find(|gpu| gpu.uuid.is_some() && gpu.uuid == device.uuid);
        if let Some(gpu) = same {
            device.busy = gpu.busy.or(device.busy);
            device.memory = gpu.memory.map(|memory| (memory.total - memory.free, memory.total)).or(device.memory);
        }
    }
}

/// Takes in what was found out about this machine.
pub fn learn(model: &mut Model, facts: Facts) {
    if let Some(Dialogue::Start(dialogue)) = &mut model.dialogue {
        dialogue.facts = Some(facts);
    }
}

/// Looks again which earlier runs were like what is to be trained.
fn compare(model: &mut Model) {
    let Some(Dialogue::Start(dialogue)) = &mut model.dialogue else { return };
    let runs = model.runs.values();
    dialogue.earlier = dialogue.experiment.as_ref().map_or_else(Vec::new, |what| Earlier::like(what, runs));
}

/// A key with a meaning is pressed.
pub fn press(model: &mut Model, action: Action) -> Vec<Cmd> {
    act(model, |dialogue| dialogue.act(action))
}

/// A key without one is pressed: where a value is typed it is a letter of it.
pub fn typed(model: &mut Model, key: &KeyEvent) -> Vec<Cmd> {
    act(model, |dialogue| {
        if let Some(Editor { typing: Some(typing), .. }) = &mut dialogue.editor {
            typing.press(key);
        }
        Answer::Stay
    })
}

/// Text is pasted where a value is typed.
pub fn paste(model: &mut Model, text: &str) {
    act(model, |dialogue| {
        if let Some(Editor { typing: Some(typing), .. }) = &mut dialogue.editor {
            typing.paste(text);
        }
        Answer::Stay
    });
}

fn act(model: &mut Model, act: impl FnOnce(&mut StartDialogue) -> Answer) -> Vec<Cmd> {
    let Some(Dialogue::Start(dialogue)) = &mut model.dialogue else { return Vec::new() };
    let before = dialogue.experiment.clone();
    let answer = act(dialogue);
    let changed = dialogue.experiment != before;
    match answer {
        Answer::Stay if changed => compare(model),
        Answer::Stay => {}
        Answer::Refuse(text) => model.notice = Some(Notice::Failed(text)),
        Answer::Leave => model.dialogue = None,
        Answer::Go(command) => {
            let command = seen(model, command);
            model.dialogue = None;
            return vec![command];
        }
    }
    Vec::new()
}

/// Of what is started: whether the user sees that a run of the same is under way, or another on the device.
fn seen(model: &Model, command: Cmd) -> Cmd {
    let again = |what: &Start| match what {
        Start::New(of) | Start::Changed(of, _) => underway(model, of).is_some(),
        Start::Again(_) => false,
    };
    match command {
        Cmd::Start(what, Where { device, .. }) => {
            let Some(Dialogue::Start(dialogue)) = &model.dialogue else { return Cmd::Start(what, Where::free(device)) };
            let on = |device: &Device| model.runs.values().any(|sight| sight.trains_on(device, &model.here.boot_id));
            // The CPU is everybody's.
            let taken = dialogue.devices.as_ref().is_some_and(|found| found.those(&device).any(on));
            let (again, force) = (again(&what), taken || device == Choice::Cpu);
            Cmd::Start(what, Where { device, again, force })
        }
        Cmd::Submit(what, _) => {
            let again = again(&what);
            Cmd::Submit(what, again)
        }
        Cmd::Queue(what, wanted, _) => {
            let again = again(&what);
            Cmd::Queue(what, wanted, again)
        }
        command => command,
    }
}

/// A run of the experiment `of` that is at work or waits in a queue.
pub fn underway<'a>(model: &'a Model, of: &Experiment) -> Option<&'a Sight> {
    let same = |sight: &&Sight| sight.experiment.as_ref().is_ok_and(|experiment| experiment.name == of.name);
    let comes = |sight: &&Sight| sight.status.is_live() || (sight.status.is_waiting() && sight.ticket.is_some());
    model.runs.values().filter(same).rfind(comes)
}

impl StartDialogue {
    /// Where a key counts.
    pub fn place(&self) -> Place {
        match &self.editor {
            None => Place::Choice,
            Some(Editor { typing: None, .. }) => Place::Settings,
            Some(_) => Place::Typing,
        }
    }

    /// The experiment as `experiments.toml` has it; none of a run that goes on.
    pub fn file(&self) -> Option<&Experiment> {
        match &self.what {
            Start::New(experiment) | Start::Changed(experiment, _) => Some(experiment),
            Start::Again(_) => None,
        }
    }

    /// What was changed for this run, a line each.
    pub fn changes(&self) -> Vec<String> {
        self.file().zip(self.experiment.as_deref()).map_or_else(Vec::new, |(file, now)| changes(file, now))
    }

    /// The device under the cursor.
    pub fn chosen(&self) -> Option<&Device> {
        self.devices.as_ref()?.devices.get(self.cursor)
    }

    /// About what the run needs on the device of `row`, sharing a batch with those it is marked with.
    pub fn need(&self, row: usize) -> Option<Need> {
        let device = self.devices.as_ref()?.devices.get(row)?;
        let experiment = self.experiment.as_deref()?;
        let gpu = device.name != "cpu";
        let devices = if self.together.contains(&row) { self.together.len() as u64 } else { 1 };
        let bf16 = gpu && device.compute.is_none_or(|(major, _)| major >= 8);
        Some(Need::of(experiment, &Sizes::of(experiment)?, need::Place { devices, gpu, bf16 }))
    }

    /// What to know of this machine before the run is started.
    pub fn advice(&self) -> Vec<Advice> {
        let Some(facts) = &self.facts else { return Vec::new() };
        // A run that goes on has most of its checkpoints already.
        let checkpoints = |need: Need| if self.file().is_some() { need.disk() } else { 2 * need.checkpoint };
        advice(&Facts { checkpoints: self.need(self.cursor).map(checkpoints), ..facts.clone() })
    }

    /// Whether several devices can share its batches: a probe computes features once, on one device.
    pub fn can_share(&self) -> bool {
        let gpus = self.devices.iter().flat_map(|found| &found.devices).filter(|device| device.name != "cpu").count();
        let probe = self.experiment.as_ref().is_some_and(|what| matches!(what.recipe, Recipe::Probe(_)));
        gpus > 1 && !probe
    }

    fn act(&mut self, action: Action) -> Answer {
        if let Some(editor) = &mut self.editor {
            let file = match &self.what {
                Start::New(file) | Start::Changed(file, _) => Some(&**file),
                Start::Again(_) => None,
            };
            let open =
                self.experiment.as_deref_mut().zip(file).is_some_and(|(now, file)| editor.act(action, now, file));
            if !open {
                self.editor = None;
            }
            return Answer::Stay;
        }
        let rows = self.devices.as_ref().map_or(0, |found| found.devices.len() + usize::from(self.slurm.is_some()));
        match action {
            Action::Back => Answer::Leave,
            Action::Enter => self.go(),
            Action::Queue => self.queue(),
            Action::Anywhere => self.queue_anywhere(),
            Action::Mark => self.mark(),
            Action::Edit => self.edit(),
            action => {
                self.cursor = moved(self.cursor, action, rows);
                Answer::Stay
            }
        }
    }

    fn edit(&mut self) -> Answer {
        match (&self.what, &self.experiment) {
            (Start::Again(_), _) => Answer::Refuse("a run goes on with the settings that it began with".into()),
            (_, Some(experiment)) => {
                self.editor = Some(Editor::new(experiment));
                Answer::Stay
            }
            (_, None) => Answer::Stay,
        }
    }

    fn mark(&mut self) -> Answer {
        let Some(device) = self.chosen() else { return Answer::Stay };
        if !self.can_share() {
            return Answer::Refuse("it trains on one device: Enter takes the one under the cursor".into());
        }
        if device.name == "cpu" {
            return Answer::Refuse("the CPU trains alone: mark GPUs to share a batch".into());
        }
        if !self.together.remove(&self.cursor) {
            self.together.insert(self.cursor);
        }
        Answer::Stay
    }

    /// The devices marked, else that under the cursor.
    fn choice(&self) -> Option<Choice> {
        let found = &self.devices.as_ref()?.devices;
        let marked: Vec<&str> = self.together.iter().filter_map(|row| Some(found.get(*row)?.name.as_str())).collect();
        if marked.is_empty() { self.chosen()?.name.parse().ok() } else { marked.join(",").parse().ok() }
    }

    /// Not now, but when its turn has come.
    fn queue(&self) -> Answer {
        match self.go() {
            Answer::Go(Cmd::Start(what, Where { device, .. })) => {
                Answer::Go(Cmd::Queue(what, Wanted::These(device), false))
            }
            answer => answer,
        }
    }

    /// When any device is free.
    fn queue_anywhere(&self) -> Answer {
        match self.go() {
            Answer::Go(Cmd::Start(what, _) | Cmd::Submit(what, _)) => Answer::Go(Cmd::Queue(what, Wanted::Any, false)),
            answer => answer,
        }
    }

    /// Whether the cursor is on Slurm.
    pub fn is_far(&self) -> bool {
        self.slurm.is_some() && self.devices.as_ref().is_some_and(|found| self.cursor == found.devices.len())
    }

    /// What is trained, with its changes.
    fn subject(&self) -> Start {
        match (&self.what, &self.experiment) {
            (Start::New(file), Some(now)) if file != now => Start::Changed(now.clone(), self.changes()),
            (what, _) => what.clone(),
        }
    }

    /// Before the devices are known there is nothing to say yes to.
    fn go(&self) -> Answer {
        if self.is_far() {
            // The trainer would refuse it hours later.
            if let Some(conflict) = self.experiment.as_ref().and_then(|of| of.recipe.conflicts().into_iter().next()) {
                return Answer::Refuse(format!("{}: {}", conflict.message, conflict.help));
            }
            return Answer::Go(Cmd::Submit(self.subject(), false));
        }
        let Some(choice) = self.choice() else { return Answer::Stay };
        if let Some(experiment) = &self.experiment
            && let Err(why) = allowed(experiment, &choice)
        {
            return Answer::Refuse(why);
        }
        Answer::Go(Cmd::Start(self.subject(), Where::free(choice)))
    }
}

/// Whether all settings make sense together and the batch can be shared: the trainer would refuse it a minute later.
fn allowed(experiment: &Experiment, choice: &Choice) -> Result<(), String> {
    if let Some(conflict) = experiment.recipe.conflicts().into_iter().next() {
        return Err(format!("{}: {}", conflict.message, conflict.help));
    }
    let devices = if let Choice::Gpus(numbers) = choice { numbers.len() as u64 } else { 1 };
    let descent = experiment.recipe.descent();
    let (splits, least) = if let Recipe::Moco(moco) = &experiment.recipe { (moco.bn_splits.get(), 2) } else { (1, 1) };
    let parts = descent.accumulate.get() * devices * splits;
    if descent.batch.get() / parts < least {
        return Err(format!(
            "a batch of {} can't be shared by {devices} devices: take fewer, or a larger `batch`",
            descent.batch
        ));
    }
    Ok(())
}
