//! Nothing that people or programs say stands in what `Debug` shows of the types that hold it.

use std::{
    fmt::Debug,
    net::{IpAddr, Ipv4Addr},
};

use ::http::{HeaderMap, header};
use bytes::Bytes;

use super::{json, link, page};
use crate::{
    catalog::{Contact, IdentityKey},
    clock::Timestamp,
    intake::{Given, Proof, Reference, Respondent, Submission, SubmissionKey},
    outcome::Value,
    proto::collector::v1 as proto,
    survey::Channel,
};

const EMAIL: &str = "ann.planted@mail.example";
const PERSON: &str = "crm-planted-4471";
const COMMENT: &str = "planted comment";

/// Fails when any of the planted texts is shown, plain or as bytes.
#[track_caller]
fn assert_hides(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        for text in [EMAIL, PERSON, COMMENT, "planted", "112, 108, 97, 110"] {
            assert!(!shown.contains(text), "{text}: {shown}");
        }
    }
}

fn respondent() -> Respondent {
    Respondent::named(PERSON, &IdentityKey::new([1; 32])).unwrap()
}

#[test]
fn a_submission_shows_nothing_that_was_said() {
    let proof = Proof::Nobody { source: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    let mut submission = Submission::new(Channel::Form, EMAIL, EMAIL, proof);
    submission.interaction = Reference::parse(PERSON);
    submission.respondent = Some(respondent());
    submission.key = Some(SubmissionKey { text: EMAIL.to_owned(), strict: true });
    submission.answers = vec![("reason".to_owned(), Given::Text(COMMENT.to_owned()))];
    submission.attributes = [(EMAIL.to_owned(), COMMENT.to_owned())].into();
    assert_hides(&submission);
    assert_hides(&submission.key);
    assert_hides(&submission.respondent);
    assert_hides(&[Given::Text(COMMENT.to_owned()), Given::Typed(EMAIL.to_owned())]);
    assert_hides(&Value::Text(COMMENT.to_owned()));
    assert_hides(&Contact::email(EMAIL).unwrap());
    let named = proto::respondent::Kind::Email(EMAIL.to_owned());
    assert_hides(&named);
    assert_hides(&proto::Respondent { kind: Some(named) });
}

#[tokio::test]
async fn a_form_and_a_visit_show_nothing_that_was_sent() {
    let mut headers = HeaderMap::new();
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    headers.insert(header::CONTENT_TYPE, form);
    headers.insert(header::COOKIE, COMMENT.parse().unwrap());
    let body = Bytes::from(format!("respondent=email:{EMAIL}&reason={COMMENT}"));
    assert_hides(&page::Fields::read(&headers, body, 9).await.unwrap());
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_hides(&page::Visit { path: PERSON, token: Some(PERSON), query: EMAIL, headers: &headers, source });
}

#[test]
fn a_json_body_shows_nothing_that_stands_in_it() {
    let body = format!(r#"[{{"respondent": {{"email": "{EMAIL}"}}, "{COMMENT}": "{PERSON}"}}]"#);
    let items = json::Items::array(&Bytes::from(body), 9).unwrap();
    assert_hides(&items);
    assert_hides(&json::Fields::read(&items.0[0]).unwrap());
    assert_hides(&json::Extras { idempotency_key: Some(EMAIL.to_owned()), target_is_known: false });
}

#[test]
fn a_link_shows_neither_its_token_nor_its_person() {
    let order = link::LinkOrder {
        interaction: Some(PERSON.to_owned()),
        respondent: Some(format!("email:{EMAIL}")),
        attributes: [("agent".to_owned(), COMMENT.to_owned())].into(),
        ..link::LinkOrder::default()
    };
    assert_hides(&order);
    let claims = link::LinkClaims {
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        interaction: Reference::parse(PERSON),
        respondent: Some(respondent().into()),
        subject: None,
        locale: None,
        country: None,
        attributes: order.attributes.clone(),
        issued: Timestamp::from_secs(0),
        expires: None,
        test: false,
    };
    assert_hides(&claims.respondent);
    assert_hides(&link::OpenedToken { claims, invitation: "0123456789abcdef".to_owned() });
    let made = link::Link {
        token: PERSON.to_owned(),
        url: PERSON.to_owned(),
        score_urls: [(9, PERSON.to_owned())].into(),
        opt_out_url: PERSON.to_owned(),
        expires_at: None,
        person: None,
        base: PERSON.to_owned(),
    };
    assert_hides(&made);
}
