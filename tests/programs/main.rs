//! The programs end to end: real processes in projects of their own, with `examples/fake-train.rs` as the trainer, and
//! with the real one where it is built. Tests poll with a deadline that even a busy machine keeps.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]
#![expect(clippy::print_stderr, reason = "what is skipped is said aloud")]

mod attempts;
#[cfg(feature = "torch")]
mod book;
mod commands;
mod damage;
mod devices;
mod export;
mod fake_train;
#[cfg(feature = "torch")]
#[path = "../faults/mod.rs"]
mod faults;
mod gpus;
#[cfg(feature = "torch")]
mod hooks;
#[cfg(feature = "torch")]
mod libtorch;
#[cfg(feature = "torch")]
mod map;
#[cfg(feature = "torch")]
mod package;
#[cfg(feature = "torch")]
mod preview;
mod processes;
mod project;
mod queue;
#[cfg(feature = "torch")]
mod readers;
#[cfg(feature = "torch")]
mod report;
mod screen;
mod series;
#[cfg(feature = "torch")]
mod slurm;
mod terminal;
#[cfg(feature = "torch")]
mod training;
mod upgrade;
