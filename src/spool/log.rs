//! What is in the log, without its bytes: segments, the cursor, and the books. Pure: nothing here reads or writes.

use std::collections::VecDeque;

use super::{
    books::{Books, Mark, MarkKind},
    frame::SEGMENT_HEAD_BYTES,
};
use crate::clock::Timestamp;

/// A position between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The last sequence before it.
    pub(super) sequence: u64,
    /// Its segment; when that is gone, the start of the next one is meant.
    pub(super) generation: u32,
    /// Its offset there.
    pub(super) offset: u64,
}

/// A segment that holds, or may hold, frames.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) generation: u32,
    /// The sequence of its first frame.
    pub(super) first: u64,
    pub(super) opened_at: Timestamp,
    /// The same by the steady clock, for its age.
    pub(super) aged_from: Timestamp,
    /// Bytes of the file.
    pub(super) len: u64,
    /// Bytes that are durable; of a sealed segment all.
    pub(super) end: u64,
    pub(super) sealed: bool,
    /// A commit on it failed: it is read, but never written again, not even recycled.
    pub(super) spoiled: bool,
}

/// A frame that was read and is not yet delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) place: Place,
    pub(super) appended_at: Timestamp,
}

/// What to read next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: Place,
    /// Where it ends.
    pub(super) end: u64,
    /// The last sequence that belongs there; later ones were never acknowledged.
    pub(super) through: u64,
}

/// The state behind the one lock.
#[derive(Debug)]
pub(super) struct Log {
    /// Oldest first; the last one may be open.
    pub(super) segments: VecDeque<Segment>,
    /// Everything before it is delivered.
    pub(super) cursor: Place,
    /// Read and not delivered, in order. As long as the forwarder's window allows.
    pub(super) read: VecDeque<Step>,
    /// Counted, and persisted with the cursor.
    pub(super) books: Books,
    /// When the oldest undelivered record was appended, or an earlier time while that one is not read yet.
    oldest: Timestamp,
    /// Goes up when the cursor moved under the reader.
    pub(super) epoch: u64,
    /// A replay that waits until nothing is on the way.
    replay: Option<Replay>,
}

/// Where to send again from, and when the record there was appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    pub(super) after: Place,
    pub(super) oldest: Timestamp,
}

impl Log {
    pub(super) fn new(segments: VecDeque<Segment>, cursor: Place, books: Books, oldest: Timestamp) -> Self {
        Self { segments, cursor, read: VecDeque::new(), books, oldest, epoch: 0, replay: None }
    }

    /// A segment was opened with its first commit.
    pub(super) fn opened(&mut self, segment: Segment) {
        self.segments.push_back(segment);
    }

    /// Frames up to this sequence and offset of the open segment are durable.
    pub(super) fn committed(&mut self, end: u64, durable: u64, at: Timestamp) {
        if self.spooled() == 0 {
            self.oldest = at;
        }
        if let Some(open) = self.segments.back_mut() {
            open.end = end;
        }
        self.books.durable = durable;
    }

    /// Nothing more comes into the open segment.
    pub(super) fn seal(&mut self, spoiled: bool) {
        if let Some(open) = self.segments.back_mut().filter(|last| !last.sealed) {
            open.sealed = true;
            open.spoiled = spoiled;
            if !spoiled {
                open.end = open.len;
            }
        }
    }

    /// Bytes between the cursor and the end of the log.
    pub(super) fn live_bytes(&self) -> u64 {
        let bytes = |segment: &Segment| {
            let end = if segment.sealed { segment.len } else { segment.end };
            let from = if segment.generation == self.cursor.generation { self.cursor.offset } else { 0 };
            end.saturating_sub(from)
        };
        self.segments.iter().rev().take_while(|s| s.generation >= self.cursor.generation).map(bytes).sum()
    }

    /// Bytes of all segments.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Records that are appended and neither delivered nor set aside.
    pub(super) fn spooled(&self) -> u64 {
        let (from, through) = (self.cursor.sequence, self.books.durable);
        through.saturating_sub(from).saturating_sub(self.books.marked(MarkKind::SetAside, from, through))
    }

    /// When the oldest undelivered record was appended.
    pub(super) fn oldest_undelivered(&self) -> Option<Timestamp> {
        let oldest = self.read.front().map_or(self.oldest, |step| step.appended_at);
        (self.spooled() > 0).then_some(oldest)
    }

    /// What the reader may read from a place; none when it has read everything, or a replay waits.
    pub(super) fn stretch(&self, place: Place) -> Option<Stretch> {
        if self.replay.is_some() {
            return None;
        }
        let head = SEGMENT_HEAD_BYTES as u64;
        let mut rest =
            self.segments.iter().skip_while(|segment| segment.generation < place.generation).peekable();
        while let Some(segment) = rest.next() {
            let here = segment.generation == place.generation;
            let offset = if here { place.offset.max(head) } else { head };
            let through = rest.peek().map_or(self.books.durable, |next| next.first.saturating_sub(1));
            if offset < segment.end && place.sequence < through {
                let from = Place { sequence: place.sequence, generation: segment.generation, offset };
                return Some(Stretch { from, end: segment.end, through });
            }
        }
        None
    }

    /// A frame was read; one that was read before is not noted twice.
    pub(super) fn note_read(&mut self, step: Step) {
        let last = self.read.back().map_or(self.cursor.sequence, |step| step.place.sequence);
        if step.place.sequence > last {
            self.read.push_back(step);
        }
    }

    /// The records after `after` and up to `through` cannot be read any more. Says how many of them are news.
    pub(super) fn lose(&mut self, after: u64, through: u64) -> u64 {
        let after = after.max(self.cursor.sequence);
        let lost = through.saturating_sub(after);
        let news = lost.saturating_sub(self.books.marked(MarkKind::SetAside, after, through));
        if news > 0 {
            self.books.set_aside += news;
            self.books.mark(Mark { kind: MarkKind::SetAside, after, through, records: news });
        }
        news
    }

    /// Everything read up to `through` is delivered, this many of it to the dead letters. What was not read since the
    /// last rewind is not believed. Says whether the cursor moved.
    pub(super) fn advance(&mut self, through: u64, dead_lettered: u64) -> bool {
        let mut reached = None;
        while let Some(step) = self.read.pop_front_if(|step| step.place.sequence <= through) {
            reached = Some(step);
        }
        let Some(step) = reached else { return false };
        let (after, through) = (self.cursor.sequence, step.place.sequence);
        let present = (through - after).saturating_sub(self.books.marked(MarkKind::SetAside, after, through));
        let dead = dead_lettered.min(present);
        self.books.dead_lettered += dead;
        self.books.delivered += present - dead;
        if dead > 0 {
            self.books.mark(Mark { kind: MarkKind::DeadLettered, after, through, records: dead });
        }
        self.books.cursor = through;
        self.cursor = step.place;
        self.oldest = step.appended_at;
        self.replay_if_idle();
        true
    }

    /// What was read and not delivered will be read again.
    pub(super) fn rewind(&mut self) {
        self.read.clear();
        self.epoch += 1;
        self.replay_if_idle();
    }

    /// Asks for a replay; says how many records will be sent again.
    pub(super) fn ask_replay(&mut self, mut replay: Replay) -> u64 {
        if let Some(oldest) = self.segments.front().filter(|oldest| oldest.first > replay.after.sequence + 1)
        {
            let place =
                Place { sequence: oldest.first.saturating_sub(1), generation: oldest.generation, offset: 0 };
            replay = Replay { after: place, oldest: oldest.opened_at };
        }
        let after = replay.after.sequence;
        if after >= self.cursor.sequence {
            self.books.replay = None;
            return 0;
        }
        let sent = self.read.back().map_or(self.cursor.sequence, |step| step.place.sequence);
        self.replay = Some(replay);
        self.books.replay = Some(after);
        self.replay_if_idle();
        (sent - after).saturating_sub(self.books.marked(MarkKind::SetAside, after, sent))
    }

    /// With batches on the way an ack could move the cursor past what is to be sent again, so the replay waits for
    /// them.
    fn replay_if_idle(&mut self) {
        let Some(replay) = self.replay.take_if(|_| self.read.is_empty()) else { return };
        let (after, through) = (replay.after.sequence, self.cursor.sequence);
        let lost = self.books.marked(MarkKind::SetAside, after, through);
        let dead = self.books.unmark(MarkKind::DeadLettered, after);
        self.books.dead_lettered = self.books.dead_lettered.saturating_sub(dead);
        let again = through.saturating_sub(after).saturating_sub(lost).saturating_sub(dead);
        self.books.delivered = self.books.delivered.saturating_sub(again);
        self.books.cursor = after;
        self.books.replay = None;
        self.cursor = replay.after;
        self.oldest = replay.oldest;
        self.epoch += 1;
    }

    /// How many of the oldest segments are delivered and were full before this time.
    pub(super) fn expired(&self, before: Timestamp) -> usize {
        let passed = self.passed();
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        let gone = |(old, next): &(&Segment, &Segment)| {
            old.sealed && next.first <= passed + 1 && next.aged_from < before
        };
        pairs.take_while(gone).count()
    }

    /// Delivered, and not about to be sent again.
    fn passed(&self) -> u64 {
        self.replay.map_or(self.cursor.sequence, |replay| replay.after.sequence.min(self.cursor.sequence))
    }

    /// Takes the oldest segment out of the log when it is sealed and wholly delivered. Either it is gone then, or put
    /// back.
    pub(super) fn release_oldest(&mut self) -> Option<Segment> {
        let kept_from = self.segments.get(1)?.first;
        let passed = self.passed();
        self.segments.pop_front_if(|oldest| oldest.sealed && kept_from <= passed + 1)
    }

    /// The released segment's file is gone.
    pub(super) fn gone(&mut self) {
        if let Some(oldest) = self.segments.front() {
            self.books.forget_marks(oldest.first.saturating_sub(1));
        }
    }

    /// The released segment's file could not be taken away: it still counts, and can be replayed.
    pub(super) fn put_back(&mut self, segment: Segment) {
        self.segments.push_front(segment);
    }
}
