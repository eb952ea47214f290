//! The bytes of a letter, and of a file of them.
//!
//! ```text
//! letter    0 magic "voxlettr", "voxgone!" once it was removed   8 crc32c of 12..   12 postcard of its fields,
//!             zeros up to a multiple of 8
//! ```

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::DeadLetter;
use crate::clock::Timestamp;

pub(super) const LETTER_MAGIC: [u8; 8] = *b"voxlettr";
/// As long as the other one and aligned, so that it replaces that whole or not at all.
pub(super) const GONE_MAGIC: [u8; 8] = *b"voxgone!";
pub(super) const HEAD_BYTES: usize = 12;
/// Letters begin at multiples of this.
const ALIGN_BYTES: usize = 8;
/// Bytes of the store's explanation that are kept.
pub(super) const DETAIL_BYTES: usize = 1_024;

/// A letter that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) letter: DeadLetter,
    pub(super) is_gone: bool,
    /// Bytes that it takes, without those behind it that align the next one.
    pub(super) bytes: usize,
}

#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    sequence: u64,
    at_us: i64,
    code: &'a str,
    detail: &'a str,
    record: &'a [u8],
}

/// Adds a letter to a file's bytes. Says where it lies.
pub(super) fn encode(file: &mut Vec<u8>, letter: &DeadLetter) -> postcard::Result<Range<usize>> {
    let DeadLetter { sequence, at, code, detail, record } = letter;
    let detail = detail.get(..detail.floor_char_boundary(DETAIL_BYTES)).unwrap_or_default();
    let fields = Fields { sequence: *sequence, at_us: at.as_micros(), code, detail, record };
    let body = postcard::to_stdvec(&fields)?;
    let from = file.len();
    file.extend_from_slice(&LETTER_MAGIC);
    file.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    file.extend_from_slice(&body);
    let place = from..file.len();
    file.resize(file.len().next_multiple_of(ALIGN_BYTES), 0);
    Ok(place)
}

/// Reads the letter that `bytes` begin with.
pub(super) fn parse(bytes: &[u8]) -> Option<Parsed> {
    let (head, body) = bytes.split_at_checked(HEAD_BYTES)?;
    let (magic, sum) = head.split_at_checked(LETTER_MAGIC.len())?;
    if magic != LETTER_MAGIC && magic != GONE_MAGIC {
        return None;
    }
    let (fields, behind) = postcard::take_from_bytes::<Fields<'_>>(body).ok()?;
    let covered = body.get(..body.len() - behind.len())?;
    if sum != crc32c::crc32c(covered).to_le_bytes() {
        return None;
    }
    let letter = DeadLetter {
        sequence: fields.sequence,
        at: Timestamp::from_micros(fields.at_us),
        code: fields.code.to_owned(),
        detail: fields.detail.to_owned(),
        record: Bytes::copy_from_slice(fields.record),
    };
    Some(Parsed { letter, is_gone: magic == GONE_MAGIC, bytes: HEAD_BYTES + covered.len() })
}

/// What is in a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Each letter that is not removed, and where it lies.
    pub(super) letters: Vec<(DeadLetter, Range<usize>)>,
    /// Whether something in it cannot be read.
    pub(super) is_broken: bool,
}

impl Contents {
    /// Reads all letters; behind one that is broken it goes on with the next whole one.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut contents = Self { letters: Vec::new(), is_broken: bytes.is_empty() };
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(Parsed { letter, is_gone, bytes }) = parse(rest) else {
                contents.is_broken = true;
                at += ALIGN_BYTES;
                continue;
            };
            if !is_gone {
                contents.letters.push((letter, at..at + bytes));
            }
            at = (at + bytes).next_multiple_of(ALIGN_BYTES);
        }
        contents
    }
}
