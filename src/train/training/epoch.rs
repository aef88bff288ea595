//! The end of an epoch: what it has brought is judged, written down, and kept where it is due.

use super::{Training, ending, is_due, progress};
use crate::{
    embed::When,
    method::{Judge, Method, Report},
    session::Session,
};
use anyhow::Result;
use mocolab::{
    event::{Alert, Classes, Embedding, Epoch, Event, Metrics, Real},
    metrics,
};
use std::time::Instant;

/// The file of a whole map of step `step`.
fn mapped(session: &Session, step: u64) -> Option<String> {
    let files = session.run().map_files().ok()?;
    let map = files.iter().find(|file| file.step == step && file.read().is_ok())?;
    map.path().file_name()?.to_str().map(str::to_owned)
}

impl<M: Method> Training<'_, M> {
    /// Judges what the epoch has brought, writes it down, and keeps it where it is due.
    pub(super) fn end_epoch(&mut self, session: &mut Session) -> Result<()> {
        self.read_sums()?;
        let (epoch, of) = (self.progress.epoch + 1, self.descent.epochs.get());
        let mut last = epoch == of || self.time_is_up();
        let val = self.judge(Judge::Val, epoch, last)?;
        let mut metrics = self.means();
        metrics.extend(val.metrics.clone());
        let enough = self.observe(&metrics);
        last |= enough.is_some() || self.time_is_up();
        let test = last || is_due(epoch, u64::from(self.judging.test_every));
        let test = if test { self.judge(Judge::Test, epoch, last)? } else { Report::default() };
        metrics.extend(test.metrics);
        for classes in val.classes.into_iter().chain(test.classes) {
            session.write(Event::Classes(classes))?;
        }
        for message in val.alerts {
            ending::alert(session, "features", message)?;
        }
        for message in val.notes.into_iter().chain(test.notes) {
            session.write(Event::Note(Alert { what: "note".to_owned(), message }))?;
        }
        let better = progress::note_bests(&mut self.progress.best, &metrics, epoch);
        let best = better.iter().any(|name| name == self.judging.monitor.as_str());
        let seconds = self.seconds();
        let (step, bests) = (self.progress.step, self.progress.best.clone());
        session.write(Event::Epoch(Epoch { epoch, of, step, seconds, metrics, best: bests }))?;
        let ended = last.then(|| enough.or_else(|| self.time_over(epoch < of)).unwrap_or_default());
        self.progress.complete(epoch, seconds);
        self.sums = self.progress.sums_on(self.job.devices[0]);
        self.epoch_began = Instant::now();
        if let Some(collapsed) = val.collapsed {
            return self.collapse(collapsed, session);
        }
        self.progress.healthy = epoch;
        if is_due(epoch, u64::from(self.keeping.histograms_every)) {
            self.histograms(epoch, session)?;
        }
        self.progress.ended = ended;
        if best || last || self.keeps(epoch) || is_due(epoch, self.keeping.checkpoint_every.get()) {
            self.save(session, best)?;
        }
        Ok(())
    }

    /// What is made of the weights that an epoch ended with, when they are saved, because it takes a while: a map, and in the
    /// end the answers to what was learnt from. Nothing within an epoch.
    ///
    /// A process that goes on from a checkpoint (`again`) does here what one that was killed after it may not have done: of a
    /// map that lies there already only the record may not know.
    pub(super) fn look_back(&mut self, session: &mut Session, again: bool) -> Result<()> {
        let (epoch, step, last) = (self.progress.epoch, self.progress.step, self.progress.ended.is_some());
        if epoch == 0 || !(last || step == epoch * self.progress.steps_per_epoch) {
            return Ok(());
        }
        if self.maps(epoch, last) {
            let there = if again { mapped(session, step) } else { None };
            match there {
                Some(file) => session.write(Event::Embedding(Embedding { epoch, method: "tsne".to_owned(), file }))?,
                None => self.map(When { epoch, step }, session)?,
            }
            self.epoch_began = Instant::now();
        }
        if last { self.learnt(epoch, session) } else { Ok(()) }
    }

    /// The means of the epoch's measures over its steps so far, and its last rate.
    fn means(&self) -> Metrics {
        let steps = self.progress.step - self.progress.epoch * self.progress.steps_per_epoch;
        let means = self.progress.sums.iter().map(|sum| sum / steps as f64);
        let rate = (metrics::LR, self.rate_at(self.progress.step.saturating_sub(1)));
        let all = self.method.measures().iter().copied().zip(means).chain([rate]);
        all.map(|(name, value)| (name.to_owned(), Real(value))).collect()
    }

    /// What the averaged weights are worth, where there are such, else the weights.
    fn judge(&mut self, judge: Judge, epoch: u64, last: bool) -> Result<Report> {
        self.descender.exchange(&mut self.method);
        let report = self.method.evaluate(judge, epoch, last);
        self.descender.exchange(&mut self.method);
        report
    }

    /// How the pictures learnt from are answered in the end, as they are.
    fn learnt(&mut self, epoch: u64, session: &mut Session) -> Result<()> {
        self.descender.exchange(&mut self.method);
        let confusion = self.method.learnt();
        self.descender.exchange(&mut self.method);
        let Some(confusion) = confusion else { return Ok(()) };
        let (split, confusion) = ("train".to_owned(), confusion.counts().to_vec());
        session.write(Event::Classes(Classes { epoch, split, by: String::new(), confusion }))
    }
}
