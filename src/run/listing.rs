//! What a scheduler said last of all jobs at once. Whoever asks it publishes the answer here, and every watcher of a run
//! in this process reads it: one question for all runs, and no watcher that waits for a controller.

use super::{Job, Ticket};
use crate::status::Scheduler;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A job that the answer misses is gone only if it was there so many seconds before the question: clocks of two machines
/// differ a little.
const SKEW: f64 = 5.0;

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// When the question was asked, seconds since 1970.
    pub t: f64,
    /// Each job that is not over, by its id; none where the scheduler did not answer.
    pub jobs: Option<HashMap<String, Listed>>,
}

/// A job in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How it stands.
    pub state: Scheduler,
    /// The scheduler's word for that.
    pub word: String,
    /// Why it waits, in the scheduler's words.
    pub reason: String,
}

static LATEST: Mutex<Option<Arc<Listing>>> = Mutex::new(None);

impl Listing {
    /// The answer that was published last.
    pub fn latest() -> Option<Arc<Self>> {
        LATEST.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes an answer. One without jobs says that they can't be known now.
    pub fn publish(self) {
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(self));
    }

    /// What the scheduler says of the job `id`, for people.
    pub fn words(&self, id: &str) -> String {
        match self.jobs.as_ref().map(|jobs| jobs.get(id)) {
            _ if id.is_empty() => "is being submitted".into(),
            None => "Slurm does not answer".into(),
            Some(None) => "not known to Slurm any more".into(),
            Some(Some(listed)) if listed.reason.is_empty() || listed.reason == "None" => listed.word.to_lowercase(),
            Some(Some(listed)) => format!("{} ({})", listed.word.to_lowercase(), listed.reason),
        }
    }

    /// How the job `id` stands that was there at `since`.
    pub fn state(&self, id: &str, since: f64) -> Scheduler {
        match self.jobs.as_ref().map(|jobs| jobs.get(id)) {
            // It is being submitted.
            _ if id.is_empty() => Scheduler::None,
            None => Scheduler::Silent,
            Some(Some(listed)) => listed.state,
            Some(None) if self.t > since + SKEW => Scheduler::Gone,
            Some(None) => Scheduler::None,
        }
    }
}

/// The job in the scheduler's hands that a run is waiting in or was launched by, and since when.
pub fn scheduled(job: Option<&Job>, ticket: Option<&Ticket>) -> Option<(String, f64)> {
    let launched = job.map_or(0, |job| job.attempt);
    match ticket.filter(|ticket| ticket.after == launched) {
        Some(ticket) => Some((ticket.job.clone()?, ticket.t)),
        None => job.filter(|job| job.executor == "slurm").map(|job| (job.id.clone(), job.t)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_gone_only_where_it_should_have_been_listed() {
        let listed = Listed { state: Scheduler::Pending, word: "PENDING".into(), reason: "Priority".into() };
        let listing = Listing { t: 100.0, jobs: Some([("7".to_owned(), listed)].into()) };
        assert_eq!(listing.state("7", 0.0), Scheduler::Pending);
        assert_eq!(listing.state("8", 90.0), Scheduler::Gone);
        assert_eq!(listing.state("8", 99.0), Scheduler::None, "it may be younger than the answer");
        assert_eq!(listing.state("", 0.0), Scheduler::None, "it is being submitted");
        assert_eq!(Listing::default().state("7", 0.0), Scheduler::Silent);
    }

    #[test]
    fn a_ticket_that_counts_goes_before_the_job() {
        let job = Job { attempt: 1, executor: "slurm".into(), id: "7".into(), t: 5.0, ..Job::default() };
        let ticket =
            |after, job: Option<&str>| Ticket { after, job: job.map(str::to_owned), t: 9.0, ..Ticket::default() };
        assert_eq!(scheduled(Some(&job), Some(&ticket(1, Some("8")))), Some(("8".into(), 9.0)));
        assert_eq!(scheduled(Some(&job), Some(&ticket(0, Some("6")))), Some(("7".into(), 5.0)));
        assert_eq!(scheduled(Some(&job), Some(&ticket(1, None))), None, "it waits in a machine's queue");
        assert_eq!(scheduled(None, Some(&ticket(0, Some("6")))), Some(("6".into(), 9.0)));
        assert_eq!(scheduled(Some(&Job { executor: "local".into(), ..job }), None), None);
    }
}
