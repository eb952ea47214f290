//! Starting, ending and dying: nothing acknowledged is lost.

use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use futures_util::future::join_all;
use tokio::{net::TcpStream, time::timeout};

use crate::support::{Gateway, Plan, Redis, Reply, nps, wait_for};

/// Submits from several lanes until the gateway no longer answers; gives the interactions that got a receipt.
/// `strike` is called once, when `after` of them have come in.
async fn load_until_the_end(gateway: &Gateway, after: usize, strike: impl FnOnce()) -> BTreeSet<String> {
    let lane = async |lane: usize| {
        let mut acknowledged = Vec::new();
        for index in 0.. {
            let interaction = format!("l-{lane}-{index}");
            let request = gateway.request(reqwest::Method::POST, "/v1/responses");
            let request = request.bearer_auth(crate::support::ACME_KEY).json(&nps(&interaction, 9));
            match Reply::try_of(request).await {
                Ok(reply) if reply.status == 201 => acknowledged.push(interaction),
                Ok(reply) => {
                    assert_eq!(reply.status, 503, "draining is told as 503: {}", reply.text);
                    break;
                }
                Err(_) => break,
            }
        }
        acknowledged
    };
    let strike = async {
        wait_for("enough answers to be in", async || {
            let received = gateway.ledger().await["received"].as_u64().unwrap();
            (received as usize >= after).then_some(())
        })
        .await;
        strike();
    };
    let (lanes, ()) = tokio::join!(join_all((0..8).map(lane)), strike);
    lanes.into_iter().flatten().collect()
}

async fn stored_interactions(gateway: &Gateway) -> BTreeSet<String> {
    gateway.store().all().await.into_iter().map(|response| response.interaction).collect()
}

#[tokio::test]
async fn sigterm_under_load_loses_nothing_and_exits_0() {
    let mut gateway = Gateway::start().await;
    let acknowledged = load_until_the_end(&gateway, 100, || gateway.ask_to_end()).await;
    let ended = gateway.ended().await;
    assert_eq!(ended.code, Some(0), "contract 1: exit 0");
    assert!(acknowledged.len() >= 90, "{} answers got a receipt", acknowledged.len());
    gateway.restart().await;
    gateway.settled_ledger().await;
    let stored = stored_interactions(&gateway).await;
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
}

#[tokio::test]
async fn sigkill_under_load_loses_nothing_and_doubles_nothing() {
    let mut gateway = Gateway::start().await;
    let acknowledged = load_until_the_end(&gateway, 100, || gateway.strike()).await;
    gateway.restart().await;
    gateway.settled_ledger().await;
    let stored = gateway.store().all().await;
    let interactions: BTreeSet<_> = stored.iter().map(|response| response.interaction.clone()).collect();
    assert_eq!(interactions.len(), stored.len(), "one response per interaction");
    let lost: Vec<_> = acknowledged.difference(&interactions).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
}

#[tokio::test]
async fn after_a_kill_the_claims_still_know_what_was_answered() {
    let mut gateway = Gateway::start().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    gateway.kill();
    gateway.restart().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(200, "duplicate");
    gateway.submit(&nps("t-1", 3)).await.receipt(200, "revised");
    gateway.store().scored("t-1", "recommend", 3).await;
}

#[tokio::test]
async fn readyz_turns_503_at_once_and_the_listeners_close_after_the_drain_delay() {
    let mut gateway = Plan::new().set("http.drain_delay", "3 s").start().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    gateway.ask_to_end();
    wait_for("readyz to turn 503 while draining", async || {
        (gateway.readyz().await.status == 503).then_some(())
    })
    .await;
    let live = gateway.admin("/healthz").await;
    assert_eq!(live.status, 200, "alive while draining: {}", live.text);
    let late = gateway.submit(&nps("t-2", 9)).await;
    assert_eq!(late.status, 201, "until the delay is over requests are served: {}", late.text);
    let ended = gateway.ended().await;
    assert_eq!(ended.code, Some(0));
    gateway.restart().await;
    gateway.store().count(2).await;
}

#[tokio::test]
async fn the_number_of_records_left_on_disk_is_logged() {
    let mut store = Plan::new().only_store("127.0.0.1:0").start().await;
    let mut edge = Plan::new().set("http.drain_s", 1).only_edge(&store.store_url()).start().await;
    store.kill();
    for index in 0..3 {
        edge.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    let ended = edge.terminate().await;
    assert_eq!(ended.code, Some(0), "contract 1: exit 0");
    let counted = ended.logs.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let counted = counted
        .filter(|event| event.as_object().is_some_and(|event| event.values().any(|value| *value == 3)))
        .count();
    assert!(counted > 0, "contract 1: the number of records left on disk is logged");
}

#[tokio::test]
async fn a_second_gateway_on_one_data_directory_is_refused() {
    let gateway = Gateway::start().await;
    let ended = Plan::new().data(&gateway.data_path()).refuse().await;
    assert!(matches!(ended.code, Some(64 | 69)), "{:?}: {}", ended.code, ended.logs);
    assert!(
        ended.logs.contains(&gateway.data_path().display().to_string()),
        "names the directory: {}",
        ended.logs
    );
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
}

#[tokio::test]
async fn a_taken_port_exits_69_and_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for listener in ["--http", "--grpc", "--admin"] {
        let ended = Plan::new().arg(listener).arg(&addr).refuse().await;
        assert_eq!(ended.code, Some(69), "contract 1: a needed port is unavailable: {}", ended.logs);
        assert!(ended.logs.contains(&addr), "{}", ended.logs);
    }
}

#[tokio::test]
async fn a_gateway_with_another_identity_key_exits_64() {
    let redis = Redis::start().await;
    let store = Plan::new().only_store("127.0.0.1:0").start().await;
    let first = Plan::new().redis(redis.url()).only_edge(&store.store_url()).start().await;
    first.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    store.store().first("t-1").await;
    let other = || Plan::new().set("identity.key", "cd".repeat(32));
    let by_redis = other().redis(redis.url()).refuse().await;
    assert_eq!(by_redis.code, Some(64), "contract 2: its fingerprint is kept in Redis: {}", by_redis.logs);
    assert!(by_redis.logs.contains("identity"), "{}", by_redis.logs);
    let by_store = other().only_edge(&store.store_url()).refuse().await;
    assert_eq!(by_store.code, Some(64), "and in the store: {}", by_store.logs);
    assert!(!by_store.logs.contains(&"cd".repeat(32)), "invariant 9: secrets are not printed");
}

#[tokio::test]
async fn sample_secrets_refuse_to_listen_on_anything_but_loopback() {
    for listener in ["--http", "--grpc", "--admin", "--store"] {
        let ended = Plan::new().arg(listener).arg("0.0.0.0:0").refuse().await;
        assert_eq!(ended.code, Some(64), "contract 2, sample secrets, {listener}: {}", ended.logs);
    }
}

#[tokio::test]
async fn a_wrong_configuration_does_not_start_and_names_all_problems() {
    let plan = Plan::new().config(|config| {
        config.set("gateway.toml", "limits.per_address", "many");
        config.set("gateway.toml", "spool.bugdet", "1 GiB");
        config.set("surveys/support-nps.toml", "edit_window", "a while");
        config.set("brands/acme.toml", "time_zone", "Europe/Atlantis");
    });
    let ended = plan.refuse().await;
    assert_eq!(ended.code, Some(64), "invariant 10: {}", ended.logs);
    for part in
        ["per_address", "many", "bugdet", "support-nps.toml", "a while", "acme.toml", "Europe/Atlantis"]
    {
        assert!(ended.logs.contains(part), "all problems at once, {part} is missing: {}", ended.logs);
    }
}

#[tokio::test]
async fn flags_win_over_the_environment_which_wins_over_files() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    // The flag of the harness names a free port; the variable alone would fail.
    let flag_wins = Plan::new().env("VOXGATE_HTTP_LISTEN", &addr).start().await;
    assert_ne!(flag_wins.http_addr(), addr);
    let plan = Plan::new().set("limits.per_address", 1000).env("VOXGATE_LIMITS_PER_ADDRESS", "1");
    let gateway = plan.start().await;
    let form = [("recommend", "9"), ("interaction", "t-1")];
    gateway.post_form("/f/acme/support-nps", &form).await.page(200);
    gateway.post_form("/f/acme/support-nps", &form).await.page(429);
}

#[tokio::test]
async fn more_connections_stand_than_a_shell_gives_descriptors_and_answers_are_taken_beside_them() {
    let plan = Plan::new().descriptors(128).set("http.header_timeout", "5 m");
    let gateway = plan.start().await;
    let answers = async {
        let mut open = Vec::new();
        for _ in 0..300 {
            open.push(TcpStream::connect(gateway.http_addr()).await.unwrap());
        }
        for index in 0..20 {
            let reply = gateway.submit(&nps(&format!("d-{index}"), 9)).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
        }
        open.len()
    };
    assert_eq!(timeout(Duration::from_secs(30), answers).await.unwrap(), 300);
    gateway.settled_ledger().await;
}
