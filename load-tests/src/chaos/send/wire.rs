//! Requests as their clients write them, HTTP/1.1 on the wire.

use std::fmt::Write as _;

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Tokens;
use crate::{
    chaos::plan::{Answer, Proof, Request, Step, Way},
    identity::API_KEY,
    telephony::Turn,
};

/// An origin that the sample configuration allows.
const HOST_PAGE: &str = "http://localhost:3000";
/// The sample's.
const LINK_SECRET: &str = "dev-link-secret";

const JSON: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// A request, head and body.
///
/// # Errors
/// It needs a link token that was not made, or goes over gRPC.
pub(super) fn request(request: &Request, tokens: &Tokens) -> anyhow::Result<Vec<u8>> {
    let step = request.steps.first().context("a request without a step")?;
    Ok(match request.way {
        Way::Json => json_one(step),
        Way::Batch => {
            let items: Vec<_> = request.steps.iter().map(submission).collect();
            post("/v1/responses/batch", &(JSON.to_owned() + &bearer()), &Value::from(items).to_string())
        }
        Way::Ndjson => {
            let lines: Vec<_> = request.steps.iter().map(|step| submission(step).to_string()).collect();
            let fields = format!("content-type: application/x-ndjson\r\n{}", bearer());
            post("/v1/responses/batch", &fields, &lines.join("\n"))
        }
        Way::Email => post(&format!("/r/{}", tokens.of(step)?), FORM, &fields(step.answer)),
        Way::MailTool => mail_tool(step),
        Way::Beacon => beacon(step, tokens)?,
        Way::Form => form(step, tokens)?,
        Way::Twilio => twilio(step),
        Way::IvrEvent => ivr_event(step),
        Way::Submit | Way::SubmitStream => anyhow::bail!("gRPC is no HTTP/1.1"),
    })
}

fn bearer() -> String {
    format!("authorization: Bearer {API_KEY}\r\n")
}

fn post(path: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: {length}\r\n\r\n{body}")
        .into()
}

/// The submission key of a step: the same for each try of it.
pub(super) fn key(step: &Step) -> String {
    match step.person.proof {
        // The key is all that tells whose answer it is.
        Proof::Key => format!("k-{}", step.person.number),
        _ => format!("k-{}-{}", step.person.number, step.ordinal),
    }
}

fn json_one(step: &Step) -> Vec<u8> {
    let mut fields = JSON.to_owned() + &bearer();
    let mut body = submission(step);
    // Every other program sends its key as a header; the rest of those who rely on references send none.
    if step.person.number.is_multiple_of(2) {
        _ = write!(fields, "idempotency-key: {}\r\n", key(step));
        body.as_object_mut().map(|body| body.remove("key"));
    }
    post("/v1/responses", &fields, &body.to_string())
}

/// As `POST /v1/responses` takes it.
fn submission(step: &Step) -> Value {
    let mut body = json!({
        "survey": "support-nps", "brand": "acme", "locale": "en", "country": "CH",
        "respondent": {"ref": step.person.respondent()},
        "answers": answers(step.answer),
    });
    if step.person.proof == Proof::Key {
        set(&mut body, "key", key(step));
    } else {
        set(&mut body, "interaction", step.person.interaction());
    }
    body
}

fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value.into());
    }
}

fn answers(answer: Answer) -> Value {
    let mut answers = json!({"recommend": answer.score});
    if let Some(reason) = answer.reason() {
        set(&mut answers, "reason", reason);
    }
    answers
}

/// As a page's form has them; its text field is there even when nothing was written.
fn fields(answer: Answer) -> String {
    let reason = answer.reason().unwrap_or_default().replace(' ', "+").replace(',', "%2C");
    format!("recommend={}&reason={reason}", answer.score)
}

fn references(step: &Step) -> String {
    format!("interaction={}&respondent={}", step.person.interaction(), step.person.respondent())
}

fn mail_tool(step: &Step) -> Vec<u8> {
    let query = references(step);
    let mut path = format!("/m/acme/support-nps?{query}");
    if step.person.proof != Proof::Stated {
        let signature = Hmac::<Sha256>::new_from_slice(LINK_SECRET.as_bytes())
            .map(|mac| mac.chain_update(format!("acme/support-nps?{query}")).finalize().into_bytes());
        _ = write!(path, "&sig={}", signature.map(hex::encode).unwrap_or_default());
    }
    post(&path, FORM, &fields(step.answer))
}

fn beacon(step: &Step, tokens: &Tokens) -> anyhow::Result<Vec<u8>> {
    let mut body = json!({
        "survey": "support-nps", "brand": "acme", "locale": "en", "age_ms": 0,
        "key": key(step), "answers": answers(step.answer),
    });
    if step.person.proof == Proof::Stated {
        set(&mut body, "interaction", step.person.interaction());
        set(&mut body, "respondent", json!({"ref": step.person.respondent()}));
    } else {
        set(&mut body, "token", tokens.of(step)?);
    }
    let fields = format!("content-type: text/plain;charset=UTF-8\r\norigin: {HOST_PAGE}\r\n");
    Ok(post("/v1/beacon", &fields, &body.to_string()))
}

fn form(step: &Step, tokens: &Tokens) -> anyhow::Result<Vec<u8>> {
    let whose = if step.person.proof == Proof::Stated {
        references(step)
    } else {
        format!("token={}", tokens.of(step)?)
    };
    let body = format!("{}&{whose}&key={}", fields(step.answer), key(step));
    Ok(post("/f/acme/support-nps", FORM, &body))
}

/// The turn in which the caller presses keys; two digits, so that a 1 is not asked about.
fn twilio(step: &Step) -> Vec<u8> {
    let call = format!("CA{:024x}{:08x}", step.person.number, step.ordinal);
    let digits = match step.answer.score {
        0 | 10 => step.answer.score.to_string(),
        score => format!("0{score}"),
    };
    let Turn { path, signature, body } =
        Turn::recommend(&format!("lang=en&{}", references(step)), &call, &digits);
    post(&path, &format!("{FORM}x-twilio-signature: {signature}\r\n"), &body)
}

fn ivr_event(step: &Step) -> Vec<u8> {
    let body = json!({
        "survey": "support-nps", "brand": "acme",
        "call_id": format!("{}-{}", step.person.number, step.ordinal),
        "interaction": step.person.interaction(), "respondent": {"ref": step.person.respondent()},
        "question": "recommend", "digits": step.answer.score.to_string(), "completed": true,
    });
    post("/v1/ivr/events", &(JSON.to_owned() + &bearer()), &body.to_string())
}
