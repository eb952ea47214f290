//! What a claim holds, and its packed form.
//!
//! ```text
//! flags u8 · run [6] · ticket varint · written u32 (s) · first zigzag varint (µs from written)
//!   · if revised: last varint (µs from first), revisions u8
//!   · each answer: tag [3] · varint(seconds from first × 8 + doubtful × 4 + late × 2 + long) · digest [1] or [8]
//!   · or, where that does not fit: digest [8] of the last submission, and the tags [3] of all answers
//! ```
//! One score takes 22 bytes. The packed form never exceeds [`MAX_BYTES`], Redis's default bound for a value in a
//! listpack: one larger value would turn a whole bucket into a hash table, at three times the memory.

use smallvec::SmallVec;

use super::{
    Ask, RunId, Ticket,
    ask::{ClaimedAnswer, Digest, Recovered, Tag},
};
use crate::clock::Timestamp;

/// `hash-max-listpack-value`, by default.
pub(super) const MAX_BYTES: usize = 64;
const VERSION: u8 = 0x10;
const REVISED: u8 = 1;
const WHOLE: u8 = 2;
const LONG: u64 = 1;
const LATE: u64 = 2;
const DOUBTFUL: u64 = 4;

/// A packed claim.
pub(super) type Packed = SmallVec<[u8; MAX_BYTES]>;

/// What is known of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Whose ticket it is.
    pub(super) run: RunId,
    /// On disk once the run's number is above it.
    pub(super) ticket: u64,
    /// When it was written, in seconds since the Unix epoch, by its gateway's clock.
    pub(super) written_secs: u32,
    /// Stamp of the first record.
    pub(super) first: Timestamp,
    /// The newest stamp of a record that was not held as late: what comes next is stamped later.
    pub(super) last: Timestamp,
    /// How often it was written again; stands still at 255.
    pub(super) revisions: u8,
    /// What was answered.
    pub(super) content: Content,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Answer by answer.
    Each(SmallVec<[Known; 4]>),
    /// Too many for that: only the last submission can be recognised.
    Whole {
        /// Over the last submission's answers.
        digest: [u8; 8],
        /// What was answered, as far as there is room.
        tags: Vec<Tag>,
    },
}

/// What is known of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) tag: Tag,
    pub(super) digest: Digest,
    /// When the question was first answered, from the claim's first stamp, rounded down.
    pub(super) first_after_secs: u32,
    /// It came after the edit window and is held; the value that stands has an entry of its own.
    pub(super) late: bool,
    /// Its record may not be on disk, or a newer one may be: it is never reason enough to drop a double.
    pub(super) doubtful: bool,
}

impl Claim {
    /// The claim of a response that was not known.
    pub(super) fn fresh(ask: &Ask<'_>, ticket: &Ticket) -> Self {
        let doubtful = ask.yields_to_newer_by.is_some();
        let known = |answer: &ClaimedAnswer| Known { doubtful, ..Known::new(*answer, 0, false) };
        Self {
            run: ticket.run(),
            ticket: ticket.number(),
            written_secs: secs(ask.now),
            first: ask.stamp,
            last: ask.stamp,
            revisions: 0,
            content: Content::Each(ask.answers.iter().map(known).collect()),
        }
    }

    /// The claim of a record found in the spool.
    pub(super) fn recovered(record: &Recovered) -> Self {
        let known = |answer: &ClaimedAnswer| Known::new(*answer, 0, false);
        Self {
            run: RunId::SPOOLED,
            ticket: 0,
            written_secs: secs(record.stamp),
            first: record.stamp,
            last: record.stamp,
            revisions: 0,
            content: Content::Each(record.answers.iter().map(known).collect()),
        }
    }

    /// Whether this very ticket wrote it: a command that was sent twice finds its own claim.
    pub(super) fn is_of(&self, ticket: &Ticket) -> bool {
        self.run == ticket.run() && self.ticket == ticket.number()
    }

    /// Seconds from the first stamp, for an answer of this stamp.
    pub(super) fn seconds_after_first(&self, stamp: Timestamp) -> u32 {
        u32::try_from(stamp.since(self.first).as_secs()).unwrap_or(u32::MAX)
    }

    /// The packed form; `answers` are those of the submission that writes it.
    pub(super) fn pack(&self, answers: &[ClaimedAnswer]) -> Packed {
        let packed = self.pack_as(&self.content);
        if packed.len() <= MAX_BYTES {
            return packed;
        }
        let mut tags = self.content.tags();
        let bare = self.pack_as(&Content::Whole { digest: whole(answers), tags: Vec::new() });
        tags.truncate(MAX_BYTES.saturating_sub(bare.len()) / 3);
        self.pack_as(&Content::Whole { digest: whole(answers), tags })
    }

    fn pack_as(&self, content: &Content) -> Packed {
        let revised = self.revisions > 0 || self.last != self.first;
        let mut flags = VERSION;
        flags |= if revised { REVISED } else { 0 };
        flags |= if matches!(content, Content::Whole { .. }) { WHOLE } else { 0 };
        let mut out = Packed::new();
        out.push(flags);
        out.extend_from_slice(&self.run.0);
        put_varint(&mut out, self.ticket);
        out.extend_from_slice(&self.written_secs.to_be_bytes());
        put_varint(&mut out, zigzag(self.first.as_micros().wrapping_sub(micros(self.written_secs))));
        if revised {
            put_varint(&mut out, zigzag(self.last.as_micros().wrapping_sub(self.first.as_micros())));
            out.push(self.revisions);
        }
        match content {
            Content::Each(answers) => answers.iter().for_each(|known| known.pack(&mut out)),
            Content::Whole { digest, tags } => {
                out.extend_from_slice(digest);
                tags.iter().for_each(|tag| out.extend_from_slice(&tag.0));
            }
        }
        out
    }

    /// Reads a packed claim; none when it is not one of this version.
    pub(super) fn unpack(packed: &[u8]) -> Option<Self> {
        let mut input = packed;
        let [flags] = take(&mut input)?;
        let run = RunId(take(&mut input)?);
        let ticket = take_varint(&mut input)?;
        let written_secs = u32::from_be_bytes(take(&mut input)?);
        let first = micros(written_secs).wrapping_add(unzigzag(take_varint(&mut input)?));
        let (mut last, mut revisions) = (first, 0);
        if flags & REVISED != 0 {
            last = first.wrapping_add(unzigzag(take_varint(&mut input)?));
            [revisions] = take(&mut input)?;
        }
        let content = match flags & !REVISED {
            VERSION => Content::unpack_each(input)?,
            whole if whole == VERSION | WHOLE => Content::unpack_whole(input)?,
            _ => return None,
        };
        let [first, last] = [first, last].map(Timestamp::from_micros);
        Some(Self { run, ticket, written_secs, first, last, revisions, content })
    }
}

impl Content {
    fn tags(&self) -> Vec<Tag> {
        match self {
            Self::Each(answers) => {
                let mut tags: Vec<_> = answers.iter().map(|known| known.tag).collect();
                tags.sort_unstable();
                tags.dedup();
                tags
            }
            Self::Whole { tags, .. } => tags.clone(),
        }
    }

    fn unpack_each(mut input: &[u8]) -> Option<Self> {
        let mut answers = SmallVec::new();
        while !input.is_empty() {
            answers.push(Known::unpack(&mut input)?);
        }
        Some(Self::Each(answers))
    }

    fn unpack_whole(mut input: &[u8]) -> Option<Self> {
        let digest = take(&mut input)?;
        let mut tags = Vec::new();
        while !input.is_empty() {
            tags.push(Tag(take(&mut input)?));
        }
        Some(Self::Whole { digest, tags })
    }
}

impl Known {
    pub(super) const fn new(answer: ClaimedAnswer, first_after_secs: u32, late: bool) -> Self {
        Self { tag: answer.tag, digest: answer.digest, first_after_secs, late, doubtful: false }
    }

    fn pack(&self, out: &mut Packed) {
        out.extend_from_slice(&self.tag.0);
        let bits =
            [(matches!(self.digest, Digest::Hash(_)), LONG), (self.late, LATE), (self.doubtful, DOUBTFUL)];
        let bits = bits.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit);
        put_varint(out, u64::from(self.first_after_secs) << 3 | bits);
        match self.digest {
            Digest::Score(score) => out.extend_from_slice(&score.to_be_bytes()),
            Digest::Hash(hash) => out.extend_from_slice(&hash),
        }
    }

    fn unpack(input: &mut &[u8]) -> Option<Self> {
        let tag = Tag(take(input)?);
        let head = take_varint(input)?;
        let digest = match head & LONG {
            0 => Digest::Score(i8::from_be_bytes(take(input)?)),
            _ => Digest::Hash(take(input)?),
        };
        let first_after_secs = u32::try_from(head >> 3).ok()?;
        Some(Self { tag, digest, first_after_secs, late: head & LATE != 0, doubtful: head & DOUBTFUL != 0 })
    }
}

/// The digest of a whole submission, whatever the order of its answers.
pub(super) fn whole(answers: &[ClaimedAnswer]) -> [u8; 8] {
    let mut sorted: SmallVec<[_; 16]> = answers
        .iter()
        .map(|answer| {
            let mut one = Packed::new();
            Known::new(*answer, 0, false).pack(&mut one);
            one
        })
        .collect();
    sorted.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for one in &sorted {
        hasher.update(one);
    }
    let mut digest = [0; 8];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// Seconds since the Unix epoch; good until 2106.
pub(super) fn secs(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs().max(0)).unwrap_or(u32::MAX)
}

fn micros(secs: u32) -> i64 {
    i64::from(secs) * 1_000_000
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

pub(super) fn put_varint(out: &mut Packed, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

pub(super) fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}

#[cfg(test)]
mod tests;
