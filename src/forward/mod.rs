//! Forward: from the spool to the store.
