//! Secrets print as `[redacted]`, whatever prints them, and are compared in a time that tells nothing of them.

use std::fmt;

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

    /// Compares in a time that depends neither on where the two differ nor on which is longer: a comparison of the
    /// texts themselves, constant in time as it may be, ends at once when the lengths differ. Equality of
    /// [`blake3::Hash`] is constant in time.
    pub fn matches(&self, other: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(other.as_bytes())
    }

    /// Whether any of several live secrets fits. All are tried, so that the time does not tell which one did.
    pub(crate) fn any_fits<'a>(
        secrets: impl IntoIterator<Item = &'a Self>,
        mut fits: impl FnMut(&Self) -> bool,
    ) -> bool {
        secrets.into_iter().fold(false, |found, secret| fits(secret) | found)
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

    /// The key with this id. The id stands in the token for everybody to read, so the time may depend on it.
    pub fn with_id(&self, id: [u8; 2]) -> Option<&LinkKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_and_nothing_that_is_shorter_longer_or_altered() {
        let secret = Secret::new("correct horse");
        assert!(secret.matches("correct horse"));
        for other in ["", "c", "correct hors", "correct horse ", "Correct horse", "correct horsf"] {
            assert!(!secret.matches(other), "{other}");
        }
    }

    #[test]
    fn every_live_secret_is_tried_whichever_of_them_fits() {
        let secrets = ["first", "second", "third"].map(Secret::new);
        for right in ["first", "second", "third", "none"] {
            let mut tried = 0;
            let found = Secret::any_fits(&secrets, |secret| {
                tried += 1;
                secret.matches(right)
            });
            assert_eq!((found, tried), (right != "none", 3), "{right}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let key = *b"a link key of thirty-two bytes!!";
        let shown = format!("{:?} {:?}", Secret::new("correct horse"), LinkKey::new(key));
        assert!(
            !shown.contains("horse") && !shown.contains("thirty") && !shown.contains("97, 32"),
            "{shown}"
        );
    }
}
