//! Processes that live at another time, so that the next period of buckets begins while they run.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::bail;
use tokio::time::{Instant, sleep_until};
use voxgate::clock::Clock;

use crate::chaos::rig::Setup;

/// The longest edit window of the samples is 14 days: spans of 16 days, and periods of four spans
/// (`docs/decisions/claim-protocol.md`).
const PERIOD_SECS: u64 = 64 * 86_400;
/// From now to the boundary: everything is started, and the first answers are in.
const LEAD: Duration = Duration::from_secs(12);
/// After it all clocks, and all that was on its way, are beyond it.
const BEYOND: Duration = Duration::from_millis(500);

/// The moment at which a new period begins, for processes that are started with its environment.
pub(super) struct Boundary {
    at: Instant,
    /// How far their clocks are ahead, seconds.
    ahead_secs: u64,
}

impl Boundary {
    /// The next one comes in a moment.
    pub(super) fn of_buckets() -> anyhow::Result<Self> {
        let now_secs = u64::try_from(Clock::System.now().as_secs())?;
        let at = Instant::now() + LEAD;
        let ahead_secs = (PERIOD_SECS - now_secs % PERIOD_SECS).saturating_sub(LEAD.as_secs());
        Ok(Self { at, ahead_secs })
    }

    /// All processes live then.
    pub(super) fn soon(&self, setup: Setup) -> anyhow::Result<Setup> {
        let environment: Vec<_> = [
            ("LD_PRELOAD", library()?.display().to_string()),
            ("FAKETIME", format!("+{}s", self.ahead_secs)),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        Ok(Setup { gateway_environment: environment.clone(), store_environment: environment, ..setup })
    }

    pub(super) fn is_past(&self) -> bool {
        Instant::now() >= self.at
    }

    pub(super) async fn wait(&self) {
        sleep_until(self.at + BEYOND).await;
    }
}

/// libfaketime, where Debian puts it.
fn library() -> anyhow::Result<PathBuf> {
    for triplet in fs::read_dir("/usr/lib")? {
        let library = triplet?.path().join("faketime/libfaketime.so.1");
        if library.exists() {
            return Ok(library);
        }
    }
    bail!("libfaketime is needed: `make tools` installs it")
}
