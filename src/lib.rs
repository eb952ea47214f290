//! voxgate takes answers to customer surveys from every channel, makes each durable before it says thank you, counts
//! it once, and forwards it to storage.
//!
//! # The way of an answer
//!
//! ```text
//!  channel   a link in a mail, a keypad, a chat, a form, a program: its dialect is decoded to a `Submission`
//!     │
//!  intake    identify → validate → limit → claim
//!     │
//!  spool     appended and fsynced; only now the receipt goes back through the channel
//!     │      ── the one task boundary ──
//!  forward   batches over one gRPC stream
//!     │
//!  store     merged into responses; the spool's segment is free again
//! ```
//!
//! The modules, in reading order:

pub mod clock;
pub mod outcome;
pub(crate) mod parts;
pub(crate) mod patient;
pub mod proto;
pub(crate) mod windowed;

pub mod catalog;
pub(crate) mod config;
pub mod survey;
pub(crate) mod tls;

pub(crate) mod listener;

pub mod channel;
pub(crate) mod forward;
pub(crate) mod intake;
pub(crate) mod spool;
pub(crate) mod store;
pub(crate) mod verdict;

pub(crate) mod admin;
pub mod command;
pub(crate) mod descriptors;
pub(crate) mod gateway;
pub(crate) mod lifecycle;
pub(crate) mod telemetry;

pub use spool::{Measured, measure_spool};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod simulation;
