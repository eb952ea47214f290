//! Storage away and back, replays, held answers, erasure.

use std::{fs, path::Path};

use serde_json::json;
use voxgate::{clock::Clock, proto::store::v1::HeldState};

use crate::support::{Cli, Gateway, Plan, nps, score_on, voxgate, wait_for};

/// A command against a running gateway's store or admin port.
fn run(gateway: &Gateway, command: &str, target: [&str; 2]) -> Cli {
    let arguments: Vec<_> = command.split_whitespace().chain(target).collect();
    voxgate(gateway.plan.config.path(), &arguments)
}

fn on_store(gateway: &Gateway, command: &str) -> Cli {
    run(gateway, command, ["--store", &gateway.store_url()])
}

fn on_admin(gateway: &Gateway, command: &str) -> Cli {
    run(gateway, command, ["--admin", &gateway.admin_url()])
}

async fn split() -> (Gateway, Gateway) {
    let mut store = Plan::new().only_store("127.0.0.1:0").start().await;
    store.keep_store_address();
    let edge = Plan::new().set("store.backoff_max", "200 ms").only_edge(&store.store_url()).start().await;
    (store, edge)
}

#[tokio::test]
async fn while_the_store_is_away_receipts_go_on_and_delivery_resumes_by_itself() {
    let (mut store, mut edge) = split().await;
    edge.submit(&nps("t-0", 9)).await.receipt(201, "accepted");
    store.store().first("t-0").await;
    store.kill();
    for index in 1..20 {
        edge.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    let ready = edge.readyz().await;
    assert_eq!(ready.status, 200, "contract 4: the store away is 200: {}", ready.text);
    wait_for("readyz to say `degraded`", async || {
        edge.readyz().await.text.contains("degraded").then_some(())
    })
    .await;
    let ledger = edge.ledger().await;
    assert_eq!((&ledger["spooled"], &ledger["delivered"]), (&json!(19), &json!(1)), "{ledger}");
    assert_eq!(edge.metric("voxgate_spool_records").await, Some(19.0));
    assert_eq!(edge.metric("voxgate_store_up").await, Some(0.0));

    edge.restart().await;
    assert_eq!(edge.ledger().await["spooled"], 19, "across restarts");
    store.restart().await;
    edge.settled_ledger().await;
    assert_eq!(store.store().all().await.len(), 20);
}

#[tokio::test]
async fn a_replay_fills_a_store_that_was_lost() {
    let (mut store, edge) = split().await;
    let since = Clock::System.now();
    for index in 0..10 {
        edge.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    edge.settled_ledger().await;
    store.kill();
    empty(&store.data_path());
    store.restart().await;
    assert!(store.store().all().await.is_empty());
    on_admin(&edge, &format!("spool replay --since {since}")).ok();
    store.store().count(10).await;
    edge.settled_ledger().await;
    on_admin(&edge, &format!("spool replay --since {since}")).ok();
    edge.settled_ledger().await;
    assert_eq!(store.store().all().await.len(), 10, "invariant 2: applying a record twice changes nothing");
    assert!(on_admin(&edge, "spool status").ok().contains("10"));
}

fn empty(data: &Path) {
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
}

#[tokio::test]
async fn held_answers_are_listed_shown_released_and_discarded() {
    let gateway = Gateway::start().await;
    let at = |interaction: &str, time: &str, score: i32| {
        let mut body = nps(interaction, score);
        body["answered_at"] = json!(time);
        body
    };
    for interaction in ["t-1", "t-2"] {
        gateway.submit(&at(interaction, "2026-01-01T00:00:00Z", 9)).await.receipt(201, "accepted");
        gateway.submit(&at(interaction, "2026-03-01T00:00:00Z", 1)).await.receipt(202, "quarantined");
    }
    let held = wait_for("two held records", async || {
        let held = gateway.store().held(HeldState::Waiting).await;
        (held.len() == 2).then_some(held)
    })
    .await;
    let list = on_store(&gateway, "quarantine list").ok();
    for one in &held {
        assert!(list.contains(&one.id) && list.contains("late"), "{list}");
    }
    let of = |interaction: &str| {
        let of = held.iter().find(|one| one.record.as_ref().unwrap().interaction == interaction);
        of.unwrap().id.clone()
    };
    let shown = on_store(&gateway, &format!("quarantine show {}", of("t-1"))).ok();
    assert!(shown.contains("t-1") && shown.contains("recommend"), "{shown}");
    on_store(&gateway, &format!("quarantine release {}", of("t-1"))).ok();
    on_store(&gateway, &format!("quarantine discard {}", of("t-2"))).ok();
    let released = gateway.store().scored("t-1", "recommend", 1).await;
    assert_eq!(released.answers.len(), 1, "released, it counts");
    assert_eq!(score_on(&gateway.store().first("t-2").await, "recommend"), Some(9), "discarded, it does not");
    assert!(gateway.store().held(HeldState::Waiting).await.is_empty());
    let unknown = on_store(&gateway, &format!("quarantine release {}", "0".repeat(32)));
    assert_ne!(unknown.code, Some(0), "{}", unknown.all());
}

#[tokio::test]
async fn an_erased_person_is_gone_and_does_not_come_back_with_a_replay() {
    let gateway = Gateway::start().await;
    let since = Clock::System.now();
    let by = |interaction: &str, respondent: serde_json::Value| {
        let mut body = nps(interaction, 3);
        body["respondent"] = respondent;
        body["answers"]["reason"] = json!("a comment");
        body
    };
    let ada = json!({"email": "ada@example.com"});
    let grace = json!({"ref": "crm-grace"});
    gateway.submit(&by("ada-1", ada.clone())).await.receipt(201, "accepted");
    gateway.submit(&by("ada-2", ada.clone())).await.receipt(201, "accepted");
    gateway.submit(&by("grace-1", grace)).await.receipt(201, "accepted");
    gateway.settled_ledger().await;
    let store = gateway.store();
    assert_eq!(store.all().await.len(), 3);

    on_store(&gateway, "erase --respondent email:Ada@Example.com").ok();
    let left: Vec<_> = store.all().await.into_iter().map(|response| response.interaction).collect();
    assert_eq!(left, ["grace-1"]);
    on_admin(&gateway, &format!("spool replay --since {since}")).ok();
    gateway.settled_ledger().await;
    let left: Vec<_> = store.all().await.into_iter().map(|response| response.interaction).collect();
    assert_eq!(left, ["grace-1"], "design, store: a tombstone refuses anything received before it");

    gateway.submit(&by("ada-3", ada)).await.receipt(201, "accepted");
    store.first("ada-3").await;
    on_store(&gateway, "erase --respondent ref:crm-grace").ok();
    assert!(store.about("grace-1").await.is_empty());
}
