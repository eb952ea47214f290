//! One scope's quota in its current window, as far as this gateway knows it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::sources::Source;
use crate::{
    catalog::Quota,
    clock::Timestamp,
    outcome::{QuotaStatus, Reason, Refusal},
};

/// The largest block: ten milliseconds at 400,000 a second.
const BLOCK: u64 = 4096;
/// A block is at most this part of what is left, so that the gateways run out together.
const PART_OF_REST: u64 = 8;
/// Nobody is told to come back later than so long after a window's end.
const JITTER: Duration = Duration::from_secs(5);
/// An unused lease is given back, and a used-up counter asked again, after so long.
pub(super) const IDLE: Duration = Duration::from_secs(1);
/// One scope's quota.
#[derive(Debug)]
pub(super) struct State {
    pub(super) scope: Source,
    policy: &'static str,
    pub(super) quota: Quota,
    window: Mutex<Window>,
    /// One lease at a time; the others wait for it.
    pub(super) leasing: tokio::sync::Mutex<()>,
}

/// What this gateway knows of the current window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) number: i64,
    /// Leased and not yet spent.
    pub(super) left: u64,
    /// What all gateways together had taken, at the last lease.
    total: u64,
    /// Size of the last lease.
    block: u64,
    /// What this gateway admitted.
    admitted: u64,
    /// When the counter was last found used up.
    pub(super) used_up: Option<Instant>,
    /// When a lease was last waited for in vain.
    pub(super) lease_failed: Option<Instant>,
    pub(super) used: Instant,
    pub(super) prefetching: bool,
}

/// What one try to take gives.
pub(super) enum Taken {
    Admitted { status: QuotaStatus, prefetch: bool },
    UsedUp,
    NoLease,
}

/// What one was taken from, so that it can be put back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Lease,
    Share,
}

impl State {
    pub(super) fn new(scope: Source, policy: &'static str, quota: Quota, now: Timestamp) -> Self {
        let window = Mutex::new(Window::new(number(&quota, now)));
        Self { scope, policy, quota, window, leasing: tokio::sync::Mutex::default() }
    }

    /// The window at a time; a new one starts with nothing leased.
    pub(super) fn window(&self, now: Timestamp) -> MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let number = number(&self.quota, now);
        if window.number != number {
            *window = Window::new(number);
        }
        window
    }

    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).number != number(&self.quota, now)
    }

    pub(super) fn take(&self, now: Timestamp) -> Taken {
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
    pub(super) fn take_share(&self, share: f64, now: Timestamp) -> Option<QuotaStatus> {
        let mut window = self.window(now);
        let share = share_of(self.quota.limit, share);
        if window.admitted >= share {
            return None;
        }
        window.admitted += 1;
        Some(self.status(share - window.admitted, now))
    }

    pub(super) fn put_back(&self, from: Origin, now: Timestamp) {
        let mut window = self.window(now);
        // In a window that has just begun there is nothing to put back.
        if window.admitted > 0 {
            window.admitted -= 1;
            window.left += u64::from(from == Origin::Lease);
        }
    }

    pub(super) fn granted(&self, number: i64, granted: u64, total: u64, block: u64, now: Timestamp) {
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
    pub(super) fn next_block(&self, window: &Window) -> u64 {
        let rest = self.quota.limit.saturating_sub(window.total);
        (window.block * 2).clamp(1, BLOCK).min((rest / PART_OF_REST).max(1))
    }

    pub(super) fn refusal(&self, now: Timestamp) -> Refusal {
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

    pub(super) fn ends_in(&self, now: Timestamp) -> Duration {
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

pub(super) fn signed(amount: u64) -> i64 {
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
