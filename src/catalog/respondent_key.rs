//! The identity key, and the hashes made with it. A contact is never kept in any other form.

use std::fmt;

use crate::parts;

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
        parts::half(&blake3::keyed_hash(&self.0, &parts::joined(parts)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Identities are for ever: another hash would make every response a new one.
    #[test]
    fn the_hash_of_an_identity_is_what_it_always_was() {
        let key = IdentityKey::new([7; 32]);
        let mut hasher = blake3::Hasher::new_keyed(&[7; 32]);
        for part in ["proven", "acme", ""] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut streamed = [0; 16];
        hasher.finalize_xof().fill(&mut streamed);
        assert_eq!(key.hash(&[b"proven", b"acme", b""]), streamed);
        assert_eq!(key.respondent("ref", "crm-0815").to_hex(), "96ed08d17c5abfc832a8ef815de4e5f3");
    }
}
