//! The spool: an append-only log with group commit. What is in it is on disk, and stays until storage has it.
//!
//! Takes: encoded records, each with the ticket of its claim. Gives: each waiter its record's sequence once it is
//! durable; the forwarder batches in order. Refuses: before the claim, with [`Full`]; after it, with [`AppendError`]
//! for records that are not known to be durable. Bounds: bytes on disk, free bytes of the disk, records that wait for a
//! commit, bytes of one commit, files set aside.
//!
//! # Format
//!
//! `data/spool/` holds segments, the books and what was set aside. A segment `<generation>.segment` is a file of
//! `segment_bytes`, filled with zeros and fsynced before its first use, because an fsync that changes no metadata costs
//! half. It begins with a head (generation, first sequence), frames follow; `frame.rs` has the bytes. Each
//! frame carries its length, a CRC-32C over all of it, the segment's generation, its sequence (from 1, for ever) and
//! when it was appended. A delivered segment is renamed to the next generation and written over: its old frames carry
//! an older generation and are no frames any more. `books` holds the cursor and the counts in two slots written in
//! turn.
//!
//! # Operation
//!
//! One thread writes: it takes all that waits, writes it with one call, fsyncs once, and tells every waiter the fate of
//! its own record. While one fsync runs the next group gathers, so the slower the disk, the larger the groups. Another
//! thread prepares the next segment, so that no commit waits for zeros; it also watches the disk, lets go of delivered
//! segments and makes the books durable. The reader reads what is durable, in blocks, never from the writer's memory.
//!
//! A commit that fails is never tried again on the same file: after a failed fsync the kernel may have dropped the very
//! pages. The segment is sealed where it was last durable, its waiters are told, the next segment begins with the same
//! sequence; so a segment ends where the next one begins, whatever lies behind. After two failures in a row nothing is
//! let in until the disk has taken a write and an fsync.
//!
//! Room is counted as the distance from the cursor to the end of the log. Of the budget three segments are set apart:
//! one that is partly delivered, the one that is written, the one that is prepared. So all files stay within the
//! budget.
//!
//! # Recovery
//!
//! Every segment's head is read, and the frames of two segments: the newest, to find its end, and the cursor's. Behind
//! the last whole frame a torn commit is wiped; nobody was thanked for it. The last whole frames are written and
//! fsynced again: a process that was killed, or whose fsync failed, may have left them in memory only. A frame that is
//! broken with others behind it is set aside: its bytes are copied, its record is counted, reading goes on. A missing
//! segment shows in the sequences and is counted likewise. Without readable books all that is kept is delivered again,
//! which the store makes harmless.
//!
//! The books balance: appended = delivered + spooled + dead-lettered + set aside.

mod ahead;
mod books;
pub(crate) mod disk;
mod frame;
mod gate;
mod home;
mod keeper;
mod log;
mod measure;
mod queue;
mod reader;
mod recovery;
mod scan;
mod set_aside;
mod shared;
mod walk;
mod writer;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod stepped;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use prometheus_client::metrics::histogram::Histogram;
use tracing::error;

pub use self::measure::{Measured, measure_spool};
use self::{
    disk::{Disk, Local},
    home::Home,
    keeper::Keeper,
    queue::Waiting,
    recovery::{Recovered, recover},
    shared::Shared,
    writer::{OpenSegment, Writer},
};
pub(crate) use self::{
    gate::{Full, Room},
    home::OpenError,
    queue::{AppendError, Appended},
    reader::{Batch, Reader},
    recovery::Recovery,
    scan::Scan,
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    intake::claim::Ticket,
};

/// How long [`Spool::close`] waits for the last commit.
const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// The log. Clones are handles to the same one; the last that is dropped closes it.
#[derive(Clone, Debug)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Goes last: until then no other gateway may open the directory. None on a disk that no other process sees.
    _home: Option<Home>,
}

/// What is in the spool, as [`Spool::status`] saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Records ever appended.
    pub appended: u64,
    /// Records that storage has.
    pub delivered: u64,
    /// Records that wait for delivery.
    pub spooled: u64,
    /// Records that storage refused.
    pub dead_lettered: u64,
    /// Records that could not be read any more.
    pub set_aside: u64,
    /// Bytes from the cursor to the end of the log.
    pub bytes: u64,
    /// When the oldest record that waits was appended; a little earlier while the reader has not come to it.
    pub oldest_undelivered: Option<Timestamp>,
    /// Files with frames in them, delivered ones included.
    pub segments: usize,
    /// Whether records are let in, or why not.
    pub accepting: Result<(), Full>,
}

impl Status {
    /// Whether every record ever appended is accounted for.
    pub const fn balances(&self) -> bool {
        self.appended == self.delivered + self.spooled + self.dead_lettered + self.set_aside
    }
}

impl Spool {
    /// Opens `data/spool`, or makes it, and recovers what a crash left. Locks the data directory for this process.
    ///
    /// # Errors
    /// Another gateway has the directory, a newer voxgate wrote it, or the disk fails.
    pub fn open(
        data: &Path,
        settings: &settings::Spool,
        clock: Clock,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Arc::new(Local), data, settings, clock)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        data: &Path,
        settings: &settings::Spool,
        clock: Clock,
    ) -> Result<(Self, Recovery), OpenError> {
        let home = Home::take(data)?;
        let (shared, recovery, keeper, writer) = Self::recover(disk, data, settings, clock)?;
        let threads = start(&shared, keeper, writer)?;
        Ok((Self::of(shared, threads, Some(home)), recovery))
    }

    fn recover(
        disk: Arc<dyn Disk>,
        data: &Path,
        settings: &settings::Spool,
        clock: Clock,
    ) -> Result<(Arc<Shared>, Recovery, Keeper, Writer), OpenError> {
        let dir = data.join("spool");
        let Recovered { log, books, report, spares, generation } = recover(&*disk, &dir)?;
        let newest = log.segments.back().cloned();
        let next = log.books.durable + 1;
        let shared = Arc::new(Shared::new(dir, disk, clock, settings, log, books));
        let open = match newest.as_ref().filter(|segment| !segment.sealed) {
            Some(segment) => Some(OpenSegment::reopen(&shared, segment)?),
            None => None,
        };
        let previous = newest.map_or(0, |segment| segment.generation);
        let keeper = Keeper::new(Arc::clone(&shared), generation, spares);
        let writer = Writer::new(Arc::clone(&shared), open, next, previous);
        Ok((shared, report, keeper, writer))
    }

    fn of(shared: Arc<Shared>, threads: Vec<JoinHandle<()>>, home: Option<Home>) -> Self {
        Self { inner: Arc::new(Inner { shared, threads: Mutex::new(threads), _home: home }) }
    }

    /// Room for a record of this many bytes, before anything is claimed for it. Locks nothing and asks nobody.
    ///
    /// # Errors
    /// A bound is reached; delivery goes on, so the caller may try again later.
    pub fn reserve(&self, record_bytes: usize) -> Result<Room, Full> {
        self.inner.shared.gate.reserve(record_bytes)
    }

    /// Appends a record. It is written whether or not the future is polled; the ticket is settled once it is durable,
    /// and lost when it is not.
    pub fn append(&self, mut room: Room, ticket: Ticket, record: Bytes) -> Appended {
        let fits = room.fit(record.len());
        let (waiting, appended) = Waiting::new(room, ticket, record);
        match fits {
            Ok(()) => self.inner.shared.queue.push(waiting),
            Err(_) => waiting.failed(AppendError::TooLarge),
        }
        appended
    }

    /// A reader that starts at the cursor. Have one at a time.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.inner.shared))
    }

    /// Everything up to this sequence is delivered, this many records of it since the last call to the dead letters.
    /// Only what the reader has given since its last rewind is believed, so a late call does no harm.
    ///
    /// # Errors
    /// The cursor could not be written. It is moved all the same; after a crash more would be delivered twice.
    pub fn advance(&self, through: u64, dead_lettered: u64) -> io::Result<()> {
        self.inner.shared.advance(through, dead_lettered)
    }

    /// What is in it now.
    pub fn status(&self) -> Status {
        self.inner.shared.status()
    }

    /// How long commits take, in seconds, from the first record taken to the end of the fsync.
    pub fn commit_seconds(&self) -> Histogram {
        self.inner.shared.commit_seconds.clone()
    }

    /// Sends again what is kept from the first record on that was appended at or after `since`; says how many records
    /// that are. Batches on the way are waited for, or given up by the reader's rewind, before the first of them comes.
    /// Reads segments: not for the async threads.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn replay(&self, since: Timestamp) -> io::Result<u64> {
        self.inner.shared.replay(since)
    }

    /// All records that are kept, delivered ones included, oldest first, with the time they were appended. Reads
    /// segments: not for the async threads.
    pub fn scan(&self) -> Scan {
        Scan::new(Arc::clone(&self.inner.shared))
    }

    /// Lets nothing more in, writes what waits, stops the threads. What is spooled can still be read and advanced over.
    /// Blocks until the last commit, ten seconds at the most; a second call does nothing.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl OpenSegment {
    fn reopen(shared: &Shared, segment: &log::Segment) -> Result<Self, OpenError> {
        let path = shared.path(segment.generation);
        let file = shared.disk.open(&path).map_err(OpenError::io("open the segment", &path))?;
        let prepared = ahead::Prepared { file, generation: segment.generation, len: segment.len };
        Ok(Self { segment: prepared, end: segment.end })
    }
}

impl Inner {
    fn close(&self) {
        self.shared.gate.close();
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
        if !self.shared.queue.wait_finished(CLOSE_BOUND) {
            error!("the spool's last commit does not end; the gateway stops without it: check the disk");
            return;
        }
        self.shared.ahead.close();
        for thread in threads {
            if thread.join().is_err() {
                error!("a thread of the spool ended by a panic");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Starts both threads; the first segment is prepared before this returns, or known to be impossible.
fn start(shared: &Arc<Shared>, mut keeper: Keeper, writer: Writer) -> Result<Vec<JoinHandle<()>>, OpenError> {
    keeper.turn();
    let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        thread.map_err(OpenError::io("start a thread for", &shared.dir))
    };
    Ok(vec![
        spawn("spool-keeper", Box::new(move || keeper.run()))?,
        spawn("spool-writer", Box::new(move || writer.run()))?,
    ])
}

/// The file of a segment.
fn segment_path(dir: &Path, generation: u32) -> PathBuf {
    dir.join(format!("{generation:010}.segment"))
}
