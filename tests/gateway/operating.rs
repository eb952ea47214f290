//! What operators see and do while a gateway runs.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    ACME_KEY, Call, Gateway, LINK_SECRET, MailLink, Plan, Reply, nps, plain_link, wait_for,
};

#[tokio::test]
async fn the_ledger_counts_each_submission_once_and_by_channel() {
    let gateway = Gateway::start().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    gateway.submit(&nps("t-1", 9)).await.receipt(200, "duplicate");
    gateway.submit(&nps("t-1", 1)).await.receipt(200, "revised");
    gateway.submit(&nps("t-2", 11)).await.problem(422, "invalid");
    gateway.post_form("/f/acme/support-nps", &[("recommend", "9"), ("interaction", "t-3")]).await.page(200);
    let ledger = gateway.settled_ledger().await;
    let expected = [
        ("received", 5),
        ("in_flight", 0),
        ("accepted", 2),
        ("revised", 1),
        ("duplicate", 1),
        ("quarantined", 0),
        ("limited", 0),
        ("rejected", 1),
        ("appended", 3),
        ("delivered", 3),
        ("spooled", 0),
        ("dead_lettered", 0),
        ("set_aside", 0),
    ];
    for (name, count) in expected {
        assert_eq!(ledger[name], count, "{name}: {ledger}");
    }
    assert_eq!(ledger["channels"]["api"]["received"], 4, "{ledger}");
    assert_eq!(ledger["channels"]["form"]["accepted"], 1, "{ledger}");
    assert!(ledger["respooled"].is_u64(), "{ledger}");
}

#[tokio::test]
async fn the_log_keeps_its_own_books_across_restarts() {
    let mut gateway = Gateway::start().await;
    for index in 0..5 {
        gateway.submit(&nps(&format!("t-{index}"), 9)).await.receipt(201, "accepted");
    }
    let before = gateway.settled_ledger().await;
    gateway.restart().await;
    let after = gateway.settled_ledger().await;
    assert_eq!(after["received"], 0, "since start: {after}");
    assert_eq!(
        (&after["appended"], &after["delivered"]),
        (&before["appended"], &before["delivered"]),
        "{after}"
    );
}

#[tokio::test]
async fn the_named_metrics_are_there() {
    let gateway = Gateway::start().await;
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    gateway.settled_ledger().await;
    let metrics = gateway.admin("/metrics").await.text;
    for name in [
        "voxgate_spool_records",
        "voxgate_spool_bytes",
        "voxgate_spool_oldest_seconds",
        "voxgate_spool_commit_seconds",
        "voxgate_delivery_lag_seconds",
        "voxgate_dead_letters",
        "voxgate_redis_up",
        "voxgate_store_up",
        "voxgate_config_info{",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "contract 4 names {name}:\n{metrics}");
    }
    let submissions = metrics.lines().find(|line| line.starts_with("voxgate_submissions_total{")).unwrap();
    for label in [r#"channel="api""#, r#"brand="acme""#, r#"outcome="accepted""#, "reason="] {
        assert!(submissions.contains(label), "{submissions}");
    }
    assert!(submissions.ends_with(" 1"), "{submissions}");
    assert_eq!(gateway.metric("voxgate_store_up").await, Some(1.0));
    assert_eq!(gateway.metric("voxgate_spool_records").await, Some(0.0));
}

#[tokio::test]
async fn a_reload_swaps_surveys_brands_and_limits() {
    let gateway = Gateway::start().await;
    gateway.plan.config.set("surveys/support-nps.toml", "channels", vec!["email"]);
    assert_eq!(gateway.submit(&nps("t-1", 9)).await.status, 201, "nothing changes before the reload");
    let reply = gateway.admin_post("/reload").await;
    assert!((200..300).contains(&reply.status), "{} {}", reply.status, reply.text);
    gateway.submit(&nps("t-2", 9)).await.problem(403, "channel_closed");

    gateway.plan.config.set("surveys/support-nps.toml", "channels", vec!["api"]);
    gateway.ask_to_reload();
    wait_for("SIGHUP to reload", async || (gateway.submit(&nps("t-3", 9)).await.status < 300).then_some(()))
        .await;
}

#[tokio::test]
async fn a_wrong_reload_changes_nothing_and_names_all_problems() {
    let gateway = Gateway::start().await;
    let hash = async || {
        let metrics = gateway.admin("/metrics").await.text;
        metrics.lines().find(|line| line.starts_with("voxgate_config_info")).unwrap().to_owned()
    };
    let before = hash().await;
    gateway.plan.config.set("surveys/support-nps.toml", "edit_window", "a while");
    gateway.plan.config.set("brands/acme.toml", "time_zone", "Europe/Atlantis");
    let reply = gateway.admin_post("/reload").await;
    assert!((400..500).contains(&reply.status), "{} {}", reply.status, reply.text);
    for part in ["a while", "Europe/Atlantis"] {
        assert!(reply.text.contains(part), "invariant 10, with file, line and value: {}", reply.text);
    }
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    assert_eq!(hash().await, before);
    assert_eq!(gateway.readyz().await.status, 200);
}

#[tokio::test]
async fn writes_on_the_admin_port_need_its_token() {
    let gateway = Gateway::start().await;
    let url = format!("{}/reload", gateway.admin_url());
    for request in
        [crate::support::client().post(&url), crate::support::client().post(&url).bearer_auth("wrong")]
    {
        let reply = Reply::of(request).await;
        assert!([401, 403].contains(&reply.status), "{} {}", reply.status, reply.text);
    }
    assert_eq!(gateway.admin("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_full_spool_refuses_with_503_before_anything_is_claimed_and_recovers() {
    let mut store = Plan::new().only_store("127.0.0.1:0").start().await;
    store.keep_store_address();
    let plan = Plan::new().set("spool.segment_bytes", "64 KiB").set("spool.budget", "256 KiB");
    let edge = plan.set("store.backoff_max", "200 ms").only_edge(&store.store_url()).start().await;
    store.kill();
    let mut accepted = 0;
    let refused = wait_for("the spool to be full", async || {
        let mut body = nps(&format!("t-{accepted}"), 9);
        body["answers"]["reason"] = json!("x".repeat(3000));
        let reply = edge.submit(&body).await;
        if reply.status == 201 {
            accepted += 1;
            return None;
        }
        Some(reply)
    })
    .await;
    refused.problem(503, "spool_full");
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "contract 4: Retry-After on 503");
    assert_eq!(edge.readyz().await.status, 503, "503 while refusing");
    store.restart().await;
    wait_for("room in the spool again", async || {
        (edge.submit(&nps("after", 9)).await.status == 201).then_some(())
    })
    .await;
    edge.settled_ledger().await;
    assert_eq!(store.store().all().await.len(), accepted + 1, "nothing acknowledged is lost");
}

#[tokio::test]
async fn no_personal_data_and_no_secret_is_in_logs_or_metrics() {
    let gateway = Plan::new().set("telemetry.log", "debug").start().await;
    let link = plain_link(&gateway, "person-ticket").await;
    let mut body = nps("t-1", 3);
    body["respondent"] = json!({"email": "ada.lovelace@example.com"});
    body["answers"]["reason"] = json!("my neighbour Grace never came");
    body["attributes"] = json!({"plan": "attribute-of-ada"});
    gateway.submit(&body).await.receipt(201, "accepted");
    body["respondent"] = json!({"email": "ada lovelace"});
    gateway.submit(&body).await.problem(422, "invalid");
    body["respondent"] = json!({"ref": "crm-of-ada"});
    gateway.submit(&body).await;
    gateway.post_form(&link.path, &[("recommend", "9"), ("reason", "thanks to Grace")]).await.page(200);
    gateway.get(&format!("{}x", link.path)).await;
    let mail =
        MailLink { brand: "acme", survey: "support-nps", query: "interaction=t-2&respondent=crm-of-ada" };
    gateway.post_form(&mail.signed(), &[("recommend", "99"), ("reason", "thanks to Grace")]).await.page(422);
    let mut call = Call::dial(&gateway, "/ivr/twilio/acme/support-nps", "CA1", "+41446681800").await;
    call.press("9").await;
    let wrong = gateway.request(Method::POST, "/v1/responses").bearer_auth("vg_somebody_elses_key");
    Reply::of(wrong.json(&body)).await.problem(401, "unauthenticated");
    gateway.settled_ledger().await;
    let text = format!("{}\n{}", gateway.logs(), gateway.admin("/metrics").await.text).to_lowercase();
    let token = link.token.to_lowercase();
    for secret in [
        "lovelace",
        "grace",
        "attribute-of-ada",
        "crm-of-ada",
        "446681800",
        "somebody_elses",
        ACME_KEY,
        LINK_SECRET,
        "dev-twilio-token",
        &token[20..],
    ] {
        assert!(!text.contains(secret), "invariant 9: {secret} is in logs or metrics");
    }
    assert!(text.contains("listening"));
}
