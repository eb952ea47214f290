//! What happened, in order: the proof that a seed runs the same way twice, and what is read when one fails.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// A list of events; its clones share it.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    began: Instant,
    events: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), events: Arc::default() }
    }

    /// Notes an event with its time.
    pub(super) fn note(&self, event: impl AsRef<str>) {
        let at_us = self.began.elapsed().as_micros();
        let line = format!("{:>10}.{:03} {}", at_us / 1_000, at_us % 1_000, event.as_ref());
        self.events.lock().unwrap().push(line);
    }

    /// All of it.
    pub(super) fn lines(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}
