//! Idempotency keys: one `SET NX GET`, which needs Redis 7.0.

use tokio::time::Instant;

use super::{Shared, Written, bytes};
use crate::{
    intake::claim::{
        Idempotency, RunId, Ticket,
        content::{Packed, put_varint, secs, take, take_varint},
        embedded::IDEMPOTENCY_KEPT,
    },
    outcome::ResponseId,
};

impl Shared {
    /// Notes a key, or says what is known of it; none when Redis is away.
    pub(super) async fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        id: ResponseId,
        ticket: &Ticket,
        deadline: Instant,
    ) -> Option<Idempotency> {
        let live = self.link.live()?;
        let key = format!("{}i:{}", self.prefix, hex::encode(key));
        let used =
            Used { payload, id, run: ticket.run(), ticket: ticket.number(), at_secs: secs(self.clock.now()) };
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
        let written =
            Written { key: key.as_bytes(), run: known.run, ticket: known.ticket, at_secs: known.at_secs };
        let certainty = self.certainty(&live, &written, deadline).await;
        Some(Idempotency::Same { id: known.id, settled: certainty.on_disk && certainty.newest })
    }
}

/// An idempotency key that was used: payload [8] · id [16] · run [6] · seconds u32 · ticket varint.
struct Used {
    payload: [u8; 8],
    id: ResponseId,
    run: RunId,
    ticket: u64,
    at_secs: u32,
}

impl Used {
    fn pack(&self) -> Packed {
        let mut out = Packed::new();
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.run.0);
        out.extend_from_slice(&self.at_secs.to_be_bytes());
        put_varint(&mut out, self.ticket);
        out
    }

    fn unpack(mut input: &[u8]) -> Option<Self> {
        Some(Self {
            payload: take(&mut input)?,
            id: ResponseId::from_hash(take(&mut input)?),
            run: RunId(take(&mut input)?),
            at_secs: u32::from_be_bytes(take(&mut input)?),
            ticket: take_varint(&mut input)?,
        })
    }
}
