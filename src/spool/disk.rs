//! What the spool asks of a disk. Implemented by the machine's, and by the tests' that fail on demand or by chance.

#[cfg(test)]
pub(crate) mod memory;

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

/// What a disk reads and loses at once, at the least.
const PAGE_BYTES: usize = 4_096;

/// Directories and names.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading and writing; it must exist.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing; makes it when there is none, keeps what is in it.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Makes a directory and those above it.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Renames a file, over another one when there is one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names of a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that an ordinary user may still write on the disk that holds `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Whether a call may keep its thread waiting, as all but memory does.
    fn blocks(&self) -> bool {
        true
    }
}

/// One open file.
pub(crate) trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads at an offset; fewer bytes than asked for are no error, none means the end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at an offset; fewer bytes than given are no error.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes what was written durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;
}

/// Reads until `bytes` is full or the file ends; says how many bytes that were.
pub(crate) fn read_full(file: &dyn DiskFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Like [`read_full`], with zeros in place of pages that cannot be read. An error when none of several can.
pub(super) fn read_around(file: &dyn DiskFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let error = match read_full(file, bytes, offset) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let end = file.len()?.saturating_sub(offset);
    let wanted = bytes.len().min(usize::try_from(end).unwrap_or(usize::MAX));
    let mut readable = wanted <= PAGE_BYTES;
    let (mut rest, mut at) = (bytes.get_mut(..wanted).unwrap_or_default(), offset);
    while !rest.is_empty() {
        let to_boundary = PAGE_BYTES - usize::try_from(at % PAGE_BYTES as u64).unwrap_or(0);
        let (page, behind) = rest.split_at_mut(to_boundary.min(rest.len()));
        match read_full(file, page, at) {
            Ok(_) => readable = true,
            Err(_) => page.fill(0),
        }
        at += page.len() as u64;
        rest = behind;
    }
    if readable { Ok(wanted) } else { Err(error) }
}

/// Writes all of `bytes`.
pub(crate) fn write_full(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The machine's own disk.
#[derive(Debug)]
pub(crate) struct Local;

impl Disk for Local {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(file))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl DiskFile for File {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
