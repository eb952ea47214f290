//! The admin listener: probes, metrics, the books, and the few things an operator may do to a running gateway.
//!
//! Takes `GET /healthz`, `/readyz`, `/metrics`, `/ledger`, `/spool`, `/dead-letters`; and, with the admin token,
//! `POST /reload`, `/spool/replay`, `/dead-letters/retry`.
//! Gives JSON, or text for metrics.
//! Refuses writes without the token.
//! Bounds connections, heads and bodies; it is not meant to face the internet.

mod certificates;
mod metrics;
mod ready;
mod reload;
mod routes;
mod server;
mod spool;

pub(crate) use self::spool::{letter, retry};
pub(crate) use self::{
    certificates::Certificates,
    metrics::Metrics,
    ready::Readiness,
    reload::{ConfigSource, Reload},
    server::serve,
    spool::SpoolView,
};

use std::sync::Arc;

use crate::{
    catalog::Secret, clock::Clock, forward::DeadLetters, intake::Intake, lifecycle::Lifecycle, spool::Spool,
};

/// What the admin listener can see and do.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// Needed for writes.
    pub token: Option<Secret>,
    /// For the probes.
    pub lifecycle: Arc<Lifecycle>,
    /// Reads the configuration again.
    pub reload: Arc<Reload>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The edge, where this process plays it.
    pub edge: Option<AdminEdge>,
}

/// What of the edge can be seen and done.
#[derive(Clone, Debug)]
pub(crate) struct AdminEdge {
    /// For the books.
    pub intake: Arc<Intake>,
    /// For its state and replays.
    pub spool: Spool,
    /// For lists and retries.
    pub letters: Arc<DeadLetters>,
    /// For the probes.
    pub readiness: Readiness,
    /// The time.
    pub clock: Clock,
}
