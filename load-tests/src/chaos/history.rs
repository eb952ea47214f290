//! What was sent, and what became of it as far as the sender could tell.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::plan::{Answer, Person, Way};

/// What a sender was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A receipt: from here on the answer is owed.
    Acknowledged {
        /// It waits for an operator's decision.
        held: bool,
    },
    /// A receipt that says it was known: what it is a double of counts, or waits for an operator's decision.
    Double,
    /// A clear no.
    Refused(Refused),
    /// The gateway ended the connection without a reply.
    Broken,
    /// No reply came in time, or a connection that others share broke: it may still be on its way.
    TimedOut,
}

/// A clear no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The reason's word, or `unreachable` where no connection could be made.
    pub(crate) code: String,
    /// HTTP's status; 429 and 503 also for what gRPC says instead.
    pub(crate) status: u16,
    /// Whether it was said when to come back.
    pub(crate) says_when: bool,
}

impl Refused {
    /// No connection: nothing was sent.
    pub(crate) fn unreachable() -> Self {
        Self { code: "unreachable".to_owned(), status: 0, says_when: false }
    }

    /// Whether it may be taken later as it is.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self.status, 0 | 429 | 503)
    }
}

impl Fate {
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Acknowledged { .. } | Self::Double)
    }
}

/// One submission as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) ordinal: u32,
    pub(crate) way: Way,
    /// By its place.
    pub(crate) gateway: usize,
    pub(crate) answer: Answer,
    /// After the load began.
    pub(crate) at: Duration,
    /// From sending to the reply.
    pub(crate) took: Duration,
    pub(crate) fate: Fate,
}

/// Everything that a driver sent: each person's submissions in the order sent, and the counts.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) people: BTreeMap<Person, Vec<Sent>>,
    pub(crate) counts: Counts,
}

/// Sums of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    /// The unknown by the way they came.
    pub(crate) unknown_by: BTreeMap<String, u64>,
    /// Due, but too many were outstanding.
    pub(crate) not_sent: u64,
    /// Not sent because an earlier answer of this person may still be on its way.
    pub(crate) withheld: u64,
    /// How often each word was given with a refusal.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// The same of refusals for good: not 429, not 503, and the gateway was reached.
    pub(crate) hard_refusals: BTreeMap<String, u64>,
    /// 429 and 503 that did not say when to come back.
    pub(crate) without_when: u64,
    pub(crate) longest_gap: Duration,
    pub(crate) slowest: Duration,
    /// The slowest of the refusals.
    pub(crate) slowest_refusal: Duration,
}

impl History {
    /// Writes one submission down, in the order of its person's.
    pub(crate) fn note(&mut self, person: Person, sent: Sent) {
        let counts = &mut self.counts;
        counts.sent += 1;
        match &sent.fate {
            Fate::Acknowledged { .. } | Fate::Double => {
                counts.acknowledged += 1;
                counts.slowest = counts.slowest.max(sent.took);
            }
            Fate::Refused(refused) => {
                counts.refused += 1;
                counts.slowest_refusal = counts.slowest_refusal.max(sent.took);
                *counts.refusals.entry(refused.code.clone()).or_default() += 1;
                if !refused.is_for_now() {
                    *counts.hard_refusals.entry(refused.code.clone()).or_default() += 1;
                }
                counts.without_when += u64::from(matches!(refused.status, 429 | 503) && !refused.says_when);
            }
            Fate::Broken | Fate::TimedOut => {
                counts.unknown += 1;
                *counts.unknown_by.entry(format!("{:?}", sent.way)).or_default() += 1;
            }
        }
        self.people.entry(person).or_default().push(sent);
    }
}

impl History {
    /// Takes over what others sent at the same time; of other people.
    pub(crate) fn merge(&mut self, others: Self) {
        for (person, sent) in others.people {
            for one in sent {
                self.note(person, one);
            }
        }
    }
}

/// The longest time without an acknowledgement.
#[derive(Debug)]
pub(crate) struct Gaps {
    last: Instant,
    longest: Duration,
}

impl Gaps {
    pub(crate) fn since(start: Instant) -> Self {
        Self { last: start, longest: Duration::ZERO }
    }

    /// An acknowledgement, or the end of the load.
    pub(crate) fn mark(&mut self, now: Instant) -> Duration {
        self.longest = self.longest.max(now.saturating_duration_since(self.last));
        self.last = self.last.max(now);
        self.longest
    }
}
