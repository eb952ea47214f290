//! Webhooks whose signature is right, whatever they say: an account's token does not make its holder careful.

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;

use super::{
    super::fixtures,
    Desk, Request,
    address::Address,
    form::Form,
    signature,
    signature::{Body, Key},
    turn,
};
use crate::{
    catalog::{IdentityKey, Secret},
    intake::{OptingOut, Submission},
    outcome::{Ledger, Outcome, Reason, Receipt, Refusal, ResponseId},
    survey::Identity,
};

const BASE: &str = "https://acme.example/fb";
const FIELDS: usize = 40;

fn headers(signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    headers
}

/// What the provider hears, and whether something was submitted.
fn heard(uri: &Uri, signature: &str, body: &[u8], accepts: bool) -> (u16, String, usize) {
    let (catalog, key, ledger) = (fixtures::catalog(), IdentityKey::new([7; 32]), Ledger::default());
    let desk = Desk { catalog: &catalog, identity_key: &key, ledger: &ledger, form_fields: FIELDS };
    let headers = headers(signature);
    let request = Request { brand: "acme", survey: "support-nps", uri, headers: &headers, body };
    let mut submitted = 0;
    let submit = async |_: Submission| {
        submitted += 1;
        if !accepts {
            return Err(Refusal::new(Reason::SpoolFull, "no room"));
        }
        let id = ResponseId::from_hash([1; 16]);
        let (outcome, identity) = (Outcome::Accepted, Identity::Signed);
        Ok(Receipt { id, outcome, reason: None, identity, answers: Vec::new(), quota: None })
    };
    let (head, body) =
        turn(desk, request, submit, async |_: OptingOut| Ok(())).now_or_never().unwrap().into_parts();
    #[allow(clippy::disallowed_methods, reason = "a reply of our own, whole in memory")]
    let bytes = body.collect().now_or_never().unwrap().unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap(), submitted)
}

fn assert_well_formed(twiml: &str) {
    let mut reader = quick_xml::Reader::from_str(twiml);
    reader.config_mut().check_end_names = true;
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    assert!(twiml.chars().all(|character| !character.is_control() || character == '\n'), "{twiml:?}");
}

/// The query in the first line, the form after it.
#[test]
fn a_signed_webhook_is_answered_with_twiml_and_an_unsigned_one_submits_nothing() {
    crate::fuzz::run("twilio_form", |input| {
        let (query, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        let target = [b"/ivr/twilio/acme/support-nps?", query].concat();
        let Ok(uri) = Uri::try_from(target.as_slice()) else { return };
        let (status, twiml, submitted) = heard(&uri, "forged", body, true);
        assert!(matches!((status, submitted), (403 | 413, 0)), "{status} {twiml}");
        let Ok(form) = Form::parse(body, FIELDS) else { return };
        let url = Address::new(BASE, uri.path(), uri.query()).url();
        let signature = signature::sign(&url, Body::Form(&form), Key::Sha1(&Secret::new("token"))).unwrap();
        for accepts in [true, false] {
            let (status, twiml, submitted) = heard(&uri, &signature, body, accepts);
            assert!(status == 200 || (!accepts && status == 503), "{status}: {twiml}");
            assert!(submitted <= 1);
            assert_well_formed(&twiml);
        }
    });
}

#[test]
fn the_address_of_the_next_turn_carries_the_operators_query_and_our_state() {
    crate::fuzz::run("twilio_query", |query| {
        let target = [b"/ivr/twilio/acme/support-nps?", query].concat();
        let Ok(uri) = Uri::try_from(target.as_slice()) else { return };
        let first = Address::new(BASE, uri.path(), uri.query());
        let Some(state) = first.state() else { return };
        let next = first.of_next(&state);
        let (_, next_query) = next.split_once('?').unwrap();
        let second = Address::new(BASE, uri.path(), Some(next_query));
        assert_eq!(second.state(), Some(state));
        assert_eq!(second.operators("lang"), first.operators("lang"));
        assert!(!second.redacted().contains("interaction_secret"));
    });
}
