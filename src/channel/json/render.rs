//! Receipts as JSON, refusals as problems (RFC 9457).

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    channel::http::{Reply, TraceId, reply},
    outcome::{Outcome, Problem, Reason, Receipt, Refusal, Value},
};

/// What a receipt with two or three answers takes.
const BODY_BYTES: usize = 384;

/// 201 `accepted`, 200 `revised` or `duplicate`, 202 `quarantined`.
pub(crate) const fn receipt_status(outcome: Outcome) -> StatusCode {
    match outcome {
        Outcome::Accepted => StatusCode::CREATED,
        Outcome::Quarantined => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    }
}

/// A receipt.
pub(crate) fn receipt(receipt: &Receipt) -> Reply {
    let status = receipt_status(receipt.outcome);
    let mut reply = reply(status, "application/json", body(&ReceiptBody::of(receipt)));
    crate::channel::http::quota_fields(reply.headers_mut(), receipt.quota.as_ref());
    reply
}

/// The receipt as a value, for replies that say more.
pub(crate) fn receipt_value(receipt: &Receipt) -> serde_json::Value {
    serde_json::to_value(ReceiptBody::of(receipt)).unwrap_or_default()
}

/// Receipts and refusals of a batch, in its order.
pub(super) fn batch_body(results: &[Result<Receipt, Refusal>]) -> Bytes {
    body(&BatchBody { results: results.iter().map(ItemBody::of).collect() })
}

/// A refusal as `application/problem+json`.
pub(crate) fn problem(refusal: &Refusal, trace: &TraceId) -> Reply {
    let status = refusal.reason.status();
    let problem = ProblemBody {
        r#type: problem_type(refusal.reason),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: &refusal.detail,
        code: refusal.reason.code(),
        trace_id: trace.as_str(),
        errors: errors(&refusal.problems),
        violated_policies: refusal.quota.iter().map(|quota| quota.policy).collect(),
    };
    let mut reply = reply(status, "application/problem+json", body(&problem));
    let headers = reply.headers_mut();
    crate::channel::http::quota_fields(headers, refusal.quota.as_ref());
    crate::channel::http::retry_after(headers, refusal);
    if refusal.reason == Reason::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}

/// The registered types of draft-ietf-httpapi-ratelimit-headers-10; else the status says it all.
const fn problem_type(reason: Reason) -> &'static str {
    match reason.status() {
        StatusCode::TOO_MANY_REQUESTS => "https://iana.org/assignments/http-problem-types#quota-exceeded",
        StatusCode::SERVICE_UNAVAILABLE => {
            "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
        }
        _ => "about:blank",
    }
}

fn body(value: &impl Serialize) -> Bytes {
    let mut bytes = Vec::with_capacity(BODY_BYTES);
    // Only a value that cannot be JSON fails, and ours can.
    serde_json::to_writer(&mut bytes, value).map(|()| bytes.into()).unwrap_or_default()
}

#[derive(Serialize)]
struct BatchBody<'a> {
    results: Vec<ItemBody<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ItemBody<'a> {
    Taken(ReceiptBody<'a>),
    Refused(RefusedItem<'a>),
}

impl<'a> ItemBody<'a> {
    fn of(result: &'a Result<Receipt, Refusal>) -> Self {
        match result {
            Ok(receipt) => Self::Taken(ReceiptBody::of(receipt)),
            Err(refusal) => Self::Refused(RefusedItem::of(refusal)),
        }
    }
}

#[derive(Serialize)]
struct ReceiptBody<'a> {
    id: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    identity: &'static str,
    #[serde(serialize_with = "by_question")]
    answers: Vec<(&'a str, AnswerBody<'a>)>,
}

#[derive(Serialize)]
struct AnswerBody<'a> {
    value: ValueBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalized: Option<Normalized>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueBody<'a> {
    Score(i32),
    Text(&'a str),
}

/// A double that prints as a whole number where it is one: 90, not 90.0.
struct Normalized(f64);

impl Serialize for Normalized {
    #[allow(clippy::cast_possible_truncation, reason = "0 to 100")]
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

fn by_question<S: serde::Serializer>(
    answers: &[(&str, AnswerBody<'_>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(answers.iter().map(|(question, answer)| (question, answer)))
}

impl<'a> ReceiptBody<'a> {
    fn of(receipt: &'a Receipt) -> Self {
        let answers = receipt.answers.iter().map(|answer| {
            let value = match &answer.value {
                Value::Score(score) => ValueBody::Score(*score),
                Value::Text(text) | Value::Choice(text) => ValueBody::Text(text),
            };
            let segment = answer.segment.map(|segment| segment.word());
            (
                answer.question.as_str(),
                AnswerBody { value, segment, normalized: answer.normalized.map(Normalized) },
            )
        });
        Self {
            id: receipt.id.to_string(),
            outcome: receipt.outcome.word(),
            reason: receipt.reason.map(Reason::code),
            identity: receipt.identity.word(),
            answers: answers.collect(),
        }
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    trace_id: &'a str,
    errors: Vec<ErrorBody<'a>>,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<&'static str>,
}

#[derive(Serialize)]
struct RefusedItem<'a> {
    outcome: &'static str,
    code: &'static str,
    detail: &'a str,
    errors: Vec<ErrorBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl<'a> RefusedItem<'a> {
    fn of(refusal: &'a Refusal) -> Self {
        Self {
            outcome: refusal.reason.outcome().word(),
            code: refusal.reason.code(),
            detail: &refusal.detail,
            errors: errors(&refusal.problems),
            retry_after: refusal.retry_after.map(|pause| pause.as_secs().max(1)),
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    pointer: &'a str,
    code: &'static str,
    detail: &'a str,
}

fn errors(problems: &[Problem]) -> Vec<ErrorBody<'_>> {
    problems
        .iter()
        .map(|problem| ErrorBody {
            pointer: &problem.pointer,
            code: problem.reason.code(),
            detail: &problem.detail,
        })
        .collect()
}
