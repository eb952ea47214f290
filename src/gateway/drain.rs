//! The end: doors closed, requests in flight answered, the spool flushed, delivery tried. A second SIGTERM changes
//! nothing: every wait here has a bound.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{config::settings::Shutdown, spool::Spool, store::Store};

/// How often it is looked whether storage has everything.
const LOOK: Duration = Duration::from_millis(10);
/// How long background work may take to end.
const BACKGROUND: Duration = Duration::from_secs(5);

/// What has been started and must be ended, in order.
pub(super) struct Drain {
    bounds: Shutdown,
    /// Listeners for people and programs.
    pub(super) doors: TaskTracker,
    /// Closes the doors.
    pub(super) closing: CancellationToken,
    /// Ends delivery.
    pub(super) forwarding: CancellationToken,
    /// Everything else.
    pub(super) tasks: TaskTracker,
    /// Ends everything else.
    pub(super) stop: CancellationToken,
    pub(super) spool: Option<Spool>,
    pub(super) store: Option<Store>,
}

impl Drain {
    pub(super) fn new(bounds: Shutdown, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self {
            bounds,
            doors: TaskTracker::new(),
            closing: stop.child_token(),
            forwarding: stop.child_token(),
            tasks,
            stop,
            spool: None,
            store: None,
        }
    }

    pub(super) async fn run(self) {
        tokio::time::sleep(self.bounds.drain_delay).await;
        self.closing.cancel();
        self.doors.close();
        let deadline = Instant::now() + self.bounds.drain;
        if timeout_at(deadline, self.doors.wait()).await.is_err() {
            tracing::warn!("some requests were still open when the drain time was over");
        }
        if let Some(spool) = self.spool {
            // What is not delivered by then is logged below.
            drop(timeout_at(deadline, delivered(&spool)).await);
            self.forwarding.cancel();
            let left = close(spool).await;
            tracing::info!(
                records_left = left,
                "stopped; what is left on disk is delivered at the next start"
            );
        }
        if let Some(store) = self.store {
            store.close();
        }
        self.stop.cancel();
        self.tasks.close();
        if timeout(BACKGROUND, self.tasks.wait()).await.is_err() {
            tracing::warn!("some background work did not end in time");
        }
    }
}

/// Waits until storage has all records.
async fn delivered(spool: &Spool) {
    let mut look = interval(LOOK);
    while spool.status().spooled > 0 {
        look.tick().await;
    }
}

async fn close(spool: Spool) -> u64 {
    let closed = tokio::task::spawn_blocking(move || {
        spool.close();
        spool.status().spooled
    });
    closed.await.unwrap_or_default()
}
