//! The reference storage service: records in, responses out.
//!
//! - takes: batches of records over gRPC ([`service`]), operators' decisions, erasures;
//! - gives: responses, held records, summaries and a change feed; each batch is answered after its commit;
//! - refuses: records that no gateway could have made, by code and detail; what belongs to an erased person, silently;
//! - bounds: jobs queued for the one writer, readers at once, watchers, bytes of a message and of a page.
//!
//! What a response says is computed by [`merge`](merge::merge) from the set of its records, and kept computed in
//! SQLite (WAL, `synchronous=FULL`) beside them. One writer thread joins waiting batches in one transaction.

mod auth;
mod client;
mod grpc;
mod hash;
mod line;
mod links;
mod merge;
mod page;
mod readers;
mod record;
mod serve;
mod sqlite;
mod summary;
mod watch;
pub(crate) mod words;
mod writer;

pub(crate) use self::{
    auth::Auth,
    client::{Client, ConnectError, IDENTITY_KEY_METADATA, connect, endpoint},
    hash::RecordHash,
    line::{AskError, StoreLine},
    links::LINKS,
    serve::serve,
    sqlite::{LinkBounds, OpenError},
};

use std::{path::Path, sync::Arc};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use self::{
    merge::Decision,
    readers::Readers,
    record::Checked,
    sqlite::{Erasure, ShortLink},
    writer::Writer,
};
use crate::clock::Clock;

/// An open store. Clones share it; the last one to go closes the file.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Closed before the writer, whose connection is then the last one and empties the write-ahead log.
    readers: Readers,
    writer: Writer,
    clock: Clock,
    links: LinkBounds,
    closing: CancellationToken,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite failed; logged where it happened.
    #[error("storage could not do it now: try again, and see the store's log")]
    Unavailable,
    /// The writer has ended.
    #[error("storage is shutting down: try again")]
    Stopped,
    /// Nothing is held under this id.
    #[error("no held record has the id `{0}`: list them with ListHeld")]
    UnknownHeld(String),
    /// Discarding is for good.
    #[error("the record `{0}` was discarded, which is for good")]
    Discarded(String),
    /// A gateway hashes with another identity key.
    #[error(
        "the identity key's fingerprint is `{given}`, this store was filled with `{kept}`: use the same \
         [identity] key on every gateway"
    )]
    IdentityKey {
        /// What the file holds.
        kept: String,
        /// What was presented.
        given: String,
    },
    /// A handle stands for another link already.
    #[error("a handle stands for another link already: make another one of 130 random bits")]
    LinkTaken,
    /// As many short links are kept as may be.
    #[error("the store keeps {0} short links, which is its bound: raise [links] kept, or let some expire")]
    LinksFull(u64),
}

impl Store {
    /// Opens the SQLite file at `path`, makes it when there is none, and starts the writer.
    ///
    /// `identity_fingerprint` is [`IdentityKey::fingerprint`](crate::catalog::IdentityKey::fingerprint); when empty,
    /// the first gateway that appends brings it. `links` bounds the short links that it keeps.
    ///
    /// # Errors
    /// When the file cannot be opened, is of a newer version, or was filled with another identity key.
    pub(crate) fn open(
        path: &Path,
        clock: Clock,
        identity_fingerprint: &str,
        links: LinkBounds,
    ) -> Result<Self, OpenError> {
        let ledger = sqlite::Ledger::open(path, clock.clone(), identity_fingerprint)?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(ledger)?;
        Ok(Self::of(readers, writer, clock, links))
    }

    fn of(readers: Readers, writer: Writer, clock: Clock, links: LinkBounds) -> Self {
        Self(Arc::new(Inner { readers, writer, clock, links, closing: CancellationToken::new() }))
    }

    /// Ends the change feeds, and the appends after the batches that have come, so that a server can drain. Everything
    /// else goes on until the last clone is dropped.
    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    /// Done when the store is closing.
    pub(crate) fn closing(&self) -> WaitForCancellationFutureOwned {
        self.0.closing.clone().cancelled_owned()
    }

    /// Commits records; returns when they are on disk.
    pub(crate) async fn append(&self, records: Vec<Checked>) -> Result<(), StoreError> {
        self.0.writer.append(records).await
    }

    /// Releases or discards held records, all or none; returns how many were waiting before.
    pub(crate) async fn decide(&self, ids: Vec<RecordHash>, decision: Decision) -> Result<u32, StoreError> {
        self.0.writer.decide(ids, decision).await
    }

    /// Forgets a person.
    pub(crate) async fn erase(&self, erasure: Erasure) -> Result<sqlite::Erased, StoreError> {
        self.0.writer.erase(erasure).await
    }

    /// Keeps short links, all or none; returns when they are on disk.
    pub(crate) async fn put_links(&self, links: Vec<ShortLink>) -> Result<(), StoreError> {
        self.0.writer.put_links(links, self.0.links).await
    }

    /// Compares a gateway's identity key with the one the file was filled with; keeps it when it is the first.
    pub(crate) async fn check_identity(&self, fingerprint: String) -> Result<(), StoreError> {
        self.0.writer.check_identity(fingerprint).await
    }

    /// Runs a read off the async threads.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.readers.read(query).await
    }

    /// The number of the last committed change, and a way to wait for the next.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<i64> {
        self.0.writer.changes()
    }

    /// The store's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod stepped;
#[cfg(test)]
pub(crate) mod tests;
