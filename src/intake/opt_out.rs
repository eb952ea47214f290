//! Opt-outs: a person wants no more invitations of a brand, or wants them again.
//!
//! The record takes the same way as an answer, and who asked hears of it when it is on disk. It needs no claim: of all
//! that a person said, storage goes by the newest.

use prost::Message as _;

use super::{Intake, Proof, append, busy, record};
use crate::{
    catalog::RespondentKey,
    outcome::{Reason, Refusal},
    proto::store::v1::{OptedOut, Record, record::Event},
    survey::Channel,
};

/// What a person says to a brand about its invitations. Whoever makes it knows that it is this person.
#[derive(Clone, Debug)]
pub(crate) struct OptingOut {
    /// Where it came in.
    pub channel: Channel,
    /// Id of the brand.
    pub brand: String,
    /// Id of the survey that the person was asked.
    pub survey: String,
    /// Who.
    pub person: RespondentKey,
    /// What says that it is they; a browser's word is none.
    pub proof: Proof,
    /// They want them again.
    pub withdrawn: bool,
}

impl Intake {
    /// Records that a person wants no more invitations of a brand, or wants them again; returns when that is on disk.
    ///
    /// # Errors
    /// `forbidden` when nothing proves who it is, `rate_limited` for too many through one link or call, and what the
    /// spool refuses.
    pub(crate) async fn opt_out(&self, order: OptingOut) -> Result<(), Refusal> {
        if matches!(order.proof, Proof::Nobody { .. }) {
            return Err(Refusal::new(Reason::Forbidden, "nothing proves whose opt-out it is"));
        }
        self.limiter.check(&order.proof)?;
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let bytes = self.opted_out(&order).encode_to_vec();
        let room = self.spool.reserve(bytes.len()).map_err(append::full)?;
        let landed = self.spool.append(room, self.claims.ticket(), bytes.into()).await;
        self.limiter.resumed(landed.map_err(append::failed)?.at);
        Ok(())
    }

    /// The record: who said it to which brand and when, and nothing else of them.
    fn opted_out(&self, order: &OptingOut) -> Record {
        let now_us = self.clock.now().as_micros();
        // All that a person says to a brand is one response, whatever they were asked.
        let parts = [b"opt-out".as_slice(), order.brand.as_bytes(), &order.person.0];
        Record {
            response_id: self.identity_key.hash(&parts).to_vec().into(),
            survey: order.survey.clone(),
            brand: order.brand.clone(),
            identity: record::proven(&order.proof).into(),
            channel: record::channel(order.channel).into(),
            respondent_key: order.person.0.to_vec().into(),
            invitation: record::invitation(&order.proof),
            stamp_us: now_us,
            received_us: now_us,
            event: Some(Event::OptedOut(OptedOut { withdrawn: order.withdrawn })),
            ..Record::default()
        }
    }
}
