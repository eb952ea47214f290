//! The bytes of a frame and of a segment's header. All numbers are little-endian.
//!
//! ```text
//! frame     0 magic "VGf1"   4 crc32c of 8..32+length   8 length u32   12 generation u32
//!          16 sequence u64  24 appended at, i64 µs     32 payload, zeros up to a multiple of 8
//! segment   0 magic "voxspool"   8 version u32   12 generation u32   16 first sequence u64
//!          24 opened at, i64 µs 32 generation before, u32   36 zeros   60 crc32c of 0..60
//! ```

use std::ops::Range;

use crate::clock::Timestamp;

/// Bytes before a frame's payload.
pub(super) const FRAME_HEAD_BYTES: usize = 32;
/// Bytes before a segment's first frame.
pub(super) const SEGMENT_HEAD_BYTES: usize = 64;
/// Frames start at multiples of this, so that a search for the next one can leap.
pub(super) const ALIGN_BYTES: usize = 8;

const FRAME_MAGIC: [u8; 4] = *b"VGf1";
const SEGMENT_MAGIC: [u8; 8] = *b"voxspool";
const SEGMENT_VERSION: u32 = 1;
const CRC_FROM: usize = 8;
const SEGMENT_CRC_AT: usize = 60;

/// Bytes that a payload of this length takes on disk.
pub(super) const fn frame_bytes(payload: usize) -> usize {
    FRAME_HEAD_BYTES.saturating_add(payload).next_multiple_of(ALIGN_BYTES)
}

/// A frame that was read; positions are relative to the bytes it was parsed from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) sequence: u64,
    pub(super) appended_at: Timestamp,
    pub(super) payload: Range<usize>,
    pub(super) bytes: usize,
}

/// Why no frame was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// It may be one, of this many bytes; fewer were given.
    Short(usize),
    /// It is none of this generation.
    Invalid,
}

/// Adds a frame.
pub(super) fn encode(
    out: &mut Vec<u8>,
    generation: u32,
    sequence: u64,
    appended_at: Timestamp,
    payload: &[u8],
) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut head = [0; FRAME_HEAD_BYTES - CRC_FROM];
    put(&mut head, 0, &length.to_le_bytes());
    put(&mut head, 4, &generation.to_le_bytes());
    put(&mut head, 8, &sequence.to_le_bytes());
    put(&mut head, 16, &appended_at.as_micros().to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head), payload);
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(ALIGN_BYTES), 0);
}

/// Reads the frame at the start of `bytes`.
pub(super) fn parse(bytes: &[u8], generation: u32) -> Result<Parsed, NoFrame> {
    let Some(head) = bytes.first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(NoFrame::Short(FRAME_HEAD_BYTES));
    };
    if !head.starts_with(&FRAME_MAGIC) || u32_at(head, 12) != generation {
        return Err(NoFrame::Invalid);
    }
    let length = usize::try_from(u32_at(head, 8)).unwrap_or(usize::MAX);
    let (end, total) = (FRAME_HEAD_BYTES.saturating_add(length), frame_bytes(length));
    if bytes.len() < total {
        return Err(NoFrame::Short(total));
    }
    let covered = bytes.get(CRC_FROM..end).ok_or(NoFrame::Invalid)?;
    if crc32c::crc32c(covered) != u32_at(head, 4) {
        return Err(NoFrame::Invalid);
    }
    Ok(Parsed {
        sequence: u64_at(head, 16),
        appended_at: Timestamp::from_micros(i64_at(head, 24)),
        payload: FRAME_HEAD_BYTES..end,
        bytes: total,
    })
}

/// Whether the bytes start like a frame of this generation, whole or not.
pub(super) fn begins_frame(bytes: &[u8], generation: u32) -> bool {
    bytes.starts_with(&FRAME_MAGIC) && u32_at(bytes, 12) == generation
}

/// How far into `bytes`, which start at an aligned position, something that looks like a frame begins.
pub(super) fn find_magic(bytes: &[u8]) -> Option<usize> {
    bytes.chunks(ALIGN_BYTES).position(|chunk| chunk.starts_with(&FRAME_MAGIC)).map(|at| at * ALIGN_BYTES)
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    /// Counts up with every segment that is opened; it is also the file's name.
    pub(super) generation: u32,
    /// The segment that was open before; 0 for none.
    pub(super) previous: u32,
    /// The sequence of its first frame.
    pub(super) first: u64,
    /// When it was opened.
    pub(super) opened_at: Timestamp,
}

impl SegmentHead {
    /// Its bytes.
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        put(&mut bytes, 0, &SEGMENT_MAGIC);
        put(&mut bytes, 8, &SEGMENT_VERSION.to_le_bytes());
        put(&mut bytes, 12, &self.generation.to_le_bytes());
        put(&mut bytes, 16, &self.first.to_le_bytes());
        put(&mut bytes, 24, &self.opened_at.as_micros().to_le_bytes());
        put(&mut bytes, 32, &self.previous.to_le_bytes());
        let crc = segment_crc(&bytes);
        put(&mut bytes, SEGMENT_CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// The version of a whole head that a newer voxgate wrote.
    pub(super) fn newer_version(bytes: &[u8]) -> Option<u32> {
        let head = bytes.first_chunk::<SEGMENT_HEAD_BYTES>()?;
        let is_whole = head.starts_with(&SEGMENT_MAGIC) && u32_at(head, SEGMENT_CRC_AT) == segment_crc(head);
        Some(u32_at(head, 8)).filter(|version| is_whole && *version > SEGMENT_VERSION)
    }

    /// None when the bytes are no segment head of this version.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<SEGMENT_HEAD_BYTES>()?;
        let known = head.starts_with(&SEGMENT_MAGIC) && u32_at(head, 8) == SEGMENT_VERSION;
        if !known || u32_at(head, SEGMENT_CRC_AT) != segment_crc(head) {
            return None;
        }
        Some(Self {
            generation: u32_at(head, 12),
            previous: u32_at(head, 32),
            first: u64_at(head, 16),
            opened_at: Timestamp::from_micros(i64_at(head, 24)),
        })
    }
}

fn segment_crc(bytes: &[u8; SEGMENT_HEAD_BYTES]) -> u32 {
    crc32c::crc32c(bytes.get(..SEGMENT_CRC_AT).unwrap_or_default())
}

/// Puts `field` at a position; what does not fit is left out.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

/// The number at a position; 0 past the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes)
}

/// The number at a position; 0 past the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes)
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, i64::from_le_bytes)
}
