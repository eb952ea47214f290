//! The command line.

pub mod erase;
pub mod export;
pub mod quarantine;
pub mod report;
pub mod store_access;

mod cell;
mod when;
