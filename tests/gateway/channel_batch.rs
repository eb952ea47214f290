//! Programs over HTTP: many answers in one body.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ACME_KEY, Gateway, Reply, nps, score_on};

/// Three items, the middle one wrong twice.
fn items() -> Vec<Value> {
    let mut bad = nps("b-2", 11);
    bad["answers"]["nonsense"] = json!(1);
    vec![nps("b-1", 9), bad, nps("b-3", 2)]
}

/// What the contract says of `items()`, whatever form they came in.
async fn check(gateway: &Gateway, reply: &Reply) {
    assert_eq!(reply.status, 200, "contract 4: a batch is 200: {}", reply.text);
    let reply = reply.json();
    let results = reply["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "one for each item, in order: {reply}");
    assert_eq!(results[0]["outcome"], "accepted");
    assert_eq!(results[0]["identity"], "keyed");
    assert_eq!(results[2]["outcome"], "accepted");
    assert_eq!(results[2]["answers"]["recommend"]["segment"], "detractor");
    let bad = &results[1];
    assert_eq!(bad["outcome"], "rejected", "{bad}");
    assert_eq!(bad["code"], "invalid", "{bad}");
    let pointers: Vec<_> =
        bad["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for pointer in ["/answers/recommend", "/answers/nonsense"] {
        assert!(
            pointers.iter().any(|found| found.ends_with(pointer)),
            "all problems of an item, by pointer: {pointers:?} lacks {pointer}"
        );
    }
    let store = gateway.store();
    assert_eq!(score_on(&store.first("b-1").await, "recommend"), Some(9));
    assert_eq!(score_on(&store.first("b-3").await, "recommend"), Some(2));
    assert!(store.about("b-2").await.is_empty(), "the good ones are kept, the bad one is not");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["rejected"]), (&json!(2), &json!(1)), "{ledger}");
}

#[tokio::test]
async fn a_json_array_keeps_the_good_items_and_names_the_bad_one() {
    let gateway = Gateway::start().await;
    let reply = gateway.post_json("/v1/responses/batch", &Value::Array(items())).await;
    check(&gateway, &reply).await;
}

#[tokio::test]
async fn ndjson_keeps_the_good_items_and_names_the_bad_one() {
    let gateway = Gateway::start().await;
    let body = items().iter().map(|item| format!("{item}\n")).collect::<String>();
    let reply = post_ndjson(&gateway, body).await;
    check(&gateway, &reply).await;
}

#[tokio::test]
async fn a_line_of_ndjson_that_is_no_json_is_one_rejected_item() {
    let gateway = Gateway::start().await;
    let body = format!("{}\n{{\"survey\": \n{}\n", nps("b-1", 9), nps("b-3", 9));
    let reply = post_ndjson(&gateway, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let outcomes: Vec<_> = reply.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (result["outcome"].as_str().unwrap().to_owned(), result["code"].clone()))
        .collect();
    assert_eq!(outcomes[0].0, "accepted");
    assert_eq!(outcomes[1], ("rejected".to_owned(), json!("malformed")));
    assert_eq!(outcomes[2].0, "accepted");
    gateway.store().count(2).await;
}

#[tokio::test]
async fn a_batch_sent_twice_is_all_duplicates_and_stores_nothing_more() {
    let gateway = Gateway::start().await;
    let batch = json!([nps("b-1", 9), nps("b-2", 3), nps("b-1", 9)]);
    let first = gateway.post_json("/v1/responses/batch", &batch).await.json();
    let outcomes: Vec<_> = words(&first);
    assert_eq!(outcomes.iter().filter(|word| *word == "accepted").count(), 2, "{first}");
    let again = gateway.post_json("/v1/responses/batch", &batch).await.json();
    assert_eq!(words(&again), ["duplicate", "duplicate", "duplicate"], "{again}");
    assert_eq!(gateway.store().count(2).await.len(), 2);
}

fn words(reply: &Value) -> Vec<String> {
    let results = reply["results"].as_array().unwrap();
    results.iter().map(|result| result["outcome"].as_str().unwrap().to_owned()).collect()
}

async fn post_ndjson(gateway: &Gateway, body: String) -> Reply {
    let request = gateway.request(Method::POST, "/v1/responses/batch").bearer_auth(ACME_KEY);
    Reply::of(request.header("content-type", "application/x-ndjson").body(body)).await
}
