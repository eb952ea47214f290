//! Secrets print as `[redacted]`, whatever prints them.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret text.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one who uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A key of link tokens (PASETO v4.local).
#[derive(Clone)]
pub struct LinkKey {
    /// Two bytes of the key's hash; stand in the token's footer.
    pub id: [u8; 2],
    /// The key.
    pub key: [u8; 32],
}

impl LinkKey {
    /// The key with its id.
    pub fn new(key: [u8; 32]) -> Self {
        let hash = blake3::derive_key("voxgate link key id v1", &key);
        Self { id: [hash[0], hash[1]], key }
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKey({}, [redacted])", hex::encode(self.id))
    }
}

/// Keys of link tokens: the first makes them, all read them.
#[derive(Clone, Debug, Default)]
pub struct LinkKeys(pub Vec<LinkKey>);

impl LinkKeys {
    /// The key that makes tokens.
    pub fn current(&self) -> Option<&LinkKey> {
        self.0.first()
    }

    /// The key with this id.
    pub fn with_id(&self, id: [u8; 2]) -> Option<&LinkKey> {
        self.0.iter().find(|key| key.id == id)
    }
}
