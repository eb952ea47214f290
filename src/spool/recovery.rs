//! What is found at start: reads the head of every segment, and the frames of two at the most.

use std::{collections::VecDeque, io, path::Path};

use tracing::warn;

use super::{
    books::{Books, BooksFile},
    disk::{Disk, DiskFile, read_full, write_full},
    frame::{SEGMENT_HEAD_BYTES, SegmentHead, begins_frame},
    home::OpenError,
    log::{Log, Place, Replay, Segment},
    segment_path, set_aside,
    walk::{Found, Walk},
    writer::COMMIT_BYTES_MAX,
};
use crate::clock::Timestamp;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that hold frames.
    pub segments: usize,
    /// Records that wait for delivery.
    pub undelivered: u64,
    /// Whether a commit was cut off at the end; nobody was thanked for what was in it.
    pub torn_tail: bool,
    /// Segments that are missing among undelivered ones.
    pub missing_segments: u64,
    /// Records newly counted as set aside: corrupt, or in a missing segment.
    pub set_aside: u64,
    /// The cursor could not be read: everything that is kept is delivered again, and the counts begin anew.
    pub cursor_lost: bool,
}

/// A spool as found on disk, made fit for appending.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) log: Log,
    pub(super) books: BooksFile,
    pub(super) report: Recovery,
    /// Files without frames, to be used as prepared segments: generation and bytes, oldest first.
    pub(super) spares: VecDeque<(u32, u64)>,
    /// The highest generation seen.
    pub(super) generation: u32,
}

/// Reads the directory; makes it when there is none.
pub(super) fn recover(disk: &dyn Disk, dir: &Path) -> Result<Recovered, OpenError> {
    let aside = set_aside::dir(dir);
    disk.create_dir(&aside).map_err(OpenError::io("make the spool's directory", &aside))?;
    let (file, books) =
        BooksFile::open(disk, dir).map_err(OpenError::io("read the spool's books in", dir))?;
    let Inventory { segments, chained, spares, generation } = Inventory::take(disk, dir)?;
    let mut report = Recovery { cursor_lost: books.is_none() && !segments.is_empty(), ..Recovery::default() };
    let books = books.unwrap_or_else(|| books_from(&segments));
    let mut recovering = Recovering { disk, dir, segments, books };
    let log = recovering.log(&chained, &mut report).map_err(OpenError::io("recover the spool in", dir))?;
    report.segments = log.segments.len();
    report.undelivered = log.spooled();
    let data = dir.parent().unwrap_or(dir);
    disk.sync_dir(dir).and_then(|()| disk.sync_dir(data)).map_err(OpenError::io("make durable", dir))?;
    Ok(Recovered { log, books: file, report, spares, generation })
}

/// Without a cursor everything kept is undelivered, and what is not kept was delivered.
fn books_from(segments: &VecDeque<Segment>) -> Books {
    let before = segments.front().map_or(0, |oldest| oldest.first.saturating_sub(1));
    Books { cursor: before, durable: before, delivered: before, ..Books::default() }
}

/// The segment files of a directory.
#[derive(Debug, Default)]
struct Inventory {
    segments: VecDeque<Segment>,
    /// For each segment whether the one before it, by its head, is the one before it in `segments`.
    chained: Vec<bool>,
    spares: VecDeque<(u32, u64)>,
    generation: u32,
}

impl Inventory {
    fn take(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenError> {
        let names = disk.list(dir).map_err(OpenError::io("read the spool's directory", dir))?;
        let mut generations: Vec<u32> =
            names.iter().filter_map(|name| name.strip_suffix(".segment")?.parse().ok()).collect();
        generations.sort_unstable();
        let mut inventory = Self::default();
        for generation in generations {
            inventory.generation = generation;
            inventory.add(disk, dir, generation)?;
        }
        Ok(inventory)
    }

    fn add(&mut self, disk: &dyn Disk, dir: &Path, generation: u32) -> Result<(), OpenError> {
        let path = segment_path(dir, generation);
        let failed = || OpenError::io("read the segment", &path);
        let file = disk.open(&path).map_err(failed())?;
        let len = file.len().map_err(failed())?;
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        if let Err(error) = read_full(&*file, &mut bytes, 0) {
            warn!(%error, segment = generation, "the head of a segment cannot be read");
        }
        if let Some(found) = SegmentHead::newer_version(&bytes) {
            return Err(OpenError::Newer { path, found });
        }
        let Some(head) = head(&bytes, &*file, generation, len).map_err(failed())? else {
            self.spares.push_back((generation, len));
            return Ok(());
        };
        let before = self.segments.back().map(|segment| segment.generation);
        self.chained.push(before.is_none_or(|before| before == head.previous));
        let SegmentHead { first, opened_at, .. } = head;
        self.segments.push_back(Segment {
            generation,
            first,
            opened_at,
            aged_from: opened_at,
            len,
            end: len,
            sealed: true,
            spoiled: false,
        });
        Ok(())
    }
}

/// The head of a segment; made up from its first frame when it is broken. None when it holds nothing of its generation.
fn head(bytes: &[u8], file: &dyn DiskFile, generation: u32, len: u64) -> io::Result<Option<SegmentHead>> {
    if let Some(head) = SegmentHead::parse(bytes).filter(|head| head.generation == generation) {
        return Ok(Some(head));
    }
    let mut walk =
        Walk::new(file, generation, SEGMENT_HEAD_BYTES as u64, len, u64::MAX).around_bad_pages(true);
    loop {
        match walk.next()? {
            Found::Frame(frame) => {
                warn!(
                    segment = generation,
                    "the head of a segment is broken; its frames are used without it"
                );
                let (first, opened_at) = (frame.sequence, frame.appended_at);
                return Ok(Some(SegmentHead { generation, previous: 0, first, opened_at }));
            }
            Found::Broken { .. } => {}
            Found::Rest(_) => return Ok(None),
        }
    }
}

struct Recovering<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    segments: VecDeque<Segment>,
    books: Books,
}

impl Recovering<'_> {
    fn log(&mut self, chained: &[bool], report: &mut Recovery) -> io::Result<Log> {
        let mut lost = Vec::new();
        let found = self.recover_newest(&mut lost, report)?;
        let known = self.books.durable.max(self.books.cursor);
        lost.push((found, known));
        self.books.durable = found.max(known);
        self.find_missing(chained, &mut lost, report)?;
        let (cursor, oldest) = locate(self.disk, self.dir, &self.segments, self.books.cursor)?;
        let asked = self.books.replay;
        let replay = asked.map(|after| locate(self.disk, self.dir, &self.segments, after)).transpose()?;
        let segments = std::mem::take(&mut self.segments);
        let mut log = Log::new(segments, cursor, std::mem::take(&mut self.books), oldest);
        report.set_aside = lost.into_iter().map(|(after, through)| log.lose(after, through)).sum();
        if let Some((after, oldest)) = replay {
            log.ask_replay(Replay { after, oldest });
        }
        Ok(log)
    }

    /// Finds the end of the newest segment and wipes what a torn commit left behind it. Gives the last sequence.
    fn recover_newest(&mut self, lost: &mut Vec<(u64, u64)>, report: &mut Recovery) -> io::Result<u64> {
        let Some(newest) = self.segments.back_mut() else { return Ok(self.books.durable) };
        let file = self.disk.open(&segment_path(self.dir, newest.generation))?;
        let mut walk = Walk::new(&*file, newest.generation, SEGMENT_HEAD_BYTES as u64, newest.len, u64::MAX)
            .around_bad_pages(true);
        let mut last = newest.first.saturating_sub(1);
        let mut end = SEGMENT_HEAD_BYTES as u64;
        loop {
            match walk.next()? {
                Found::Frame(frame) => {
                    lost.push((last, frame.sequence.saturating_sub(1)));
                    lost.retain(|(after, through)| after < through);
                    (last, end) = (frame.sequence, frame.end);
                }
                Found::Broken { from, to } => {
                    set_aside::keep(self.disk, self.dir, &*file, newest.generation, from, to);
                }
                Found::Rest(_) => break,
            }
        }
        if last < self.books.durable {
            let to = newest.len.min(end + COMMIT_BYTES_MAX as u64);
            set_aside::keep(self.disk, self.dir, &*file, newest.generation, end, to);
        }
        match take_over(&*file, newest.generation, end, newest.len) {
            Ok(torn) => {
                report.torn_tail = torn;
                (newest.sealed, newest.end) = (false, end);
            }
            Err(TakeOver::Unreadable(error)) => {
                warn!(%error, segment = newest.generation, "the end of the newest segment cannot be read; it stays as it is");
                newest.spoiled = true;
            }
            Err(TakeOver::Failed(error)) => return Err(error),
        }
        Ok(last)
    }

    /// Where a segment does not follow the one before it, says what lay between them.
    fn find_missing(
        &self,
        chained: &[bool],
        lost: &mut Vec<(u64, u64)>,
        report: &mut Recovery,
    ) -> io::Result<()> {
        if let Some(oldest) = self.segments.front() {
            let gap = (self.books.cursor, oldest.first.saturating_sub(1));
            report.missing_segments += u64::from(gap.0 < gap.1);
            lost.push(gap);
        }
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1)).zip(chained.iter().skip(1));
        for ((before, after), follows) in pairs {
            let through = after.first.saturating_sub(1);
            if *follows || through <= self.books.cursor {
                continue;
            }
            let last = last_sequence(self.disk, self.dir, before, through)?;
            report.missing_segments += u64::from(last < through);
            lost.push((last, through));
        }
        Ok(())
    }
}

fn last_sequence(disk: &dyn Disk, dir: &Path, segment: &Segment, through: u64) -> io::Result<u64> {
    let file = disk.open(&segment_path(dir, segment.generation))?;
    let mut walk = Walk::new(&*file, segment.generation, SEGMENT_HEAD_BYTES as u64, segment.len, through)
        .around_bad_pages(true);
    let mut last = segment.first.saturating_sub(1);
    loop {
        match walk.next()? {
            Found::Frame(frame) => last = frame.sequence,
            Found::Broken { .. } => {}
            Found::Rest(_) => return Ok(last),
        }
    }
}

/// Why the newest segment is not written on.
enum TakeOver {
    /// There are pages at its end that cannot be read: what they hold must not be written over.
    Unreadable(io::Error),
    /// The disk takes no writes.
    Failed(io::Error),
}

/// Makes the last commit durable, and zeros what a torn one may have left behind it: both are as long as the longest
/// commit at the most. Says whether it was the beginning of a frame.
///
/// What was read may only have been in memory: the process before was killed in a commit, or its fsync had failed. Then
/// its pages count as written though they are not, and another fsync alone would do nothing. So they are written again.
fn take_over(file: &dyn DiskFile, generation: u32, end: u64, len: u64) -> Result<bool, TakeOver> {
    let from = end.saturating_sub(COMMIT_BYTES_MAX as u64);
    let to = len.min(end + COMMIT_BYTES_MAX as u64);
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
    read_full(file, &mut bytes, from).map_err(TakeOver::Unreadable)?;
    let (kept, behind) = bytes.split_at_mut(usize::try_from(end - from).unwrap_or(0));
    let torn = begins_frame(behind, generation);
    let is_clean = behind.iter().all(|byte| *byte == 0);
    behind.fill(0);
    let written = if is_clean { write_full(file, kept, from) } else { write_full(file, &bytes, from) };
    written.and_then(|()| file.sync_data()).map_err(TakeOver::Failed)?;
    Ok(torn)
}

/// The place behind a sequence, and when the record behind it was appended, as far as it is kept.
pub(super) fn locate(
    disk: &dyn Disk,
    dir: &Path,
    segments: &VecDeque<Segment>,
    sequence: u64,
) -> io::Result<(Place, Timestamp)> {
    let mut newer = segments.iter().rev().take_while(|segment| segment.first > sequence + 1);
    let skipped = newer.by_ref().last();
    let Some(segment) = segments.iter().rev().find(|segment| segment.first <= sequence + 1) else {
        let oldest = segments.front().map_or_else(Timestamp::default, |segment| segment.opened_at);
        return Ok((Place { sequence, generation: 0, offset: 0 }, oldest));
    };
    let (generation, through) =
        (segment.generation, skipped.map_or(u64::MAX, |next| next.first.saturating_sub(1)));
    let file = disk.open(&segment_path(dir, generation))?;
    let mut offset = SEGMENT_HEAD_BYTES as u64;
    let mut walk = Walk::new(&*file, generation, offset, segment.end, through).around_bad_pages(true);
    loop {
        match walk.next()? {
            Found::Frame(frame) if frame.sequence <= sequence => offset = frame.end,
            Found::Frame(frame) => return Ok((Place { sequence, generation, offset }, frame.appended_at)),
            Found::Broken { .. } => {}
            Found::Rest(_) => {
                let next = skipped.map_or(segment.opened_at, |next| next.opened_at);
                return Ok((Place { sequence, generation, offset }, next));
            }
        }
    }
}

/// Bytes behind the last frame of the newest segment that are not zero.
#[cfg(test)]
pub(super) fn remains(disk: &dyn Disk, dir: &Path) -> io::Result<usize> {
    let Inventory { segments, .. } = Inventory::take(disk, dir).map_err(io::Error::other)?;
    let Some(newest) = segments.back() else { return Ok(0) };
    let file = disk.open(&segment_path(dir, newest.generation))?;
    let mut walk = Walk::new(&*file, newest.generation, SEGMENT_HEAD_BYTES as u64, newest.len, u64::MAX);
    loop {
        if let Found::Rest(end) = walk.next()? {
            let mut rest = vec![0; usize::try_from(newest.len.saturating_sub(end)).unwrap_or(0)];
            read_full(&*file, &mut rest, end)?;
            return Ok(rest.iter().filter(|byte| **byte != 0).count());
        }
    }
}
