//! What a start makes of what a crash, a bad sector or a hand left behind.

use std::fs;

use super::*;

/// Offset of the frame with this sequence, when all records have this many bytes.
fn frame_at(sequence: usize, record_bytes: usize) -> usize {
    frame::SEGMENT_HEAD_BYTES + (sequence - 1) * frame::frame_bytes(record_bytes)
}

fn change(path: &Path, harm: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    harm(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_each_of_many_kills() {
    let mut rig = Rig::new(&small());
    let mut sent = 0;
    for _ in 0..20 {
        for _ in 0..17 {
            sent += 1;
            assert_eq!(rig.append(numbered(sent, 100)).await, sent);
        }
        let unacknowledged: Vec<_> = (0..5).map(|_| rig.push("in flight")).collect();
        let next = rig.killed(&small());
        for appended in unacknowledged {
            appended.await.unwrap();
        }
        assert!(next.spool.status().appended >= sent && next.spool.status().balances());
        sent = next.spool.status().appended;
        rig = next;
    }
    let all = rig.deliver_all().await;
    assert_eq!(all.len() as u64, sent);
    let numbers = all.iter().filter(|(sequence, record)| record == &numbered(*sequence, 100)).count();
    assert_eq!(numbers, 20 * 17, "every acknowledged record, in its place");
}

#[tokio::test]
async fn a_torn_write_at_every_byte_of_the_last_frame_costs_only_that_frame() {
    let rig = Rig::new(&small());
    rig.append("kept one").await;
    rig.append("kept two").await;
    rig.spool.inner.shared.sync_books().unwrap();
    let books = fs::read(rig.data.path().join("spool/books")).unwrap();
    rig.append("torn one").await;
    let whole = frame::FRAME_HEAD_BYTES + 8;
    let last = frame_at(3, 8);
    for written in 0..whole {
        let data = tempfile::tempdir().unwrap();
        copy_dir(rig.data.path(), data.path());
        fs::write(data.path().join("spool/books"), &books).unwrap();
        change(&segments(data.path())[0], |bytes| bytes[last + written..last + whole].fill(0));
        let (spool, found) = Spool::open(data.path(), &small(), rig.clock.clone()).unwrap();
        let torn = Rig { data, spool, runs: Runs::default(), clock: rig.clock.clone(), found };
        assert_eq!((torn.found.undelivered, torn.found.set_aside), (2, 0), "{written} bytes were written");
        let recognizable = written > 12; // magic, and the one byte of generation 1 that is not zero
        assert_eq!(torn.found.torn_tail, recognizable, "{written} bytes were written");
        assert_eq!(torn.append("new three").await, 3);
        let torn = torn.reopened(&small());
        let all = torn.deliver_all().await;
        assert_eq!(
            all.iter().map(|(_, record)| &record[..]).collect::<Vec<_>>(),
            [b"kept one" as &[u8], b"kept two", b"new three"]
        );
        assert!(torn.spool.status().balances());
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_a_frame_sets_it_aside_and_the_rest_is_delivered() {
    for broken in 1..=3 {
        // Magic, sum, length, generation, sequence, time, payload: the first byte of each, and its last.
        for byte in [0, 3, 4, 7, 8, 11, 12, 15, 16, 23, 24, 31, 32, 39] {
            let rig = Rig::new(&small());
            for _ in 0..3 {
                rig.append("12345678").await;
            }
            let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
                change(&segments(data)[0], |bytes| bytes[frame_at(broken, 8) + byte] ^= 0x10);
            });
            let context = format!("bit of byte {byte} of frame {broken}");
            assert_eq!((rig.found.set_aside, rig.found.undelivered), (1, 2), "{context}");
            assert_eq!(rig.append("87654321").await, 4, "{context}");
            let all: Vec<u64> = rig.deliver_all().await.into_iter().map(|(sequence, _)| sequence).collect();
            let expected: Vec<u64> = (1..=4).filter(|sequence| *sequence != broken as u64).collect();
            assert_eq!(all, expected, "{context}");
            let aside = fs::read_dir(rig.data.path().join("spool/set-aside")).unwrap().count();
            assert_eq!(aside, 1, "{context}: its bytes are kept");
            let rig = rig.reopened(&small());
            let status = rig.spool.status();
            assert_eq!((status.appended, status.delivered, status.set_aside), (4, 3, 1), "{context}");
            assert!(status.balances());
        }
    }
}

#[tokio::test]
async fn a_frame_that_breaks_in_an_older_segment_is_found_by_the_reader() {
    let rig = Rig::new(&small());
    rig.fill(150, 1_000).await;
    let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
        change(&segments(data)[1], |bytes| bytes[frame_at(10, 1_000) + 50] ^= 1);
    });
    let all = rig.deliver_all().await;
    assert_eq!(all.len(), 149);
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.set_aside), (149, 1));
    assert!(status.balances());
    rig.spool.replay(START).unwrap();
    assert!(rig.spool.status().balances());
    assert_eq!(rig.deliver_all().await.len(), 149);
    assert_eq!(rig.spool.status().set_aside, 1, "it is not counted again");
}

#[tokio::test]
async fn a_segment_with_a_broken_head_gives_its_frames_all_the_same() {
    for byte in [0, 7, 8, 11, 12, 15, 16, 23, 24, 31, 32, 35, 60, 63] {
        let rig = Rig::new(&small());
        rig.fill(100, 1_000).await;
        let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
            change(&segments(data)[usize::from(byte % 4 == 0)], |bytes| bytes[byte] ^= 1);
        });
        assert_eq!(rig.found.set_aside, 0, "byte {byte}");
        rig.append("more").await;
        assert_eq!(rig.deliver_all().await.len(), 101, "byte {byte}");
        let rig = rig.reopened(&small());
        assert_eq!(rig.spool.status().delivered, 101);
    }
}

#[tokio::test]
async fn a_missing_segment_is_reported_and_counted_and_the_others_are_delivered() {
    for missing in 0..3 {
        let rig = Rig::new(&small());
        rig.fill(200, 1_000).await;
        let segments_before = rig.spool.status().segments;
        assert_eq!(segments_before, 4);
        let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
            fs::remove_file(&segments(data)[missing]).unwrap();
        });
        assert_eq!(rig.found.missing_segments, 1, "segment {missing}");
        let lost = rig.found.set_aside;
        assert!((60..65).contains(&lost), "a segment holds 63 or 64: {lost}");
        assert_eq!(rig.deliver_all().await.len() as u64, 200 - lost);
        let status = rig.spool.status();
        assert_eq!((status.appended, status.set_aside), (200, lost));
        assert!(status.balances());
    }
}

#[tokio::test]
async fn when_the_newest_segment_is_missing_its_sequences_are_not_used_again() {
    let rig = Rig::new(&small());
    rig.fill(100, 1_000).await;
    let rig = rig.reopened_on(Arc::new(Local), &small(), |data| fs::remove_file(&segments(data)[1]).unwrap());
    assert_eq!(rig.append("next").await, 101);
    let status = rig.spool.status();
    assert!(status.balances() && status.set_aside > 30, "{status:?}");
    assert_eq!(rig.deliver_all().await.len() as u64, 101 - status.set_aside);
}

#[tokio::test]
async fn a_segment_that_goes_missing_while_running_is_counted() {
    let rig = Rig::new(&small());
    rig.fill(150, 1_000).await;
    fs::remove_file(&rig.segments()[1]).unwrap();
    let delivered = rig.deliver_all().await.len() as u64;
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.set_aside), (delivered, 150 - delivered));
    assert!(delivered < 100 && status.balances());
}

#[tokio::test]
async fn old_frames_of_a_recycled_segment_do_not_come_back() {
    let settings = settings::Spool { keep_delivered: Duration::ZERO, ..small() };
    let rig = Rig::new(&settings);
    for _ in 0..12 {
        rig.clock.advance(Duration::from_secs(1));
        rig.fill(100, 1_000).await;
        rig.deliver_all().await;
    }
    rig.append("the only one").await;
    let rig = rig.killed(&settings);
    assert_eq!((rig.found.undelivered, rig.found.set_aside, rig.found.torn_tail), (1, 0, false));
    assert_eq!(rig.deliver_all().await, [(1_201, "the only one".into())]);
    let status = rig.spool.status();
    assert_eq!((status.appended, status.delivered), (1_201, 1_201));
}

#[tokio::test]
async fn without_readable_books_everything_kept_is_delivered_again() {
    let rig = Rig::new(&small());
    rig.fill(10, 100).await;
    rig.deliver_all().await;
    let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
        change(&data.join("spool/books"), |bytes| bytes.fill(0xFF));
    });
    assert!(rig.found.cursor_lost);
    assert_eq!(rig.deliver_all().await.len(), 10);
    assert!(rig.spool.status().balances());
}

#[tokio::test]
async fn with_one_broken_slot_of_the_books_the_other_one_counts() {
    let rig = Rig::new(&small());
    rig.fill(4, 100).await;
    let mut reader = rig.spool.reader();
    for _ in 0..2 {
        let batch = reader.next(2, 1 << 20).await;
        rig.spool.advance(batch.last, 0).unwrap();
    }
    for slot in [0, 40_960] {
        let data = tempfile::tempdir().unwrap();
        copy_dir(rig.data.path(), data.path());
        change(&data.path().join("spool/books"), |bytes| bytes[slot + 30] ^= 1);
        let (spool, found) = Spool::open(data.path(), &small(), rig.clock.clone()).unwrap();
        assert!(!found.cursor_lost && found.undelivered <= 2, "{found:?}");
        assert!(spool.status().balances() && found.set_aside == 0);
    }
}

#[tokio::test]
async fn cursor_and_counts_survive_a_restart() {
    let rig = Rig::new(&small());
    rig.fill(10, 100).await;
    let mut reader = rig.spool.reader();
    reader.next(6, 1 << 20).await;
    rig.spool.advance(6, 2).unwrap();
    let (before, killed) = (rig.spool.status(), rig.killed(&small()));
    assert_eq!(killed.spool.status(), before);
    let rig = rig.reopened(&small());
    assert_eq!(rig.spool.status(), before);
    assert_eq!(rig.deliver_all().await[0].0, 7);
}

#[tokio::test]
async fn a_replay_that_waits_is_not_forgotten_by_a_restart() {
    let rig = Rig::new(&small());
    rig.fill(6, 10).await;
    let mut reader = rig.spool.reader();
    reader.next(3, 1 << 20).await;
    rig.spool.advance(3, 0).unwrap();
    reader.next(2, 1 << 20).await;
    rig.spool.replay(START).unwrap();
    drop(reader);
    let rig = rig.reopened(&small());
    assert_eq!(rig.found.undelivered, 6);
    assert_eq!(rig.deliver_all().await.len(), 6);
    assert!(rig.spool.status().balances());
}

#[tokio::test]
async fn segments_of_another_size_are_read_and_replaced() {
    let rig = Rig::new(&small());
    rig.fill(150, 1_000).await;
    let larger = settings::Spool { segment_bytes: 131_072, budget: 16 * 131_072, ..small() };
    let rig = rig.reopened(&larger);
    rig.fill(300, 1_000).await;
    rig.append(vec![1; 100_000]).await;
    assert_eq!(rig.deliver_all().await.len(), 451);
}

/// Killed between taking a prepared segment and its first frame, when the next one was prepared already.
#[tokio::test]
async fn segments_that_were_prepared_before_a_kill_are_used_in_their_order() {
    let rig = Rig::new(&small());
    rig.append("one").await;
    let rig = rig.reopened_on(Arc::new(Local), &small(), |data| {
        let prepared = segments(data).pop().unwrap();
        let generation: u32 = prepared.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        std::fs::copy(&prepared, segment_path(&data.join("spool"), generation + 1)).unwrap();
    });
    rig.fill(150, 1_000).await;
    let rig = rig.reopened(&small());
    assert_eq!((rig.found.missing_segments, rig.found.set_aside), (0, 0));
    assert_eq!(rig.deliver_all().await.len(), 151);
}
