//! Bodies of programs: one submission, and batches of them.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{Extras, Fields, Items, decode};
use crate::{
    catalog::{Action, ApiKey, IdentityKey},
    intake::{Proof, Submission},
    outcome::Reason,
    survey::Channel,
};

/// Items of a batch in these tests.
const ITEMS: usize = 8;

fn read(body: &[u8]) -> Result<Submission, Reason> {
    Ok(decoded(Fields::read(body).map_err(|refusal| refusal.reason)?))
}

fn decoded(fields: Fields<'_>) -> Submission {
    let key = ApiKey {
        name: "test".to_owned(),
        brand: "acme".to_owned(),
        actions: [Action::Submit].into(),
        quota: None,
    };
    let proof = Proof::Key(Arc::new(key));
    decode(fields, Channel::Api, proof, Extras::default(), &IdentityKey::new([9; 32]))
}

/// All that a submission says, its problems without their order.
fn said(submission: &Submission) -> (String, BTreeSet<String>) {
    let problems = submission.problems.iter().map(|problem| format!("{problem:?}")).collect();
    let bare = Submission { problems: Vec::new(), answers: sorted(submission), ..submission.clone() };
    (format!("{bare:?}"), problems)
}

fn sorted(submission: &Submission) -> Vec<(String, crate::intake::Given)> {
    let mut answers = submission.answers.clone();
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    answers
}

/// The same object with its fields the other way around.
fn backwards(body: &[u8]) -> Option<String> {
    let object: super::fields::Object<'_> = serde_json::from_slice(body).ok()?;
    let fields = object.into_entries().into_iter().rev();
    let fields = fields.map(|(name, raw)| format!("{}:{raw}", serde_json::json!(name)));
    Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")))
}

#[test]
fn a_json_body_says_the_same_in_any_order_of_its_fields() {
    crate::fuzz::run("json", |body| match read(body) {
        Ok(submission) => {
            let other = read(backwards(body).unwrap().as_bytes()).unwrap();
            assert_eq!(said(&submission), said(&other));
            assert!(submission.answers.len() + submission.attributes.len() <= body.len());
            for problem in &submission.problems {
                assert!(problem.pointer.starts_with('/') && !problem.detail.is_empty(), "{problem:?}");
            }
        }
        Err(reason) => assert_eq!(reason, Reason::Malformed),
    });
}

#[test]
fn a_body_is_refused_only_if_it_is_no_json_object_or_nests_too_deep_or_names_a_field_twice() {
    crate::fuzz::run("json", |body| {
        let reference = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body);
        if let (Ok(object), Err(reason)) = (reference, read(body)) {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let again = serde_json::to_string(&object).unwrap();
            let is_deep = super::fields::shallow(text.as_bytes()).is_err();
            assert!(is_deep || read(again.as_bytes()).is_ok(), "{reason:?}");
        }
    });
}

#[test]
fn the_items_of_a_batch_are_the_same_as_lines_and_as_an_array() {
    crate::fuzz::run("ndjson", |body| {
        let body = Bytes::copy_from_slice(body);
        let lines = match Items::lines(&body, ITEMS) {
            Ok(items) => items.0,
            Err(refusal) => return assert_eq!(refusal.reason, Reason::TooLarge),
        };
        assert!(lines.len() <= ITEMS);
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains(&b'\n')));
        if lines.iter().all(|line| Fields::read(line).is_ok()) {
            let array = Bytes::from([b"[", lines.join(&b',').as_slice(), b"]"].concat());
            assert_eq!(Items::array(&array, ITEMS).unwrap().0, lines);
        }
    });
}

#[test]
fn a_json_array_is_split_into_values_that_stand_in_it_or_refused() {
    crate::fuzz::run("batch", |body| {
        let body = Bytes::copy_from_slice(body);
        match Items::array(&body, ITEMS) {
            Ok(items) => {
                assert!(items.0.len() <= ITEMS);
                let again = Bytes::from([b"[", items.0.join(&b',').as_slice(), b"]"].concat());
                assert_eq!(Items::array(&again, ITEMS).unwrap().0, items.0);
            }
            Err(refusal) => assert!(matches!(refusal.reason, Reason::Malformed | Reason::TooLarge)),
        }
    });
}

#[test]
fn a_json_array_read_at_one_go_says_what_its_items_say_one_by_one() {
    crate::fuzz::run("batch", |body| {
        let bytes = Bytes::copy_from_slice(body);
        let one_by_one = Items::array(&bytes, ITEMS).ok().and_then(|items| {
            items.0.iter().map(|item| Some(said(&read(item).ok()?))).collect::<Option<Vec<_>>>()
        });
        let at_one_go = Fields::read_all(body, ITEMS);
        assert_eq!(at_one_go.map(|all| all.into_iter().map(|one| said(&decoded(one))).collect()), one_by_one);
    });
}
