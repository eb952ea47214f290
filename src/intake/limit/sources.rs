//! How often one source may do something, on this gateway: a bounded map of GCRA states.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::StateStore,
};

use crate::{outcome::QuotaStatus, parts};

const SHARDS: usize = 16;

/// Names a source: the first half of a hash, so that a long name takes no more room than a short one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source(pub(super) [u8; 16]);

impl Source {
    /// The source that these parts name together.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        Self(parts::half(&blake3::hash(&parts::joined(parts))))
    }
}

/// So many in each period for each source, all at once or spread out.
#[derive(Debug)]
pub(super) struct Sources {
    policy: &'static str,
    period: Duration,
    limit: u32,
    limiter: RateLimiter<Source, Remembered, MonotonicClock, StateInformationMiddleware>,
}

/// A source has used up its share.
#[derive(Debug)]
pub(super) struct UsedUp {
    pub(super) wait: Duration,
    pub(super) quota: QuotaStatus,
}

impl Sources {
    /// `limit` in each `period` for each source; `bound` sources are remembered at once.
    pub(super) fn new(policy: &'static str, limit: u32, period: Duration, bound: usize) -> Self {
        let burst = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        let each = (period / burst.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        let limiter = RateLimiter::new(quota, Remembered::new(bound, period), MonotonicClock);
        Self { policy, period, limit: burst.get(), limiter }
    }

    /// Counts one.
    pub(super) fn take(&self, source: Source) -> Result<QuotaStatus, UsedUp> {
        match self.limiter.check_key(&source) {
            Ok(state) => Ok(self.status(state.remaining_burst_capacity(), self.period / self.limit)),
            Err(not_until) => Err(self.used_up(&not_until)),
        }
    }

    fn used_up(&self, not_until: &NotUntil<Instant>) -> UsedUp {
        let wait = not_until.wait_time_from(self.limiter.clock().now());
        UsedUp { wait, quota: self.status(0, wait) }
    }

    fn status(&self, remaining: u32, resets_in: Duration) -> QuotaStatus {
        QuotaStatus {
            policy: self.policy,
            limit: self.limit.into(),
            window: self.period,
            remaining: remaining.into(),
            resets_in,
        }
    }
}

/// States by source. One that was not used for a period is as good as new and is forgotten; at the bound, sources that
/// are not yet known share one state.
#[derive(Debug)]
struct Remembered {
    shards: Vec<Mutex<Shard>>,
    overflow: Mutex<Option<Nanos>>,
    bound: usize,
    period: Duration,
}

#[derive(Debug)]
struct Shard {
    young: HashMap<Source, Nanos>,
    old: HashMap<Source, Nanos>,
    turned: Instant,
}

impl Remembered {
    fn new(bound: usize, period: Duration) -> Self {
        let shard =
            || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new(), turned: Instant::now() });
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { shards, overflow: Mutex::default(), bound: bound.div_ceil(SHARDS), period }
    }

    fn shard(&self, source: &Source) -> Option<MutexGuard<'_, Shard>> {
        let place = usize::from(source.0.first().copied().unwrap_or(0)) % SHARDS;
        self.shards.get(place).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StateStore for Remembered {
    type Key = Source;

    fn measure_and_replace<T, F, E>(&self, source: &Source, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if let Some(mut shard) = self.shard(source) {
            shard.turn(self.period);
            let known = shard.take(source);
            if known.is_some() || shard.young.len() + shard.old.len() < self.bound {
                return match measure(known) {
                    Ok((outcome, next)) => {
                        shard.young.insert(*source, next);
                        Ok(outcome)
                    }
                    Err(refused) => {
                        shard.young.extend(known.map(|known| (*source, known)));
                        Err(refused)
                    }
                };
            }
        }
        let mut overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, next) = measure(*overflow)?;
        *overflow = Some(next);
        Ok(outcome)
    }
}

impl Shard {
    fn take(&mut self, source: &Source) -> Option<Nanos> {
        self.young.remove(source).or_else(|| self.old.remove(source))
    }

    /// What was not used since the last turn but one is forgotten.
    fn turn(&mut self, period: Duration) {
        if self.turned.elapsed() < period {
            return;
        }
        let idle = self.turned.elapsed() >= period * 2;
        self.old = std::mem::take(&mut self.young);
        if idle {
            self.old.clear();
        }
        self.turned = Instant::now();
    }
}
