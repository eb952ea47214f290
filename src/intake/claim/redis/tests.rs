//! The protocol against real servers: one, and a cluster of six.

mod evicted;
mod memory;
mod part;
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

/// Midday of the first day of a 32-day period.
fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(20_768 * 86_400 + 43_200))
}

impl Gateway {
    async fn start(urls: Vec<String>, clock: &Clock) -> Self {
        Self::with(&settings(urls), 1_000, clock, "fingerprint").await.unwrap()
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

/// What must hold on one server and on a cluster alike.
async fn the_protocol(urls: Vec<String>) {
    let clock = clock();
    let gateway = Gateway::start(urls.clone(), &clock).await;
    let other = Gateway::start(urls, &clock).await;

    let (first, ticket) = gateway.claim(id(1), &[("q", 9)]).await;
    assert_eq!(first, Claimed { verdict: Verdict::Fresh, verified: true, stamp: clock.now() });
    let (double, again) = gateway.claim(id(1), &[("q", 9)]).await;
    assert_eq!(double.verdict, AGAIN, "the first is not on disk");
    assert!(double.stamp > first.stamp);
    ticket.settle();
    again.settle();
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME);

    gateway.published().await;
    assert_eq!(other.says(id(1), &[("q", 9)]).await, SAME, "as the other gateway knows");
    let changed = other.answer(id(1), &[("q", 3)]).await;
    assert_eq!(changed.verdict, REVISED);
    assert!(changed.stamp > double.stamp);
    assert_eq!(gateway.says(id(1), &[("p", 5)]).await, REVISED);
    clock.advance(WINDOW + Duration::from_secs(1));
    assert_eq!(gateway.says(id(1), &[("q", 4)]).await, Verdict::Revised { late: true });

    // A gateway dies between claim and fsync; the retry comes to the other one.
    let (lost, ticket) = gateway.claim(id(2), &[("q", 9)]).await;
    assert_eq!(lost.verdict, Verdict::Fresh);
    drop(ticket);
    assert_eq!(other.says(id(2), &[("q", 9)]).await, AGAIN);
    assert_eq!(other.says(id(2), &[("q", 9)]).await, SAME);
    gateway.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_holds_on_one_server() {
    let server = Server::start();
    the_protocol(vec![server.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_holds_on_a_cluster_and_through_its_failovers() {
    let mut cluster = Cluster::start();
    the_protocol(cluster.urls()).await;
    a_takeover_makes_older_claims_uncertain(&cluster).await;
    a_frozen_master_delays_only_its_own(&cluster).await;
    a_lost_master_is_survived(&mut cluster).await;
}

/// `CLUSTER FAILOVER TAKEOVER` promotes a replica without asking anyone: no connection is lost, writes may be.
async fn a_takeover_makes_older_claims_uncertain(cluster: &Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    for number in 100..130 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    gateway.clock.advance(Duration::from_secs(60));
    for number in 100..115 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME, "{number}");
    }
    let replicas: Vec<_> = cluster.replicas().collect();
    for replica in &replicas {
        assert_eq!(replica.cli(&["CLUSTER", "FAILOVER", "TAKEOVER"]), "OK");
    }
    wait(|| replicas.iter().all(|replica| replica.cli(&["ROLE"]).starts_with("master")));
    gateway.clock.advance(Duration::from_secs(60));
    for number in 115..130 {
        let claimed =
            until(async || Some(gateway.answer(id(number), &[("q", 9)]).await).filter(|one| one.verified))
                .await;
        assert_ne!(claimed.verdict, SAME, "{number}");
    }
    gateway.stop().await;
}

/// One master hangs: what lies on the others is verified all the time, and the cluster promotes its replica.
async fn a_frozen_master_delays_only_its_own(cluster: &Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    let master = cluster.servers.iter().find(|server| server.cli(&["ROLE"]).starts_with("master")).unwrap();
    master.freeze();
    for number in 400..430 {
        let begun = Wall::now();
        gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
    }
    for number in 500..530 {
        until(async || gateway.answer(id(number), &[("q", 9)]).await.verified.then_some(())).await;
    }
    master.thaw();
    wait(|| cluster.servers.iter().all(Server::is_whole));
    gateway.stop().await;
}

async fn a_lost_master_is_survived(cluster: &mut Cluster) {
    let gateway = Gateway::start(cluster.urls(), &clock()).await;
    let master =
        cluster.servers.iter_mut().find(|server| server.cli(&["ROLE"]).starts_with("master")).unwrap();
    master.kill();
    for number in 200..230 {
        let begun = Wall::now();
        gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
    }
    for number in 300..330 {
        until(async || gateway.answer(id(number), &[("q", 9)]).await.verified.then_some(())).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_brought_back_by_a_failover_never_drops_a_double() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    for (number, then) in [(1, "q"), (2, "p")] {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
        let older = raw(&gateway, id(number)).await;
        assert_eq!(gateway.says(id(number), &[("q", 3)]).await, REVISED);
        gateway.clock.advance(Duration::from_secs(60));
        put_raw(&gateway, id(number), &older).await;
        let generation = gateway.shared().link.generation();
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        wait(|| gateway.shared().link.generation() > generation && gateway.claims.is_up());
        gateway.clock.advance(Duration::from_secs(60));
        if then == "p" {
            // Another question in between makes the claim young, not the old answer certain.
            assert_eq!(gateway.says(id(number), &[("p", 1)]).await, REVISED);
            assert_eq!(gateway.says(id(number), &[("p", 1)]).await, SAME);
        }
        assert_eq!(
            gateway.says(id(number), &[("q", 9)]).await,
            AGAIN,
            "3 came after the 9 that the claim knows"
        );
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, SAME);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_found_across_the_boundary_of_two_buckets() {
    let server = Server::start();
    let clock = clock();
    // The last minute of a 32-day period.
    clock.advance(Duration::from_hours(24 * 32) - Duration::from_hours(12) - Duration::from_secs(70));
    let gateway = Gateway::start(vec![server.url()], &clock).await;
    for number in 1..=3 {
        assert_eq!(gateway.says(id(number), &[("q", 9)]).await, Verdict::Fresh);
    }
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, SAME, "the claim was carried over");
    let changed = gateway.answer(id(2), &[("q", 3)]).await;
    assert_eq!(changed.verdict, REVISED);
    assert_eq!(gateway.says(id(2), &[("q", 9)]).await, REVISED);
    clock.advance(WINDOW);
    assert_eq!(
        gateway.says(id(2), &[("q", 4)]).await,
        Verdict::Revised { late: true },
        "since the first answer"
    );
    clock.advance(Duration::from_hours(24 * 3));
    assert_eq!(gateway.says(id(3), &[("q", 9)]).await, Verdict::Fresh, "older than the span");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_expires_and_a_lost_bucket_only_makes_answers_fresh() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    gateway.published().await;
    let (key, _) = raw(&gateway, id(1)).await;
    let kept: i64 = server.cli(&["TTL", &key]).parse().unwrap();
    let days = kept / 86_400;
    assert!((46..=48).contains(&days), "the rest of 32 days and a span of 16: {days}");
    for key in server.cli(&["--raw", "KEYS", "vg:*"]).lines().filter(|key| key.starts_with("vg:{")) {
        assert!(server.cli(&["TTL", key]).parse::<i64>().unwrap() > 0, "{key}");
    }
    assert_eq!(
        server
            .cli(&[
                "EVAL",
                "for _, k in ipairs(redis.call('KEYS', 'vg:r:*')) do return redis.call('TTL', k) end",
                "0"
            ])
            .parse::<i64>()
            .unwrap()
            / 86_400,
        49
    );
    server.cli(&["DEL", &key]);
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_that_race_leave_the_newest_value_in_the_claim() {
    let server = Server::start();
    let clock = clock();
    let one = Gateway::start(vec![server.url()], &clock).await;
    let two = Gateway::start(vec![server.url()], &clock).await;
    for round in 0..100 {
        let (mine, yours) =
            tokio::join!(one.answer(id(round), &[("q", 1)]), two.answer(id(round), &[("q", 2)]));
        assert!(mine.verified && yours.verified);
        assert_ne!(mine.stamp, yours.stamp);
        assert_eq!(
            [mine.verdict, yours.verdict].iter().filter(|verdict| **verdict == Verdict::Fresh).count(),
            1,
            "{mine:?} {yours:?}"
        );
        let (older, newer) = if mine.stamp > yours.stamp { (2, 1) } else { (1, 2) };
        let double = one.answer(id(round), &[("q", newer)]).await;
        assert!(matches!(double.verdict, Verdict::Same { .. }));
        assert_eq!(one.answer(id(round), &[("q", older)]).await.verdict, REVISED);
    }
    one.stop().await;
    two.stop().await;
}

async fn answers_in_time(gateway: &Gateway, first: u32) {
    for number in first..first + 10 {
        let begun = Wall::now();
        let claimed = gateway.answer(id(number), &[("q", 9)]).await;
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
        assert_eq!(claimed, Claimed { verdict: Verdict::Fresh, verified: false, stamp: gateway.clock.now() });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_or_frozen_server_costs_no_more_than_the_timeout_and_nobody_restarts_anything() {
    let mut server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);

    server.freeze();
    answers_in_time(&gateway, 10).await;
    assert!(!gateway.claims.is_up());
    server.thaw();
    gateway.is_back(id(20)).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, AGAIN, "it may have been another server");

    server.kill();
    answers_in_time(&gateway, 30).await;
    server.restart();
    gateway.is_back(id(40)).await;
    assert_eq!(gateway.says(id(1), &[("q", 3)]).await, Verdict::Fresh, "it came back empty");
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, REVISED, "without its scripts, too");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_writes_counts_as_away() {
    let server = Server::start();
    let gateway = Gateway::start(vec![server.url()], &clock()).await;
    assert_eq!(gateway.says(id(1), &[("q", 9)]).await, Verdict::Fresh);
    for (setting, broken, whole) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        assert_eq!(server.cli(&["CONFIG", "SET", setting, broken]), "OK");
        answers_in_time(&gateway, 10).await;
        assert!(!gateway.claims.is_up(), "{setting}");
        assert_eq!(server.cli(&["CONFIG", "SET", setting, whole]), "OK");
        gateway.is_back(id(20)).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_another_identity_key_is_refused_at_once_and_later() {
    let mut server = Server::start();
    let redis = settings(vec![server.url()]);
    let ours = Gateway::with(&redis, 1_000, &clock(), "ours").await.unwrap();
    let refused = Gateway::with(&redis, 1_000, &clock(), "theirs").await;
    assert!(matches!(refused, Err(ConnectError::IdentityKey)));
    ours.stop().await;

    server.kill();
    let early = Gateway::with(&redis, 1_000, &clock(), "theirs").await.unwrap();
    assert!(!early.claims.is_up());
    let mut theirs = Server::start();
    assert_eq!(theirs.cli(&["SET", "vg:identity", "ours"]), "OK");
    theirs.move_to(server.port());
    tokio::time::timeout(Duration::from_secs(30), early.claims.identity_conflict()).await.unwrap();
    assert!(!early.claims.is_up());
    early.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_is_known_at_every_gateway() {
    let server = Server::start();
    let clock = clock();
    let one = Gateway::start(vec![server.url()], &clock).await;
    let two = Gateway::start(vec![server.url()], &clock).await;
    let used = async |gateway: &Gateway, payload: [u8; 8], answered: u32| {
        let ticket = gateway.claims.ticket();
        let found = gateway
            .claims
            .idempotent(&[5; 16], payload, id(answered), &ticket, Instant::now() + TIMEOUT)
            .await;
        ticket.settle();
        found
    };
    let ticket = one.claims.ticket();
    assert_eq!(
        one.claims.idempotent(&[5; 16], [1; 8], id(1), &ticket, Instant::now() + TIMEOUT).await,
        Idempotency::New
    );
    assert_eq!(used(&two, [1; 8], 2).await, Idempotency::Same { id: id(1), settled: false });
    ticket.settle();
    one.published().await;
    until(async || {
        (used(&two, [1; 8], 2).await == Idempotency::Same { id: id(1), settled: true }).then_some(())
    })
    .await;
    assert_eq!(used(&two, [2; 8], 2).await, Idempotency::Other);
    let kept: i64 = server.cli(&["PTTL", &format!("vg:i:{}", "05".repeat(16))]).parse().unwrap();
    assert!((86_000_000..=86_400_000).contains(&kept), "{kept}");
    drop(server);
    until(async || (used(&one, [1; 8], 1).await == Idempotency::Unknown).then_some(())).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_from_the_future_is_counted_and_not_trusted() {
    let server = Server::start();
    let ahead = Clock::manual(clock().now().after(Duration::from_secs(600)));
    let fast = Gateway::start(vec![server.url()], &ahead).await;
    let slow = Gateway::start(vec![server.url()], &clock()).await;
    let first = fast.answer(id(1), &[("q", 9)]).await;
    fast.published().await;
    let double = slow.answer(id(1), &[("q", 9)]).await;
    assert_eq!(double.verdict, AGAIN);
    assert!(double.stamp > first.stamp);
    assert_eq!((fast.claims.ahead(), slow.claims.ahead()), (0, 1));
    fast.stop().await;
    slow.stop().await;
}
