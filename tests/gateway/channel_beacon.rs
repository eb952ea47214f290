//! The chat widget's requests: script, definition, beacon.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha384};
use voxgate::{
    clock::Timestamp,
    proto::store::v1::{Channel, Identity},
};

use crate::support::{Gateway, Plan, Redis, Reply, nps, plain_link, score_on, voxgate};

/// An origin that the samples allow.
const HOST_PAGE: &str = "http://localhost:3000";

async fn beacon(gateway: &Gateway, origin: &str, content_type: Option<&str>, body: String) -> Reply {
    let mut request = gateway.request(Method::POST, "/v1/beacon").header("origin", origin).body(body);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    Reply::of(request).await
}

async fn send(gateway: &Gateway, body: &Value) -> Reply {
    beacon(gateway, HOST_PAGE, Some("text/plain;charset=UTF-8"), body.to_string()).await
}

#[tokio::test]
async fn a_beacon_ends_in_the_store_whatever_type_it_is_sent_as() {
    let gateway = Gateway::start().await;
    let types = [Some("text/plain;charset=UTF-8"), Some("application/json"), None];
    for (index, content_type) in types.into_iter().enumerate() {
        let interaction = format!("chat-{index}");
        let mut body = nps(&interaction, 9);
        body["locale"] = json!("de");
        body["respondent"] = json!({"ref": "visitor-1"});
        body["attributes"] = json!({"page": "pricing"});
        let reply = beacon(&gateway, HOST_PAGE, content_type, body.to_string()).await;
        let receipt = reply.receipt(201, "accepted");
        assert_eq!(receipt["identity"], "stated", "answered alike: {receipt}");
        assert_eq!(reply.header("access-control-allow-origin"), HOST_PAGE);
        let stored = gateway.store().first(&interaction).await;
        assert_eq!((stored.identity(), stored.channel()), (Identity::Stated, Channel::Chat));
        assert_eq!(stored.id, receipt["id"]);
        assert_eq!(stored.respondent_ref, "visitor-1");
        assert_eq!((stored.locale.as_str(), stored.attributes["page"].as_str()), ("de", "pricing"));
        assert_eq!(score_on(&stored, "recommend"), Some(9));
    }
}

#[tokio::test]
async fn an_origin_that_is_none_of_the_brands_gets_403() {
    let gateway = Gateway::start().await;
    for origin in ["https://evil.example", "http://localhost.evil.example", "null"] {
        let reply = beacon(&gateway, origin, Some("text/plain"), nps("chat-1", 9).to_string()).await;
        reply.problem(403, "origin_not_allowed");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
    assert!(gateway.store().all().await.is_empty());
    assert_eq!(gateway.settled_ledger().await["rejected"], 3);
}

#[tokio::test]
async fn a_preflight_is_answered_for_the_brands_origins() {
    let gateway = Gateway::start().await;
    let preflight = gateway
        .request(Method::OPTIONS, "/v1/beacon")
        .header("origin", HOST_PAGE)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let reply = Reply::of(preflight).await;
    assert!(reply.status == 200 || reply.status == 204, "{}", reply.status);
    assert!(["*", HOST_PAGE].contains(&reply.header("access-control-allow-origin")));
    assert!(reply.header("access-control-allow-headers").to_lowercase().contains("content-type"));
}

#[tokio::test]
async fn age_ms_says_how_long_ago_it_was_answered() {
    let gateway = Gateway::start().await;
    let mut body = nps("chat-1", 9);
    body["age_ms"] = json!(60_000);
    send(&gateway, &body).await.receipt(201, "accepted");
    let stored = gateway.store().first("chat-1").await;
    let answered = Timestamp::from_proto(stored.first_answered_at.as_ref().unwrap());
    let received = Timestamp::from_proto(stored.received_at.as_ref().unwrap());
    let age = received.since(answered).as_secs_f64();
    assert!((59.0..61.0).contains(&age), "age_ms stands in for answered_at: {age} s");
}

/// An answer whose reply was lost, a change, and the first one's retry: it says how long ago it was given.
#[tokio::test]
async fn what_waited_in_a_browser_is_no_change_of_what_was_answered_since() {
    let redis = Redis::start().await;
    // Longer than a busy machine pauses: without claims nothing is known to be a change.
    let sharing = || Plan::new().redis(redis.url()).set("redis.timeout", "5 s");
    let first = sharing().start().await;
    let second = sharing().only_edge(&first.store_url()).start().await;
    let given = |score: i32, age_ms: u64| {
        let mut body = nps("chat-1", score);
        body["key"] = json!("panel-1");
        body["age_ms"] = json!(age_ms);
        body
    };
    send(&first, &given(9, 0)).await.receipt(201, "accepted");
    send(&second, &given(3, 1)).await.receipt(200, "revised");
    let retry = send(&second, &given(9, 60_000)).await.receipt(200, "duplicate");
    assert_eq!(retry["answers"]["recommend"]["value"], 9, "{retry}");
    for gateway in [&first, &second] {
        gateway.settled_ledger().await;
    }
    let stored = first.store().scored("chat-1", "recommend", 3).await;
    assert_eq!(score_on(&stored, "recommend"), Some(3));
    send(&second, &given(9, 1)).await.receipt(200, "revised");
    first.store().scored("chat-1", "recommend", 9).await;
}

/// Contract 3: a retry with the submission key is a duplicate, also of what was changed since. A client that lets people
/// return to an earlier answer says `age_ms`, or takes a new key.
async fn a_beacon_without_an_age_is_a_retry(first: &Gateway, second: &Gateway) {
    let given = |score: i32| {
        let mut body = nps("chat-1", score);
        body["key"] = json!("panel-1");
        body
    };
    let id = send(first, &given(9)).await.receipt(201, "accepted")["id"].clone();
    send(second, &given(3)).await.receipt(200, "revised");
    send(first, &given(5)).await.receipt(200, "revised");
    for (gateway, score) in [(second, 9), (first, 3), (second, 5), (first, 9)] {
        let retry = send(gateway, &given(score)).await.receipt(200, "duplicate");
        assert_eq!(retry["id"], id);
    }
    for gateway in [first, second] {
        gateway.settled_ledger().await;
    }
    let stored = first.store().scored("chat-1", "recommend", 5).await;
    assert_eq!(score_on(&stored, "recommend"), Some(5));
    let mut aged = given(9);
    aged["age_ms"] = json!(0);
    send(second, &aged).await.receipt(200, "revised");
    first.store().scored("chat-1", "recommend", 9).await;
    let mut new_panel = given(3);
    new_panel["key"] = json!("panel-2");
    send(second, &new_panel).await.receipt(200, "revised");
    first.store().scored("chat-1", "recommend", 3).await;
}

#[tokio::test]
async fn a_beacon_that_says_no_age_is_known_again_by_its_key_and_what_it_says() {
    let gateway = Gateway::start().await;
    a_beacon_without_an_age_is_a_retry(&gateway, &gateway).await;
}

#[tokio::test]
async fn a_beacon_that_says_no_age_is_known_again_at_another_gateway() {
    let redis = Redis::start().await;
    let sharing = || Plan::new().redis(redis.url()).set("redis.timeout", "5 s");
    let first = sharing().start().await;
    let second = sharing().only_edge(&first.store_url()).start().await;
    a_beacon_without_an_age_is_a_retry(&first, &second).await;
}

#[tokio::test]
async fn a_token_proves_the_identity_and_a_retry_is_a_duplicate() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "chat-1").await;
    let body = json!({
        "survey": "support-nps", "brand": "acme", "token": link.token, "key": "n-1",
        "answers": {"recommend": 10},
    });
    let first = send(&gateway, &body).await.receipt(201, "accepted");
    assert_eq!(first["identity"], "signed", "contract 3: a link token");
    let retry = send(&gateway, &body).await.receipt(200, "duplicate");
    assert_eq!(retry["id"], first["id"]);
    let stored = gateway.store().first("chat-1").await;
    assert_eq!((stored.identity(), stored.channel()), (Identity::Signed, Channel::Chat));
}

#[tokio::test]
async fn without_a_reference_the_key_is_the_identity() {
    let gateway = Gateway::start().await;
    let body = |key: &str, score: i32| json!({"survey": "support-nps", "brand": "acme", "key": key, "answers": {"recommend": score}});
    let first = send(&gateway, &body("visit-1", 4)).await.receipt(201, "accepted");
    assert_eq!(first["identity"], "none");
    send(&gateway, &body("visit-1", 4)).await.receipt(200, "duplicate");
    send(&gateway, &body("visit-2", 4)).await.receipt(201, "accepted");
    gateway.store().count(2).await;
}

#[tokio::test]
async fn a_body_of_16_kib_is_read_and_a_larger_one_is_413() {
    let gateway = Gateway::start().await;
    let padded = |bytes: usize| {
        let body = nps("chat-1", 9).to_string();
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    let fits = beacon(&gateway, HOST_PAGE, Some("text/plain"), padded(16 * 1024)).await;
    fits.receipt(201, "accepted");
    let larger = beacon(&gateway, HOST_PAGE, Some("text/plain"), padded(16 * 1024 + 1)).await;
    larger.problem(413, "too_large");
}

#[tokio::test]
async fn a_beacon_cannot_say_when_it_was_answered_nor_use_another_brands_token() {
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "chat-1").await;
    let foreign = json!({
        "survey": "support-nps", "brand": "globex", "token": link.token, "answers": {"recommend": 10},
    });
    let reply = send(&gateway, &foreign).await;
    assert!((400..500).contains(&reply.status), "{} {}", reply.status, reply.text);
    let mut dated = nps("chat-2", 9);
    dated["answered_at"] = json!("2020-01-01T00:00:00Z");
    let reply = send(&gateway, &dated).await;
    if reply.status < 300 {
        let stored = gateway.store().first("chat-2").await;
        let answered = stored.first_answered_at.unwrap().seconds;
        assert!(answered > 1_700_000_000, "answered_at is taken from keyed callers only: {answered}");
    } else {
        assert_eq!(reply.status, 422, "{}", reply.text);
    }
}

#[tokio::test]
async fn the_printed_tag_names_a_script_that_never_changes_by_its_hash() {
    let gateway = Gateway::start().await;
    let arguments = ["widget-snippet", "--brand", "acme", "--survey", "support-nps", "--open", "chat,exit"];
    let tag = voxgate(gateway.plan.config.path(), &arguments).ok();
    assert!(
        tag.contains("data-brand=\"acme\" data-survey=\"support-nps\" data-open=\"chat exit\"></script>"),
        "{tag}"
    );
    let value = |name: &str| tag.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
    let path = value("src").rsplit_once('/').unwrap().1;
    let script = gateway.get(&format!("/{path}")).await;
    assert_eq!(script.status, 200);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(script.header("access-control-allow-origin"), "*", "integrity is checked over CORS");
    let digest = BASE64_STANDARD.encode(Sha384::digest(&script.text));
    assert_eq!(value("integrity"), format!("sha384-{digest}"));
    assert_eq!(script.text, gateway.get("/widget.js").await.text);
    for (brand, survey) in [("nobody", "support-nps"), ("acme", "no-such")] {
        let refused =
            voxgate(gateway.plan.config.path(), &["widget-snippet", "--brand", brand, "--survey", survey]);
        assert_eq!(refused.code, Some(64), "{}", refused.all());
    }
}

#[tokio::test]
async fn the_script_and_the_definition_are_public() {
    let gateway = Gateway::start().await;
    let script = gateway.get("/widget.js").await;
    assert_eq!(script.status, 200);
    assert!(script.header("content-type").contains("javascript"), "{}", script.header("content-type"));
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin", "contract 6");

    let types = gateway.get("/widget.d.ts").await;
    assert_eq!(types.status, 200);
    assert!(types.text.contains("interface VoxgateOptions"), "{}", types.text);
    gateway.get("/widget-0000000000000000.js").await.problem(404, "not_found");

    let definition = gateway.get("/v1/surveys/support-nps?brand=acme&locale=de-CH").await;
    assert_eq!(definition.status, 200, "{}", definition.text);
    let german = definition.json().to_string();
    assert!(german.contains("recommend") && german.contains("nps"), "{german}");
    assert!(!german.contains("{brand}"), "placeholders are filled: {german}");
    let english = gateway.get("/v1/surveys/support-nps?brand=acme&locale=en").await.json().to_string();
    assert_ne!(german, english, "in the negotiated language");
    let fallback = gateway.get("/v1/surveys/support-nps?brand=acme&locale=ja").await;
    assert_eq!(fallback.status, 200, "a missing translation never hides a survey");
    gateway.get("/v1/surveys/no-such?brand=acme").await.problem(404, "unknown_survey");
    let nobodys = gateway.get("/v1/surveys/support-nps?brand=nobody").await;
    assert_eq!(nobodys.status, 404, "404 unknown survey or brand: {}", nobodys.text);
}
