//! The cursor on a map: from point to point, and through lists of them.

use super::{List, MapScreen};
use mocolab::embedding::Embedding;

/// A way over the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Up.
    Up,
    /// Down.
    Down,
}

impl Way {
    /// Across and up.
    pub(super) fn steps(self) -> [f32; 2] {
        match self {
            Self::Left => [-1.0, 0.0],
            Self::Right => [1.0, 0.0],
            Self::Up => [0.0, 1.0],
            Self::Down => [0.0, -1.0],
        }
    }
}

impl List {
    /// The places of its points, in its order.
    pub fn places(self, map: &Embedding) -> Vec<usize> {
        match self {
            Self::Outliers(class) => map.outliers(|point| point.label == class),
            Self::Confused(class) => map.confused(|point| point.label == class),
            Self::AllConfused => map.confused(|_| true),
        }
    }
}

impl MapScreen {
    /// Places of the points that are shown.
    fn visible(&self, map: &Embedding) -> Vec<usize> {
        let colouring = map.colouring(self.coloured_by(map)).unwrap_or_default();
        let shown = |place: &usize| colouring.groups.get(*place).is_none_or(|group| self.is_shown(*group));
        (0..map.points.len()).filter(shown).collect()
    }

    /// To the next point on the way; at first to the one nearest to the middle. Gives false where there is none.
    pub fn go(&mut self, way: Way) -> bool {
        let Some(map) = self.map().cloned() else { return false };
        let frame = self.surely_in_sight();
        let Some(here) = self.place(&map) else { return self.choose_at(frame.middle) };
        let [across, up] = way.steps();
        let from = map.points[here].at;
        // A step is worth a step: nearer than a hundredth of what is in sight nothing seems to move.
        let least = frame.reach[0].min(frame.reach[1]) / 50.0;
        let cost = |place: &usize| {
            let [x, y] = [0, 1].map(|axis| map.points[*place].at[axis] - from[axis]);
            let (along, aside) = (x * across + y * up, (x * up).abs() + (y * across).abs());
            (along >= least && aside <= along).then_some(along + 2.0 * aside)
        };
        let visible = self.visible(&map);
        let steps = visible.into_iter().filter_map(|place| Some((cost(&place)?, place)));
        let Some((_, next)) = steps.min_by(|a, b| a.0.total_cmp(&b.0)) else { return false };
        self.list = None;
        self.choose(&map, next);
        true
    }

    /// To the visible point nearest to a place on the map. Gives false where there is none.
    pub fn choose_at(&mut self, at: [f32; 2]) -> bool {
        let Some(map) = self.map().cloned() else { return false };
        let far = |place: usize| (0..2).map(|axis| (map.points[place].at[axis] - at[axis]).powi(2)).sum::<f32>();
        let nearest = self.visible(&map).into_iter().min_by(|a, b| far(*a).total_cmp(&far(*b)));
        self.list = None;
        nearest.inspect(|place| self.choose(&map, *place)).is_some()
    }

    /// To the nearest neighbour of the point under the cursor in the features. Gives false where there is none.
    pub fn go_to_neighbour(&mut self) -> bool {
        let Some(map) = self.map().cloned() else { return false };
        let near = self.place(&map).and_then(|place| map.near(place).next());
        self.list = None;
        near.inspect(|place| self.choose(&map, *place)).is_some()
    }

    /// Puts the cursor there, and what is in sight around it.
    fn choose(&mut self, map: &Embedding, place: usize) {
        let point = map.points[place];
        self.image = Some(point.image);
        self.put_in_order();
        let frame = self.surely_in_sight();
        let outside = (0..2).any(|axis| (point.at[axis] - frame.middle[axis]).abs() > frame.reach[axis] * 0.95);
        if self.zoom.is_some() && outside {
            self.middle = point.at;
        }
    }

    /// The next list: outliers of the class under the cursor, its confused points, all confused points, none. The cursor goes to
    /// its first point.
    pub fn turn_list(&mut self) {
        let Some(map) = self.map().cloned() else { return };
        let class = self.place(&map).map_or(0, |place| map.points[place].label);
        self.list = match self.list {
            None => Some(List::Outliers(class)),
            Some(List::Outliers(class)) => Some(List::Confused(class)),
            Some(List::Confused(_)) => Some(List::AllConfused),
            Some(List::AllConfused) => None,
        };
        self.put_in_order();
        if let Some(first) = self.ordered().first().copied() {
            self.choose(&map, first);
        }
    }

    /// The list of the next class, or of the one before. Gives false where no list of a class is open.
    pub fn turn_class(&mut self, on: bool) -> bool {
        let Some(map) = self.map().cloned() else { return false };
        let classes = map.about.classes.len().max(1) as u16;
        let turned = |class: u16| if on { (class + 1) % classes } else { (class + classes - 1) % classes };
        let list = match self.list {
            Some(List::Outliers(class)) => List::Outliers(turned(class)),
            Some(List::Confused(class)) => List::Confused(turned(class)),
            _ => return false,
        };
        self.list = Some(list);
        self.put_in_order();
        if let Some(first) = self.ordered().first().copied() {
            self.choose(&map, first);
        }
        true
    }

    /// To the next point of the list, or the one before. Gives false where there is none.
    pub fn turn_point(&mut self, on: bool) -> bool {
        let (Some(map), true) = (self.map().cloned(), self.list.is_some()) else { return false };
        let places = self.ordered();
        let here = self.place(&map).and_then(|here| places.iter().position(|place| *place == here));
        let there = match here {
            Some(here) if on => here.checked_add(1),
            Some(here) => here.checked_sub(1),
            None => Some(0),
        };
        let next = there.and_then(|there| places.get(there).copied());
        next.inspect(|place| self.choose(&map, *place)).is_some()
    }
}
