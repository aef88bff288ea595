//! The list: the experiments with their runs, as the user wants them filtered, grouped and sorted.

mod bar;
mod cells;
mod columns;
mod empty;
pub mod table;
