//! The phone, as a telephony system's own dialogue tells of it.

use reqwest::Method;
use serde_json::{Value, json};
use voxgate::proto::store::v1::{Channel, Identity, Subject};

use crate::support::{Gateway, Reply, score_on};

fn event(question: &str, digits: &str) -> Value {
    json!({
        "brand": "acme", "survey": "technician-visit", "call_id": "call-1", "from": "+41446681800",
        "question": question, "digits": digits,
    })
}

#[tokio::test]
async fn each_event_is_stored_and_the_reply_names_the_next_question() {
    let gateway = Gateway::start().await;
    let mut first = event("knowledge", "5");
    first["locale"] = json!("de");
    first["country"] = json!("CH");
    first["subject"] = json!({"kind": "technician", "ref": "t-9"});
    first["attributes"] = json!({"queue": "q-1"});
    let reply = gateway.post_json("/v1/ivr/events", &first).await.receipt(201, "accepted");
    assert_eq!(reply["identity"], "keyed", "contract 3: IVR events are keyed");
    assert_eq!(reply["answers"]["knowledge"]["segment"], "satisfied");
    assert_eq!(reply["next"]["question"], "expertise", "{reply}");
    let text = reply["next"]["text"].as_str().unwrap();
    assert!(!text.is_empty() && !text.contains("{brand}") && !text.contains("{subject}"), "{text}");

    for (question, digits, next) in [("expertise", "4", "punctuality"), ("punctuality", "3", "friendliness")]
    {
        let reply =
            gateway.post_json("/v1/ivr/events", &event(question, digits)).await.receipt(200, "revised");
        assert_eq!(reply["next"]["question"], next);
    }
    let mut last = event("friendliness", "2");
    last["completed"] = json!(true);
    let reply = gateway.post_json("/v1/ivr/events", &last).await.receipt(200, "revised");
    assert_eq!(reply["next"], Value::Null, "text questions are skipped on the phone: {reply}");

    let stored = gateway.store().one("call-1", |stored| stored.answers.len() == 4).await;
    assert_eq!((stored.identity(), stored.channel()), (Identity::Keyed, Channel::Ivr));
    assert_eq!((stored.survey.as_str(), stored.brand.as_str()), ("technician-visit", "acme"));
    assert_eq!(stored.subject, Some(Subject { kind: "technician".to_owned(), r#ref: "t-9".to_owned() }));
    assert_eq!((stored.locale.as_str(), stored.country.as_str()), ("de", "CH"));
    assert_eq!(stored.attributes["queue"], "q-1");
    assert_eq!(stored.respondent_key.len(), 32, "the caller's number as a keyed hash");
    let questions = ["knowledge", "expertise", "punctuality", "friendliness"];
    assert_eq!(questions.map(|question| score_on(&stored, question)), [Some(5), Some(4), Some(3), Some(2)]);
    assert!(!gateway.logs().contains("446681800"), "invariant 9");
}

#[tokio::test]
async fn digits_are_final_so_one_is_one_and_ten_is_ten() {
    let gateway = Gateway::start().await;
    for (digits, score) in [("1", 1), ("10", 10), ("0", 0), ("07", 7)] {
        let call = format!("call-{digits}");
        let body = json!({
            "brand": "acme", "survey": "support-nps", "call_id": call, "question": "recommend", "digits": digits,
        });
        let reply = gateway.post_json("/v1/ivr/events", &body).await.receipt(201, "accepted");
        assert_eq!(reply["next"], Value::Null, "{reply}");
        gateway.store().scored(&call, "recommend", score).await;
    }
}

#[tokio::test]
async fn interaction_and_respondent_win_over_the_call() {
    let gateway = Gateway::start().await;
    let mut body = event("knowledge", "5");
    body["interaction"] = json!("visit-1");
    body["respondent"] = json!({"ref": "crm-1"});
    gateway.post_json("/v1/ivr/events", &body).await.receipt(201, "accepted");
    let stored = gateway.store().first("visit-1").await;
    assert_eq!(stored.respondent_ref, "crm-1");
    gateway.post_json("/v1/ivr/events", &body).await.receipt(200, "duplicate");
}

#[tokio::test]
async fn wrong_events_name_their_problems() {
    let gateway = Gateway::start().await;
    for (question, digits, pointer) in
        [("knowledge", "6", "/digits"), ("knowledge", "x", "/digits"), ("nonsense", "5", "/question")]
    {
        let problem =
            gateway.post_json("/v1/ivr/events", &event(question, digits)).await.problem(422, "invalid");
        let named = problem["errors"].as_array().unwrap().iter().any(|error| error["pointer"] == pointer);
        assert!(named, "{question}={digits} is wrong at {pointer}: {problem}");
    }
    let unsigned = gateway.request(Method::POST, "/v1/ivr/events").json(&event("knowledge", "5"));
    Reply::of(unsigned).await.problem(401, "unauthenticated");
    assert!(gateway.store().all().await.is_empty());
}
