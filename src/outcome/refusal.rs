//! Why a submission was not taken, as data: counted, expected, told to the caller whole.

use std::{borrow::Cow, fmt, time::Duration};

use super::{QuotaStatus, Reason};

/// One thing that is wrong with a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the value, for example `/answers/recommend`.
    pub pointer: String,
    /// What kind of problem.
    pub reason: Reason,
    /// What would be right, in English, for a developer.
    pub detail: String,
}

impl Problem {
    /// A problem at a pointer.
    pub fn new(pointer: impl Into<String>, reason: Reason, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason, detail: detail.into() }
    }

    /// A name of the caller's as a part of a pointer (RFC 6901, 3).
    pub fn escape(name: &str) -> String {
        name.replace('~', "~0").replace('/', "~1")
    }
}

/// A submission that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What to do, in English, for a developer; says nothing of our insides.
    pub detail: Cow<'static, str>,
    /// All that is wrong, when the reason is [`Reason::Invalid`] or one of its kind.
    pub problems: Vec<Problem>,
    /// When to try again, for 429 and 503.
    pub retry_after: Option<Duration>,
    /// The quota that was used up, or the one nearest to it.
    pub quota: Option<QuotaStatus>,
}

impl Refusal {
    /// A refusal that names no single value.
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), problems: Vec::new(), retry_after: None, quota: None }
    }

    /// A refusal for problems with values; there is at least one.
    pub fn invalid(problems: Vec<Problem>) -> Self {
        let detail = match problems.as_slice() {
            [only] => Cow::Owned(only.detail.clone()),
            many => Cow::Owned(format!("{} values are wrong", many.len())),
        };
        let reason = match problems.as_slice() {
            [Problem { reason: Reason::NoIdentity, .. }] => Reason::NoIdentity,
            _ => Reason::Invalid,
        };
        Self { reason, detail, problems, retry_after: None, quota: None }
    }

    /// The same, with the time after which a retry makes sense.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.code(), self.detail)
    }
}

impl std::error::Error for Refusal {}
