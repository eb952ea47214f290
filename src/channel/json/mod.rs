//! Programs over HTTP: `POST /v1/responses` and `POST /v1/responses/batch`.

mod batch;
mod decode;
mod fields;
#[cfg(test)]
mod fuzz;
mod render;

pub(crate) use self::{
    batch::Items,
    decode::{Extras, decode, named_once, references, subject},
    fields::Fields,
    render::{problem, receipt, receipt_status, receipt_value},
};

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};

use self::render::batch_body;
use super::{
    Edge, authorize,
    http::{IDEMPOTENCY_KEY, Reply, Request, TraceId, reply},
};
use crate::{
    catalog::{Action, ApiKey},
    intake::Proof,
    outcome::{Problem, Reason, Receipt, Refusal},
    survey::Channel,
};

/// `POST /v1/responses`.
pub(crate) async fn responses(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace;
    finish(take(edge, request).await, &trace)
}

async fn take(edge: &Edge, request: Request) -> Result<Receipt, Refusal> {
    let refuse = |refusal| edge.intake.refuse(Channel::Api, None, refusal);
    edge.intake.keep_up().map_err(refuse)?;
    let key = program(edge, &request, Action::Submit).map_err(refuse)?;
    let refuse = |refusal| edge.intake.refuse(Channel::Api, Some(&key.brand), refusal);
    let idempotency_key = idempotency_key(&request).map_err(refuse)?;
    let extras = Extras { idempotency_key, target_is_known: false };
    json_body(&request, &["application/json"]).map_err(refuse)?;
    let read = request.read(edge.settings.http.body_bytes, &edge.settings.http).await;
    // The body goes before Redis and the disk are waited for: it shares its memory with what the connection reads next.
    let submission = read.and_then(|(_, body)| {
        let (fields, proof) = (Fields::read(&body)?, Proof::Key(Arc::clone(&key)));
        Ok(decode(fields, Channel::Api, proof, extras, &edge.settings.identity_key))
    });
    edge.intake.submit(submission.map_err(refuse)?).await
}

/// `POST /v1/responses/batch`.
pub(crate) async fn batch_responses(edge: &Edge, request: Request) -> Reply {
    let trace = request.trace;
    match take_batch(edge, request).await {
        Ok(results) => reply(StatusCode::OK, "application/json", results),
        Err(refusal) => problem(&edge.intake.refuse(Channel::Api, None, refusal), &trace),
    }
}

async fn take_batch(edge: &Edge, request: Request) -> Result<Bytes, Refusal> {
    let bounds = &edge.settings.http;
    edge.intake.keep_up()?;
    let key = program(edge, &request, Action::Submit)?;
    let media_type = json_body(&request, &["application/json", "application/x-ndjson"])?;
    let (_, body) = request.read_packed(bounds.batch_bytes, bounds).await?;
    match media_type {
        "application/x-ndjson" => batch::lines(edge, &key, &body).await,
        _ => batch::array(edge, &key, &body).await,
    }
}

/// The API key of a request, when it may do this.
pub(crate) fn program(edge: &Edge, request: &Request, action: Action) -> Result<Arc<ApiKey>, Refusal> {
    authorize(&edge.catalog.load(), request.header(&header::AUTHORIZATION), action)
}

/// The media type, when it is one of those.
pub(crate) fn json_body(request: &Request, taken: &[&'static str]) -> Result<&'static str, Refusal> {
    let media_type = request.media_type();
    if let Some(known) = taken.iter().find(|known| media_type.eq_ignore_ascii_case(known)) {
        return Ok(known);
    }
    let detail = format!("send the body as `Content-Type: {}`", taken.join("` or `"));
    Err(Refusal::new(Reason::UnsupportedMediaType, detail))
}

/// A receipt or a problem.
pub(crate) fn finish(result: Result<Receipt, Refusal>, trace: &TraceId) -> Reply {
    match result {
        Ok(taken) => receipt(&taken),
        Err(refusal) => problem(&refusal, trace),
    }
}

/// The `Idempotency-Key` header. One that cannot be read is refused: whoever sends a key relies on it.
fn idempotency_key(request: &Request) -> Result<Option<String>, Refusal> {
    let Some(value) = request.parts.headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let unreadable = |_| {
        let detail = "the Idempotency-Key header must be UTF-8; best is a UUID";
        Refusal::invalid(vec![Problem::new("/key", Reason::BadKey, detail)])
    };
    std::str::from_utf8(value.as_bytes()).map(|text| Some(unquoted(text))).map_err(unreadable)
}

/// The draft wants a quoted string (sf-string); many clients send it bare.
fn unquoted(value: &str) -> String {
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare.unwrap_or(value).to_owned()
}
