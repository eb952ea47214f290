//! Forward: from the spool to the store.
//!
//! Takes durable records from the spool, in order.
//! Gives the store batches over one long-lived stream, and moves the spool's cursor on its acks.
//! Refuses nothing: what the store will never take goes to the dead letters, the rest goes on.
//! Bounds batches by records and bytes, batches on the way by a window, waits by a timeout, pauses by a backoff.

mod dead_letters;
mod session;
mod wire;

pub(crate) use self::dead_letters::{DeadLetter, DeadLetters};

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use prometheus_client::{metrics::histogram::Histogram, registry::Registry};
use tokio_util::sync::CancellationToken;

use self::session::{End, Session};
use crate::{clock::Clock, config::settings, spool::Spool, tls::LiveClientTls};

/// The first pause after a failure; it doubles, with full jitter, up to the configured one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Delivers the spool's records to the store for as long as the gateway runs.
#[derive(Debug)]
pub(crate) struct Forward {
    spool: Spool,
    letters: Arc<DeadLetters>,
    store: StoreAddress,
    settings: settings::Store,
    clock: Clock,
    state: Arc<ForwardState>,
}

/// Where the store is and how to be let in.
#[derive(Clone, Debug)]
pub(crate) struct StoreAddress {
    /// An http or https URL.
    pub url: String,
    /// Whom to trust there and what to show; the next connection uses what stands here then.
    pub tls: LiveClientTls,
    /// Fingerprint of the identity key; a store that knows another one refuses.
    pub fingerprint: String,
}

/// What is known of the delivery, for health and metrics.
#[derive(Debug)]
pub(crate) struct ForwardState {
    store_up: AtomicBool,
    identity_conflict: CancellationToken,
    lag: Histogram,
}

impl Default for ForwardState {
    fn default() -> Self {
        let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];
        Self {
            store_up: AtomicBool::new(false),
            identity_conflict: CancellationToken::new(),
            lag: Histogram::new(buckets),
        }
    }
}

impl ForwardState {
    /// Whether the stream to the store is open.
    pub(crate) fn store_up(&self) -> bool {
        self.store_up.load(Ordering::Relaxed)
    }

    /// Ends when the store turns out to know another identity key.
    pub(crate) async fn identity_conflict(&self) {
        self.identity_conflict.cancelled().await;
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "voxgate_delivery_lag_seconds",
            "Time from receipt to the store's commit",
            self.lag.clone(),
        );
    }
}

impl Forward {
    /// Puts the parts together.
    pub(crate) fn new(
        spool: Spool,
        letters: Arc<DeadLetters>,
        store: StoreAddress,
        settings: settings::Store,
        clock: Clock,
    ) -> Self {
        Self { spool, letters, store, settings, clock, state: Arc::default() }
    }

    /// What is known of the delivery.
    pub(crate) fn state(&self) -> Arc<ForwardState> {
        Arc::clone(&self.state)
    }

    /// Delivers until told to stop. A broken stream is opened again after a pause, and what was not acked is sent
    /// again from the cursor: storage takes a record twice without harm.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut reader = self.spool.reader();
        let mut pauses = self.pauses();
        while !stop.is_cancelled() {
            let session = Session::new(&self.spool, &self.letters, &self.settings, &self.clock, &self.state);
            let end = session.run(&self.store, &mut reader, &stop).await;
            self.state.store_up.store(false, Ordering::Relaxed);
            reader.rewind();
            let End::Broken { error, delivered } = end else { break };
            if delivered {
                pauses = self.pauses();
            }
            let pause = pauses.next().unwrap_or(self.settings.backoff_max);
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%error, pause_ms, "the store did not take records; trying again");
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let longest = self.settings.backoff_max.max(FIRST_PAUSE);
        let steps =
            ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(longest).without_max_times();
        steps.build().map(full_jitter)
    }
}

/// Anything from nothing to the whole pause (AWS, "Exponential Backoff and Jitter").
fn full_jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::random::<f64>())
}
