use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{
    clock::Timestamp,
    config::settings::{self, RedisMode},
    intake::claim::server::Server,
    tls::ClientTls,
};

const WINDOW: Duration = Duration::from_hours(1);

fn settings() -> settings::Limits {
    settings::Limits {
        per_address: 5,
        per_link: 3,
        per_call: 4,
        sources: 1000,
        fallback_share: 0.3,
        held_per_hour: 2,
        touches_per_link: 3,
        in_flight: 100,
        queue_delay: Duration::from_secs(60),
    }
}

struct Gateway {
    limiter: Limiter,
    claims: Arc<Claims>,
    clock: Clock,
}

impl Gateway {
    fn new(claims: Claims, clock: Clock) -> Self {
        let claims = Arc::new(claims);
        let limiter = Limiter::new(
            &settings(),
            Arc::clone(&claims),
            clock.clone(),
            &TaskTracker::new(),
            &CancellationToken::new(),
        );
        Self { limiter, claims, clock }
    }

    fn embedded() -> Self {
        let clock = clock();
        let claims = settings::Claims { answers_per_day: 1000, embedded: 1000 };
        Self::new(Claims::embedded(&claims, clock.clone()), clock)
    }

    async fn on(server: &Server, clock: &Clock) -> Self {
        let redis = settings::Redis {
            urls: vec![server.url()],
            mode: RedisMode::Single,
            prefix: "vg:".to_owned(),
            timeout: Duration::from_millis(500),
            breaker_failures: 3,
            breaker_probe: Duration::from_millis(50),
            tls: ClientTls::default(),
        };
        let claims = settings::Claims { answers_per_day: 1000, embedded: 1 };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let claims =
            Claims::redis(&redis, &claims, "fingerprint", clock.clone(), &tasks, stop).await.unwrap();
        Self::new(claims, clock.clone())
    }

    async fn admit(&self, quotas: &[(Scope<'_>, Quota)]) -> Result<Option<QuotaStatus>, Refusal> {
        self.limiter.admit(quotas, Instant::now() + self.claims.patience()).await
    }

    async fn admits(&self, limit: u64) -> bool {
        let quota = Quota { limit, window: WINDOW };
        self.admit(&[(Scope::Brand("acme"), quota)]).await.is_ok()
    }

    async fn admitted(&self, limit: u64, tries: u64) -> u64 {
        let mut admitted = 0;
        for _ in 0..tries {
            admitted += u64::from(self.admits(limit).await);
        }
        admitted
    }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_000_000))
}

fn nobody(source: impl Into<IpAddr>) -> Proof {
    Proof::Nobody { source: source.into() }
}

fn link(invitation: &str) -> Proof {
    Proof::Link { invitation: invitation.to_owned(), issued: None }
}

#[tokio::test]
async fn an_address_is_limited_at_its_bound_and_told_when_to_come_back() {
    let limiter = Gateway::embedded().limiter;
    for left in (0..5).rev() {
        let status = limiter.check(&nobody(Ipv4Addr::new(192, 0, 2, 1))).unwrap().unwrap();
        assert_eq!((status.policy, status.limit, status.remaining), ("address", 5, left));
    }
    let refusal = limiter.check(&nobody(Ipv4Addr::new(192, 0, 2, 1))).unwrap_err();
    assert_eq!(refusal.reason, Reason::RateLimited);
    assert_eq!(refusal.quota.unwrap().remaining, 0);
    let wait = refusal.retry_after.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(12), "{wait:?}");
    assert!(limiter.check(&nobody(Ipv4Addr::new(192, 0, 2, 2))).is_ok());
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_are_one_source_and_a_mapped_one_is_the_ipv4() {
    let limiter = Gateway::embedded().limiter;
    let host = |network: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, network, host, 0, 0, 1);
    for number in 0..5 {
        assert!(limiter.check(&nobody(host(1, number))).is_ok());
    }
    assert!(limiter.check(&nobody(host(1, 99))).is_err());
    assert!(limiter.check(&nobody(host(2, 1))).is_ok());
    let v4 = Ipv4Addr::new(192, 0, 2, 1);
    for _ in 0..5 {
        assert!(limiter.check(&nobody(v4)).is_ok());
    }
    assert!(limiter.check(&nobody(v4.to_ipv6_mapped())).is_err());
}

#[tokio::test]
async fn a_link_and_a_call_have_bounds_of_their_own_and_a_key_has_none() {
    let limiter = Gateway::embedded().limiter;
    let call = Proof::Call { call_id: "same".to_owned() };
    for _ in 0..3 {
        assert_eq!(limiter.check(&link("same")).unwrap().unwrap().policy, "link");
    }
    assert!(limiter.check(&link("same")).is_err());
    for _ in 0..4 {
        assert_eq!(limiter.check(&call).unwrap().unwrap().policy, "call");
    }
    assert!(limiter.check(&call).is_err());
    let key = crate::catalog::ApiKey {
        name: "crm".to_owned(),
        brand: "acme".to_owned(),
        actions: Default::default(),
        quota: None,
    };
    let key = Proof::Key(Arc::new(key));
    for _ in 0..20 {
        assert_eq!(limiter.check(&key), Ok(None));
    }
}

#[test]
fn sources_beyond_the_bound_share_one_state_and_known_ones_keep_theirs() {
    let sources = Sources::new("address", 2, MINUTE, 160);
    let source = |number: u32| Source::of(&[&number.to_le_bytes()]);
    assert!(sources.take(source(0)).is_ok());
    let admitted = (1..10_000).filter(|number| sources.take(source(*number)).is_ok()).count();
    assert!((100..=170).contains(&admitted), "{admitted}");
    assert!(sources.take(source(0)).is_ok(), "it was known before");
    assert!(sources.take(source(0)).is_err());
}

#[tokio::test]
async fn held_answers_have_a_budget_for_each_brand_and_source() {
    let limiter = Gateway::embedded().limiter;
    assert!(limiter.may_hold("acme", &link("a")) && limiter.may_hold("acme", &link("a")));
    assert!(!limiter.may_hold("acme", &link("a")));
    assert!(limiter.may_hold("globex", &link("a")) && limiter.may_hold("acme", &link("b")));
}

#[tokio::test]
async fn one_gateway_alone_admits_exactly_the_quota_and_again_in_the_next_window() {
    let gateway = Gateway::embedded();
    assert_eq!(gateway.admitted(100, 150).await, 100);
    gateway.clock.advance(WINDOW);
    assert_eq!(gateway.admitted(100, 150).await, 100);
}

#[tokio::test]
async fn a_refusal_says_when_the_window_ends_and_spends_nothing_of_the_others() {
    let gateway = Gateway::embedded();
    let narrow = (Scope::Survey { brand: "acme", survey: "nps" }, Quota { limit: 1, window: WINDOW });
    let wide = (Scope::ApiKey { brand: "acme", name: "crm" }, Quota { limit: 3, window: WINDOW });
    let tightest = gateway.admit(&[wide, narrow]).await.unwrap().unwrap();
    assert_eq!((tightest.policy, tightest.limit, tightest.remaining), ("survey", 1, 0));
    for _ in 0..5 {
        let refusal = gateway.admit(&[wide, narrow]).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::QuotaExceeded);
        let quota = refusal.quota.unwrap();
        assert_eq!((quota.policy, quota.remaining), ("survey", 0));
        let (ends_in, wait) = (quota.resets_in, refusal.retry_after.unwrap());
        assert!(ends_in <= WINDOW && wait >= ends_in && wait <= ends_in + Duration::from_secs(5));
    }
    assert_eq!(gateway.admit(&[wide]).await.unwrap().unwrap().remaining, 1, "two of three are left");
    assert_eq!(gateway.admit(&[]).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_together_admit_the_quota_when_all_have_load() {
    let server = Server::start();
    let clock = clock();
    let gateways = [
        Gateway::on(&server, &clock).await,
        Gateway::on(&server, &clock).await,
        Gateway::on(&server, &clock).await,
    ];
    let [one, two, three] = &gateways;
    for limit in [1, 7, 100, 10_000] {
        let (a, b, c) = tokio::join!(
            one.admitted(limit, limit),
            two.admitted(limit, limit),
            three.admitted(limit, limit)
        );
        let all = a + b + c;
        assert!(all <= limit, "{all} of {limit}");
        assert!(all * 100 >= limit * 98, "{all} of {limit}: {a} {b} {c}");
        clock.advance(WINDOW);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_together_admit_the_quota_when_one_has_all_the_load() {
    let server = Server::start();
    let clock = clock();
    let busy = Gateway::on(&server, &clock).await;
    let [idle, idler] = [Gateway::on(&server, &clock).await, Gateway::on(&server, &clock).await];
    let early = idle.admitted(10_000, 1500).await + idler.admitted(10_000, 3).await;
    assert_eq!(early, 1503);
    let mut late = busy.admitted(10_000, 10_000).await;
    assert!(early + late <= 10_000 && early + late >= 8_500, "{late}");
    // What the idle ones leased and do not use comes back.
    let begun = std::time::Instant::now();
    while early + late < 10_000 && begun.elapsed() < Duration::from_secs(30) {
        late += u64::from(busy.admits(10_000).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(early + late, 10_000);
    assert!(!busy.admits(10_000).await && !idle.admits(10_000).await);
    let calls = server.cli(&["INFO", "commandstats"]);
    let calls = calls.lines().find_map(|line| line.strip_prefix("cmdstat_incrby:calls=")).unwrap();
    let calls: u32 = calls.split(',').next().unwrap().parse().unwrap();
    assert!(calls < 400, "{calls} round trips for 10,000 answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_a_gateway_admits_its_share_of_the_window_what_it_had_admitted_included() {
    let mut server = Server::start();
    let clock = clock();
    let gateway = Gateway::on(&server, &clock).await;
    assert_eq!(gateway.admitted(1000, 100).await, 100);
    server.kill();
    let after = gateway.admitted(1000, 1000).await;
    assert!((200..=300).contains(&after), "a share of 300 and what was leased already: {after}");
    clock.advance(WINDOW);
    assert_eq!(gateway.admitted(11, 20).await, 4, "rounded up");
    server.restart();
    let begun = std::time::Instant::now();
    while !gateway.claims.is_up() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    clock.advance(WINDOW);
    assert_eq!(gateway.admitted(100, 200).await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_quotas_of_a_submission_together_wait_for_redis_no_longer_than_it_may() {
    let server = Server::start();
    let gateway = Gateway::on(&server, &clock()).await;
    server.freeze();
    let quota = Quota { limit: 100, window: WINDOW };
    let scopes = ["acme", "globex", "initech", "umbrella"].map(|brand| (Scope::Brand(brand), quota));
    let begun = std::time::Instant::now();
    let admitted = futures_util::future::join_all((0..20).map(|_| gateway.admit(&scopes))).await;
    let took = begun.elapsed();
    let patience = gateway.claims.patience();
    assert!(took >= patience / 2 && took < patience * 3 / 2, "{took:?}");
    assert!(admitted.iter().all(Result::is_ok), "each within the gateway's share");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_counter_starts_its_window_anew_and_admits_no_more_than_that() {
    let server = Server::start();
    let clock = clock();
    let [one, two] = [Gateway::on(&server, &clock).await, Gateway::on(&server, &clock).await];
    let before = one.admitted(100, 40).await + two.admitted(100, 20).await;
    assert_eq!(before, 60);
    let script = "for _, k in ipairs(redis.call('KEYS', 'vg:q:*')) do redis.call('DEL', k) end";
    server.cli(&["EVAL", script, "0"]);
    let after = one.admitted(100, 200).await + two.admitted(100, 200).await;
    assert!((40..=140).contains(&after), "{after}");
    assert!(one.claims.is_up() && two.claims.is_up());
}
