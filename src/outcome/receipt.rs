//! What the caller gets back; a retry gets the same id.

use std::fmt;

use uuid::Uuid;

use super::{Outcome, QuotaStatus, Reason};
use crate::survey::{Identity, Segment};

/// Names a response: a keyed hash of brand, survey and whose answer it is, shown as a UUID of version 8 (RFC 9562).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResponseId([u8; 16]);

impl ResponseId {
    /// Sets the version and variant bits of a hash.
    pub fn from_hash(hash: [u8; 16]) -> Self {
        Self(Uuid::new_v8(hash).into_bytes())
    }

    /// The id's bytes, as they stand in a record.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ResponseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for ResponseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value on its question's scale, or a text.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A whole number on the scale.
    Score(i32),
    /// Free text, cleaned and bounded.
    Text(String),
    /// The value of a choice.
    Choice(String),
}

/// Does not show texts: people write anything.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Score(score) => write!(f, "Score({score})"),
            Self::Text(_) => f.write_str("Text([redacted])"),
            Self::Choice(value) => write!(f, "Choice({value})"),
        }
    }
}

/// An accepted value and its place on the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The question's id.
    pub question: String,
    /// The value.
    pub value: Value,
    /// Its segment; none for texts and choices.
    pub segment: Option<Segment>,
    /// 0 to 100, not rounded; none for texts and choices.
    pub normalized: Option<f64>,
}

/// What became of a submission that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The response's id.
    pub id: ResponseId,
    /// `accepted`, `revised`, `duplicate` or `quarantined`.
    pub outcome: Outcome,
    /// Why it was quarantined.
    pub reason: Option<Reason>,
    /// How the identity was proven.
    pub identity: Identity,
    /// The accepted values, in the survey's order.
    pub answers: Vec<Scored>,
    /// The quota nearest to being used up.
    pub quota: Option<QuotaStatus>,
}
