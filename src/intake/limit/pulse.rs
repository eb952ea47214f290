//! How much may be in flight: what the cores can do in time. A task sleeps for a beat and looks how late it was woken,
//! and who waited for a commit looks how late it goes on. What comes in now waits as long as that before anybody looks
//! at it, so this is the delay of the queue that no counter shows (as CoDel measures it, RFC 8289: by time, not by
//! length). Who is so many times too late narrows the window to that part of it, to half at least; each beat without
//! one widens it a little, as TCP finds out what a path can carry (RFC 5681).
//!
//! A window is not widened unless it is used (as RFC 7661 has it for TCP) and those in it go on: when the disk stands
//! still the cores idle, and all who were let in meanwhile would go on at one moment. Only after a while in which all
//! found room it widens unused, for the next who come at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Between two looks: a quarter of a delay that matters, and little work for an idle machine.
const BEAT: Duration = Duration::from_millis(5);
/// So many may be in flight however late the beats are: a window that were shut would learn nothing.
const FEW: usize = 32;
/// A beat in time widens the window by this share of it: twice as wide after a ninth of a second.
const WIDER_BY: usize = 32;
/// When nobody found the window full for so long, it is wide enough for what comes, and widens to what there may be.
const CALM_AFTER: Duration = Duration::from_secs(1);
/// A stream that is held back goes on after so long, whatever the pulse says.
const HELD_BACK_AT_MOST: Duration = Duration::from_secs(1);

/// When the last beat was, and what may be in flight since.
#[derive(Debug)]
pub(super) struct Pulse {
    bound: Duration,
    begun: Instant,
    most: usize,
    last_us: AtomicU64,
    narrowed_us: AtomicU64,
    resumed_late_us: AtomicU64,
    /// When somebody found no room last.
    full_us: AtomicU64,
    /// Whether somebody went on in time since the last beat.
    went_on: AtomicBool,
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
        let pulse = Arc::new(Self {
            bound,
            begun: Instant::now(),
            most,
            last_us: AtomicU64::new(0),
            narrowed_us: AtomicU64::new(0),
            resumed_late_us: AtomicU64::new(0),
            full_us: AtomicU64::new(0),
            went_on: AtomicBool::new(false),
            window: AtomicUsize::new(most),
        });
        let (beating, stop) = (Arc::clone(&pulse), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(beating.beat()).await;
            // Nothing measures any more, so nothing is late.
            beating.last_us.store(u64::MAX, Ordering::Relaxed);
            beating.window.store(beating.most, Ordering::Relaxed);
        });
        pulse
    }

    /// Whether one more may begin beside so many.
    pub(super) fn has_room(&self, in_flight: usize) -> bool {
        let has_room = in_flight < self.window();
        if !has_room {
            self.full_us.store(self.now_us(), Ordering::Relaxed);
        }
        has_room
    }

    /// What may be in flight now; less, when the beat that is due is too late already.
    fn window(&self) -> usize {
        let since_us = self.now_us().saturating_sub(self.last_us.load(Ordering::Relaxed));
        let window = self.window.load(Ordering::Relaxed);
        self.narrowed(window, since_us.saturating_sub(micros(BEAT))).unwrap_or(window)
    }

    /// Somebody goes on who could have at `ready`. What was under way when the window was narrowed says nothing new.
    pub(super) fn resumed(&self, ready: Instant) {
        let ready_us = micros(ready.saturating_duration_since(self.begun));
        let is_new = ready_us > self.narrowed_us.load(Ordering::Relaxed);
        let late_us = self.now_us().saturating_sub(ready_us);
        if late_us <= micros(self.bound) {
            self.went_on.store(true, Ordering::Relaxed);
        } else if is_new {
            self.resumed_late_us.fetch_max(late_us, Ordering::Relaxed);
        }
    }

    /// Waits until there is room for one more, for a while at the most.
    pub(super) async fn catch_up(&self, in_flight: impl Fn() -> usize) {
        let begun = Instant::now();
        while !self.has_room(in_flight()) && begun.elapsed() < HELD_BACK_AT_MOST {
            sleep(BEAT).await;
        }
    }

    async fn beat(&self) {
        loop {
            let begun = Instant::now();
            sleep(BEAT).await;
            let window = self.window.load(Ordering::Relaxed);
            let resumed_late_us = self.resumed_late_us.swap(0, Ordering::Relaxed);
            let late_us = micros(begun.elapsed().saturating_sub(BEAT)).max(resumed_late_us);
            if let Some(narrower) = self.narrowed(window, late_us) {
                self.window.store(narrower, Ordering::Relaxed);
                self.narrowed_us.store(self.now_us(), Ordering::Relaxed);
            } else if self.may_widen() {
                self.window.store(self.wider(window), Ordering::Relaxed);
            }
            self.last_us.store(self.now_us(), Ordering::Relaxed);
        }
    }

    /// Asked once a beat.
    fn may_widen(&self) -> bool {
        let full_us = self.full_us.load(Ordering::Relaxed);
        let went_on = self.went_on.swap(false, Ordering::Relaxed);
        let is_used = full_us > self.last_us.load(Ordering::Relaxed);
        (is_used && went_on) || self.now_us().saturating_sub(full_us) > micros(CALM_AFTER)
    }

    /// The part of a window that would have been in time, half of it at the most; none when it was in time.
    fn narrowed(&self, window: usize, late_us: u64) -> Option<usize> {
        let bound_us = micros(self.bound);
        let parts = usize::try_from(late_us / bound_us.max(1)).unwrap_or(usize::MAX).max(2);
        (late_us > bound_us).then(|| (window / parts).max(FEW).min(self.most))
    }

    fn wider(&self, window: usize) -> usize {
        window.saturating_add(window / WIDER_BY).min(self.most)
    }

    fn now_us(&self) -> u64 {
        micros(self.begun.elapsed())
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(50);

    impl Pulse {
        async fn until(&self, is_so: impl Fn(usize) -> bool) {
            while !is_so(self.window()) {
                sleep(BEAT).await;
            }
        }
    }

    #[tokio::test]
    async fn a_full_window_is_not_widened_while_nobody_goes_on() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pulse = Pulse::start(BOUND, 4096, &tasks, &stop);
        sleep(BOUND * 2).await;
        pulse.resumed(Instant::now().checked_sub(BOUND * 3 / 2).unwrap());
        pulse.until(|window| window < 4096).await;
        let narrow = pulse.window();
        for _ in 0..20 {
            assert!(!pulse.has_room(4096));
            sleep(BEAT / 2).await;
            assert!(pulse.window() <= narrow, "{} after {narrow}", pulse.window());
        }
        while pulse.window() <= narrow {
            assert!(!pulse.has_room(4096));
            pulse.resumed(Instant::now());
            sleep(BEAT / 2).await;
        }
    }

    #[tokio::test]
    async fn a_runtime_that_is_kept_busy_takes_half_and_more_as_it_catches_up() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pulse = Pulse::start(BOUND, 4096, &tasks, &stop);
        sleep(BEAT * 2).await;
        assert_eq!(pulse.window(), 4096);
        std::thread::sleep(Duration::from_millis(80));
        assert_eq!(pulse.window(), 2048, "the beat that is due did not come");
        std::thread::sleep(Duration::from_millis(140));
        assert!((32..=1024).contains(&pulse.window()), "four times too late: {}", pulse.window());
        pulse.until(|window| window > 1024).await;
        assert!(pulse.window() < 4096, "wider with each beat");
        pulse.until(|window| window == 4096).await;
        pulse.resumed(Instant::now().checked_sub(Duration::from_millis(51)).unwrap());
        pulse.until(|window| window < 4096).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(pulse.window(), 4096, "a pulse that was stopped says nothing");
    }
}
