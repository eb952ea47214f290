//! `telnyx-signature-ed25519`, as the provider's own libraries check it
//! (<https://developers.telnyx.com/development/api-fundamentals/webhooks/receiving-webhooks>):
//!
//! ```text
//! signature = base64(Ed25519(private key, telnyx-timestamp + "|" + body))
//! ```
//!
//! The URL is not signed; [`super::seal`] makes up for that. What can be judged by the head is judged before the body
//! is read: whether there is one signature of the right length, and whether it was made within five minutes of now.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::{
    catalog::{Account, PublicKey},
    clock::Timestamp,
};

const SIGNATURE: HeaderName = HeaderName::from_static("telnyx-signature-ed25519");
const TIMESTAMP: HeaderName = HeaderName::from_static("telnyx-timestamp");

/// How far a signature's time may be from ours, before or after.
const WINDOW: Duration = Duration::from_secs(300);

/// The signing key of the sample configuration, whose public key stands there: everybody knows it.
pub(crate) const SAMPLE_SIGNING_KEY: [u8; 32] = *b"sample telephony key, not secret";

/// What a request's head says of its signature.
#[derive(Clone, Copy)]
pub(crate) struct Signature<'a> {
    timestamp: &'a str,
    bytes: [u8; 64],
}

/// A signature is good for five minutes.
impl std::fmt::Debug for Signature<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", self.timestamp)
    }
}

/// Why a request is not proven, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// There is no signature, or what there is cannot be one.
    #[error(
        "one telnyx-signature-ed25519 and one telnyx-timestamp are needed: is this webhook called by Telnyx?"
    )]
    Missing,
    /// It is older than the window, or from the future.
    #[error("the signature was not made within five minutes of now: check the gateway's clock")]
    Stale,
    /// No key of the account fits.
    #[error(
        "no public key of the account fits: check `public_keys` of the brand's [[telephony]] for this AccountSid"
    )]
    Wrong,
    /// The URL says where a call stands, and is not one that we told the provider to call in this call.
    #[error(
        "the URL was not sealed for this call: the provider must call exactly what it was told (public_base_url)"
    )]
    Unsealed,
}

impl<'a> Signature<'a> {
    /// Reads the head of a request that arrived at `now`.
    ///
    /// # Errors
    /// [`Unproven::Missing`], [`Unproven::Stale`].
    pub(crate) fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, Unproven> {
        let bytes = only(headers, &SIGNATURE).and_then(decode).ok_or(Unproven::Missing)?;
        let timestamp = only(headers, &TIMESTAMP).filter(|text| is_seconds(text)).ok_or(Unproven::Missing)?;
        let made = timestamp.parse().map(Timestamp::from_secs).map_err(|_| Unproven::Missing)?;
        if made.since(now).max(now.since(made)) > WINDOW {
            return Err(Unproven::Stale);
        }
        Ok(Self { timestamp, bytes })
    }

    /// Whether any public key of the account vouches for this body. All are tried, whichever fits.
    ///
    /// # Errors
    /// [`Unproven::Wrong`].
    pub(super) fn check(&self, body: &[u8], account: Option<&Account>) -> Result<(), Unproven> {
        let signed = signed(self.timestamp, body);
        let keys = account.map_or(&[][..], |account| &account.public_keys);
        let fits =
            |key: &PublicKey| UnparsedPublicKey::new(&ED25519, key.0).verify(&signed, &self.bytes).is_ok();
        match keys.iter().fold(false, |found, key| fits(key) | found) {
            true => Ok(()),
            false => Err(Unproven::Wrong),
        }
    }
}

/// A private key, for those who play the provider: `voxgate simulate call`, and tests.
pub(crate) struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

impl SigningKey {
    /// The key of a seed (RFC 8032, 5.1.5); none when it is no seed.
    pub(crate) fn new(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// The public key; none when it has another length, which Ed25519 has not.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        self.0.public_key().as_ref().try_into().ok().map(PublicKey)
    }

    /// The header fields of a body that is sent at `now`.
    pub(crate) fn sign(&self, body: &[u8], now: Timestamp) -> [(HeaderName, String); 2] {
        let timestamp = now.as_secs().to_string();
        let signature = STANDARD.encode(self.0.sign(&signed(&timestamp, body)));
        [(SIGNATURE, signature), (TIMESTAMP, timestamp)]
    }
}

fn signed(timestamp: &str, body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), b"|", body].concat()
}

/// The value of a field that is there once: which of two counts, proxies and we might read differently.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn decode(text: &str) -> Option<[u8; 64]> {
    let mut bytes = [0; 66];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

fn is_seconds(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
