//! Telnyx: a signed webhook for each turn of a call, TeXML back
//! (<https://developers.telnyx.com/docs/voice/programmable-voice/texml-fundamentals>).
//!
//! The dialogue is that of [`twilio`](super::twilio); what differs is who proves what. The signature covers time and
//! body and not the URL, so the URL of each turn but the first is sealed ([`Seal`]). The first one is the operator's
//! own, with the references in its query; it is as trustworthy as the provider's configuration.
//!
//! TeXML is TwiML with fewer attributes: `<Gather>` has no `actionOnEmptyResult`, so that silence comes to the redirect
//! behind it, and no `method`, which is the application's (it has to be POST).

#[cfg(test)]
mod fuzz;
mod seal;
mod signature;

pub(super) use self::seal::Seal;
pub(crate) use self::signature::{SAMPLE_SIGNING_KEY, Signature, SigningKey};

use http::HeaderMap;

use self::signature::Unproven;
use super::{
    Desk,
    twilio::{
        self, Callback, Proven, Reply, Request, Unknown,
        address::Address,
        callback::Reported,
        form::Form,
        prove_as,
        report::{reported, unknown_to_reports},
        unknown_to_callers,
        voice::TELNYX,
    },
};
use crate::{
    catalog::{Account, Brand},
    clock::Timestamp,
    intake::{OptingOut, Submission},
    outcome::{Receipt, Refusal},
};

/// Judges a webhook by its head, before anything of its body is read.
///
/// # Errors
/// What the provider is answered: an apology for a brand that is not there, else 403 and an empty response.
pub(crate) fn announced<'a>(
    desk: &Desk<'_>,
    request: &Request<'_>,
    headers: &'a HeaderMap,
    now: Timestamp,
) -> Result<Signature<'a>, Box<Reply>> {
    let Some(brand) = desk.catalog.brands.get(request.brand) else {
        return Err(unknown_to_callers(desk, request, &TELNYX));
    };
    Signature::read(headers, now).map_err(|why| unproven(desk, request, brand, why))
}

/// Takes one turn of a call whose head was judged: checks the body, submits what was pressed, and says what comes next.
pub(crate) async fn turn<F, Fut, O, Out>(
    desk: Desk<'_>,
    request: Request<'_>,
    signature: Signature<'_>,
    submit: F,
    opt_out: O,
) -> Reply
where
    F: FnOnce(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
    O: FnOnce(OptingOut) -> Out,
    Out: Future<Output = Result<(), Refusal>>,
{
    let call_id = |form: &Form, _: &Address<'_>| form.get("CallSid").to_owned();
    match prove(&desk, &request, signature, unknown_to_callers, call_id) {
        Ok(proven) => twilio::converse(desk, request, proven, submit, opt_out).await,
        Err(reply) => *reply,
    }
}

/// Takes a report of a recorded comment. Its URL names the call, and is sealed for it; the body need not.
pub(crate) async fn report<F, Fut>(
    desk: Desk<'_>,
    request: Request<'_>,
    signature: Signature<'_>,
    callback: Callback,
    submit: F,
) -> Reply
where
    F: Fn(Submission) -> Fut,
    Fut: Future<Output = Result<Receipt, Refusal>>,
{
    let call_id = |_: &Form, address: &Address<'_>| {
        let call_id = Reported::read(address.ours().unwrap_or("")).call_id;
        call_id.map(|call_id| call_id.as_str().to_owned()).unwrap_or_default()
    };
    match prove(&desk, &request, signature, unknown_to_reports, call_id) {
        Ok(proven) => reported(desk, request, proven, callback, submit).await,
        Err(reply) => *reply,
    }
}

fn prove<'a>(
    desk: &Desk<'a>,
    request: &Request<'a>,
    signature: Signature<'_>,
    unknown: Unknown,
    call_id: impl FnOnce(&Form, &Address<'_>) -> String,
) -> Result<Proven<'a>, Box<Reply>> {
    prove_as((desk, request, &TELNYX), unknown, |brand, address| {
        let form = Form::parse(request.body, desk.form_fields).map_err(|_| twilio::too_long(desk, brand))?;
        let account = Account::of(&brand.accounts, form.get("AccountSid"));
        signature.check(request.body, account).map_err(|why| unproven(desk, request, brand, why))?;
        let seal = Seal::new(desk.identity_key, &call_id(&form, &address));
        let address =
            address.sealed(seal).ok_or_else(|| unproven(desk, request, brand, Unproven::Unsealed))?;
        Ok((form, address))
    })
}

fn unproven(desk: &Desk<'_>, request: &Request<'_>, brand: &Brand, why: Unproven) -> Box<Reply> {
    let address = Address::new(&brand.public_base_url, request.uri.path(), request.uri.query());
    tracing::warn!(brand = brand.id, url = address.redacted(), "a Telnyx webhook was refused: {why}");
    twilio::unsigned(desk, brand)
}

#[cfg(test)]
pub(super) fn sample_public_key() -> Option<crate::catalog::PublicKey> {
    SigningKey::new(&SAMPLE_SIGNING_KEY)?.public_key()
}
