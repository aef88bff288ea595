//! Heralds: people told of runs by webhooks. What is said is a fold of the record ([`Told`]); each [`Hook`](crate::config::Hook)
//! has a thread of its own with a short queue, so that an address which is slow or gone holds up nobody.

mod body;
mod message;
mod secret;
mod send;
#[cfg(test)]
mod tests;

pub use message::{Message, Told, crashed, test};
pub use send::{Heralds, LAST, deliver};
