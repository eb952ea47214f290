//! Who may append: bytes, places in the queue, and whether the disk can take more. Asked by every submission, so
//! nothing here locks or waits for the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::frame::frame_bytes;
use crate::clock::{Clock, Timestamp};

/// Why the spool takes nothing more. Delivery goes on, so all but the last may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Undelivered records have used up `[spool] budget`.
    #[error(
        "the spool's byte budget is used up by undelivered records: see why the store does not take them, or raise [spool] budget"
    )]
    Budget,
    /// The disk is below its floor, or writes to it fail.
    #[error("the disk under the data directory is full or fails: free some space or replace it")]
    Disk,
    /// A commit does not end.
    #[error(
        "the disk under the data directory has not ended a commit for {STALLED_AFTER:?}: check that disk"
    )]
    Stalled,
    /// `[spool] queue` records wait for their commit.
    #[error("too many records wait for the disk at once: the disk is slower than what comes in")]
    Queue,
    /// The record is larger than a segment can hold.
    #[error("the record does not fit in a segment: raise [spool] segment_bytes")]
    Record,
    /// The gateway is stopping.
    #[error("the spool is closed: the gateway is stopping")]
    Closed,
}

/// A record with a long comment: where this finds no room, the spool is as good as full.
const ORDINARY_BYTES: usize = 8 * 1024;

/// A commit that takes longer is waited for, but nothing more is let in: what came in now would wait as long.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(2);
/// No commit is being made.
const IDLE: i64 = i64::MIN;

/// The bounds, and what is taken of them.
#[derive(Debug)]
pub(super) struct Gate {
    /// Bytes that undelivered frames may take.
    pub(super) budget: u64,
    /// Bytes of the largest frame.
    pub(super) frame_bytes_max: u64,
    /// Rooms at once.
    pub(super) places: usize,
    /// Bytes between the cursor and the end of the log.
    pub(super) live: AtomicU64,
    /// Bytes of all rooms.
    pub(super) reserved: AtomicU64,
    /// How many rooms there are.
    pub(super) taken: AtomicUsize,
    /// The disk has less than its floor left.
    pub(super) below_floor: AtomicBool,
    /// Commits fail, or no segment could be prepared.
    pub(super) failing: AtomicBool,
    /// No more appends.
    pub(super) closed: AtomicBool,
    /// When the commit began that is being made, in steady microseconds.
    committing_since: AtomicI64,
    clock: Clock,
}

impl Gate {
    pub(super) const fn new(budget: u64, frame_bytes_max: u64, places: usize, clock: Clock) -> Self {
        Self {
            budget,
            frame_bytes_max,
            places,
            live: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            taken: AtomicUsize::new(0),
            below_floor: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            committing_since: AtomicI64::new(IDLE),
            clock,
        }
    }

    /// Room for a record of this many bytes.
    pub(super) fn reserve(self: &Arc<Self>, record_bytes: usize) -> Result<Room, Full> {
        let bytes = frame_bytes(record_bytes) as u64;
        self.open_for(bytes)?;
        let room = Room { gate: Arc::clone(self), bytes };
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let reserved = self.reserved.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if taken >= self.places {
            return Err(Full::Queue);
        }
        if self.live.load(Ordering::Relaxed).saturating_add(reserved) > self.budget {
            return Err(Full::Budget);
        }
        Ok(room)
    }

    /// What a record of [`ORDINARY_BYTES`] would be told now.
    pub(super) fn state(&self) -> Result<(), Full> {
        self.open_for(0)?;
        let used = self.live.load(Ordering::Relaxed).saturating_add(self.reserved.load(Ordering::Relaxed));
        if self.taken.load(Ordering::Relaxed) >= self.places {
            return Err(Full::Queue);
        }
        if used.saturating_add(frame_bytes(ORDINARY_BYTES) as u64) > self.budget {
            return Err(Full::Budget);
        }
        Ok(())
    }

    /// No more rooms.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// From here on the writer waits for the disk.
    pub(super) fn commit_begins(&self) {
        self.committing_since.store(self.clock.steady().as_micros(), Ordering::Relaxed);
    }

    /// The commit has ended, well or not.
    pub(super) fn commit_ends(&self) {
        self.committing_since.store(IDLE, Ordering::Relaxed);
    }

    fn is_stalled(&self) -> bool {
        let since = self.committing_since.load(Ordering::Relaxed);
        since != IDLE && self.clock.steady().since(Timestamp::from_micros(since)) >= STALLED_AFTER
    }

    fn open_for(&self, bytes: u64) -> Result<(), Full> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Full::Closed);
        }
        if self.below_floor.load(Ordering::Relaxed) || self.failing.load(Ordering::Relaxed) {
            return Err(Full::Disk);
        }
        if self.is_stalled() {
            return Err(Full::Stalled);
        }
        if bytes > self.frame_bytes_max { Err(Full::Record) } else { Ok(()) }
    }
}

/// A place in the queue and bytes in the log, held for one record; given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Room {
    gate: Arc<Gate>,
    bytes: u64,
}

impl Room {
    /// Makes the room as large as the record turned out to be. A little more than was asked for is granted, because
    /// the claim is made by now; more than a segment holds is not.
    pub(super) fn fit(&mut self, record_bytes: usize) -> Result<(), Full> {
        let bytes = frame_bytes(record_bytes) as u64;
        if bytes > self.gate.frame_bytes_max {
            return Err(Full::Record);
        }
        self.gate.reserved.fetch_add(bytes, Ordering::Relaxed);
        self.gate.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.gate.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
        self.gate.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
