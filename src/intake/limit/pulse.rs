//! How much may be in flight: what the cores can do in time. A task sleeps for a beat and looks how late it was woken.
//! What comes in now waits as long as that before anybody looks at it, so this is the delay of the queue that no counter
//! shows (as CoDel measures it, RFC 8289: by time, not by length). A late beat halves the window, each one in time
//! widens it a little, as TCP finds out what a path can carry (RFC 5681).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Between two looks: a quarter of a delay that matters, and little work for an idle machine.
const BEAT: Duration = Duration::from_millis(5);
/// So many may be in flight however late the beats are: a window that were shut would learn nothing.
const FEW: usize = 32;
/// A beat in time widens the window by this share of it: twice as wide after a ninth of a second.
const WIDER_BY: usize = 32;
/// A stream that is held back goes on after so long, whatever the pulse says.
const HELD_BACK_AT_MOST: Duration = Duration::from_secs(1);

/// When the last beat was, and what may be in flight since.
#[derive(Debug)]
pub(super) struct Pulse {
    bound: Duration,
    begun: Instant,
    most: usize,
    last_us: AtomicU64,
    window: AtomicUsize,
}

impl Pulse {
    /// Beats until `stop`; more than `bound` late is too late. At most `most` may be in flight.
    pub(super) fn start(
        bound: Duration,
        most: usize,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Arc<Self> {
        let (last_us, window) = (AtomicU64::new(0), AtomicUsize::new(most));
        let pulse = Arc::new(Self { bound, begun: Instant::now(), most, last_us, window });
        let (beating, stop) = (Arc::clone(&pulse), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(beating.beat()).await;
            // Nothing measures any more, so nothing is late.
            beating.last_us.store(u64::MAX, Ordering::Relaxed);
            beating.window.store(beating.most, Ordering::Relaxed);
        });
        pulse
    }

    /// What may be in flight now; half of it, when the beat that is due is too late already.
    pub(super) fn window(&self) -> usize {
        let since_us = micros(self.begun.elapsed()).saturating_sub(self.last_us.load(Ordering::Relaxed));
        let window = self.window.load(Ordering::Relaxed);
        if since_us > micros(BEAT + self.bound) { self.narrower(window) } else { window }
    }

    /// Waits until `has_room` for one more in a window, for a while at the most.
    pub(super) async fn catch_up(&self, has_room: impl Fn(usize) -> bool) {
        let begun = Instant::now();
        while !has_room(self.window()) && begun.elapsed() < HELD_BACK_AT_MOST {
            sleep(BEAT).await;
        }
    }

    fn narrower(&self, window: usize) -> usize {
        (window / 2).max(FEW).min(self.most)
    }

    fn wider(&self, window: usize) -> usize {
        window.saturating_add(window / WIDER_BY).min(self.most)
    }

    async fn beat(&self) {
        loop {
            let begun = Instant::now();
            sleep(BEAT).await;
            let window = self.window.load(Ordering::Relaxed);
            let late = begun.elapsed() > BEAT + self.bound;
            let next = if late { self.narrower(window) } else { self.wider(window) };
            self.window.store(next, Ordering::Relaxed);
            self.last_us.store(micros(self.begun.elapsed()), Ordering::Relaxed);
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_runtime_that_is_kept_busy_takes_half_and_more_as_it_catches_up() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pulse = Pulse::start(Duration::from_millis(50), 4096, &tasks, &stop);
        sleep(BEAT * 2).await;
        assert_eq!(pulse.window(), 4096);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(pulse.window(), 2048, "the beat that is due did not come");
        pulse.catch_up(|window| window > 2048).await;
        assert!(pulse.window() < 4096, "wider with each beat");
        pulse.catch_up(|window| window == 4096).await;
        assert_eq!(pulse.window(), 4096);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(pulse.window(), 4096, "a pulse that was stopped says nothing");
    }
}
