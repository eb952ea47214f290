//! Connections that only read. Queries run off the async threads; when all connections are taken, the next waits.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, Transaction};
use tokio::{sync::Semaphore, task};

use super::{StoreError, sqlite};

/// Reads at once: enough that a long summary does not hold up a page, few enough that reads leave room for appends.
const CONNECTIONS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let idle = (0..CONNECTIONS).map(|_| sqlite::reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Runs a query on one snapshot of the file.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let idle = Arc::clone(&self.idle);
        // The permit goes with the query: a caller that gives up does not free a connection that is still read over.
        let read = task::spawn_blocking(move || {
            let _permit = permit;
            let mut lease = Lease::take(&idle)?;
            let tx = lease.connection()?.transaction().map_err(failed)?;
            query(&tx).map_err(failed)
        });
        read.await.map_err(|_| StoreError::Unavailable)?
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    tracing::error!(%error, "a read of the store failed");
    StoreError::Unavailable
}

/// A connection that goes back when the query ends, also by a panic.
struct Lease<'a> {
    idle: &'a Mutex<Vec<Connection>>,
    connection: Option<Connection>,
}

impl<'a> Lease<'a> {
    fn take(idle: &'a Mutex<Vec<Connection>>) -> Result<Self, StoreError> {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Self { idle, connection })
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or(StoreError::Unavailable)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}
