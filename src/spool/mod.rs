//! The spool: an append-only log with group commit.
