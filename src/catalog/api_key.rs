//! API keys: 128 random bits, kept only as SHA-256, good for one brand and some actions.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::Quota;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Submit answers.
    Submit,
    /// Make links.
    Links,
    /// Read the store.
    Read,
    /// Erase persons.
    Erase,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Submit, Self::Links, Self::Read, Self::Erase];

    /// The word in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Links => "links",
            Self::Read => "read",
            Self::Erase => "erase",
        }
    }

    /// The action with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// Some actions.
pub type Actions = BTreeSet<Action>;

/// An API key as the configuration keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What operators call it; stands in logs and limits.
    pub name: String,
    /// The one brand it is for.
    pub brand: String,
    /// What it may do.
    pub actions: Actions,
    /// Its own quota.
    pub quota: Option<Quota>,
}

/// SHA-256 of a key. Looked up by hash: what the time of the look-up might tell is something of a hash that the caller
/// computed from a guess, and no guess comes nearer to a key of 128 random bits by it. A wrong key, one of another
/// brand and a right one cost the same hash and look-up before anything else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// Hashes a key as it was presented.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }

    /// 64 lower hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}
