//! The protocol against real servers: one, and a cluster of six.

mod away;
mod buckets;
mod certainty;
mod evicted;
mod idempotency;
mod memory;
mod part;
mod protocol;
mod reshard;
mod whose;

use std::time::Instant as Wall;

use redis::Cmd;

use super::{
    server::{Cluster, Server, wait},
    *,
};
use crate::{
    config::settings::RedisMode,
    intake::claim::{ClaimedAnswer, Claims, Place},
    outcome::Value as Answer,
    survey::Confidence,
    tls::ClientTls,
};

const WINDOW: Duration = Duration::from_hours(24 * 14);
const TIMEOUT: Duration = Duration::from_millis(100);
const SAME: Verdict = Verdict::Same { settled: true };
const AGAIN: Verdict = Verdict::Same { settled: false };
const REVISED: Verdict = Verdict::Revised { late: false };

/// A gateway as far as claims go.
struct Gateway {
    claims: Claims,
    clock: Clock,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn settings(urls: Vec<String>) -> settings::Redis {
    settings::Redis {
        urls,
        mode: RedisMode::Auto,
        prefix: "vg:".to_owned(),
        timeout: TIMEOUT,
        breaker_failures: 3,
        breaker_probe: Duration::from_millis(50),
        tls: ClientTls::default(),
    }
}

/// Midday of the first day of a 64-day period of the first bucket.
fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(20_736 * 86_400 + 43_200))
}

impl Gateway {
    async fn start(urls: Vec<String>, clock: &Clock) -> Self {
        Self::with(&settings(urls), 1_000, clock, "fingerprint").await.unwrap()
    }

    /// With one bucket a period.
    async fn of_one_bucket(urls: Vec<String>, clock: &Clock) -> Self {
        Self::with(&settings(urls), 0, clock, "fingerprint").await.unwrap()
    }

    async fn with(
        redis: &settings::Redis,
        answers_per_day: u64,
        clock: &Clock,
        fingerprint: &str,
    ) -> Result<Self, ConnectError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let claims = settings::Claims { answers_per_day, embedded: 1 };
        let claims = Claims::redis(redis, &claims, fingerprint, clock.clone(), &tasks, stop.clone()).await?;
        // What is claimed from now on is younger than the connection.
        clock.advance(Duration::from_secs(10));
        Ok(Self { claims, clock: clock.clone(), tasks, stop })
    }

    /// Claims with a ticket that is the caller's to settle.
    async fn claim(&self, id: ResponseId, answers: &[(&str, i32)]) -> (Claimed, Ticket) {
        let answers: Vec<_> = answers
            .iter()
            .map(|(question, score)| ClaimedAnswer::new(question, &Answer::Score(*score)))
            .collect();
        let now = self.clock.now();
        let ask = Ask {
            id,
            now,
            stamp: now,
            edit_window: WINDOW,
            answers: &answers,
            confidence: Confidence::Confirmed,
            spooled_again: 0,
            is_evidence: false,
            yields_to_newer_by: None,
        };
        let ticket = self.claims.ticket();
        (self.claims.claim(&ask, &ticket, Instant::now() + self.claims.patience()).await, ticket)
    }

    /// A whole answer: claimed, and on disk.
    async fn answer(&self, id: ResponseId, answers: &[(&str, i32)]) -> Claimed {
        let (claimed, ticket) = self.claim(id, answers).await;
        ticket.settle();
        claimed
    }

    async fn says(&self, id: ResponseId, answers: &[(&str, i32)]) -> Verdict {
        let claimed = self.answer(id, answers).await;
        assert!(claimed.verified);
        claimed.verdict
    }

    fn shared(&self) -> &Arc<Shared> {
        let Place::Redis(redis) = &self.claims.place else { panic!("claims are in Redis") };
        &redis.shared
    }

    /// Waits until what is settled now is published.
    async fn published(&self) {
        let run = self.claims.runs.current();
        let key = [b"vg:r:", run.id().0.as_slice()].concat();
        until(async || {
            let live = self.shared().link.live()?;
            let deadline = Instant::now() + TIMEOUT;
            let value = self.shared().link.one(&live, redis::cmd("GET").arg(&key), deadline).await?;
            (Option::<u64>::from_redis_value(value).ok()? == Some(run.settled_below())).then_some(())
        })
        .await;
    }

    async fn is_back(&self, id: ResponseId) {
        until(async || self.answer(id, &[("back", 1)]).await.verified.then_some(())).await;
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Waits until there is something; fails after half a minute.
async fn until<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Wall::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited for half a minute in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn id(number: u32) -> ResponseId {
    let mut hash = [0; 16];
    blake3::Hasher::new().update(&number.to_be_bytes()).finalize_xof().fill(&mut hash);
    ResponseId::from_hash(hash)
}

/// Raw access to a claim, as a failover that brings back older data has it.
async fn raw(gateway: &Gateway, id: ResponseId) -> (String, Vec<u8>) {
    let shared = gateway.shared();
    let bucket = shared.buckets.place(id, gateway.clock.now(), WINDOW, shared.link.generation());
    let value = direct(gateway, redis::cmd("HGET").arg(&bucket.key).arg(&id.as_bytes()[..12])).await;
    (bucket.key, Vec::<u8>::from_redis_value(value).unwrap())
}

async fn put_raw(gateway: &Gateway, id: ResponseId, (key, value): &(String, Vec<u8>)) {
    direct(gateway, redis::cmd("HSET").arg(key).arg(&id.as_bytes()[..12]).arg(value)).await;
}

async fn direct(gateway: &Gateway, command: &Cmd) -> Value {
    let link = &gateway.shared().link;
    link.one(&link.live().unwrap(), command, Instant::now() + Duration::from_secs(5)).await.unwrap()
}

/// Ten more answers are taken, each as soon as one may wait for Redis.
async fn answers_in_time(gateway: &Gateway, first: u32) {
    for number in first..first + 10 {
        let begun = Wall::now();
        let claimed = gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
        assert_eq!(claimed, Claimed { verdict: Verdict::Fresh, verified: false, stamp: gateway.clock.now() });
    }
}
