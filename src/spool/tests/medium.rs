//! A disk in memory that fails on demand: at a chosen call, or by a power cut that leaves of what was not fsynced
//! nothing, all, or some.

use std::{io, path::PathBuf, sync::MutexGuard};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{
    super::disk::{
        DiskFile,
        memory::{FileId, Memory},
    },
    *,
};

/// What of the unsynced is there after a power cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    /// None of it.
    Nothing,
    /// All of it: as if the process had been killed and everything was written back since.
    Everything,
    /// Any sectors, and the first few of the changes of names.
    Some(u64),
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Any that changes something: after it nothing more works, the machine is gone.
    Change,
    /// The fsync of a file or of a directory.
    Sync,
    /// A write, a new file or a rename; the disk is full.
    Write,
    /// A read.
    Read,
}

/// One disk; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Medium(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    memory: Memory,
    /// What fails, and how many calls of the kind are still let through.
    plan: Option<(Call, u64)>,
    /// Whether the planned call has failed.
    pub(super) struck: bool,
}

impl Default for Medium {
    fn default() -> Self {
        Self::of(Memory::with_dirs([""]))
    }
}

impl Medium {
    fn of(memory: Memory) -> Self {
        Self(Arc::new(Mutex::new(State { memory, plan: None, struck: false })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets so many calls of a kind pass and fails the next one.
    pub(super) fn fail(&self, call: Call, after: u64) {
        let mut state = self.state();
        (state.plan, state.struck) = (Some((call, after)), false);
    }

    /// Whether the machine has stopped.
    pub(super) fn is_gone(&self) -> bool {
        self.state().is_gone()
    }

    /// The same disk under a new process: nothing fails, nothing is lost.
    pub(super) fn healed(&self) {
        let mut state = self.state();
        (state.plan, state.struck) = (None, false);
    }

    /// What a power cut at this moment leaves.
    pub(super) fn cut(&self, keep: Keep) -> Self {
        let mut left = self.state().memory.clone();
        match keep {
            Keep::Nothing => {
                left.lose_names(|| false);
                left.lose_sectors(|| false);
            }
            Keep::Everything => {
                left.lose_names(|| true);
                left.lose_sectors(|| true);
            }
            Keep::Some(seed) => {
                let mut rng = StdRng::seed_from_u64(seed);
                let mut kept = 0..rng.random_range(0..=left.unsynced_names());
                left.lose_names(|| kept.next().is_some());
                left.lose_sectors(|| rng.random());
            }
        }
        Self::of(left)
    }

    /// The bytes of the named file, to look at or to harm.
    pub(super) fn change<T>(&self, name: &str, look: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.state().memory.harm(Path::new(name), look)
    }

    /// The names of all segments.
    pub(super) fn segments(&self) -> Vec<String> {
        let names = self.state().memory.list(Path::new("")).into_iter();
        names.filter(|name| name.ends_with(".segment")).collect()
    }

    /// Takes a file away for good.
    pub(super) fn lose(&self, name: &str) {
        self.state().memory.lose(Path::new(name));
    }
}

impl State {
    /// Counts a call; an error when it is the planned one, or the machine is gone.
    fn call(&mut self, call: Call) -> io::Result<()> {
        let gone = self.is_gone() && call != Call::Read;
        let Some((planned, left)) = &mut self.plan else { return Ok(()) };
        if !gone && (*planned != call || self.struck) {
            return Ok(());
        }
        if !gone && *left > 0 {
            *left -= 1;
            return Ok(());
        }
        self.struck = true;
        Err(if call == Call::Write { io::ErrorKind::StorageFull.into() } else { eio() })
    }

    fn is_gone(&self) -> bool {
        self.struck && self.plan.is_some_and(|(planned, _)| planned == Call::Change)
    }

    /// Counts a call that changes something.
    fn change(&mut self, call: Call) -> io::Result<()> {
        self.call(Call::Change)?;
        self.call(call)
    }
}

/// Names below `spool/`, whichever data directory is asked for.
fn below_spool(path: &Path) -> PathBuf {
    let parts: Vec<_> = path.iter().collect();
    let spool = parts.iter().rposition(|part| *part == "spool").map_or(parts.len(), |at| at + 1);
    parts[spool..].iter().collect()
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for Medium {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state().memory.file(&below_spool(path))?;
        Ok(Box::new(MediumFile { medium: self.clone(), file }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if let Ok(file) = self.open(path) {
            return Ok(file);
        }
        let mut state = self.state();
        state.change(Call::Write)?;
        let file = state.memory.make_file(&below_spool(path))?;
        Ok(Box::new(MediumFile { medium: self.clone(), file }))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().memory.make_dir(&below_spool(dir));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.state().memory.list(&below_spool(dir)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change(Call::Write)?;
        state.memory.rename(&below_spool(from), &below_spool(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Change)?;
        state.memory.remove(&below_spool(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change(Call::Sync)?;
        state.memory.sync_dir(&below_spool(dir));
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

#[derive(Debug)]
struct MediumFile {
    medium: Medium,
    file: FileId,
}

impl DiskFile for MediumFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.medium.state();
        state.call(Call::Read)?;
        Ok(state.memory.read_at(self.file, bytes, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.medium.state();
        state.change(Call::Write)?;
        state.memory.write_at(self.file, bytes, offset);
        Ok(bytes.len())
    }

    /// As a kernel does: when it fails, the pages count as clean all the same.
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.medium.state();
        let synced = state.change(Call::Sync);
        if synced.is_ok() {
            state.memory.sync_file(self.file);
        } else if !state.is_gone() {
            state.memory.fail_sync(self.file, || false);
        }
        synced
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.medium.state().memory.len(self.file) as u64)
    }
}
