//! One person, one ticket, every channel, two gateways, one of them killed: one response.

use reqwest::Method;
use serde_json::{Value, json};
use voxgate::proto::{
    collector::v1::{Outcome, Respondent, SubmitRequest, respondent},
    store::v1::{Identity, Response},
};

use crate::support::{
    Call, Gateway, MailLink, Plan, Redis, Reply, StoreReader, collector, nps, nps_message, plain_link,
    score_on, wait_for, with_key,
};

const TICKET: &str = "ticket-4711";
const QUERY: &str = "interaction=ticket-4711&respondent=crm-0815";

#[tokio::test]
async fn every_proven_channel_twice_over_two_gateways_and_a_kill_is_one_response() {
    let redis = Redis::start().await;
    let store = Plan::new().only_store("127.0.0.1:0").start().await;
    let edge = async || Plan::new().redis(redis.url()).only_edge(&store.store_url()).start().await;
    let (mut one, two) = (edge().await, edge().await);
    let token = plain_link(&one, TICKET).await.token;

    let mut scores = 0..;
    for (first, second) in [(&one, &two), (&two, &one)] {
        by_link(first, &token, scores.next().unwrap() % 11).await;
        by_mail_tool(second, scores.next().unwrap() % 11).await;
        by_phone(first, scores.next().unwrap() % 11).await;
        by_widget(second, &token, scores.next().unwrap() % 11).await;
    }
    let settled_before = one.settled_ledger().await;
    assert_eq!(settled_before["received"], 8 / 2, "half of the eight went to each: {settled_before}");
    // What is acknowledged in the instant before the kill is on disk and comes after the restart.
    by_http(&one, scores.next().unwrap() % 11).await;
    one.kill();
    by_http(&two, scores.next().unwrap() % 11).await;
    by_form(&two, &token, scores.next().unwrap() % 11).await;
    by_grpc(&two, scores.next().unwrap() % 11).await;
    one.restart().await;
    by_form(&one, &token, 5).await;
    let last = by_grpc(&one, 10).await;

    let reader = store.store();
    let stored = reader.scored(TICKET, "recommend", 10).await;
    assert_eq!(stored.id, last);
    assert!(matches!(stored.identity(), Identity::Signed | Identity::Keyed), "{stored:?}");
    for gateway in [&one, &two] {
        let ledger = gateway.settled_ledger().await;
        assert_eq!(ledger["rejected"], 0, "{ledger}");
        assert_eq!(ledger["dead_lettered"], 0, "{ledger}");
    }
    assert_eq!(reader.all().await, std::slice::from_ref(&stored), "exactly one response in the store");
    stated_values_leave_it(&two, &reader, &stored).await;
}

/// The same references and values without proof.
async fn stated_values_leave_it(gateway: &Gateway, reader: &StoreReader, proven: &Response) {
    let link = MailLink { brand: "acme", survey: "support-nps", query: QUERY };
    gateway.post_form(&link.stated(), &[("recommend", "0")]).await.page(200);
    let fields = [("recommend", "0"), ("interaction", TICKET)];
    gateway.post_form("/f/acme/support-nps", &fields).await.page(200);
    beacon(gateway, &nps(TICKET, 0)).await;
    gateway.settled_ledger().await;
    let all = wait_for("the stated response", async || {
        let all = reader.all().await;
        (all.len() > 1).then_some(all)
    })
    .await;
    assert_eq!(all.len(), 2, "three stated answers about one ticket are one stated response: {all:#?}");
    assert!(all.contains(proven), "invariant 8: the proven one is untouched, to the last field: {all:#?}");
    let stated = all.iter().find(|response| response.id != proven.id).unwrap();
    assert_eq!((stated.identity(), score_on(stated, "recommend")), (Identity::Stated, Some(0)));
}

async fn by_link(gateway: &Gateway, token: &str, score: i32) {
    gateway.post_form(&format!("/r/{token}"), &[("recommend", &score.to_string())]).await.page(200);
}

async fn by_mail_tool(gateway: &Gateway, score: i32) {
    let link = MailLink { brand: "acme", survey: "support-nps", query: QUERY };
    gateway.post_form(&link.signed(), &[("recommend", &score.to_string())]).await.page(200);
}

async fn by_phone(gateway: &Gateway, score: i32) {
    let path = format!("/ivr/twilio/acme/support-nps?lang=en&{QUERY}");
    let mut call = Call::dial(gateway, &path, &format!("CA{score:032}"), "+41446681800").await;
    call.press(&format!("{score:02}").replace("00", "0")).await;
    assert!(!call.asks(), "{}", call.said());
}

async fn by_widget(gateway: &Gateway, token: &str, score: i32) {
    let body =
        json!({"survey": "support-nps", "brand": "acme", "token": token, "answers": {"recommend": score}});
    beacon(gateway, &body).await;
}

async fn beacon(gateway: &Gateway, body: &Value) {
    let request = gateway.request(Method::POST, "/v1/beacon").header("origin", "http://localhost:3000");
    let reply = Reply::of(request.header("content-type", "text/plain").body(body.to_string())).await;
    assert!(reply.status == 200 || reply.status == 201, "{}", reply.text);
}

async fn by_form(gateway: &Gateway, token: &str, score: i32) {
    let fields = [("recommend", score.to_string()), ("token", token.to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    gateway.post_form("/f/acme/support-nps", &fields).await.page(200);
}

async fn by_http(gateway: &Gateway, score: i32) {
    let reply = gateway.submit(&nps(TICKET, score)).await;
    assert!(reply.status == 200 || reply.status == 201, "{}", reply.text);
}

async fn by_grpc(gateway: &Gateway, score: i32) -> String {
    let mut submission = nps_message(TICKET, score);
    submission.respondent = Some(Respondent { kind: Some(respondent::Kind::Ref("crm-0815".to_owned())) });
    let request = with_key(SubmitRequest { submission: Some(submission) });
    let receipt = collector(gateway).submit(request).await.unwrap().into_inner().receipt.unwrap();
    assert!(matches!(receipt.outcome(), Outcome::Accepted | Outcome::Revised | Outcome::Duplicate));
    receipt.id
}

#[tokio::test]
async fn two_gateways_know_each_others_answers_through_redis() {
    let redis = Redis::start().await;
    let store = Plan::new().only_store("127.0.0.1:0").start().await;
    let edge = async || Plan::new().redis(redis.url()).only_edge(&store.store_url()).start().await;
    let (one, two) = (edge().await, edge().await);
    let first = one.submit(&nps("t-1", 9)).await.receipt(201, "accepted");
    let double = wait_for("the other gateway to know it as settled", async || {
        let reply = two.submit(&nps("t-1", 9)).await;
        (reply.status == 200).then_some(reply)
    })
    .await;
    assert_eq!(double.receipt(200, "duplicate")["id"], first["id"]);
    two.submit(&nps("t-1", 2)).await.receipt(200, "revised");
    one.submit(&nps("t-1", 2)).await.receipt(200, "duplicate");
    let stored = store.store().scored("t-1", "recommend", 2).await;
    assert_eq!(stored.answers[0].claim(), voxgate::proto::store::v1::Claim::Verified);
}
