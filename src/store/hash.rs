use std::fmt;

/// Names a record: the first 16 bytes of BLAKE3 over its encoding. Two records with one hash are one record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecordHash(pub [u8; 16]);

impl RecordHash {
    /// Hashes a record's encoding.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut hash = [0; 16];
        blake3::Hasher::new().update(body).finalize_xof().fill(&mut hash);
        Self(hash)
    }

    /// Reads 32 hex digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 16];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
