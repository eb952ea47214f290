//! Reads the frames of one segment in large blocks, and finds the way on behind one that is broken.

use std::io;

use bytes::Bytes;

use super::{
    disk::{DiskFile, read_around, read_full},
    frame::{ALIGN_BYTES, NoFrame, Parsed, find_magic, parse},
};
use crate::clock::Timestamp;

/// Bytes read at once, unless told otherwise.
const BLOCK_BYTES: usize = 1 << 20;

/// A frame and where it lies.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) sequence: u64,
    pub(super) appended_at: Timestamp,
    /// The offset after it.
    pub(super) end: u64,
    pub(super) payload: Bytes,
}

/// Does not show the record: it is somebody's.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("sequence", &self.sequence)
            .field("appended_at", &self.appended_at)
            .field("end", &self.end)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// What comes next in a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// A frame.
    Frame(Frame),
    /// Bytes that are no frame, with a frame behind them.
    Broken {
        /// Where they begin.
        from: u64,
        /// Where the next frame begins.
        to: u64,
    },
    /// From here to the end there is no frame.
    Rest(u64),
}

/// Bytes of a segment, and where they lie in it.
#[derive(Clone, Default)]
pub(super) struct Block {
    at: u64,
    bytes: Bytes,
}

/// Does not show the records.
impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("at", &self.at).field("bytes", &self.bytes.len()).finish()
    }
}

/// A walk over the frames of one generation.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    file: &'a dyn DiskFile,
    generation: u32,
    /// Where it stands.
    at: u64,
    /// Where it ends.
    end: u64,
    /// The last sequence that belongs to this segment.
    through: u64,
    block: Block,
    block_bytes: usize,
    around_bad_pages: bool,
}

impl<'a> Walk<'a> {
    /// Starts at an offset; frames past `end` or with a sequence above `through` are not seen.
    pub(super) fn new(file: &'a dyn DiskFile, generation: u32, at: u64, end: u64, through: u64) -> Self {
        Self {
            file,
            generation,
            at,
            end,
            through,
            block: Block::default(),
            block_bytes: BLOCK_BYTES,
            around_bad_pages: false,
        }
    }

    /// Reads so much at once.
    pub(super) fn in_blocks_of(mut self, block_bytes: usize) -> Self {
        self.block_bytes = block_bytes;
        self
    }

    /// Begins with a block that another walk over these frames has left.
    pub(super) fn resume(mut self, block: Block) -> Self {
        self.block = block;
        self
    }

    /// What was read last, for the walk that goes on from here.
    pub(super) fn into_block(self) -> Block {
        self.block
    }

    /// Takes pages that cannot be read for broken frames, instead of failing.
    pub(super) fn around_bad_pages(mut self, around: bool) -> Self {
        self.around_bad_pages = around;
        self
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        let from = self.at;
        if let Some(frame) = self.frame_at(from)? {
            self.at = frame.end;
            return Ok(Found::Frame(frame));
        }
        let mut at = from;
        while let Some(candidate) = self.candidate_after(at)? {
            if self.frame_at(candidate)?.is_some() {
                self.at = candidate;
                return Ok(Found::Broken { from, to: candidate });
            }
            at = candidate;
        }
        Ok(Found::Rest(from))
    }

    fn frame_at(&mut self, at: u64) -> io::Result<Option<Frame>> {
        loop {
            match parse(self.block_from(at), self.generation) {
                Ok(parsed) => return Ok(self.frame(at, &parsed)),
                Err(NoFrame::Invalid) => return Ok(None),
                Err(NoFrame::Short(needed)) => {
                    if at.saturating_add(needed as u64) > self.end {
                        return Ok(None);
                    }
                    self.load(at, needed)?;
                    if self.block.bytes.len() < needed {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn frame(&self, at: u64, parsed: &Parsed) -> Option<Frame> {
        if parsed.sequence > self.through {
            return None;
        }
        let start = usize::try_from(at - self.block.at).ok()?;
        let payload = start + parsed.payload.start..start + parsed.payload.end;
        Some(Frame {
            sequence: parsed.sequence,
            appended_at: parsed.appended_at,
            end: at + parsed.bytes as u64,
            payload: self.block.bytes.slice(payload),
        })
    }

    /// The next position after `at` where a frame may begin.
    fn candidate_after(&mut self, at: u64) -> io::Result<Option<u64>> {
        let mut from = at + ALIGN_BYTES as u64;
        while from < self.end {
            if self.block_from(from).len() < ALIGN_BYTES {
                self.load(from, ALIGN_BYTES)?;
            }
            let block = self.block_from(from);
            if block.len() < ALIGN_BYTES {
                return Ok(None);
            }
            match find_magic(block) {
                Some(found) => return Ok(Some(from + found as u64)),
                None => from += (block.len() / ALIGN_BYTES * ALIGN_BYTES) as u64,
            }
        }
        Ok(None)
    }

    fn block_from(&self, at: u64) -> &[u8] {
        let skip = at.checked_sub(self.block.at).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.block.bytes.get(skip..)).unwrap_or_default()
    }

    fn load(&mut self, at: u64, needed: usize) -> io::Result<()> {
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; self.block_bytes.max(needed).min(left)];
        let read = if self.around_bad_pages {
            read_around(self.file, &mut bytes, at)?
        } else {
            read_full(self.file, &mut bytes, at)?
        };
        bytes.truncate(read);
        self.block = Block { at, bytes: bytes.into() };
        Ok(())
    }
}
