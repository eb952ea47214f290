//! `X-Twilio-Signature`, as the providers' own libraries make it
//! (<https://www.twilio.com/docs/usage/security#validating-requests>):
//!
//! ```text
//! data      = the URL as it was called, byte for byte
//!           + key and value of each of the form's decoded pairs, sorted, without doubles, with nothing between
//! signature = base64(HMAC-SHA1(auth token, data)), or base64(HMAC-SHA256(shared key, data))
//! ```
//!
//! The URL is tried with and without its port, because providers differ. A body that is no form is vouched for by
//! `bodySHA256` in the URL. There is no time and no nonce in it: a replay is the same turn of the same call again, and
//! a submission key makes that a duplicate. SignalWire signs in the same way, in a header of its own.
//!
//! Which algorithm a key is for is configured with the key. `X-Twilio-Webhooks-Signature-Settings` would let a request
//! choose key and algorithm, and is not read: what a header says can neither weaken nor exchange what proves an
//! account.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
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

/// A live key of an account, with the algorithm that it is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'a> {
    /// An auth token or a signing key.
    Sha1(&'a Secret),
    /// A shared key.
    Sha256(&'a Secret),
}

/// The live keys of the account that a request says it is from.
pub(super) fn keys<'a>(accounts: &'a [Account], sid: &str) -> Vec<Key<'a>> {
    let Some(account) = Account::of(accounts, sid) else { return Vec::new() };
    let tokens = account.tokens.iter().map(Key::Sha1);
    tokens.chain(account.shared_keys.iter().map(Key::Sha256)).collect()
}

/// Whether any of the signatures was made of this URL and body with any of the keys. Takes the same time whichever
/// of them fits, and wherever they differ.
pub(super) fn is_genuine(url: &str, body: Body<'_>, keys: &[Key<'_>], signatures: &[&str]) -> bool {
    if let Body::Raw(bytes) = body
        && !is_vouched_for(url, bytes)
    {
        return false;
    }
    let (urls, pairs) = (without_and_with_port(url), signed_pairs(body));
    let expected = keys.iter().flat_map(|key| urls.iter().filter_map(|url| sign_with(url, &pairs, *key)));
    expected.fold(false, |genuine, expected| is_one_of(&expected, signatures) | genuine)
}

/// Compares all of them.
fn is_one_of(expected: &str, signatures: &[&str]) -> bool {
    let fits = |signature: &&str| bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
    signatures.iter().fold(false, |found, signature| fits(signature) | found)
}

/// The signature of a URL and body; none with an empty key, which everybody has.
pub(super) fn sign(url: &str, body: Body<'_>, key: Key<'_>) -> Option<String> {
    sign_with(url, &signed_pairs(body), key)
}

fn sign_with(url: &str, pairs: &[u8], key: Key<'_>) -> Option<String> {
    match key {
        Key::Sha1(token) => mac::<Sha1>(url, pairs, token),
        Key::Sha256(shared) => mac::<Sha256>(url, pairs, shared),
    }
}

fn mac<H: EagerHash>(url: &str, pairs: &[u8], secret: &Secret) -> Option<String> {
    let key = Some(secret.expose().as_bytes()).filter(|key| !key.is_empty())?;
    let mac = Hmac::<H>::new_from_slice(key).ok()?.chain_update(url).chain_update(pairs);
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

/// What is signed of a body, whatever URL and key are tried with it: its pairs sorted, without doubles, joined.
fn signed_pairs(body: Body<'_>) -> Vec<u8> {
    let Body::Form(form) = body else { return Vec::new() };
    let mut pairs: Vec<_> = form.pairs().collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().concat().into_bytes()
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
    [[scheme, "://", user, host, tail].concat(), [scheme, "://", user, host, ":", port, tail].concat()]
}

#[cfg(test)]
mod tests;
