//! The maps of a run's features as they are looked at: which epoch, coloured by what, from how near, at which point. All of
//! it but the maps and pictures themselves stays from run to run.

mod colours;
mod play;
mod point;
mod sector;
#[cfg(test)]
pub mod tests;

pub use point::Way;

use crate::picture::Picture;
use mocolab::embedding::{By, Colouring, Embedding};
use mocolab::experiment::DataSource;
use mocolab::run::RunDir;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pictures that are kept.
const PICTURES: usize = 256;

/// Which points the cursor can go through, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Those of a class that lie farthest from its centre, farthest first.
    Outliers(u16),
    /// Those of a class whose two likeliest answers are most nearly as likely.
    Confused(u16),
    /// The same of all classes.
    AllConfused,
}

/// With what the points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dots {
    /// Two a cell, each in its own colour.
    #[default]
    Blocks,
    /// Eight a cell, in one colour.
    Braille,
}

/// What the screen of maps knows and how it is looked at.
#[derive(Debug, Default)]
pub struct MapScreen {
    /// The run whose maps these are.
    run: Option<RunDir>,
    /// By step.
    maps: BTreeMap<u64, Arc<Embedding>>,
    /// Around all points of all of them.
    bounds: Option<[[f32; 2]; 2]>,
    /// The places of the list that is gone through, of the map of this step.
    order: Option<(u64, List, Vec<usize>)>,
    /// They have been looked for.
    pub listed: bool,
    /// What is wrong with one of them.
    pub trouble: Option<String>,
    /// Single pictures, by number.
    pictures: BTreeMap<u32, Picture>,
    asked: BTreeSet<u32>,
    /// Runs that are being mapped from here.
    pub making: BTreeSet<RunDir>,
    /// What keeps pictures from being read.
    pub unseen: Option<String>,
    /// The step in front; none for the newest.
    step: Option<u64>,
    /// When the step in front set out for the next one.
    playing: Option<f64>,
    /// What points are coloured by.
    pub by: By,
    hidden: BTreeSet<u16>,
    /// How near: 1 is all in sight.
    zoom: Option<f32>,
    middle: [f32; 2],
    /// The number of the picture under the cursor.
    image: Option<u32>,
    /// The list that is gone through.
    pub list: Option<List>,
    /// With what points are drawn.
    pub dots: Dots,
}

/// A map as it is shown at a moment.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The map in front, or set out from.
    pub map: &'a Embedding,
    /// Where its points are now, `[n, 2]`.
    pub at: Vec<[f32; 2]>,
    /// The groups of its points.
    pub colouring: Colouring,
    /// The place of the point under the cursor.
    pub chosen: Option<usize>,
}

impl MapScreen {
    /// It is about to show the maps of `run`: those of any other are let go.
    pub fn open(&mut self, run: &RunDir) {
        if self.run.as_ref() != Some(run) {
            self.run = Some(run.clone());
            self.maps.clear();
            self.hidden.clear();
            (self.bounds, self.order) = (None, None);
            self.forget_pictures();
            (self.listed, self.trouble, self.step, self.playing, self.image) = (false, None, None, None, None);
            (self.zoom, self.list) = (None, None);
        }
    }

    fn forget_pictures(&mut self) {
        self.pictures.clear();
        self.asked.clear();
        self.unseen = None;
    }

    /// Takes in a map of `run`, or what is wrong with one; nothing of another run.
    pub fn take(&mut self, run: &RunDir, map: Result<Arc<Embedding>, String>) {
        if self.run.as_ref() != Some(run) {
            return;
        }
        self.listed = true;
        match map {
            Ok(map) => {
                if self.maps.values().next_back().is_some_and(|last| last.about.data != map.about.data) {
                    self.forget_pictures();
                }
                let there = map.bounds();
                let union = |here: [[f32; 2]; 2]| {
                    [0, 1].map(|axis| [here[axis][0].min(there[axis][0]), here[axis][1].max(there[axis][1])])
                };
                self.bounds = Some(self.bounds.map_or(there, union));
                self.maps.insert(map.about.step, map);
                (self.trouble, self.order) = (None, None);
                self.put_in_order();
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Lets go of the maps of `run` of other steps than these.
    pub fn keep(&mut self, run: &RunDir, steps: &[u64]) {
        if self.run.as_ref() == Some(run) {
            self.maps.retain(|step, _| steps.contains(step));
            self.listed = true;
        }
    }

    /// Takes in pictures of `data` that were asked for, and why others can't be had; nothing of data that is no longer shown.
    pub fn see(&mut self, data: &DataSource, pictures: Vec<(u32, Picture)>, trouble: Option<String>) {
        if self.map().is_none_or(|map| map.about.data != *data) {
            return;
        }
        if self.pictures.len() > PICTURES {
            self.pictures.clear();
            self.asked.retain(|number| pictures.iter().any(|(seen, _)| seen == number));
        }
        self.pictures.extend(pictures);
        self.unseen = trouble;
    }

    /// The picture called `number`, where it has been read.
    pub fn picture(&self, number: u32) -> Option<&Picture> {
        self.pictures.get(&number)
    }

    /// The run, and pictures in front that have not been read nor asked for; they count as asked for then.
    pub fn wanted(&mut self) -> Option<(Arc<Embedding>, Vec<u32>)> {
        let map = self.map()?.clone();
        let place = self.place(&map)?;
        let places = std::iter::once(place).chain(map.near(place));
        let numbers = places.map(|place| map.points[place].image);
        let wanted: Vec<u32> = numbers.filter(|number| !self.asked.contains(number)).collect();
        if wanted.is_empty() {
            return None;
        }
        self.asked.extend(&wanted);
        Some((map, wanted))
    }

    /// The steps of which there are maps, with their epochs.
    pub fn epochs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.maps.iter().map(|(step, map)| (*step, map.about.epoch))
    }

    /// The step in front.
    pub fn step(&self) -> Option<u64> {
        let newest = self.maps.keys().next_back().copied();
        self.step.filter(|step| self.maps.contains_key(step)).or(newest)
    }

    fn map(&self) -> Option<&Arc<Embedding>> {
        self.maps.get(&self.step()?)
    }

    /// The step after `step`.
    fn next(&self, step: u64) -> Option<u64> {
        self.maps.range(step + 1..).next().map(|(step, _)| *step)
    }

    /// What is seen at `now`; none where there is no map.
    pub fn shown(&self, now: f64) -> Option<Shown<'_>> {
        let step = self.step()?;
        let map = self.maps.get(&step)?;
        let (way, next) = (self.way(now), self.next(step).and_then(|next| self.maps.get(&next)));
        // Points that stay are those of the same pictures.
        let same = |next: &&Arc<Embedding>| {
            let pairs = || map.points.iter().zip(&next.points);
            next.points.len() == map.points.len() && pairs().all(|(a, b)| a.image == b.image)
        };
        let at = match next.filter(|_| way > 0.0).filter(same) {
            Some(next) => {
                // Slow at both ends.
                let way = way * way * (3.0 - 2.0 * way);
                let between = |a: [f32; 2], b: [f32; 2]| [0, 1].map(|axis| a[axis] + (b[axis] - a[axis]) * way);
                map.points.iter().zip(&next.points).map(|(a, b)| between(a.at, b.at)).collect()
            }
            None => map.points.iter().map(|point| point.at).collect(),
        };
        let colouring = map.colouring(self.coloured_by(map)).unwrap_or_default();
        Some(Shown { map, at, colouring, chosen: self.place(map) })
    }

    /// The place of the point under the cursor.
    fn place(&self, map: &Embedding) -> Option<usize> {
        let image = self.image?;
        map.points.iter().position(|point| point.image == image)
    }

    /// Puts the list that is gone through in order for the map in front.
    fn put_in_order(&mut self) {
        let Some((list, map)) = self.list.zip(self.map().cloned()) else {
            self.order = None;
            return;
        };
        let step = map.about.step;
        if self.order.as_ref().is_none_or(|(of, order, _)| (*of, *order) != (step, list)) {
            self.order = Some((step, list, list.places(&map)));
        }
    }

    /// The places of the list that is gone through, in its order.
    pub fn ordered(&self) -> &[usize] {
        self.order.as_ref().map_or(&[], |(_, _, places)| places)
    }

    /// Finer or coarser dots.
    pub fn turn_dots(&mut self) {
        self.dots = if self.dots == Dots::Blocks { Dots::Braille } else { Dots::Blocks };
    }

    /// One layer back: the list, the zoom, what is hidden, the cursor. Gives false where there is nothing to go back from.
    pub fn back(&mut self) -> bool {
        self.playing.take().is_some()
            || self.list.take().is_some()
            || self.zoom.take().is_some()
            || (!self.hidden.is_empty() && {
                self.hidden.clear();
                true
            })
            || self.image.take().is_some()
    }
}
