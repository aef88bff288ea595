//! One table of keys: what is pressed, where, what it does, how it is called. Dispatch, footer, help, palette and the names
//! in the user's file are views of it; [`Keys`] is the table with the user's own keys in it.

mod bound;
mod names;
mod press;
mod table;

pub use bound::{Change, Keys, Row};
pub use names::{Action, Place};
pub use press::Press;
use table::{Binding, TABLE};

#[cfg(test)]
mod tests;
