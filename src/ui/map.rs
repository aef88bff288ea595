//! The maps of a run's features as they are looked at: which epoch, coloured by what, from how near, at which point. All of
//! it but the maps and pictures themselves stays from run to run.

mod point;
#[cfg(test)]
pub mod tests;

pub use point::Way;

use crate::picture::Picture;
use mocolab::embedding::{By, Colouring, Embedding, Frame};
use mocolab::run::RunDir;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Seconds from one epoch to the next while they are played.
const BETWEEN: f64 = 1.0;
/// Seconds between two pictures of that.
const FRAME: f64 = 0.1;
/// How much nearer a step of the zoom brings.
const CLOSER: f32 = 1.5;
const CLOSEST: f32 = 1.0 / 64.0;
/// The share of what is in sight that a step aside moves by.
const ASIDE: f32 = 0.25;
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
    pub at: Cow<'a, [[f32; 2]]>,
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
    pub fn take(&mut self, run: &RunDir, map: Result<Option<Arc<Embedding>>, String>) {
        if self.run.as_ref() != Some(run) {
            return;
        }
        self.listed = true;
        match map {
            Ok(Some(map)) => {
                if self.maps.values().next_back().is_some_and(|last| last.about.data != map.about.data) {
                    self.forget_pictures();
                }
                self.maps.insert(map.about.step, map);
            }
            Ok(None) => {}
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Takes in pictures that were asked for, or why they can't be had.
    pub fn see(&mut self, pictures: Result<Vec<(u32, Picture)>, String>) {
        match pictures {
            Ok(pictures) => {
                if self.pictures.len() > PICTURES {
                    self.pictures.clear();
                    self.asked.retain(|number| pictures.iter().any(|(seen, _)| seen == number));
                }
                self.pictures.extend(pictures);
            }
            Err(trouble) => self.unseen = Some(trouble),
        }
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
        if wanted.is_empty() || self.unseen.is_some() {
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

    /// How far the map in front is on its way to the next, 0 to 1.
    fn way(&self, now: f64) -> f32 {
        self.playing.map_or(0.0, |since| ((now - since) / BETWEEN).clamp(0.0, 1.0) as f32)
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
        let at: Vec<[f32; 2]> = match next.filter(|_| way > 0.0).filter(same) {
            Some(next) => {
                // Slow at both ends.
                let way = way * way * (3.0 - 2.0 * way);
                let between = |a: [f32; 2], b: [f32; 2]| [0, 1].map(|axis| a[axis] + (b[axis] - a[axis]) * way);
                map.points.iter().zip(&next.points).map(|(a, b)| between(a.at, b.at)).collect()
            }
            None => map.points.iter().map(|point| point.at).collect(),
        };
        let colouring = map.colouring(self.by).or_else(|_| map.colouring(By::Class)).unwrap_or_default();
        Some(Shown { map, at: at.into(), colouring, chosen: self.place(map) })
    }

    /// The place of the point under the cursor.
    fn place(&self, map: &Embedding) -> Option<usize> {
        let image = self.image?;
        map.points.iter().position(|point| point.image == image)
    }

    /// What is in sight on `size` dots: the same while epochs are played.
    pub fn frame(&self, size: [usize; 2]) -> Frame {
        let bounds = self.maps.values().map(|map| map.bounds());
        let union = |a: [[f32; 2]; 2], b: [[f32; 2]; 2]| {
            [0, 1].map(|axis| [a[axis][0].min(b[axis][0]), a[axis][1].max(b[axis][1])])
        };
        let all = Frame::around(bounds.reduce(union).unwrap_or([[0.0, 1.0]; 2]), size);
        match self.zoom {
            Some(zoom) => Frame { middle: self.middle, ..all.zoomed(zoom) },
            None => all,
        }
    }

    /// How many times nearer than all.
    pub fn nearness(&self) -> f32 {
        1.0 / self.zoom.unwrap_or(1.0)
    }

    /// Whether a group is shown.
    pub fn is_shown(&self, group: u16) -> bool {
        !self.hidden.contains(&group)
    }

    /// Epochs are being played.
    pub fn plays(&self) -> bool {
        self.playing.is_some()
    }

    /// Plays from the epoch in front on, from the first where that is the last; or stops.
    pub fn play(&mut self, now: f64) {
        let Some(here) = self.step() else { return };
        if self.playing.take().is_some() || self.maps.len() < 2 {
            return;
        }
        self.step = if self.next(here).is_some() { Some(here) } else { self.maps.keys().next().copied() };
        self.playing = Some(now);
    }

    /// When it looks different by itself.
    pub fn next_change(&self, now: f64) -> Option<f64> {
        self.playing.map(|_| now + FRAME)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: f64) {
        while let (Some(since), Some(here)) = (self.playing, self.step()) {
            if now - since < BETWEEN {
                return;
            }
            let Some(next) = self.next(here) else {
                self.playing = None;
                return;
            };
            self.step = Some(next);
            // At the end it rests: the newest is in front again.
            self.playing = self.next(next).map(|_| since + BETWEEN);
            if self.playing.is_none() {
                self.step = None;
            }
        }
    }

    /// To the epoch after or before. Gives false where there is none.
    pub fn turn_epoch(&mut self, later: bool) -> bool {
        self.playing = None;
        let Some(here) = self.step() else { return false };
        let there = if later { self.next(here) } else { self.maps.range(..here).next_back().map(|(step, _)| *step) };
        // The newest stays the newest when one more comes.
        self.step = there.filter(|step| self.next(*step).is_some()).or(if there.is_none() { self.step } else { None });
        there.is_some()
    }

    /// Colours by the next thing that the data allows.
    pub fn turn_colour(&mut self) {
        let Some(map) = self.map().cloned() else { return };
        let at = By::ALL.iter().position(|by| *by == self.by).unwrap_or(0);
        let mut following = By::ALL.iter().cycle().skip(at + 1).take(By::ALL.len());
        if let Some(by) = following.find(|by| map.colouring(**by).is_ok()) {
            self.by = *by;
            self.hidden.clear();
        }
    }

    /// The group of the point under the cursor.
    fn group(&self) -> Option<u16> {
        let map = self.map()?;
        map.colouring(self.by).ok()?.groups.get(self.place(map)?).copied()
    }

    /// Hides a group, or shows it again.
    pub fn toggle(&mut self, group: u16) {
        if !self.hidden.remove(&group) {
            self.hidden.insert(group);
        }
    }

    /// Hides the group of the point under the cursor. Gives false where there is none.
    pub fn hide(&mut self) -> bool {
        let group = self.group();
        self.hidden.extend(group);
        self.image = self.image.filter(|_| group.is_none());
        group.is_some()
    }

    /// Shows the group of the point under the cursor alone. Gives false where there is none.
    pub fn show_only(&mut self) -> bool {
        let groups =
            self.map().and_then(|map| map.colouring(self.by).ok()).map_or(0, |colouring| colouring.names.len());
        let Some(group) = self.group() else { return false };
        self.hidden = (0..groups as u16).filter(|other| *other != group).collect();
        true
    }

    /// Shows all groups.
    pub fn show_all(&mut self) {
        self.hidden.clear();
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

    /// Closer to `about`, or to the point under the cursor, or the middle; or further away from it.
    pub fn zoom(&mut self, closer: bool, about: Option<[f32; 2]>) {
        let Some(map) = self.map().cloned() else { return };
        // The scale of dots does not matter for what is in the middle.
        let now = self.frame([1, 1]);
        let chosen = self.place(&map).map(|place| map.points[place].at);
        let zoom = self.zoom.unwrap_or(1.0) * if closer { 1.0 / CLOSER } else { CLOSER };
        if zoom >= 0.999 {
            self.zoom = None;
            return;
        }
        let factor = if closer { 1.0 / CLOSER } else { CLOSER };
        self.middle = match (about, chosen) {
            // What lies under the mouse stays there.
            (Some(about), _) => [0, 1].map(|axis| about[axis] + (now.middle[axis] - about[axis]) * factor),
            (None, Some(chosen)) if closer => chosen,
            _ => now.middle,
        };
        self.zoom = Some(zoom.max(CLOSEST));
    }

    /// Moves what is in sight aside, by parts of its width and height.
    pub fn pan(&mut self, way: Way) {
        let now = self.frame([1, 1]);
        let [across, up] = way.steps();
        if self.zoom.is_some() {
            self.middle =
                [now.middle[0] + across * ASIDE * 2.0 * now.reach[0], now.middle[1] + up * ASIDE * 2.0 * now.reach[1]];
        }
    }
}
