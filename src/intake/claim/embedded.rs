//! Claims without Redis: the same rules in a bounded map in memory.
//!
//! Two generations: what is used moves to the young one; when that is full the old one goes. So the bound holds, and
//! what goes is what was not used for longest.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Ask, Claimed, Idempotency, RunId, Runs, Ticket, Verdict,
    ask::Recovered,
    content::{Claim, Packed, secs},
    judge::{Certainty, judge, recover},
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    outcome::ResponseId,
    survey::Confidence,
};

const SHARDS: usize = 64;
/// How long an idempotency key is kept.
pub(super) const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(24);

/// A button pressed twice, or a retry: a double that comes so soon after its answer is dropped at once. No gateway but
/// this one takes answers, and nobody is erased and says the same anew in so short a time. Only where this process took
/// the answer itself: of what a damaged spool lost, a change among it, a start knows nothing.
const PRESSED_TWICE_SECS: u32 = 10;

/// A map of two generations.
#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Entries of one generation.
    bound: usize,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn new(bound: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bound: bound.max(1) }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.bound && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

/// An idempotency key that was used.
#[derive(Clone, Copy, Debug)]
struct Used {
    payload: [u8; 8],
    id: ResponseId,
    stamp: Timestamp,
    run: RunId,
    ticket: u64,
    at: Timestamp,
}

#[derive(Debug)]
struct Shard {
    claims: Generations<[u8; 16], Box<[u8]>>,
    keys: Generations<[u8; 16], Used>,
}

/// Claims in this process's memory.
#[derive(Debug)]
pub(super) struct Embedded {
    shards: Vec<Mutex<Shard>>,
    clock: Clock,
}

impl Embedded {
    pub(super) fn new(settings: &settings::Claims, clock: Clock) -> Self {
        let bound = settings.embedded / SHARDS / 2;
        let shard = || Mutex::new(Shard { claims: Generations::new(bound), keys: Generations::new(bound) });
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), clock }
    }

    pub(super) fn claim(&self, ask: &Ask<'_>, ticket: &Ticket, runs: &Runs) -> Claimed {
        let fresh = Claimed { verdict: Verdict::Fresh, verified: true, stamp: ask.stamp };
        let Some(mut shard) = self.shard(ask.id.as_bytes()) else { return fresh };
        let known = shard.claims.get(ask.id.as_bytes()).and_then(|packed| Claim::unpack(packed));
        let Some(claim) = known else {
            shard.put(ask.id, &Claim::fresh(ask, ticket), ask.answers);
            return fresh;
        };
        // Memory has no failovers: what is read is the newest.
        let certainty = Certainty { on_disk: is_settled(runs, claim.run, claim.ticket), newest: true };
        let is_pressed_twice = !ask.is_evidence
            && claim.run != RunId::SPOOLED
            && secs(ask.now).saturating_sub(claim.written_secs) < PRESSED_TWICE_SECS;
        let spooled_again = if is_pressed_twice { 0 } else { ask.spooled_again };
        let judged = judge(&claim, &Ask { spooled_again, ..*ask }, certainty, ticket);
        if let Some(next) = judged.write {
            shard.put(ask.id, &next, ask.answers);
        }
        Claimed { verdict: judged.verdict, verified: true, stamp: judged.stamp }
    }

    pub(super) fn idempotent(
        &self,
        key: &[u8; 16],
        payload: [u8; 8],
        (id, stamp): (ResponseId, Timestamp),
        ticket: &Ticket,
        runs: &Runs,
    ) -> Idempotency {
        // Kept in this process alone, so a jump of the wall clock need not make a key new, or keep it for a year.
        let now = self.clock.steady();
        let Some(mut shard) = self.shard(key) else { return Idempotency::Unknown };
        match shard.keys.get(key).copied().filter(|used| now < used.at.after(IDEMPOTENCY_KEPT)) {
            None => {
                let used = Used { payload, id, stamp, run: ticket.run(), ticket: ticket.number(), at: now };
                shard.keys.put(*key, used);
                Idempotency::New
            }
            Some(used) if used.payload != payload => Idempotency::Other,
            Some(Used { id, stamp, run, ticket, .. }) => {
                Idempotency::Same { id, stamp, settled: is_settled(runs, run, ticket) }
            }
        }
    }

    pub(super) fn refill(&self, records: impl Iterator<Item = Recovered>) {
        for record in records.filter(|record| record.confidence == Confidence::Confirmed) {
            let Some(mut shard) = self.shard(record.id.as_bytes()) else { continue };
            let known = shard.claims.get(record.id.as_bytes()).and_then(|packed| Claim::unpack(packed));
            let claim = match known {
                None => Claim::recovered(&record),
                Some(mut claim) => {
                    recover(&mut claim, &record);
                    claim
                }
            };
            shard.put(record.id, &claim, &record.answers);
        }
    }

    pub(super) fn look(&self, id: ResponseId) -> Option<Packed> {
        self.shard(id.as_bytes())?.claims.get(id.as_bytes()).map(|packed| Packed::from_slice(packed))
    }

    fn shard(&self, key: &[u8; 16]) -> Option<MutexGuard<'_, Shard>> {
        let place = usize::from(key.last().copied().unwrap_or(0)) % SHARDS;
        self.shards.get(place).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn put(&mut self, id: ResponseId, claim: &Claim, answers: &[super::ClaimedAnswer]) {
        self.claims.put(*id.as_bytes(), claim.pack(answers).to_vec().into_boxed_slice());
    }
}

fn is_settled(runs: &Runs, run: RunId, ticket: u64) -> bool {
    run == RunId::SPOOLED || runs.settled_below(run).is_some_and(|below| ticket < below)
}

#[cfg(test)]
mod tests;
