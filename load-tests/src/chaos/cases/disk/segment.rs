//! The spool's files as they lie on disk, read by the description in `src/spool/frame.rs` and not by its code.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

const HEAD_BYTES: usize = 64;
const FRAME_HEAD_BYTES: usize = 32;

/// A frame of a segment.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) sequence: u64,
    /// All of it, padding included.
    pub(super) bytes: Range<usize>,
}

/// A segment with frames of its own generation.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) generation: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) frames: Vec<Frame>,
}

impl Segment {
    /// Those of a data directory that hold frames, oldest first.
    pub(super) fn all(data: &Path) -> anyhow::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(data.join("spool"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "segment") {
                all.extend(Self::read(path)?);
            }
        }
        all.sort_by_key(|segment| segment.generation);
        Ok(all)
    }

    fn read(path: PathBuf) -> anyhow::Result<Option<Self>> {
        let name = path.file_stem().and_then(|name| name.to_str()).context("a segment without a name")?;
        let (generation, bytes) = (name.parse()?, fs::read(&path)?);
        let mut frames = Vec::new();
        let mut at = HEAD_BYTES;
        while let Some(frame) = frame_at(&bytes, at, generation) {
            at = frame.bytes.end;
            frames.push(frame);
        }
        Ok((!frames.is_empty()).then_some(Self { path, generation, bytes, frames }))
    }

    /// Behind the last frame.
    pub(super) fn end(&self) -> usize {
        self.frames.last().map_or(HEAD_BYTES, |frame| frame.bytes.end)
    }

    /// The numbers of the people whose records these frames are.
    pub(super) fn people<'a>(&self, frames: impl IntoIterator<Item = &'a Frame>) -> BTreeSet<u32> {
        let payload = |frame: &Frame| self.bytes.get(frame.bytes.start + FRAME_HEAD_BYTES..frame.bytes.end);
        frames.into_iter().filter_map(|frame| respondent(payload(frame)?)).collect()
    }

    pub(super) fn write(&self) -> anyhow::Result<()> {
        Ok(fs::write(&self.path, &self.bytes)?)
    }
}

fn frame_at(bytes: &[u8], at: usize, generation: u32) -> Option<Frame> {
    let head = bytes.get(at..at + FRAME_HEAD_BYTES)?;
    let number = |from: usize| head.get(from..from + 4)?.try_into().ok().map(u32::from_le_bytes);
    if !head.starts_with(b"VGf1") || number(12)? != generation {
        return None;
    }
    let sequence = u64::from_le_bytes(head.get(16..24)?.try_into().ok()?);
    let length = FRAME_HEAD_BYTES + usize::try_from(number(8)?).ok()?;
    Some(Frame { sequence, bytes: at..at + length.next_multiple_of(8) })
}

/// `respondent_ref` of a record, field 8 of the protobuf: `p-<number>`.
fn respondent(payload: &[u8]) -> Option<u32> {
    payload.windows(4).enumerate().find_map(|(at, field)| {
        let [0x42, length, b'p', b'-'] = *field else { return None };
        let text = payload.get(at + 2..at + 2 + usize::from(length))?;
        str::from_utf8(text).ok()?.strip_prefix("p-")?.parse().ok()
    })
}
