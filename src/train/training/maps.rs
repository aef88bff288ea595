//! Maps of the features while a training runs, and of one of its checkpoints.

use super::{Training, ending, format, is_due};
use crate::{
    checkpoint::Loaded,
    embed::{self, How, When},
    method::{Job, Method},
    parameters::Format,
    print,
    session::Session,
    start::From,
};
use anyhow::Result;
use mocolab::{
    embedding::About,
    event::{Embedding, Event},
    experiment::Origin,
    run::RunDir,
};
use std::path::Path;

/// The training of `job` as it stood at the checkpoint `loaded`, which lies at `path`.
///
/// # Errors
/// Where the checkpoint is of another training.
pub fn of<'a, M: Method>(
    job: &'a Job,
    loaded: &Loaded,
    path: &Path,
    make: impl Fn(Format, &From) -> Result<M>,
) -> Result<Training<'a, M>> {
    let from = From { origin: Origin::Checkpoint(path.to_owned()), own: true };
    let mut training = Training::new(job, make(format(job), &from)?, format(job))?;
    training.take_up(loaded, &from, &make)?;
    Ok(training)
}

impl<M: Method> Training<'_, M> {
    /// Whether a map is due after `epoch` epochs.
    pub(super) fn maps(&self, epoch: u64, last: bool) -> bool {
        let every = u64::from(self.judging.map_every);
        !self.job.dataset.test.is_empty() && every > 0 && (last || is_due(epoch, every))
    }

    /// Makes a map. Where that fails a person is told, and the training goes on.
    pub(super) fn map(&mut self, when: When, session: &mut Session) -> Result<()> {
        let how = How::of(self.judging, self.job.experiment.seed);
        match self.embed((session.run(), when, how)) {
            Ok((file, about)) => {
                print(&format!("map of {about}"));
                session.write(Event::Embedding(Embedding { epoch: when.epoch, method: "tsne".to_owned(), file }))
            }
            Err(error) => ending::alert(session, "map", format!("the map of epoch {} failed: {error:#}", when.epoch)),
        }
    }

    /// The test pictures that a map would show, and what the averaged weights, or else the weights, make of them.
    pub fn see(&mut self, how: How) -> (Vec<i64>, embed::Seen) {
        let images = embed::chosen(self.job.dataset.test.len(), how);
        self.descender.exchange(&mut self.method);
        let seen = tch::no_grad(|| self.method.see(&images));
        self.descender.exchange(&mut self.method);
        (images, seen)
    }

    /// Makes the map of what the averaged weights, or else the weights, make of the test pictures.
    ///
    /// # Errors
    /// As [`embed::embed`].
    pub fn embed(&mut self, how: (&RunDir, When, How)) -> Result<(String, About)> {
        self.descender.exchange(&mut self.method);
        let made = crate::caught(|| embed::embed(&self.method, self.job, how));
        self.descender.exchange(&mut self.method);
        made
    }
}
