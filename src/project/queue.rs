//! This machine's queue: putting runs in, and what there is to plan with.

use super::sources::{absolute, head, take_network};
use super::submit::refuse_pending;
use super::{Project, Sources, Underway, experiment, threads};
use crate::sight::Sight;
use anyhow::{Context, bail};
use mocolab::config::{self, Suite};
use mocolab::data;
use mocolab::device::processes::{Kind, Process};
use mocolab::device::sample::{DeviceSample, Mig, Sample};
use mocolab::device::{self, Choice, Devices};
use mocolab::experiment::need::{Need, Place, Sizes};
use mocolab::experiment::{DataSource, Experiment, Name, Origin};
use mocolab::queue::{Live, Slot, Source, Turn, Waiting, Wanted, order, plan};
use mocolab::run::{Claim, Job, RunDir, Ticket, Watch, create_with};
use mocolab::status::{Lock, Status};
use mocolab::survival::{Facts, lasting};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use std::thread;

/// Which machine, in which of its lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Here {
    /// Its name.
    pub host: String,
    /// Tells one boot from the next.
    pub boot_id: String,
}

/// What there is to plan with.
#[derive(Debug, Default)]
pub struct Stand {
    /// What waits, with its run, in the order of their turns.
    pub waiting: Vec<(RunDir, Waiting)>,
    /// What trains, with its run.
    pub live: Vec<(RunDir, Live)>,
    /// Process of what trains, and the memory that it needs of a GPU.
    held: BTreeMap<RunDir, (u32, u64)>,
    /// Processes of what trains.
    pids: BTreeSet<u32>,
}

impl Here {
    /// This machine.
    pub fn now() -> Self {
        Self { host: mocolab::run::host(), boot_id: mocolab::run::boot_id() }
    }
}

impl Project {
    /// A ticket for a run on what is `wanted`, of the GPUs that are there; where `CUDA_VISIBLE_DEVICES` leaves some out, any
    /// is any of the others.
    ///
    /// # Errors
    /// Where one that is wanted isn't there.
    pub fn ticket(wanted: &device::Wanted, found: &Devices) -> anyhow::Result<Ticket> {
        let uuids = if *wanted == device::Wanted::Any {
            let some = std::env::var_os("CUDA_VISIBLE_DEVICES").is_some();
            found.devices.iter().filter(|_| some).filter_map(|device| device.uuid.clone()).collect()
        } else {
            wanted.uuids(found).map_err(anyhow::Error::msg)?
        };
        let device = (*wanted != device::Wanted::Any).then(|| wanted.to_string());
        Ok(Ticket { device, uuids, ..Ticket::default() })
    }

    /// Queues a run of `of`, and before it one of what it takes its weights from, where none is there or under way; all
    /// that is queued goes into `queued`, with what the user should know of it. `ticket` says where they are to be trained;
    /// none of its slots are those of each experiment. Unless `again`, one that is under way is an error, [`Underway`].
    ///
    /// # Errors
    /// Where data or weights can't be found, or a run can't be made; what is in `queued` stays queued.
    pub fn queue(
        &self,
        of: &Experiment,
        sources: &mut Sources,
        (ticket, again): (&Ticket, bool),
        queued: &mut Vec<Queued>,
    ) -> anyhow::Result<()> {
        let _gate = self.runs.gate().with_context(|| format!("locking `{}`", self.runs.path().display()))?;
        if !again && let Some((run, status)) = self.underway(of, sources)? {
            return Err(Underway { run, status }.into());
        }
        self.queue_behind_gate(of, sources, ticket, queued)
    }

    fn queue_behind_gate(
        &self,
        of: &Experiment,
        sources: &mut Sources,
        ticket: &Ticket,
        queued: &mut Vec<Queued>,
    ) -> anyhow::Result<()> {
        let mut awaited = None;
        if let (Some(source), Origin::Experiment { moment, .. }) = (sources.awaited(of)?, of.recipe.origin()) {
            let stands = self.stands(source, *moment, sources).with_context(|| head(of, source))?;
            awaited = match stands.best() {
                Some((run, status)) if is_underway(*status) => Some(run.clone()),
                Some(_) => None,
                None => {
                    self.queue_behind_gate(source, sources, ticket, queued)?;
                    queued.last().map(|(run, _)| run.clone())
                }
            };
        }
        let source = awaited.as_ref().map(|run| absolute(run.path())).transpose()?;
        let slots = if ticket.slots == 0 { of.slots } else { ticket.slots };
        let ticket = Ticket { source, slots, t: mocolab::run::now(), ..ticket.clone() };
        let made = self.begin_with(of, sources, (awaited.as_ref(), Some(&ticket)))?;
        sources.add(&of.name, Ok(made.0.clone()));
        queued.push(made);
        Ok(())
    }

    /// As [`Project::queue`], of one experiment alone.
    ///
    /// # Errors
    /// As there; and where the experiments can't be read again to find what its weights come from.
    pub fn queue_alone(
        &self,
        of: &Experiment,
        ticket: (&Ticket, bool),
        queued: &mut Vec<Queued>,
    ) -> anyhow::Result<()> {
        let named = matches!(of.recipe.origin(), Origin::Experiment { .. });
        let suite = if named { self.suite()? } else { Suite::default() };
        self.queue(of, &mut Sources::new(&suite), ticket, queued)
    }

    /// Sees to it that an agent is at work: starts one, which ends at once where there is another. Returns at once.
    ///
    /// # Errors
    /// Where this program can't be started again.
    pub fn wake_agent(&self) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("finding this program")?;
        self.runs.make()?;
        let path = self.runs.agent("log");
        let log = self.runs.append_agent_log();
        let log = log.with_context(|| format!("opening `{}`", path.display()))?;
        let mut command = lasting(&program, &Facts::gather(self.runs.path()));
        command.arg("--file").arg(std::path::absolute(&self.file)?).arg("--runs").arg(self.runs.path()).arg("agent");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Tickets say which GPUs are meant by their UUIDs: what this shell may see is not what all of them may.
        command.env_remove("CUDA_VISIBLE_DEVICES");
        let mut agent = command.spawn().context("starting the agent")?;
        // It may outlive this process; as long as that lives it leaves no zombie.
        let _ = thread::Builder::new().spawn(move || agent.wait());
        Ok(())
    }

    /// As [`Project::wake_agent`], where a run waits for its start, or somebody is to be told where one crashes.
    ///
    /// # Errors
    /// As there, or where the runs can't be read.
    pub fn wake_if_waiting(&self) -> anyhow::Result<()> {
        let waits = |run: &RunDir| run.ticket().exists() && run.has_turn().unwrap_or(true);
        let watched = |run: &RunDir| run.hooks().exists() && run.probe() == Lock::Held;
        let waits = |run: &RunDir| waits(run) || watched(run);
        if self.runs.list()?.iter().any(waits) { self.wake_agent() } else { Ok(()) }
    }

    /// Writes into `run` who is to be told of it.
    ///
    /// # Errors
    /// Where a file that says so is wrong, or it can't be written.
    fn tell_of(&self, run: &RunDir) -> anyhow::Result<()> {
        let hooks = self.hooks()?;
        if hooks.is_empty() { Ok(()) } else { Ok(run.write_hooks(&hooks)?) }
    }

    /// As [`Project::begin`], with a ticket for the queue; of one whose weights are not there yet the file names the moment of
    /// `awaited` until that is done.
    pub(super) fn begin_with(
        &self,
        of: &Experiment,
        sources: &Sources,
        (awaited, ticket): (Option<&RunDir>, Option<&Ticket>),
    ) -> anyhow::Result<Queued> {
        let data = data::resolve(&of.data, &self.places)?;
        let drawn = data == DataSource::Shapes && of.data != DataSource::Shapes;
        let drawn =
            drawn.then_some("CIFAR-10 was not found: it trains on drawings (`mocolab data get cifar10` brings it)");
        let (recipe, taken) = match awaited {
            Some(source) => {
                let mut recipe = of.recipe.clone();
                take_network(&mut recipe, &experiment(source)?.recipe);
                (recipe, Some(format!("its weights will be those of {}", source.label())))
            }
            None => self.with_origin(of, sources)?,
        };
        let resolved = Experiment { data, threads: threads(of), recipe, ..of.clone() };
        let (now, text) = (jiff::ZonedDateTime::now(), config::snapshot(&resolved));
        let run = create_with(&self.runs, &of.name, &now, (&text, ticket))
            .with_context(|| format!("making a run in `{}`", self.runs.path().display()))?;
        // Who is told of it is no reason not to train.
        let untold = self.tell_of(&run).err().map(|error| format!("nobody will be told of it: {error:#}"));
        Ok((run, drawn.map(str::to_owned).into_iter().chain(taken).chain(untold).collect()))
    }
}

/// A run that was made, with what the user should know of it.
pub type Queued = (RunDir, Vec<String>);

/// Sees to it that a run that was queued can begin: its file names the checkpoint of its source, once that is done. Every
/// launch passes here.
///
/// # Errors
/// Where the source is not done, has no such checkpoint, or the file can't be written.
pub fn settle(run: &RunDir) -> anyhow::Result<()> {
    let Some(Ticket { source: Some(source), .. }) = run.read_ticket()? else { return Ok(()) };
    let mut of = experiment(run)?;
    let Origin::Experiment { moment, .. } = of.recipe.origin() else { return Ok(()) };
    let source = RunDir::new(source);
    let status = Watch::new(source.clone()).status()?;
    if status != Status::Done {
        bail!(
            "`{}` takes its weights from {}, which is {status}: it begins when that is done",
            run.label(),
            source.label()
        );
    }
    let (file, _) = source.checkpoint_of(*moment).map_err(anyhow::Error::msg)?;
    take_network(&mut of.recipe, &experiment(&source)?.recipe);
    *of.recipe.origin_mut() = Origin::Checkpoint(absolute(&file.path)?);
    run.settle(&config::snapshot(&of)).with_context(|| format!("writing `{}`", run.experiment().display()))
}

/// Has a run go on in this machine's queue, on what is `wanted` of the devices that are there, else where it was before.
///
/// # Errors
/// Where a device isn't there or a file can't be read or written.
pub fn requeue(sight: &Sight, (wanted, force): (Option<&device::Wanted>, bool), found: &Devices) -> anyhow::Result<()> {
    let run = &sight.run;
    run.ensure_own()?;
    refuse_pending(sight, force)?;
    let job = sight.job.as_ref();
    let before = run.read_ticket()?;
    let placed = || sight.placed(found).map(device::Wanted::These);
    let asked = || before.as_ref().and_then(|ticket| ticket.device.as_ref()?.parse().ok());
    let wanted = wanted.cloned().or_else(placed).or_else(asked).unwrap_or(device::Wanted::Any);
    let slots = job.map(|job| job.slots).or(before.as_ref().map(|ticket| ticket.slots)).unwrap_or(1).max(1);
    let after = job.map_or(0, |job| job.attempt);
    // Before its first start it may still wait for its weights.
    let source = before.and_then(|ticket| ticket.source).filter(|_| after == 0);
    let ticket = Ticket { after, slots, source, force, ..Project::ticket(&wanted, found)? };
    run.change_notes(|notes| notes.held = false)?;
    run.write_ticket(&ticket).with_context(|| format!("writing `{}`", run.ticket().display()))
}

/// Lets a run in the queue go, and has it tried again where it could not be started.
///
/// # Errors
/// Where its notes or its ticket can't be read or written.
pub fn release(run: &RunDir) -> std::io::Result<()> {
    run.ensure_own().map_err(std::io::Error::other)?;
    run.change_notes(|notes| notes.held = false)?;
    match run.read_ticket()? {
        Some(ticket) if ticket.trouble.is_some() => run.write_ticket(&Ticket { trouble: None, ..ticket }),
        _ => Ok(()),
    }
}

/// Those of `seen` that were at work on this machine when it went down, the earliest launched first.
pub fn interrupted<'a>(seen: impl Iterator<Item = &'a Sight>, here: &Here) -> Vec<&'a Sight> {
    let launched = |sight: &&Sight| sight.job.as_ref().map_or(0.0, |job| job.t);
    let cut = |sight: &&Sight| {
        let local = |job: &&Job| job.executor != "slurm" && job.host == here.host && job.boot_id != here.boot_id;
        let job = sight.job.as_ref().filter(local);
        sight.own && sight.status == Status::Crashed && job.is_some()
    };
    let mut all: Vec<&Sight> = seen.filter(cut).collect();
    all.sort_by(|a, b| launched(a).total_cmp(&launched(b)));
    all
}

/// It will be done, or may be: at work, waiting, or on a machine that can't be asked from here.
pub(super) fn is_underway(status: Status) -> bool {
    status.is_live() || status.is_waiting() || status == Status::Unknown
}

impl Stand {
    /// Of all runs as they are `seen`, those that wait `here`, and those that train here, as `trains` tells. A run is called
    /// by its experiment where no other of that waits or trains.
    pub fn of<'a>(seen: impl Iterator<Item = &'a Sight>, here: &Here, trains: impl Fn(&Sight) -> bool) -> Self {
        let runs: BTreeMap<&RunDir, &Sight> = seen.map(|sight| (&sight.run, sight)).collect();
        let ours = |ticket: &Ticket| ticket.host == here.host && ticket.job.is_none();
        // What somebody else has put here is not started in this user's name.
        let ticket = |sight: &&Sight| sight.own && sight.ticket.as_ref().is_some_and(ours);
        let job = |sight: &&Sight| sight.job.as_ref().is_some_and(|job| job.boot_id == here.boot_id);
        let all = || runs.values().copied();
        let waits: Vec<&Sight> = all().filter(|sight| sight.status.is_waiting()).filter(ticket).collect();
        let live: Vec<&Sight> = all().filter(job).filter(|sight| trains(sight)).collect();
        let mut known: BTreeMap<Option<Name>, BTreeSet<&RunDir>> = BTreeMap::new();
        for sight in waits.iter().chain(&live) {
            known.entry(sight.run.experiment_name()).or_default().insert(&sight.run);
        }
        let name = |run: &RunDir| {
            let experiment = run.experiment_name();
            let others = known.get(&experiment).is_some_and(|runs| runs.iter().any(|other| *other != run));
            experiment.filter(|_| !others).map_or_else(|| run.label(), |experiment| experiment.to_string())
        };
        let waiting: Vec<Waiting> = waits.iter().map(|sight| waiting(sight, &runs, name)).collect();
        Self {
            waiting: order(&waiting).into_iter().map(|at| (waits[at].run.clone(), waiting[at].clone())).collect(),
            live: live.iter().map(|sight| (sight.run.clone(), sight.as_live(name(&sight.run)))).collect(),
            held: live
                .iter()
                .filter_map(|sight| Some((sight.run.clone(), (sight.job.as_ref()?.pid, need(sight)?))))
                .collect(),
            pids: live.iter().filter_map(|sight| sight.job.as_ref()).map(|job| job.pid).collect(),
        }
    }

    /// What becomes of each that waits, on the devices of `sample`.
    pub fn turns(&self, sample: &Sample) -> Vec<Turn> {
        let waiting: Vec<Waiting> = self.waiting.iter().map(|(_, waiting)| waiting.clone()).collect();
        // Runs of other projects have their devices too.
        let path = |run: &RunDir| fs::canonicalize(run.path()).unwrap_or_else(|_| run.path().to_owned());
        let own: Vec<_> =
            if sample.claims.is_empty() { Vec::new() } else { self.live.iter().map(|(run, _)| path(run)).collect() };
        let known = |claim: &&Claim| !own.contains(&claim.run);
        let claimed = |claim: &Claim| {
            let (name, devices) = (RunDir::new(&claim.run).label(), claim.devices.clone());
            Live { name, uuids: devices.clone(), devices, slots: claim.slots }
        };
        let others = sample.claims.iter().filter(known).map(claimed);
        let live: Vec<Live> = self.live.iter().map(|(_, live)| live.clone()).chain(others).collect();
        plan(&waiting, &live, &self.slots(sample))
    }

    /// The devices as the plan sees them: `sample`, and whose processes are not ours. What our runs will need and have not
    /// taken yet is not free.
    fn slots(&self, sample: &Sample) -> Vec<Slot> {
        let usable = |gpu: &&DeviceSample| gpu.health.lost.is_none() && !matches!(gpu.mig, Mig::Cut(_));
        let cpu = Slot { name: "cpu".into(), uuid: None, free: None, total: None, others: false };
        sample.gpus.iter().filter(usable).map(|gpu| self.slot(gpu)).chain([cpu]).collect()
    }

    fn slot(&self, gpu: &DeviceSample) -> Slot {
        let ours: Vec<&RunDir> = self
            .live
            .iter()
            .filter(|(_, live)| live.is_on(&gpu.name, gpu.uuid.as_deref()))
            .map(|(run, _)| run)
            .collect();
        // A desktop draws on a card that trains.
        let computing = |one: &&Process| one.kind != Kind::Graphics;
        let processes: Vec<&Process> = gpu.processes.iter().flatten().filter(computing).collect();
        let foreign = processes.iter().any(|one| !self.pids.contains(&one.pid));
        let full = ours.is_empty() && gpu.memory.is_some_and(|memory| memory.used * 20 >= memory.total);
        let taken =
            |pid: &u32| processes.iter().filter(|one| one.pid == *pid).filter_map(|one| one.memory).sum::<u64>();
        let to_come = self.live.iter().filter(|(run, _)| ours.contains(&run)).filter_map(|(run, _)| self.held.get(run));
        let to_come: u64 = to_come.map(|(pid, need)| need.saturating_sub(taken(pid))).sum();
        Slot {
            name: gpu.name.clone(),
            uuid: gpu.uuid.clone(),
            free: gpu.memory.map(|memory| memory.free.saturating_sub(to_come)),
            total: gpu.memory.map(|memory| memory.total),
            others: if processes.is_empty() { full } else { foreign },
        }
    }
}

/// Bytes that a run needs of a GPU, as far as can be told.
fn need(sight: &Sight) -> Option<u64> {
    let device = sight.ticket.as_ref().and_then(|ticket| ticket.device.as_deref());
    let experiment = sight.experiment.as_ref().ok().filter(|_| device != Some("cpu"))?;
    let devices = device.map_or(1, |names| names.split(',').count() as u64);
    Some(Need::of(experiment, &Sizes::of(experiment)?, Place { devices, gpu: true, bf16: true }).memory)
}

/// Where it is to be trained: GPUs by their UUIDs where those are known.
fn wanted(ticket: &Ticket) -> Wanted {
    let ids = |numbers: &[u32]| match ticket.uuids.as_slice() {
        [] => numbers.iter().map(u32::to_string).collect(),
        uuids => uuids.to_vec(),
    };
    match ticket.device.as_deref().map(str::parse) {
        // What can't be read waits for a device of that name, and says so.
        Some(Err::<device::Wanted, _>(_)) => Wanted::These(ticket.device.iter().cloned().collect()),
        Some(Ok(device::Wanted::These(Choice::Cpu))) => Wanted::These(vec!["cpu".into()]),
        Some(Ok(device::Wanted::These(Choice::Gpus(numbers)))) => Wanted::These(ids(&numbers)),
        Some(Ok(device::Wanted::OneOf(numbers))) => Wanted::OneOf(ids(&numbers)),
        Some(Ok(device::Wanted::Any)) | None if ticket.uuids.is_empty() => Wanted::Any,
        Some(Ok(device::Wanted::Any)) | None => Wanted::OneOf(ticket.uuids.clone()),
    }
}

fn waiting(sight: &Sight, runs: &BTreeMap<&RunDir, &Sight>, name: impl Fn(&RunDir) -> String) -> Waiting {
    let ticket = sight.ticket.clone().unwrap_or_default();
    let wanted = wanted(&ticket);
    Waiting {
        name: name(&sight.run),
        place: sight.notes.place,
        since: ticket.t,
        held: sight.status == Status::Held || sight.notes.held,
        wanted,
        slots: ticket.slots,
        force: ticket.force,
        need: need(sight),
        trouble: ticket.trouble,
        source: ticket.source.map(|source| stand_of(&RunDir::new(source), runs, name)),
    }
}

fn stand_of(source: &RunDir, runs: &BTreeMap<&RunDir, &Sight>, name: impl Fn(&RunDir) -> String) -> Source {
    match runs.get(source) {
        None => Source::Gone(source.label()),
        Some(sight) if sight.status == Status::Done => Source::Done,
        // Without a ticket nobody will start it.
        Some(sight) if sight.status.is_waiting() && sight.ticket.is_none() => {
            Source::Ended(source.label(), sight.standing())
        }
        Some(sight) if is_underway(sight.status) => Source::Underway(name(source)),
        Some(sight) => Source::Ended(source.label(), sight.standing()),
    }
}
