//! The one writer: takes everything that waits, writes it at once, makes it durable, tells each waiter.

use std::{collections::VecDeque, io, sync::Arc, time::Instant};

use tracing::{error, warn};

use super::{
    Shared,
    ahead::Prepared,
    disk::write_full,
    frame::{self, SegmentHead, frame_bytes},
    gate::STALLED_AFTER,
    log::Segment,
    queue::{AppendError, Waiting},
};
use crate::clock::Timestamp;

/// Bytes of one commit at the most: what a crash can tear, and what recovery wipes behind the last frame.
pub(super) const COMMIT_BYTES_MAX: usize = 4 << 20;

/// Failed commits in a row after which nothing more is let in until the disk has been tried.
const FAILURES_MAX: u32 = 2;

/// The writer's own state; only its thread touches it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) open: Option<OpenSegment>,
    /// The sequence of the next record.
    pub(super) next: u64,
    /// The generation opened last.
    pub(super) previous: u32,
    backlog: VecDeque<Waiting>,
    buffer: Vec<u8>,
    failures: u32,
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) segment: Prepared,
    /// Bytes that are durable; 0 before its head is.
    pub(super) end: u64,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, open: Option<OpenSegment>, next: u64, previous: u32) -> Self {
        Self { shared, open, next, previous, backlog: VecDeque::new(), buffer: Vec::new(), failures: 0 }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let finish = Finish(Arc::clone(&self.shared));
        while self.turn() {}
        drop(finish);
    }

    /// One commit of what waits; waits for something. False when there will be no more.
    pub(super) fn turn(&mut self) -> bool {
        let more = self.shared.queue.take(&mut self.backlog);
        if more {
            let started = Instant::now();
            self.shared.gate.commit_begins();
            self.commit();
            self.shared.gate.commit_ends();
            let took = started.elapsed();
            if took >= STALLED_AFTER {
                warn!(?took, "the disk has ended a commit that it held up; answers were refused meanwhile");
            }
        }
        more
    }

    #[cfg(test)]
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    fn commit(&mut self) {
        let started = Instant::now();
        let at = self.shared.clock.now();
        let Some(mut open) = self.segment_for_next() else {
            return self.refuse_all();
        };
        let batch = self.encode(&open, at);
        match self.write(&mut open) {
            Ok(()) => {
                self.publish(&open, batch, at);
                self.open = Some(open);
                self.shared.commit_seconds.observe(started.elapsed().as_secs_f64());
            }
            Err(error) => self.spoil(&open, batch, &error),
        }
    }

    /// The open segment when the next record fits in it, else the prepared one.
    fn segment_for_next(&mut self) -> Option<OpenSegment> {
        let needed = self.backlog.front().map_or(0, |waiting| frame_bytes(waiting.record.len())) as u64;
        if let Some(open) = self.open.take() {
            if open.end + needed <= open.segment.len {
                return Some(open);
            }
            self.shared.log().seal(false);
        }
        self.shared.ahead.take().map(|segment| OpenSegment { segment, end: 0 })
    }

    /// Encodes what waits, as far as it fits in the segment and in one commit.
    fn encode(&mut self, open: &OpenSegment, at: Timestamp) -> Vec<Waiting> {
        self.buffer.clear();
        if open.end == 0 {
            self.buffer.extend_from_slice(&self.head(open, at).encode());
        }
        let left = usize::try_from(open.segment.len - open.end).unwrap_or(usize::MAX);
        let mut batch = Vec::with_capacity(self.backlog.len());
        while let Some(waiting) = self.backlog.pop_front() {
            let bytes = self.buffer.len() + frame_bytes(waiting.record.len());
            if bytes > left || (bytes > COMMIT_BYTES_MAX && !batch.is_empty()) {
                self.backlog.push_front(waiting);
                break;
            }
            let sequence = self.next + batch.len() as u64;
            frame::encode(&mut self.buffer, open.segment.generation, sequence, at, &waiting.record);
            batch.push(waiting);
        }
        batch
    }

    fn head(&self, open: &OpenSegment, at: Timestamp) -> SegmentHead {
        SegmentHead {
            generation: open.segment.generation,
            previous: self.previous,
            first: self.next,
            opened_at: at,
        }
    }

    fn write(&self, open: &mut OpenSegment) -> io::Result<()> {
        write_full(&*open.segment.file, &self.buffer, open.end)?;
        open.segment.file.sync_data()?;
        open.end += self.buffer.len() as u64;
        Ok(())
    }

    fn publish(&mut self, open: &OpenSegment, batch: Vec<Waiting>, at: Timestamp) {
        let first = self.next;
        self.next += batch.len() as u64;
        let mut log = self.shared.log();
        if self.previous != open.segment.generation {
            log.opened(segment(open, first, at, self.shared.clock.steady()));
            self.previous = open.segment.generation;
        }
        log.committed(open.end, self.next - 1, at);
        self.shared.refresh_live(&log);
        drop(log);
        self.failures = 0;
        self.shared.changed.send_replace(());
        // Before anybody goes on who waited for it.
        self.shared.gate.commit_ends();
        let ended = Instant::now();
        for (sequence, waiting) in (first..).zip(batch) {
            waiting.landed(sequence, ended);
        }
    }

    /// A failed fsync may have dropped the pages and would succeed the next time, so this file is never written again;
    /// the sequences are used again by the next segment, and whatever landed here behind them does not count.
    fn spoil(&mut self, open: &OpenSegment, batch: Vec<Waiting>, error: &io::Error) {
        error!(%error, segment = open.segment.generation, records = batch.len(),
            "a commit to the spool failed; the segment is sealed: check the disk under the data directory");
        if self.previous == open.segment.generation {
            let mut log = self.shared.log();
            log.seal(true);
            self.shared.refresh_live(&log);
        } else {
            self.discard(open.segment.generation);
        }
        self.count_failure();
        batch.into_iter().for_each(|waiting| waiting.failed(AppendError::NotWritten));
    }

    /// A segment whose very first commit failed holds nothing.
    fn discard(&self, generation: u32) {
        if let Err(error) = self.shared.disk.remove(&self.shared.path(generation)) {
            warn!(%error, segment = generation, "a segment without records could not be removed; the next start does without");
        }
    }

    /// There is no segment to write to.
    fn refuse_all(&mut self) {
        self.failures = FAILURES_MAX;
        self.count_failure();
        self.backlog.drain(..).for_each(|waiting| waiting.failed(AppendError::NotWritten));
    }

    fn count_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            self.shared.start_failing();
        }
    }
}

fn segment(open: &OpenSegment, first: u64, opened_at: Timestamp, aged_from: Timestamp) -> Segment {
    Segment {
        generation: open.segment.generation,
        first,
        opened_at,
        aged_from,
        len: open.segment.len,
        end: open.end,
        sealed: false,
        spoiled: false,
    }
}

/// Also when the writer's thread panics, nobody waits for ever.
struct Finish(Arc<Shared>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.gate.close();
        self.0.queue.finish();
    }
}
