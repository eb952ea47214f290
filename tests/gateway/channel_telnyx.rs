//! The phone, as Telnyx brings it.

use voxgate::proto::store::v1::{Channel, Identity, Subject};

use crate::support::{Gateway, PUBLIC_BASE, TelnyxCall, TelnyxWebhook, exchange, score_on};

const NPS: &str =
    "/ivr/telnyx/acme/support-nps?lang=en&interaction=ticket-1&respondent=crm-1&subject=agent:a-7";

#[tokio::test]
async fn a_call_ends_in_the_store_as_one_of_any_other_provider_does() {
    let gateway = Gateway::start().await;
    let mut call = TelnyxCall::dial(&gateway, NPS).await;
    assert!(!call.said().contains("actionOnEmptyResult"), "TeXML has no such attribute: {}", call.said());
    call.say_nothing().await;
    assert!(
        call.said().contains("Sorry"),
        "silence comes to the redirect, and is asked again: {}",
        call.said()
    );
    call.press("1").await;
    assert!(call.asks(), "a lone 1 is confirmed once: {}", call.said());
    call.press("0").await;
    assert!(!call.asks() && call.said().contains("<Hangup"), "{}", call.said());
    let stored = gateway.store().scored("ticket-1", "recommend", 10).await;
    assert_eq!((stored.identity(), stored.channel()), (Identity::Signed, Channel::Ivr));
    assert_eq!(stored.respondent_ref, "crm-1");
    assert_eq!(stored.subject, Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }));
}

#[tokio::test]
async fn turns_that_are_sent_again_get_the_same_bytes_and_change_nothing() {
    let mut gateway = Gateway::start().await;
    let mut call =
        TelnyxCall::dial(&gateway, "/ivr/telnyx/acme/technician-visit?lang=de&interaction=v-1").await;
    for stars in ["5", "9", "1"] {
        call.press(stars).await;
    }
    let sent = call.sent;
    gateway.store().one("v-1", |stored| stored.answers.len() == 2).await;
    for restarted in [false, true] {
        for (webhook, said) in sent.iter().rev() {
            assert_eq!(&webhook.send(&gateway).await.text, said, "restarted: {restarted}");
        }
        let stored = gateway.store().first("v-1").await;
        assert_eq!((score_on(&stored, "knowledge"), score_on(&stored, "expertise")), (Some(5), Some(1)));
        gateway.restart().await;
    }
}

#[tokio::test]
async fn what_is_not_signed_now_by_a_live_key_over_this_body_is_403_and_stores_nothing() {
    let gateway = Gateway::start().await;
    let step = {
        let mut call = TelnyxCall::dial(&gateway, NPS).await;
        call.press("11").await;
        call.sent.last().unwrap().0.url.clone()
    };
    let answer = || TelnyxWebhook::new(&step, &[("Digits", "9")]);
    let stale = TelnyxWebhook { late_s: -301, ..answer() };
    let ahead = TelnyxWebhook { late_s: 310, ..answer() };
    let strange = TelnyxWebhook { seed: [1; 32], ..answer() };
    let elsewhere = TelnyxWebhook { url: step.replace("ticket-1", "ticket-2"), ..answer() };
    let unsealed = TelnyxWebhook { url: step.split("&vg_seal").next().unwrap().to_owned(), ..answer() };
    let mut other_call = answer();
    other_call.body = other_call.body.replace("9X2vx", "9X2vy");
    for (what, webhook) in [
        ("stale", stale),
        ("ahead", ahead),
        ("another key", strange),
        ("another ticket", elsewhere),
        ("unsealed", unsealed),
        ("another call", other_call),
    ] {
        let reply = webhook.send(&gateway).await;
        assert_eq!(reply.status, 403, "{what}: {}", reply.text);
        assert!(reply.text.ends_with("<Response/>"), "{what}: {}", reply.text);
    }
    assert_eq!(gateway.settled_ledger().await["rejected"], 6);
    assert!(gateway.store().all().await.is_empty());
    let logged =
        gateway.logs_a_line("why a webhook was refused", |line| line.contains("Telnyx webhook")).await;
    assert!(logged.contains("ticket-1") && !logged.contains("crm-1"), "{logged}");
    assert_eq!(answer().send(&gateway).await.status, 200);
    gateway.store().scored("ticket-1", "recommend", 9).await;
}

#[tokio::test]
async fn what_cannot_be_genuine_is_refused_before_its_body_is_read() {
    let gateway = Gateway::start().await;
    let webhook = TelnyxWebhook::new(&format!("{PUBLIC_BASE}{NPS}"), &[]);
    let stale = TelnyxWebhook { late_s: -301, ..webhook };
    let (timestamp, signature) = stale.signature();
    for signed in [
        String::new(),
        format!("telnyx-timestamp: {timestamp}\r\n"),
        format!("telnyx-timestamp: {timestamp}\r\ntelnyx-signature-ed25519: {signature}\r\n"),
        "telnyx-timestamp: 1\r\ntelnyx-signature-ed25519: AAAA\r\n".to_owned(),
    ] {
        // A body is promised and never sent.
        let head = format!(
            "POST {NPS} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             {signed}Content-Length: 60000\r\n\r\n"
        );
        let answer = exchange(&gateway, head).await.unwrap();
        assert_eq!(answer.status, 403, "{signed}");
    }
}

#[tokio::test]
async fn a_survey_that_is_not_there_is_apologized_for() {
    let gateway = Gateway::start().await;
    for path in ["/ivr/telnyx/acme/no-such", "/ivr/telnyx/nobody/support-nps"] {
        let call = TelnyxCall::dial(&gateway, path).await;
        assert!(call.said().contains("<Hangup"), "{}", call.said());
    }
}
