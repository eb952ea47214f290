//! Whether there is more to do than the cores can: a task that sleeps for a beat and looks how late it was woken. What
//! comes in now waits as long as that before anybody looks at it, so this is the delay of the queue that no counter
//! shows (as CoDel measures it, RFC 8289: by time, not by length).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Between two looks: a quarter of a delay that matters, and little work for an idle machine.
const BEAT: Duration = Duration::from_millis(5);
/// Who was late stays behind for so long (CoDel's interval): else all that waits would be let in between two late
/// beats.
const STAYS_BEHIND: Duration = Duration::from_millis(100);
/// A stream that is held back goes on after so long, whatever the pulse says.
const HELD_BACK_AT_MOST: Duration = Duration::from_secs(1);

/// When the last beat was, and until when it counts as late.
#[derive(Debug)]
pub(super) struct Pulse {
    bound: Duration,
    begun: Instant,
    last_us: AtomicU64,
    behind_until_us: AtomicU64,
}

impl Pulse {
    /// Beats until `stop`; more than `bound` late is behind.
    pub(super) fn start(bound: Duration, tasks: &TaskTracker, stop: &CancellationToken) -> Arc<Self> {
        let (last_us, behind_until_us) = (AtomicU64::new(0), AtomicU64::new(0));
        let pulse = Arc::new(Self { bound, begun: Instant::now(), last_us, behind_until_us });
        let (beating, stop) = (Arc::clone(&pulse), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(beating.beat()).await;
            // Nothing measures any more, so nothing is late.
            beating.last_us.store(u64::MAX, Ordering::Relaxed);
            beating.behind_until_us.store(0, Ordering::Relaxed);
        });
        pulse
    }

    /// Whether a beat was too late a moment ago, or the next one is already.
    pub(super) fn is_behind(&self) -> bool {
        let now_us = micros(self.begun.elapsed());
        let since_us = now_us.saturating_sub(self.last_us.load(Ordering::Relaxed));
        since_us > micros(BEAT + self.bound) || now_us < self.behind_until_us.load(Ordering::Relaxed)
    }

    /// Waits until it is not behind, for a while at the most.
    pub(super) async fn catch_up(&self) {
        let begun = Instant::now();
        while self.is_behind() && begun.elapsed() < HELD_BACK_AT_MOST {
            sleep(BEAT).await;
        }
    }

    async fn beat(&self) {
        loop {
            let begun = Instant::now();
            sleep(BEAT).await;
            let now_us = micros(self.begun.elapsed());
            if begun.elapsed() > BEAT + self.bound {
                self.behind_until_us.store(now_us + micros(STAYS_BEHIND), Ordering::Relaxed);
            }
            self.last_us.store(now_us, Ordering::Relaxed);
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
    async fn a_runtime_that_is_kept_busy_is_behind_until_it_has_caught_up() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pulse = Pulse::start(Duration::from_millis(50), &tasks, &stop);
        sleep(BEAT * 2).await;
        std::thread::sleep(Duration::from_millis(100));
        assert!(pulse.is_behind(), "the beat that is due did not come");
        sleep(BEAT).await;
        pulse.catch_up().await;
        assert!(!pulse.is_behind());
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        std::thread::sleep(Duration::from_millis(100));
        assert!(!pulse.is_behind(), "a pulse that was stopped says nothing");
    }
}
