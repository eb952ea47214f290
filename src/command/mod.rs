//! The command line.

pub mod link;
