//! What a run is now. Derived from evidence, never stored: one pure function, so that every view gives the same answer
//! and no crash can leave a wrong one behind.

use crate::event::Outcome;
use std::fmt;

/// All that can be known of a run from outside, for its latest attempt. Time has already been turned into facts by the
/// watcher, which compares a heartbeat's changes with its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The attempt that the launcher started last; none before the first start.
    pub job: Option<u32>,
    /// Held back by the user or by a failed source.
    pub held: bool,
    /// The latest attempt in the events; 0 without any.
    pub attempt: u32,
    /// How that attempt ended, if it says so.
    pub ended: Option<Outcome>,
    /// What probing the lock file said.
    pub lock: Lock,
    /// What the heartbeat file shows.
    pub heartbeat: Heartbeat,
    /// What the scheduler says of the job.
    pub scheduler: Scheduler,
    /// What the user asked of which attempt.
    pub request: Option<(u32, Wish)>,
    /// The attempt after which it is to be started by a queue, where it has a ticket; 0 is before the first.
    pub ticket: Option<u32>,
}

/// What probing the lock said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Some process holds it.
    Held,
    /// No process holds it: the trainer is gone, however it went.
    Free,
    /// The answer can't be trusted: another host's job, or a file system without locks.
    Untold,
}

/// What the heartbeat shows, by the watcher's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// There is none, or it has not been watched long enough to tell.
    Untold,
    /// It moved lately.
    Moving,
    /// It has not moved for half a minute.
    Silent,
}

/// What the scheduler says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// No scheduler has this run.
    None,
    /// Waiting for its turn, or requeued.
    Pending,
    /// On a node.
    Running,
    /// Not known to it any more.
    Gone,
    /// It does not answer.
    Silent,
}

/// What a user can ask of a running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Save and end.
    Stop,
    /// Save and end, to be continued.
    Pause,
    /// Save and go on.
    Checkpoint,
    /// End: SIGTERM was sent.
    Terminate,
    /// Be gone: SIGKILL was sent.
    Kill,
}

/// What a run is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its start, the first or a further one.
    Queued,
    /// Waits until it is let go.
    Held,
    /// Launched, no event yet.
    Starting,
    /// Training.
    Running,
    /// Training, about to save and pause.
    Pausing,
    /// Training, about to save and stop.
    Stopping,
    /// Told to end by SIGTERM, not gone yet.
    Terminating,
    /// Paused or requeued: a checkpoint waits to be continued.
    Suspended,
    /// All steps done.
    Done,
    /// Stopped by the user.
    Stopped,
    /// Ended by itself with a cause.
    Failed,
    /// Ended by force, on request.
    Killed,
    /// Gone without a word: killed by something else, or the machine went down.
    Crashed,
    /// Can't be told from here.
    Unknown,
}

impl Status {
    /// All of them, in the order in which a list shows them.
    pub const ALL: [Self; 14] = [
        Self::Queued,
        Self::Held,
        Self::Starting,
        Self::Running,
        Self::Pausing,
        Self::Stopping,
        Self::Terminating,
        Self::Suspended,
        Self::Done,
        Self::Stopped,
        Self::Failed,
        Self::Killed,
        Self::Crashed,
        Self::Unknown,
    ];

    /// Derives the status. The rules, in order:
    ///
    /// 1. never launched and nothing said: held or queued; gone where the scheduler that had it has it no longer;
    /// 2. the launched attempt is not done and not seen to live, and a ticket asks for the next, which no scheduler has
    ///    lost: held or queued (whoever launches it takes the lock first);
    /// 3. the launched attempt has ended by its own word: that word, whatever locks and schedulers say; but what was given
    ///    back to a scheduler that has it is queued there;
    /// 4. the process is alive (its lock is held here; or its heartbeat moves): starting before its first event, else
    ///    running, or what the user asked of this very attempt;
    /// 5. the lock is free here: the process is gone. Under a scheduler that has the job pending it was requeued; where the
    ///    user had this attempt ended by force it was killed; otherwise it crashed;
    /// 6. the lock can't be told: the scheduler's word, where it has one, else unknown. Silence is never a crash.
    pub fn derive(evidence: &Evidence) -> Self {
        let Some(job) = evidence.job.or((evidence.attempt > 0).then_some(evidence.attempt)) else {
            return match evidence.scheduler {
                Scheduler::Gone => Self::Crashed,
                _ if evidence.held => Self::Held,
                _ => Self::Queued,
            };
        };
        let spoke = evidence.attempt >= job;
        let ended = evidence.ended.filter(|_| spoke);
        let beats = evidence.lock == Lock::Untold && evidence.heartbeat == Heartbeat::Moving;
        let over = evidence.lock != Lock::Held && !beats && ended != Some(Outcome::Done);
        if over && evidence.scheduler != Scheduler::Gone && evidence.ticket == Some(job) {
            return if evidence.held { Self::Held } else { Self::Queued };
        }
        if ended == Some(Outcome::Requeued) && matches!(evidence.scheduler, Scheduler::Pending | Scheduler::Running) {
            return Self::Queued;
        }
        if let Some(outcome) = ended {
            return Self::of(outcome);
        }
        let request = evidence.request.filter(|(attempt, _)| *attempt == job).map(|(_, wish)| wish);
        let forced = matches!(request, Some(Wish::Terminate | Wish::Kill));
        if evidence.lock == Lock::Held || (evidence.lock == Lock::Untold && evidence.heartbeat == Heartbeat::Moving) {
            return Self::alive(spoke, request);
        }
        match (evidence.lock, evidence.scheduler) {
            (Lock::Untold | Lock::Free, Scheduler::Pending) => {
                if evidence.attempt == 0 {
                    Self::Queued
                } else {
                    Self::Suspended
                }
            }
            (Lock::Untold, Scheduler::Gone) => {
                if forced {
                    Self::Killed
                } else {
                    Self::Crashed
                }
            }
            (Lock::Untold, Scheduler::Running) if evidence.heartbeat != Heartbeat::Silent => {
                Self::alive(spoke, request)
            }
            (Lock::Untold, _) | (Lock::Free, Scheduler::Silent) => Self::Unknown,
            (Lock::Free | Lock::Held, _) if forced => Self::Killed,
            (Lock::Free | Lock::Held, _) => Self::Crashed,
        }
    }

    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Stopped => Self::Stopped,
            Outcome::Paused | Outcome::Requeued => Self::Suspended,
            Outcome::Failed => Self::Failed,
        }
    }

    fn alive(spoke: bool, request: Option<Wish>) -> Self {
        match request {
            Some(Wish::Stop) => Self::Stopping,
            Some(Wish::Pause) => Self::Pausing,
            Some(Wish::Terminate | Wish::Kill) => Self::Terminating,
            _ if spoke => Self::Running,
            _ => Self::Starting,
        }
    }

    /// A process is at work, as far as can be told.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Pausing | Self::Stopping | Self::Terminating)
    }

    /// It waits for its start.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::Held)
    }

    /// It may be started or continued.
    pub fn can_start(self) -> bool {
        self.is_waiting() || self.is_cut_short()
    }

    /// It ended before it was done: there is something to go on with.
    pub fn is_cut_short(self) -> bool {
        matches!(self, Self::Suspended | Self::Stopped | Self::Failed | Self::Killed | Self::Crashed)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Stopping => "stopping",
            Self::Terminating => "terminating",
            Self::Suspended => "suspended",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Crashed => "crashed",
            Self::Unknown => "unknown",
        }
    }

    /// One character that tells it without colour.
    pub fn symbol(self) -> char {
        match self {
            Self::Queued => '·',
            Self::Held => '=',
            Self::Starting => '○',
            Self::Running => '●',
            Self::Pausing | Self::Stopping | Self::Terminating => '◐',
            Self::Suspended => '‖',
            Self::Done => '✓',
            Self::Stopped => '■',
            Self::Failed => '✗',
            Self::Killed => '×',
            Self::Crashed => '!',
            Self::Unknown => '?',
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
