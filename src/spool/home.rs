//! The data directory: one gateway at a time, and none that is older than what lies in it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The version of everything below the data directory.
const VERSION: u32 = 1;

/// Why the spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another gateway: stop that one, or give this one its own --data", .0.display())]
    Locked(PathBuf),
    /// A newer voxgate wrote it.
    #[error("{} was written by a newer voxgate (data version {found}, this one knows {VERSION}): run that one", .path.display())]
    Newer {
        /// The version file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// The version file holds no number.
    #[error("{} does not hold a version: restore it, or move the data directory away", .0.display())]
    Version(PathBuf),
    /// The disk did not do as asked.
    #[error("{}: cannot {what}: {source}; {}", .path.display(), advice(.source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    /// For `map_err`: what was tried, on what.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount that disk for writing, or give the gateway another --data"
        }
        io::ErrorKind::PermissionDenied => "let the gateway's user read and write there",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on that disk",
        _ => "check that disk",
    }
}

/// A locked data directory; the lock goes with it, also when the process is killed.
#[derive(Debug)]
pub(super) struct Home {
    lock: File,
}

impl Home {
    /// Makes, locks and checks the directory.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(data).map_err(OpenError::io("make the data directory", data))?;
        let path = data.join("LOCK");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(OpenError::io("open the lock file", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(data.to_owned())),
            Err(TryLockError::Error(source)) => return Err(OpenError::io("lock", &path)(source)),
        }
        check_version(data)?;
        Ok(Self { lock })
    }
}

impl Drop for Home {
    /// Closing the file is not enough while another thread starts a process: until that one's `exec` it holds the file
    /// too, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the data directory could not be given back");
        }
    }
}

fn check_version(data: &Path) -> Result<(), OpenError> {
    let path = data.join("VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found > VERSION => Err(OpenError::Newer { path, found }),
            Ok(_) => Ok(()),
            Err(_) => Err(OpenError::Version(path)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_version(data, &path).map_err(OpenError::io("write the version", &path))
        }
        Err(source) => Err(OpenError::io("read the version", &path)(source)),
    }
}

/// By rename, so that a crash leaves either no version or a whole one.
fn write_version(data: &Path, path: &Path) -> io::Result<()> {
    let fresh = data.join("VERSION.new");
    let mut file = File::create(&fresh)?;
    writeln!(file, "{VERSION}")?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(data)?.sync_all()
}
