//! Housekeeping on a thread of its own: prepares segments, lets go of delivered ones, watches the disk, persists the
//! books. Nothing here is on the way of a commit.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    Shared,
    ahead::Prepared,
    disk::{DiskFile, write_full},
    frame::SEGMENT_HEAD_BYTES,
    log::Segment,
};

/// How often it looks around.
const TURN: Duration = Duration::from_millis(250);
/// How often the books are made durable.
const BOOKS_SYNC: Duration = Duration::from_secs(1);
/// Expired segments left in place to be recycled.
const EXPIRED_MAX: usize = 2;
const ZEROS_BYTES: usize = 1 << 20;

/// The keeper's own state.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// The generation given to a segment last.
    pub(super) generation: u32,
    /// Files that were prepared before a restart, perhaps not to the end: generation and bytes.
    pub(super) spares: Vec<(u32, u64)>,
    books_synced: Instant,
    /// It was said already.
    prepare_failed: bool,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, generation: u32, spares: Vec<(u32, u64)>) -> Self {
        Self { shared, generation, spares, books_synced: Instant::now(), prepare_failed: false }
    }

    /// Runs until the spool is closed.
    pub(super) fn run(mut self) {
        let finish = Finish(Arc::clone(&self.shared));
        while self.shared.ahead.wait(TURN) {
            self.turn();
        }
        drop(finish);
        self.keep_books(true);
    }

    /// One look around.
    pub(super) fn turn(&mut self) {
        self.watch_floor();
        self.expire();
        if self.shared.ahead.is_missing() {
            self.prepare();
        }
        self.try_again();
        self.keep_books(false);
    }

    fn watch_floor(&mut self) {
        let below = self.is_below_floor(0);
        if self.shared.gate.below_floor.swap(below, Ordering::Relaxed) != below {
            if below {
                warn!(
                    floor_bytes = self.shared.bounds.disk_floor,
                    "the disk is below [spool] disk_floor; new answers are refused, delivery goes on: free some space"
                );
            } else {
                info!("the disk is above its floor again");
            }
        }
        if below {
            self.give_back();
        }
    }

    /// A disk that cannot say how much is free is not refused for that.
    fn is_below_floor(&self, more: u64) -> bool {
        let free = self.shared.disk.free_bytes(&self.shared.dir);
        free.is_ok_and(|free| free < self.shared.bounds.disk_floor.saturating_add(more))
    }

    /// Delivered segments give way when the disk is low.
    fn give_back(&self) {
        if let Some(segment) = self.shared.release_oldest() {
            self.remove(segment.generation);
        }
    }

    /// Removes delivered segments that are past their time, but for a few that will be recycled.
    fn expire(&self) {
        while self.shared.expired() > EXPIRED_MAX {
            let Some(segment) = self.shared.release_oldest() else { return };
            self.remove(segment.generation);
        }
    }

    fn remove(&self, generation: u32) {
        // The cursor that allows this must not be older than the file's absence.
        let removed =
            self.shared.sync_books().and_then(|()| self.shared.disk.remove(&self.shared.path(generation)));
        if let Err(error) = removed {
            warn!(%error, segment = generation, "a delivered segment could not be removed; the next start tries again");
        }
    }

    fn prepare(&mut self) {
        let why = match self.prepared() {
            Ok(Some(segment)) => {
                self.prepare_failed = false;
                return self.shared.ahead.ready(segment);
            }
            Ok(None) => "the budget or the disk has no room for one".to_owned(),
            Err(error) => error.to_string(),
        };
        self.shared.ahead.failed();
        if !std::mem::replace(&mut self.prepare_failed, true) {
            error!(%why, "no segment can be prepared for the spool; when the open one is full, answers are refused");
        }
    }

    /// A spare of an earlier run, else a recycled one, else a new one; none when neither budget nor disk allow it.
    fn prepared(&mut self) -> io::Result<Option<Prepared>> {
        while let Some((generation, len)) = self.spares.pop() {
            if len == self.shared.bounds.segment_bytes {
                return self.reopen(generation, len).map(Some);
            }
            self.remove(generation);
        }
        let new_is_allowed = !self.over_budget() && !self.is_below_floor(self.shared.bounds.segment_bytes);
        if !new_is_allowed || self.shared.expired() > 0 {
            while let Some(segment) = self.shared.release_oldest() {
                if segment.spoiled || segment.len != self.shared.bounds.segment_bytes {
                    self.remove(segment.generation);
                    continue;
                }
                return self.recycle(&segment).map(Some);
            }
        }
        if !self.over_budget() && !self.is_below_floor(self.shared.bounds.segment_bytes) {
            return self.zero_filled().map(Some);
        }
        Ok(None)
    }

    fn over_budget(&self) -> bool {
        let bytes = self.shared.log().disk_bytes();
        bytes.saturating_add(self.shared.bounds.segment_bytes) > self.shared.bounds.budget
    }

    fn reopen(&self, generation: u32, len: u64) -> io::Result<Prepared> {
        let file = self.shared.disk.open(&self.shared.path(generation))?;
        Ok(Prepared { file, generation, len })
    }

    /// Only the name changes: the old frames carry an older generation.
    fn recycle(&mut self, old: &Segment) -> io::Result<Prepared> {
        self.shared.sync_books()?;
        let generation = self.next_generation();
        self.shared.disk.rename(&self.shared.path(old.generation), &self.shared.path(generation))?;
        self.shared.disk.sync_dir(&self.shared.dir)?;
        self.reopen(generation, old.len)
    }

    fn zero_filled(&mut self) -> io::Result<Prepared> {
        let (generation, len) = (self.next_generation(), self.shared.bounds.segment_bytes);
        let path = self.shared.path(generation);
        let file = self.shared.disk.create(&path)?;
        match fill(&*file, len).and_then(|()| self.shared.disk.sync_dir(&self.shared.dir)) {
            Ok(()) => Ok(Prepared { file, generation, len }),
            Err(error) => {
                drop(file);
                self.remove_half_made(path);
                Err(error)
            }
        }
    }

    fn remove_half_made(&self, path: PathBuf) {
        if let Err(error) = self.shared.disk.remove(&path) {
            warn!(%error, "a half-made segment could not be removed; the next start removes it");
        }
    }

    fn next_generation(&mut self) -> u32 {
        self.generation = self.generation.saturating_add(1);
        self.generation
    }

    /// After failed commits: once the prepared segment takes a write and an fsync, records are let in again.
    fn try_again(&self) {
        if !self.shared.may_try_again() {
            return;
        }
        let works = |segment: Prepared| {
            let written = write_full(&*segment.file, &[0; SEGMENT_HEAD_BYTES], 0)
                .and_then(|()| segment.file.sync_data());
            self.shared.ahead.ready(segment);
            written.is_ok()
        };
        if self.shared.ahead.lend().is_some_and(works) {
            info!("the disk takes writes again; the spool is open");
            self.shared.gate.failing.store(false, Ordering::Relaxed);
        } else {
            self.shared.start_failing();
        }
    }

    pub(super) fn keep_books(&mut self, now: bool) {
        let kept = if now || self.books_synced.elapsed() >= BOOKS_SYNC {
            self.books_synced = Instant::now();
            self.shared.sync_books()
        } else {
            self.shared.note_books()
        };
        if let Err(error) = kept {
            error!(%error, "the spool's cursor could not be written; after a crash more is delivered twice");
        }
    }
}

fn fill(file: &dyn DiskFile, len: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = 0;
    while at < len {
        let left = usize::try_from(len - at).unwrap_or(usize::MAX).min(ZEROS_BYTES);
        write_full(file, zeros.get(..left).unwrap_or(&zeros), at)?;
        at += left as u64;
    }
    file.sync_data()
}

/// Also when the keeper's thread panics, the writer does not wait for a segment for ever.
struct Finish(Arc<Shared>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.ahead.close();
    }
}
