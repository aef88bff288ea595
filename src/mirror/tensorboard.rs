//! TensorBoard: event files, a new one wherever the record has a [`Started`](crate::event::Started). Readers stop for good
//! at a torn record, so nothing is ever appended to a file of before.

mod file;
mod hparams;
mod projector;
#[cfg(test)]
mod tests;
mod wire;

#[cfg(test)]
pub use tests::test_run;

use super::{Once, points, recalls};
use crate::config::read_snapshot;
use crate::data::Places;
use crate::event::{Alert, Classes, Event, Finished, Histogram, Line, Picture, Started};
use crate::figure;
use crate::run::RunDir;
use file::EventFile;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wire::{Summary, Value};

/// The folder of a run, written for TensorBoard.
pub struct Board {
    run: RunDir,
    folder: PathBuf,
    places: Places,
    /// A map was made that the projector does not show yet.
    mapped: bool,
    file: Option<EventFile>,
    classes: Vec<String>,
    step: u64,
    steps_per_epoch: u64,
    once: Once,
}

impl Board {
    /// Writes what the record of `run` says into `folder`; all lines are to be told in their order. Files of an attempt before
    /// are written anew: its process may have died before all was told.
    pub fn new(run: &RunDir, folder: &Path, places: Places) -> Self {
        Self {
            run: run.clone(),
            folder: folder.to_owned(),
            places,
            mapped: false,
            file: None,
            classes: Vec::new(),
            step: 0,
            steps_per_epoch: 1,
            once: Once::default(),
        }
    }

    /// Tells the next line.
    ///
    /// # Errors
    /// Where a file can't be written.
    pub fn tell(&mut self, line: &Line) -> io::Result<()> {
        match &line.event {
            Event::Started(started) => self.start(started, line),
            Event::Step(_) | Event::Epoch(_) => {
                let Some((step, metrics)) = points(&line.event) else { return Ok(()) };
                self.step = step;
                let scalars = metrics.iter().map(|(name, value)| (name.clone(), value.0));
                self.scalars(line.t, scalars.collect())
            }
            Event::Classes(classes) => self.classes(classes, line.t),
            Event::Checkpoint(checkpoint) => {
                self.once.save(checkpoint.step);
                Ok(())
            }
            Event::Histograms(histograms) => {
                let one =
                    |(name, histogram): (&String, &Histogram)| wire::histogram(&format!("weights/{name}"), histogram);
                self.write(line.t, histograms.step, histograms.weights.iter().map(one).collect())
            }
            Event::Picture(picture) => self.picture(picture, line.t),
            Event::Usage(usage) => {
                let scalars = usage.metrics.iter().map(|(name, value)| (format!("usage/{name}"), value.0));
                self.step = usage.step;
                self.scalars(line.t, scalars.collect())
            }
            Event::Alert(Alert { what, message }) => {
                self.write(line.t, self.step, vec![wire::text(&format!("alerts/{what}"), message)])
            }
            Event::Note(Alert { message, .. }) => self.write(line.t, self.step, vec![wire::text("notes", message)]),
            Event::Finished(Finished { outcome, step, .. }) => {
                self.write(line.t, *step, vec![hparams::end(*outcome, line.t)])
            }
            Event::Embedding(_) => {
                self.mapped = true;
                Ok(())
            }
            Event::Acknowledged { .. } | Event::Recovered { .. } | Event::Unknown => Ok(()),
        }
    }

    /// Lets readers see what was told.
    ///
    /// # Errors
    /// Where a file can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), EventFile::flush)?;
        if std::mem::take(&mut self.mapped) {
            projector::project(&self.run, &self.folder, &self.places)?;
        }
        Ok(())
    }

    fn start(&mut self, started: &Started, line: &Line) -> io::Result<()> {
        self.once.go_back(started.from_step);
        self.classes.clone_from(&started.classes);
        (self.step, self.steps_per_epoch) = (started.from_step, started.steps_per_epoch.max(1));
        self.file.as_mut().map_or(Ok(()), EventFile::flush)?;
        fs::create_dir_all(&self.folder)?;
        // Readers go by the order of names. An export writes the same files as the trainer did.
        let name = format!("events.out.tfevents.{:010}.mocolab.{:04}.{:08}", line.t as u64, line.attempt, line.seq);
        let mut file = EventFile::create(&self.folder.join(name), line.t)?;
        if line.seq > 0 {
            // What comes after the steps done is void.
            file.restart(line.t, started.from_step as i64 + 1)?;
        }
        self.file = Some(file);
        let mut values = Vec::new();
        if let Ok(text) = self.run.read_experiment() {
            values.push(wire::text("experiment", &format!("```toml\n{}\n```", text.trim_end())));
            if let Ok(experiment) = read_snapshot(&text, "experiment") {
                values.push(hparams::start(&experiment, &self.run, line.t));
            }
        }
        self.write(line.t, started.from_step, values)
    }

    fn scalars(&mut self, t: f64, scalars: Vec<(String, f64)>) -> io::Result<()> {
        let (step, once) = (self.step, &mut self.once);
        let new = scalars.into_iter().filter(|(name, _)| once.is_new(step, name));
        let values = new.map(|(name, value)| wire::scalar(&name, value)).collect();
        self.write(t, step, values)
    }

    fn classes(&mut self, classes: &Classes, t: f64) -> io::Result<()> {
        let step = classes.epoch * self.steps_per_epoch;
        let name = format!("{}/confusion", classes.split);
        if !self.once.is_new(step, &name) {
            return Ok(());
        }
        let scalars = recalls(classes, &self.classes);
        let mut values: Vec<Value> = scalars.iter().map(|(name, value)| wire::scalar(name, *value)).collect();
        let title = format!("{}, epoch {}", classes.split, classes.epoch);
        let picture = figure::confusion(&title, &self.classes, &classes.confusion);
        values.push(wire::image(&name, figure::CONFUSION, picture.png()));
        self.write(t, step, values)
    }

    fn picture(&mut self, picture: &Picture, t: f64) -> io::Result<()> {
        // One that is gone or no picture is none.
        let Ok(bytes) = self.run.read_picture(&picture.file) else { return Ok(()) };
        let Ok(size) = image::ImageReader::new(io::Cursor::new(&bytes)).with_guessed_format()?.into_dimensions() else {
            return Ok(());
        };
        self.write(t, picture.step, vec![wire::image(&picture.name, size, bytes)])
    }

    fn write(&mut self, t: f64, step: u64, value: Vec<Value>) -> io::Result<()> {
        match &mut self.file {
            Some(file) if !value.is_empty() => file.summary(t, step as i64, Summary { value }),
            _ => Ok(()),
        }
    }
}
