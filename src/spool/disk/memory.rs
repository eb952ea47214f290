//! A disk in memory for tests. It keeps what is in the page cache apart from what is on the platter, so that a power
//! cut leaves what a real one may: any of the unsynced sectors, torn and out of order, any of the unsynced names.
//!
//! A sync of a file makes its bytes durable, not its name; a sync of a directory its names, not their bytes. A sync
//! that fails leaves all sectors clean, written or not: the next one succeeds without having written them.
//!
//! Nothing here fails or draws chances: that is up to those who put it behind a [`super::Disk`].

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

/// What a disk writes whole; a torn page is torn between two of these.
const SECTOR_BYTES: usize = 512;

/// Which file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(usize);

/// A disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Changes of names that are not durable yet, in order.
    unsynced: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(FileId),
}

#[derive(Clone, Debug)]
enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

#[derive(Clone, Debug, Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that differ, as far as the kernel knows.
    dirty: BTreeSet<usize>,
}

impl Memory {
    /// An empty disk with these directories, made long ago.
    pub(crate) fn with_dirs<'a>(dirs: impl IntoIterator<Item = &'a str>) -> Self {
        let names: BTreeMap<_, _> = dirs.into_iter().map(|dir| (PathBuf::from(dir), Node::Dir)).collect();
        Self { durable: names.clone(), names, ..Self::default() }
    }

    /// The file of this name.
    pub(crate) fn file(&self, path: &Path) -> io::Result<FileId> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Makes an empty file in a directory that is there.
    pub(crate) fn make_file(&mut self, path: &Path) -> io::Result<FileId> {
        if !path.parent().is_some_and(|dir| self.names.contains_key(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = FileId(self.files.len());
        self.files.push(Content::default());
        self.change(Change::Put(path.to_owned(), Node::File(file)));
        Ok(file)
    }

    /// Makes a directory and those above it.
    pub(crate) fn make_dir(&mut self, dir: &Path) {
        let missing: Vec<_> = dir.ancestors().filter(|above| !self.names.contains_key(*above)).collect();
        for above in missing.into_iter().rev() {
            self.change(Change::Put(above.to_owned(), Node::Dir));
        }
    }

    /// The names in a directory.
    pub(crate) fn list(&self, dir: &Path) -> Vec<String> {
        let names = self.names.keys().filter(|path| path.parent() == Some(dir));
        names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// Renames a file, over another one when there is one.
    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = *self.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        self.change(Change::Rename(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    /// Removes a file.
    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    /// Makes the names of a directory durable.
    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let changes = std::mem::take(&mut self.unsynced).into_iter();
        let (synced, left): (Vec<_>, _) = changes.partition(|change| change.is_in(dir));
        self.unsynced = left;
        synced.iter().for_each(|change| change.apply(&mut self.durable));
    }

    /// Reads what the page cache holds; says how many bytes that were.
    pub(crate) fn read_at(&self, file: FileId, bytes: &mut [u8], offset: u64) -> usize {
        let rest = self.files[file.0].cached.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let read = rest.len().min(bytes.len());
        bytes[..read].copy_from_slice(&rest[..read]);
        read
    }

    /// Writes to the page cache.
    pub(crate) fn write_at(&mut self, file: FileId, bytes: &[u8], offset: u64) {
        self.files[file.0].write(bytes, usize::try_from(offset).unwrap());
    }

    /// Bytes in the file.
    pub(crate) fn len(&self, file: FileId) -> usize {
        self.files[file.0].cached.len()
    }

    /// Makes what was written to a file durable.
    pub(crate) fn sync_file(&mut self, file: FileId) {
        self.files[file.0].flush(|| true);
    }

    /// A sync that fails: writes the sectors that are chosen, and takes all of them for written.
    pub(crate) fn fail_sync(&mut self, file: FileId, written: impl FnMut() -> bool) {
        self.files[file.0].flush(written);
    }

    /// Changes of names that are not durable yet.
    pub(crate) fn unsynced_names(&self) -> usize {
        self.unsynced.len()
    }

    /// The power fails: of the changes of names that are not durable the chosen ones are kept.
    pub(crate) fn lose_names(&mut self, mut kept: impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.unsynced) {
            if kept() {
                change.apply(&mut self.durable);
            }
        }
        let names = self.durable.clone();
        let has_parent = |path: &PathBuf| {
            path.ancestors().skip(1).all(|above| above.parent().is_none() || names.contains_key(above))
        };
        self.durable.retain(|path, _| has_parent(path));
        self.names = self.durable.clone();
    }

    /// The power fails: of the sectors that are not durable the chosen ones are kept.
    pub(crate) fn lose_sectors(&mut self, mut kept: impl FnMut() -> bool) {
        for file in &mut self.files {
            file.flush(&mut kept);
            file.cached = file.durable.clone();
        }
    }

    /// Whether these bytes are on the platter, in whatever file.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        let begins = |durable: &[u8]| {
            durable.split(|byte| *byte == bytes[0]).skip(1).any(|rest| rest.starts_with(&bytes[1..]))
        };
        self.files.iter().any(|file| begins(&file.durable))
    }

    /// Looks at a file's bytes, or harms them where they lie.
    pub(crate) fn harm<T>(&mut self, path: &Path, look: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let FileId(file) = self.file(path).unwrap();
        let file = &mut self.files[file];
        let result = look(&mut file.cached);
        (file.durable, file.dirty) = (file.cached.clone(), BTreeSet::new());
        result
    }

    /// Takes a file away for good.
    pub(crate) fn lose(&mut self, path: &Path) {
        self.names.remove(path).unwrap();
        self.durable.remove(path);
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }
}

impl Change {
    fn is_in(&self, dir: &Path) -> bool {
        let (Self::Put(path, _) | Self::Remove(path) | Self::Rename(path, _, _)) = self;
        path.parent() == Some(dir)
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Put(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
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
}
