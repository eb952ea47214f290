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
pub mod proto;

pub mod catalog;
pub mod config;
pub mod survey;

pub mod channel;
pub mod forward;
pub mod intake;
pub mod spool;
pub mod store;

pub mod admin;
pub mod command;
pub mod gateway;
pub mod lifecycle;
pub mod telemetry;
