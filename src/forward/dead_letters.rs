//! Dead letters: records that the store refused, each kept with the reason until an operator retries or removes it.
//!
//! Takes: the refused records of a batch, each with its sequence in the spool and what the store said. Gives: the
//! letters, oldest first. Refuses: more letters than `[store] dead_letters`; delivery then waits, since nothing is
//! thrown away. Bounds: that number; a letter is as large as its record and what the store said, which is cut at a KiB.
//!
//! What is kept at once is one file, `data/dead-letters/<first sequence>-<crc32c of the file>.letter`, so that a store
//! that refuses many costs two fsyncs for each batch, not for each record; `file.rs` has the bytes. A letter that is
//! removed is marked in its place, and the last of a file takes the file away. The sum of a record tells its letter
//! apart from another when a spool was begun anew and its sequences repeat.

mod file;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tracing::warn;

use self::file::{Contents, GONE_MAGIC, encode, parse};
use crate::{
    clock::Timestamp,
    spool::disk::{Disk, Local, read_full, write_full},
};

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

/// A file that is being written.
const FRESH: &str = "letters.new";

/// Which letter: sequence and sum of the record. Which file: first sequence and sum of all of it.
type Name = (u64, u32);

/// Where a letter lies.
#[derive(Clone, Debug)]
struct Place {
    file: Name,
    bytes: Range<usize>,
}

/// The letters of a data directory.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    max: usize,
    index: Mutex<Index>,
}

/// Which letters there are, and what each file holds.
#[derive(Debug, Default)]
struct Index {
    letters: BTreeMap<Name, Place>,
    files: BTreeMap<Name, Held>,
}

/// What keeps a file from being removed.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    letters: usize,
    /// Something in it could not be read when it was opened.
    is_broken: bool,
}

impl Index {
    fn add(&mut self, file: Name, name: Name, bytes: Range<usize>) {
        // A letter that is in two files was kept again after a disk that failed: the first will do.
        self.letters.entry(name).or_insert_with(|| {
            self.files.entry(file).or_default().letters += 1;
            Place { file, bytes }
        });
    }

    /// Letters, and files in which something cannot be read.
    fn len(&self) -> usize {
        self.letters.len() + self.files.values().filter(|held| held.is_broken).count()
    }

    /// Whether nothing else keeps the file of a letter.
    fn is_last(&self, place: &Place) -> bool {
        self.files.get(&place.file).is_none_or(|held| held.letters <= 1 && !held.is_broken)
    }

    fn forget(&mut self, name: Name) {
        let Some(place) = self.letters.remove(&name) else { return };
        if self.is_last(&place) {
            self.files.remove(&place.file);
        } else if let Some(held) = self.files.get_mut(&place.file) {
            held.letters = held.letters.saturating_sub(1);
        }
    }
}

impl DeadLetters {
    /// Opens `data/dead-letters`, or makes it, and reads which letters there are.
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
        let letters = Self { disk, dir, max, index: Mutex::default() };
        for file in letters.disk.list(&letters.dir)? {
            if let Some(name) = name_of(&file) {
                letters.take_over(name)?;
            } else if file.ends_with(".new") {
                letters.disk.remove(&letters.dir.join(file))?;
            }
        }
        Ok(letters)
    }

    /// Reads a file that an earlier process left.
    fn take_over(&self, file: Name) -> io::Result<()> {
        let path = self.path(file);
        let contents = self.read(&path).map(|bytes| Contents::of(&bytes)).unwrap_or_else(|error| {
            warn!(%error, path = %path.display(), "a file of dead letters cannot be read; it stays where it is");
            Contents { is_broken: true, ..Contents::default() }
        });
        let mut index = self.index();
        for (letter, bytes) in contents.letters {
            index.add(file, name(&letter), bytes);
        }
        if contents.is_broken {
            index.files.entry(file).or_default().is_broken = true;
        } else if !index.files.contains_key(&file) {
            // Killed between its last letter and its end.
            self.disk.remove(&path)?;
        }
        Ok(())
    }

    /// Keeps refused records with one commit; they are durable when this returns. One that is kept already stays as it
    /// is: the ack of an earlier delivery was lost. Blocks on the disk.
    ///
    /// # Errors
    /// The bound is reached, or the disk fails; the records then have to stay in the spool.
    pub(crate) fn keep(&self, letters: &[DeadLetter]) -> Result<(), KeepError> {
        // Held while writing: letters are rare, and nobody may keep or remove one of this file meanwhile.
        let mut index = self.index();
        let mut news: BTreeMap<Name, _> = letters.iter().map(|letter| (name(letter), letter)).collect();
        news.retain(|name, _| !index.letters.contains_key(name));
        let room = self.max.saturating_sub(index.len());
        let fitting: Vec<_> = news.values().copied().take(room).collect();
        self.write(&mut index, &fitting)?;
        if fitting.len() < news.len() { Err(KeepError::Full(index.len())) } else { Ok(()) }
    }

    /// The oldest letters.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn list(&self, limit: usize) -> io::Result<Listing> {
        let index = self.index();
        let places: Vec<Place> = index.letters.values().take(limit).cloned().collect();
        let broken = index.files.iter().filter(|(_, held)| held.is_broken);
        let mut listing =
            Listing { unreadable: broken.map(|(file, _)| self.path(*file)).collect(), ..Listing::default() };
        drop(index);
        for place in places {
            let path = self.path(place.file);
            match self.read_letter(&path, &place) {
                Ok(Some(letter)) => listing.letters.push(letter),
                Ok(None) => listing.unreadable.push(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        listing.unreadable.sort_unstable();
        listing.unreadable.dedup();
        for path in &listing.unreadable {
            warn!(path = %path.display(), "a dead letter cannot be read; it stays where it is");
        }
        Ok(listing)
    }

    /// Removes a letter, once its record is in the spool again. Says whether it was there.
    ///
    /// # Errors
    /// The disk fails; the letter may come back after a crash, which at worst delivers it twice.
    pub(crate) fn remove(&self, letter: &DeadLetter) -> io::Result<bool> {
        let name = name(letter);
        let mut index = self.index();
        let Some(place) = index.letters.get(&name).cloned() else { return Ok(false) };
        let path = self.path(place.file);
        let removed = if index.is_last(&place) {
            self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&self.dir))
        } else {
            self.mark_gone(&path, &place)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => index.forget(name),
        }
        Ok(true)
    }

    /// Whether [`DeadLetters::keep`] may keep its thread waiting.
    pub(crate) fn blocks(&self) -> bool {
        self.disk.blocks()
    }

    /// How many there are, unreadable ones included.
    pub(crate) fn len(&self) -> usize {
        self.index().len()
    }

    /// Writes a file of letters. By rename, so that a crash leaves either none of them or all.
    fn write(&self, index: &mut Index, letters: &[&DeadLetter]) -> io::Result<()> {
        let Some(first) = letters.first() else { return Ok(()) };
        let mut bytes = Vec::new();
        let places = letters.iter().map(|letter| encode(&mut bytes, letter)).collect::<Result<Vec<_>, _>>();
        let places = places.map_err(io::Error::other)?;
        let file = (first.sequence, crc32c::crc32c(&bytes));
        if index.files.contains_key(&file) {
            // The same sum of other letters. The next try has another time in it.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.write_file(&self.path(file), &bytes)?;
        for (letter, place) in letters.iter().zip(places) {
            index.add(file, name(letter), place);
        }
        Ok(())
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = self.dir.join(FRESH);
        // What an earlier try left when the disk failed may be longer than what comes.
        self.remove_if_there(&fresh)?;
        let file = self.disk.create(&fresh)?;
        write_full(&*file, bytes, 0)?;
        file.sync_data()?;
        self.disk.rename(&fresh, path)?;
        self.disk.sync_dir(&self.dir).inspect_err(|_| {
            // The next try has another name. Should this fail too, the next start finds the letters twice and keeps
            // one.
            drop(self.disk.remove(path));
        })
    }

    fn remove_if_there(&self, path: &Path) -> io::Result<()> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn mark_gone(&self, path: &Path, place: &Place) -> io::Result<()> {
        let file = self.disk.open(path)?;
        write_full(&*file, &GONE_MAGIC, place.bytes.start as u64)?;
        file.sync_data()
    }

    fn read_letter(&self, path: &Path, place: &Place) -> io::Result<Option<DeadLetter>> {
        let file = self.disk.open(path)?;
        let mut bytes = vec![0; place.bytes.len()];
        let read = read_full(&*file, &mut bytes, place.bytes.start as u64)?;
        bytes.truncate(read);
        Ok(parse(&bytes).filter(|parsed| !parsed.is_gone).map(|parsed| parsed.letter))
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

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(letter: &DeadLetter) -> Name {
    (letter.sequence, crc32c::crc32c(&letter.record))
}

fn name_of(file: &str) -> Option<Name> {
    let (sequence, sum) = file.strip_suffix(".letter")?.split_once('-')?;
    Some((sequence.parse().ok()?, u32::from_str_radix(sum, 16).ok()?))
}
