//! What waits for the next commit, and how each waiter learns the fate of its own record.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::gate::Room;
use crate::intake::claim::Ticket;

/// Why a record is not known to be on disk. Its ticket is lost, which ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The commit failed.
    #[error("the record could not be written to disk: the caller may try again")]
    NotWritten,
    /// The record is larger than a segment.
    #[error("the record does not fit in a segment: raise [spool] segment_bytes")]
    TooLarge,
    /// The spool was closed first.
    #[error("the spool is closed: the gateway is stopping")]
    Closed,
}

/// A record that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Its place in the log.
    pub sequence: u64,
    /// When its commit ended: since then its waiter could have gone on.
    pub at: Instant,
}

/// Ends once the record is on disk. Dropping it does not take the record back.
#[must_use]
#[derive(Debug)]
pub struct Appended(oneshot::Receiver<Result<Landed, AppendError>>);

impl Future for Appended {
    type Output = Result<Landed, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let fate = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(fate.unwrap_or(Err(AppendError::Closed)))
    }
}

/// A record on its way to the disk.
pub(super) struct Waiting {
    pub(super) record: Bytes,
    /// Held until the record counts as part of the log.
    room: Room,
    ticket: Ticket,
    reply: oneshot::Sender<Result<Landed, AppendError>>,
}

/// Does not show the record: it is somebody's.
impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("bytes", &self.record.len())
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

impl Waiting {
    pub(super) fn new(room: Room, ticket: Ticket, record: Bytes) -> (Self, Appended) {
        let (reply, fate) = oneshot::channel();
        (Self { record, room, ticket, reply }, Appended(fate))
    }

    /// It is on disk. The ticket first: whoever hears of the record may count on it.
    pub(super) fn landed(self, sequence: u64, at: Instant) {
        drop(self.room);
        self.ticket.settle();
        // Nobody listens when the caller has gone; the record stays.
        let _listened = self.reply.send(Ok(Landed { sequence, at })).is_ok();
    }

    /// It is not, or nobody knows.
    pub(super) fn failed(self, why: AppendError) {
        drop(self.room);
        drop(self.ticket);
        let _listened = self.reply.send(Err(why)).is_ok();
    }
}

/// Records in the order they came. Bounded by the gate's places.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    writer_sleeps: bool,
    closed: bool,
    finished: bool,
}

impl Queue {
    /// Adds a record; once the queue is closed its waiter is told so.
    pub(super) fn push(&self, waiting: Waiting) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return waiting.failed(AppendError::Closed);
        }
        state.waiting.push_back(waiting);
        if state.writer_sleeps {
            state.writer_sleeps = false;
            self.arrived.notify_one();
        }
    }

    /// Moves all that waits behind `backlog`; waits for some when both are empty. False when there will be no more.
    pub(super) fn take(&self, backlog: &mut VecDeque<Waiting>) -> bool {
        let mut state = self.lock();
        while backlog.is_empty() && state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.writer_sleeps = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if backlog.is_empty() {
            std::mem::swap(backlog, &mut state.waiting);
        } else {
            backlog.append(&mut state.waiting);
        }
        true
    }

    /// Whether [`Queue::take`] would return at once.
    #[cfg(test)]
    pub(super) fn is_due(&self) -> bool {
        let state = self.lock();
        state.closed || !state.waiting.is_empty()
    }

    /// Takes no more; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// The writer is gone: whoever still waits is told.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.finished = true;
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        left.into_iter().for_each(|waiting| waiting.failed(AppendError::Closed));
        self.finished.notify_all();
    }

    /// Waits until the writer is gone; false when it is not within `bound`.
    pub(super) fn wait_finished(&self, bound: Duration) -> bool {
        let waited = self.finished.wait_timeout_while(self.lock(), bound, |state| !state.finished);
        waited.unwrap_or_else(PoisonError::into_inner).0.finished
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
