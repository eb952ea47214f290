//! Housekeeping on a thread of its own: prepares segments, lets go of delivered ones, watches the disk, persists the
//! books. Nothing here is on the way of a commit.

use std::{
    collections::VecDeque,
    io,
    path::Path,
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
    /// Files that were prepared before a restart, perhaps not to the end: generation and bytes, oldest first. They are
    /// used in that order: a later start reads the segments in the order of their generations.
    pub(super) spares: VecDeque<(u32, u64)>,
    books_synced: Instant,
    /// Each was said already.
    prepare_failed: bool,
    removal_failed: bool,
    books_failed: bool,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, generation: u32, spares: VecDeque<(u32, u64)>) -> Self {
        Self {
            shared,
            generation,
            spares,
            books_synced: Instant::now(),
            prepare_failed: false,
            removal_failed: false,
            books_failed: false,
        }
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
    fn give_back(&mut self) {
        if let Some(segment) = self.shared.release_oldest() {
            self.remove_or_keep(segment);
        }
    }

    /// Removes delivered segments that are past their time, but for a few that will be recycled.
    fn expire(&mut self) {
        while self.shared.expired() > EXPIRED_MAX {
            let Some(segment) = self.shared.release_oldest() else { return };
            if !self.remove_or_keep(segment) {
                return;
            }
        }
    }

    /// Says whether the segment's file is gone.
    fn remove_or_keep(&mut self, segment: Segment) -> bool {
        let generation = segment.generation;
        let removed = self.let_go(segment, |shared| shared.disk.remove(&shared.path(generation)));
        let failed_before = std::mem::replace(&mut self.removal_failed, removed.is_err());
        if let Err(error) = &removed
            && !failed_before
        {
            warn!(%error, segment = generation, "a delivered segment could not be removed; it is tried again");
        }
        removed.is_ok()
    }

    /// Takes a released segment's file away. When that fails the segment is put back, so that its bytes count on.
    fn let_go(&self, segment: Segment, take: impl FnOnce(&Shared) -> io::Result<()>) -> io::Result<()> {
        // The cursor that allows this must not be older than the file's absence.
        let taken = self.shared.sync_both_books().and_then(|()| take(&self.shared));
        let mut log = self.shared.log();
        match taken {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log.put_back(segment);
                Err(error)
            }
            _ => {
                log.gone();
                Ok(())
            }
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

    /// A spare of an earlier run, else a recycled one, else a new one; none when neither budget nor disk allow it. A
    /// delivered one gives way before its time when a new one cannot be had.
    fn prepared(&mut self) -> io::Result<Option<Prepared>> {
        if let Some(spare) = self.spare()? {
            return Ok(Some(spare));
        }
        let mut full = None;
        if self.has_room() && self.shared.expired() == 0 {
            match self.zero_filled() {
                // A quota does not show in what is free.
                Err(error) if is_full(&error) => full = Some(error),
                made => return made.map(Some),
            }
        }
        if let Some(recycled) = self.recycled()? {
            return Ok(Some(recycled));
        }
        match full {
            Some(error) => Err(error),
            None if self.has_room() => self.zero_filled().map(Some),
            None => Ok(None),
        }
    }

    /// The oldest delivered segment that is fit to be used again; others are removed on the way.
    fn recycled(&mut self) -> io::Result<Option<Prepared>> {
        while let Some(segment) = self.shared.release_oldest() {
            if !segment.spoiled && segment.len == self.shared.bounds.segment_bytes {
                self.recycle(segment)?;
                return self.spare();
            }
            if !self.remove_or_keep(segment) {
                break;
            }
        }
        Ok(None)
    }

    fn has_room(&self) -> bool {
        !self.over_budget() && !self.is_below_floor(self.shared.bounds.segment_bytes)
    }

    fn over_budget(&self) -> bool {
        let bytes = self.shared.log().disk_bytes();
        bytes.saturating_add(self.shared.bounds.segment_bytes) > self.shared.bounds.budget
    }

    /// A file that has its name, and no frames of its generation.
    fn spare(&mut self) -> io::Result<Option<Prepared>> {
        while let Some((generation, len)) = self.spares.pop_front() {
            let path = self.shared.path(generation);
            if len != self.shared.bounds.segment_bytes {
                self.remove_half_made(&path);
                continue;
            }
            // Its name may be new, and what is written to it must be found under it.
            let opened =
                self.shared.disk.sync_dir(&self.shared.dir).and_then(|()| self.shared.disk.open(&path));
            match opened {
                Ok(file) => return Ok(Some(Prepared { file, generation, len })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.spares.push_front((generation, len));
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Makes a spare of a delivered segment. Only the name changes: the old frames carry an older generation.
    fn recycle(&mut self, old: Segment) -> io::Result<()> {
        let (generation, len) = (self.next_generation(), old.len);
        let from = self.shared.path(old.generation);
        self.let_go(old, |shared| shared.disk.rename(&from, &shared.path(generation)))?;
        self.spares.push_back((generation, len));
        Ok(())
    }

    fn zero_filled(&mut self) -> io::Result<Prepared> {
        let (generation, len) = (self.next_generation(), self.shared.bounds.segment_bytes);
        let path = self.shared.path(generation);
        let file = self.shared.disk.create(&path)?;
        match fill(&*file, len).and_then(|()| self.shared.disk.sync_dir(&self.shared.dir)) {
            Ok(()) => Ok(Prepared { file, generation, len }),
            Err(error) => {
                drop(file);
                self.remove_half_made(&path);
                Err(error)
            }
        }
    }

    fn remove_half_made(&self, path: &Path) {
        if let Err(error) = self.shared.disk.remove(path) {
            warn!(%error, "a file that is no whole segment could not be removed; the next start removes it");
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
        let failed_before = std::mem::replace(&mut self.books_failed, kept.is_err());
        if let Err(error) = kept
            && !failed_before
        {
            error!(%error, "the spool's cursor cannot be written; delivery goes on, but after a crash more is delivered twice: check the disk under the data directory");
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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
