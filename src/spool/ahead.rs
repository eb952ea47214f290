//! The segment that is prepared before the open one is full, so that no commit waits for zeros to be written.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::disk::DiskFile;

/// A segment that is zero-filled or recycled, named, durable, and without a head of its generation.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) generation: u32,
    /// Bytes of the file.
    pub(super) len: u64,
}

/// One prepared segment, between the keeper that makes it and the writer that takes it.
#[derive(Debug)]
pub(super) struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
enum State {
    Wanted,
    Ready(Prepared),
    /// None could be made; tried again at every turn of the keeper.
    Failed,
    Closed,
}

impl Ahead {
    pub(super) const fn wanted() -> Self {
        Self { state: Mutex::new(State::Wanted), changed: Condvar::new() }
    }

    /// The prepared segment; waits while it is being made. None: there is none to be had.
    pub(super) fn take(&self) -> Option<Prepared> {
        let waited = self.changed.wait_while(self.lock(), |state| matches!(state, State::Wanted));
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Ready(_)) {
            return None;
        }
        let State::Ready(segment) = std::mem::replace(&mut *state, State::Wanted) else { return None };
        self.changed.notify_all();
        Some(segment)
    }

    /// Waits until a segment is wanted, something else changed, or the time has passed. False when it is over.
    pub(super) fn wait(&self, bound: Duration) -> bool {
        let idle = |state: &mut State| matches!(state, State::Ready(_) | State::Failed);
        let waited = self.changed.wait_timeout_while(self.lock(), bound, idle);
        !matches!(*waited.unwrap_or_else(PoisonError::into_inner).0, State::Closed)
    }

    /// Whether there is none.
    pub(super) fn is_missing(&self) -> bool {
        matches!(*self.lock(), State::Wanted | State::Failed)
    }

    /// Whether one is being made.
    #[cfg(test)]
    pub(super) fn is_wanted(&self) -> bool {
        matches!(*self.lock(), State::Wanted)
    }

    /// One is ready.
    pub(super) fn ready(&self, segment: Prepared) {
        self.set(State::Ready(segment));
    }

    /// None could be made.
    pub(super) fn failed(&self) {
        self.set(State::Failed);
    }

    /// The prepared segment, to be given back with [`Ahead::ready`]; until then the writer waits for it. None when
    /// there is none.
    pub(super) fn lend(&self) -> Option<Prepared> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Wanted) {
            State::Ready(segment) => Some(segment),
            other => {
                *state = other;
                None
            }
        }
    }

    /// The writer is gone.
    pub(super) fn close(&self) {
        self.set(State::Closed);
    }

    fn set(&self, next: State) {
        let mut state = self.lock();
        if !matches!(*state, State::Closed) {
            *state = next;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
