//! What points are coloured by, and which groups of them are shown.

use super::MapScreen;
use mocolab::embedding::{By, Embedding};

impl MapScreen {
    /// What points of `map` are coloured by: as asked, or by class where its data does not allow that.
    pub(super) fn coloured_by(&self, map: &Embedding) -> By {
        if map.colouring(self.by).is_ok() { self.by } else { By::Class }
    }

    /// What the points in front are coloured by.
    pub fn colours(&self) -> By {
        self.map().map_or(self.by, |map| self.coloured_by(map))
    }

    /// Whether a group is shown.
    pub fn is_shown(&self, group: u16) -> bool {
        !self.hidden.contains(&group)
    }

    /// Colours by the next thing that the data allows.
    pub fn turn_colour(&mut self) {
        let Some(map) = self.map().cloned() else { return };
        let at = By::ALL.iter().position(|by| *by == self.coloured_by(&map)).unwrap_or(0);
        let mut following = By::ALL.iter().cycle().skip(at + 1).take(By::ALL.len());
        if let Some(by) = following.find(|by| map.colouring(**by).is_ok()) {
            self.by = *by;
            self.hidden.clear();
        }
    }

    /// The group of the point under the cursor.
    pub(super) fn group(&self) -> Option<u16> {
        let map = self.map()?;
        map.colouring(self.coloured_by(map)).ok()?.groups.get(self.place(map)?).copied()
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
        let groups = self
            .map()
            .and_then(|map| map.colouring(self.coloured_by(map)).ok())
            .map_or(0, |colouring| colouring.names.len());
        let Some(group) = self.group() else { return false };
        self.hidden = (0..groups as u16).filter(|other| *other != group).collect();
        true
    }

    /// Shows all groups.
    pub fn show_all(&mut self) {
        self.hidden.clear();
    }
}
