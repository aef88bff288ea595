//! Several runs side by side: in which settings they differ, which did best, how far seeds spread. What is compared has
//! been read before; whoever shows it only has to draw it.

mod bests;
mod seeds;
mod settings;

pub use bests::{Bests, Score, bests, in_order};
pub use seeds::{Seeds, Spread, seeds, spread};
pub use settings::{Difference, common_beginning, differences, flatten};
