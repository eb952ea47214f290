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
        Language::parse(text).ok_or((Reason::BadLocale, Language::FORM))
    });
    submission.country = parsed(&message.country, "/country", &mut problems, |text| {
        Country::parse(text).ok_or((Reason::BadCountry, Country::FORM))
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

/// Else the reason, and what it must be.
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
    keep(parse(text), pointer, problems)
}

fn keep<T>(parsed: Parsed<T>, pointer: &str, problems: &mut Vec<Problem>) -> Option<T> {
    let wrong = |(reason, form)| problems.push(Problem::new(pointer, reason, format!("must be {form}")));
    parsed.map_err(wrong).ok()
}

fn reference(text: &str) -> Parsed<Reference> {
    Reference::parse(text).ok_or((Reason::BadReference, Reference::FORM))
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
    let (kind, text) = match kind {
        Kind::Ref(text) => ("ref", text),
        Kind::Email(text) => ("email", text),
        Kind::Phone(text) => ("phone", text),
    };
    keep(Respondent::parse(kind, &text, identity_key), &format!("/respondent/{kind}"), problems)
}

fn subject(subject: &wire::Subject, problems: &mut Vec<Problem>) -> Option<Subject> {
    let [kind, reference] = [("/subject/kind", &subject.kind), ("/subject/ref", &subject.r#ref)]
        .map(|(pointer, text)| keep(reference(text), pointer, problems));
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
