//! Idempotency keys: one `SET NX GET`, which needs Redis 7.0.

use tokio::time::Instant;

use super::{Shared, bytes};
use crate::{
    clock::Timestamp,
    intake::claim::{
        Idempotency, RunId, Ticket,
        content::{Packed, put_varint, secs, take, take_varint},
        embedded::IDEMPOTENCY_KEPT,
    },
    outcome::ResponseId,
};

impl Shared {
    /// Notes a key, or says what is known of it; none when Redis is away.
    ///
    /// Whoever finds its key finds the very submission that is sent again, so that it is on disk is all that must be
    /// known before it is dropped: unlike a claim, the entry says nothing of what is newest, and is never written over.
    pub(super) async fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        (id, stamp): (ResponseId, Timestamp),
        ticket: &Ticket,
        deadline: Instant,
    ) -> Option<Idempotency> {
        let live = self.link.live()?;
        let key = format!("{}i:{}", self.prefix, hex::encode(key));
        let at_secs = secs(self.clock.now());
        let used = Used { payload, id, run: ticket.run(), at_secs, ticket: ticket.number(), stamp };
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(used.pack().as_slice()).arg("NX").arg("GET");
        command.arg("PX").arg(IDEMPOTENCY_KEPT.as_millis().to_string());
        let found = bytes(self.link.one(&live, &command, deadline).await?)?;
        let Some(found) = found else { return Some(Idempotency::New) };
        let known = Used::unpack(&found)?;
        if known.run == used.run && known.ticket == used.ticket {
            return Some(Idempotency::New);
        }
        if known.payload != payload {
            return Some(Idempotency::Other);
        }
        let settled = self.is_on_disk(&live, known.run, known.ticket, deadline).await;
        Some(Idempotency::Same { id: known.id, stamp: known.stamp, settled })
    }
}

/// An idempotency key that was used: payload [8] · id [16] · run [6] · seconds u32 · ticket varint · stamp i64.
/// Gateways of before know no stamp: they leave it unread, and what they wrote is taken to be of its second.
struct Used {
    payload: [u8; 8],
    id: ResponseId,
    run: RunId,
    at_secs: u32,
    ticket: u64,
    stamp: Timestamp,
}

impl Used {
    fn pack(&self) -> Packed {
        let mut out = Packed::new();
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.run.0);
        out.extend_from_slice(&self.at_secs.to_be_bytes());
        put_varint(&mut out, self.ticket);
        out.extend_from_slice(&self.stamp.as_micros().to_be_bytes());
        out
    }

    fn unpack(mut input: &[u8]) -> Option<Self> {
        let payload = take(&mut input)?;
        let id = ResponseId::from_hash(take(&mut input)?);
        let run = RunId(take(&mut input)?);
        let at_secs = u32::from_be_bytes(take(&mut input)?);
        let ticket = take_varint(&mut input)?;
        let stamp = match take(&mut input) {
            Some(micros) => Timestamp::from_micros(i64::from_be_bytes(micros)),
            None => Timestamp::from_secs(at_secs.into()),
        };
        Some(Self { payload, id, run, at_secs, ticket, stamp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written_also_one_of_before_without_a_stamp() {
        let used = Used {
            payload: [1; 8],
            id: ResponseId::from_hash([2; 16]),
            run: RunId([3; 6]),
            at_secs: 1_700_000_000,
            ticket: 300,
            stamp: Timestamp::from_micros(1_699_999_999_123_456),
        };
        let packed = used.pack();
        let read = |bytes: &[u8]| {
            let Used { payload, id, run, at_secs, ticket, stamp } = Used::unpack(bytes).unwrap();
            assert_eq!((payload, id, run, ticket), (used.payload, used.id, used.run, used.ticket));
            (at_secs, stamp)
        };
        assert_eq!(read(&packed), (used.at_secs, used.stamp));
        let before = &packed[..packed.len() - 8];
        assert_eq!(read(before), (used.at_secs, Timestamp::from_secs(1_700_000_000)));
        assert!(Used::unpack(&before[..before.len() - 1]).is_none());
    }
}
