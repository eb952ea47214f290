//! Decodes the body of `/v1/responses`; the beacon's is the same with a few fields more.

use std::{borrow::Cow, time::Duration};

use serde_json::value::RawValue;

use super::fields::Fields;
use crate::{
    catalog::IdentityKey,
    intake::{Answered, Country, Given, Proof, Respondent, Subject, Submission, SubmissionKey},
    outcome::Reason,
    survey::{Channel, Language},
};

/// What a channel reads beside the common fields.
#[derive(Clone, Default)]
pub(crate) struct Extras {
    /// The `Idempotency-Key` header.
    pub(crate) idempotency_key: Option<String>,
    /// Something else says which survey it is (a token), so that the body need not.
    pub(crate) target_is_known: bool,
}

/// Keys may name a person.
impl std::fmt::Debug for Extras {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extras").field("target_is_known", &self.target_is_known).finish_non_exhaustive()
    }
}

/// Decodes a body's fields. What is wrong with single ones goes along in the submission's problems.
pub(crate) fn decode(
    mut fields: Fields<'_>,
    channel: Channel,
    proof: Proof,
    extras: Extras,
    identity_key: &IdentityKey,
) -> Submission {
    let [brand, survey] = ["brand", "survey"].map(|name| match extras.target_is_known {
        true => fields.text(name).unwrap_or_default(),
        false => fields.required(name),
    });
    let keyed = matches!(proof, Proof::Key(_));
    let mut submission = Submission::new(channel, brand, survey, proof);
    references(&mut fields, &mut submission, identity_key);
    submission.key = key(&mut fields, extras, keyed);
    submission.answered = answered(&mut fields, keyed);
    submission.answers = answers(&mut fields);
    submission.attributes = fields.texts("attributes");
    submission.test = fields.flag("test");
    submission.problems = fields.problems;
    submission
}

/// `interaction`, `respondent`, `subject`, `locale` and `country`.
pub(crate) fn references(fields: &mut Fields<'_>, submission: &mut Submission, identity_key: &IdentityKey) {
    submission.interaction = fields.reference("interaction");
    submission.respondent = respondent(fields, identity_key);
    submission.subject = subject(fields);
    submission.locale = fields.parsed("locale", Reason::BadLocale, Language::FORM, Language::parse);
    submission.country = fields.parsed("country", Reason::BadCountry, Country::FORM, Country::parse);
}

fn respondent(fields: &mut Fields<'_>, identity_key: &IdentityKey) -> Option<Respondent> {
    let (kind, text) = named_once(fields)?;
    match Respondent::parse(kind, &text, identity_key) {
        Ok(respondent) => Some(respondent),
        Err((reason, form)) => {
            fields.problem(&format!("respondent/{kind}"), reason, &format!("must be {form}"));
            None
        }
    }
}

/// `respondent: {"ref": …}`, `{"email": …}` or `{"phone": …}`, not yet parsed; more than one could be two people.
pub(crate) fn named_once<'a>(fields: &mut Fields<'a>) -> Option<(&'static str, Cow<'a, str>)> {
    let mut nested = fields.nested("respondent")?;
    let given: Vec<_> = Respondent::KINDS.into_iter().filter(|kind| nested.raw(kind).is_some()).collect();
    let named = match given.as_slice() {
        [kind] => nested.text(kind).map(|text| (*kind, text)),
        _ => {
            let detail = "must name the person once, by `ref`, `email` or `phone`";
            fields.problem("respondent", Reason::BadContact, detail);
            None
        }
    };
    fields.close(nested);
    named
}

/// `subject: {"kind": …, "ref": …}`.
pub(crate) fn subject(fields: &mut Fields<'_>) -> Option<Subject> {
    let mut nested = fields.nested("subject")?;
    let [kind, reference] = ["kind", "ref"].map(|name| nested.required_reference(name));
    fields.close(nested);
    Some(Subject { kind: kind?, reference: reference? })
}

/// A program's key is strict: another payload under it is an error. A browser's is a nonce: another payload is a
/// change of mind.
fn key(fields: &mut Fields<'_>, extras: Extras, strict: bool) -> Option<SubmissionKey> {
    let in_body = fields.text("key").map(Cow::into_owned);
    if let (Some(header), Some(body)) = (&extras.idempotency_key, &in_body)
        && header != body
    {
        fields.problem("key", Reason::BadKey, "must be the same as the Idempotency-Key header, or left out");
    }
    let text = extras.idempotency_key.or(in_body)?;
    Some(SubmissionKey { text, strict })
}

/// Keyed callers say when; browsers say how long ago; nobody else is asked.
fn answered(fields: &mut Fields<'_>, keyed: bool) -> Answered {
    if keyed {
        return fields.time("answered_at").map_or(Answered::Now, Answered::At);
    }
    fields.count("age_ms").map_or(Answered::Now, |age_ms| Answered::Ago(Duration::from_millis(age_ms)))
}

fn answers(fields: &mut Fields<'_>) -> Vec<(String, Given)> {
    if fields.raw("answers").is_none() {
        fields.problem("answers", Reason::Missing, "must be there: values by question id");
    }
    let Some(object) = fields.object("answers") else { return Vec::new() };
    object.into_entries().into_iter().map(|(id, raw)| (id.into_owned(), given(raw))).collect()
}

/// The value as it stands.
fn given(raw: &RawValue) -> Given {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Given::Other("null"),
        Some(b'"') => serde_json::from_str(text).map_or(Given::Other("a broken text"), Given::Text),
        Some(b'{') => Given::Other("an object"),
        Some(b'[') => Given::Other("an array"),
        Some(b't' | b'f') => Given::Other("true or false"),
        _ => number(text),
    }
}

/// JSON does not tell 9 from 9.0, so both are whole.
#[allow(clippy::cast_possible_truncation, reason = "a whole number in this range fits")]
fn number(text: &str) -> Given {
    if let Ok(whole) = text.parse() {
        return Given::Whole(whole);
    }
    match text.parse::<f64>() {
        Ok(float) if float.fract() == 0.0 && float.abs() < 1e15 => Given::Whole(float as i64),
        Ok(float) => Given::Fraction(float),
        Err(_) => Given::Other("no number"),
    }
}
