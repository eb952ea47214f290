//! Forward: from the spool to the store.

pub mod dead_letters;
