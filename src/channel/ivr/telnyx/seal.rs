//! Vouches for the URL of a turn where the provider's signature covers the body alone.
//!
//! The URL that a provider is told to call next says where the call stands. A seal at its end is a keyed hash of the
//! URL and the call's id, which the body carries under the provider's signature. So nobody who has come by one signed
//! body can make up what was asked, or move the call to other references.

use subtle::ConstantTimeEq;

use crate::catalog::IdentityKey;

/// Seals URLs of one call.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel::ivr) struct Seal<'a> {
    key: &'a IdentityKey,
    call: [u8; 16],
}

impl<'a> Seal<'a> {
    /// The seal of a call. The identity key is the same on every gateway, so any of them can take the next turn.
    pub(in crate::channel::ivr) fn new(key: &'a IdentityKey, call_id: &str) -> Self {
        Self { key, call: key.hash(&[b"sealed call", call_id.as_bytes()]) }
    }

    /// The seal of a URL, 32 lower hex digits.
    pub(in crate::channel::ivr) fn of(&self, url: &str) -> String {
        hex::encode(self.key.hash(&[b"sealed url", &self.call, url.as_bytes()]))
    }

    /// Whether a URL has this seal.
    pub(in crate::channel::ivr) fn fits(&self, url: &str, seal: &str) -> bool {
        self.of(url).as_bytes().ct_eq(seal.as_bytes()).into()
    }
}
