//! What a channel hands to intake: decoded, its proof checked, not yet normalized.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use super::Respondent;
use crate::{
    catalog::ApiKey,
    clock::Timestamp,
    outcome::{Problem, Reason},
    proto::store::v1::Signals,
    survey::{Channel, Language},
};

/// One person's answers to one survey, as a channel read them.
#[derive(Clone)]
pub struct Submission {
    /// Which channel.
    pub channel: Channel,
    /// Id of the brand.
    pub brand: String,
    /// Id of the survey.
    pub survey: String,
    /// Who vouches for the references.
    pub proof: Proof,
    /// What is rated.
    pub interaction: Option<Reference>,
    /// Who answers.
    pub respondent: Option<Respondent>,
    /// Who or what it is about.
    pub subject: Option<Subject>,
    /// Makes a retry known as one.
    pub key: Option<SubmissionKey>,
    /// The language it was answered in, when the channel knows.
    pub locale: Option<Language>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Country>,
    /// When it was answered.
    pub answered: Answered,
    /// Values by question id, in the order given.
    pub answers: Vec<(String, Given)>,
    /// Free key-value pairs.
    pub attributes: BTreeMap<String, String>,
    /// A trial.
    pub test: bool,
    /// The channel holds it: `link_expired` or `suspicious`.
    pub hold: Option<Reason>,
    /// What a page saw of who sent it; none where there was no page.
    pub signals: Option<Signals>,
    /// What the channel could not read; joined with what validation finds.
    pub problems: Vec<Problem>,
}

/// Shows neither references nor what was said; brand and survey are the caller's words until they are looked up.
impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submission")
            .field("channel", &self.channel)
            .field("proof", &self.proof)
            .field("answered", &self.answered)
            .field("answers", &self.answers.len())
            .field("attributes", &self.attributes.len())
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

impl Submission {
    /// An empty submission to a survey.
    pub fn new(channel: Channel, brand: impl Into<String>, survey: impl Into<String>, proof: Proof) -> Self {
        Self {
            channel,
            brand: brand.into(),
            survey: survey.into(),
            proof,
            interaction: None,
            respondent: None,
            subject: None,
            key: None,
            locale: None,
            country: None,
            answered: Answered::Now,
            answers: Vec::new(),
            attributes: BTreeMap::new(),
            test: false,
            hold: None,
            signals: None,
            problems: Vec::new(),
        }
    }
}

/// Who vouches for the references of a submission.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A link token or a signed query.
    Link {
        /// Id of the link; stored as `invitation`, and what its limit counts.
        invitation: String,
        /// When it was made.
        issued: Option<Timestamp>,
    },
    /// A telephony signature.
    Call {
        /// The provider's id of the call; what its limit counts.
        call_id: String,
    },
    /// An API key.
    Key(Arc<ApiKey>),
    /// Nobody: a browser says so.
    Nobody {
        /// Where it came from; what its limit counts.
        source: IpAddr,
    },
}

/// When an answer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// When it was received.
    Now,
    /// As a keyed caller says.
    At(Timestamp),
    /// This long before it was received, as a browser says.
    Ago(Duration),
}

/// A value as it was given.
#[derive(Clone, PartialEq)]
pub enum Given {
    /// A whole number.
    Whole(i64),
    /// A number that is not whole, or too large to be a score.
    Fraction(f64),
    /// A text, from a dialect that tells texts from numbers.
    Text(String),
    /// A text, from a dialect that knows texts only (forms): digits are a score where one is asked.
    Typed(String),
    /// A choice, from a dialect that tells it from a text (gRPC).
    Choice(String),
    /// Something else; says what, for example `an array`.
    Other(&'static str),
}

/// Does not show texts: people write anything.
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "Whole({number})"),
            Self::Fraction(number) => write!(f, "Fraction({number})"),
            Self::Text(_) => f.write_str("Text([redacted])"),
            Self::Typed(_) => f.write_str("Typed([redacted])"),
            Self::Choice(value) => write!(f, "Choice({value})"),
            Self::Other(what) => write!(f, "Other({what})"),
        }
    }
}

/// An opaque reference: `[A-Za-z0-9._:-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(String);

impl Reference {
    /// What a reference may be, for refusals.
    pub const FORM: &str = "1 to 64 of A-Z a-z 0-9 . _ : -";

    /// Reads a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reference by itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Who or what an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it is, for example `agent`.
    pub kind: Reference,
    /// Which one.
    pub reference: Reference,
}

impl Subject {
    /// What its form in one text may be, for refusals.
    pub const FORM: &str = "KIND:REF, each 1 to 64 of A-Z a-z 0-9 . _ : -";

    /// Reads `kind:ref`; the reference may hold colons.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, reference) = text.split_once(':')?;
        Some(Self { kind: Reference::parse(kind)?, reference: Reference::parse(reference)? })
    }
}

/// An ISO 3166-1 alpha-2 code in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// What a code may be, for refusals.
    pub const FORM: &str = "two letters of ISO 3166-1, such as `CH`";

    /// Reads two letters in any case; `UK` is `GB`.
    pub fn parse(text: &str) -> Option<Self> {
        let [a, b] = text.as_bytes() else { return None };
        let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        match &code {
            b"UK" => Some(Self(*b"GB")),
            _ if code.iter().all(u8::is_ascii_uppercase) => Some(Self(code)),
            _ => None,
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// Makes a retry known as one.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmissionKey {
    /// 1 to 255 visible characters.
    pub text: String,
    /// Whether another payload under it is an error (a program's idempotency key) or a change of mind (a form's
    /// nonce, a call's turn).
    pub strict: bool,
}

/// A key may name a person.
impl std::fmt::Debug for SubmissionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubmissionKey(strict: {})", self.strict)
    }
}
