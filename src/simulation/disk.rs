//! A machine's disk, which fails by chance: a power cut keeps any of the unsynced sectors and names, syncs fail, take
//! long or are told late, nothing more can grow. What a disk keeps is `spool::disk::memory`.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{dice::Dice, turns::pause};
use crate::spool::disk::{
    Disk, DiskFile,
    memory::{FileId, Memory},
};

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
    memory: Memory,
    dice: Dice,
    /// Goes up whenever the process that uses the disk ends.
    boot: u64,
    /// Syncs that fail at any time, in a thousand.
    bad: u64,
    faults: DiskFaults,
}

impl Platter {
    pub(super) fn new(dice: Dice) -> Self {
        let bad = [0, 0, 0, 40][dice.place(4)];
        // Somebody made the data directory, long ago.
        let memory = Memory::with_dirs(["/", "/data"]);
        Self(Arc::new(Mutex::new(State { memory, dice, boot: 0, bad, faults: DiskFaults::default() })))
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
        let State { memory, dice, .. } = &mut *state;
        let kept = keeps(dice);
        memory.lose_names(|| dice.permille(kept));
        let kept = keeps(dice);
        memory.lose_sectors(|| dice.permille(kept));
    }

    /// Whether these bytes are on the platter, wherever.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.state().memory.holds(bytes)
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
        let file = match state.memory.file(path) {
            Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                if state.faults.full {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                state.memory.make_file(path)?
            }
            found => found?,
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
        self.platter.state().alive(self.boot)?.memory.make_dir(dir);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.platter.state().alive(self.boot)?.memory.list(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.platter.state().alive(self.boot)?.memory.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.platter.state().alive(self.boot)?.memory.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        pause(self.sync_span());
        self.platter.state().alive(self.boot)?.memory.sync_dir(dir);
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
    file: FileId,
}

impl Opened {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        act(self.disk.platter.state().alive(self.disk.boot)?)
    }
}

impl DiskFile for Opened {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state| Ok(state.memory.read_at(self.file, bytes, offset)))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|state| {
            let part = if state.dice.permille(20) { bytes.len().div_ceil(2) } else { bytes.len() };
            let end = usize::try_from(offset).unwrap() + part;
            if state.faults.full && end > state.memory.len(self.file) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.memory.write_at(self.file, &bytes[..part], offset);
            Ok(part)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        pause(self.disk.sync_span());
        self.with(|state| {
            let State { memory, dice, faults, bad, .. } = state;
            if dice.permille(faults.failing_syncs.max(*bad)) {
                memory.fail_sync(self.file, || dice.permille(500));
                return Err(io::Error::from_raw_os_error(5));
            }
            memory.sync_file(self.file);
            Ok(())
        })?;
        if self.disk.is_told_late() {
            pause(self.disk.sync_span());
        }
        self.with(|_| Ok(()))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.memory.len(self.file) as u64))
    }
}
