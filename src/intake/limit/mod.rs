//! Limits: who may submit how much.
//!
//! - Takes the proof of a submission, and the quotas of its API key, brand and survey.
//! - Gives the quota nearest to being used up, for the `RateLimit` fields.
//! - Refuses with `rate_limited` (this source, link or call) or `quota_exceeded` (all gateways together).
//! - Bounds: sources and scopes remembered, answers held beyond a quota, and the wait for leases, of which there is
//!   none while one lasts.

mod pulse;
mod shared;
mod sources;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use self::shared::Scope;

use std::{net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    pulse::Pulse,
    shared::Shared,
    sources::{Source, Sources},
};
use super::{Proof, claim::Claims};
use crate::{
    catalog::Quota,
    clock::Clock,
    config::settings,
    outcome::{QuotaStatus, Reason, Refusal},
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The limits of this gateway.
#[derive(Debug)]
pub struct Limiter {
    local: ArcSwap<Local>,
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
}

/// What this gateway alone counts.
#[derive(Debug)]
struct Local {
    settings: settings::Limits,
    addresses: Sources,
    links: Sources,
    calls: Sources,
    held: Sources,
    touches: Sources,
}

impl Local {
    fn new(settings: &settings::Limits) -> Self {
        let bound = settings.sources;
        Self {
            addresses: Sources::new("address", settings.per_address, MINUTE, bound),
            links: Sources::new("link", settings.per_link, MINUTE, bound),
            calls: Sources::new("call", settings.per_call, MINUTE, bound),
            held: Sources::new("held", settings.held_per_hour, HOUR, bound),
            touches: Sources::new("touch", settings.touches_per_link, HOUR, bound),
            settings: settings.clone(),
        }
    }
}

impl Limiter {
    /// Limits that begin unused. A task gives unused leases back until `stop`.
    pub fn new(
        settings: &settings::Limits,
        claims: Arc<Claims>,
        clock: Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            local: ArcSwap::from_pointee(Local::new(settings)),
            shared: Shared::new(claims, settings.fallback_share, clock, tasks, stop),
            pulse: Pulse::start(settings.queue_delay, settings.in_flight, tasks, stop),
        }
    }

    /// Takes over what a reload changed of the local limits; what was counted is forgotten then. The share without
    /// Redis is fixed at start.
    pub fn apply(&self, settings: &settings::Limits) {
        if self.local.load().settings != *settings {
            self.local.store(Arc::new(Local::new(settings)));
        }
    }

    /// Whether the cores keep up with one more submission beside those in flight.
    pub fn has_room(&self, in_flight: usize) -> bool {
        self.pulse.has_room(in_flight)
    }

    /// Somebody goes on who could have at `ready`.
    pub fn resumed(&self, ready: std::time::Instant) {
        self.pulse.resumed(ready);
    }

    /// Waits until there is room for one more beside those in flight, a second at the most.
    pub async fn catch_up(&self, in_flight: impl Fn() -> usize) {
        self.pulse.catch_up(in_flight).await;
    }

    /// Counts a submission against its source address, link or call; an API key has its quota instead.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which there is room again.
    pub fn check(&self, proof: &Proof) -> Result<Option<QuotaStatus>, Refusal> {
        let local = self.local.load();
        let (sources, what) = match proof {
            Proof::Nobody { .. } => (&local.addresses, "address"),
            Proof::Link { .. } => (&local.links, "link"),
            Proof::Call { .. } => (&local.calls, "call"),
            Proof::Key(_) => return Ok(None),
        };
        sources.take(source(proof, "")).map(Some).map_err(|used_up| {
            let detail = format!("too many submissions from this {what}; send again after Retry-After");
            let mut refusal = Refusal::new(Reason::RateLimited, detail).retry_after(used_up.wait);
            refusal.quota = Some(used_up.quota);
            refusal
        })
    }

    /// Takes one from each quota, or from none. Waits for Redis until `deadline` at the most.
    ///
    /// # Errors
    /// `quota_exceeded`, with the time at which the window ends.
    pub async fn admit(
        &self,
        quotas: &[(Scope<'_>, Quota)],
        deadline: Instant,
    ) -> Result<Option<QuotaStatus>, Refusal> {
        if quotas.is_empty() {
            return Ok(None);
        }
        self.shared.admit(quotas, deadline).await
    }

    /// Whether one more touch of this link may be recorded, or of this address where nothing is proven; counts it if
    /// so.
    pub fn may_touch(&self, proof: &Proof) -> bool {
        matches!(proof, Proof::Key(_)) || self.local.load().touches.take(source(proof, "")).is_ok()
    }

    /// Whether one more answer may be held for this brand and source; counts it if so.
    pub fn may_hold(&self, brand: &str, proof: &Proof) -> bool {
        self.local.load().held.take(source(proof, brand)).is_ok()
    }
}

fn source(proof: &Proof, brand: &str) -> Source {
    let brand = brand.as_bytes();
    match proof {
        Proof::Nobody { source } => Source::of(&[brand, b"address", &network(*source)]),
        Proof::Link { invitation, .. } => Source::of(&[brand, b"link", invitation.as_bytes()]),
        Proof::Call { call_id } => Source::of(&[brand, b"call", call_id.as_bytes()]),
        Proof::Key(key) => Source::of(&[brand, b"key", key.brand.as_bytes(), key.name.as_bytes()]),
    }
}

/// An address as limits count it: of IPv6 the /64, which is what one subscriber is given (RFC 6177).
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().into_iter().take(8).collect(),
    }
}
