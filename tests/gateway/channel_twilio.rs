//! The phone, as Twilio and SignalWire bring it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use url::Url;
use voxgate::proto::store::v1::{Channel, Claim, Confidence, Identity, Kind, Subject};

use crate::support::{Call, Gateway, PUBLIC_BASE, answer, form, parameters, score_on, signed_post};

const NPS: &str =
    "/ivr/twilio/acme/support-nps?lang=de&interaction=ticket-1&respondent=crm-1&subject=agent:a-7";
const VISIT: &str = "/ivr/twilio/acme/technician-visit?lang=en&interaction=visit-1&respondent=crm-1";
const CALLER: &str = "+41446681800";

/// What a caller presses; `_` is silence.
async fn dialogue(gateway: &Gateway, path: &str, keys: &[&str]) -> bool {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call_sid = format!("CA{:032x}", CALLS.fetch_add(1, Ordering::Relaxed));
    let mut call = Call::dial(gateway, path, &call_sid, CALLER).await;
    for key in keys {
        assert!(call.asks(), "{keys:?}: the call ended before {key}: {}", call.said());
        match *key {
            "_" => call.say_nothing().await,
            key => call.press(key).await,
        }
    }
    call.asks()
}

#[tokio::test]
async fn a_call_ends_in_the_store_with_the_references_of_the_url() {
    let gateway = Gateway::start().await;
    let mut call = Call::dial(&gateway, NPS, "CA1", CALLER).await;
    assert_eq!(call.gather("numDigits").as_deref(), Some("2"), "contract 4: NPS gathers two digits");
    assert_eq!(call.gather("finishOnKey").as_deref(), Some("#"), "with # to finish");
    assert!(call.said().contains("de"), "the survey's German text: {}", call.said());
    call.press("10").await;
    assert!(!call.asks(), "text questions are skipped: {}", call.said());
    assert!(call.said().contains("<Hangup"), "a goodbye: {}", call.said());

    let stored = gateway.store().first("ticket-1").await;
    assert_eq!(stored.identity(), Identity::Signed, "contract 3: a telephony signature over the URL");
    assert_eq!(stored.channel(), Channel::Ivr);
    assert_eq!((stored.survey.as_str(), stored.brand.as_str()), ("support-nps", "acme"));
    assert_eq!(stored.respondent_ref, "crm-1");
    assert_eq!(stored.subject, Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }));
    assert_eq!(stored.locale, "de");
    assert_eq!(stored.answers.len(), 1);
    let score = answer(&stored, "recommend").unwrap();
    assert_eq!((score.kind(), score.segment.as_str()), (Kind::Nps, "promoter"));
    assert_eq!((score.claim(), score.confidence()), (Claim::Verified, Confidence::Confirmed));
    assert_eq!(score_on(&stored, "recommend"), Some(10));
}

#[tokio::test]
async fn the_keypad_of_the_contract() {
    let gateway = Gateway::start().await;
    let table: [(&[&str], i32); 10] = [
        (&["10"], 10),
        (&["0"], 0),
        (&["7"], 7),
        (&["01"], 1),
        (&["09"], 9),
        (&["1", "0"], 10),
        (&["1", "_"], 1),
        (&["11", "8"], 8),
        (&["_", "99", "3"], 3),
        (&["00", "1", "0"], 10),
    ];
    for (index, (keys, score)) in table.into_iter().enumerate() {
        let interaction = format!("k-{index}");
        let path = format!("/ivr/twilio/acme/support-nps?lang=en&interaction={interaction}");
        let asks = dialogue(&gateway, &path, keys).await;
        assert!(!asks, "{keys:?} ends the call");
        let stored = gateway.store().scored(&interaction, "recommend", score).await;
        assert_eq!(stored.answers.len(), 1, "{keys:?}");
    }
}

#[tokio::test]
async fn pound_after_a_lone_one_confirms_it() {
    let gateway = Gateway::start().await;
    let mut call = Call::dial(&gateway, NPS, "CA1", CALLER).await;
    call.press("1").await;
    assert!(call.asks(), "a lone 1 is confirmed once: {}", call.said());
    // Where # finishes, pressing it alone brings no digits.
    if call.gather("finishOnKey").is_some_and(|keys| keys.contains('#')) {
        call.say_nothing().await;
    } else {
        call.press("#").await;
    }
    assert!(!call.asks(), "confirmed once, not twice");
    gateway.store().scored("ticket-1", "recommend", 1).await;
}

#[tokio::test]
async fn what_is_no_score_is_asked_again_twice_at_most_and_stores_nothing() {
    let gateway = Gateway::start().await;
    for (index, keys) in [["11", "99", "00"], ["_", "_", "_"], ["00", "_", "55"]].into_iter().enumerate() {
        let path = format!("/ivr/twilio/acme/support-nps?interaction=w-{index}");
        assert!(dialogue(&gateway, &path, &keys[..2]).await, "{keys:?}: asked again twice");
        assert!(!dialogue(&gateway, &path, &keys).await, "{keys:?}: twice at most");
    }
    assert!(gateway.store().all().await.is_empty());
    assert_eq!(gateway.ledger().await["appended"], 0);
}

#[tokio::test]
async fn a_call_of_several_questions_keeps_its_query_and_stores_each_turn_as_it_comes() {
    let gateway = Gateway::start().await;
    let store = gateway.store();
    let mut call = Call::dial(&gateway, VISIT, "CA2", CALLER).await;
    let questions = ["knowledge", "expertise", "punctuality", "friendliness"];
    for (index, question) in questions.into_iter().enumerate() {
        assert_eq!(call.gather("numDigits").as_deref(), Some("1"), "other kinds take one digit");
        let query = call.next_url().query().unwrap_or_default().to_owned();
        for kept in ["lang=en", "interaction=visit-1", "respondent=crm-1"] {
            assert!(query.contains(kept), "the query is kept through all turns: {query}");
        }
        let stars = i32::try_from(index).unwrap() + 2;
        call.press(&stars.to_string()).await;
        let stored = store.scored("visit-1", question, stars).await;
        assert_eq!(stored.answers.len(), index + 1, "a question a turn");
    }
    assert!(!call.asks(), "the comment is skipped: {}", call.said());
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["revised"]), (&json!(1), &json!(3)), "{ledger}");
    assert_eq!(ledger["channels"]["ivr"]["received"], 4, "by channel: {ledger}");
}

#[tokio::test]
async fn hanging_up_keeps_what_was_answered() {
    let gateway = Gateway::start().await;
    let mut call = Call::dial(&gateway, VISIT, "CA3", CALLER).await;
    call.press("5").await;
    call.press("1").await;
    let stored = gateway.store().one("visit-1", |stored| stored.answers.len() == 2).await;
    assert_eq!(score_on(&stored, "knowledge"), Some(5));
    assert_eq!(score_on(&stored, "expertise"), Some(1));
}

#[tokio::test]
async fn a_turn_that_the_provider_sends_twice_counts_once() {
    let gateway = Gateway::start().await;
    let to = {
        let call = Call::dial(&gateway, NPS, "CA4", CALLER).await;
        call.next_url()
    };
    let mut fields = parameters("CA4", CALLER);
    fields.push(("Digits", "9"));
    let first = signed_post(&gateway, &to, &fields, "dev-twilio-token").await;
    let second = signed_post(&gateway, &to, &fields, "dev-twilio-token").await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.text, second.text, "a retry gets the same TwiML");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["duplicate"]), (&json!(1), &json!(1)), "{ledger}");
}

#[tokio::test]
async fn without_references_the_call_and_the_callers_number_stand_in() {
    let gateway = Gateway::start().await;
    let path = "/ivr/twilio/acme/support-nps?lang=en";
    for (call_sid, from) in [("CA5", CALLER), ("CA6", CALLER), ("CA7", "anonymous"), ("CA8", "+266696687")] {
        let mut call = Call::dial(&gateway, path, call_sid, from).await;
        call.press("8").await;
    }
    let store = gateway.store();
    store.count(4).await;
    let [known, again, anonymous, restricted] = [
        store.first("CA5").await,
        store.first("CA6").await,
        store.first("CA7").await,
        store.first("CA8").await,
    ];
    assert_eq!(known.respondent_key.len(), 32, "the caller's number is one as a keyed hash");
    assert_eq!(known.respondent_key, again.respondent_key);
    assert_eq!(known.respondent_ref, "");
    assert_eq!(anonymous.respondent_key, "", "anonymous callers have none");
    assert_eq!(restricted.respondent_key, "", "a withheld number is nobody's: +266696687 spells ANONYMOUS");
    assert!(
        !format!("{known:?}").contains("446681800") && !gateway.logs().contains("446681800"),
        "invariant 9"
    );
}

#[tokio::test]
async fn a_bad_signature_gets_403_an_empty_response_and_a_log_line_with_the_url() {
    let gateway = Gateway::start().await;
    let url = Url::parse(&format!("{PUBLIC_BASE}/ivr/twilio/acme/support-nps?interaction=ticket-1")).unwrap();
    let mut fields = parameters("CA9", CALLER);
    fields.push(("Digits", "9"));
    let wrong = signed_post(&gateway, &url, &fields, "another-token").await;
    let unsigned = gateway.request(reqwest::Method::POST, &crate::support::path_of(url.as_str()));
    let unsigned = crate::support::Reply::of(form(unsigned, &fields)).await;
    // Signed for another URL: the references are covered.
    let other = Url::parse(&url.as_str().replace("ticket-1", "ticket-2")).unwrap();
    let signed_elsewhere = {
        let request = gateway.request(reqwest::Method::POST, &crate::support::path_of(other.as_str()));
        let signature = crate::support::signature(url.as_str(), &fields, "dev-twilio-token");
        crate::support::Reply::of(form(request.header("x-twilio-signature", signature), &fields)).await
    };
    for reply in [&wrong, &unsigned, &signed_elsewhere] {
        assert_eq!(reply.status, 403, "contract 4: {}", reply.text);
        assert!(reply.header("content-type").contains("xml"));
        let empty = reply.text.contains("<Response/>") || reply.text.contains("<Response></Response>");
        assert!(empty, "an empty <Response/>: {}", reply.text);
    }
    gateway
        .logs_a_line("the URL that a bad signature was checked against", |line| {
            line.contains("/ivr/twilio/acme/support-nps") && line.contains(PUBLIC_BASE)
        })
        .await;
    assert!(gateway.store().all().await.is_empty());
    assert_eq!(gateway.settled_ledger().await["rejected"], 3);
}

#[tokio::test]
async fn a_brand_behind_a_path_prefix_is_signed_with_it() {
    let gateway = crate::support::Plan::new()
        .config(|config| {
            config.set("brands/acme.toml", "public_base_url", "https://feedback.acme.example/vox");
        })
        .start()
        .await;
    // The proxy in front strips the prefix; the provider signed with it.
    let path = "/ivr/twilio/acme/support-nps?interaction=ticket-1";
    let mut fields = parameters("CA10", CALLER);
    fields.push(("CallStatus", "ringing"));
    let url = format!("https://feedback.acme.example/vox{path}");
    let request = gateway.request(reqwest::Method::POST, path);
    let signature = crate::support::signature(&url, &fields, "dev-twilio-token");
    let reply =
        crate::support::Reply::of(form(request.header("x-twilio-signature", signature), &fields)).await;
    assert_eq!(reply.status, 200, "signatures are built on the brand's public_base_url: {}", reply.text);
    assert!(reply.text.contains("<Gather"), "{}", reply.text);
}
