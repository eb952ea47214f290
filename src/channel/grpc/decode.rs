//! Decodes a `Submission` message. Protobuf has checked the types; the rest is as for JSON.

use std::sync::Arc;

use crate::{
    catalog::{ApiKey, IdentityKey},
    clock::Timestamp,
    intake::{Answered, Country, Given, Proof, Reference, Respondent, Subject, Submission, SubmissionKey},
    outcome::{Problem, Reason},
    proto::collector::v1 as wire,
    survey::{Channel, Language},
};

/// Decodes a message. What is wrong with single fields goes along in the submission's problems.
pub(super) fn decode(message: wire::Submission, key: &Arc<ApiKey>, identity_key: &IdentityKey) -> Submission {
    let mut problems = Vec::new();
    for (name, value) in [("/brand", &message.brand), ("/survey", &message.survey)] {
        if value.is_empty() {
            problems.push(Problem::new(name, Reason::Missing, "must be there"));
        }
    }
    let mut submission =
        Submission::new(Channel::Api, message.brand, message.survey, Proof::Key(Arc::clone(key)));
    submission.interaction = parsed(&message.interaction, "/interaction", &mut problems, reference);
    submission.respondent = message.respondent.and_then(|it| respondent(it, identity_key, &mut problems));
    submission.subject = message.subject.and_then(|it| subject(&it, &mut problems));
    submission.locale = parsed(&message.locale, "/locale", &mut problems, |text| {
        Language::parse(text).ok_or((Reason::BadLocale, "must be a language tag such as `de-CH`"))
    });
    submission.country = parsed(&message.country, "/country", &mut problems, |text| {
        Country::parse(text).ok_or((Reason::BadCountry, "must be two letters of ISO 3166-1, such as `CH`"))
    });
    submission.answered =
        message.answered_at.as_ref().map_or(Answered::Now, |at| Answered::At(Timestamp::from_proto(at)));
    submission.answers = message.answers.into_iter().map(|(id, value)| (id, given(value.kind))).collect();
    submission.attributes = message.attributes;
    submission.test = message.test;
    submission.key =
        Some(message.key).filter(|text| !text.is_empty()).map(|text| SubmissionKey { text, strict: true });
    submission.problems = problems;
    submission
}

type Parsed<T> = Result<T, (Reason, &'static str)>;

/// An empty field is one that was not sent.
fn parsed<T>(
    text: &str,
    pointer: &str,
    problems: &mut Vec<Problem>,
    parse: impl FnOnce(&str) -> Parsed<T>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    match parse(text) {
        Ok(value) => Some(value),
        Err((reason, detail)) => {
            problems.push(Problem::new(pointer, reason, detail));
            None
        }
    }
}

fn reference(text: &str) -> Parsed<Reference> {
    Reference::parse(text).ok_or((Reason::BadReference, "must be 1 to 64 of A-Z a-z 0-9 . _ : -"))
}

fn respondent(
    respondent: wire::Respondent,
    identity_key: &IdentityKey,
    problems: &mut Vec<Problem>,
) -> Option<Respondent> {
    use wire::respondent::Kind;
    let Some(kind) = respondent.kind else {
        let detail = "must name the person, by `ref`, `email` or `phone`";
        problems.push(Problem::new("/respondent", Reason::BadContact, detail));
        return None;
    };
    let (kind, text, reason, detail) = match kind {
        Kind::Ref(text) => ("ref", text, Reason::BadReference, "must be 1 to 64 of A-Z a-z 0-9 . _ : -"),
        Kind::Email(text) => ("email", text, Reason::BadContact, "must be a mail address"),
        Kind::Phone(text) => {
            ("phone", text, Reason::BadContact, "must be a telephone number such as `+41441234567`")
        }
    };
    let parsed = Respondent::parse(kind, &text, identity_key);
    if parsed.is_none() {
        problems.push(Problem::new(format!("/respondent/{kind}"), reason, detail));
    }
    parsed
}

fn subject(subject: &wire::Subject, problems: &mut Vec<Problem>) -> Option<Subject> {
    let mut part = |text: &str, pointer: &str| match reference(text) {
        Ok(part) => Some(part),
        Err((reason, detail)) => {
            problems.push(Problem::new(pointer, reason, detail));
            None
        }
    };
    let (kind, reference) = (part(&subject.kind, "/subject/kind"), part(&subject.r#ref, "/subject/ref"));
    Some(Subject { kind: kind?, reference: reference? })
}

/// A value of no kind that we know is refused: a newer client's answer must not be dropped with an OK.
fn given(kind: Option<wire::value::Kind>) -> Given {
    match kind {
        Some(wire::value::Kind::Score(score)) => Given::Whole(score.into()),
        Some(wire::value::Kind::Text(text)) => Given::Text(text),
        Some(wire::value::Kind::Choice(choice)) => Given::Choice(choice),
        None => Given::Other("an empty value"),
    }
}
