//! The one thread that writes. Batches that wait together are committed together; everyone learns the fate of its own.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    RecordHash, StoreError,
    merge::Decision,
    record::Checked,
    sqlite::{Erased, Erasure, Ledger, LedgerError, LinkBounds, ShortLink},
};
use crate::patient;

/// Jobs that may wait; a stream that finds no room waits with its batch, and so does its gateway.
const QUEUE: usize = 64;
/// Records that one transaction takes at the most; it bounds how long an ack may take, and how long the spool's commits
/// wait for the same disk: some 4 MB to be synced. Four times as many cost a third less each, and held the spool up for
/// up to a tenth of a second.
const RECORDS_PER_COMMIT: usize = 512;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    Append { records: Vec<Checked>, reply: Reply<()> },
    Decide { ids: Vec<RecordHash>, decision: Decision, reply: Reply<u32> },
    Rule { ids: Vec<[u8; 16]>, confirmed: bool, reply: Reply<u32> },
    Erase { erasure: Erasure, reply: Reply<Erased> },
    CheckIdentity { fingerprint: String, reply: Reply<()> },
    PutLinks { links: Vec<ShortLink>, bounds: LinkBounds, reply: Reply<()> },
}

/// The way to the writer. Dropped, it lets the writer finish what waits, and closes the file.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    changes: watch::Receiver<i64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(ledger: Ledger) -> std::io::Result<Self> {
        let (mut writer, writing) = Self::waiting(ledger);
        writer.thread = Some(patient::spawn("store-writer", move || writing.run())?);
        Ok(writer)
    }

    fn waiting(ledger: Ledger) -> (Self, Loop) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (announce, changes) = watch::channel(ledger.last_changed());
        (Self { jobs: Some(jobs), changes, thread: None }, Loop { ledger, queue, announce })
    }

    pub(super) async fn append(&self, records: Vec<Checked>) -> Result<(), StoreError> {
        self.ask(|reply| Job::Append { records, reply }).await
    }

    pub(super) async fn decide(&self, ids: Vec<RecordHash>, decision: Decision) -> Result<u32, StoreError> {
        self.ask(|reply| Job::Decide { ids, decision, reply }).await
    }

    pub(super) async fn rule(&self, ids: Vec<[u8; 16]>, confirmed: bool) -> Result<u32, StoreError> {
        self.ask(|reply| Job::Rule { ids, confirmed, reply }).await
    }

    pub(super) async fn erase(&self, erasure: Erasure) -> Result<Erased, StoreError> {
        self.ask(|reply| Job::Erase { erasure, reply }).await
    }

    pub(super) async fn check_identity(&self, fingerprint: String) -> Result<(), StoreError> {
        self.ask(|reply| Job::CheckIdentity { fingerprint, reply }).await
    }

    pub(super) async fn put_links(
        &self,
        links: Vec<ShortLink>,
        bounds: LinkBounds,
    ) -> Result<(), StoreError> {
        self.ask(|reply| Job::PutLinks { links, bounds, reply }).await
    }

    pub(super) fn changes(&self) -> watch::Receiver<i64> {
        self.changes.clone()
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, fate) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Stopped)?;
        jobs.send(job(reply)).await.map_err(|_| StoreError::Stopped)?;
        fate.await.map_err(|_| StoreError::Stopped)?
    }
}

/// What lies in a spool can wait, whoever asks to be answered cannot: where cores are short, the edge beside it goes
/// first.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended by a panic");
        }
    }
}

/// The writer's turns, taken by a test in place of its thread.
#[cfg(test)]
pub(crate) struct WriterTurns {
    writing: Loop,
    next: Option<Job>,
}

#[cfg(test)]
impl Writer {
    pub(super) fn stepped(ledger: Ledger) -> (Self, WriterTurns) {
        let (writer, writing) = Self::waiting(ledger);
        (writer, WriterTurns { writing, next: None })
    }
}

#[cfg(test)]
impl WriterTurns {
    /// Waits for something to do. False when there will be no more.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.writing.queue.recv().await;
        }
        self.next.is_some()
    }

    /// Does it, and tells who asked.
    pub(crate) fn turn(&mut self) {
        self.next = self.next.take().and_then(|job| self.writing.take(job));
    }
}

struct Loop {
    ledger: Ledger,
    queue: mpsc::Receiver<Job>,
    announce: watch::Sender<i64>,
}

impl Loop {
    fn run(mut self) {
        let mut next = self.queue.blocking_recv();
        while let Some(job) = next {
            next = self.take(job).or_else(|| self.queue.blocking_recv());
        }
    }

    /// Does a job, and what may be done with it; returns the first other job that it came upon.
    fn take(&mut self, job: Job) -> Option<Job> {
        let next = match job {
            Job::Append { records, reply } => self.append(records, reply),
            other => {
                self.single(other);
                None
            }
        };
        self.announce.send_if_modified(|last| {
            let changed = *last != self.ledger.last_changed();
            *last = self.ledger.last_changed();
            changed
        });
        next
    }

    /// Commits a batch with those that wait behind it; returns the first other job.
    fn append(&mut self, records: Vec<Checked>, reply: Reply<()>) -> Option<Job> {
        let mut count = records.len();
        let (mut batches, mut replies) = (vec![records], vec![reply]);
        let mut other = None;
        while count < RECORDS_PER_COMMIT && other.is_none() {
            match self.queue.try_recv() {
                Ok(Job::Append { records, reply }) => {
                    count += records.len();
                    batches.push(records);
                    replies.push(reply);
                }
                Ok(job) => other = Some(job),
                Err(_) => break,
            }
        }
        let committed = self.ledger.append(batches).inspect_err(log).is_ok();
        for reply in replies {
            answer(reply, committed.then_some(()).ok_or(StoreError::Unavailable));
        }
        other
    }

    fn single(&mut self, job: Job) {
        match job {
            Job::Append { records, reply } => {
                let committed = self.ledger.append(vec![records]);
                answer(reply, committed.inspect_err(log).map_err(|_| StoreError::Unavailable));
            }
            Job::Decide { ids, decision, reply } => {
                answer(reply, self.ledger.decide(&ids, decision).map_err(refusal));
            }
            Job::Rule { ids, confirmed, reply } => {
                answer(reply, self.ledger.rule(&ids, confirmed).map_err(refusal));
            }
            Job::Erase { erasure, reply } => {
                answer(reply, self.ledger.erase(&erasure).map_err(refusal));
            }
            Job::CheckIdentity { fingerprint, reply } => {
                answer(reply, self.ledger.check_identity(&fingerprint).map_err(refusal));
            }
            Job::PutLinks { links, bounds, reply } => {
                answer(reply, self.ledger.put_links(&links, bounds).map_err(refusal));
            }
        }
    }
}

/// Whoever asked may have gone; what was committed stays committed.
fn answer<T>(reply: Reply<T>, result: Result<T, StoreError>) {
    drop(reply.send(result));
}

fn refusal(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Refused(refusal) => refusal,
        LedgerError::Sqlite(error) => {
            log(&error);
            StoreError::Unavailable
        }
        LedgerError::Tombstones(error) => {
            tracing::error!(%error, "an erasure could not be written down beside the store, and was rolled back");
            StoreError::Unavailable
        }
    }
}

fn log(error: &rusqlite::Error) {
    tracing::error!(%error, "a write to the store failed, and was rolled back");
}
