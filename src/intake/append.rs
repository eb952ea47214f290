//! Step 5: from here on the record reaches the disk, whatever becomes of the caller.

use std::time::Duration;

use prost::Message as _;
use scopeguard::ScopeGuard;

use super::claim::{Claimed, Ticket};
use crate::{
    outcome::{Reason, Refusal},
    proto::store::v1::{Claim, Record},
    spool::{AppendError, Appended, Full, Room, Spool},
};

/// A record that has room in the spool.
#[derive(Debug)]
pub(super) struct Pending {
    room: Room,
    pub(super) ticket: Ticket,
    record: Record,
}

impl Pending {
    pub(super) const fn new(room: Room, ticket: Ticket, record: Record) -> Self {
        Self { room, ticket, record }
    }

    /// Appends it as it is (`unverified`) should it be dropped: its caller hung up while the claim was asked, and the
    /// claim may be written already.
    pub(super) fn survive_hangup(self, spool: &Spool) -> ScopeGuard<Self, impl FnOnce(Self)> {
        scopeguard::guard(self, |pending| drop(pending.append(spool)))
    }

    /// Takes over what the claims said.
    pub(super) const fn claimed(&mut self, claimed: &Claimed) {
        self.record.stamp_us = claimed.stamp.as_micros();
        self.record.claim = if claimed.verified { Claim::Verified as i32 } else { Claim::Unverified as i32 };
    }

    /// Hands it to the spool; the future is its fate.
    pub(super) fn append(self, spool: &Spool) -> Appended {
        spool.append(self.room, self.ticket, self.record.encode_to_vec().into())
    }

    /// Nothing is to be written, and nothing was claimed that is not on disk.
    pub(super) fn cancel(self) {
        self.ticket.settle();
    }
}

/// Why there is no room.
pub(super) fn full(full: Full) -> Refusal {
    let (reason, detail, pause_s) = match full {
        Full::Budget => (Reason::SpoolFull, "the spool is full until storage takes records again", 30),
        Full::Disk => (Reason::SpoolFull, "the disk is full", 30),
        Full::Stalled => (Reason::SpoolFull, "the disk does not end what it began; try again in a moment", 5),
        Full::Record => (Reason::TooLarge, "the answer is larger than the gateway can store", 0),
        Full::Queue => (Reason::Busy, "the gateway has all the work it can hold; try again in a moment", 1),
        Full::Closed => (Reason::Draining, "the gateway is shutting down; another one will answer", 1),
    };
    let refusal = Refusal::new(reason, detail);
    if pause_s == 0 { refusal } else { refusal.retry_after(Duration::from_secs(pause_s)) }
}

/// The disk did not take it.
pub(super) fn failed(_: AppendError) -> Refusal {
    Refusal::new(Reason::SpoolFailed, "the answer could not be made durable; try again")
        .retry_after(Duration::from_secs(1))
}
