//! Opens the file: pragmas, schema, migrations.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::LedgerError;
use crate::store::StoreError;

/// What makes each version of the schema from the one before; older files are migrated at open, newer ones not opened.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("schema_2_events.sql"),
    include_str!("schema_3_links.sql"),
    include_str!("schema_4_opt_outs.sql"),
    include_str!("schema_5_known.sql"),
];
/// The schema's version.
const VERSION: i32 = MIGRATIONS.len() as i32;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// SQLite could not open or read the file.
    #[error("the store's file cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file could not be made or locked, or the writer's thread not be started.
    #[error("the store cannot be started: {0}")]
    Io(#[from] std::io::Error),
    /// The file of tombstones could not be read.
    #[error(
        "{} cannot be read: {source}: make it readable, or move it away and erase again whom you erased since the \
         backup that the store was restored from", path.display()
    )]
    Tombstones {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the file open.
    #[error("{} is in use by another voxgate: stop that one, or give this one another --data directory", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer voxgate has written the file.
    #[error(
        "the store's file has schema version {found}, this voxgate knows {VERSION}: use the newer voxgate"
    )]
    Newer {
        /// The file's version.
        found: i32,
    },
    /// The file was filled with another identity key.
    #[error(
        "the store was filled with the identity key of fingerprint `{kept}`, the configuration has `{given}`: use \
         the same [identity] key on every gateway, or another data directory"
    )]
    IdentityKey {
        /// What the file holds.
        kept: String,
        /// What the configuration has.
        given: String,
    },
}

impl From<LedgerError> for OpenError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Sqlite(error) => Self::Sqlite(error),
            LedgerError::Tombstones(error) => Self::Io(error),
            LedgerError::Refused(StoreError::IdentityKey { kept, given }) => {
                Self::IdentityKey { kept, given }
            }
            LedgerError::Refused(other) => Self::Io(std::io::Error::other(other)),
        }
    }
}

/// Takes the file for this process: the numbers of changes are counted in memory, by one writer. SQLite's own locks
/// stand on the file itself, so ours stands on one beside it.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = private().open(PathBuf::from(beside))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What people said is for the owner's eyes; SQLite gives its log the mode of the file.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options
}

/// Opens the connection that writes; there is one.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    drop(private().open(path)?);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is erased must not stand in free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // A checkpoint writes pages at random and syncs them at once, and whoever syncs on the same disk meanwhile waits:
    // little and often, 4 MB each.
    connection.pragma_update(None, "wal_autocheckpoint", 1_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found });
    }
    let tx = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
    }
    if found < VERSION {
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    Ok(())
}

pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE name = 'identity_key'";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

pub(super) fn last_changed(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT max(coalesce((SELECT max(changed) FROM responses), 0),
                          coalesce((SELECT max(changed) FROM held), 0),
                          coalesce((SELECT max(changed) FROM gone), 0),
                          coalesce((SELECT max(changed) FROM events), 0),
                          coalesce((SELECT max(changed) FROM opt_outs), 0))";
    connection.query_row(sql, [], |row| row.get(0))
}

pub(super) fn latest_tombstone(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(received_before), 0) FROM tombstones", [], |row| row.get(0))
}

pub(super) fn count_tombstones(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM tombstones", [], |row| row.get(0))
}

pub(super) fn any_gone(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM gone)", [], |row| row.get(0))
}
