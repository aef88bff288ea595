//! What a user has chosen to see of the classes, and what keys do with it.

use super::rows::{self, Order, Row};
use mocolab::event::Classes;
use mocolab::state::RunState;

/// Rows that a page key moves by.
const PAGE: isize = 10;

/// The state of the screen of the classes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassesScreen {
    /// Which split; another where it has none of this. Empty: `val` where there is one.
    split: String,
    order: Order,
    reversed: bool,
    /// The chosen class: it stays chosen when rows change places. None for the first row, whichever class that is.
    chosen: Option<usize>,
    /// Only the confusion matrix?
    matrix: bool,
}

impl ClassesScreen {
    /// Chooses the row above.
    pub fn up(&mut self, state: &RunState) {
        self.go(state, -1);
    }

    /// Chooses the row below.
    pub fn down(&mut self, state: &RunState) {
        self.go(state, 1);
    }

    /// Chooses a row a page above.
    pub fn page_up(&mut self, state: &RunState) {
        self.go(state, -PAGE);
    }

    /// Chooses a row a page below.
    pub fn page_down(&mut self, state: &RunState) {
        self.go(state, PAGE);
    }

    /// Chooses the first row, whichever class will stand there.
    pub fn first(&mut self) {
        self.chosen = None;
    }

    /// Chooses the last row.
    pub fn last(&mut self, state: &RunState) {
        self.go(state, isize::MAX);
    }

    /// The next order.
    pub fn turn_order(&mut self) {
        (self.order, self.reversed) = (self.order.next(), false);
    }

    /// The same order from the other end.
    pub fn reverse(&mut self) {
        self.reversed = !self.reversed;
    }

    /// The next split that was judged.
    pub fn turn_split(&mut self, state: &RunState) {
        let Some(seen) = self.seen(state) else { return };
        let after = state.classes.keys().find(|split| **split > seen.split);
        if let Some(next) = after.or_else(|| state.classes.keys().next()) {
            self.split.clone_from(next);
        }
    }

    /// Only the matrix, or all that has room.
    pub fn toggle_matrix(&mut self) {
        self.matrix = !self.matrix;
    }

    /// Is only the matrix to be seen?
    pub fn is_matrix(&self) -> bool {
        self.matrix
    }

    /// The order in words.
    pub fn order(&self) -> &'static str {
        self.order.title(self.reversed)
    }

    /// The evaluation that is seen.
    pub fn seen<'a>(&self, state: &'a RunState) -> Option<&'a Classes> {
        [self.split.as_str(), "val"]
            .iter()
            .find_map(|split| state.classes.get(*split))
            .or(state.classes.values().next())
    }

    /// Its rows in order, and the place of the chosen one.
    pub fn rows(&self, state: &RunState) -> (Vec<Row>, usize) {
        let rows = self.seen(state).map(|classes| rows::rows(state, classes, self.order, self.reversed));
        let rows = rows.unwrap_or_default();
        let place = self.chosen.and_then(|class| rows.iter().position(|row| row.class == class));
        (rows, place.unwrap_or(0))
    }

    fn go(&mut self, state: &RunState, by: isize) {
        let (rows, place) = self.rows(state);
        let place = place.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.chosen = rows.get(place).map(|row| row.class);
    }
}
