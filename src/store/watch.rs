//! The change feed: what changed after a cursor, then what changes.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch::Receiver};
use tonic::Status;

use super::{Store, StoreError, sqlite};
use crate::proto::store::v1::WatchResponse;

/// Changes read at once; also all that a slow watcher keeps in memory.
const PAGE: usize = 256;

pub(super) type Changes = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

/// One watcher.
struct Watcher {
    store: Store,
    announced: Receiver<i64>,
    after: i64,
    ready: VecDeque<WatchResponse>,
    stop_at_end: bool,
    _place: Arc<OwnedSemaphorePermit>,
}

/// Streams the changes after a number; ends after the last one when asked to, else when the store closes.
pub(super) fn changes(store: Store, after: i64, stop_at_end: bool, place: OwnedSemaphorePermit) -> Changes {
    let announced = store.changes();
    let watcher =
        Watcher { store, announced, after, ready: VecDeque::new(), stop_at_end, _place: Arc::new(place) };
    Box::pin(stream::try_unfold(watcher, |mut watcher| async move {
        let change = watcher.next().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(change.map(|change| (change, watcher)))
    }))
}

impl Watcher {
    async fn next(&mut self) -> Result<Option<WatchResponse>, StoreError> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(Some(change));
            }
            self.announced.mark_unchanged();
            self.read().await?;
            if self.ready.is_empty() && (self.stop_at_end || !self.wait().await) {
                return Ok(None);
            }
        }
    }

    /// Waits for a change; false when the store closes first.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            announced = self.announced.changed() => announced.is_ok(),
            () = self.store.closing() => false,
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let after = self.after;
        let page = self.store.read(move |tx| sqlite::changes(tx, after, PAGE)).await?;
        if let Some((last, _)) = page.rows.last() {
            self.after = *last;
        }
        self.ready.extend(page.rows.into_iter().map(|(_, change)| change));
        Ok(())
    }
}
