//! Programs over HTTP: one JSON body an answer.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use voxgate::{
    clock::{Clock, Timestamp},
    proto::store::v1::{
        Channel, Claim, Confidence, CurrentAnswer, Identity, Kind, Response, Subject, current_answer::Content,
    },
};

use crate::support::{ACME_KEY, GLOBEX_KEY, Gateway, Plan, Reply, nps};

#[tokio::test]
async fn every_field_of_a_submission_is_read_back_from_the_store() {
    let gateway = Gateway::start().await;
    let before = Clock::System.now();
    let answered_at = Timestamp::from_secs(before.as_secs() - 90);
    let submission = json!({
        "survey": "support-nps", "brand": "acme", "interaction": "ticket-4711",
        "respondent": {"ref": "crm-0815"}, "subject": {"kind": "agent", "ref": "a-7"},
        "locale": "de-CH", "country": "CH", "answered_at": answered_at.to_string(),
        "answers": {"recommend": 9, "reason": "schnell"}, "attributes": {"plan": "pro"}, "test": false,
    });
    let receipt = gateway.submit(&submission).await.receipt(201, "accepted");
    assert_eq!(receipt["identity"], "keyed");
    assert_eq!(receipt["answers"]["recommend"]["value"], 9);
    assert_eq!(receipt["answers"]["recommend"]["segment"], "promoter");
    assert_eq!(receipt["answers"]["recommend"]["normalized"].as_f64(), Some(90.0));

    let stored = gateway.store().first("ticket-4711").await;
    assert_eq!(stored.respondent_key.len(), 32, "a keyed hash, lower hex: {}", stored.respondent_key);
    let received = Timestamp::from_proto(stored.received_at.as_ref().unwrap());
    assert!(before <= received && received <= Clock::System.now(), "stamped on receipt: {received}");
    let version = stored.answers[0].survey_version;
    let given = |question: &str, kind: Kind, content: Content| CurrentAnswer {
        question: question.to_owned(),
        kind: kind.into(),
        content: Some(content),
        answered_at: Some(answered_at.to_proto()),
        channel: Channel::Api.into(),
        locale: "de-CH".to_owned(),
        survey_version: version,
        claim: Claim::Verified.into(),
        confidence: Confidence::Confirmed.into(),
        ..CurrentAnswer::default()
    };
    let mut answers = vec![
        CurrentAnswer {
            scale_min: Some(0),
            scale_max: Some(10),
            normalized: Some(90.0),
            segment: "promoter".to_owned(),
            ..given("recommend", Kind::Nps, Content::Value(9))
        },
        given("reason", Kind::Text, Content::Text("schnell".to_owned())),
    ];
    answers.sort_by(|a, b| a.question.cmp(&b.question));
    let expected = Response {
        id: receipt["id"].as_str().unwrap().to_owned(),
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        identity: Identity::Keyed.into(),
        channel: Channel::Api.into(),
        interaction: "ticket-4711".to_owned(),
        respondent_ref: "crm-0815".to_owned(),
        respondent_key: stored.respondent_key.clone(),
        subject: Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }),
        locale: "de-CH".to_owned(),
        country: "CH".to_owned(),
        invitation: String::new(),
        first_answered_at: Some(answered_at.to_proto()),
        received_at: stored.received_at,
        updated_at: stored.updated_at,
        attributes: BTreeMap::from([("plan".to_owned(), "pro".to_owned())]),
        test: false,
        answers,
    };
    assert_eq!(stored, expected, "contract 5, a stored Response");
    assert!(stored.updated_at.is_some());
}

#[tokio::test]
async fn the_outcome_says_whether_anything_was_added_or_changed() {
    let gateway = Gateway::start().await;
    let first = gateway.submit(&nps("t-1", 3)).await.receipt(201, "accepted");
    let again = gateway.submit(&nps("t-1", 3)).await.receipt(200, "duplicate");
    let changed = gateway.submit(&nps("t-1", 10)).await.receipt(200, "revised");
    let mut more = nps("t-1", 10);
    more["answers"] = json!({"reason": "kind people"});
    let added = gateway.submit(&more).await.receipt(200, "revised");
    for later in [&again, &changed, &added] {
        assert_eq!(later["id"], first["id"], "the id does not depend on what is answered");
    }
    let store = gateway.store();
    let stored = store.one("t-1", |stored| stored.answers.len() == 2).await;
    assert_eq!(crate::support::score_on(&stored, "recommend"), Some(10), "the newest stamp wins");
    assert_eq!(crate::support::text_on(&stored, "reason"), Some("kind people"));

    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["accepted"], 1);
    assert_eq!(ledger["revised"], 2);
    assert_eq!(ledger["duplicate"], 1);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_retry_a_duplicate_and_another_payload_an_error() {
    let gateway = Gateway::start().await;
    let post = async |body: &Value, key: &str| {
        let request = gateway.request(Method::POST, "/v1/responses").bearer_auth(ACME_KEY);
        Reply::of(request.header("idempotency-key", key).json(body)).await
    };
    let first = post(&nps("t-1", 8), "k-1").await.receipt(201, "accepted");
    let retry = post(&nps("t-1", 8), "k-1").await.receipt(200, "duplicate");
    assert_eq!(retry["id"], first["id"]);
    post(&nps("t-1", 2), "k-1").await.problem(422, "idempotency_key_reused");
    post(&nps("t-2", 8), "k-1").await.problem(422, "idempotency_key_reused");
    gateway.store().scored("t-1", "recommend", 8).await;
    assert!(gateway.store().about("t-2").await.is_empty(), "what was refused is not stored");
}

#[tokio::test]
async fn the_key_in_the_body_is_the_idempotency_key() {
    let gateway = Gateway::start().await;
    let with_key = |score: i32| {
        let mut body = nps("t-1", score);
        body["key"] = json!("body-key");
        body
    };
    gateway.submit(&with_key(8)).await.receipt(201, "accepted");
    gateway.submit(&with_key(8)).await.receipt(200, "duplicate");
    gateway.submit(&with_key(7)).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn without_references_the_key_is_the_identity_and_without_both_there_is_none() {
    let gateway = Gateway::start().await;
    let body = |key: Option<&str>| {
        let mut body = json!({"survey": "support-nps", "brand": "acme", "answers": {"recommend": 5}});
        if let Some(key) = key {
            body["key"] = json!(key);
        }
        body
    };
    let first = gateway.submit(&body(Some("order-1"))).await.receipt(201, "accepted");
    assert_eq!(first["identity"], "none", "contract 3: a part of the rule is missing");
    let retry = gateway.submit(&body(Some("order-1"))).await.receipt(200, "duplicate");
    assert_eq!(retry["id"], first["id"]);
    let other = gateway.submit(&body(Some("order-2"))).await.receipt(201, "accepted");
    assert_ne!(other["id"], first["id"]);
    gateway.submit(&body(None)).await.problem(422, "no_identity");
    let stored = gateway.store().count(2).await;
    assert!(stored.iter().all(|stored| stored.identity() == Identity::None));
}

#[tokio::test]
async fn a_contact_is_kept_only_as_a_keyed_hash() {
    let gateway = Gateway::start().await;
    for (interaction, respondent) in [
        ("mail-1", json!({"email": "Ada.Lovelace@Example.com"})),
        ("mail-2", json!({"email": "ada.lovelace@example.com"})),
        ("phone-1", json!({"phone": "+41 44 668 18 00"})),
        ("phone-2", json!({"phone": "+41446681800"})),
    ] {
        let mut body = nps(interaction, 9);
        body["respondent"] = respondent;
        gateway.submit(&body).await.receipt(201, "accepted");
    }
    let store = gateway.store();
    store.count(4).await;
    let mail = store.first("mail-1").await;
    assert_eq!(mail.respondent_key, store.first("mail-2").await.respondent_key, "one address, one hash");
    let phone = store.first("phone-1").await;
    assert_eq!(phone.respondent_key, store.first("phone-2").await.respondent_key, "one number, one hash");
    assert_ne!(mail.respondent_key, phone.respondent_key);
    let everything = format!("{:?}", store.all().await).to_lowercase();
    for contact in ["lovelace", "446681800", "44 668"] {
        assert!(!everything.contains(contact), "{contact} is in the store");
        assert!(!gateway.logs().to_lowercase().contains(contact), "{contact} is in the logs");
    }
}

#[tokio::test]
async fn a_key_speaks_for_its_brand_and_its_actions_alone() {
    let gateway = Gateway::start().await;
    let post = async |authorization: Option<&str>| {
        let mut request = gateway.request(Method::POST, "/v1/responses").json(&nps("t-1", 9));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Reply::of(request).await
    };
    post(None).await.problem(401, "unauthenticated");
    post(Some("Bearer vg_nobody")).await.problem(401, "unauthenticated");
    post(Some("Basic dXNlcjpwdw==")).await.problem(401, "unauthenticated");
    post(Some(&format!("Bearer {GLOBEX_KEY}"))).await.problem(403, "forbidden");
    post(Some(&format!("Bearer {ACME_KEY}"))).await.receipt(201, "accepted");
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 4, "invariant 6: an unauthenticated request is one `rejected`");
    assert_eq!(ledger["accepted"], 1);
}

#[tokio::test]
async fn each_kind_has_its_scale_segment_and_place_from_0_to_100() {
    let gateway = Plan::new().config(|config| config.write("surveys/kinds.toml", KINDS)).start().await;
    let body = json!({
        "survey": "kinds", "brand": "acme", "interaction": "k-1",
        "answers": {"nps": 0, "ces": 4, "csat": 5, "stars": 3, "smiley": 2, "thumbs": 1, "text": "ok"},
    });
    let receipt = gateway.submit(&body).await.receipt(201, "accepted");
    for (question, segment, normalized) in [
        ("nps", "detractor", 0.0),
        ("ces", "neutral", 50.0),
        ("csat", "satisfied", 100.0),
        ("stars", "neutral", 50.0),
        ("smiley", "neutral", 50.0),
        ("thumbs", "up", 100.0),
    ] {
        let scored = &receipt["answers"][question];
        assert_eq!(scored["segment"], segment, "contract 2, scales: {question}");
        assert_eq!(scored["normalized"].as_f64(), Some(normalized), "{question}");
    }
    let stored = gateway.store().first("k-1").await;
    let scales: BTreeMap<_, _> = stored
        .answers
        .iter()
        .map(|answer| (answer.question.as_str(), (answer.scale_min, answer.scale_max)))
        .collect();
    assert_eq!(scales["nps"], (Some(0), Some(10)));
    assert_eq!(scales["ces"], (Some(1), Some(7)));
    assert_eq!(scales["csat"], (Some(1), Some(5)));
    assert_eq!(scales["stars"], (Some(1), Some(5)));
    assert_eq!(scales["smiley"], (Some(1), Some(3)));
    assert_eq!(scales["thumbs"], (Some(0), Some(1)));
    assert_eq!(scales["text"], (None, None));
}

const KINDS: &str = r#"
id = "kinds"
brands = ["*"]
channels = ["api"]
one_response_per = "interaction"
edit_window = "14d"
default_language = "en"

[[question]]
id = "nps"
kind = "nps"
text = { en = "Nps?" }

[[question]]
id = "ces"
kind = "ces"
text = { en = "Ces?" }

[[question]]
id = "csat"
kind = "csat"
text = { en = "Csat?" }

[[question]]
id = "stars"
kind = "stars"
text = { en = "Stars?" }

[[question]]
id = "smiley"
kind = "smiley"
text = { en = "Smiley?" }

[[question]]
id = "thumbs"
kind = "thumbs"
text = { en = "Thumbs?" }

[[question]]
id = "text"
kind = "text"
text = { en = "Text?" }
"#;

#[tokio::test]
async fn attributes_merge_key_by_key_and_the_newest_wins() {
    let gateway = Gateway::start().await;
    let with = |score: i32, attributes: Value| {
        let mut body = nps("t-1", score);
        body["attributes"] = attributes;
        body
    };
    gateway.submit(&with(4, json!({"plan": "pro", "queue": "a"}))).await.receipt(201, "accepted");
    gateway.submit(&with(5, json!({"queue": "b", "team": "c"}))).await.receipt(200, "revised");
    let stored = gateway.store().scored("t-1", "recommend", 5).await;
    let expected = [("plan", "pro"), ("queue", "b"), ("team", "c")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(stored.attributes, BTreeMap::from(expected), "contract 5: key by key, newest wins");
}

#[tokio::test]
async fn a_trial_is_stored_as_one() {
    let gateway = Gateway::start().await;
    let mut body = nps("t-1", 9);
    body["test"] = json!(true);
    gateway.submit(&body).await.receipt(201, "accepted");
    assert!(gateway.store().first("t-1").await.test);
}
