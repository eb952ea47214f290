//! A machine's disk in memory. It keeps what is in the page cache apart from what is on the platter, so that a power
//! cut leaves what a real one may: any of the unsynced sectors, torn and out of order, any of the unsynced names.
//!
//! A sync of a file makes its bytes durable, not its name; a sync of a directory its names, not their bytes. A sync
//! that fails leaves some of the sectors written and all of them clean: the next one succeeds without having written
//! them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{dice::Dice, turns::pause};
use crate::spool::disk::{Disk, DiskFile};

/// What a disk writes at once.
const SECTOR_BYTES: usize = 512;

/// A disk, in or out of its machine.
#[derive(Clone, Debug)]
pub(super) struct Platter(Arc<Mutex<State>>);

/// What goes wrong from now on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DiskFaults {
    /// Syncs that fail, in a thousand.
    pub(super) failing_syncs: u64,
    /// Syncs take up to two seconds.
    pub(super) slow: bool,
    /// No file can grow, and none be made.
    pub(super) full: bool,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    /// Goes up whenever the process that uses the disk ends.
    boot: u64,
    names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Changes of names that are not durable yet, in order.
    unsynced: Vec<Change>,
    /// Syncs that fail at any time, in a thousand.
    bad: u64,
    files: Vec<Content>,
    faults: DiskFaults,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

#[derive(Debug, Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that differ.
    dirty: BTreeSet<usize>,
}

impl Platter {
    pub(super) fn new(dice: Dice) -> Self {
        // Somebody made the data directory, long ago.
        let names: BTreeMap<_, _> = ["/", "/data"].map(|dir| (PathBuf::from(dir), Node::Dir)).into();
        let bad = [0, 0, 0, 40][dice.place(4)];
        Self(Arc::new(Mutex::new(State {
            dice,
            bad,
            boot: 0,
            names: names.clone(),
            durable: names,
            unsynced: Vec::new(),
            files: Vec::new(),
            faults: DiskFaults::default(),
        })))
    }

    /// For a process that starts now.
    pub(super) fn mount(&self) -> Mounted {
        Mounted { platter: self.clone(), boot: self.state().boot }
    }

    /// The process is gone; the page cache is not.
    pub(super) fn process_ends(&self) {
        self.state().boot += 1;
    }

    /// What was not synced is lost, or not.
    pub(super) fn power_fails(&self) {
        let mut state = self.state();
        state.boot += 1;
        state.lose_names();
        let State { files, dice, .. } = &mut *state;
        let kept = keeps(dice);
        files.iter_mut().for_each(|file| file.lose(dice, kept));
    }

    /// Whether these bytes are on the platter, wherever.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        let state = self.state();
        let begins = |durable: &[u8]| {
            durable.split(|byte| *byte == bytes[0]).skip(1).any(|rest| rest.starts_with(&bytes[1..]))
        };
        state.files.iter().any(|file| begins(&file.durable))
    }

    pub(super) fn set(&self, faults: DiskFaults) {
        self.state().faults = faults;
    }

    /// It is replaced by a good one with the same on it.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        (state.bad, state.faults) = (0, DiskFaults::default());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// How much of what is unsynced outlives a power cut, in a thousand: often nothing or all of it.
fn keeps(dice: &Dice) -> u64 {
    [0, 1_000, 500, 850][dice.place(4)]
}

impl State {
    fn alive(&mut self, boot: u64) -> io::Result<&mut Self> {
        if self.boot == boot { Ok(self) } else { Err(io::Error::other("the process has ended")) }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.unsynced.push(change);
    }

    fn sync_names(&mut self, dir: &Path) {
        let (synced, left) = std::mem::take(&mut self.unsynced).into_iter().partition(|it| it.is_in(dir));
        self.unsynced = left;
        let synced: Vec<Change> = synced;
        synced.iter().for_each(|change| apply(&mut self.durable, change));
    }

    fn lose_names(&mut self) {
        let kept = keeps(&self.dice);
        for change in std::mem::take(&mut self.unsynced) {
            if self.dice.permille(kept) {
                apply(&mut self.durable, &change);
            }
        }
        let names = self.durable.clone();
        let has_parent = |path: &PathBuf| {
            path.ancestors().skip(1).all(|above| above.parent().is_none() || names.contains_key(above))
        };
        self.durable.retain(|path, _| has_parent(path));
        self.names = self.durable.clone();
    }
}

impl Change {
    fn is_in(&self, dir: &Path) -> bool {
        let (Self::Put(path, _) | Self::Remove(path) | Self::Rename(path, _, _)) = self;
        path.parent() == Some(dir)
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, change: &Change) {
    match change {
        Change::Put(path, node) => drop(names.insert(path.clone(), *node)),
        Change::Remove(path) => drop(names.remove(path)),
        Change::Rename(from, to, node) => {
            if names.get(from) == Some(node) {
                names.remove(from);
            }
            names.insert(to.clone(), *node);
        }
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.cached.len() < end {
            self.dirty.extend(self.cached.len() / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
            self.cached.resize(end, 0);
        }
        self.cached[at..end].copy_from_slice(bytes);
        self.dirty.extend(at / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    /// Writes sectors to the platter; the file grows as far as they lie.
    fn flush(&mut self, mut chosen: impl FnMut() -> bool) {
        for sector in std::mem::take(&mut self.dirty) {
            if chosen() {
                let from = sector * SECTOR_BYTES;
                let to = (from + SECTOR_BYTES).min(self.cached.len());
                self.durable.resize(self.durable.len().max(to), 0);
                self.durable[from..to].copy_from_slice(&self.cached[from..to]);
            }
        }
    }

    fn lose(&mut self, dice: &Dice, kept: u64) {
        self.flush(|| dice.permille(kept));
        self.cached = self.durable.clone();
    }
}

/// A disk as a process sees it, for as long as the process lives.
#[derive(Clone, Debug)]
pub(super) struct Mounted {
    platter: Platter,
    boot: u64,
}

impl Mounted {
    fn file(&self, path: &Path, make: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.platter.state();
        let state = state.alive(self.boot)?;
        let file = match state.names.get(path) {
            Some(Node::File(file)) => *file,
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            None if !make || !state.names.contains_key(path.parent().unwrap()) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            None if state.faults.full => return Err(io::ErrorKind::StorageFull.into()),
            None => {
                state.files.push(Content::default());
                state.change(Change::Put(path.to_owned(), Node::File(state.files.len() - 1)));
                state.files.len() - 1
            }
        };
        Ok(Box::new(Opened { disk: self.clone(), file }))
    }

    /// How long a sync takes, and sometimes how long it takes until that is told.
    fn sync_span(&self) -> std::time::Duration {
        let state = self.platter.state();
        if state.faults.slow { state.dice.millis(20..2_000) } else { state.dice.micros(80..6_000) }
    }

    fn is_told_late(&self) -> bool {
        self.platter.state().dice.permille(250)
    }
}

impl Disk for Mounted {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path, false)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path, true)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.platter.state();
        let state = state.alive(self.boot)?;
        let missing: Vec<_> = dir.ancestors().filter(|above| !state.names.contains_key(*above)).collect();
        for above in missing.into_iter().rev() {
            state.change(Change::Put(above.to_owned(), Node::Dir));
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.platter.state();
        let names = state.alive(self.boot)?.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.platter.state();
        let state = state.alive(self.boot)?;
        let node = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.platter.state();
        let state = state.alive(self.boot)?;
        state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        state.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        pause(self.sync_span());
        self.platter.state().alive(self.boot)?.sync_names(dir);
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let mut state = self.platter.state();
        Ok(if state.alive(self.boot)?.faults.full { 0 } else { 1 << 40 })
    }

    fn blocks(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Opened {
    disk: Mounted,
    file: usize,
}

impl Opened {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        act(self.disk.platter.state().alive(self.disk.boot)?)
    }
}

impl DiskFile for Opened {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state| {
            let rest = state.files[self.file].cached.get(usize::try_from(offset).unwrap()..);
            let rest = rest.unwrap_or_default();
            let read = rest.len().min(bytes.len());
            bytes[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|state| {
            let at = usize::try_from(offset).unwrap();
            let part = if state.dice.permille(20) { bytes.len().div_ceil(2) } else { bytes.len() };
            if state.faults.full && at + part > state.files[self.file].cached.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.files[self.file].write(&bytes[..part], at);
            Ok(part)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        pause(self.disk.sync_span());
        self.with(|state| {
            let State { files, dice, faults, bad, .. } = state;
            if dice.permille(faults.failing_syncs.max(*bad)) {
                files[self.file].flush(|| dice.permille(500));
                return Err(io::Error::from_raw_os_error(5));
            }
            files[self.file].flush(|| true);
            Ok(())
        })?;
        if self.disk.is_told_late() {
            pause(self.disk.sync_span());
        }
        self.with(|_| Ok(()))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.files[self.file].cached.len() as u64))
    }
}
