//! What the handles, the reader and the two threads share.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::{sync::watch, time::Instant};

use super::{
    Status,
    ahead::Ahead,
    books::BooksFile,
    disk::Disk,
    frame::SEGMENT_HEAD_BYTES,
    gate::Gate,
    log::{Log, Replay, Segment},
    queue::Queue,
    recovery::locate,
    scan, segment_path,
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
};

/// A small budget makes the segments smaller, so that it holds this many.
const SEGMENTS_MIN: u64 = 8;
/// Segments are whole pages of this size, and no smaller than sixteen.
const PAGE_BYTES: u64 = 4_096;
/// Of the budget, for a segment partly delivered, the open and the prepared one.
const SEGMENTS_APART: u64 = 3;
/// After failed commits the disk is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What the configuration allows, made fit for use.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) budget: u64,
    pub(super) segment_bytes: u64,
    pub(super) disk_floor: u64,
    pub(super) keep_delivered: Duration,
}

impl Bounds {
    fn new(settings: &settings::Spool) -> Self {
        let wanted = settings.segment_bytes.min(settings.budget / SEGMENTS_MIN);
        Self {
            budget: settings.budget,
            segment_bytes: wanted.next_multiple_of(PAGE_BYTES).max(16 * PAGE_BYTES),
            disk_floor: settings.disk_floor,
            keep_delivered: settings.keep_delivered,
        }
    }

    /// Bytes that may lie between the cursor and the end.
    fn live_bytes(&self) -> u64 {
        self.budget.saturating_sub(SEGMENTS_APART * self.segment_bytes).max(self.segment_bytes)
    }
}

/// Everything but the threads.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Clock,
    pub(super) bounds: Bounds,
    pub(super) gate: Arc<Gate>,
    pub(super) queue: Queue,
    pub(super) ahead: Ahead,
    pub(super) changed: watch::Sender<()>,
    pub(super) commit_seconds: Histogram,
    log: Mutex<Log>,
    /// Locked after `log`, never before it.
    books: Mutex<BooksFile>,
    failing_since: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(
        dir: PathBuf,
        disk: Arc<dyn Disk>,
        clock: Clock,
        settings: &settings::Spool,
        log: Log,
        books: BooksFile,
    ) -> Self {
        let bounds = Bounds::new(settings);
        let frame_bytes_max = bounds.segment_bytes - SEGMENT_HEAD_BYTES as u64;
        let gate = Gate::new(bounds.live_bytes(), frame_bytes_max, settings.queue, clock.clone());
        let shared = Self {
            dir,
            disk,
            clock,
            gate: Arc::new(gate),
            bounds,
            queue: Queue::default(),
            ahead: Ahead::wanted(),
            changed: watch::Sender::new(()),
            commit_seconds: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            log: Mutex::new(log),
            books: Mutex::new(books),
            failing_since: Mutex::new(None),
        };
        shared.refresh_live(&shared.log());
        shared
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self, generation: u32) -> PathBuf {
        segment_path(&self.dir, generation)
    }

    /// Tells the gate how much lies between the cursor and the end.
    pub(super) fn refresh_live(&self, log: &Log) {
        self.gate.live.store(log.live_bytes(), Ordering::Relaxed);
    }

    pub(super) fn advance(&self, through: u64, dead_lettered: u64) -> io::Result<()> {
        let mut log = self.log();
        let epoch = log.epoch;
        if !log.advance(through, dead_lettered) {
            return Ok(());
        }
        self.refresh_live(&log);
        if log.epoch != epoch {
            self.changed.send_replace(());
        }
        self.write_books(&log)
    }

    pub(super) fn replay(&self, since: Timestamp) -> io::Result<u64> {
        let segments = self.log().segments.clone();
        let Some(after) = scan::before_first_since(self, &segments, since)? else { return Ok(0) };
        let whole = self.log().books.whole_marks(after);
        let kept_after = segments.front().map_or(0, |oldest| oldest.first.saturating_sub(1));
        let (place, oldest) = locate(&*self.disk, &self.dir, &segments, whole.max(kept_after))?;
        let mut log = self.log();
        let again = log.ask_replay(Replay { after: place, oldest });
        self.refresh_live(&log);
        self.write_books(&log)?;
        drop(log);
        self.changed.send_replace(());
        Ok(again)
    }

    pub(super) fn status(&self) -> Status {
        let log = self.log();
        Status {
            appended: log.books.durable,
            delivered: log.books.delivered,
            spooled: log.spooled(),
            dead_lettered: log.books.dead_lettered,
            set_aside: log.books.set_aside,
            bytes: log.live_bytes(),
            oldest_undelivered: log.oldest_undelivered(),
            segments: log.segments.len(),
            accepting: self.gate.state(),
        }
    }

    /// Writes the books and makes them durable.
    pub(super) fn sync_books(&self) -> io::Result<()> {
        self.note_books()?;
        // Not under the log's lock: an fsync may take long, and commits need it.
        let Some((file, turn)) = self.books().to_sync() else { return Ok(()) };
        if let Err(error) = file.sync_data() {
            self.books().not_synced();
            return Err(error);
        }
        self.books().synced(turn);
        Ok(())
    }

    /// Makes the books durable in both slots, before a segment goes: the older one must not point into it either,
    /// should the newer one not be readable.
    pub(super) fn sync_both_books(&self) -> io::Result<()> {
        self.sync_books()?;
        self.books().write_again()?;
        self.sync_books()
    }

    /// Writes the books; they outlive the process, if not the power.
    pub(super) fn note_books(&self) -> io::Result<()> {
        self.write_books(&self.log())
    }

    fn write_books(&self, log: &Log) -> io::Result<()> {
        self.books().write(&log.books)
    }

    fn books(&self) -> MutexGuard<'_, BooksFile> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest segment out of the log when it is delivered.
    pub(super) fn release_oldest(&self) -> Option<Segment> {
        self.log().release_oldest()
    }

    /// How many delivered segments are past their time. A clock that is set forward by mistake must not take away what
    /// a restored store may need.
    pub(super) fn expired(&self) -> usize {
        self.log().expired(self.clock.steady().before(self.bounds.keep_delivered))
    }

    /// Lets nothing in until the disk was tried.
    pub(super) fn start_failing(&self) {
        *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.gate.failing.store(true, Ordering::Relaxed);
    }

    /// Whether it is time to try the disk again.
    pub(super) fn may_try_again(&self) -> bool {
        let since = *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.failing.load(Ordering::Relaxed) && since.is_some_and(|since| since.elapsed() >= TRY_AGAIN)
    }
}
