//! Twilio, and SignalWire, which speaks the same dialect: a signed webhook for each turn of a call, TwiML back.
//!
//! A caller always hears something. What cannot be asked (no such survey, closed, references that are none) is
//! apologized for with 200, because a provider does not speak what it gets with an error status; the operator reads why
//! in the log. An answer that finds no room (429, 503) is not given up: the caller is asked for a moment, and the same
//! keys come back in the URL of a redirect, to this gateway or another; only a caller who hangs up in that moment is
//! lost, and is counted as `limited`. After the last try the status is the refusal's own, so that the provider goes to
//! its fallback URL and reports the call.
//!
//! A status callback that is sent here by mistake gets an empty response. GET is not for us: a GET webhook would put
//! keys and numbers into access logs.

pub(super) mod address;
pub(super) mod call;
pub(super) mod callback;
mod caller;
pub(super) mod form;
#[cfg(test)]
mod fuzz;
pub(super) mod report;
mod signature;
mod state;
mod twiml;
pub(super) mod voice;

pub(crate) use self::{callback::Callback, report::report};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;

use self::{
    address::Address,
    call::{Call, Webhook},
    form::Form,
    signature::Body,
    twiml::Printer,
    voice::{Dialect, TWILIO},
};
use super::{Desk, closed, turn::Turn};
use crate::{
    catalog::{Account, Brand},
    intake::{OptingOut, Submission},
    outcome::{Outcome, Reason, Receipt, Refusal},
};

/// How often an answer that finds no room is tried again.
const TRIED_AGAIN: u8 = 3;

/// Seconds before such an answer is tried again, whatever the refusal says: a caller waits no longer.
const PAUSE_S: std::ops::RangeInclusive<u64> = 1..=8;

/// A reply to an HTTP request.
pub(crate) type Reply = Response<Full<Bytes>>;

/// A webhook, as it came.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Brand of the path, decoded.
    pub brand: &'a str,
    /// Survey of the path, decoded.
    pub survey: &'a str,
    /// Path and query, as they came.
    pub uri: &'a Uri,
    /// Its head.
    pub headers: &'a HeaderMap,
    /// Its body, whole and bounded.
    pub body: &'a [u8],
}

/// Its address, header fields and body hold signatures and the caller's number.
impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("brand", &self.brand)
            .field("survey", &self.survey)
            .finish_non_exhaustive()
    }
}

/// Takes one turn of a call: checks who calls, submits what was pressed, and says what comes next. The submission
/// counts itself in the ledger; what never becomes one is counted here.
pub(crate) async fn turn<F, Fut, O, Out>(desk: Desk<'_>, request: Request<'_>, submit: F, opt_out: O) -> Reply
where
    F: FnOnce(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
    O: FnOnce(OptingOut) -> Out,
    Out: Future<Output = Result<(), Refusal>>,
{
    match prove(&desk, &request, unknown_to_callers) {
        Ok(proven) => converse(desk, request, proven, submit, opt_out).await,
        Err(reply) => *reply,
    }
}

/// A webhook whose sender is proven.
pub(super) struct Proven<'a> {
    pub brand: &'a Brand,
    pub webhook: Webhook<'a>,
}

/// Goes on with the dialogue, whichever way the sender was proven.
pub(super) async fn converse<'a, F, Fut, O, Out>(
    desk: Desk<'a>,
    request: Request<'a>,
    proven: Proven<'a>,
    submit: F,
    opt_out: O,
) -> Reply
where
    F: FnOnce(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
    O: FnOnce(OptingOut) -> Out,
    Out: Future<Output = Result<(), Refusal>>,
{
    let call = match accept(&desk, &request, proven) {
        Ok(call) => call,
        Err(reply) => return *reply,
    };
    if call.is_over() {
        return nothing(StatusCode::OK);
    }
    let moved = call.moved();
    if let Some((question, given)) = moved.answer
        && let Err(refusal) = submit(call.answer(question, given, &moved.keys)).await
        && !report::is_known(&refusal)
    {
        return refused(&call, &moved.keys, &refusal);
    }
    if let Some(order) = call.opting_out().filter(|_| moved.opts_out)
        && let Err(refusal) = opt_out(order).await
    {
        return refused(&call, &moved.keys, &refusal);
    }
    say(StatusCode::OK, &call, &call.say(&moved.prompt))
}

/// Says of a webhook whose body could not be read that nothing came of it.
pub(crate) fn unread(refusal: &Refusal) -> Reply {
    nothing(refusal.reason.status())
}

/// The signature of a URL and a form by an account's first key, for those who play the provider.
pub(crate) fn signature_of(url: &str, pairs: &[(String, String)], account: &Account) -> Option<String> {
    let form: Form = pairs.iter().cloned().collect();
    let key = signature::keys(std::slice::from_ref(account), &account.sid).into_iter().next()?;
    signature::sign(url, Body::Form(&form), key)
}

/// Who calls, by the signature over URL and form. `unknown` says that there is no such brand.
/// What a webhook of a brand that is not there is answered.
pub(super) type Unknown = fn(&Desk<'_>, &Request<'_>, &'static Dialect) -> Box<Reply>;

/// Proves who sent a webhook: `check` does it as its provider does, and gives the form, and the address as far as that
/// is to be believed.
pub(super) fn prove_as<'a>(
    (desk, request, dialect): (&Desk<'a>, &Request<'a>, &'static Dialect),
    unknown: Unknown,
    check: impl FnOnce(&'a Brand, Address<'a>) -> Result<(Form, Address<'a>), Box<Reply>>,
) -> Result<Proven<'a>, Box<Reply>> {
    let Some(brand) = desk.catalog.brands.get(request.brand) else {
        return Err(unknown(desk, request, dialect));
    };
    let address = Address::new(&brand.public_base_url, request.uri.path(), request.uri.query());
    let (form, address) = check(brand, address)?;
    Ok(Proven { brand, webhook: Webhook { dialect, address, form } })
}

fn prove<'a>(desk: &Desk<'a>, request: &Request<'a>, unknown: Unknown) -> Result<Proven<'a>, Box<Reply>> {
    prove_as((desk, request, &TWILIO), unknown, |brand, address| {
        Ok((proven_form(desk, request, brand, &address)?, address))
    })
}

/// An apology to a caller.
pub(super) fn unknown_to_callers(
    desk: &Desk<'_>,
    request: &Request<'_>,
    dialect: &'static Dialect,
) -> Box<Reply> {
    Box::new(unavailable(desk, request, dialect, None, Reason::UnknownBrand))
}

/// A call about a survey that can be answered.
fn accept<'a>(desk: &Desk<'a>, request: &Request<'a>, proven: Proven<'a>) -> Result<Call<'a>, Box<Reply>> {
    let Proven { brand, webhook } = proven;
    let dialect = webhook.dialect;
    let sorry = |reason| Box::new(unavailable(desk, request, dialect, Some(brand), reason));
    let survey =
        desk.catalog.survey(&brand.id, request.survey).ok_or_else(|| sorry(Reason::UnknownSurvey))?;
    if let Some(reason) = closed(survey) {
        return Err(sorry(reason));
    }
    Call::read(brand, survey, webhook, desk.identity_key).map_err(|bad| {
        tracing::warn!(
            brand = brand.id,
            survey = survey.id,
            parameters = bad.join(" "),
            "a call was not asked: these parameters are no references (1 to 64 of A-Z a-z 0-9 . _ : -)"
        );
        sorry(Reason::BadReference)
    })
}

/// The form, when its signature is right. A body that is no form may be genuine, and then says nothing.
fn proven_form(
    desk: &Desk<'_>,
    request: &Request<'_>,
    brand: &Brand,
    address: &Address<'_>,
) -> Result<Form, Box<Reply>> {
    let is_form = form::is_form(request.headers, request.body);
    let form_body = if is_form { request.body } else { &[] };
    let form = Form::parse(form_body, desk.form_fields).map_err(|_| too_long(desk, brand))?;
    let body = if is_form { Body::Form(&form) } else { Body::Raw(request.body) };
    let keys = signature::keys(&brand.accounts, form.get("AccountSid"));
    let signatures = signature::signatures(request.headers);
    if !signature::is_genuine(&address.url(), body, &keys, &signatures) {
        tracing::warn!(
            brand = brand.id,
            url = address.redacted(),
            signatures = signatures.len(),
            keys = keys.len(),
            "a telephony signature is missing or does not fit this URL: check that the provider calls exactly this \
             address (public_base_url), and that the auth token or signing key of this AccountSid is configured"
        );
        return Err(unsigned(desk, brand));
    }
    Ok(form)
}

/// Nothing, to a sender who proves nothing.
pub(super) fn unsigned(desk: &Desk<'_>, brand: &Brand) -> Box<Reply> {
    desk.reject(Some(brand), Reason::BadSignature);
    Box::new(nothing(StatusCode::FORBIDDEN))
}

/// Nothing, to a form with more fields than are taken.
pub(super) fn too_long(desk: &Desk<'_>, brand: &Brand) -> Box<Reply> {
    desk.reject(Some(brand), Reason::TooLarge);
    Box::new(nothing(StatusCode::PAYLOAD_TOO_LARGE))
}

/// An apology, in the language that the query asks for; the log says why.
pub(super) fn unavailable(
    desk: &Desk<'_>,
    request: &Request<'_>,
    dialect: &'static Dialect,
    brand: Option<&Brand>,
    reason: Reason,
) -> Reply {
    desk.reject(brand, reason);
    tracing::warn!(
        brand = brand.map(|brand| brand.id.as_str()),
        reason = reason.code(),
        "a caller was told that the survey is not available: check the webhook's URL and the survey's channels"
    );
    let address = Address::new("", "", request.uri.query());
    let sorry = call::sorry(address.operators("lang").as_deref(), brand);
    reply(StatusCode::OK, Printer { dialect, address: &address, about: None }.print(&sorry))
}

/// What a caller hears whose answer was not taken.
fn refused(call: &Call<'_>, keys: &str, refusal: &Refusal) -> Reply {
    let (brand, survey, reason) = (&call.brand.id, &call.survey.id, refusal.reason.code());
    if refusal.reason.outcome() != Outcome::Limited {
        let pointers: Vec<_> = refusal.problems.iter().map(|problem| problem.pointer.as_str()).collect();
        let problems = pointers.join(" ");
        tracing::warn!(
            brand,
            survey,
            reason,
            problems,
            "an answer by phone was refused, and the caller told so"
        );
        return say(StatusCode::OK, call, &call.sorry());
    }
    let pause_s =
        refusal.retry_after.map_or(2, |span| span.as_secs()).clamp(*PAUSE_S.start(), *PAUSE_S.end());
    if let Some(wait) = call.wait(keys, pause_s, TRIED_AGAIN) {
        tracing::info!(brand, survey, reason, "an answer by phone found no room and is tried again");
        return say(StatusCode::OK, call, &wait);
    }
    tracing::error!(brand, survey, reason, "an answer by phone found no room and is given up");
    let mut reply = say(refusal.reason.status(), call, &call.sorry());
    let retry_after_s = refusal.retry_after.map_or(pause_s, |span| span.as_secs().max(1));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    reply
}

fn say(status: StatusCode, call: &Call<'_>, turn: &Turn) -> Reply {
    reply(status, call.printer().print(turn))
}

fn nothing(status: StatusCode) -> Reply {
    reply(status, twiml::NOTHING.as_bytes().to_vec())
}

fn reply(status: StatusCode, document: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(document)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests;
