//! Limits: addresses where nothing is proven, shared quotas where something is.

use reqwest::Method;
use serde_json::json;
use tonic_types::StatusExt as _;
use voxgate::proto::collector::v1::SubmitRequest;

use crate::support::{
    Gateway, Plan, Redis, Reply, client, collector, nps, nps_message, plain_link, with_key,
};

const QUOTA: usize = 60;

/// Three gateways on one Redis with a quota for each API key that no window's end can refill meanwhile.
async fn three(redis: &Redis, store: &Gateway) -> [Gateway; 3] {
    let edge = async || {
        let plan = Plan::new().redis(redis.url()).only_edge(&store.store_url());
        plan.set("limits.per_api_key", format!("{QUOTA} / 365d")).start().await
    };
    [edge().await, edge().await, edge().await]
}

/// How many of `count` answers are admitted, the first gateway first and so on around.
async fn admitted(gateways: &[&Gateway], prefix: &str, count: usize) -> usize {
    let mut admitted = 0;
    for index in 0..count {
        let gateway = gateways[index % gateways.len()];
        let reply = gateway.submit(&nps(&format!("{prefix}-{index}"), 9)).await;
        match reply.status {
            201 => admitted += 1,
            429 => assert_limited(&reply),
            other => panic!("{other}: {}", reply.text),
        }
    }
    admitted
}

fn assert_limited(reply: &Reply) {
    reply.problem(429, "quota_exceeded");
    let wait: u64 = reply.header("retry-after").parse().expect("contract 4: Retry-After on 429, in seconds");
    assert!(wait >= 1);
    assert!(reply.header("ratelimit").contains("r=0"), "nothing remains: {:?}", reply.header("ratelimit"));
    assert!(!reply.header("ratelimit-policy").is_empty());
}

#[tokio::test]
async fn three_gateways_together_admit_the_quota() {
    let redis = Redis::start().await;
    let store = Plan::new().only_store("127.0.0.1:0").start().await;
    let [one, two, three] = &three(&redis, &store).await;
    let admitted = admitted(&[one, two, three], "spread", 3 * QUOTA).await;
    assert_eq!(admitted, QUOTA, "issue 2, point 7: together the quota, not three times it");
    let mut limited = 0;
    for gateway in [one, two, three] {
        limited += gateway.settled_ledger().await["limited"].as_u64().unwrap();
    }
    assert_eq!(limited, 2 * QUOTA as u64, "invariant 6: 429 is `limited`");
}

#[tokio::test]
async fn one_of_three_gateways_that_gets_all_the_load_admits_the_whole_quota() {
    let redis = Redis::start().await;
    let store = Plan::new().only_store("127.0.0.1:0").start().await;
    let [one, two, three] = &three(&redis, &store).await;
    assert_eq!(admitted(&[one], "all", 2 * QUOTA).await, QUOTA, "also when all load goes to one of them");
    assert_eq!(admitted(&[two, three], "rest", 10).await, 0, "the others have nothing left");
}

#[tokio::test]
async fn an_admitted_answer_names_what_is_left() {
    let gateway = Plan::new().set("limits.per_api_key", "5 / 365d").start().await;
    let mut left = Vec::new();
    for index in 0..5 {
        let reply = gateway.submit(&nps(&format!("t-{index}"), 9)).await;
        reply.receipt(201, "accepted");
        let policy = reply.header("ratelimit-policy");
        assert!(policy.contains("q=5") && policy.contains("w=31536000"), "{policy}");
        let remaining = reply.header("ratelimit").split(';').find_map(|part| part.trim().strip_prefix("r="));
        left.push(remaining.expect("RateLimit: \"…\";r=…;t=…").parse::<u32>().unwrap());
    }
    assert_eq!(left, [4, 3, 2, 1, 0]);
    assert_limited(&gateway.submit(&nps("t-6", 9)).await);

    let request = with_key(SubmitRequest { submission: Some(nps_message("t-7", 9)) });
    let status = collector(&gateway).submit(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "QUOTA_EXCEEDED");
    assert!(status.get_details_retry_info().is_some(), "contract 5: RetryInfo where it applies");
}

#[tokio::test]
async fn an_address_limit_applies_only_where_nothing_was_proven() {
    let gateway = Plan::new().set("limits.per_address", 3).start().await;
    let link = plain_link(&gateway, "proven-1").await;
    let form = async |index: usize| {
        let interaction = format!("stated-{index}");
        gateway.post_form("/f/acme/support-nps", &[("recommend", "9"), ("interaction", &interaction)]).await
    };
    for index in 0..3 {
        form(index).await.page(200);
    }
    let limited = form(3).await;
    limited.page(429);
    assert!(limited.header("retry-after").parse::<u64>().is_ok(), "{:?}", limited.header("retry-after"));
    assert!(limited.text.contains("stated-3"), "invariant 5: an over-limit page keeps the answer");

    let beacon = gateway.request(Method::POST, "/v1/beacon").header("origin", "http://localhost:3000");
    let beacon = Reply::of(beacon.header("content-type", "text/plain").body(nps("stated-4", 9).to_string()));
    beacon.await.problem(429, "rate_limited");

    for score in ["1", "2", "3", "4", "5"] {
        gateway.post_form(&link.path, &[("recommend", score)]).await.page(200);
    }
    for index in 0..5 {
        gateway.submit(&nps(&format!("keyed-{index}"), 9)).await.receipt(201, "accepted");
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["limited"], 2, "{ledger}");
}

#[tokio::test]
async fn x_forwarded_for_counts_from_trusted_proxies_alone() {
    let trusting =
        Plan::new().set("trusted_proxies", vec!["127.0.0.0/8"]).set("limits.per_address", 2).start().await;
    let from = async |gateway: &Gateway, forwarded: &str, interaction: &str| {
        let request =
            gateway.request(Method::POST, "/f/acme/support-nps").header("x-forwarded-for", forwarded);
        let fields = [("recommend", "9"), ("interaction", interaction)];
        Reply::of(crate::support::form(request, &fields)).await.status
    };
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        for turn in 0..2 {
            let interaction = format!("{}-{turn}", address.replace(':', "."));
            assert_eq!(from(&trusting, address, &interaction).await, 200, "{address} has a limit of its own");
        }
        assert_eq!(from(&trusting, address, "more").await, 429, "{address}");
    }
    assert_eq!(
        from(&trusting, "192.0.2.77, 192.0.2.1", "spoofed").await,
        429,
        "only what our proxy added counts"
    );
    assert_eq!(from(&trusting, "2001:db8::2", "same-64").await, 429, "IPv6 counts by /64");

    let plain = Plan::new().set("limits.per_address", 2).start().await;
    for index in 0..4 {
        let status = from(&plain, &format!("192.0.2.{index}"), &format!("p-{index}")).await;
        assert_eq!(status, if index < 2 { 200 } else { 429 }, "without trusted_proxies it is ignored");
    }
    plain
        .logs_a_line("a warning with the address to add", |line| {
            line.contains("127.0.0.1") && line.contains("trusted_proxies")
        })
        .await;
    let warnings = plain.logs().lines().filter(|line| line.contains("trusted_proxies")).count();
    assert_eq!(warnings, 1, "warned of once");
}

#[tokio::test]
async fn a_persons_answer_over_a_brands_quota_is_held_and_a_programs_is_refused() {
    let gateway = Plan::new().set("limits.per_brand", "2 / 365d").start().await;
    let link = plain_link(&gateway, "person-1").await;
    for index in 0..2 {
        gateway.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    gateway.submit(&nps("t-3", 9)).await.problem(429, "quota_exceeded");
    let page = gateway.post_form(&link.path, &[("recommend", "9")]).await;
    assert!([200, 202].contains(&page.status), "invariant 5: {} {}", page.status, page.text);
    let held = gateway.store().held_one().await;
    assert_eq!(held.reasons, ["over_limit"]);
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["quarantined"], &ledger["limited"]), (&json!(1), &json!(1)), "{ledger}");
}

#[tokio::test]
async fn a_link_is_limited_by_its_token() {
    let gateway = Plan::new().set("limits.per_link", 3).start().await;
    let (busy, other) = (plain_link(&gateway, "busy").await, plain_link(&gateway, "other").await);
    for score in ["1", "2", "3"] {
        gateway.post_form(&busy.path, &[("recommend", score)]).await.page(200);
    }
    gateway.post_form(&busy.path, &[("recommend", "4")]).await.page(429);
    gateway.post_form(&other.path, &[("recommend", "4")]).await.page(200);
}

#[tokio::test]
async fn connections_that_send_nothing_are_closed() {
    use tokio::io::AsyncReadExt as _;
    let gateway = Plan::new().set("http.header_timeout", "300 ms").start().await;
    let mut idle = tokio::net::TcpStream::connect(gateway.http_addr()).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(crate::support::DEADLINE, idle.read_to_end(&mut rest)).await;
    read.expect("invariant 7, header time is bounded").unwrap();
    assert_eq!(client().get(format!("{}/healthz", gateway.admin_url())).send().await.unwrap().status(), 200);
}
