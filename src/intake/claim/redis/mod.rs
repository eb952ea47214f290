//! Claims in Redis, one server or a cluster: a fresh answer costs one `HSETNX`.
//!
//! Keys, each behind `redis.prefix`: `{bucket}class+period` hashes of claims, `r:run` what a run has on disk, `i:key`
//! idempotency keys, `q:counter` shared quotas, `identity` the fingerprint of the fleet's identity key.

mod bucket;
mod claiming;
mod gathered;
mod idempotency;
mod link;
mod settled;
mod wire;

#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{FromRedisValue, Value};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[cfg(test)]
pub(crate) use self::wire::Watch;
use self::{
    bucket::Buckets,
    claiming::{Claiming, SWAP, field},
    link::Live,
    settled::Numbers,
};
pub(super) use self::{link::Link, wire::Servers};
use super::{
    Ask, Claimed, Idempotency, RunId, Runs, Ticket, Verdict,
    content::{Packed, secs},
    judge::Certainty,
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    outcome::ResponseId,
    tls::ClientTls,
};

/// Claims carry whole seconds: one must be this much younger than the connection to be so for certain.
const YOUNGER_BY: Duration = Duration::from_secs(2);
/// A claim so much ahead of our clock tells of clocks that drift apart, and is not trusted.
const AHEAD_SECS: u32 = 2;
/// Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A URL is none.
    #[error("redis.urls cannot be used: {0}; write redis://[user:password@]host:port or rediss://…")]
    Url(#[source] redis::RedisError),
    /// It cannot be reached, or refuses to be written to.
    #[error("Redis cannot be used: {0}")]
    Unavailable(#[source] redis::RedisError),
    /// It does not answer.
    #[error("Redis does not answer in time")]
    Timeout,
    /// Its gateways have another identity key.
    #[error(
        "this Redis belongs to gateways with another identity key: give this gateway the same identity.key, \
         or another redis.prefix"
    )]
    IdentityKey,
}

/// A shared counter after an amount was added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake) struct Leased {
    /// What all gateways together have taken.
    pub(in crate::intake) total: i64,
}

/// Claims in Redis.
#[derive(Debug)]
pub(super) struct RedisClaims {
    shared: Arc<Shared>,
    timeout: Duration,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    buckets: Buckets,
    numbers: Numbers,
    runs: Arc<Runs>,
    clock: Clock,
    prefix: String,
    ahead: AtomicU64,
    swap_sha: String,
}

impl RedisClaims {
    pub(super) async fn start(
        link: Link,
        redis: &settings::Redis,
        claims: &settings::Claims,
        clock: Clock,
        runs: &Arc<Runs>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let shared = Arc::new(Shared {
            link,
            buckets: Buckets::new(&redis.prefix, claims.answers_per_day),
            numbers: Numbers::default(),
            runs: Arc::clone(runs),
            clock,
            prefix: redis.prefix.clone(),
            ahead: AtomicU64::new(0),
            swap_sha: redis::Script::new(SWAP).get_hash().to_owned(),
        });
        let first = match shared.link.connect().await {
            Ok(live) => Some(live),
            Err(ConnectError::IdentityKey) => return Err(ConnectError::IdentityKey),
            Err(error) => {
                tracing::warn!(%error, "starting without Redis: answers are taken unverified until it is back");
                None
            }
        };
        tasks.spawn(Arc::clone(&shared).run(first, stop));
        Ok(Self { shared, timeout: redis.timeout })
    }

    pub(super) const fn patience(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn claim(&self, ask: &Ask<'_>, ticket: &Ticket, deadline: Instant) -> Claimed {
        let unverified = Claimed { verdict: Verdict::Fresh, verified: false, stamp: ask.stamp };
        let Some(live) = self.shared.link.live() else { return unverified };
        let bucket =
            self.shared.buckets.place(ask.id, ask.now, ask.edit_window, self.shared.link.generation());
        let claiming = Claiming { shared: &self.shared, live: &live, bucket, ask, ticket, deadline };
        claiming.run().await.unwrap_or(unverified)
    }

    pub(super) async fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        answer: (ResponseId, Timestamp),
        ticket: &Ticket,
        deadline: Instant,
    ) -> Idempotency {
        self.shared.idempotent(key, payload, answer, ticket, deadline).await.unwrap_or(Idempotency::Unknown)
    }

    /// The claim of a response, in the bucket of now or in the one before.
    pub(super) async fn look(&self, id: ResponseId, now: Timestamp, edit_window: Duration) -> Option<Packed> {
        let live = self.shared.link.live()?;
        let bucket = self.shared.buckets.place(id, now, edit_window, self.shared.link.generation());
        let deadline = Instant::now() + self.timeout;
        for key in [Some(&bucket.key), bucket.previous.as_ref()].into_iter().flatten() {
            let mut command = redis::cmd("HGET");
            command.arg(key).arg(field(&id));
            if let Some(packed) = bytes(self.shared.link.one(&live, &command, deadline).await?)? {
                return Some(packed);
            }
        }
        None
    }

    pub(super) fn keep_for(&self, longest: Duration) {
        self.shared.buckets.keep_for(longest);
    }

    pub(super) fn trust(&self, tls: &ClientTls) {
        self.shared.link.trust(tls);
    }

    pub(super) async fn lease(
        &self,
        counter: &[u8; 16],
        amount: i64,
        kept: Duration,
        deadline: Instant,
    ) -> Option<Leased> {
        let shared = &self.shared;
        let live = shared.link.live()?;
        let key = format!("{}q:{}", shared.prefix, hex::encode(counter));
        let add = redis::cmd("INCRBY").arg(&key).arg(amount).to_owned();
        let expire = redis::cmd("EXPIRE").arg(&key).arg(kept.as_secs().max(1)).to_owned();
        // A reply that is lost leaves time to ask again.
        let deadline = deadline.min(Instant::now() + self.timeout / 2);
        let values = shared.link.many(&live, vec![add, expire], deadline).await?;
        let total = values.into_iter().next().and_then(|value| i64::from_redis_value(value).ok())?;
        Some(Leased { total })
    }

    pub(super) fn is_up(&self) -> bool {
        self.shared.link.is_up()
    }

    pub(super) fn ahead(&self) -> u64 {
        self.shared.ahead.load(Ordering::Relaxed)
    }

    pub(super) async fn identity_conflict(&self) {
        self.shared.link.conflict().cancelled().await;
    }
}

impl Shared {
    /// Keeps the connection up and this gateway's numbers published, until the end; then publishes what is on disk, so
    /// that others need not spool its answers again.
    async fn run(self: Arc<Self>, first: Option<Arc<Live>>, stop: CancellationToken) {
        let working =
            async { tokio::join!(self.link.keep_up(first), self.link.watch_over(), self.publish()) };
        let _stopped = stop.run_until_cancelled(working).await;
        self.publish_last().await;
    }

    /// The two rules beside the digest.
    async fn certainty(&self, live: &Live, written: &Written<'_>, deadline: Instant) -> Certainty {
        if written.at_secs > secs(self.clock.now()).saturating_add(AHEAD_SECS) {
            self.ahead.fetch_add(1, Ordering::Relaxed);
            return Certainty { on_disk: false, newest: false };
        }
        let at = Timestamp::from_secs(written.at_secs.into());
        let newest = self.link.is_younger(live, written.key, at, YOUNGER_BY, deadline).await;
        let on_disk = newest && self.is_on_disk(live, written.run, written.ticket, deadline).await;
        Certainty { on_disk, newest }
    }
}

/// By whom, when and where something was written.
struct Written<'a> {
    key: &'a [u8],
    run: RunId,
    ticket: u64,
    at_secs: u32,
}

/// Bytes, or nothing; none when the reply is of another type.
fn bytes(value: Value) -> Option<Option<Packed>> {
    match value {
        Value::Nil => Some(None),
        Value::BulkString(bytes) => Some(Some(Packed::from_slice(&bytes))),
        _ => None,
    }
}
