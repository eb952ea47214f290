//! Dead letters: records that the store refused, each kept with the reason until an operator retries or removes it.
//!
//! Takes: a refused record, its sequence in the spool, and what the store said. Gives: the letters, oldest first.
//! Refuses: more letters than `[store] dead_letters`; delivery then waits, since nothing is thrown away. Bounds: that
//! number; a letter is as large as its record and what the store said, which is cut at [`DETAIL_BYTES`].
//!
//! A letter is one file, `data/dead-letters/<sequence>-<crc32c of the record>.letter`: magic `voxlettr`, the CRC-32C of
//! what follows, then a postcard of its fields. The sum in the name tells letters apart when a spool was begun anew and
//! its sequences repeat.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    clock::Timestamp,
    spool::disk::{Disk, Local, read_full, write_full},
};

/// Bytes of the store's explanation that are kept.
const DETAIL_BYTES: usize = 1_024;

const MAGIC: [u8; 8] = *b"voxlettr";
const HEAD_BYTES: usize = 12;

/// A record that the store refused.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// Its sequence in the spool.
    pub sequence: u64,
    /// When it was refused.
    pub at: Timestamp,
    /// The store's code for why.
    pub code: String,
    /// The store's explanation.
    pub detail: String,
    /// The record, as it lay in the spool.
    pub record: Bytes,
}

/// Does not show the record: it is somebody's.
impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetter")
            .field("sequence", &self.sequence)
            .field("at", &self.at)
            .field("code", &self.code)
            .field("detail", &self.detail)
            .field("bytes", &self.record.len())
            .finish_non_exhaustive()
    }
}

/// What [`DeadLetters::keep`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is kept now.
    New,
    /// It was kept before, by a delivery whose ack was lost.
    Known,
}

/// Why a letter is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The bound is reached.
    #[error(
        "{0} dead letters are kept and none more may be: retry or remove some, or raise [store] dead_letters"
    )]
    Full(usize),
    /// The disk did not do as asked.
    #[error("a dead letter cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Some of the letters.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Those that can be read, oldest first.
    pub letters: Vec<DeadLetter>,
    /// Files that cannot be read; they stay where they are, and count.
    pub unreadable: Vec<PathBuf>,
}

/// Which letter: sequence and sum of the record.
type Name = (u64, u32);

/// The letters of a data directory.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    max: usize,
    names: Mutex<BTreeSet<Name>>,
}

impl DeadLetters {
    /// Opens `data/dead-letters`, or makes it.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub(crate) fn open(data: &Path, max: usize) -> io::Result<Self> {
        Self::open_on(Arc::new(Local), data, max)
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, data: &Path, max: usize) -> io::Result<Self> {
        let dir = data.join("dead-letters");
        disk.create_dir(&dir)?;
        // Without its name the directory, and every letter in it, would not outlive a power cut.
        disk.sync_dir(data)?;
        let mut names = BTreeSet::new();
        for file in disk.list(&dir)? {
            if let Some(name) = name_of(&file) {
                names.insert(name);
            } else if file.ends_with(".new") {
                disk.remove(&dir.join(file))?;
            }
        }
        Ok(Self { disk, dir, max, names: Mutex::new(names) })
    }

    /// Keeps a refused record; it is durable when this returns. Blocks on the disk.
    ///
    /// # Errors
    /// The bound is reached, or the disk fails; the record then has to stay in the spool.
    pub(crate) fn keep(
        &self,
        sequence: u64,
        record: Bytes,
        code: &str,
        detail: &str,
        at: Timestamp,
    ) -> Result<Kept, KeepError> {
        let name = (sequence, crc32c::crc32c(&record));
        // Held while writing: letters are rare, and two of the same name must not share a file.
        let mut names = self.names();
        if names.contains(&name) {
            return Ok(Kept::Known);
        }
        if names.len() >= self.max {
            return Err(KeepError::Full(names.len()));
        }
        let detail = detail.get(..detail.floor_char_boundary(DETAIL_BYTES)).unwrap_or_default();
        let at_us = at.as_micros();
        self.write(name, &Fields { sequence, at_us, code, detail, record: &record })?;
        names.insert(name);
        Ok(Kept::New)
    }

    /// The oldest letters.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn list(&self, limit: usize) -> io::Result<Listing> {
        let names: Vec<Name> = self.names().iter().copied().take(limit).collect();
        let mut listing = Listing::default();
        for name in names {
            let path = self.path(name);
            match self.read(&path) {
                Ok(bytes) => match parse(&bytes) {
                    Some(letter) => listing.letters.push(letter),
                    None => {
                        warn!(path = %path.display(), "a dead letter cannot be read; it stays where it is");
                        listing.unreadable.push(path);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listing)
    }

    /// Removes a letter, once its record is in the spool again. Says whether it was there.
    ///
    /// # Errors
    /// The disk fails; the letter may come back after a crash, which at worst delivers it twice.
    pub(crate) fn remove(&self, letter: &DeadLetter) -> io::Result<bool> {
        let name = (letter.sequence, crc32c::crc32c(&letter.record));
        let mut names = self.names();
        if !names.contains(&name) {
            return Ok(false);
        }
        match self.disk.remove(&self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        names.remove(&name);
        self.disk.sync_dir(&self.dir)?;
        Ok(true)
    }

    /// Whether [`DeadLetters::keep`] may keep its thread waiting.
    pub(crate) fn blocks(&self) -> bool {
        self.disk.blocks()
    }

    /// How many there are, unreadable ones included.
    pub(crate) fn len(&self) -> usize {
        self.names().len()
    }

    /// By rename, so that a crash leaves either no letter or a whole one.
    fn write(&self, name: Name, fields: &Fields<'_>) -> io::Result<()> {
        let body = postcard::to_stdvec(fields).map_err(io::Error::other)?;
        let path = self.path(name);
        let fresh = path.with_extension("new");
        self.remove_half_made(&fresh)?;
        let file = self.disk.create(&fresh)?;
        let sum = crc32c::crc32c(&body).to_le_bytes();
        write_full(&*file, &[MAGIC.as_slice(), &sum, &body].concat(), 0)?;
        file.sync_data()?;
        self.disk.rename(&fresh, &path)?;
        self.disk.sync_dir(&self.dir)
    }

    /// What an earlier try left when the disk failed: it may be longer than what comes.
    fn remove_half_made(&self, fresh: &Path) -> io::Result<()> {
        match self.disk.remove(fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.disk.open(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
        let read = read_full(&*file, &mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn path(&self, (sequence, sum): Name) -> PathBuf {
        self.dir.join(format!("{sequence:020}-{sum:08x}.letter"))
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a letter file says.
#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    sequence: u64,
    at_us: i64,
    code: &'a str,
    detail: &'a str,
    record: &'a [u8],
}

fn parse(bytes: &[u8]) -> Option<DeadLetter> {
    let (head, body) = bytes.split_at_checked(HEAD_BYTES)?;
    let (magic, sum) = head.split_at_checked(MAGIC.len())?;
    if magic != MAGIC || sum != crc32c::crc32c(body).to_le_bytes() {
        return None;
    }
    let fields: Fields<'_> = postcard::from_bytes(body).ok()?;
    Some(DeadLetter {
        sequence: fields.sequence,
        at: Timestamp::from_micros(fields.at_us),
        code: fields.code.to_owned(),
        detail: fields.detail.to_owned(),
        record: Bytes::copy_from_slice(fields.record),
    })
}

fn name_of(file: &str) -> Option<Name> {
    let (sequence, sum) = file.strip_suffix(".letter")?.split_once('-')?;
    Some((sequence.parse().ok()?, u32::from_str_radix(sum, 16).ok()?))
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn keep(letters: &DeadLetters, sequence: u64, record: &'static str) -> Result<Kept, KeepError> {
        letters.keep(sequence, Bytes::from(record), "unknown_survey", "no such survey", AT)
    }

    #[test]
    fn a_letter_is_listed_with_its_reason_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        assert_eq!(keep(&letters, 12, "later").unwrap(), Kept::New);
        assert_eq!(keep(&letters, 7, "earlier").unwrap(), Kept::New);
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        let listed = letters.list(10).unwrap().letters;
        assert_eq!(listed.iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [7, 12]);
        let expected = DeadLetter {
            sequence: 7,
            at: AT,
            code: "unknown_survey".to_owned(),
            detail: "no such survey".to_owned(),
            record: Bytes::from("earlier"),
        };
        assert_eq!(listed[0], expected);
        assert_eq!(letters.list(1).unwrap().letters, [expected]);
    }

    #[test]
    fn a_letter_that_is_kept_again_is_known_and_one_of_another_record_is_not() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        assert_eq!(keep(&letters, 7, "one").unwrap(), Kept::New);
        assert_eq!(keep(&letters, 7, "one").unwrap(), Kept::Known);
        assert_eq!(keep(&letters, 7, "another, of a spool begun anew").unwrap(), Kept::New);
        assert_eq!(letters.len(), 2);
    }

    #[test]
    fn the_last_place_is_given_and_one_more_is_refused_but_a_known_letter_is_not() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 2).unwrap();
        keep(&letters, 1, "a").unwrap();
        keep(&letters, 2, "b").unwrap();
        assert!(matches!(keep(&letters, 3, "c"), Err(KeepError::Full(2))));
        assert_eq!(keep(&letters, 2, "b").unwrap(), Kept::Known);
        let first = letters.list(1).unwrap().letters.remove(0);
        assert!(letters.remove(&first).unwrap());
        assert!(!letters.remove(&first).unwrap());
        assert_eq!(keep(&letters, 3, "c").unwrap(), Kept::New);
    }

    #[test]
    fn a_corrupt_letter_is_reported_and_the_others_are_listed() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        keep(&letters, 1, "a").unwrap();
        keep(&letters, 2, "b").unwrap();
        let path = letters.path((1, crc32c::crc32c(b"a")));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let listing = letters.list(10).unwrap();
            assert_eq!(listing.unreadable, std::slice::from_ref(&path), "a flipped bit in byte {at}");
            assert_eq!(listing.letters.len(), 1);
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(DeadLetters::open(data.path(), 10).unwrap().list(10).unwrap().unreadable, [path]);
    }

    #[test]
    fn what_a_crash_left_half_written_is_no_letter() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        let half = letters.path((1, 2)).with_extension("new");
        fs::write(&half, b"voxl").unwrap();
        assert_eq!(DeadLetters::open(data.path(), 10).unwrap().len(), 0);
        assert!(!half.exists());
    }

    #[test]
    fn a_long_explanation_is_cut_between_two_characters() {
        let data = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(data.path(), 10).unwrap();
        let detail = format!("a{}", "é".repeat(DETAIL_BYTES));
        letters.keep(1, Bytes::from("r"), "code", &detail, AT).unwrap();
        let kept = letters.list(1).unwrap().letters.remove(0).detail;
        assert_eq!(kept.len(), DETAIL_BYTES - 1);
        assert!(detail.starts_with(&kept));
    }
}
