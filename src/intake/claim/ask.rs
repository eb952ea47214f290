//! What is asked of the claims, and what they say.

use std::time::Duration;

use smallvec::SmallVec;

use crate::{
    clock::Timestamp,
    outcome::{ResponseId, Value},
    survey::Confidence,
};

/// A submission as the claims see it: whose answers, when, and a digest of each.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whose response.
    pub id: ResponseId,
    /// When it was received, by this gateway's clock.
    pub now: Timestamp,
    /// When it was answered.
    pub stamp: Timestamp,
    /// How long a given answer may change.
    pub edit_window: Duration,
    /// What it answers.
    pub answers: &'a [ClaimedAnswer],
    /// A provisional submission claims nothing.
    pub confidence: Confidence,
    /// A double is spooled again until its claim was written so often; from then on it may be dropped.
    pub spooled_again: u8,
    /// What came with it may say that a person gave what a machine gave before: a double is not dropped before its
    /// claim was written [`Ask::EVIDENCE_AGAIN`] times, however soon it comes.
    pub is_evidence: bool,
    /// What was given before it came, by a clock that may be off by so much: a retry, or an answer that waited in a
    /// browser. It yields to what is newer, and keeps its stamp. None: what comes last is the newest.
    pub yields_to_newer_by: Option<Duration>,
}

impl Ask<'_> {
    /// How often what comes with evidence is spooled again: a link takes so many only from who floods it.
    pub const EVIDENCE_AGAIN: u8 = u8::MAX;

    /// Whether it yields to what was stamped then.
    pub(super) fn is_older_than(&self, newest: Timestamp) -> bool {
        self.yields_to_newer_by.is_some_and(|by| self.stamp.after(by) < newest)
    }

    /// How often this one is.
    pub(super) const fn times_spooled(&self) -> u8 {
        if self.is_evidence { Self::EVIDENCE_AGAIN } else { self.spooled_again }
    }
}

/// The answers of one submission; most have one or two.
pub(crate) type ClaimedAnswers = SmallVec<[ClaimedAnswer; 4]>;

/// A question and the digest of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedAnswer {
    pub(super) tag: Tag,
    pub(super) digest: Digest,
}

impl ClaimedAnswer {
    /// The digest of an accepted value.
    pub fn new(question: &str, value: &Value) -> Self {
        Self { tag: tag(question), digest: Digest::of(value) }
    }
}

/// Names a question of a survey in 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub(super) [u8; 3]);

/// The tag of a question. Two questions of one survey must not share one, or a double of the one would pass for the
/// other's: a configuration where two do is refused. About one survey of ten questions in 370,000 is.
pub(crate) fn tag(question: &str) -> Tag {
    let mut tag = [0; 3];
    blake3::Hasher::new().update(question.as_bytes()).finalize_xof().fill(&mut tag);
    Tag(tag)
}

/// What tells one value of a question from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// A score is its own digest.
    Score(i8),
    /// The first bytes of the BLAKE3 hash of a text, a choice, or a number off every scale.
    Hash([u8; 8]),
}

impl Digest {
    /// The digest of a value.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Score(score) => {
                i8::try_from(*score).map_or_else(|_| Self::hash("score", &score.to_le_bytes()), Self::Score)
            }
            Value::Text(text) => Self::hash("text", text.as_bytes()),
            Value::Choice(choice) => Self::hash("choice", choice.as_bytes()),
        }
    }

    fn hash(kind: &str, bytes: &[u8]) -> Self {
        let mut digest = [0; 8];
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind.as_bytes()).update(&[0]).update(bytes).finalize_xof().fill(&mut digest);
        Self::Hash(digest)
    }
}

/// What the claims say of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Fresh, revised or the same.
    pub verdict: Verdict,
    /// Whether the claims could be asked; otherwise the verdict is the best guess, `Fresh`.
    pub verified: bool,
    /// The stamp that the record must carry: later than any that its claim knew.
    pub stamp: Timestamp,
}

/// Whether a submission is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The response was not known.
    Fresh,
    /// The response was known, and this adds or changes an answer.
    Revised {
        /// A given answer is changed later than its edit window allows.
        late: bool,
    },
    /// The response was known, and this says nothing new.
    Same {
        /// What it says is known to be on disk: it may be dropped. Otherwise it must be spooled once more.
        settled: bool,
    },
}

/// What is known of an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// It was not used in the last 24 hours.
    New,
    /// It was used with the same payload.
    Same {
        /// The response it went to.
        id: ResponseId,
        /// Its stamp before its claim was asked: a retry is no newer than what it repeats.
        stamp: Timestamp,
        /// What it said is known to be on disk.
        settled: bool,
    },
    /// It was used with another payload.
    Other,
    /// Redis is away.
    Unknown,
}

/// A record found in the spool at start, from which embedded claims are made again.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Whose response.
    pub id: ResponseId,
    /// The record's stamp.
    pub stamp: Timestamp,
    /// How long a given answer may change.
    pub edit_window: Duration,
    /// What it answers.
    pub answers: ClaimedAnswers,
    /// A provisional record makes no claim.
    pub confidence: Confidence,
}
