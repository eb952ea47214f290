//! Reads what is durable, in order, in large blocks.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;
use tracing::error;

use super::{
    Shared,
    disk::DiskFile,
    log::{Log, Place, Step, Stretch},
    set_aside,
    walk::{Block, Found, Frame, Walk},
};

/// Pause after a read that failed.
const READ_RETRY: Duration = Duration::from_millis(250);
/// Failed reads in a row after which what cannot be read is gone around, as long as something can.
const READ_TRIES: u32 = 8;
/// Blocks are never smaller: records are read in runs.
const BLOCK_BYTES_MIN: usize = 64 << 10;
/// Blocks are never larger, whatever the caller's batch may hold: a batch of ordinary records ends long before its
/// bytes do. Memory of this size is used again too; larger blocks come fresh from the kernel, which fills them with
/// zeros first.
const BLOCK_BYTES_MAX: usize = 256 << 10;

/// Records in the order they were appended.
#[derive(Clone, Default)]
pub struct Batch {
    /// The sequence of the last one, for [`super::Spool::advance`].
    pub last: u64,
    /// Sequence and bytes of each.
    pub records: Vec<(u64, Bytes)>,
}

/// Does not show the records: they are somebody's.
impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("last", &self.last)
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// Reads the spool from the cursor on. There is one at a time: two would each read everything.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    place: Place,
    epoch: u64,
    /// Failed reads in a row.
    failures: u32,
    /// The segment that is being read.
    open: Option<Open>,
}

/// A segment, and what was read of it last: a batch ends before its block does, and the next one begins there.
#[derive(Debug)]
struct Open {
    generation: u32,
    file: Arc<dyn DiskFile>,
    block: Block,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let changed = shared.changed.subscribe();
        let mut reader = Self { shared, changed, place: Place::default(), epoch: 0, failures: 0, open: None };
        reader.rewind();
        reader
    }

    /// Back to the cursor: everything that was read and not advanced over comes again. Acks of what was sent before
    /// must not be passed on any more.
    pub fn rewind(&mut self) {
        let mut log = self.shared.log();
        log.rewind();
        self.shared.refresh_live(&log);
        self.place = log.cursor;
        self.epoch = log.epoch;
        drop(log);
        self.open = None;
    }

    /// The next records: waits for at least one, gives what is there up to the bounds. The first one may be larger than
    /// `max_bytes`. May be dropped while it waits; nothing is lost by that.
    pub async fn next(&mut self, max_records: usize, max_bytes: usize) -> Batch {
        loop {
            self.changed.mark_unchanged();
            let Some(stretch) = self.stretch() else {
                // The sender lives in `shared`, which this reader holds.
                drop(self.changed.changed().await);
                continue;
            };
            match self.read(stretch, max_records.max(1), max_bytes).await {
                Ok(reading) => {
                    self.failures = 0;
                    if let Some(batch) = self.accept(stretch, reading) {
                        return batch;
                    }
                }
                Err(error) => {
                    if self.failures == 0 {
                        error!(%error, segment = stretch.from.generation,
                            "the spool cannot be read; delivery waits: check the disk under the data directory");
                    }
                    self.failures = self.failures.saturating_add(1);
                    tokio::time::sleep(READ_RETRY).await;
                }
            }
        }
    }

    /// What to read next; follows the cursor when a replay moved it.
    pub(super) fn stretch(&mut self) -> Option<Stretch> {
        let log = self.shared.log();
        if log.epoch != self.epoch {
            self.epoch = log.epoch;
            self.place = log.cursor;
            self.open = None;
        }
        log.stretch(self.place)
    }

    async fn read(&mut self, stretch: Stretch, records: usize, bytes: usize) -> io::Result<Reading> {
        let Some((file, block)) = self.open(stretch.from.generation)? else {
            return Ok(Reading::missing(stretch));
        };
        let shared = Arc::clone(&self.shared);
        let around = self.failures >= READ_TRIES;
        let disk_blocks = shared.disk.blocks();
        let task = move || {
            let block_bytes = bytes.clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
            let Stretch { from: Place { generation, offset, .. }, end, through } = stretch;
            let walk = Walk::new(&*file, generation, offset, end, through);
            let walk = walk.in_blocks_of(block_bytes).around_bad_pages(around).resume(block);
            Reading::take(walk, stretch, records, bytes, |from, to| {
                set_aside::keep(&*shared.disk, &shared.dir, &*file, generation, from, to);
            })
        };
        if !disk_blocks {
            return task();
        }
        tokio::task::spawn_blocking(task).await.map_err(io::Error::other)?
    }

    fn open(&mut self, generation: u32) -> io::Result<Option<(Arc<dyn DiskFile>, Block)>> {
        if let Some(open) = self.open.as_ref().filter(|open| open.generation == generation) {
            return Ok(Some((Arc::clone(&open.file), open.block.clone())));
        }
        match self.shared.disk.open(&self.shared.path(generation)) {
            Ok(file) => {
                let file: Arc<dyn DiskFile> = Arc::from(file);
                self.open = Some(Open { generation, file: Arc::clone(&file), block: Block::default() });
                Ok(Some((file, Block::default())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes what was read and what is missing. None when there is no record, or the cursor was moved meanwhile.
    fn accept(&mut self, stretch: Stretch, reading: Reading) -> Option<Batch> {
        let mut log = self.shared.log();
        if log.epoch != self.epoch {
            return None;
        }
        if let Some(open) = &mut self.open {
            open.block = reading.block;
        }
        let mut batch =
            Batch { last: self.place.sequence, records: Vec::with_capacity(reading.frames.len()) };
        for frame in reading.frames {
            let place =
                Place { sequence: frame.sequence, generation: stretch.from.generation, offset: frame.end };
            report_lost(&mut log, self.place.sequence, frame.sequence.saturating_sub(1));
            log.note_read(Step { place, appended_at: frame.appended_at });
            self.place = place;
            batch.last = frame.sequence;
            batch.records.push((frame.sequence, frame.payload));
        }
        if reading.to_the_end {
            report_lost(&mut log, self.place.sequence, stretch.through);
            let generation = stretch.from.generation;
            self.place = Place { sequence: stretch.through, generation, offset: stretch.end };
        }
        (!batch.records.is_empty()).then_some(batch)
    }
}

/// Counts the records between two that could be read.
fn report_lost(log: &mut Log, after: u64, through: u64) {
    let lost = log.lose(after, through);
    if lost > 0 {
        error!(
            records = lost,
            after,
            through,
            "records in the spool cannot be read; they are counted as set aside, their bytes are in spool/set-aside"
        );
    }
}

/// What a stretch held.
#[derive(Debug)]
struct Reading {
    frames: Vec<Frame>,
    /// Nothing readable follows in this stretch.
    to_the_end: bool,
    /// What was read last.
    block: Block,
}

impl Reading {
    /// The file is gone.
    fn missing(stretch: Stretch) -> Self {
        error!(
            segment = stretch.from.generation,
            "a segment of the spool is missing: was it removed by hand?"
        );
        Self { frames: Vec::new(), to_the_end: true, block: Block::default() }
    }

    fn take(
        mut walk: Walk<'_>,
        stretch: Stretch,
        records: usize,
        bytes: usize,
        set_aside: impl Fn(u64, u64),
    ) -> io::Result<Self> {
        let Stretch { from: Place { sequence, .. }, end, through } = stretch;
        let (mut frames, mut taken, mut last) = (Vec::<Frame>::new(), 0, sequence);
        let mut to_the_end = false;
        while frames.len() < records && last < through && !to_the_end {
            match walk.next()? {
                Found::Frame(frame) if frame.sequence > last => {
                    taken += frame.payload.len();
                    if taken > bytes && !frames.is_empty() {
                        break;
                    }
                    last = frame.sequence;
                    frames.push(frame);
                }
                Found::Frame(_) => {}
                Found::Broken { from, to } => set_aside(from, to),
                Found::Rest(from) => {
                    set_aside(from, end);
                    to_the_end = true;
                }
            }
        }
        Ok(Self { frames, to_the_end, block: walk.into_block() })
    }
}
