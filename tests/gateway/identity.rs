//! Whose answer is it: section 3 of the contract.

use std::fs;

use serde_json::{Value, json};
use voxgate::proto::store::v1::Identity;

use crate::support::{Gateway, MailLink, Plan, nps, score_on, wait_for};

/// A survey of one NPS question with a rule of its own.
fn survey(id: &str, rule: &str) -> String {
    format!(
        r#"
id = "{id}"
brands = ["*"]
channels = ["email", "ivr", "chat", "form", "api"]
{rule}
edit_window = "14d"
default_language = "en"

[[question]]
id = "recommend"
kind = "nps"
required = true
text = {{ en = "Would you recommend {{brand}}?", de = "?", fr = "?", it = "?", es = "?" }}
"#
    )
}

async fn with_survey(rule: &str) -> Gateway {
    Plan::new().config(|config| config.write("surveys/ruled.toml", &survey("ruled", rule))).start().await
}

fn answer(respondent: Option<&str>, subject: Option<&str>, score: i32) -> Value {
    let mut body = json!({"survey": "ruled", "brand": "acme", "answers": {"recommend": score}});
    if let Some(respondent) = respondent {
        body["respondent"] = json!({"ref": respondent});
    }
    if let Some(subject) = subject {
        body["subject"] = json!({"kind": "agent", "ref": subject});
    }
    body
}

#[tokio::test]
async fn one_response_for_each_respondent_and_subject() {
    let gateway = with_survey(r#"one_response_per = "respondent_and_subject""#).await;
    let send = async |respondent, subject, score| gateway.submit(&answer(respondent, subject, score)).await;
    let first = send(Some("p-1"), Some("a-1"), 5).await.receipt(201, "accepted");
    let changed = send(Some("p-1"), Some("a-1"), 6).await.receipt(200, "revised");
    assert_eq!(changed["id"], first["id"]);
    send(Some("p-1"), Some("a-2"), 5).await.receipt(201, "accepted");
    send(Some("p-2"), Some("a-1"), 5).await.receipt(201, "accepted");
    send(Some("p-1"), None, 5).await.problem(422, "no_identity");
    send(None, Some("a-1"), 5).await.problem(422, "no_identity");
    let mut keyed = answer(Some("p-1"), None, 5);
    keyed["key"] = json!("k-1");
    let partial = gateway.submit(&keyed).await.receipt(201, "accepted");
    assert_eq!(partial["identity"], "none", "a part of the rule is missing: the key is the identity");
    gateway.store().count(4).await;
}

#[tokio::test]
async fn the_ticket_survey_is_one_response_per_respondent_and_subject() {
    let gateway = Gateway::start().await;
    let body = |subject: &str| {
        json!({
            "survey": "ticket-ces", "brand": "acme", "interaction": "any", "respondent": {"ref": "p-1"},
            "subject": {"kind": "ticket", "ref": subject}, "answers": first_scored(&gateway, "ticket-ces", 6),
        })
    };
    gateway.submit(&body("t-1")).await.receipt(201, "accepted");
    gateway.submit(&body("t-1")).await.receipt(200, "duplicate");
    gateway.submit(&body("t-2")).await.receipt(201, "accepted");
    gateway.store().count(2).await;
}

/// A score for a sample survey's first question.
fn first_scored(gateway: &Gateway, survey: &str, score: i32) -> Value {
    let text = fs::read_to_string(gateway.plan.config.file(&format!("surveys/{survey}.toml"))).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let question = table["question"].as_array().unwrap()[0]["id"].as_str().unwrap().to_owned();
    json!({ question: score })
}

#[tokio::test]
async fn one_response_for_each_respondent_in_a_fixed_window_by_the_first_stamp() {
    let gateway = with_survey("one_response_per = \"respondent\"\nperiod = \"90d\"").await;
    // Windows of 90 days from the Unix epoch, UTC: 2025-09-09 is day 20340, where the 226th ends.
    let at = async |time: &str, score: i32| {
        let mut body = answer(Some("p-1"), None, score);
        body["answered_at"] = json!(time);
        gateway.submit(&body).await
    };
    let first = at("2025-09-08T23:59:59Z", 5).await.receipt(201, "accepted");
    let next = at("2025-09-09T00:00:00Z", 5).await.receipt(201, "accepted");
    assert_ne!(first["id"], next["id"], "contract 3: windows of that length from the Unix epoch");
    let inside = at("2025-12-07T23:59:59Z", 5).await;
    assert!(inside.status == 200, "the same window: {}", inside.text);
    assert_eq!(inside.json()["id"], next["id"]);
    let after = at("2025-12-08T00:00:00Z", 5).await.receipt(201, "accepted");
    assert_ne!(after["id"], next["id"]);
}

#[tokio::test]
async fn what_is_stated_neither_touches_nor_locks_nor_preempts_what_is_proven() {
    let gateway = Gateway::start().await;
    let link = MailLink { brand: "acme", survey: "support-nps", query: "interaction=t-1" };
    // First stated, then proven, then stated again.
    gateway.post_form(&link.stated(), &[("recommend", "0")]).await.page(200);
    gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    gateway.post_form(&link.stated(), &[("recommend", "1")]).await.page(200);
    let signed = gateway.post_form(&link.signed(), &[("recommend", "8")]).await;
    signed.page(200);
    let responses = wait_for("the stated response and the proven one", async || {
        let found = gateway.store().about("t-1").await;
        let settled = found.iter().any(|one| score_on(one, "recommend") == Some(8))
            && found.iter().any(|one| score_on(one, "recommend") == Some(1));
        settled.then_some(found)
    })
    .await;
    assert_eq!(responses.len(), 2, "signed and keyed are one space, stated another: {responses:#?}");
    let stated = responses.iter().find(|one| one.identity() == Identity::Stated).unwrap();
    assert_eq!(score_on(stated, "recommend"), Some(1));
}

#[tokio::test]
async fn brands_and_surveys_are_spaces_of_their_own() {
    let gateway = Gateway::start().await;
    let acme = gateway.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    let mut body = nps("t-1", 9);
    body["brand"] = json!("globex");
    let request = gateway.request(reqwest::Method::POST, "/v1/responses");
    let globex = crate::support::Reply::of(request.bearer_auth(crate::support::GLOBEX_KEY).json(&body)).await;
    assert_ne!(globex.receipt(201, "accepted")["id"], acme["id"]);
}

#[tokio::test]
async fn a_given_answer_changed_later_than_the_edit_window_is_held_and_a_new_one_is_no_change() {
    let gateway = Gateway::start().await;
    let at = |time: &str, answers: Value| {
        json!({
            "survey": "support-nps", "brand": "acme", "interaction": "t-1", "answered_at": time,
            "answers": answers,
        })
    };
    // support-nps: edit_window = "14d".
    gateway.submit(&at("2026-01-01T00:00:00Z", json!({"recommend": 9}))).await.receipt(201, "accepted");
    let inside = at("2026-01-15T00:00:00Z", json!({"recommend": 8}));
    gateway.submit(&inside).await.receipt(200, "revised");
    let late = gateway.submit(&at("2026-01-15T00:00:01Z", json!({"recommend": 0}))).await;
    let receipt = late.receipt(202, "quarantined");
    assert_eq!(receipt["reason"], "late");
    let added = at("2026-02-01T00:00:00Z", json!({"reason": "still happy"}));
    gateway.submit(&added).await.receipt(200, "revised");
    let stored = gateway.store().one("t-1", |stored| stored.answers.len() == 2).await;
    assert_eq!(score_on(&stored, "recommend"), Some(8), "the late change does not count");
    assert_eq!(crate::support::text_on(&stored, "reason"), Some("still happy"));
    let held = gateway.store().held_one().await;
    assert_eq!(held.reasons, ["late"]);
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["quarantined"], 1, "{ledger}");
}
