//! The spool on a real disk, and on one that fails on demand.

mod crashes;
mod damage;
mod faults;
mod medium;
mod operation;
mod properties;
mod recovery;

use std::{path::Path, time::Duration};

use bytes::Bytes;
use tempfile::TempDir;

use super::{queue::Landed, *};
use crate::intake::claim::Runs;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What a record's waiter is told, without the time.
fn sequence(landed: Landed) -> u64 {
    landed.sequence
}

/// Segments of 64 KiB, the smallest there are, and room for eight of them.
pub(super) fn small() -> settings::Spool {
    settings::Spool {
        budget: 8 * 65_536,
        disk_floor: 0,
        keep_delivered: Duration::from_secs(3_600),
        segment_bytes: 65_536,
        queue: 1_024,
    }
}

/// A spool in a directory of its own.
struct Rig {
    data: TempDir,
    spool: Spool,
    runs: Runs,
    clock: Clock,
    found: Recovery,
}

impl Rig {
    fn new(settings: &settings::Spool) -> Self {
        Self::on(Arc::new(Local), settings)
    }

    fn on(disk: Arc<dyn Disk>, settings: &settings::Spool) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START);
        let (spool, found) = Spool::open_on(disk, data.path(), settings, clock.clone()).unwrap();
        Self { data, spool, runs: Runs::default(), clock, found }
    }

    /// Appends without waiting.
    fn push(&self, record: impl Into<Bytes>) -> Appended {
        let record = record.into();
        let room = self.spool.reserve(record.len()).unwrap();
        self.spool.append(room, self.runs.ticket(), record)
    }

    async fn append(&self, record: impl Into<Bytes>) -> u64 {
        sequence(self.push(record).await.unwrap())
    }

    /// Appends so many records of so many bytes, in groups; each begins with its number.
    async fn fill(&self, records: u64, bytes: usize) {
        let mut waiting = Vec::new();
        for number in 0..records {
            waiting.push(self.push(numbered(number, bytes)));
            if waiting.len() == 100 {
                for appended in waiting.drain(..) {
                    appended.await.unwrap();
                }
            }
        }
        for appended in waiting {
            appended.await.unwrap();
        }
    }

    /// Reads and delivers everything.
    async fn deliver_all(&self) -> Vec<(u64, Bytes)> {
        let mut reader = self.spool.reader();
        let mut all = Vec::new();
        while self.spool.status().spooled > 0 {
            let batch = reader.next(100, 1 << 20).await;
            self.spool.advance(batch.last, 0).unwrap();
            all.extend(batch.records);
        }
        all
    }

    /// Stops it and opens it again.
    fn reopened(self, settings: &settings::Spool) -> Self {
        self.reopened_on(Arc::new(Local), settings, |_| {})
    }

    /// Stops it, lets `harm` do something to the files, and opens it again.
    fn reopened_on(self, disk: Arc<dyn Disk>, settings: &settings::Spool, harm: impl FnOnce(&Path)) -> Self {
        let Self { data, spool, clock, .. } = self;
        drop(spool);
        harm(data.path());
        let (spool, found) = open_when_let_go(&disk, data.path(), settings, &clock);
        Self { data, spool, runs: Runs::default(), clock, found }
    }

    /// What a gateway finds that starts on the files as they are now: this one was killed.
    fn killed(&self, settings: &settings::Spool) -> Self {
        let data = tempfile::tempdir().unwrap();
        copy_dir(self.data.path(), data.path());
        let clock = self.clock.clone();
        let (spool, found) = Spool::open(data.path(), settings, clock.clone()).unwrap();
        Self { data, spool, runs: Runs::default(), clock, found }
    }

    fn segments(&self) -> Vec<std::path::PathBuf> {
        segments(self.data.path())
    }
}

fn numbered(number: u64, bytes: usize) -> Vec<u8> {
    let mut record = number.to_be_bytes().to_vec();
    record.resize(bytes.max(8), b'.');
    record
}

fn segments(data: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(data.join("spool"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .collect();
    paths.sort();
    paths
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Opens a directory whose lock was dropped just now. A process that another test starts in this moment has the lock
/// open too, until it becomes what it is to be.
fn open_when_let_go(
    disk: &Arc<dyn Disk>,
    data: &Path,
    settings: &settings::Spool,
    clock: &Clock,
) -> (Spool, Recovery) {
    let begun = std::time::Instant::now();
    loop {
        match Spool::open_on(Arc::clone(disk), data, settings, clock.clone()) {
            Err(OpenError::Locked(_)) if begun.elapsed() < Duration::from_secs(10) => {
                std::thread::yield_now()
            }
            opened => return opened.unwrap(),
        }
    }
}
