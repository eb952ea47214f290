//! Events: what is recorded though nothing was answered.
//!
//! They take the same way as answers, through the spool to storage, but no claim and no outcome: nobody is told that
//! one was recorded, no books of submissions count it, and nothing that is said of a response is born from one. The
//! log's own books count it as any record.
//!
//! A touch never makes its page slow and never fails it. It takes the room that there is, waits for no disk, and is
//! left out, and counted, where a bound is reached.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use prost::Message as _;

use super::{Intake, Submission, identify::identify, record};
use crate::proto::store::v1::{Touched, record::Event};

/// What became of a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is in the spool, and on disk with the next commit.
    Spooled,
    /// The link, or the address where nothing is proven, has been opened often enough.
    Limited,
    /// The spool has no room.
    NoRoom,
    /// It belongs to no response.
    Nobodys,
}

impl Noted {
    const fn word(self) -> &'static str {
        match self {
            Self::Spooled => "spooled",
            Self::Limited => "limited",
            Self::NoRoom => "no_room",
            Self::Nobodys => "nobodys",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// Counts touches by what became of them.
#[derive(Debug, Default)]
pub(super) struct Touches(Family<Labels, Counter>);

impl Intake {
    /// The counter family `voxgate_touches`, for the metrics registry.
    pub(crate) fn register_touches(&self, registry: &mut Registry) {
        registry.register(
            "voxgate_touches",
            "Links opened with a score, by what became of it",
            self.touches.0.clone(),
        );
    }

    /// Records that a link was opened with a score in it; `submission` says whose it is, and holds no answers.
    pub(crate) fn touch(&self, submission: Submission, touched: Touched) -> Noted {
        let noted = if self.limiter.may_touch(&submission.proof) {
            self.note(submission, Event::Touched(touched))
        } else {
            Noted::Limited
        };
        self.touches.0.get_or_create(&Labels { outcome: noted.word() }).inc();
        noted
    }

    /// Appends the record of an event where there is room, and waits for nothing.
    fn note(&self, submission: Submission, event: Event) -> Noted {
        let identified = identify(submission, &self.catalog.load(), &self.identity_key, self.clock.now());
        let Some(identified) = identified.ok().filter(|identified| identified.submission.problems.is_empty())
        else {
            return Noted::Nobodys;
        };
        let bytes = record::event(&identified, event).encode_to_vec();
        let Ok(room) = self.spool.reserve(bytes.len()) else { return Noted::NoRoom };
        // Appended whether or not anybody waits for it; the ticket is settled or lost with its commit.
        drop(self.spool.append(room, self.claims.ticket(), bytes.into()));
        Noted::Spooled
    }
}
