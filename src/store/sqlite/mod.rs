//! The SQLite file: who may write it, how it is made, and the numbers that its changes get.

mod append;
mod decide;
mod erase;
mod events;
mod known;
mod links;
mod open;
mod opt_outs;
mod read;
mod respond;
mod rule;
mod tombstones;

pub(crate) use self::open::OpenError;
pub(crate) use self::{
    erase::{Erased, Erasure},
    links::{LinkBounds, ShortLink, link},
    open::reader,
    opt_outs::opt_outs,
    read::{HeldFilter, ListFilter, changes, decode, get, held, held_by_ids, responses},
    respond::questions,
};

use std::{fs::File, path::Path};

use rusqlite::{Connection, TransactionBehavior};

use self::{known::Known, tombstones::Tombstones};
use super::{RecordHash, StoreError, merge::Decision, record::Checked};
use crate::clock::Clock;

/// The one connection that writes, and what it must know between transactions.
#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Connection,
    state: State,
    identity: Option<String>,
    tombstones: Tombstones,
    /// Erased pages may still stand in the write-ahead log.
    scrub: bool,
    /// Let go after the connection is closed.
    _lock: File,
}

/// May run ahead of what is committed when a transaction is rolled back; that is harmless.
#[derive(Debug)]
struct State {
    clock: Clock,
    last_changed: i64,
    /// No tombstone refuses what was received at or after this.
    latest_tombstone_us: i64,
    last_number: i64,
    any_gone: bool,
    any_ruling: bool,
    /// None: nobody has counted them since some went.
    links: Option<u64>,
}

impl State {
    fn next_change(&mut self) -> i64 {
        self.last_changed = self.clock.now().as_micros().max(self.last_changed.saturating_add(1));
        self.last_changed
    }

    const fn next_response(&mut self, id: [u8; 16]) -> Known {
        self.last_number += 1;
        Known { id, number: self.last_number, changed: None }
    }
}

impl Ledger {
    /// Opens the file, makes or migrates it, and reads what must be known.
    pub(crate) fn open(path: &Path, clock: Clock, fingerprint: &str) -> Result<Self, OpenError> {
        let lock = open::lock(path)?;
        let connection = open::writer(path)?;
        let identity = open::identity(&connection)?;
        let state = State {
            clock,
            last_changed: open::last_changed(&connection)?,
            latest_tombstone_us: open::latest_tombstone(&connection)?,
            last_number: known::last_number(&connection)?,
            any_gone: open::any_gone(&connection)?,
            any_ruling: rule::any(&connection)?,
            links: None,
        };
        let beside = tombstones::path_beside(path);
        let tombstones = Tombstones::at(beside.clone());
        let mut ledger = Self { connection, state, identity, tombstones, scrub: false, _lock: lock };
        if !fingerprint.is_empty() {
            ledger.check_identity(fingerprint)?;
        }
        ledger.erase_again(&beside)?;
        Ok(ledger)
    }

    /// Forgets again whom the file of tombstones names and the database, restored from an older copy, does not; and
    /// writes that file anew when it is not what the database knows then.
    fn erase_again(&mut self, path: &Path) -> Result<(), OpenError> {
        let unreadable = |source| OpenError::Tombstones { path: path.to_owned(), source };
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut lines, mut damaged, mut is_whole) = (0, 0_u64, true);
        let mut erased = Erased::default();
        for line in tombstones::read(path).map_err(unreadable)? {
            // The last line may be torn: its erasure was never told to be done.
            damaged += u64::from(!is_whole);
            let tombstone = line.map_err(unreadable)?;
            is_whole = tombstone.is_some();
            if let Some(tombstone) = tombstone {
                erased += erase::erase_again(&tx, &mut self.state, &tombstone)?;
            }
            lines += 1;
        }
        tx.commit()?;
        log_again(erased, damaged, path);
        self.scrub = erased.records > 0;
        self.scrub_log();
        if damaged > 0 || !is_whole || lines != open::count_tombstones(&self.connection)? {
            let written = self.tombstones.write_anew(&self.connection);
            written
                .unwrap_or_else(|error| tracing::error!(?error, "the tombstones could not be written anew"));
        }
        Ok(())
    }

    /// The number of the last change.
    pub(crate) const fn last_changed(&self) -> i64 {
        self.state.last_changed
    }

    /// Commits batches in one transaction.
    pub(crate) fn append(&mut self, batches: Vec<Vec<Checked>>) -> rusqlite::Result<()> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        append::append(&tx, &mut self.state, batches)?;
        tx.commit()?;
        self.scrub_log();
        Ok(())
    }

    /// Releases or discards held records, all or none; returns how many were waiting before.
    pub(crate) fn decide(&mut self, ids: &[RecordHash], decision: Decision) -> Result<u32, LedgerError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let waiting = decide::decide(&tx, &mut self.state, ids, decision)?;
        tx.commit()?;
        Ok(waiting)
    }

    /// Rules about who gave the answers of responses, all or none; returns how many were not ruled about so before.
    pub(crate) fn rule(&mut self, ids: &[[u8; 16]], confirmed: bool) -> Result<u32, LedgerError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let new = rule::rule(&tx, &mut self.state, ids, confirmed)?;
        tx.commit()?;
        Ok(new)
    }

    /// Forgets a person.
    pub(crate) fn erase(&mut self, erasure: &Erasure) -> Result<Erased, LedgerError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (erased, buried) = erase::erase(&tx, &mut self.state, erasure)?;
        // First: an erasure that is done and not written down would be undone by the next restored copy.
        self.tombstones.keep(&tx, &buried)?;
        tx.commit()?;
        self.scrub = true;
        self.scrub_log();
        Ok(erased)
    }

    /// Keeps short links, all or none.
    pub(crate) fn put_links(&mut self, links: &[ShortLink], bounds: LinkBounds) -> Result<(), LedgerError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let kept = links::put(&tx, &mut self.state, links, bounds)?;
        tx.commit()?;
        self.state.links = Some(kept);
        self.scrub_log();
        Ok(())
    }

    /// Compares a fingerprint with the file's; keeps the first one.
    pub(crate) fn check_identity(&mut self, given: &str) -> Result<(), LedgerError> {
        match &self.identity {
            Some(kept) if kept == given => Ok(()),
            Some(kept) => {
                let (kept, given) = (kept.clone(), given.to_owned());
                Err(LedgerError::Refused(StoreError::IdentityKey { kept, given }))
            }
            None => {
                let sql = "INSERT INTO meta (name, value) VALUES ('identity_key', ?1)";
                self.connection.execute(sql, [given])?;
                self.identity = Some(given.to_owned());
                Ok(())
            }
        }
    }

    /// Commits return before they are on disk.
    #[cfg(test)]
    pub(crate) fn wait_for_no_disk(&self) {
        self.connection.pragma_update(None, "synchronous", "OFF").unwrap();
    }

    /// Reads what the writer has committed.
    #[cfg(test)]
    pub(crate) fn read<T>(&self, query: impl Fn(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>) -> T {
        query(&self.connection.unchecked_transaction().unwrap()).unwrap()
    }

    /// Empties the write-ahead log after an erasure; a long read can hold it up, then the next commit tries again.
    fn scrub_log(&mut self) {
        if !self.scrub {
            return;
        }
        let busy =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.scrub = !matches!(busy, Ok(0));
    }
}

fn log_again(erased: Erased, damaged: u64, path: &Path) {
    if erased.records > 0 {
        let Erased { responses, records } = erased;
        tracing::warn!(
            responses,
            records,
            "the database is an older copy: what was erased since is erased again"
        );
    }
    if damaged > 0 {
        tracing::error!(
            lines = damaged,
            path = %path.display(),
            "lines of the tombstones are damaged: if the database was restored from a copy, erase again whom you \
             erased since",
        );
    }
}

/// Why the ledger did not do what was asked.
#[derive(Debug)]
pub(crate) enum LedgerError {
    /// The database failed.
    Sqlite(rusqlite::Error),
    /// The file of tombstones could not be written.
    Tombstones(std::io::Error),
    /// It was asked for what may not be.
    Refused(StoreError),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<std::io::Error> for LedgerError {
    fn from(error: std::io::Error) -> Self {
        Self::Tombstones(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        record::check,
        tests::{NOW, record_of},
    };

    fn batch(responses: std::ops::Range<u8>) -> Vec<Vec<Checked>> {
        vec![responses.map(|response| check(record_of(response)).unwrap()).collect()]
    }

    #[test]
    fn a_commit_that_the_disk_refuses_stores_nothing_and_the_next_one_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&dir.path().join("store.sqlite"), Clock::manual(NOW), "").unwrap();
        let stored = |ledger: &Ledger| {
            let count = |sql: &str| ledger.read(|tx| tx.query_row(sql, [], |row| row.get::<_, i64>(0)));
            [count("SELECT count(*) FROM records"), count("SELECT count(*) FROM responses")]
        };
        ledger.append(batch(0..2)).unwrap();
        let pages: i64 = ledger.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", pages).unwrap();
        assert!(ledger.append(batch(2..250)).is_err());
        assert_eq!(stored(&ledger), [2, 2]);
        ledger.connection.pragma_update(None, "max_page_count", pages + 1_000).unwrap();
        ledger.append(batch(2..250)).unwrap();
        assert_eq!(stored(&ledger), [250, 250]);
    }

    #[test]
    fn a_file_has_one_writer_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let mut first = Ledger::open(&path, Clock::manual(NOW), "").unwrap();
        first.append(batch(0..1)).unwrap();
        assert!(matches!(Ledger::open(&path, Clock::manual(NOW), ""), Err(OpenError::InUse { .. })));
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        }
        drop(first);
        Ledger::open(&path, Clock::manual(NOW), "").unwrap();
    }
}
