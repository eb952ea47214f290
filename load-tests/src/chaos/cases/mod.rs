//! The cases, by theme; a theme's file holds nothing else.

mod gateway;
mod overload;

use super::case::Entry;

/// Every case, in the order run.
pub(crate) const ALL: &[Entry] = &[
    Entry { name: "gateway_sigkill", run: |case| Box::pin(gateway::sigkill(case)) },
    Entry { name: "overload", run: |case| Box::pin(overload::twice(case)) },
];
