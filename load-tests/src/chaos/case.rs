//! One run of one case.

use std::{path::PathBuf, pin::Pin, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::verdict::Verdict;

/// What a case is run with.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    /// A few seconds instead of a minute.
    pub(crate) is_short: bool,
    /// The gateway's binary.
    pub(crate) voxgate: PathBuf,
    /// The configuration that is copied.
    pub(crate) config: PathBuf,
    /// A directory of its own: logs, data, configurations.
    pub(crate) work: PathBuf,
}

impl Case {
    /// One of two, by the form that is run.
    pub(crate) fn pick<T>(&self, short: T, long: T) -> T {
        if self.is_short { short } else { long }
    }

    /// Chooses moments and places of faults; the same for the same seed, and not what the submissions are made by.
    pub(crate) fn faults(&self) -> Faults {
        Faults(StdRng::seed_from_u64(self.seed ^ 0xfa17))
    }
}

/// Moments and places of faults.
#[derive(Debug)]
pub(crate) struct Faults(StdRng);

impl Faults {
    /// Waits for some time in between.
    pub(crate) async fn pause(&mut self, least_ms: u64, most_ms: u64) {
        let span_ms = self.0.random_range(least_ms..=most_ms);
        tokio::time::sleep(Duration::from_millis(span_ms)).await;
    }

    /// One of so many places.
    pub(crate) fn place(&mut self, places: usize) -> usize {
        self.0.random_range(0..places.max(1))
    }
}

/// A case that runs.
pub(crate) type Running = Pin<Box<dyn Future<Output = anyhow::Result<Verdict>>>>;

/// A case of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// snake_case, theme first.
    pub(crate) name: &'static str,
    pub(crate) run: fn(Case) -> Running,
}
