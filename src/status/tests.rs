//! The table of every combination of evidence, against rules written as a table of their own.

use super::*;
use std::collections::BTreeSet;

const LOCKS: [Lock; 3] = [Lock::Held, Lock::Free, Lock::Untold];
const HEARTBEATS: [Heartbeat; 3] = [Heartbeat::Untold, Heartbeat::Moving, Heartbeat::Silent];
const SCHEDULERS: [Scheduler; 5] =
    [Scheduler::None, Scheduler::Pending, Scheduler::Running, Scheduler::Gone, Scheduler::Silent];
const ENDS: [Option<Outcome>; 6] = [
    None,
    Some(Outcome::Done),
    Some(Outcome::Stopped),
    Some(Outcome::Paused),
    Some(Outcome::Requeued),
    Some(Outcome::Failed),
];

/// Every combination; attempts 0 to 2 stand for none, the one before and the launched one.
fn all() -> Vec<Evidence> {
    let wishes =
        [None, Some(Wish::Stop), Some(Wish::Pause), Some(Wish::Checkpoint), Some(Wish::Terminate), Some(Wish::Kill)];
    let mut all = Vec::new();
    for job in [None, Some(1), Some(2)] {
        for held in [false, true] {
            for (attempt, ended) in [0, 1, 2].into_iter().flat_map(|a| ENDS.map(|e| (a, e))) {
                for (lock, heartbeat) in LOCKS.into_iter().flat_map(|l| HEARTBEATS.map(|h| (l, h))) {
                    for (scheduler, wish) in SCHEDULERS.into_iter().flat_map(|s| wishes.map(|w| (s, w))) {
                        for (asked, ticket) in
                            [(1, None), (2, None), (1, Some(1)), (2, Some(2)), (2, Some(1)), (1, Some(0))]
                        {
                            let request = wish.map(|wish| (asked, wish));
                            if attempt > 0 || ended.is_none() {
                                let evidence =
                                    Evidence { job, held, attempt, ended, lock, heartbeat, scheduler, request, ticket };
                                all.push(evidence);
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

/// A row: a name, when it applies, what follows. The first that applies decides.
type Row = (&'static str, fn(&Evidence) -> bool, fn(&Evidence) -> Status);

fn job(e: &Evidence) -> u32 {
    e.job.unwrap_or(e.attempt)
}

fn spoke(e: &Evidence) -> bool {
    e.attempt >= job(e)
}

fn alive(e: &Evidence) -> bool {
    let heard = e.heartbeat == Heartbeat::Moving;
    let scheduled = e.scheduler == Scheduler::Running && e.heartbeat == Heartbeat::Untold;
    e.lock == Lock::Held || (e.lock == Lock::Untold && (heard || scheduled))
}

fn asked(e: &Evidence, wish: Wish) -> bool {
    alive(e) && e.request == Some((job(e), wish))
}

fn forced(e: &Evidence) -> bool {
    [Wish::Terminate, Wish::Kill].iter().any(|wish| e.request == Some((job(e), *wish)))
}

/// Not done and not seen to live, with a ticket for the next attempt.
fn next(e: &Evidence) -> bool {
    let lives = e.lock == Lock::Held || (e.lock == Lock::Untold && e.heartbeat == Heartbeat::Moving);
    let done = spoke(e) && e.ended == Some(Outcome::Done);
    !lives && !done && e.scheduler != Scheduler::Gone && e.ticket == Some(job(e))
}

const TABLE: &[Row] = &[
    ("lost before its first start", |e| job(e) == 0 && e.scheduler == Scheduler::Gone, |_| Status::Crashed),
    ("new, held", |e| job(e) == 0 && e.held, |_| Status::Held),
    ("new", |e| job(e) == 0, |_| Status::Queued),
    ("said done", |e| spoke(e) && e.ended == Some(Outcome::Done), |_| Status::Done),
    ("to go on, held", |e| next(e) && e.held, |_| Status::Held),
    ("to go on", next, |_| Status::Queued),
    ("said stopped", |e| spoke(e) && e.ended == Some(Outcome::Stopped), |_| Status::Stopped),
    ("said paused", |e| spoke(e) && e.ended == Some(Outcome::Paused), |_| Status::Suspended),
    (
        "requeued, and the scheduler has it",
        |e| {
            let has = e.scheduler == Scheduler::Pending || e.scheduler == Scheduler::Running;
            spoke(e) && e.ended == Some(Outcome::Requeued) && has
        },
        |_| Status::Queued,
    ),
    ("said requeued", |e| spoke(e) && e.ended == Some(Outcome::Requeued), |_| Status::Suspended),
    ("said failed", |e| spoke(e) && e.ended == Some(Outcome::Failed), |_| Status::Failed),
    ("asked to stop", |e| asked(e, Wish::Stop), |_| Status::Stopping),
    ("asked to pause", |e| asked(e, Wish::Pause), |_| Status::Pausing),
    ("told to end", |e| asked(e, Wish::Terminate) || asked(e, Wish::Kill), |_| Status::Terminating),
    ("alive and heard of", |e| alive(e) && spoke(e), |_| Status::Running),
    ("alive", alive, |_| Status::Starting),
    ("submitted", |e| e.scheduler == Scheduler::Pending && e.attempt == 0, |_| Status::Queued),
    ("requeued", |e| e.scheduler == Scheduler::Pending, |_| Status::Suspended),
    ("frozen scheduler", |e| e.scheduler == Scheduler::Silent, |_| Status::Unknown),
    ("ended by force", |e| forced(e) && (e.lock == Lock::Free || e.scheduler == Scheduler::Gone), |_| Status::Killed),
    ("gone by lock", |e| e.lock == Lock::Free, |_| Status::Crashed),
    ("gone by scheduler", |e| e.scheduler == Scheduler::Gone, |_| Status::Crashed),
    ("untold", |_| true, |_| Status::Unknown),
];

#[test]
fn every_combination_follows_the_table_and_every_row_decides_some() {
    let mut used = BTreeSet::new();
    for evidence in all() {
        let (name, _, status) = TABLE.iter().find(|row| row.1(&evidence)).unwrap();
        used.insert(*name);
        assert_eq!(Status::derive(&evidence), status(&evidence), "{name}: {evidence:?}");
    }
    assert_eq!(used.len(), TABLE.len());
}

#[test]
fn what_must_never_be() {
    for e in all() {
        let status = Status::derive(&e);
        if e.lock == Lock::Held && e.ended.is_none() && job(&e) > 0 {
            assert!(status.is_live(), "a held lock is a live process: {e:?}");
        }
        if e.scheduler == Scheduler::Silent {
            assert_ne!(status, Status::Crashed, "silence is no crash: {e:?}");
        }
        if status == Status::Done {
            assert_eq!((e.ended, spoke(&e)), (Some(Outcome::Done), true), "an old end does not count: {e:?}");
        }
        if matches!(status, Status::Stopping | Status::Pausing | Status::Terminating | Status::Killed) {
            assert_eq!(e.request.unwrap().0, job(&e), "an old request does not count: {e:?}");
        }
    }
}

#[test]
fn every_status_has_its_own_word_and_sign() {
    let words: BTreeSet<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
    assert_eq!(words.len(), Status::ALL.len());
    let signs: BTreeSet<_> = Status::ALL.iter().map(|s| s.symbol()).collect();
    assert_eq!(signs.len(), Status::ALL.len() - 2, "only those that are about to end share one");
}
