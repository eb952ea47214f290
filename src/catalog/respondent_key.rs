//! The identity key, and the hashes made with it. A contact is never kept in any other form.

use std::fmt;

/// The key of all identity hashes: the same on every gateway, never rotated.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Takes the key in.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A public fingerprint, 16 lower hex digits: tells two keys apart and says nothing of either.
    pub fn fingerprint(&self) -> String {
        hex::encode(&blake3::derive_key("voxgate identity key fingerprint v1", &self.0)[..8])
    }

    /// Hashes parts to 16 bytes; each part is preceded by its length, so that no two lists of parts meet.
    pub fn hash(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        hash
    }

    /// Hashes how a respondent is named: `ref`, `email` or `phone`, and the reference, the address in lower case, or
    /// the number in E.164.
    pub fn respondent(&self, kind: &str, value: &str) -> RespondentKey {
        RespondentKey(self.hash(&[b"respondent", kind.as_bytes(), value.as_bytes()]))
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey({})", self.fingerprint())
    }
}

/// A keyed hash of a respondent's reference or contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RespondentKey(pub [u8; 16]);

impl RespondentKey {
    /// 32 lower hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}
