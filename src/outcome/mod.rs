//! How a submission ends: exactly one [`Outcome`], told as a [`Receipt`] or a [`Refusal`] and counted in the
//! [`Ledger`].

mod ledger;
mod quota;
mod reason;
mod receipt;
mod refusal;

pub use self::{
    ledger::{InFlight, Ledger, LedgerView, OutcomeCounts},
    quota::QuotaStatus,
    reason::Reason,
    receipt::{Receipt, ResponseId, Scored, Value},
    refusal::{Problem, Refusal},
};

/// The single end of each submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Taken; the response is new.
    Accepted,
    /// Taken; the response was known and something was added or changed.
    Revised,
    /// Known already; nothing changed.
    Duplicate,
    /// Kept, but held until an operator releases it.
    Quarantined,
    /// Refused for the moment.
    Limited,
    /// Refused for good.
    Rejected,
}

impl Outcome {
    /// All of them, in the ledger's order.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Revised, Self::Duplicate, Self::Quarantined, Self::Limited, Self::Rejected];

    /// The word on every surface.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Revised => "revised",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Limited => "limited",
            Self::Rejected => "rejected",
        }
    }
}
