//! Bytes of the disk. Checksums are put right first: else nearly everything would end at them.

use std::{io, sync::Mutex};

use super::{
    books::Books,
    disk::DiskFile,
    frame::{ALIGN_BYTES, FRAME_HEAD_BYTES, SEGMENT_HEAD_BYTES, SegmentHead, encode, parse, put, u32_at},
    walk::{Found, Walk},
};

/// Of the frames in the corpus.
const GENERATION: u32 = 7;

/// A file in memory that is only read.
#[derive(Debug)]
struct Bytes(Mutex<Vec<u8>>);

impl DiskFile for Bytes {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap().min(file.len());
        let read = bytes.len().min(file.len() - from);
        bytes[..read].copy_from_slice(&file[from..from + read]);
        Ok(read)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }
}

/// Writes the checksum that fits wherever a frame of ours may begin.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in (0..bytes.len()).step_by(ALIGN_BYTES) {
        let frame = &mut bytes[at..];
        let end = FRAME_HEAD_BYTES.saturating_add(u32_at(frame, 8) as usize);
        if frame.starts_with(b"VGf1") && end <= frame.len() {
            let sum = crc32c::crc32c(&frame[8..end]);
            put(frame, 4, &sum.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn a_frame_that_is_read_is_the_frame_that_would_be_written() {
    crate::fuzz::run("spool_frame", |bytes| {
        let bytes = with_checksums(bytes);
        let Ok(parsed) = parse(&bytes, GENERATION) else { return };
        let mut written = Vec::new();
        let payload = &bytes[parsed.payload.clone()];
        encode(&mut written, GENERATION, parsed.sequence, parsed.appended_at, payload);
        assert_eq!(written.len(), parsed.bytes);
        assert_eq!(written[..parsed.payload.end], bytes[..parsed.payload.end]);
    });
}

#[test]
fn a_walk_finds_each_frame_once_in_its_order_in_blocks_of_any_size() {
    crate::fuzz::run("spool_segment", |bytes| {
        let bytes = with_checksums(bytes);
        let end = bytes.len() as u64;
        let file = Bytes(Mutex::new(bytes));
        let walked = [64, 4_096].map(|block_bytes| {
            let mut walk = Walk::new(&file, GENERATION, 0, end, u64::MAX).in_blocks_of(block_bytes);
            let mut found = Vec::new();
            let mut at = 0;
            loop {
                match walk.next().unwrap() {
                    Found::Frame(frame) => {
                        assert!(frame.end > at && frame.end <= end, "frames lie one behind the other");
                        at = frame.end;
                        found.push((frame.sequence, frame.end, frame.payload));
                    }
                    Found::Broken { from, to } => {
                        assert!(from == at && to > from && to < end);
                        at = to;
                    }
                    Found::Rest(from) => break assert_eq!(from, at),
                }
            }
            found
        });
        assert_eq!(walked[0], walked[1]);
    });
}

#[test]
fn a_segments_head_is_read_as_it_was_written() {
    crate::fuzz::run("spool_head", |bytes| {
        let mut bytes = bytes.to_vec();
        if bytes.len() >= SEGMENT_HEAD_BYTES {
            let sum = crc32c::crc32c(&bytes[..60]);
            put(&mut bytes, 60, &sum.to_le_bytes());
        }
        if let Some(head) = SegmentHead::parse(&bytes) {
            assert_eq!(SegmentHead::parse(&head.encode()), Some(head));
        }
    });
}

#[test]
fn the_books_are_read_as_they_were_written() {
    crate::fuzz::run("books", |slot| {
        let mut slot = slot.to_vec();
        let end = (u32_at(&slot, 12) as usize).saturating_mul(32).saturating_add(72);
        if let Some(covered) = slot.get(12..end) {
            let sum = crc32c::crc32c(covered);
            put(&mut slot, 8, &sum.to_le_bytes());
        }
        if let Some((turn, books)) = Books::parse(&slot) {
            assert!(books.marks.len() * 32 <= slot.len());
            assert_eq!(Books::parse(&books.encode(turn)), Some((turn, books)));
        }
    });
}
