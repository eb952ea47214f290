//! Intake: one straight function from a [`Submission`] to a [`Receipt`].
//!
//! Takes what a channel decoded.
//! Gives a receipt, only after the record is on disk.
//! Refuses what is unknown, invalid, over a limit or beyond the spool's room.
//! Bounds the submissions worked on at once (`[limits] in_flight`) and the time that one waits for Redis, in all its
//! steps together (`[redis] timeout`).

pub(crate) mod claim;
pub(crate) mod limit;

mod append;
mod event;
mod identify;
mod opt_out;
mod order;
mod record;
mod respondent;
mod submission;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use self::{
    opt_out::OptingOut,
    respondent::Respondent,
    submission::{Answered, Country, Given, Proof, Reference, Subject, Submission, SubmissionKey},
};

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use prost::Message as _;
use scopeguard::ScopeGuard;
use smallvec::SmallVec;
use tokio::{sync::Semaphore, time::Instant};

use self::{
    append::{Draft, Pending},
    claim::{Ask, ClaimedAnswers, Claims, Idempotency, Verdict},
    event::Touches,
    identify::{Identified, identify},
    limit::{Limiter, Scope},
    order::Order,
    validate::{Validated, validate},
};
use crate::{
    catalog::{Catalog, IdentityKey, Quota},
    clock::{Clock, Timestamp},
    config::settings,
    outcome::{InFlight, Ledger, Outcome, Problem, QuotaStatus, Reason, Receipt, Refusal, ResponseId},
    proto::store::v1 as wire,
    spool::Spool,
    survey::{Channel, Confidence},
    verdict,
};

/// A double is spooled again until its claim was written so often.
///
/// A claim cannot tell that nothing came since: a gateway that could not ask in time has taken a change without it, or
/// the person was erased and now says the same anew. So a double is dropped only to bound what one response can grow to
/// when a client repeats itself without end; nobody changes their mind that often.
const SPOOLED_AGAIN: u8 = 32;

/// All that a submission passes.
#[derive(Debug)]
pub struct Intake {
    catalog: Arc<ArcSwap<Catalog>>,
    identity_key: IdentityKey,
    bounds: settings::Http,
    limiter: Limiter,
    claims: Arc<Claims>,
    spool: Spool,
    ledger: Arc<Ledger>,
    clock: Clock,
    order: Order,
    touches: Touches,
    places: Semaphore,
    in_flight: usize,
}

impl Intake {
    /// Puts the steps together.
    pub fn new(
        settings: &settings::Settings,
        catalog: Arc<ArcSwap<Catalog>>,
        limiter: Limiter,
        claims: Arc<Claims>,
        spool: Spool,
        clock: Clock,
    ) -> Self {
        Self {
            catalog,
            identity_key: settings.identity_key.clone(),
            bounds: settings.http.clone(),
            limiter,
            claims,
            spool,
            ledger: Arc::default(),
            clock,
            order: Order::default(),
            touches: Touches::default(),
            places: Semaphore::new(settings.limits.in_flight),
            in_flight: settings.limits.in_flight,
        }
    }

    /// The books.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Who may submit how much.
    pub const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Takes a submission in. The receipt comes after the fsync; a caller that goes away earlier loses the receipt,
    /// never the answer.
    ///
    /// # Errors
    /// A refusal with all that is wrong; it is counted already.
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        let mut flight = self.ledger.receive(submission.channel);
        let result = self.take(submission, &mut flight).await;
        match &result {
            Ok(receipt) => flight.end(receipt.outcome, receipt.reason),
            Err(refusal) => flight.end(refusal.reason.outcome(), Some(refusal.reason)),
        }
        result
    }

    /// Whether a program should come back later: more comes in than the cores can take. Asked before anything is read,
    /// so that a refusal costs next to nothing. People are let in as long as there is a place.
    ///
    /// # Errors
    /// [`Reason::Busy`].
    pub fn keep_up(&self) -> Result<(), Refusal> {
        if self.limiter.has_room(self.in_flight()) { Ok(()) } else { Err(busy()) }
    }

    /// Holds a stream back until the gateway has caught up, a second at the most.
    pub async fn catch_up(&self) {
        self.limiter.catch_up(|| self.in_flight()).await;
    }

    fn in_flight(&self) -> usize {
        self.in_flight.saturating_sub(self.places.available_permits())
    }

    /// What the same person has answered before, as far as the claims know: scores by question id. The submission need
    /// hold no answers.
    pub async fn known(&self, submission: Submission) -> Option<Vec<(String, i32)>> {
        let now = self.clock.now();
        let identified = identify(submission, &self.catalog.load(), &self.identity_key, now).ok()?;
        let survey = &identified.survey;
        let seen = self.claims.seen(identified.id, now, survey.edit_window).await?;
        let question = |tag| survey.questions.iter().find(|question| claim::tag(&question.id) == tag);
        let named = seen.into_iter().filter_map(|(tag, score)| Some((question(tag)?.id.clone(), score)));
        Some(named.collect())
    }

    /// Counts a request that could not be decoded or whose sender is not proven.
    #[must_use]
    pub fn refuse(&self, channel: Channel, brand: Option<&str>, refusal: Refusal) -> Refusal {
        let mut flight = self.ledger.receive(channel);
        if let Some(brand) = brand.filter(|brand| self.catalog.load().brand(brand).is_some()) {
            flight.brand(brand);
        }
        flight.end(refusal.reason.outcome(), Some(refusal.reason));
        refusal
    }

    async fn take(&self, submission: Submission, flight: &mut InFlight<'_>) -> Result<Receipt, Refusal> {
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let admitted = self.admit(submission, flight).await?;
        self.claim_and_spool(admitted, flight).await
    }

    /// Steps 1 to 3. What is left of a submission then is small: it is moved often, and kept for as long as Redis and
    /// the disk take.
    async fn admit(&self, submission: Submission, flight: &mut InFlight<'_>) -> Result<Admitted, Refusal> {
        let catalog = self.catalog.load_full();
        let identified = identify(submission, &catalog, &self.identity_key, self.clock.now())?;
        flight.brand(&identified.brand.id);
        let mut validated = validate(identified, &self.bounds)?;
        let deadline = Instant::now() + self.claims.patience();
        let quota = self.limit(&catalog, &mut validated, deadline).await?;
        let patience = deadline.saturating_duration_since(Instant::now());
        Ok(Admitted::new(validated, &self.identity_key, quota, patience))
    }

    /// Step 3: unproven traffic by its source, a link by its token, a call by its id, and the shared quotas. A person's
    /// answer over a quota is held, as far as the holding budget goes.
    async fn limit(
        &self,
        catalog: &Catalog,
        validated: &mut Validated,
        deadline: Instant,
    ) -> Result<Option<QuotaStatus>, Refusal> {
        let Identified { submission, brand, .. } = &mut validated.identified;
        let local = self.limiter.check(&submission.proof)?;
        let admitted = self.limiter.admit(&quotas(catalog, submission), deadline).await;
        match admitted {
            Ok(shared) => Ok(shared.or(local)),
            Err(refusal) => {
                let person = !matches!(submission.proof, Proof::Key(_));
                if !(person && self.limiter.may_hold(&brand.id, &submission.proof)) {
                    return Err(refusal);
                }
                submission.hold.get_or_insert(Reason::OverLimit);
                Ok(refusal.quota)
            }
        }
    }

    /// Steps 4 and 5: room in the spool is reserved first; from then on the record reaches the disk whatever becomes
    /// of the caller.
    async fn claim_and_spool(
        &self,
        admitted: Admitted,
        flight: &mut InFlight<'_>,
    ) -> Result<Receipt, Refusal> {
        let Admitted { draft, receipt, claim } = admitted;
        let room = self.spool.reserve(draft.bytes()).map_err(append::full)?;
        flight.expect(receipt.outcome, receipt.reason);
        let pending = Pending::new(room, self.claims.ticket(), draft);
        if receipt.outcome == Outcome::Quarantined {
            self.land(pending).await?;
            return Ok(receipt);
        }
        self.claim(claim, receipt, pending, flight).await
    }

    async fn claim(
        &self,
        mut claim: ToClaim,
        mut receipt: Receipt,
        pending: Pending,
        flight: &mut InFlight<'_>,
    ) -> Result<Receipt, Refusal> {
        let mut pending = pending.survive_hangup(&self.spool);
        let turn = self.order.turn(receipt.id).await;
        let asking = turn.ask(claim.patience);
        let known = self.known_key(&claim, receipt.id, &pending.ticket, asking.deadline).await;
        match known {
            Known::Settled(id) => {
                ScopeGuard::into_inner(pending).cancel();
                return Ok(Receipt { id, outcome: Outcome::Duplicate, ..receipt });
            }
            Known::Other => {
                ScopeGuard::into_inner(pending).cancel();
                return Err(key_reused());
            }
            Known::Unsettled { stamp } => claim.repeats(stamp),
            Known::No => {}
        }
        let claimed = self.claims.claim(&claim.ask(receipt.id), &pending.ticket, asking.deadline).await;
        drop(asking);
        (receipt.outcome, receipt.reason) = match known {
            Known::Unsettled { .. } => (Outcome::Duplicate, None),
            _ => outcome(claimed.verdict),
        };
        if claimed.verdict == (Verdict::Same { settled: true }) {
            ScopeGuard::into_inner(pending).cancel();
            return Ok(receipt);
        }
        if receipt.outcome == Outcome::Duplicate {
            self.ledger.respool();
        }
        flight.expect(receipt.outcome, receipt.reason);
        pending.claimed(&claimed);
        self.land(ScopeGuard::into_inner(pending)).await?;
        Ok(receipt)
    }

    async fn land(&self, pending: Pending) -> Result<(), Refusal> {
        let landed = pending.append(&self.spool).await.map_err(append::failed)?;
        self.limiter.resumed(landed.at);
        Ok(())
    }

    async fn known_key(
        &self,
        claim: &ToClaim,
        id: ResponseId,
        ticket: &claim::Ticket,
        deadline: Instant,
    ) -> Known {
        let Some(RememberedKey { scope, payload, strict }) = &claim.remembered else { return Known::No };
        // Boxed: few send a key, and the others would be moved as more.
        match Box::pin(self.claims.idempotent(scope, *payload, (id, claim.stamp), ticket, deadline)).await {
            Idempotency::New | Idempotency::Unknown => Known::No,
            Idempotency::Same { id, settled: true, .. } => Known::Settled(id),
            Idempotency::Same { stamp, settled: false, .. } => Known::Unsettled { stamp },
            Idempotency::Other if *strict => Known::Other,
            Idempotency::Other => Known::No,
        }
    }
}

/// Makes embedded claims again from the encoded records of a spool, oldest first.
pub(crate) fn refill(claims: &Claims, records: impl Iterator<Item = bytes::Bytes>) {
    claims.refill(records.filter_map(|record| record::recovered(&record)));
}

/// The shared quotas that a submission counts against.
fn quotas<'a>(catalog: &Catalog, submission: &'a Submission) -> SmallVec<[(Scope<'a>, Quota); 3]> {
    let Submission { proof, brand, survey, .. } = submission;
    let shared = &catalog.quotas;
    let key = match proof {
        Proof::Key(key) => {
            let scope = Scope::ApiKey { brand: &key.brand, name: &key.name };
            key.quota.or(shared.per_api_key).map(|quota| (scope, quota))
        }
        _ => None,
    };
    let brand_quota = shared.per_brand.map(|quota| (Scope::Brand(brand), quota));
    let survey_quota = shared.per_survey.map(|quota| (Scope::Survey { brand, survey }, quota));
    [key, brand_quota, survey_quota].into_iter().flatten().collect()
}

/// What is known of an idempotency key.
enum Known {
    No,
    Settled(ResponseId),
    /// Perhaps not on disk: it is spooled once more, as what it was.
    Unsettled {
        stamp: Timestamp,
    },
    Other,
}

/// A key that is remembered by itself, and what came under it.
struct RememberedKey {
    scope: [u8; 16],
    payload: [u8; 8],
    /// Another payload under it is an error.
    strict: bool,
}

/// A program's idempotency key, a turn of a call, or a beacon that does not say how long it waited. Other keys are known
/// by what the response's claim holds, which is what came last. That is not enough here: the `1` of "1, then 0", tried
/// again or played back later, would be the newest. The payload is all that the caller said: the record without the
/// gateway's own times. A beacon's key is one for all that its panel sends, so each of its payloads is an entry.
fn remembered_key(
    validated: &Validated,
    record: &mut wire::Record,
    identity_key: &IdentityKey,
) -> Option<RememberedKey> {
    let submission = &validated.identified.submission;
    let is_call = matches!(submission.proof, Proof::Call { .. });
    let is_undated_beacon = submission.channel == Channel::Chat && submission.answered == Answered::Now;
    let key = submission.key.as_ref().filter(|key| key.strict || is_call || is_undated_beacon)?;
    let said = said(record, submission.answered == Answered::Now);
    let [a, b, c, d, e, f, g, h, ..] = identity_key.hash(&[b"payload", &said]);
    let payload = [a, b, c, d, e, f, g, h];
    let (brand, text) = (submission.brand.as_bytes(), key.text.as_bytes());
    let scope = if is_undated_beacon {
        identity_key.hash(&[b"beacon", brand, text, &payload])
    } else {
        identity_key.hash(&[b"idempotency", brand, text])
    };
    Some(RememberedKey { scope, payload, strict: key.strict })
}

/// What a record says, encoded: without what this gateway, at this time, has added to it. The record is as it was
/// afterwards; a copy of it would cost more than all else here.
fn said(record: &mut wire::Record, is_stamped_here: bool) -> Vec<u8> {
    let wire::Record { stamp_us, received_us, survey_version, edit_window_us, hold, signals, .. } = record;
    let added = (*stamp_us, *received_us, *survey_version, *edit_window_us);
    let (held, seen) = (std::mem::take(hold), signals.take());
    (*received_us, *survey_version, *edit_window_us) = (0, 0, 0);
    if is_stamped_here {
        *stamp_us = 0;
    }
    let said = record.encode_to_vec();
    (record.stamp_us, record.received_us, record.survey_version, record.edit_window_us) = added;
    (record.hold, record.signals) = (held, seen);
    said
}

/// What is claimed and spooled of a submission.
struct Admitted {
    draft: Draft,
    /// As if no claim had been asked.
    receipt: Receipt,
    claim: ToClaim,
}

/// What is asked of the claims.
struct ToClaim {
    remembered: Option<RememberedKey>,
    now: Timestamp,
    stamp: Timestamp,
    /// It was given before it came, by a clock that may be off by so much.
    yields_to_newer_by: Option<Duration>,
    edit_window: Duration,
    answers: ClaimedAnswers,
    /// What storage will say of it, as far as it can be said of it alone.
    confidence: Confidence,
    /// A page saw who sent it.
    is_evidence: bool,
    /// What is left of the time that one may wait for Redis.
    patience: Duration,
}

impl Admitted {
    fn new(
        mut validated: Validated,
        identity_key: &IdentityKey,
        quota: Option<QuotaStatus>,
        patience: Duration,
    ) -> Self {
        let mut record = record::record(&mut validated);
        let remembered = remembered_key(&validated, &mut record, identity_key);
        let Validated { identified, answers } = validated;
        let Identified { id, identity, stamp, now, .. } = identified;
        let edit_window = identified.survey.edit_window;
        let reason = identified.submission.hold;
        let outcome = reason.map_or(Outcome::Accepted, |_| Outcome::Quarantined);
        let signals = identified.submission.signals.as_ref();
        let confidence = match verdict::by_itself(signals) {
            wire::Confidence::Confirmed => Confidence::Confirmed,
            _ => Confidence::Provisional,
        };
        let claim = ToClaim {
            remembered,
            now,
            stamp,
            yields_to_newer_by: waited(identified.submission.answered),
            edit_window,
            answers: record::claimed(&answers),
            confidence,
            is_evidence: signals.is_some(),
            patience,
        };
        Self {
            draft: Draft::of(record),
            claim,
            receipt: Receipt { id, outcome, reason, identity, answers, quota },
        }
    }
}

impl ToClaim {
    /// It came before, and was given then.
    fn repeats(&mut self, stamp: Timestamp) {
        self.stamp = stamp;
        self.yields_to_newer_by = Some(Duration::ZERO);
    }

    fn ask(&self, id: ResponseId) -> Ask<'_> {
        Ask {
            id,
            now: self.now,
            stamp: self.stamp,
            edit_window: self.edit_window,
            answers: &self.answers,
            confidence: self.confidence,
            spooled_again: SPOOLED_AGAIN,
            is_evidence: self.is_evidence,
            yields_to_newer_by: self.yields_to_newer_by,
        }
    }
}

/// How far gateways' clocks may be apart before they order the answers of a browser wrongly that waited. Nobody changes
/// their mind so soon, and the widget tries nothing again before twice that.
const CLOCKS_APART: Duration = Duration::from_millis(250);

/// What waited in a browser, to be tried again or because there was no network, is no change of what was answered
/// since. What says that it came at once is taken in the order in which it comes, whatever the clocks say.
fn waited(answered: Answered) -> Option<Duration> {
    matches!(answered, Answered::Ago(age) if age > CLOCKS_APART).then_some(CLOCKS_APART)
}

const fn outcome(verdict: Verdict) -> (Outcome, Option<Reason>) {
    match verdict {
        Verdict::Fresh => (Outcome::Accepted, None),
        Verdict::Revised { late: false } => (Outcome::Revised, None),
        Verdict::Revised { late: true } => (Outcome::Quarantined, Some(Reason::Late)),
        Verdict::Same { .. } => (Outcome::Duplicate, None),
    }
}

fn busy() -> Refusal {
    Refusal::new(Reason::Busy, "the gateway has all the work it can hold; try again in a moment")
        .retry_after(Duration::from_secs(1))
}

fn key_reused() -> Refusal {
    let detail = "this idempotency key came before with another payload: use a new key for a new answer";
    Refusal {
        problems: vec![Problem::new("/key", Reason::IdempotencyKeyReused, detail)],
        ..Refusal::new(Reason::IdempotencyKeyReused, detail)
    }
}
