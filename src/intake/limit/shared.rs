//! Shared quotas: what all gateways on one Redis admit together in a window, leased in blocks and spent locally.
//!
//! A lease is an `INCRBY` on the window's counter: what lies at or below the limit is ours, the rest is given back. So
//! the gateways together never admit more than the limit. Blocks grow with the demand and shrink with what is left, and
//! what lies unused for a second is given back: so they admit hardly less, also when all load goes to one of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::sources::Source;
use crate::{
    catalog::Quota,
    clock::{Clock, Timestamp},
    intake::claim::{Claims, Leased},
    outcome::{QuotaStatus, Reason, Refusal},
};

/// The largest block: ten milliseconds at 400,000 a second.
const BLOCK: u64 = 4096;
/// A block is at most this part of what is left, so that the gateways run out together.
const PART_OF_REST: u64 = 8;
/// An unused lease is given back, and a used-up counter asked again, after so long.
const IDLE: Duration = Duration::from_secs(1);
/// Scopes remembered at once; further ones are leased one by one.
const SCOPES: usize = 100_000;
/// Waits for a lease that a submission takes part in.
const TRIES: u32 = 3;
/// A counter outlives its window by so much, for gateways with a slow clock.
const KEPT_LONGER: Duration = Duration::from_secs(60);
/// Nobody is told to come back later than so long after a window's end.
const JITTER: Duration = Duration::from_secs(5);

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

/// One scope's quota.
#[derive(Debug)]
struct State {
    scope: Source,
    policy: &'static str,
    quota: Quota,
    window: Mutex<Window>,
    /// One lease at a time; the others wait for it.
    leasing: tokio::sync::Mutex<()>,
}

/// What this gateway knows of the current window.
#[derive(Clone, Copy, Debug)]
struct Window {
    number: i64,
    /// Leased and not yet spent.
    left: u64,
    /// What all gateways together had taken, at the last lease.
    total: u64,
    /// Size of the last lease.
    block: u64,
    /// What this gateway admitted.
    admitted: u64,
    /// When the counter was last found used up.
    used_up: Option<Instant>,
    /// When a lease was last waited for in vain.
    lease_failed: Option<Instant>,
    used: Instant,
    prefetching: bool,
}

/// What one try to take gives.
enum Taken {
    Admitted { status: QuotaStatus, prefetch: bool },
    UsedUp,
    NoLease,
}

/// What one was taken from, so that it can be put back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Lease,
    Share,
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
    ) -> Result<Option<QuotaStatus>, Refusal> {
        let mut tightest: Option<QuotaStatus> = None;
        let mut taken = Vec::with_capacity(quotas.len());
        // Once Redis was waited for in vain, it is not waited for again.
        let mut away = false;
        for (scope, quota) in quotas {
            let state = self.state(scope, *quota);
            match self.take(&state, &mut away).await {
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
        away: &mut bool,
    ) -> Result<(QuotaStatus, From), Refusal> {
        for _ in 0..TRIES {
            match state.take(self.clock.now()) {
                Taken::Admitted { status, prefetch } => {
                    if prefetch {
                        self.prefetch(state);
                    }
                    return Ok((status, From::Lease));
                }
                Taken::UsedUp => return Err(state.refusal(self.clock.now())),
                Taken::NoLease if *away => break,
                Taken::NoLease => *away = !self.lease_for(state).await,
            }
        }
        let now = self.clock.now();
        state
            .take_share(self.fallback_share, now)
            .map(|status| (status, From::Share))
            .ok_or_else(|| state.refusal(now))
    }

    /// Leases for those who found nothing left; the first of them asks, the others wait. False: Redis is away.
    async fn lease_for(&self, state: &State) -> bool {
        let asked = Instant::now();
        let _one = state.leasing.lock().await;
        let window = *state.window(self.clock.now());
        if window.lease_failed.is_some_and(|failed| failed >= asked) {
            return false;
        }
        window.left > 0 || window.used_up.is_some_and(|at| at.elapsed() < IDLE) || self.lease(state).await
    }

    fn prefetch(self: &Arc<Self>, state: &Arc<State>) {
        let (shared, state) = (Arc::clone(self), Arc::clone(state));
        self.tasks.spawn(async move {
            let _one = state.leasing.lock().await;
            shared.lease(&state).await;
            state.window(shared.clock.now()).prefetching = false;
        });
    }

    /// Takes a block from the window's counter; false when Redis is away.
    async fn lease(&self, state: &State) -> bool {
        let now = self.clock.now();
        let (number, block) = {
            let window = state.window(now);
            (window.number, state.next_block(&window))
        };
        let Some(leased) = self.add(state, number, now, signed(block)).await else {
            state.window(now).lease_failed = Some(Instant::now());
            return false;
        };
        let total = u64::try_from(leased.total).unwrap_or(0);
        let granted = state.quota.limit.saturating_sub(total.saturating_sub(block)).min(block);
        let over = block - granted;
        if over > 0 {
            self.add(state, number, now, -signed(over)).await;
        }
        state.granted(number, granted, total.saturating_sub(over), block, self.clock.now());
        true
    }

    async fn add(&self, state: &State, number: i64, now: Timestamp, amount: i64) -> Option<Leased> {
        let window_secs = state.quota.window.as_secs().to_le_bytes();
        let Source(counter) = Source::of(&[&state.scope.0, &window_secs, &number.to_le_bytes()]);
        let kept = state.ends_in(now) + KEPT_LONGER;
        self.claims.lease(&counter, amount, kept).await
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
                self.add(&state, number, now, -signed(left)).await;
            }
        }
    }
}

impl State {
    fn new(scope: Source, policy: &'static str, quota: Quota, now: Timestamp) -> Self {
        let window = Mutex::new(Window::new(number(&quota, now)));
        Self { scope, policy, quota, window, leasing: tokio::sync::Mutex::default() }
    }

    /// The window at a time; a new one starts with nothing leased.
    fn window(&self, now: Timestamp) -> MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let number = number(&self.quota, now);
        if window.number != number {
            *window = Window::new(number);
        }
        window
    }

    fn is_past(&self, now: Timestamp) -> bool {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).number != number(&self.quota, now)
    }

    fn take(&self, now: Timestamp) -> Taken {
        let mut window = self.window(now);
        window.used = Instant::now();
        if window.left == 0 {
            let used_up = window.used_up.is_some_and(|at| at.elapsed() < IDLE);
            return if used_up { Taken::UsedUp } else { Taken::NoLease };
        }
        window.left -= 1;
        window.admitted += 1;
        let prefetch = window.left <= window.block / 2 && window.block > 1 && !window.prefetching;
        window.prefetching |= prefetch;
        let elsewhere = self.quota.limit.saturating_sub(window.total);
        let status = self.status(elsewhere + window.left, now);
        Taken::Admitted { status, prefetch }
    }

    /// Redis is away: this gateway admits its share of the window, what it admitted before included.
    fn take_share(&self, share: f64, now: Timestamp) -> Option<QuotaStatus> {
        let mut window = self.window(now);
        let share = share_of(self.quota.limit, share);
        if window.admitted >= share {
            return None;
        }
        window.admitted += 1;
        Some(self.status(share - window.admitted, now))
    }

    fn put_back(&self, from: From, now: Timestamp) {
        let mut window = self.window(now);
        // In a window that has just begun there is nothing to put back.
        if window.admitted > 0 {
            window.admitted -= 1;
            window.left += u64::from(from == From::Lease);
        }
    }

    fn granted(&self, number: i64, granted: u64, total: u64, block: u64, now: Timestamp) {
        let mut window = self.window(now);
        if window.number != number {
            return;
        }
        window.left += granted;
        window.total = total;
        window.block = block;
        window.used_up = (granted == 0).then(Instant::now);
    }

    /// Doubles with the demand, shrinks with what is left for all.
    fn next_block(&self, window: &Window) -> u64 {
        let rest = self.quota.limit.saturating_sub(window.total);
        (window.block * 2).clamp(1, BLOCK).min((rest / PART_OF_REST).max(1))
    }

    fn refusal(&self, now: Timestamp) -> Refusal {
        let ends_in = self.ends_in(now);
        let jitter = JITTER.min(ends_in / 20).mul_f64(rand::random::<f64>());
        let detail = format!("the quota of this {} is used up; send again after Retry-After", self.what());
        let mut refusal = Refusal::new(Reason::QuotaExceeded, detail).retry_after(ends_in + jitter);
        refusal.quota = Some(self.status(0, now));
        refusal
    }

    fn what(&self) -> &'static str {
        if self.policy == "key" { "API key" } else { self.policy }
    }

    fn status(&self, remaining: u64, now: Timestamp) -> QuotaStatus {
        let Quota { limit, window } = self.quota;
        QuotaStatus { policy: self.policy, limit, window, remaining, resets_in: self.ends_in(now) }
    }

    fn ends_in(&self, now: Timestamp) -> Duration {
        let window = window_micros(&self.quota);
        Duration::from_micros((window - now.as_micros().rem_euclid(window)).unsigned_abs())
    }
}

impl Window {
    fn new(number: i64) -> Self {
        Self {
            number,
            left: 0,
            total: 0,
            block: 0,
            admitted: 0,
            used_up: None,
            lease_failed: None,
            used: Instant::now(),
            prefetching: false,
        }
    }
}

fn number(quota: &Quota, now: Timestamp) -> i64 {
    now.as_micros().div_euclid(window_micros(quota))
}

fn window_micros(quota: &Quota) -> i64 {
    i64::try_from(quota.window.as_micros()).unwrap_or(i64::MAX).max(1)
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A part of a limit, rounded up.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a limit; limits beyond 2^53 have none that could be told apart"
)]
fn share_of(limit: u64, share: f64) -> u64 {
    if share >= 1.0 { limit } else { (limit as f64 * share).ceil() as u64 }
}
