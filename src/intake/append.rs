//! Step 5: from here on the record reaches the disk, whatever becomes of the caller.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use scopeguard::ScopeGuard;

use super::claim::{Claimed, Ticket};
use crate::{
    outcome::{Reason, Refusal},
    proto::store::v1::{Claim, Record},
    spool::{AppendError, Appended, Full, Room, Spool},
};

/// A record that has room in the spool.
pub(super) struct Pending {
    room: Room,
    pub(super) ticket: Ticket,
    draft: Draft,
}

/// It is somebody's.
impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// A record that is encoded but for what its claim decides. That goes last, so that nothing is encoded twice:
/// protobuf's fields may come in any order.
pub(super) struct Draft {
    record: Vec<u8>,
    decided: Decided,
}

/// Of `voxgate.store.v1.Record`, what its claim decides.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Decided {
    #[prost(int64, tag = "14")]
    stamp_us: i64,
    #[prost(enumeration = "Claim", tag = "20")]
    claim: i32,
}

/// A varint of ten bytes and one of one, behind tags of one and two.
const DECIDED_BYTES_MAX: usize = 14;

impl Draft {
    /// Encodes a record, with room for what is decided later.
    pub(super) fn of(mut record: Record) -> Self {
        let decided = Decided {
            stamp_us: std::mem::take(&mut record.stamp_us),
            claim: std::mem::take(&mut record.claim),
        };
        let mut bytes = Vec::with_capacity(record.encoded_len() + DECIDED_BYTES_MAX);
        record.encode_raw(&mut bytes);
        Self { record: bytes, decided }
    }

    /// Length of the encoded record.
    pub(super) fn bytes(&self) -> usize {
        self.record.len() + self.decided.encoded_len()
    }

    fn finish(mut self) -> Bytes {
        self.decided.encode_raw(&mut self.record);
        self.record.into()
    }
}

impl Pending {
    pub(super) const fn new(room: Room, ticket: Ticket, draft: Draft) -> Self {
        Self { room, ticket, draft }
    }

    /// Appends it as it is (`unverified`) should it be dropped: its caller hung up while the claim was asked, and the
    /// claim may be written already.
    pub(super) fn survive_hangup(self, spool: &Spool) -> ScopeGuard<Self, impl FnOnce(Self)> {
        scopeguard::guard(self, |pending| drop(pending.append(spool)))
    }

    /// Takes over what the claims said.
    pub(super) const fn claimed(&mut self, claimed: &Claimed) {
        self.draft.decided.stamp_us = claimed.stamp.as_micros();
        self.draft.decided.claim =
            if claimed.verified { Claim::Verified as i32 } else { Claim::Unverified as i32 };
    }

    /// Hands it to the spool; the future is its fate.
    pub(super) fn append(self, spool: &Spool) -> Appended {
        spool.append(self.room, self.ticket, self.draft.finish())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_reads_as_the_record_that_it_was_made_of_and_says_its_length() {
        let record = Record {
            survey: "nps".to_owned(),
            stamp_us: 1_700_000_000_000_000,
            received_us: 7,
            claim: Claim::Unverified.into(),
            test: true,
            ..Record::default()
        };
        let draft = Draft::of(record.clone());
        let bytes = draft.bytes();
        let whole = draft.finish();
        assert_eq!(whole.len(), bytes);
        assert_eq!(Record::decode(whole).unwrap(), record);
    }
}
