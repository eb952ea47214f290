//! Two submissions of one identity take turns at this gateway, in the order they came: a batch that says 9 and then 3
//! ends at 3. Across gateways the claims decide.
//!
//! Whoever stands in line while another one asks the claims waits for Redis just as that one does. So that time is
//! taken off what they may wait themselves: nobody waits longer than one may, however long the line, and when the first
//! asked in vain the others go on at once. What they wait for the disk is not counted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use crate::outcome::ResponseId;

/// Identities share lines; with so many, two that are worked on at once seldom meet.
const LINES: usize = 4096;

/// All lines.
#[derive(Debug)]
pub(super) struct Order(Box<[Line]>);

#[derive(Debug, Default)]
struct Line {
    turn: Mutex<()>,
    /// How long those who had their turn have asked the claims, together since the start.
    asked_us: AtomicU64,
}

/// One's turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    line: &'a Line,
    _turn: MutexGuard<'a, ()>,
    /// How long others have asked the claims since one came.
    waited: Duration,
}

/// The claims are asked, until it is dropped.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    line: &'a Line,
    begun: Instant,
    /// When the wait for Redis must end.
    pub(super) deadline: Instant,
}

impl Default for Order {
    fn default() -> Self {
        Self((0..LINES).map(|_| Line::default()).collect())
    }
}

impl Order {
    /// Waits until the submissions of this identity that came before are on disk.
    pub(super) async fn turn(&self, id: ResponseId) -> Turn<'_> {
        let [a, b, ..] = *id.as_bytes();
        #[allow(clippy::indexing_slicing, reason = "the place is below the number of lines by construction")]
        let line = &self.0[usize::from(u16::from_le_bytes([a, b])) % LINES];
        let before_us = line.asked_us.load(Ordering::Relaxed);
        let turn = line.turn.lock().await;
        let waited = Duration::from_micros(line.asked_us.load(Ordering::Relaxed) - before_us);
        Turn { line, _turn: turn, waited }
    }
}

impl Turn<'_> {
    /// Begins to ask the claims; `patience` is what one may wait for Redis from when one stood in line.
    pub(super) fn ask(&self, patience: Duration) -> Asking<'_> {
        let begun = Instant::now();
        Asking { line: self.line, begun, deadline: begun + patience.saturating_sub(self.waited) }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let asked_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.line.asked_us.fetch_add(asked_us, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{sleep, timeout_at};
    use tokio_util::task::TaskTracker;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(40);

    fn id() -> ResponseId {
        ResponseId::from_hash([7; 16])
    }

    /// So many come at once and ask, each for as long as it takes; how long the last of them waited for the claims.
    async fn waited(many: usize, takes: Duration) -> Duration {
        let (order, tasks, began) = (Arc::new(Order::default()), TaskTracker::new(), Instant::now());
        for _ in 0..many {
            let order = Arc::clone(&order);
            tasks.spawn(async move {
                let turn = order.turn(id()).await;
                let asking = turn.ask(PATIENCE);
                drop(timeout_at(asking.deadline, sleep(takes)).await);
            });
        }
        tasks.close();
        tasks.wait().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_in_line_waits_for_the_claims_longer_than_one_may() {
        assert_eq!(waited(3, Duration::from_millis(10)).await, Duration::from_millis(30), "all are in time");
        for takes_ms in [10, 15, 39, 40, 1_000] {
            let waited = waited(50, Duration::from_millis(takes_ms)).await;
            assert!(waited < PATIENCE + Duration::from_millis(2), "{takes_ms} ms: {waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_disk_takes_is_not_counted_and_neither_is_what_was_asked_before_one_came() {
        let order = Order::default();
        let first = order.turn(id()).await;
        let asking = first.ask(PATIENCE);
        sleep(PATIENCE).await;
        drop(asking);
        let second = async { order.turn(id()).await.ask(PATIENCE).deadline - Instant::now() };
        let on_disk = async {
            sleep(Duration::from_millis(500)).await;
            drop(first);
        };
        let (left, ()) = tokio::join!(second, on_disk);
        assert_eq!(left, PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_hangs_up_while_asking_has_asked_so_long() {
        let order = Order::default();
        let first = async {
            let turn = order.turn(id()).await;
            let _asking = turn.ask(PATIENCE);
            std::future::pending::<()>().await;
        };
        let hangs_up = tokio::time::timeout(Duration::from_millis(30), first);
        let second = async { order.turn(id()).await.ask(PATIENCE).deadline - Instant::now() };
        let (_, left) = tokio::join!(hangs_up, second);
        assert_eq!(left, Duration::from_millis(10));
    }
}
