//! Reports whose signature is right, whatever they say.

use std::cell::RefCell;

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};

use super::{super::super::fixtures, *};
use crate::{
    catalog::{IdentityKey, Secret},
    channel::ivr::twilio::{
        address::Address,
        form::Form,
        signature::{self, Body},
    },
    intake::Proof,
    outcome::{Ledger, ResponseId},
    survey::Identity,
};

const BASE: &str = "https://acme.example/fb";
const FIELDS: usize = 40;

/// The status, and what was submitted.
fn told(uri: &Uri, callback: Callback, signature: &str, body: &[u8]) -> (StatusCode, Vec<Submission>) {
    let (catalog, key, ledger) = (fixtures::catalog(), IdentityKey::new([7; 32]), Ledger::default());
    let desk = Desk { catalog: &catalog, identity_key: &key, ledger: &ledger, form_fields: FIELDS };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    let request = Request { brand: "acme", survey: "support-nps", uri, headers: &headers, body };
    let submitted = RefCell::new(Vec::new());
    let submit = async |submission: Submission| {
        submitted.borrow_mut().push(submission);
        let (outcome, identity) = (Outcome::Accepted, Identity::Signed);
        let id = ResponseId::from_hash([1; 16]);
        Ok(Receipt { id, outcome, reason: None, identity, answers: Vec::new(), quota: None })
    };
    let reply = report(desk, request, callback, submit).now_or_never().unwrap();
    (reply.status(), submitted.into_inner())
}

/// The path's last segment and the query in the first line, the form after it.
#[test]
fn a_signed_report_is_one_recording_and_at_most_its_text_and_an_unsigned_one_is_nothing() {
    crate::fuzz::run("twilio_report", |input| {
        let (target, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        let target = [b"/ivr/twilio/acme/support-nps/", target].concat();
        let Ok(uri) = Uri::try_from(target.as_slice()) else { return };
        let Some(callback) = uri.path().rsplit('/').next().and_then(Callback::of) else { return };
        let (status, submitted) = told(&uri, callback, "forged", body);
        assert!(matches!(status.as_u16(), 403 | 413) && submitted.is_empty(), "{status}");
        let Ok(form) = Form::parse(body, FIELDS) else { return };
        let url = Address::new(BASE, uri.path(), uri.query()).url();
        let signature =
            signature::sign(&url, Body::Form(&form), signature::Key::Sha1(&Secret::new("token"))).unwrap();
        let (status, submitted) = told(&uri, callback, &signature, body);
        assert!(matches!(status.as_u16(), 200 | 422), "{status}");
        assert!(submitted.len() <= if callback == Callback::Recording { 1 } else { 2 });
        for submission in &submitted {
            let [(question, Given::Text(text))] = submission.answers.as_slice() else {
                panic!("{submission:?}")
            };
            assert!(question == "reason" && !text.is_empty());
            assert!(submission.attributes.values().all(|address| address.len() <= 256));
            assert!(submission.key.as_ref().is_some_and(|key| key.text.len() <= 255));
            assert!(matches!(&submission.proof, Proof::Call { call_id } if call_id.len() <= 64));
        }
        assert!(submitted.first().is_none_or(|first| first.key.as_ref().is_some_and(|key| key.strict)));
    });
}
