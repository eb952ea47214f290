//! Claims: whether a response is new, changed or the same. Redis speeds this up; it is never the truth.
//!
//! - Takes an [`Ask`] and the [`Ticket`] under which its record will be spooled.
//! - Gives a [`Claimed`]: the verdict, the stamp that the record must carry, whether it could be verified.
//! - Refuses nothing: what cannot be asked is taken as fresh, and storage sorts it out.
//! - Bounds: the wait for Redis (whoever asks says until when), requests in flight, a claim's bytes, the entries of
//!   every map.
//!
//! A double may be dropped only on [`Verdict::Same`] with `settled`. `docs/decisions/claim-protocol.md` has the why.

mod ask;
mod content;
mod embedded;
#[cfg(test)]
mod fuzz;
mod judge;
mod redis;
mod run;
mod seen;

pub(crate) use self::{
    ask::{Ask, Claimed, ClaimedAnswer, ClaimedAnswers, Digest, Idempotency, Recovered, Tag, Verdict, tag},
    redis::ConnectError,
    run::{Run, RunId, Runs, Ticket},
};

pub(super) use self::redis::Leased;
#[cfg(test)]
pub(crate) use self::redis::{Watch, server};

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    embedded::Embedded,
    redis::{Link, RedisClaims, Servers},
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    outcome::ResponseId,
    survey::Confidence,
    tls::ClientTls,
};

/// The claims of this gateway, and its tickets.
#[derive(Debug)]
pub struct Claims {
    runs: Arc<Runs>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Embedded(Embedded),
    Redis(RedisClaims),
}

impl Claims {
    /// Claims in this process's memory; other gateways do not see them.
    pub fn embedded(settings: &settings::Claims, clock: Clock) -> Self {
        Self { runs: Arc::default(), place: Place::Embedded(Embedded::new(settings, clock)) }
    }

    /// Claims in Redis, shared by all gateways. When Redis is away they start degraded and connect later.
    ///
    /// # Errors
    /// The URLs cannot be used, or Redis was set up by gateways with another identity key.
    pub async fn redis(
        redis: &settings::Redis,
        claims: &settings::Claims,
        identity_fingerprint: &str,
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let servers = Servers::read(&redis.urls, &redis.tls).map_err(ConnectError::Url)?;
        Self::redis_at(servers, redis, claims, identity_fingerprint, clock, tasks, stop).await
    }

    async fn redis_at(
        servers: Servers,
        redis: &settings::Redis,
        claims: &settings::Claims,
        identity_fingerprint: &str,
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let runs = Arc::<Runs>::default();
        let link = Link::new(servers, redis, identity_fingerprint, clock.clone());
        let place = RedisClaims::start(link, redis, claims, clock, &runs, tasks, stop).await?;
        Ok(Self { runs, place: Place::Redis(place) })
    }

    /// Claims in a simulated Redis.
    #[cfg(test)]
    pub(crate) async fn simulated(
        redis: crate::simulation::Redis,
        settings: (&settings::Redis, &settings::Claims),
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let servers = Servers::Simulated(redis);
        Self::redis_at(servers, settings.0, settings.1, "simulation", clock, tasks, stop).await
    }

    /// A ticket for one submission; take it before the claim, settle it when the record is on disk or there is none.
    pub fn ticket(&self) -> Ticket {
        self.runs.ticket()
    }

    /// What one submission may wait for Redis in all: for its quotas, for its claim, and for those before it in line.
    pub const fn patience(&self) -> Duration {
        match &self.place {
            Place::Embedded(_) => Duration::ZERO,
            Place::Redis(redis) => redis.patience(),
        }
    }

    /// Claims a response, waiting for Redis until `deadline` at the most. A provisional submission claims nothing and
    /// is always taken as fresh: what a machine may have said must not close, count or drop what a person says.
    pub async fn claim(&self, ask: &Ask<'_>, ticket: &Ticket, deadline: Instant) -> Claimed {
        if ask.confidence == Confidence::Provisional {
            return Claimed { verdict: Verdict::Fresh, verified: true, stamp: ask.stamp };
        }
        match &self.place {
            Place::Embedded(embedded) => embedded.claim(ask, ticket, &self.runs),
            Place::Redis(redis) => redis.claim(ask, ticket, deadline).await,
        }
    }

    /// Notes an idempotency key with a digest of its payload, and whose answer it was and when, for 24 hours. Waits for
    /// Redis until `deadline` at the most.
    pub async fn idempotent(
        &self,
        scope_and_key: &[u8; 16],
        payload: [u8; 8],
        answer: (ResponseId, Timestamp),
        ticket: &Ticket,
        deadline: Instant,
    ) -> Idempotency {
        match &self.place {
            Place::Embedded(embedded) => {
                embedded.idempotent(scope_and_key, payload, answer, ticket, &self.runs)
            }
            Place::Redis(redis) => redis.idempotent(scope_and_key, payload, answer, ticket, deadline).await,
        }
    }

    /// Makes embedded claims again from the spool's records, in the order they were appended. Redis keeps its own.
    pub fn refill(&self, records: impl Iterator<Item = Recovered>) {
        if let Place::Embedded(embedded) = &self.place {
            embedded.refill(records);
        }
    }

    /// Keeps all claims for at least the longest edit window of all surveys, so that outcomes are exact inside it.
    /// Embedded claims are kept while there is room.
    pub fn keep_for(&self, longest_edit_window: Duration) {
        if let Place::Redis(redis) = &self.place {
            redis.keep_for(longest_edit_window);
        }
    }

    /// Connections to Redis are made with this from now on; the one that stands goes on.
    pub(crate) fn trust(&self, tls: &ClientTls) {
        if let Place::Redis(redis) = &self.place {
            redis.trust(tls);
        }
    }

    /// Takes from a shared counter: see [`Leased`]. None when Redis is away, does not answer by `deadline` or within
    /// half of [`Claims::patience`], or is not in use.
    pub(super) async fn lease(
        &self,
        counter: &[u8; 16],
        amount: i64,
        kept: Duration,
        deadline: Instant,
    ) -> Option<Leased> {
        match &self.place {
            Place::Embedded(_) => None,
            Place::Redis(redis) => redis.lease(counter, amount, kept, deadline).await,
        }
    }

    /// Whether the claims can be asked; `voxgate_redis_up` where they are in Redis.
    pub fn is_up(&self) -> bool {
        match &self.place {
            Place::Embedded(_) => true,
            Place::Redis(redis) => redis.is_up(),
        }
    }

    /// `embedded` or `redis`.
    pub const fn kind(&self) -> &'static str {
        match &self.place {
            Place::Embedded(_) => "embedded",
            Place::Redis(_) => "redis",
        }
    }

    /// Claims found that were written in this gateway's future: clocks that drift apart.
    pub fn ahead(&self) -> u64 {
        match &self.place {
            Place::Embedded(_) => 0,
            Place::Redis(redis) => redis.ahead(),
        }
    }

    /// Ends when Redis turns out to belong to gateways with another identity key; the gateway must stop with 64.
    pub async fn identity_conflict(&self) {
        match &self.place {
            Place::Embedded(_) => std::future::pending().await,
            Place::Redis(redis) => redis.identity_conflict().await,
        }
    }
}
