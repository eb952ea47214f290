//! The normalized record: what lies in the spool and goes to storage.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use super::{
    Proof, Reference,
    claim::{ClaimedAnswer, ClaimedAnswers, Recovered},
    identify::Identified,
    validate::Validated,
};
use crate::{
    clock::Timestamp,
    outcome::{ResponseId, Scored, Value},
    proto::store::v1 as wire,
    survey::{Channel, Confidence, Identity, Kind, Survey},
    verdict,
};

/// Builds the record, as if no claim had been asked. The texts are moved out of the submission, which needs them no
/// more.
pub(super) fn record(validated: &mut Validated) -> wire::Record {
    let Validated { identified, answers } = validated;
    let submission = &mut identified.submission;
    let respondent = submission.respondent.take();
    wire::Record {
        response_id: Bytes::copy_from_slice(identified.id.as_bytes()),
        survey: identified.survey.id.clone(),
        survey_version: identified.survey.version,
        brand: identified.brand.id.clone(),
        identity: identity(identified.identity).into(),
        channel: channel(submission.channel).into(),
        interaction: submission.interaction.take().map(Reference::into_string).unwrap_or_default(),
        respondent_key: respondent.as_ref().map(|it| Bytes::copy_from_slice(&it.key.0)).unwrap_or_default(),
        respondent_ref: respondent
            .and_then(|it| it.reference)
            .map(Reference::into_string)
            .unwrap_or_default(),
        subject: submission.subject.take().map(|subject| wire::Subject {
            kind: subject.kind.into_string(),
            r#ref: subject.reference.into_string(),
        }),
        locale: submission.locale.as_ref().unwrap_or(&identified.survey.default_language).as_str().to_owned(),
        country: submission.country.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        invitation: take_invitation(&mut submission.proof),
        stamp_us: identified.stamp.as_micros(),
        received_us: identified.now.as_micros(),
        edit_window_us: i64::try_from(identified.survey.edit_window.as_micros()).unwrap_or(i64::MAX),
        answers: answers.iter().map(|answer| wire_answer(&identified.survey, answer)).collect(),
        attributes: std::mem::take(&mut submission.attributes),
        test: submission.test,
        claim: wire::Claim::Unverified.into(),
        confidence: wire::Confidence::Confirmed.into(),
        hold: submission.hold.map(|reason| reason.code().to_owned()).unwrap_or_default(),
        signals: submission.signals,
        event: None,
    }
}

/// Builds the record of an event: whose it is, so that an erasure finds it, and no more of them than that.
pub(super) fn event(identified: &Identified, event: wire::record::Event) -> wire::Record {
    let submission = &identified.submission;
    wire::Record {
        response_id: identified.id.as_bytes().to_vec().into(),
        survey: identified.survey.id.clone(),
        survey_version: identified.survey.version,
        brand: identified.brand.id.clone(),
        identity: identity(identified.identity).into(),
        channel: channel(submission.channel).into(),
        respondent_key: submission.respondent.as_ref().map(|it| it.key.0.to_vec().into()).unwrap_or_default(),
        invitation: invitation(&submission.proof),
        stamp_us: identified.stamp.as_micros(),
        received_us: identified.now.as_micros(),
        test: submission.test,
        signals: submission.signals,
        event: Some(event),
        ..wire::Record::default()
    }
}

fn take_invitation(proof: &mut Proof) -> String {
    match proof {
        Proof::Link { invitation, .. } => std::mem::take(invitation),
        Proof::Call { .. } | Proof::Key(_) | Proof::Nobody { .. } => String::new(),
    }
}

/// Id of the link it came through; empty when there was none.
pub(super) fn invitation(proof: &Proof) -> String {
    match proof {
        Proof::Link { invitation, .. } => invitation.clone(),
        Proof::Call { .. } | Proof::Key(_) | Proof::Nobody { .. } => String::new(),
    }
}

fn wire_answer(survey: &Survey, answer: &Scored) -> wire::Answer {
    let kind = survey.question(&answer.question).map_or(Kind::Text, |question| question.kind);
    wire::Answer {
        question: answer.question.clone(),
        kind: wire_kind(kind).into(),
        scale_min: kind.scale().map(|scale| scale.min),
        scale_max: kind.scale().map(|scale| scale.max),
        normalized: answer.normalized,
        segment: answer.segment.map_or("", |segment| segment.word()).to_owned(),
        value: Some(match &answer.value {
            Value::Score(score) => wire::answer::Value::Score(*score),
            Value::Text(text) => wire::answer::Value::Text(text.clone()),
            Value::Choice(choice) => wire::answer::Value::Choice(choice.clone()),
        }),
    }
}

/// What the claims compare.
pub(super) fn claimed(answers: &[Scored]) -> ClaimedAnswers {
    answers.iter().map(|answer| ClaimedAnswer::new(&answer.question, &answer.value)).collect()
}

/// What proves who said something about themselves.
pub(super) const fn proven(proof: &Proof) -> wire::Identity {
    match proof {
        Proof::Link { .. } | Proof::Call { .. } => wire::Identity::Signed,
        Proof::Key(_) => wire::Identity::Keyed,
        Proof::Nobody { .. } => wire::Identity::None,
    }
}

const fn identity(identity: Identity) -> wire::Identity {
    match identity {
        Identity::Signed => wire::Identity::Signed,
        Identity::Keyed => wire::Identity::Keyed,
        Identity::Stated => wire::Identity::Stated,
        Identity::None => wire::Identity::None,
    }
}

pub(super) const fn channel(channel: Channel) -> wire::Channel {
    match channel {
        Channel::Email => wire::Channel::Email,
        Channel::Ivr => wire::Channel::Ivr,
        Channel::Chat => wire::Channel::Chat,
        Channel::Form => wire::Channel::Form,
        Channel::Api => wire::Channel::Api,
    }
}

const fn wire_kind(kind: Kind) -> wire::Kind {
    match kind {
        Kind::Nps => wire::Kind::Nps,
        Kind::Ces => wire::Kind::Ces,
        Kind::Csat => wire::Kind::Csat,
        Kind::Stars => wire::Kind::Stars,
        Kind::Smiley => wire::Kind::Smiley,
        Kind::Thumbs => wire::Kind::Thumbs,
        Kind::Choice => wire::Kind::Choice,
        Kind::Text => wire::Kind::Text,
    }
}

/// What a record in the spool says to the claims; none when it is no record or no answer, is held, or was not given by
/// a person.
pub(super) fn recovered(bytes: &[u8]) -> Option<Recovered> {
    let record = wire::Record::decode(bytes).ok()?;
    let is_doubtful = verdict::by_itself(record.signals.as_ref()) != wire::Confidence::Confirmed;
    if record.event.is_some()
        || is_doubtful
        || !record.hold.is_empty()
        || record.confidence() != wire::Confidence::Confirmed
    {
        return None;
    }
    let answers = record.answers.iter().filter_map(|answer| {
        let value = match answer.value.as_ref()? {
            wire::answer::Value::Score(score) => Value::Score(*score),
            wire::answer::Value::Text(text) => Value::Text(text.clone()),
            wire::answer::Value::Choice(choice) => Value::Choice(choice.clone()),
        };
        Some(ClaimedAnswer::new(&answer.question, &value))
    });
    Some(Recovered {
        id: ResponseId::from_hash(record.response_id.as_ref().try_into().ok()?),
        stamp: Timestamp::from_micros(record.stamp_us),
        edit_window: Duration::from_micros(u64::try_from(record.edit_window_us).unwrap_or(0)),
        answers: answers.collect(),
        confidence: Confidence::Confirmed,
    })
}
