//! A disk that fails on demand.

use std::{io, path::PathBuf, sync::MutexGuard};

use super::{super::disk::DiskFile, *};

/// What goes wrong from now on.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// So many fsyncs of segments fail.
    syncs: u32,
    /// So many writes to the segment of generation 1 fail, the disk being full.
    writes: u32,
    /// Writes take only a part.
    short_writes: bool,
    /// So many reads of segments fail.
    reads: u32,
    /// Pages of the segment of generation 1 that cannot be read.
    bad_pages: std::ops::Range<u64>,
    /// No file can be made.
    creates: bool,
    /// No file can be renamed.
    renames: bool,
    /// What is free.
    free_bytes: Option<u64>,
    /// Fsyncs of segments do not end.
    syncs_hang: bool,
    /// Fsyncs of segments that began.
    syncs_begun: u32,
    /// Bytes read of segments so far.
    pub(super) bytes_read: usize,
}

/// The machine's disk with a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Faulty(Arc<Mutex<Plan>>);

impl Faulty {
    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap()
    }

    fn wrap(&self, path: &Path, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        if path.extension().is_some_and(|extension| extension == "segment") {
            let first = path.ends_with("0000000001.segment");
            Box::new(FaultyFile { plan: Arc::clone(&self.0), first, file })
        } else {
            file
        }
    }
}

impl Disk for Faulty {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, Local.open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.plan().creates {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.wrap(path, Local.create(path)?))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Local.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Local.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.plan().renames {
            return Err(io::Error::from_raw_os_error(5));
        }
        Local.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Local.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Local.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let planned = self.plan().free_bytes;
        planned.map_or_else(|| Local.free_bytes(dir), Ok)
    }
}

#[derive(Debug)]
struct FaultyFile {
    plan: Arc<Mutex<Plan>>,
    /// Whether it is the segment of generation 1.
    first: bool,
    file: Box<dyn DiskFile>,
}

/// Counts a planned fault down.
fn due(faults: &mut u32) -> bool {
    let due = *faults > 0;
    *faults = faults.saturating_sub(1);
    due
}

impl DiskFile for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut plan = self.plan.lock().unwrap();
        let pages = offset / 4_096..(offset + bytes.len() as u64).div_ceil(4_096);
        let bad = self.first && pages.start < plan.bad_pages.end && plan.bad_pages.start < pages.end;
        if due(&mut plan.reads) || bad {
            return Err(io::Error::from_raw_os_error(5));
        }
        let read = self.file.read_at(bytes, offset)?;
        plan.bytes_read += read;
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut plan = self.plan.lock().unwrap();
        if self.first && due(&mut plan.writes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let part = if plan.short_writes { bytes.len().div_ceil(3) } else { bytes.len() };
        self.file.write_at(&bytes[..part], offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut plan = self.plan.lock().unwrap();
        plan.syncs_begun += 1;
        while plan.syncs_hang {
            drop(plan);
            thread::yield_now();
            plan = self.plan.lock().unwrap();
        }
        if due(&mut plan.syncs) {
            return Err(io::Error::from_raw_os_error(5));
        }
        drop(plan);
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

fn faulty() -> (Faulty, Rig) {
    let disk = Faulty::default();
    let rig = Rig::on(Arc::new(disk.clone()), &small());
    (disk, rig)
}

/// Waits for a condition that another thread brings about.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came about");
}

/// The prepared segment is there, so that the next fault meets a commit and not the keeper.
async fn prepared(rig: &Rig) {
    until(|| !rig.spool.inner.shared.ahead.is_missing()).await;
}

fn newest_segment(rig: &Rig) -> PathBuf {
    let newest = rig.spool.inner.shared.log().segments.back().unwrap().generation;
    rig.spool.inner.shared.path(newest)
}

#[tokio::test]
async fn a_failed_fsync_tells_its_waiters_ends_the_run_and_is_not_tried_on_that_file_again() {
    let (disk, rig) = faulty();
    rig.append("kept").await;
    prepared(&rig).await;
    let run = rig.runs.current();
    let before = newest_segment(&rig);
    disk.plan().syncs = 1;
    assert_eq!(rig.push("not known to be on disk").await, Err(AppendError::NotWritten));
    assert!(run.is_ended());
    assert_eq!(run.settled_below(), 1);
    assert_eq!(rig.append("kept too").await, 2);
    assert_ne!(newest_segment(&rig), before);
    assert!(rig.spool.inner.shared.log().segments[0].spoiled, "nor will it be recycled");
    assert_eq!(rig.deliver_all().await, [(1, "kept".into()), (2, "kept too".into())]);
    assert!(rig.spool.status().balances());
}

#[tokio::test]
async fn nothing_is_told_settled_or_read_before_its_fsync_has_ended() {
    let (disk, rig) = faulty();
    rig.append("before").await;
    rig.deliver_all().await;
    prepared(&rig).await;
    let begun = disk.plan().syncs_begun;
    disk.plan().syncs_hang = true;
    let mut waiting = std::pin::pin!(rig.push("written, not durable"));
    until(|| disk.plan().syncs_begun > begun).await;
    assert!(futures_util::FutureExt::now_or_never(waiting.as_mut()).is_none());
    assert_eq!(rig.runs.current().settled_below(), 1);
    assert_eq!(rig.spool.status().appended, 1);
    let mut reader = rig.spool.reader();
    assert!(futures_util::FutureExt::now_or_never(reader.next(1, 1)).is_none());
    disk.plan().syncs_hang = false;
    assert_eq!(waiting.await.map(sequence), Ok(2));
    assert_eq!(rig.runs.current().settled_below(), 2);
    assert_eq!(reader.next(1, 1).await.last, 2);
}

#[tokio::test]
async fn while_a_commit_hangs_nothing_more_is_let_in_and_what_waits_lands_in_the_end() {
    let (disk, rig) = faulty();
    prepared(&rig).await;
    let begun = disk.plan().syncs_begun;
    disk.plan().syncs_hang = true;
    let waiting = rig.push("in the commit that hangs");
    until(|| disk.plan().syncs_begun > begun).await;
    let behind = rig.push("behind it");
    rig.clock.advance(gate::STALLED_AFTER - Duration::from_micros(1));
    assert_eq!(rig.spool.status().accepting, Ok(()), "it may just be slow");
    rig.clock.advance(Duration::from_micros(1));
    assert_eq!(rig.spool.reserve(1).unwrap_err(), Full::Stalled);
    assert_eq!(rig.spool.status().accepting, Err(Full::Stalled));
    disk.plan().syncs_hang = false;
    assert_eq!((waiting.await.map(sequence), behind.await.map(sequence)), (Ok(1), Ok(2)));
    until(|| rig.spool.status().accepting.is_ok()).await;
    assert_eq!(rig.append("let in again").await, 3);
}

#[tokio::test]
async fn what_landed_behind_a_failed_fsync_does_not_take_the_place_of_what_was_acknowledged() {
    let (disk, rig) = faulty();
    rig.append("kept").await;
    prepared(&rig).await;
    disk.plan().syncs = 1;
    rig.push("landed, but nobody knew").await.unwrap_err();
    rig.append("acknowledged").await;
    let after = rig.killed(&small());
    assert_eq!(after.spool.status().appended, 2);
    let kept: Vec<_> = after.spool.scan().map(|(_, record)| record).collect();
    assert_eq!(kept, ["kept", "acknowledged"]);
    assert_eq!(after.deliver_all().await, [(1, "kept".into()), (2, "acknowledged".into())]);
    assert!(after.spool.status().balances());
}

#[tokio::test]
async fn a_failed_first_commit_of_a_segment_leaves_nothing_behind() {
    let (disk, rig) = faulty();
    prepared(&rig).await;
    disk.plan().writes = 1;
    assert_eq!(rig.push("refused").await, Err(AppendError::NotWritten));
    assert_eq!(rig.append("first").await, 1);
    let rig = rig.reopened(&small());
    assert_eq!(rig.deliver_all().await, [(1, "first".into())]);
}

#[tokio::test]
async fn after_two_failures_in_a_row_nothing_is_let_in_until_the_disk_was_tried() {
    let (disk, rig) = faulty();
    rig.append("kept").await;
    prepared(&rig).await;
    disk.plan().syncs = u32::MAX;
    rig.push("first failure").await.unwrap_err();
    if let Ok(room) = rig.spool.reserve(1) {
        rig.spool.append(room, rig.runs.ticket(), "second failure".into()).await.unwrap_err();
    }
    assert_eq!(rig.spool.reserve(1).unwrap_err(), Full::Disk);
    assert_eq!(rig.spool.status().accepting, Err(Full::Disk));
    assert_eq!(rig.deliver_all().await.len(), 1, "delivery goes on");
    disk.plan().syncs = 0;
    until(|| rig.spool.status().accepting.is_ok()).await;
    assert_eq!(rig.append("the disk is back").await, 2);
}

#[tokio::test]
async fn a_write_that_takes_only_a_part_is_finished() {
    let (disk, rig) = faulty();
    disk.plan().short_writes = true;
    rig.fill(150, 1_000).await;
    let rig = rig.reopened(&small());
    let all = rig.deliver_all().await;
    assert!(all.iter().zip(0..).all(|((_, record), number)| record == &numbered(number, 1_000)));
    assert_eq!(all.len(), 150);
}

#[tokio::test]
async fn a_full_disk_tells_the_waiters_and_does_not_stop_the_spool() {
    let (disk, rig) = faulty();
    rig.append("kept").await;
    prepared(&rig).await;
    disk.plan().writes = 1;
    assert_eq!(rig.push("no room").await, Err(AppendError::NotWritten));
    assert_eq!(rig.append("room again").await, 2);
    assert_eq!(rig.deliver_all().await.len(), 2);
}

#[tokio::test]
async fn below_the_disk_floor_records_are_refused_and_delivery_goes_on() {
    let disk = Faulty::default();
    let settings = settings::Spool { disk_floor: 1 << 20, ..small() };
    disk.plan().free_bytes = Some(1 << 30);
    let rig = Rig::on(Arc::new(disk.clone()), &settings);
    rig.append("kept").await;
    prepared(&rig).await;
    disk.plan().free_bytes = Some(1 << 20);
    assert_eq!(rig.append("exactly at the floor").await, 2);
    disk.plan().free_bytes = Some((1 << 20) - 1);
    until(|| rig.spool.status().accepting == Err(Full::Disk)).await;
    assert_eq!(rig.spool.reserve(1).unwrap_err(), Full::Disk);
    assert_eq!(rig.deliver_all().await.len(), 2);
    disk.plan().free_bytes = Some(1 << 30);
    until(|| rig.spool.status().accepting.is_ok()).await;
    rig.append("above again").await;
}

#[tokio::test]
async fn without_a_next_segment_the_open_one_is_filled_and_then_records_are_refused() {
    let (disk, rig) = faulty();
    rig.append("first").await;
    prepared(&rig).await;
    disk.plan().creates = true;
    let mut appended = 1;
    while let Ok(room) = rig.spool.reserve(1_000) {
        let fate = rig.spool.append(room, rig.runs.ticket(), vec![b'.'; 1_000].into()).await;
        appended += u64::from(fate.is_ok());
    }
    assert_eq!(rig.spool.reserve(1_000).unwrap_err(), Full::Disk);
    assert!(appended > 120, "two segments were filled: {appended}");
    disk.plan().creates = false;
    until(|| rig.spool.status().accepting.is_ok()).await;
    assert_eq!(rig.append("more").await, appended + 1);
    assert_eq!(rig.deliver_all().await.len() as u64, appended + 1);
}

#[tokio::test]
async fn on_a_full_disk_delivered_segments_are_used_again_before_their_time() {
    let (disk, rig) = faulty();
    rig.fill(200, 1_000).await;
    prepared(&rig).await;
    disk.plan().creates = true;
    assert_eq!(rig.deliver_all().await.len(), 200);
    let files = rig.segments();
    for round in 0..10 {
        rig.fill(63, 1_000).await;
        assert_eq!(rig.deliver_all().await.len(), 63, "round {round}");
        prepared(&rig).await;
    }
    assert_eq!(rig.segments().len(), files.len());
    assert!(newest_segment(&rig) > files[files.len() - 1], "new generations in the same files");
}

#[tokio::test]
async fn a_delivered_segment_that_cannot_be_recycled_still_counts_and_can_be_replayed() {
    let (disk, rig) = faulty();
    rig.fill(150, 1_000).await;
    prepared(&rig).await;
    rig.deliver_all().await;
    (disk.plan().creates, disk.plan().renames) = (true, true);
    while let Ok(room) = rig.spool.reserve(1_000) {
        let fate = rig.spool.append(room, rig.runs.ticket(), vec![b'.'; 1_000].into()).await;
        if fate.is_err() {
            break;
        }
    }
    rig.deliver_all().await;
    let appended = rig.spool.status().appended;
    assert_eq!(rig.spool.status().segments, rig.segments().len(), "every file is counted");
    assert_eq!(rig.spool.replay(START).unwrap(), appended);
    assert_eq!(rig.deliver_all().await.len() as u64, appended);
    (disk.plan().creates, disk.plan().renames) = (false, false);
    until(|| rig.spool.status().accepting.is_ok()).await;
    assert_eq!(rig.append("more").await, appended + 1);
}

#[tokio::test]
async fn a_read_that_fails_is_tried_again_and_loses_nothing() {
    let (disk, rig) = faulty();
    rig.append("one").await;
    disk.plan().reads = 1;
    assert_eq!(rig.deliver_all().await, [(1, "one".into())]);
    assert_eq!(rig.spool.status().set_aside, 0);
}

#[tokio::test]
async fn opening_reads_two_segments_however_many_wait() {
    let settings = settings::Spool { budget: 64 * 65_536, ..small() };
    let rig = Rig::new(&settings);
    rig.fill(3_000, 1_000).await;
    let disk = Faulty::default();
    let rig = rig.reopened_on(Arc::new(disk.clone()), &settings, |_| {});
    let read = disk.plan().bytes_read;
    assert!(rig.found.segments > 40 && rig.found.undelivered == 3_000, "{:?}", rig.found);
    assert!(read < 6 * 65_536, "{read} bytes were read of {} segments", rig.found.segments);
    assert_eq!(rig.deliver_all().await.len(), 3_000);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_costs_its_own_records_and_no_others() {
    let (disk, rig) = faulty();
    rig.fill(100, 1_000).await;
    disk.plan().bad_pages = 3..4;
    let delivered = rig.deliver_all().await.len();
    assert!((94..=96).contains(&delivered), "a page holds parts of four to six records: {delivered}");
    let status = rig.spool.status();
    assert_eq!(status.set_aside, 100 - delivered as u64);
    assert!(status.balances());
}

#[tokio::test]
async fn a_spool_with_bad_pages_opens_and_gives_what_can_be_read() {
    for page in [0, 1, 10] {
        let rig = Rig::new(&small());
        rig.fill(50, 1_000).await;
        let disk = Faulty::default();
        disk.plan().bad_pages = page..page + 1;
        let rig = rig.reopened_on(Arc::new(disk), &small(), |_| {});
        let lost = rig.spool.status().set_aside;
        assert!((3..=6).contains(&lost), "page {page}: {lost}");
        assert_eq!(rig.deliver_all().await.len() as u64, 50 - lost);
        assert_eq!(rig.append("more").await, 51);
        assert!(rig.spool.status().balances());
    }
}
