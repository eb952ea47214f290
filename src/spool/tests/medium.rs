//! A disk in memory that knows what a power cut leaves: pages that were fsynced, names whose directory was; of the rest
//! nothing, all, or some. It also fails on demand, and a failed fsync drops its pages as a kernel does.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::MutexGuard,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{super::disk::DiskFile, *};

/// What a disk writes whole; a torn page is torn between two of these.
const SECTOR_BYTES: usize = 512;

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
#[derive(Clone, Debug, Default)]
pub(super) struct Medium(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that no fsync of a directory has covered, in their order.
    renames: Vec<Change>,
    /// What fails, and how many calls of the kind are still let through.
    pub(super) plan: Option<(Call, u64)>,
    /// Whether the planned call has failed.
    pub(super) struck: bool,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that differ, as far as the kernel knows.
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Made(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

impl Medium {
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
        let state = self.state();
        let mut rng = StdRng::seed_from_u64(if let Keep::Some(seed) = keep { seed } else { 0 });
        let kept = match keep {
            Keep::Nothing => 0,
            Keep::Everything => state.renames.len(),
            Keep::Some(_) => rng.random_range(0..=state.renames.len()),
        };
        let mut names = state.durable_names.clone();
        state.renames.iter().take(kept).for_each(|change| change.apply(&mut names));
        let files = state.files.iter().map(|file| file.after_cut(keep, &mut rng)).collect();
        let left = State { files, durable_names: names.clone(), names, ..State::default() };
        Self(Arc::new(Mutex::new(left)))
    }

    /// The bytes of the named file, to look at or to harm.
    pub(super) fn change<T>(&self, name: &str, look: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut state = self.state();
        let id = *state.names.get(&PathBuf::from(name)).unwrap();
        let result = look(&mut state.files[id].cached);
        state.files[id].durable = state.files[id].cached.clone();
        result
    }

    /// The names of all segments.
    pub(super) fn segments(&self) -> Vec<String> {
        let state = self.state();
        let names = state.names.keys().filter_map(|path| path.to_str());
        names.filter(|name| name.ends_with(".segment")).map(str::to_owned).collect()
    }

    /// Takes a file away for good.
    pub(super) fn lose(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(&PathBuf::from(name)).unwrap();
        state.durable_names.remove(&PathBuf::from(name));
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

    fn renamed(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.renames.push(change);
    }
}

impl Contents {
    fn after_cut(&self, keep: Keep, rng: &mut StdRng) -> Self {
        let mut left = self.durable.clone();
        let kept: Vec<usize> = match keep {
            Keep::Nothing => Vec::new(),
            Keep::Everything => self.dirty.iter().copied().collect(),
            Keep::Some(_) => self.dirty.iter().copied().filter(|_| rng.random()).collect(),
        };
        for sector in kept {
            write_back(&mut left, &self.cached, sector);
        }
        Self { cached: left.clone(), durable: left, dirty: BTreeSet::new() }
    }
}

fn write_back(durable: &mut Vec<u8>, cached: &[u8], sector: usize) {
    let (from, to) = (sector * SECTOR_BYTES, cached.len().min((sector + 1) * SECTOR_BYTES));
    if durable.len() < to {
        durable.resize(to, 0);
    }
    durable[from..to].copy_from_slice(&cached[from..to]);
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Made(path, id) => drop(names.insert(path.clone(), *id)),
            Self::Renamed(from, to) => {
                let id = names.remove(from).unwrap();
                names.insert(to.clone(), id);
            }
            Self::Removed(path) => drop(names.remove(path)),
        }
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
        let id = *self.state().names.get(&below_spool(path)).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MediumFile { medium: self.clone(), id }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if let Ok(file) = self.open(path) {
            return Ok(file);
        }
        let mut state = self.state();
        state.change(Call::Write)?;
        let id = state.files.len();
        state.files.push(Contents::default());
        state.renamed(Change::Made(below_spool(path), id));
        Ok(Box::new(MediumFile { medium: self.clone(), id }))
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let (state, dir) = (self.state(), below_spool(dir));
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir.as_path()));
        Ok(inside.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change(Call::Write)?;
        state.renamed(Change::Renamed(below_spool(from), below_spool(to)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Change)?;
        state.renamed(Change::Removed(below_spool(path)));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change(Call::Sync)?;
        state.durable_names = state.names.clone();
        state.renames.clear();
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

#[derive(Debug)]
struct MediumFile {
    medium: Medium,
    id: usize,
}

impl DiskFile for MediumFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.medium.state();
        state.call(Call::Read)?;
        let cached = &state.files[self.id].cached;
        let from = cached.len().min(offset as usize);
        let read = bytes.len().min(cached.len() - from);
        bytes[..read].copy_from_slice(&cached[from..from + read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.medium.state();
        state.change(Call::Write)?;
        let file = &mut state.files[self.id];
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        if file.cached.len() < to {
            file.cached.resize(to, 0);
        }
        file.cached[from..to].copy_from_slice(bytes);
        file.dirty.extend(from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES));
        Ok(bytes.len())
    }

    /// As a kernel does: when it fails, the pages count as clean all the same.
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.medium.state();
        let allowed = state.change(Call::Sync);
        let gone = state.is_gone();
        let file = &mut state.files[self.id];
        if allowed.is_err() && gone {
            return allowed;
        }
        let dirty = std::mem::take(&mut file.dirty);
        allowed?;
        for sector in dirty {
            write_back(&mut file.durable, &file.cached, sector);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.medium.state().files[self.id].cached.len() as u64)
    }
}
