//! The cursor and the counts, in one file of two slots that are written in turn: a torn write leaves the other one. The
//! file has its full length from the start, so that a full disk does not keep the cursor from being written.
//!
//! ```text
//! slot   0 magic "voxbooks"   8 crc32c of 12..end   12 marks u32   16 turn u64   24 cursor   32 durable
//!       40 delivered   48 dead-lettered   56 set aside   64 replay + 1   72 marks of 32 bytes:
//!        0 kind u64   8 after   16 through   24 records
//! ```

use std::{io, path::Path, sync::Arc};

use tracing::warn;

use super::{
    disk::{Disk, DiskFile, read_full, write_full},
    frame::{put, u32_at, u64_at},
};

const MAGIC: [u8; 8] = *b"voxbooks";
const HEAD_BYTES: usize = 72;
const MARK_BYTES: usize = 32;
/// Marks kept at the most; past it neighbours are merged.
const MARKS_MAX: usize = 1_024;
const SLOT_BYTES: usize = 40_960;
const CRC_FROM: usize = 12;

/// What a mark says of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// They could not be read.
    SetAside,
    /// The store refused them.
    DeadLettered,
}

/// So many of the records after `after` and up to `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) kind: MarkKind,
    pub(super) after: u64,
    pub(super) through: u64,
    pub(super) records: u64,
}

/// The counts, across restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// Delivered up to this sequence.
    pub(super) cursor: u64,
    /// Known to be durable up to this sequence.
    pub(super) durable: u64,
    pub(super) delivered: u64,
    pub(super) dead_lettered: u64,
    pub(super) set_aside: u64,
    /// A replay that waits: from after this sequence.
    pub(super) replay: Option<u64>,
    /// Which records of the kept segments were not simply delivered.
    pub(super) marks: Vec<Mark>,
}

impl Books {
    /// How many records after `after` and up to `through` carry such a mark.
    pub(super) fn marked(&self, kind: MarkKind, after: u64, through: u64) -> u64 {
        let shared = |mark: &Mark| {
            let both = mark.through.min(through).saturating_sub(mark.after.max(after));
            both.min(mark.records)
        };
        self.marks.iter().filter(|mark| mark.kind == kind).map(shared).sum()
    }

    /// Adds a mark.
    pub(super) fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
        if self.marks.len() > MARKS_MAX {
            self.merge_two();
        }
    }

    /// Where a replay has to start so that it splits no mark of dead letters: their place within it is not known.
    pub(super) fn whole_marks(&self, after: u64) -> u64 {
        let splits =
            |mark: &&Mark| mark.kind == MarkKind::DeadLettered && mark.after < after && after < mark.through;
        self.marks.iter().filter(splits).map(|mark| mark.after).min().unwrap_or(after)
    }

    /// Takes out what lies after `after`; says how many records that were.
    pub(super) fn unmark(&mut self, kind: MarkKind, after: u64) -> u64 {
        let taken = self.marked(kind, after, u64::MAX);
        self.marks.retain_mut(|mark| {
            if mark.kind != kind || mark.through <= after {
                return true;
            }
            let beyond = mark.through.saturating_sub(mark.after.max(after)).min(mark.records);
            mark.records -= beyond;
            mark.through = after;
            mark.records > 0
        });
        taken
    }

    /// Forgets marks of what is not kept any more.
    pub(super) fn forget_marks(&mut self, through: u64) {
        self.marks.retain(|mark| mark.through > through);
    }

    /// Merges the two oldest neighbours of one kind.
    fn merge_two(&mut self) {
        let pair = self.marks.iter().enumerate().find_map(|(at, mark)| {
            let later = self.marks.iter().skip(at + 1).position(|other| other.kind == mark.kind)?;
            Some((at, at + 1 + later))
        });
        let Some((at, later)) = pair else { return };
        let other = self.marks.remove(later);
        if let Some(mark) = self.marks.get_mut(at) {
            mark.after = mark.after.min(other.after);
            mark.through = mark.through.max(other.through);
            mark.records += other.records;
        }
    }

    pub(super) fn encode(&self, turn: u64) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 12, &u32::try_from(self.marks.len()).unwrap_or(0).to_le_bytes());
        let replay = self.replay.map_or(0, |after| after + 1);
        let fields =
            [turn, self.cursor, self.durable, self.delivered, self.dead_lettered, self.set_aside, replay];
        for (place, field) in fields.iter().enumerate() {
            put(&mut bytes, 16 + place * 8, &field.to_le_bytes());
        }
        for mark in &self.marks {
            let kind: u64 = match mark.kind {
                MarkKind::SetAside => 1,
                MarkKind::DeadLettered => 2,
            };
            for field in [kind, mark.after, mark.through, mark.records] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
        }
        let crc = crc32c::crc32c(bytes.get(CRC_FROM..).unwrap_or_default());
        put(&mut bytes, 8, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn parse(slot: &[u8]) -> Option<(u64, Self)> {
        let marks = usize::try_from(u32_at(slot, 12)).ok()?;
        let covered = slot.get(CRC_FROM..HEAD_BYTES.checked_add(marks.checked_mul(MARK_BYTES)?)?)?;
        if !slot.starts_with(&MAGIC) || crc32c::crc32c(covered) != u32_at(slot, 8) {
            return None;
        }
        let mark = |at: usize| {
            let kind = match u64_at(slot, at) {
                1 => MarkKind::SetAside,
                2 => MarkKind::DeadLettered,
                _ => return None,
            };
            Some(Mark {
                kind,
                after: u64_at(slot, at + 8),
                through: u64_at(slot, at + 16),
                records: u64_at(slot, at + 24),
            })
        };
        let books = Self {
            cursor: u64_at(slot, 24),
            durable: u64_at(slot, 32),
            delivered: u64_at(slot, 40),
            dead_lettered: u64_at(slot, 48),
            set_aside: u64_at(slot, 56),
            replay: u64_at(slot, 64).checked_sub(1),
            marks: (0..marks).map(|nth| mark(HEAD_BYTES + nth * MARK_BYTES)).collect::<Option<_>>()?,
        };
        Some((u64_at(slot, 16), books))
    }
}

/// The file of the books.
#[derive(Debug)]
pub(super) struct BooksFile {
    file: Arc<dyn DiskFile>,
    turn: u64,
    /// What the newer slot says.
    written: Option<Books>,
    /// The turn that is known to be durable.
    synced: u64,
}

impl BooksFile {
    /// Opens the file and reads the newer of its two slots. `None`: there is nothing in it that can be read.
    pub(super) fn open(disk: &dyn Disk, dir: &Path) -> io::Result<(Self, Option<Books>)> {
        let file: Arc<dyn DiskFile> = Arc::from(disk.create(&dir.join("books"))?);
        let mut bytes = vec![0; SLOT_BYTES * 2];
        let read = read_full(&*file, &mut bytes, 0)?;
        // A disk that is full at the start is no reason not to deliver.
        if let Err(error) = write_full(&*file, bytes.get(read..).unwrap_or_default(), read as u64) {
            warn!(%error, "the spool's books could not be given their full length");
        }
        bytes.truncate(read);
        let newest = bytes.chunks(SLOT_BYTES).filter_map(Books::parse).max_by_key(|(turn, _)| *turn);
        let (turn, books) = newest.map_or((0, None), |(turn, books)| (turn, Some(books)));
        Ok((Self { file, turn, written: books.clone(), synced: 0 }, books))
    }

    /// Writes the books to the older slot, when they changed. Not durable until the file is synced; a process that is
    /// killed keeps them.
    pub(super) fn write(&mut self, books: &Books) -> io::Result<()> {
        if self.written.as_ref() == Some(books) {
            return Ok(());
        }
        let turn = self.turn + 1;
        let bytes = books.encode(turn);
        write_full(&*self.file, &bytes, (turn % 2) * SLOT_BYTES as u64)?;
        self.turn = turn;
        self.written = Some(books.clone());
        Ok(())
    }

    /// An fsync failed. The kernel may have dropped what was written, and the next fsync would succeed all the same: so
    /// it is to be written anew.
    pub(super) fn not_synced(&mut self) {
        self.written = None;
    }

    /// Writes what the newer slot says to the older one too: from then on either will do.
    pub(super) fn write_again(&mut self) -> io::Result<()> {
        let Some(books) = self.written.take() else { return Ok(()) };
        self.write(&books)
    }

    /// The file and the turn to be made durable, without keeping others from writing; none when that was done.
    pub(super) fn to_sync(&self) -> Option<(Arc<dyn DiskFile>, u64)> {
        (self.turn > self.synced).then(|| (Arc::clone(&self.file), self.turn))
    }

    /// This turn is durable.
    pub(super) fn synced(&mut self, turn: u64) {
        self.synced = self.synced.max(turn);
    }
}
