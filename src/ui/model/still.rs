//! The picture held still: what comes meanwhile waits, and is shown at once when it goes on.

use super::update::take;
use super::{Cmd, Model, Msg, News};
use mocolab::run::RunDir;
use std::collections::BTreeMap;

/// What waits.
#[derive(Debug, Default)]
pub struct Held {
    news: BTreeMap<RunDir, News>,
    log: Option<Msg>,
}

impl Held {
    /// Runs with news that wait.
    pub fn len(&self) -> usize {
        self.news.len()
    }

    /// Keeps news of a run, after those that wait already; hands back what has to be shown: a run opened only now.
    fn keep(&mut self, mut news: News) -> Option<News> {
        let before = self.news.remove(&news.run);
        let (experiment, mut lines) = before.map_or_else(Default::default, |news| (news.experiment, news.batch));
        news.experiment = news.experiment.or(experiment);
        if news.reading.is_some() {
            // It tells all that waited.
            return Some(news);
        }
        if !news.batch.restart {
            lines.lines.append(&mut news.batch.lines);
            lines.damaged.append(&mut news.batch.damaged);
            news.batch = lines;
        }
        self.news.insert(news.run.clone(), news);
        None
    }
}

impl Model {
    /// Keeps a message that only tells how things go on while the picture is held still; hands back all others.
    pub(super) fn hold(&mut self, message: Msg) -> Option<Msg> {
        let Some(held) = &mut self.frozen else { return Some(message) };
        match message {
            Msg::News(news) => held.keep(*news).map(|news| Msg::News(Box::new(news))),
            Msg::Found(all) => {
                let shown: Vec<News> = all.into_iter().filter_map(|news| held.keep(news)).collect();
                (!shown.is_empty()).then_some(Msg::Found(shown))
            }
            // The first lines of a log opened only now are shown.
            Msg::Log(..) if !self.log.is_empty() => {
                held.log = Some(message);
                None
            }
            Msg::Sampled(..) if self.sample.is_some() => None,
            Msg::Gone(run) => {
                held.news.remove(&run);
                Some(Msg::Gone(run))
            }
            other => Some(other),
        }
    }

    /// Holds the picture still, or lets it go on with all that has come.
    pub(super) fn freeze(&mut self) -> Vec<Cmd> {
        match self.frozen.take() {
            None => {
                self.frozen = Some(Held::default());
                Vec::new()
            }
            Some(Held { news, log }) => {
                let all = std::iter::once(Msg::Found(news.into_values().collect())).chain(log);
                all.flat_map(|message| take(self, message)).collect()
            }
        }
    }
}
