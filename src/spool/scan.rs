//! Reading what is kept, delivered or not: for embedded claims at start, and to find where a replay begins.

use std::{collections::VecDeque, io, sync::Arc};

use bytes::Bytes;
use tracing::warn;

use super::{
    Shared,
    disk::DiskFile,
    frame::SEGMENT_HEAD_BYTES,
    log::Segment,
    walk::{Found, Frame, Walk},
};
use crate::clock::Timestamp;

/// Frames read at once.
const RUN_FRAMES: usize = 4_096;

/// All kept records, oldest first, with the time they were appended. What cannot be read is passed over.
#[derive(Debug)]
pub struct Scan {
    shared: Arc<Shared>,
    segments: VecDeque<Segment>,
    /// The last sequence that was durable when the scan began.
    durable: u64,
    open: Option<(Segment, Box<dyn DiskFile>, u64)>,
    run: VecDeque<Frame>,
}

impl Scan {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let log = shared.log();
        let (segments, durable) = (log.segments.clone(), log.books.durable);
        drop(log);
        Self { shared, segments, durable, open: None, run: VecDeque::new() }
    }

    /// Reads the next run of frames; false when there are no more.
    fn fill(&mut self) -> io::Result<bool> {
        while self.run.is_empty() {
            let Some((segment, file, at)) = self.open.take() else {
                let Some(segment) = self.segments.pop_front() else { return Ok(false) };
                let file = self.shared.disk.open(&self.shared.path(segment.generation))?;
                self.open = Some((segment, file, SEGMENT_HEAD_BYTES as u64));
                continue;
            };
            let through = self.segments.front().map_or(self.durable, |next| next.first.saturating_sub(1));
            if let Some(at) = read_run(&*file, &segment, at, through, &mut self.run)? {
                self.open = Some((segment, file, at));
            }
        }
        Ok(true)
    }
}

impl Iterator for Scan {
    type Item = (Timestamp, Bytes);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(frame) = self.run.pop_front() {
                return Some((frame.appended_at, frame.payload));
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => warn!(%error, "a segment of the spool could not be scanned"),
            }
        }
    }
}

/// Reads some frames; gives the offset to go on from.
fn read_run(
    file: &dyn DiskFile,
    segment: &Segment,
    at: u64,
    through: u64,
    run: &mut VecDeque<Frame>,
) -> io::Result<Option<u64>> {
    let mut walk = Walk::new(file, segment.generation, at, segment.end, through);
    while run.len() < RUN_FRAMES {
        match walk.next()? {
            Found::Frame(frame) => run.push_back(frame),
            Found::Broken { .. } => {}
            Found::Rest(_) => return Ok(None),
        }
    }
    Ok(run.back().map(|frame| frame.end))
}

/// The sequence before the first kept record that was appended at or after `since`.
pub(super) fn before_first_since(
    shared: &Shared,
    segments: &VecDeque<Segment>,
    since: Timestamp,
) -> io::Result<Option<u64>> {
    // Of a segment whose successor was opened earlier than `since` every frame is older.
    let older = segments.iter().skip(1).take_while(|next| next.opened_at < since).count();
    for (nth, segment) in segments.iter().enumerate().skip(older) {
        let through = segments.get(nth + 1).map_or(u64::MAX, |next| next.first.saturating_sub(1));
        let file = shared.disk.open(&shared.path(segment.generation))?;
        let mut walk = Walk::new(&*file, segment.generation, SEGMENT_HEAD_BYTES as u64, segment.end, through);
        loop {
            match walk.next()? {
                Found::Frame(frame) if frame.appended_at >= since => {
                    return Ok(Some(frame.sequence.saturating_sub(1)));
                }
                Found::Frame(_) | Found::Broken { .. } => {}
                Found::Rest(_) => break,
            }
        }
    }
    Ok(None)
}
