//! Shared quotas: what all gateways on one Redis admit together in a window, leased in blocks and spent locally.
//!
//! A lease is an `INCRBY` on the window's counter: what lies at or below the limit is ours, the rest is given back. So
//! the gateways together never admit more than the limit. Blocks grow with the demand and shrink with what is left, and
//! what lies unused for a second is given back: so they admit hardly less, also when all load goes to one of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    sources::Source,
    window::{IDLE, Origin, State, Taken, Window, signed},
};
use crate::{
    catalog::Quota,
    clock::{Clock, Timestamp},
    intake::claim::{Claims, Leased},
    outcome::{QuotaStatus, Refusal},
};

/// Scopes remembered at once; further ones are leased one by one.
const SCOPES: usize = 100_000;
/// Waits for a lease that a submission takes part in.
const TRIES: u32 = 3;
/// A counter outlives its window by so much, for gateways with a slow clock.
const KEPT_LONGER: Duration = Duration::from_secs(60);

/// Whose quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// An API key's.
    ApiKey {
        /// Id of its brand.
        brand: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A brand's.
    Brand(&'a str),
    /// A survey's of a brand.
    Survey {
        /// Id of the brand.
        brand: &'a str,
        /// Id of the survey.
        survey: &'a str,
    },
}

impl Scope<'_> {
    const fn policy(&self) -> &'static str {
        match self {
            Self::ApiKey { .. } => "key",
            Self::Brand(_) => "brand",
            Self::Survey { .. } => "survey",
        }
    }

    fn names(&self) -> [&[u8]; 3] {
        match self {
            Self::ApiKey { brand, name } => [b"key", brand.as_bytes(), name.as_bytes()],
            Self::Brand(brand) => [b"brand", brand.as_bytes(), b""],
            Self::Survey { brand, survey } => [b"survey", brand.as_bytes(), survey.as_bytes()],
        }
    }
}

/// The shared quotas of this gateway.
#[derive(Debug)]
pub(super) struct Shared {
    claims: Arc<Claims>,
    clock: Clock,
    fallback_share: f64,
    scopes: Mutex<HashMap<(Source, u64, Duration), Arc<State>>>,
    tasks: TaskTracker,
}

impl Shared {
    pub(super) fn new(
        claims: Arc<Claims>,
        fallback_share: f64,
        clock: Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Arc<Self> {
        // Without Redis there is no other gateway to share with.
        let fallback_share = if claims.kind() == "embedded" { 1.0 } else { fallback_share };
        let scopes = Mutex::default();
        let shared = Arc::new(Self { claims, clock, fallback_share, scopes, tasks: tasks.clone() });
        let (sweeper, stop) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(sweeper.sweep()).await;
            sweeper.give_back(|_| true).await;
        });
        shared
    }

    /// Takes one from each, or none.
    pub(super) async fn admit(
        self: &Arc<Self>,
        quotas: &[(Scope<'_>, Quota)],
        deadline: Instant,
    ) -> Result<Option<QuotaStatus>, Refusal> {
        let mut tightest: Option<QuotaStatus> = None;
        let mut taken = Vec::with_capacity(quotas.len());
        for (scope, quota) in quotas {
            let state = self.state(scope, *quota);
            match self.take(&state, deadline).await {
                Ok((status, from)) => {
                    taken.push((state, from));
                    tightest =
                        Some(tightest.map_or(status, |one| {
                            if status.remaining < one.remaining { status } else { one }
                        }));
                }
                Err(refusal) => {
                    let now = self.clock.now();
                    taken.iter().for_each(|(state, from)| state.put_back(*from, now));
                    return Err(refusal);
                }
            }
        }
        Ok(tightest)
    }

    async fn take(
        self: &Arc<Self>,
        state: &Arc<State>,
        deadline: Instant,
    ) -> Result<(QuotaStatus, Origin), Refusal> {
        for _ in 0..TRIES {
            match state.take(self.clock.now()) {
                Taken::Admitted { status, prefetch } => {
                    if prefetch {
                        self.prefetch(state);
                    }
                    return Ok((status, Origin::Lease));
                }
                Taken::UsedUp => return Err(state.refusal(self.clock.now())),
                Taken::NoLease if !self.claims.is_up() || Instant::now() >= deadline => break,
                // Boxed: one in thousands waits for it.
                Taken::NoLease => Box::pin(self.lease_for(state, deadline)).await,
            }
        }
        let now = self.clock.now();
        state
            .take_share(self.fallback_share, now)
            .map(|status| (status, Origin::Share))
            .ok_or_else(|| state.refusal(now))
    }

    /// Leases for those who found nothing left; the first of them asks, the others wait.
    async fn lease_for(&self, state: &State, deadline: Instant) {
        let asked = Instant::now();
        let Ok(_one) = timeout_at(deadline, state.leasing.lock()).await else { return };
        let window = *state.window(self.clock.now());
        let has_failed = window.lease_failed.is_some_and(|failed| failed >= asked);
        let is_used_up = window.used_up.is_some_and(|at| at.elapsed() < IDLE);
        if window.left == 0 && !has_failed && !is_used_up {
            self.lease(state, deadline).await;
        }
    }

    fn prefetch(self: &Arc<Self>, state: &Arc<State>) {
        let (shared, state) = (Arc::clone(self), Arc::clone(state));
        self.tasks.spawn(async move {
            let _one = state.leasing.lock().await;
            shared.lease(&state, shared.soon()).await;
            state.window(shared.clock.now()).prefetching = false;
        });
    }

    /// Takes a block from the window's counter.
    async fn lease(&self, state: &State, deadline: Instant) {
        let now = self.clock.now();
        let (number, block) = {
            let window = state.window(now);
            (window.number, state.next_block(&window))
        };
        let Some(leased) = self.add(state, number, now, signed(block), deadline).await else {
            state.window(now).lease_failed = Some(Instant::now());
            return;
        };
        let total = u64::try_from(leased.total).unwrap_or(0);
        let granted = state.quota.limit.saturating_sub(total.saturating_sub(block)).min(block);
        let over = block - granted;
        if over > 0 {
            self.add(state, number, now, -signed(over), deadline).await;
        }
        state.granted(number, granted, total.saturating_sub(over), block, self.clock.now());
    }

    async fn add(
        &self,
        state: &State,
        number: i64,
        now: Timestamp,
        amount: i64,
        deadline: Instant,
    ) -> Option<Leased> {
        let window_secs = state.quota.window.as_secs().to_le_bytes();
        let Source(counter) = Source::of(&[&state.scope.0, &window_secs, &number.to_le_bytes()]);
        let kept = state.ends_in(now) + KEPT_LONGER;
        self.claims.lease(&counter, amount, kept, deadline).await
    }

    /// Until when Redis is waited for where no submission waits.
    fn soon(&self) -> Instant {
        Instant::now() + self.claims.patience()
    }

    fn state(&self, scope: &Scope<'_>, quota: Quota) -> Arc<State> {
        let source = Source::of(&scope.names());
        let now = self.clock.now();
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = scopes.get(&(source, quota.limit, quota.window)) {
            return Arc::clone(state);
        }
        let state = Arc::new(State::new(source, scope.policy(), quota, now));
        if scopes.len() < SCOPES {
            scopes.insert((source, quota.limit, quota.window), Arc::clone(&state));
        }
        state
    }

    async fn sweep(&self) {
        let mut tick = interval(IDLE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.give_back(|window| window.used.elapsed() >= IDLE).await;
        }
    }

    /// Gives back what is leased and not wanted, and forgets the scopes that were not used in this window.
    async fn give_back(&self, unwanted: impl Fn(&Window) -> bool) {
        let now = self.clock.now();
        let states: Vec<_> = {
            let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
            scopes.retain(|_, state| Arc::strong_count(state) > 1 || !state.is_past(now));
            scopes.values().map(Arc::clone).collect()
        };
        for state in states {
            let (number, left) = {
                let mut window = state.window(now);
                let left = if unwanted(&window) { std::mem::take(&mut window.left) } else { 0 };
                (window.number, left)
            };
            // What cannot be given back is lost to this window: better than admitted twice.
            if left > 0 {
                self.add(&state, number, now, -signed(left), self.soon()).await;
            }
        }
    }
}
