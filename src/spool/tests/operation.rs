//! Appending, reading, bounds, replay: on a disk that works.

use super::*;

#[tokio::test]
async fn records_come_back_in_order_and_the_books_balance() {
    let rig = Rig::new(&small());
    assert_eq!(rig.append("one").await, 1);
    assert_eq!(rig.append("two").await, 2);
    assert_eq!(rig.append("").await, 3);
    let before = rig.spool.status();
    assert_eq!((before.appended, before.spooled, before.delivered), (3, 3, 0));
    let mut reader = rig.spool.reader();
    let batch = reader.next(10, 1 << 20).await;
    assert_eq!(batch.last, 3);
    assert_eq!(batch.records, [(1, "one".into()), (2, "two".into()), (3, Bytes::new())]);
    rig.spool.advance(2, 1).unwrap();
    let after = rig.spool.status();
    assert_eq!((after.delivered, after.dead_lettered, after.spooled), (1, 1, 1));
    assert!(after.balances() && after.bytes < before.bytes);
}

#[tokio::test]
async fn a_batch_keeps_both_bounds_and_goes_on_where_it_ended() {
    let rig = Rig::new(&small());
    rig.fill(10, 100).await;
    let mut reader = rig.spool.reader();
    assert_eq!(reader.next(3, 1 << 20).await.last, 3);
    assert_eq!(reader.next(10, 200).await.records.len(), 2);
    assert_eq!(reader.next(10, 1).await.records.len(), 1, "one record is given however large");
    assert_eq!(reader.next(100, 1 << 20).await.records.len(), 4);
    reader.rewind();
    assert_eq!(reader.next(100, 1 << 20).await.records.len(), 10);
}

#[tokio::test]
async fn a_reader_waits_for_the_next_record_and_may_be_dropped_while_it_does() {
    let rig = Rig::new(&small());
    let mut reader = rig.spool.reader();
    {
        let waiting = std::pin::pin!(reader.next(10, 1 << 20));
        assert!(futures_util::FutureExt::now_or_never(waiting).is_none());
    }
    let (batch, sequence) = tokio::join!(reader.next(10, 1 << 20), rig.append("late"));
    assert_eq!(batch.records, [(sequence, "late".into())]);
}

#[tokio::test]
async fn a_record_whose_waiter_is_gone_still_lands_and_settles_its_ticket() {
    let rig = Rig::new(&small());
    drop(rig.push("left behind"));
    assert_eq!(rig.append("behind it").await, 2);
    assert_eq!(rig.deliver_all().await[0], (1, "left behind".into()));
    assert_eq!(rig.runs.current().settled_below(), 2);
    assert!(!rig.runs.current().is_ended());
}

#[tokio::test]
async fn many_segments_are_filled_delivered_and_used_again_within_the_budget() {
    let settings = settings::Spool { keep_delivered: Duration::ZERO, ..small() };
    let rig = Rig::new(&settings);
    for round in 0..10_u64 {
        rig.clock.advance(Duration::from_secs(1));
        rig.fill(200, 1_000).await;
        let all = rig.deliver_all().await;
        assert_eq!(all.len(), 200);
        assert_eq!(all[0].0, round * 200 + 1);
        assert!(all.iter().zip(0..).all(|((_, record), number)| record == &numbered(number, 1_000)));
    }
    let status = rig.spool.status();
    assert_eq!((status.appended, status.delivered), (2_000, 2_000));
    assert!(rig.segments().len() <= 8, "{:?}", rig.segments());
    let newest = rig.spool.inner.shared.log().segments.back().unwrap().generation;
    assert!(newest > 24, "files were used again: {newest} generations in {} files", rig.segments().len());
}

#[tokio::test]
async fn the_last_bytes_of_the_budget_are_given_and_one_more_is_refused() {
    let rig = Rig::new(&small());
    let budget = rig.spool.inner.shared.gate.budget;
    assert_eq!(budget, 5 * 65_536, "three of eight segments are set apart");
    let mut held = Vec::new();
    let each = 32_768 - frame::FRAME_HEAD_BYTES;
    for _ in 0..10 {
        held.push(rig.spool.reserve(each).unwrap());
    }
    assert_eq!(rig.spool.reserve(0).unwrap_err(), Full::Budget);
    assert_eq!(rig.spool.status().accepting, Err(Full::Budget));
    held.pop();
    assert_eq!(rig.spool.reserve(each + 1).unwrap_err(), Full::Budget);
    drop(rig.spool.reserve(each).unwrap());
}

#[tokio::test]
async fn a_full_spool_refuses_until_records_are_delivered() {
    let rig = Rig::new(&small());
    let mut appended = 0_u64;
    let full = loop {
        match rig.spool.reserve(1_000) {
            Ok(room) => {
                rig.spool.append(room, rig.runs.ticket(), numbered(appended, 1_000).into()).await.unwrap();
                appended += 1;
            }
            Err(full) => break full,
        }
    };
    assert_eq!(full, Full::Budget);
    assert!(rig.segments().len() <= 8);
    assert_eq!(rig.deliver_all().await.len() as u64, appended);
    assert_eq!(rig.append("again").await, appended + 1);
}

#[tokio::test]
async fn the_last_place_in_the_queue_is_given_and_one_more_is_refused() {
    let rig = Rig::new(&settings::Spool { queue: 2, ..small() });
    let first = rig.spool.reserve(1).unwrap();
    let second = rig.spool.reserve(1).unwrap();
    assert_eq!(rig.spool.reserve(1).unwrap_err(), Full::Queue);
    drop(first);
    drop(rig.spool.reserve(1).unwrap());
    drop(second);
    assert_eq!(rig.spool.status().accepting, Ok(()));
}

#[tokio::test]
async fn the_largest_record_fits_a_segment_and_one_byte_more_is_refused() {
    let rig = Rig::new(&small());
    let largest = 65_536 - frame::SEGMENT_HEAD_BYTES - frame::FRAME_HEAD_BYTES;
    rig.append(vec![7; largest]).await;
    assert_eq!(rig.spool.reserve(largest + 1).unwrap_err(), Full::Record);
    let small_room = rig.spool.reserve(1).unwrap();
    let grown = rig.spool.append(small_room, rig.runs.ticket(), vec![7; largest + 1].into());
    assert_eq!(grown.await, Err(AppendError::TooLarge));
    assert_eq!(rig.deliver_all().await[0].1.len(), largest);
}

#[tokio::test]
async fn a_closed_spool_takes_nothing_and_can_still_be_delivered() {
    let rig = Rig::new(&small());
    let room = rig.spool.reserve(8).unwrap();
    let last = rig.push("in time");
    rig.spool.close();
    rig.spool.close();
    assert_eq!(last.await.map(sequence), Ok(1));
    assert_eq!(rig.spool.reserve(1).unwrap_err(), Full::Closed);
    let late = rig.spool.append(room, rig.runs.ticket(), "too late".into());
    assert_eq!(late.await, Err(AppendError::Closed));
    assert_eq!(rig.deliver_all().await.len(), 1);
    assert!(rig.spool.status().balances());
}

#[tokio::test]
async fn a_second_gateway_on_the_directory_is_refused_until_the_first_is_gone() {
    let rig = Rig::new(&small());
    let again = || Spool::open(rig.data.path(), &small(), Clock::System);
    let refused = again().unwrap_err();
    assert!(matches!(refused, OpenError::Locked(_)), "{refused}");
    assert!(refused.to_string().contains("another gateway"));
    drop(rig.spool);
    drop(Spool::open(rig.data.path(), &small(), Clock::System).unwrap());
}

#[test]
fn a_directory_of_a_newer_version_is_refused_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("VERSION"), "2\n").unwrap();
    let refused = Spool::open(data.path(), &small(), Clock::System).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 2, .. }), "{refused}");
    assert!(!data.path().join("spool").exists());
    std::fs::write(data.path().join("VERSION"), "?").unwrap();
    assert!(matches!(Spool::open(data.path(), &small(), Clock::System), Err(OpenError::Version(_))));
}

#[tokio::test]
async fn a_replay_sends_again_from_the_first_record_at_or_after_the_time() {
    let rig = Rig::new(&small());
    for name in ["first", "second", "third"] {
        rig.append(name).await;
        rig.clock.advance(Duration::from_secs(60));
    }
    let mut reader = rig.spool.reader();
    reader.next(10, 1 << 20).await;
    rig.spool.advance(3, 0).unwrap();
    assert_eq!(rig.spool.replay(START.after(Duration::from_secs(60))).unwrap(), 2);
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.spooled), (1, 2));
    assert_eq!(status.oldest_undelivered, Some(START.after(Duration::from_secs(60))));
    let batch = reader.next(10, 1 << 20).await;
    assert_eq!(batch.records, [(2, "second".into()), (3, "third".into())]);
    rig.spool.advance(3, 0).unwrap();
    assert_eq!(rig.spool.replay(START.after(Duration::from_secs(121))).unwrap(), 0);
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.spooled), (3, 0));
    assert!(status.balances());
}

#[tokio::test]
async fn a_replay_waits_for_batches_on_the_way_so_that_a_late_ack_skips_nothing() {
    let rig = Rig::new(&small());
    rig.fill(6, 10).await;
    let mut reader = rig.spool.reader();
    reader.next(3, 1 << 20).await;
    rig.spool.advance(3, 0).unwrap();
    reader.next(2, 1 << 20).await;
    assert_eq!(rig.spool.replay(START).unwrap(), 5);
    assert!(rig.spool.status().balances());
    assert!(futures_util::FutureExt::now_or_never(reader.next(10, 1 << 20)).is_none());
    assert_eq!(rig.spool.status().spooled, 3, "not begun");
    rig.spool.advance(5, 0).unwrap();
    assert_eq!(rig.spool.status().spooled, 6, "begun with the last ack");
    assert_eq!(reader.next(10, 1 << 20).await.records.len(), 6);
    rig.spool.advance(6, 0).unwrap();
    assert_eq!(rig.spool.status().delivered, 6);
}

#[tokio::test]
async fn a_replay_over_dead_letters_takes_their_whole_batch_and_counts_them_once() {
    let rig = Rig::new(&small());
    for _ in 0..10 {
        rig.append("record").await;
        rig.clock.advance(Duration::from_secs(1));
    }
    let mut reader = rig.spool.reader();
    reader.next(4, 1 << 20).await;
    rig.spool.advance(4, 0).unwrap();
    reader.next(6, 1 << 20).await;
    rig.spool.advance(10, 2).unwrap();
    assert_eq!(rig.spool.replay(START.after(Duration::from_secs(7))).unwrap(), 6);
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.dead_lettered, status.spooled), (4, 0, 6));
    assert_eq!(reader.next(10, 1 << 20).await.records[0].0, 5);
    rig.spool.advance(10, 2).unwrap();
    let status = rig.spool.status();
    assert_eq!((status.delivered, status.dead_lettered), (8, 2));
    assert!(status.balances());
}

#[tokio::test]
async fn a_scan_gives_delivered_records_too_oldest_first() {
    let rig = Rig::new(&small());
    rig.fill(150, 1_000).await;
    assert_eq!(rig.deliver_all().await.len(), 150);
    rig.clock.advance(Duration::from_secs(5));
    rig.append("newest").await;
    let all: Vec<_> = rig.spool.scan().collect();
    assert_eq!(all.len(), 151);
    assert_eq!(all[0], (START, numbered(0, 1_000).into()));
    assert_eq!(all[150], (START.after(Duration::from_secs(5)), "newest".into()));
}

#[tokio::test]
async fn what_was_never_read_is_not_believed_to_be_delivered() {
    let rig = Rig::new(&small());
    rig.fill(5, 10).await;
    rig.spool.advance(5, 0).unwrap();
    assert_eq!(rig.spool.status().spooled, 5);
    let mut reader = rig.spool.reader();
    reader.next(2, 1 << 20).await;
    rig.spool.advance(5, 0).unwrap();
    assert_eq!(rig.spool.status().spooled, 3);
    rig.spool.advance(1, 0).unwrap();
    assert_eq!(rig.spool.status().delivered, 2);
}

#[tokio::test]
async fn what_was_read_behind_a_batch_is_not_read_again_until_the_reader_goes_back() {
    let rig = Rig::new(&small());
    rig.fill(6, 64).await;
    let mut reader = rig.spool.reader();
    let read = |batch: Batch| batch.records.into_iter().map(|(sequence, _)| sequence).collect::<Vec<_>>();
    assert_eq!(read(reader.next(2, 1 << 20).await), [1, 2]);
    let path = &rig.segments()[0];
    let mut bytes = std::fs::read(path).unwrap();
    let third = bytes.windows(64).position(|window| window == numbered(2, 64)).unwrap();
    bytes[third..].fill(7);
    std::fs::write(path, bytes).unwrap();
    assert_eq!(read(reader.next(2, 1 << 20).await), [3, 4]);
    reader.rewind();
    assert_eq!(read(reader.next(6, 1 << 20).await), [1, 2], "the disk is asked again");
    assert_eq!(rig.spool.status().set_aside, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_share_commits() {
    for waiters in [64_u64, 256] {
        let settings = settings::Spool { budget: 1 << 30, segment_bytes: 64 << 20, queue: 4_096, ..small() };
        let rig = Arc::new(Rig::new(&settings));
        let commits_before = commits(&rig.spool);
        let started = std::time::Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..waiters {
            let rig = Arc::clone(&rig);
            tasks.spawn(async move {
                for _ in 0..100 {
                    rig.append(vec![1; 180]).await;
                }
            });
        }
        tasks.join_all().await;
        let took = started.elapsed();
        let (records, commits) = (waiters * 100, commits(&rig.spool) - commits_before);
        println!(
            "{waiters} waiters: {records} records in {took:?}, {:.0}/s, {commits} commits, {:.0} records a commit",
            records as f64 / took.as_secs_f64(),
            records as f64 / commits as f64,
        );
        assert!(commits * 4 < records, "{commits} commits for {records} records");
        assert_eq!(rig.spool.status().appended, records);
    }
}

/// How many commits there were, as the metric tells it.
fn commits(spool: &Spool) -> u64 {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register("commit_seconds", "Commits", spool.commit_seconds());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("commit_seconds_count ")).unwrap();
    count.parse().unwrap()
}
