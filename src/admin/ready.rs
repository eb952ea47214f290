//! Ready while an answer can be made durable; Redis or the store away is a degradation, no more.

use std::sync::Arc;

use serde::Serialize;

use crate::{forward::ForwardState, intake::claim::Claims, lifecycle::Phase, spool::Spool};

/// What readiness depends on.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    /// Whether claims can be asked.
    pub claims: Arc<Claims>,
    /// Whether records are delivered.
    pub forward: Arc<ForwardState>,
    /// Whether records can be made durable.
    pub spool: Spool,
}

/// The body of `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ReadyView {
    pub(super) ready: bool,
    pub(super) status: &'static str,
    /// What is away: `redis`, `store`; not there when nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) degraded: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusing: Option<String>,
}

/// What the probe says. A process without an edge is ready once it serves.
pub(super) fn view(phase: Phase, edge: Option<&Readiness>) -> ReadyView {
    let degraded = edge.map_or_else(Vec::new, degraded);
    let refusing = edge.and_then(|edge| edge.spool.status().accepting.err()).map(|full| full.to_string());
    let ready = phase == Phase::Serving && refusing.is_none();
    let status = match phase {
        Phase::Starting => "starting",
        Phase::Draining => "draining",
        Phase::Serving if refusing.is_some() => "refusing",
        Phase::Serving if degraded.is_empty() => "ready",
        Phase::Serving => "degraded",
    };
    ReadyView { ready, status, degraded, refusing }
}

fn degraded(edge: &Readiness) -> Vec<&'static str> {
    let away = [(edge.claims.is_up(), "redis"), (edge.forward.store_up(), "store")];
    away.into_iter().filter(|(is_up, _)| !is_up).map(|(_, name)| name).collect()
}
