//! `X-Twilio-Signature`, as the providers' own libraries make it
//! (<https://www.twilio.com/docs/usage/security#validating-requests>):
//!
//! ```text
//! data      = the URL as it was called, byte for byte
//!           + key and value of each of the form's decoded pairs, sorted, without doubles, with nothing between
//! signature = base64(HMAC-SHA1(auth token, data))
//! ```
//!
//! The URL is tried with and without its port, because providers differ. A body that is no form is vouched for by
//! `bodySHA256` in the URL. There is no time and no nonce in it: a replay is the same turn of the same call again, and
//! a submission key makes that a duplicate. SignalWire signs in the same way, in a header of its own.
//!
//! The algorithm is this one alone. `X-Twilio-Webhooks-Signature-Settings` would let a request choose it, and is not
//! read.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::form::Form;
use crate::catalog::{Account, Secret};

/// The headers that carry a signature.
const HEADERS: [&str; 2] = ["x-twilio-signature", "x-signalwire-signature"];

/// What is signed beside the URL.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// Its pairs are signed.
    Form(&'a Form),
    /// Its SHA-256 stands in the URL.
    Raw(&'a [u8]),
}

/// It holds the caller's number.
impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Form(_) => "Form([redacted])",
            Self::Raw(_) => "Raw([redacted])",
        })
    }
}

/// The signatures of a request; none of a request that was not signed.
pub(super) fn signatures(headers: &HeaderMap) -> Vec<&str> {
    HEADERS.iter().flat_map(|name| headers.get_all(*name)).filter_map(|value| value.to_str().ok()).collect()
}

/// The live tokens of an account: those kept under its id, and those kept for any.
pub(super) fn tokens<'a>(accounts: &'a [Account], sid: &str) -> Vec<&'a Secret> {
    let own = |account: &&Account| account.sid == "*" || account.sid == sid;
    accounts.iter().filter(own).flat_map(|account| &account.tokens).collect()
}

/// Whether any of the signatures was made of this URL and body with any of the tokens. Takes the same time whichever
/// of them fits, and wherever they differ.
pub(super) fn is_genuine(url: &str, body: Body<'_>, tokens: &[&Secret], signatures: &[&str]) -> bool {
    if let Body::Raw(bytes) = body
        && !is_vouched_for(url, bytes)
    {
        return false;
    }
    let urls = without_and_with_port(url);
    Secret::any_fits(tokens.iter().copied(), |token| {
        let expected = urls.iter().filter_map(|url| sign(url, body, token));
        expected.fold(false, |genuine, expected| is_one_of(&expected, signatures) | genuine)
    })
}

/// Compares all of them.
fn is_one_of(expected: &str, signatures: &[&str]) -> bool {
    let fits = |signature: &&str| bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
    signatures.iter().fold(false, |found, signature| fits(signature) | found)
}

/// The signature of a URL and body; none with an empty token, which everybody has.
pub(super) fn sign(url: &str, body: Body<'_>, token: &Secret) -> Option<String> {
    let key = Some(token.expose().as_bytes()).filter(|key| !key.is_empty())?;
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(url.as_bytes());
    if let Body::Form(form) = body {
        let pairs: BTreeSet<_> = form.pairs().collect();
        for (name, value) in pairs {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

/// Whether the URL names the body's SHA-256, in lower hex.
fn is_vouched_for(url: &str, body: &[u8]) -> bool {
    let Some((_, query)) = url.split_once('?') else { return false };
    let hash = hex::encode(Sha256::digest(body));
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "bodySHA256")
        .is_some_and(|(_, given)| given.as_bytes().ct_eq(hash.as_bytes()).into())
}

/// The URL without its port, and with it or else with its scheme's own. User and password stay.
fn without_and_with_port(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else { return [url.to_owned(), url.to_owned()] };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host_port) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    // An IPv6 address has colons of its own, inside its brackets.
    let (host, port) = match host_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host_port, if scheme == "https" { "443" } else { "80" }),
    };
    [format!("{scheme}://{user}{host}{tail}"), format!("{scheme}://{user}{host}:{port}{tail}")]
}

#[cfg(test)]
mod tests;
