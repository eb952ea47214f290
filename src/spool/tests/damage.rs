//! Every byte at which the last commit can be torn, every bit that can flip, every file that can be missing.

use super::{
    medium::{Keep, Medium},
    *,
};

/// Payload of most records here; its frame ends with three bytes of padding.
const RECORD_BYTES: usize = 21;
const FRAME_BYTES: usize = frame::frame_bytes(RECORD_BYTES);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn on(medium: &Medium, settings: &settings::Spool) -> Rig {
    Rig::on(Arc::new(medium.clone()), settings)
}

fn numbers(records: &[(u64, Bytes)]) -> Vec<u64> {
    let number = |record: &Bytes| u64::from_be_bytes(*record.first_chunk().unwrap());
    for (sequence, record) in records {
        assert_eq!(*sequence, number(record), "each record is the one of its sequence");
    }
    records.iter().map(|(sequence, _)| *sequence).collect()
}

/// Appends records that begin with their sequence, in one commit as far as they are waited for together.
async fn append(rig: &Rig, records: u64, bytes: usize) {
    let next = rig.spool.status().appended + 1;
    let waiting: Vec<_> = (next..next + records).map(|number| rig.push(numbered(number, bytes))).collect();
    for (appended, number) in waiting.into_iter().zip(next..) {
        assert_eq!(appended.await.map(sequence), Ok(number));
    }
}

/// What is opened, appended and delivered on a damaged disk: the sequences that came, and what was found.
async fn survey(medium: &Medium, settings: &settings::Spool) -> (Vec<u64>, Recovery, Status) {
    let rig = on(medium, settings);
    let found = rig.found;
    assert!(rig.spool.status().balances());
    append(&rig, 1, RECORD_BYTES).await;
    let came = numbers(&rig.deliver_all().await);
    let status = rig.spool.status();
    assert!(status.balances());
    (came, found, status)
}

/// A commit of several frames, with the disk before and after it.
struct Commit {
    before: Medium,
    after: Medium,
    segment: String,
    /// Where it begins in its segment.
    at: usize,
    /// The sequence before it.
    last: u64,
    settings: settings::Spool,
}

impl Commit {
    /// Of so many frames at the end of what is there.
    async fn of(frames: u64, medium: &Medium, rig: Rig, settings: settings::Spool) -> Self {
        let (last, place) = {
            let log = rig.spool.inner.shared.log();
            (log.books.durable, log.segments.back().map(|open| (open.generation, open.end)).unwrap())
        };
        rig.spool.inner.shared.sync_both_books().unwrap();
        let before = medium.cut(Keep::Everything);
        append(&rig, frames, RECORD_BYTES).await;
        let after = medium.cut(Keep::Everything);
        let segment = format!("{:010}.segment", place.0);
        Self { before, after, segment, at: place.1 as usize, last, settings }
    }

    fn bytes(&self, frames: usize) -> usize {
        frames * FRAME_BYTES
    }

    /// The disk with the first bytes of the commit only, with each cut: what is whole of it is there, the rest never
    /// was.
    async fn tear_at_every_byte(&self, frames: usize) {
        let old = self.before.change(&self.segment, |bytes| bytes.clone());
        let new = self.after.change(&self.segment, |bytes| bytes.clone());
        for written in 0..=self.bytes(frames) {
            let torn = self.before.cut(Keep::Everything);
            let cut = self.at + written;
            torn.change(&self.segment, |bytes| bytes[self.at..cut].copy_from_slice(&new[self.at..cut]));
            let is_whole = |frame: &usize| {
                let end = self.at + frame * FRAME_BYTES + frame::FRAME_HEAD_BYTES + RECORD_BYTES;
                end <= cut || old[cut..end] == new[cut..end]
            };
            let whole = (0..frames).take_while(is_whole).count() as u64;
            let (came, found, status) = survey(&torn, &self.settings).await;
            let again = on(&torn, &self.settings);
            assert_eq!(
                (again.found.undelivered, again.found.set_aside),
                (0, 0),
                "another start changes nothing"
            );
            let expected: Vec<u64> = (came[0]..=self.last + whole + 1).collect();
            assert_eq!(came, expected, "{written} bytes were written");
            assert!(came[0] <= self.last, "what was there before is not forgotten");
            assert_eq!((found.set_aside, found.missing_segments), (0, 0), "{written} bytes were written");
            assert_eq!(status.appended, self.last + whole + 1, "{written} bytes were written");
        }
    }
}

#[test]
fn a_commit_torn_at_every_byte_leaves_its_whole_frames_with_zeros_behind() {
    for frames in [1, 4] {
        block_on(async {
            let medium = Medium::default();
            let rig = on(&medium, &small());
            append(&rig, 3, RECORD_BYTES).await;
            Commit::of(frames, &medium, rig, small()).await.tear_at_every_byte(frames as usize).await;
        });
    }
}

#[test]
fn a_commit_torn_at_every_byte_at_the_very_end_of_a_segment_leaves_its_whole_frames() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        let left = 65_536 - frame::SEGMENT_HEAD_BYTES - 3 * FRAME_BYTES;
        append(&rig, 1, left - frame::FRAME_HEAD_BYTES).await;
        let commit = Commit::of(3, &medium, rig, small()).await;
        assert_eq!(commit.at + commit.bytes(3), 65_536);
        commit.tear_at_every_byte(3).await;
    });
}

/// A disk whose open segment is full of older frames of the same layout, of each sequence behind the last.
async fn recycled(medium: &Medium, settings: &settings::Spool, records: u64, bytes: usize) -> Rig {
    let rig = on(medium, settings);
    for _ in 0..8 {
        rig.clock.advance(Duration::from_secs(1));
        append(&rig, records, bytes).await;
        assert_eq!(rig.deliver_all().await.len() as u64, records);
    }
    append(&rig, 3, bytes).await;
    rig
}

#[test]
fn a_commit_torn_at_every_byte_in_a_recycled_segment_brings_no_old_frame_back() {
    block_on(async {
        let settings = settings::Spool { keep_delivered: Duration::ZERO, ..small() };
        let medium = Medium::default();
        let rig = recycled(&medium, &settings, 1_000, RECORD_BYTES).await;
        let commit = Commit::of(3, &medium, rig, settings).await;
        let behind = commit.before.change(&commit.segment, |bytes| bytes[commit.at..commit.at + 4].to_vec());
        assert_eq!(behind, b"VGf1", "an old frame lies right behind");
        commit.tear_at_every_byte(3).await;
    });
}

#[test]
fn old_frames_that_carry_the_next_sequences_do_not_come_back() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        append(&rig, 3, RECORD_BYTES).await;
        let end = rig.spool.inner.shared.log().segments.back().unwrap().end as usize;
        drop(rig);
        let mut ghosts = Vec::new();
        for sequence in 4..9 {
            frame::encode(&mut ghosts, 0, sequence, START, &numbered(999, RECORD_BYTES));
        }
        let [open, prepared] = medium.segments().try_into().unwrap();
        medium.change(&open, |bytes| bytes[end..end + ghosts.len()].copy_from_slice(&ghosts));
        // The prepared one was that segment under its old name: a whole head, and frames that would fit.
        let whole = medium.change(&open, |bytes| bytes.clone());
        medium.change(&prepared, |bytes| *bytes = whole);
        let (came, found, status) = survey(&medium, &small()).await;
        assert_eq!((came, found.set_aside, status.appended), (vec![1, 2, 3, 4], 0, 4));
    });
}

/// Flips each bit of a stretch of a file, one at a time, and says what is seen then.
async fn flip_each_bit(
    medium: &Medium,
    name: &str,
    stretch: std::ops::Range<usize>,
    settings: &settings::Spool,
    seen: impl Fn(usize, &(Vec<u64>, Recovery, Status)),
) {
    for byte in stretch {
        for bit in 0..8 {
            let harmed = medium.cut(Keep::Everything);
            harmed.change(name, |bytes| bytes[byte] ^= 1 << bit);
            seen(byte, &survey(&harmed, settings).await);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_frame_costs_that_record_and_no_other() {
    for broken in [1, 3, 5] {
        block_on(async {
            let medium = Medium::default();
            let rig = on(&medium, &small());
            append(&rig, 5, RECORD_BYTES).await;
            drop(rig);
            let at = frame::SEGMENT_HEAD_BYTES + (broken as usize - 1) * FRAME_BYTES;
            let padding = at + frame::FRAME_HEAD_BYTES + RECORD_BYTES;
            let segment = &medium.segments()[0];
            flip_each_bit(&medium, segment, at..at + FRAME_BYTES, &small(), |byte, (came, found, status)| {
                let lost = u64::from(byte < padding);
                let expected: Vec<u64> = (1..=6).filter(|number| lost == 0 || *number != broken).collect();
                assert_eq!(*came, expected, "byte {} of frame {broken}", byte - at);
                assert_eq!((found.set_aside, status.set_aside), (lost, lost), "byte {}", byte - at);
                assert_eq!((status.appended, found.missing_segments), (6, 0), "byte {}", byte - at);
            })
            .await;
        });
    }
}

#[test]
fn every_flipped_bit_of_a_segment_head_costs_nothing() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        append(&rig, 5, 20_000).await;
        assert_eq!(rig.spool.status().segments, 2);
        drop(rig);
        for segment in &medium.segments()[..2] {
            let head = 0..frame::SEGMENT_HEAD_BYTES;
            flip_each_bit(&medium, segment, head, &small(), |byte, (came, found, _)| {
                assert_eq!(*came, [1, 2, 3, 4, 5, 6], "byte {byte} of the head of {segment}");
                assert_eq!((found.set_aside, found.missing_segments), (0, 0), "byte {byte} of {segment}");
            })
            .await;
        }
    });
}

#[test]
fn every_flipped_bit_of_the_books_costs_nothing_but_a_second_delivery() {
    block_on(async {
        let settings = settings::Spool { keep_delivered: Duration::ZERO, ..small() };
        let medium = Medium::default();
        let rig = recycled(&medium, &settings, 10, 16_000).await;
        let oldest = rig.spool.inner.shared.log().segments[0].first;
        assert!(oldest > 1, "segments that the cursor passed are gone");
        drop(rig);
        for slot in [0, 40_960] {
            flip_each_bit(&medium, "books", slot..slot + 72, &settings, |byte, (came, found, status)| {
                assert_eq!(came[came.len() - 4..], [81, 82, 83, 84], "byte {byte}");
                assert!(came[0] >= oldest && !found.cursor_lost, "byte {byte}: {found:?}");
                assert_eq!((found.missing_segments, status.set_aside), (0, 0), "byte {byte}");
                assert_eq!((status.appended, status.delivered), (84, 84), "byte {byte}");
            })
            .await;
        }
    });
}

#[test]
fn whichever_segment_is_missing_exactly_its_undelivered_records_are_set_aside() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        append(&rig, 200, 1_000).await;
        let firsts: Vec<u64> = rig.spool.inner.shared.log().segments.iter().map(|s| s.first).collect();
        let ends: Vec<u64> = firsts.iter().skip(1).copied().chain([201]).collect();
        let mut reader = rig.spool.reader();
        // A batch ends with its segment; the cursor is to stand in the second of four.
        reader.next(100, 1 << 20).await;
        reader.next(100, 1 << 20).await;
        rig.spool.advance(90, 0).unwrap();
        assert_eq!(rig.spool.status().spooled, 110);
        drop((reader, rig));
        for (missing, (first, end)) in firsts.iter().zip(&ends).enumerate() {
            let left = medium.cut(Keep::Everything);
            left.lose(&medium.segments()[missing]);
            let lost: Vec<u64> = (*first.max(&91)..*end).collect();
            let (came, found, status) = survey(&left, &small()).await;
            let expected: Vec<u64> = (91..=201).filter(|number| !lost.contains(number)).collect();
            assert_eq!(came, expected, "segment {missing}");
            assert_eq!(
                found.missing_segments,
                u64::from(!lost.is_empty() && missing < 3),
                "segment {missing}"
            );
            let counted = (status.appended, status.set_aside);
            assert_eq!(counted, (201, lost.len() as u64), "segment {missing}");
        }
    });
}

#[test]
fn a_segment_of_a_newer_version_is_refused_and_left_alone() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        append(&rig, 3, RECORD_BYTES).await;
        drop(rig);
        let name = medium.segments()[0].clone();
        medium.change(&name, |bytes| {
            bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
            let sum = crc32c::crc32c(&bytes[..60]);
            bytes[60..64].copy_from_slice(&sum.to_le_bytes());
        });
        let before = medium.change(&name, |bytes| bytes.clone());
        let data = tempfile::tempdir().unwrap();
        let opened = Spool::open_on(Arc::new(medium.clone()), data.path(), &small(), Clock::System);
        let refused = opened.unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 2, .. }), "{refused}");
        assert!(refused.to_string().contains("newer voxgate"), "{refused}");
        assert_eq!(medium.change(&name, |bytes| bytes.clone()), before);
    });
}

#[test]
fn an_fsync_of_the_books_that_failed_is_not_believed_the_next_time() {
    block_on(async {
        let medium = Medium::default();
        let rig = on(&medium, &small());
        append(&rig, 5, RECORD_BYTES).await;
        rig.spool.inner.shared.sync_books().unwrap();
        rig.deliver_all().await;
        medium.fail(medium::Call::Sync, 0);
        rig.spool.inner.shared.sync_books().unwrap_err();
        rig.spool.inner.shared.sync_books().unwrap();
        let left = on(&medium.cut(Keep::Nothing), &small());
        assert_eq!((left.found.undelivered, left.spool.status().delivered), (0, 5));
    });
}
