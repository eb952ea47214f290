//! Receipts as messages, refusals as statuses with details.

use std::{collections::HashMap, time::Duration};

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{
    outcome::{Outcome, Reason, Receipt, Refusal, Scored, Value},
    proto::collector::v1 as wire,
    survey::Identity,
};

/// The domain of `ErrorInfo`.
const DOMAIN: &str = "voxgate";

pub(super) fn receipt(receipt: &Receipt) -> wire::Receipt {
    wire::Receipt {
        id: receipt.id.to_string(),
        outcome: outcome(receipt.outcome).into(),
        reason: receipt.reason.map(Reason::code).unwrap_or_default().to_owned(),
        identity: identity(receipt.identity).into(),
        answers: receipt.answers.iter().map(|answer| (answer.question.clone(), scored(answer))).collect(),
    }
}

fn scored(answer: &Scored) -> wire::Scored {
    let kind = match &answer.value {
        Value::Score(score) => wire::value::Kind::Score(*score),
        Value::Text(text) => wire::value::Kind::Text(text.clone()),
        Value::Choice(choice) => wire::value::Kind::Choice(choice.clone()),
    };
    wire::Scored {
        value: Some(wire::Value { kind: Some(kind) }),
        segment: answer.segment.map(|segment| segment.word()).unwrap_or_default().to_owned(),
        normalized: answer.normalized,
    }
}

const fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Accepted => wire::Outcome::Accepted,
        Outcome::Revised => wire::Outcome::Revised,
        Outcome::Duplicate => wire::Outcome::Duplicate,
        Outcome::Quarantined => wire::Outcome::Quarantined,
        Outcome::Limited => wire::Outcome::Limited,
        Outcome::Rejected => wire::Outcome::Rejected,
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

/// A status with `ErrorInfo`, and `RetryInfo` or `BadRequest` where they apply. The reason is the same word as
/// everywhere, in upper case as google.rpc.ErrorInfo asks.
pub(super) fn status(refusal: &Refusal) -> Status {
    let mut details =
        ErrorDetails::with_error_info(refusal.reason.code().to_ascii_uppercase(), DOMAIN, HashMap::new());
    let code = refusal.reason.grpc();
    if matches!(code, tonic::Code::ResourceExhausted | tonic::Code::Unavailable) {
        details.set_retry_info(Some(refusal.retry_after.unwrap_or(Duration::from_secs(1))));
    }
    if !refusal.problems.is_empty() {
        let violations = refusal.problems.iter().map(|problem| {
            FieldViolation::new(
                problem.pointer.trim_start_matches('/').replace('/', "."),
                problem.detail.clone(),
            )
        });
        details.set_bad_request(violations.collect::<Vec<_>>());
    }
    Status::with_error_details(code, refusal.detail.clone(), details)
}

/// The same as a message, for an item of a stream.
pub(super) fn item_error(refusal: &Refusal) -> tonic_types::Status {
    let status = status(refusal);
    prost::Message::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}
