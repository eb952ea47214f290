//! The command line.

pub mod check;
pub mod init;
pub mod key;
