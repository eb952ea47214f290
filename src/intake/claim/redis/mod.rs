//! Claims in Redis, one server or a cluster: a fresh answer costs one `HSETNX`.
//!
//! Keys, each behind `redis.prefix`: `{bucket}class+period` hashes of claims, `r:run` what a run has on disk, `i:key`
//! idempotency keys, `q:counter` shared quotas, `identity` the fingerprint of the fleet's identity key.

mod bucket;
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

use redis::{Cmd, FromRedisValue, Value};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    bucket::{Bucket, Buckets},
    link::{Link, Live},
    settled::Numbers,
};
use super::{
    Ask, Claimed, Idempotency, RunId, Runs, Ticket, Verdict,
    content::{Claim, Packed, put_varint, secs, take, take_varint},
    embedded::IDEMPOTENCY_KEPT,
    judge::{Certainty, judge},
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    outcome::ResponseId,
};

/// Tries of a claim that others write at the same time.
const TRIES: u32 = 4;
/// Claims carry whole seconds: one must be this much younger than the connection to be so for certain.
const YOUNGER_BY: Duration = Duration::from_secs(2);
/// A claim so much ahead of our clock tells of clocks that drift apart, and is not trusted.
const AHEAD_SECS: u32 = 2;
/// Writes a claim only where it is still as it was read; else gives what is there. Only on the rare path: a script
/// costs four times a plain command.
const SWAP: &str = "local c = redis.call('HGET', KEYS[1], ARGV[1]) \
    if c == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) return 1 end \
    return c";

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
pub struct Leased {
    /// What all gateways together have taken.
    pub total: i64,
}

/// Claims in Redis.
#[derive(Debug)]
pub(super) struct RedisClaims {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    buckets: Buckets,
    numbers: Numbers,
    runs: Arc<Runs>,
    clock: Clock,
    prefix: String,
    timeout: Duration,
    ahead: AtomicU64,
    swap_sha: String,
}

/// What entering a claim found.
enum Entered {
    /// It is in; the bucket before has this one of the same response.
    New(Option<Packed>),
    /// There was one already.
    Known,
}

/// What became of a write that expected a certain claim.
enum Swapped {
    Done,
    Found(Packed),
    Gone,
}

impl RedisClaims {
    pub(super) async fn start(
        redis: &settings::Redis,
        claims: &settings::Claims,
        fingerprint: &str,
        clock: Clock,
        runs: &Arc<Runs>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let shared = Arc::new(Shared {
            link: Link::new(redis, fingerprint, clock.clone())?,
            buckets: Buckets::new(&redis.prefix, claims.answers_per_day),
            numbers: Numbers::default(),
            runs: Arc::clone(runs),
            clock,
            prefix: redis.prefix.clone(),
            timeout: redis.timeout,
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
        Ok(Self { shared })
    }

    pub(super) async fn claim(&self, ask: &Ask<'_>, ticket: &Ticket) -> Claimed {
        let unverified = Claimed { verdict: Verdict::Fresh, verified: false, stamp: ask.stamp };
        let Some(live) = self.shared.link.live() else { return unverified };
        let bucket =
            self.shared.buckets.place(ask.id, ask.now, ask.edit_window, self.shared.link.generation());
        let deadline = ticket.deadline(self.shared.timeout);
        let claiming = Claiming { shared: &self.shared, live: &live, bucket, ask, ticket, deadline };
        claiming.run().await.unwrap_or(unverified)
    }

    pub(super) async fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        id: ResponseId,
        ticket: &Ticket,
    ) -> Idempotency {
        self.shared.idempotent(key, payload, id, ticket).await.unwrap_or(Idempotency::Unknown)
    }

    /// The claim of a response, in the bucket of now or in the one before.
    pub(super) async fn look(&self, id: ResponseId, now: Timestamp, edit_window: Duration) -> Option<Packed> {
        let live = self.shared.link.live()?;
        let bucket = self.shared.buckets.place(id, now, edit_window, self.shared.link.generation());
        let deadline = Instant::now() + self.shared.timeout;
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

    pub(super) async fn lease(&self, counter: &[u8; 16], amount: i64, kept: Duration) -> Option<Leased> {
        let shared = &self.shared;
        let live = shared.link.live()?;
        let key = [shared.prefix.as_bytes(), b"q:", counter].concat();
        let mut pipeline = redis::pipe();
        pipeline.cmd("INCRBY").arg(&key).arg(amount);
        pipeline.cmd("EXPIRE").arg(&key).arg(kept.as_secs().max(1));
        // A lease leaves time for the claim that follows it.
        let values = shared.link.many(&live, &pipeline, Instant::now() + shared.timeout / 2).await?;
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
    /// Keeps the connection up and this gateway's numbers published, until the end.
    async fn run(self: Arc<Self>, first: Option<Arc<Live>>, stop: CancellationToken) {
        let publishing = stop.run_until_cancelled(Arc::clone(&self).publish());
        let keeping = self.link.keep_up(first, stop.clone());
        let last = async {
            let _stopped = publishing.await;
            self.publish_last().await;
        };
        tokio::join!(keeping, last);
    }

    async fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        id: ResponseId,
        ticket: &Ticket,
    ) -> Option<Idempotency> {
        let live = self.link.live()?;
        let deadline = ticket.deadline(self.timeout);
        let key = [self.prefix.as_bytes(), b"i:", key].concat();
        let used =
            Used { payload, id, run: ticket.run(), ticket: ticket.number(), at_secs: secs(self.clock.now()) };
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(used.pack().as_slice()).arg("NX").arg("GET");
        command.arg("PX").arg(IDEMPOTENCY_KEPT.as_millis().to_string());
        let found = bytes(self.link.one(&live, &command, deadline).await?)?;
        let Some(found) = found else { return Some(Idempotency::New) };
        let known = Used::unpack(&found)?;
        if known.run == used.run && known.ticket == used.ticket {
            return Some(Idempotency::New);
        }
        if known.payload != payload {
            return Some(Idempotency::Other);
        }
        let written = Written { key: &key, run: known.run, ticket: known.ticket, at_secs: known.at_secs };
        let certainty = self.certainty(&live, &written, deadline).await;
        Some(Idempotency::Same { id: known.id, settled: certainty.on_disk && certainty.newest })
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

/// One claim on its way.
struct Claiming<'a> {
    shared: &'a Shared,
    live: &'a Live,
    bucket: Bucket,
    ask: &'a Ask<'a>,
    ticket: &'a Ticket,
    deadline: Instant,
}

impl Claiming<'_> {
    /// None when Redis fails before anything is known.
    async fn run(&self) -> Option<Claimed> {
        let fresh = Claim::fresh(self.ask, self.ticket).pack(self.ask.answers);
        for _ in 0..TRIES {
            match self.enter(&fresh).await? {
                Entered::New(None) => return Some(self.claimed(Verdict::Fresh, self.ask.stamp)),
                Entered::New(Some(previous)) => return Some(self.revise(fresh, previous).await),
                Entered::Known => {
                    if let Some(known) = self.read().await? {
                        return Some(self.revise(known.clone(), known).await);
                    }
                }
            }
        }
        None
    }

    /// The one command of a fresh answer, and what rides along.
    async fn enter(&self, fresh: &Packed) -> Option<Entered> {
        let bucket = &self.bucket;
        if bucket.previous.is_none() && bucket.expire_secs.is_none() {
            let value = self
                .one(redis::cmd("HSETNX").arg(&bucket.key).arg(self.field()).arg(fresh.as_slice()))
                .await?;
            return Some(if value == Value::Int(1) { Entered::New(None) } else { Entered::Known });
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("HSETNX").arg(&bucket.key).arg(self.field()).arg(fresh.as_slice());
        if let Some(previous) = &bucket.previous {
            pipeline.cmd("HGET").arg(previous).arg(self.field());
        }
        if let Some(expire_secs) = bucket.expire_secs {
            pipeline.cmd("EXPIRE").arg(&bucket.key).arg(expire_secs);
            if let Some(previous) = &bucket.previous {
                pipeline.cmd("EXISTS").arg(previous);
            }
        }
        let mut values = self.shared.link.many(self.live, &pipeline, self.deadline).await?.into_iter();
        let is_new = values.next()? == Value::Int(1);
        let previous = if bucket.previous.is_some() { bytes(values.next()?)? } else { None };
        if bucket.expire_secs.is_some() {
            bucket.expires();
        }
        if values.nth(1) == Some(Value::Int(0)) {
            bucket.is_alone();
        }
        Some(if is_new { Entered::New(previous) } else { Entered::Known })
    }

    /// Judges against `base`, and writes what follows from it in place of `expected`: the same, unless `base` lies in
    /// the bucket before. Others may write at the same time, so it tries again with what they wrote.
    async fn revise(&self, mut expected: Packed, mut base: Packed) -> Claimed {
        let mut stamp = self.ask.stamp;
        for _ in 0..TRIES {
            let Some(claim) = Claim::unpack(&base) else { break };
            if claim.is_of(self.ticket) {
                return self.claimed(Verdict::Fresh, claim.last);
            }
            let judged = judge(&claim, self.ask, self.certainty(&claim).await, self.ticket);
            stamp = judged.stamp;
            let next = match judged.write {
                None if expected == base => return self.claimed(judged.verdict, stamp),
                None => base,
                Some(next) => next.pack(self.ask.answers),
            };
            match self.swap(&expected, &next).await {
                Some(Swapped::Done) => return self.claimed(judged.verdict, stamp),
                Some(Swapped::Found(other)) if other == next => return self.claimed(judged.verdict, stamp),
                Some(Swapped::Found(other)) => (expected, base) = (other.clone(), other),
                Some(Swapped::Gone) | None => break,
            }
        }
        // The stamp stands: the claim may have been written although its reply was lost.
        Claimed { verdict: Verdict::Fresh, verified: false, stamp }
    }

    async fn certainty(&self, claim: &Claim) -> Certainty {
        let Claim { run, ticket, written_secs, .. } = *claim;
        let written = Written { key: self.bucket.key.as_bytes(), run, ticket, at_secs: written_secs };
        self.shared.certainty(self.live, &written, self.deadline).await
    }

    async fn read(&self) -> Option<Option<Packed>> {
        bytes(self.one(redis::cmd("HGET").arg(&self.bucket.key).arg(self.field())).await?)
    }

    async fn swap(&self, expected: &Packed, next: &Packed) -> Option<Swapped> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(1).arg(&self.bucket.key).arg(self.field());
            command.arg(expected.as_slice()).arg(next.as_slice());
            command
        };
        let known = command("EVALSHA", &self.shared.swap_sha);
        let value = match self.shared.link.script(self.live, &known, self.deadline).await? {
            Ok(value) => value,
            Err(link::NoScript) => self.one(&command("EVAL", SWAP)).await?,
        };
        if value == Value::Int(1) {
            return Some(Swapped::Done);
        }
        Some(bytes(value)?.map_or(Swapped::Gone, Swapped::Found))
    }

    async fn one(&self, command: &Cmd) -> Option<Value> {
        self.shared.link.one(self.live, command, self.deadline).await
    }

    fn field(&self) -> &[u8] {
        field(&self.ask.id)
    }

    const fn claimed(&self, verdict: Verdict, stamp: Timestamp) -> Claimed {
        Claimed { verdict, verified: true, stamp }
    }
}

/// The part of an id that the bucket's name does not tell.
fn field(id: &ResponseId) -> &[u8] {
    id.as_bytes().first_chunk::<12>().map_or(&[], |field| field)
}

/// An idempotency key that was used: payload [8] · id [16] · run [6] · seconds u32 · ticket varint.
struct Used {
    payload: [u8; 8],
    id: ResponseId,
    run: RunId,
    ticket: u64,
    at_secs: u32,
}

impl Used {
    fn pack(&self) -> Packed {
        let mut out = Packed::new();
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.run.0);
        out.extend_from_slice(&self.at_secs.to_be_bytes());
        put_varint(&mut out, self.ticket);
        out
    }

    fn unpack(mut input: &[u8]) -> Option<Self> {
        Some(Self {
            payload: take(&mut input)?,
            id: ResponseId::from_hash(take(&mut input)?),
            run: RunId(take(&mut input)?),
            at_secs: u32::from_be_bytes(take(&mut input)?),
            ticket: take_varint(&mut input)?,
        })
    }
}

/// Bytes, or nothing; none when the reply is of another type.
fn bytes(value: Value) -> Option<Option<Packed>> {
    match value {
        Value::Nil => Some(None),
        Value::BulkString(bytes) => Some(Some(Packed::from_slice(&bytes))),
        _ => None,
    }
}
