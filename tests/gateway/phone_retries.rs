//! A turn that a provider sends again: the same TwiML byte for byte, and nothing stored twice, whatever came between.

use serde_json::json;
use url::Url;

use crate::support::{Call, Gateway, PUBLIC_BASE, Plan, Redis, parameters, score_on, signed_post, wait_for};

const CALLER: &str = "+41446681800";
const PATH: &str = "/ivr/twilio/acme/support-nps?lang=de&interaction=t-1&respondent=crm-1";

/// Gateways that wait for Redis longer than a busy machine pauses: a key that could not be asked for is a new one.
fn sharing(redis: &Redis) -> Plan {
    Plan::new().redis(redis.url()).set("redis.timeout", "5 s")
}

/// A turn as it was sent, and what was said to it.
struct Turn {
    url: Url,
    digits: &'static str,
    said: String,
}

impl Turn {
    async fn again(&self, gateway: &Gateway) -> String {
        let mut fields = parameters("CA1", CALLER);
        fields.extend([("CallStatus", "in-progress"), ("Digits", self.digits)]);
        let reply = signed_post(gateway, &self.url, &fields, "dev-twilio-token").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text
    }
}

/// A call in which nothing is understood at first, and then a slow ten.
async fn call(gateway: &Gateway) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut call = Call::dial(gateway, PATH, "CA1", CALLER).await;
    for digits in ["11", "1", "0"] {
        let url = call.next_url();
        call.press(digits).await;
        turns.push(Turn { url, digits, said: call.said().to_owned() });
    }
    assert!(!call.asks(), "{}", call.said());
    turns
}

async fn assert_all_again(gateway: &Gateway, turns: &[Turn], what: &str) {
    for turn in turns.iter().rev() {
        assert_eq!(turn.again(gateway).await, turn.said, "{what}: {}", turn.digits);
    }
    gateway.settled_ledger().await;
    let stored = gateway.store().first("t-1").await;
    assert_eq!(score_on(&stored, "recommend"), Some(10), "{what}: the 1 of \"1, then 0\" is no new answer");
}

#[tokio::test]
async fn turns_of_an_ended_call_that_come_again_are_doubles() {
    let gateway = Gateway::start().await;
    let turns = call(&gateway).await;
    gateway.store().scored("t-1", "recommend", 10).await;
    let before = gateway.settled_ledger().await;
    assert_all_again(&gateway, &turns, "the same gateway").await;
    let after = gateway.settled_ledger().await;
    assert_eq!(after["appended"], before["appended"], "nothing is written again: {after}");
    assert_eq!(after["duplicate"], json!(2), "{after}");
}

/// The second gateway's connection to Redis is younger than all that the first one wrote.
#[tokio::test]
async fn turns_come_again_at_another_gateway_and_the_last_one_after_a_restart() {
    let redis = Redis::start().await;
    let mut first = sharing(&redis).start().await;
    let turns = call(&first).await;
    first.store().scored("t-1", "recommend", 10).await;
    let second = sharing(&redis).only_edge(&first.store_url()).start().await;
    wait_for("what the first gateway has on disk to be known to the second", async || {
        let before = second.settled_ledger().await["appended"].clone();
        turns[2].again(&second).await;
        (second.settled_ledger().await["appended"] == before).then_some(())
    })
    .await;
    let before = second.settled_ledger().await;
    for turn in turns.iter().rev() {
        assert_eq!(turn.again(&second).await, turn.said, "another gateway: {}", turn.digits);
    }
    let ledger = second.settled_ledger().await;
    assert_eq!(ledger["appended"], before["appended"], "nothing is written again: {ledger}");
    assert_eq!((&ledger["accepted"], &ledger["revised"]), (&json!(0), &json!(0)), "{ledger}");
    let stored = first.store().first("t-1").await;
    assert_eq!(score_on(&stored, "recommend"), Some(10), "the 1 of \"1, then 0\" is no new answer");
    first.restart().await;
    assert_all_again(&first, &turns[2..], "after a restart").await;
}

/// Redis has forgotten what the first gateway has on disk, so all is written again: as what it was.
#[tokio::test]
async fn turns_that_may_not_be_on_disk_are_written_again_with_their_first_stamps() {
    let redis = Redis::start().await;
    let first = sharing(&redis).start().await;
    let turns = call(&first).await;
    let before = first.store().scored("t-1", "recommend", 10).await;
    first.settled_ledger().await;
    wait_for("the first gateway to have published what it has on disk", async || {
        let numbers = redis.cli(&["KEYS", "*r:*"]).stdout;
        (!numbers.trim_ascii().is_empty()).then_some(())
    })
    .await;
    let second = sharing(&redis).only_edge(&first.store_url()).start().await;
    let forget = "for _, key in ipairs(redis.call('KEYS', '*r:*')) do redis.call('DEL', key) end";
    assert!(redis.cli(&["EVAL", forget, "0"]).status.success());
    // The 1 comes last: with a stamp of now it would win.
    for turn in turns.iter().chain(turns.iter().rev()) {
        assert_eq!(turn.again(&second).await, turn.said, "{}", turn.digits);
    }
    let ledger = second.settled_ledger().await;
    assert_eq!((&ledger["duplicate"], &ledger["respooled"]), (&json!(4), &json!(4)), "{ledger}");
    wait_for("what was written again to be stored", async || {
        (second.settled_ledger().await["delivered"] == json!(4)).then_some(())
    })
    .await;
    let stored = first.store().first("t-1").await;
    assert_eq!(score_on(&stored, "recommend"), Some(10), "the 1 of \"1, then 0\" is no new answer");
    assert_eq!(stored.first_answered_at, before.first_answered_at);
}

/// Without Redis a gateway that starts again knows what came last, not each turn.
#[tokio::test]
async fn the_last_turn_comes_again_after_a_restart_without_redis() {
    let mut gateway = Gateway::start().await;
    let turns = call(&gateway).await;
    gateway.store().scored("t-1", "recommend", 10).await;
    gateway.restart().await;
    assert_all_again(&gateway, &turns[2..], "after a restart").await;
}

/// The first turn is asked for again and again, by providers that check a number.
#[tokio::test]
async fn the_first_turn_is_the_same_however_often_it_is_asked_for() {
    let gateway = Gateway::start().await;
    let url = Url::parse(&format!("{PUBLIC_BASE}{PATH}")).unwrap();
    let fields = parameters("CA2", CALLER);
    let first = signed_post(&gateway, &url, &fields, "dev-twilio-token").await.text;
    for _ in 0..3 {
        assert_eq!(signed_post(&gateway, &url, &fields, "dev-twilio-token").await.text, first);
    }
}
