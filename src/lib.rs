//! mocolab: the terminal laboratory for self-supervised learning on GPU boxes.
//!
//! The library holds all that both programs share and neither owns: what the user wrote ([`experiment`], [`config`]),
//! what a run has said ([`event`], [`state`]; to other programs [`mirror`]), what it is now ([`status`]), how several stand beside each other
//! ([`compare`]), where a run lies ([`run`]), and the pictures it learns from ([`data`]). It knows no libtorch and no terminal. `ARCHITECTURE.md` draws the house.

pub mod compare;
pub mod config;
pub mod curve;
pub mod data;
pub mod device;
pub mod disk;
pub mod embedding;
pub mod event;
pub mod executor;
pub mod experiment;
pub mod figure;
pub mod herald;
pub mod metrics;
pub mod mirror;
pub mod preview;
pub mod queue;
pub mod random;
pub mod run;
pub mod schedule;
pub mod state;
pub mod status;
pub mod survival;
pub mod text;
