//! Runs and tickets: what of a gateway's claims is known to be on disk.
//!
//! Every claim carries the gateway's *run* and a *ticket*. A run publishes one number: the ticket below which
//! everything it claimed is fsynced. A ticket that is dropped unsettled ends its run, so that the number never moves
//! past a claim whose record is not on disk; the next ticket is of a new run.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Names a run: random, so that no two gateways share one even when Redis forgets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub [u8; 6]);

impl RunId {
    /// Stands for claims made again from the spool: all of it is on disk.
    pub(super) const SPOOLED: Self = Self([0; 6]);

    fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// One stretch of tickets without a hole.
#[derive(Debug)]
pub(crate) struct Run {
    id: RunId,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    /// All below are settled.
    settled_below: u64,
    /// Whether each ticket from `settled_below` on is settled.
    issued: VecDeque<bool>,
    ended: bool,
}

impl Run {
    fn start() -> Arc<Self> {
        Arc::new(Self { id: RunId::random(), tickets: Mutex::default() })
    }

    /// The run's name.
    pub(crate) const fn id(&self) -> RunId {
        self.id
    }

    /// The ticket below which everything is on disk.
    pub(crate) fn settled_below(&self) -> u64 {
        self.lock().settled_below
    }

    /// Whether a ticket was lost; the number stands still from then on.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    fn issue(self: &Arc<Self>) -> Option<Ticket> {
        let mut tickets = self.lock();
        if tickets.ended {
            return None;
        }
        let number = tickets.settled_below + tickets.issued.len() as u64;
        tickets.issued.push_back(false);
        Some(Ticket { run: Arc::clone(self), number, settled: false })
    }

    fn settle(&self, number: u64) {
        let mut tickets = self.lock();
        if tickets.ended {
            return;
        }
        let place = usize::try_from(number - tickets.settled_below).unwrap_or(usize::MAX);
        if let Some(settled) = tickets.issued.get_mut(place) {
            *settled = true;
        }
        while tickets.issued.front() == Some(&true) {
            tickets.issued.pop_front();
            tickets.settled_below += 1;
        }
    }

    fn end(&self) {
        let mut tickets = self.lock();
        tickets.ended = true;
        tickets.issued = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ended runs remembered; doubles of older ones are spooled once more.
const ENDED_RUNS: usize = 64;

/// The current run of this gateway, and the next one when it ends.
#[derive(Debug)]
pub(crate) struct Runs(Mutex<VecDeque<Arc<Run>>>);

impl Default for Runs {
    fn default() -> Self {
        Self(Mutex::new(VecDeque::from([Run::start()])))
    }
}

impl Runs {
    /// The run that tickets are issued from.
    #[cfg(test)]
    pub(crate) fn current(&self) -> Arc<Run> {
        let mut runs = self.lock();
        Arc::clone(Self::live(&mut runs))
    }

    /// A ticket of the current run, or of a new one when that has ended.
    pub(crate) fn ticket(&self) -> Ticket {
        let mut runs = self.lock();
        loop {
            if let Some(ticket) = Self::live(&mut runs).issue() {
                return ticket;
            }
        }
    }

    /// The current run and those that ended lately, newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Run>> {
        self.lock().iter().map(Arc::clone).collect()
    }

    /// What is known to be on disk of one of this gateway's runs; none when it is not one of them.
    pub(crate) fn settled_below(&self, id: RunId) -> Option<u64> {
        self.lock().iter().find(|run| run.id() == id).map(|run| run.settled_below())
    }

    /// The newest run, which is a new one when that has ended.
    fn live(runs: &mut VecDeque<Arc<Run>>) -> &Arc<Run> {
        if runs.front().is_none_or(|run| run.is_ended()) {
            runs.push_front(Run::start());
            runs.truncate(ENDED_RUNS);
        }
        #[allow(
            clippy::indexing_slicing,
            reason = "there is a newest run: it was pushed above if there was none"
        )]
        &runs[0]
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a run. Settled when the record it stands for is on disk, or when nothing was claimed with it.
#[must_use]
#[derive(Debug)]
pub struct Ticket {
    run: Arc<Run>,
    number: u64,
    settled: bool,
}

impl Ticket {
    /// Its run.
    pub fn run(&self) -> RunId {
        self.run.id
    }

    /// Its place.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The record is on disk, or there is none.
    pub fn settle(mut self) {
        self.settled = true;
        self.run.settle(self.number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.run.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_moves_only_past_settled_tickets() {
        let runs = Runs::default();
        let [first, second, third] = [runs.ticket(), runs.ticket(), runs.ticket()];
        let run = runs.current();
        second.settle();
        assert_eq!(run.settled_below(), 0);
        first.settle();
        assert_eq!(run.settled_below(), 2);
        third.settle();
        assert_eq!(run.settled_below(), 3);
    }

    #[test]
    fn a_lost_ticket_ends_the_run_and_freezes_its_number() {
        let runs = Runs::default();
        runs.ticket().settle();
        let run = runs.current();
        let later = {
            let lost = runs.ticket();
            let later = runs.ticket();
            drop(lost);
            later
        };
        later.settle();
        assert_eq!(run.settled_below(), 1);
        assert!(run.is_ended());
        assert_ne!(runs.ticket().run(), run.id());
    }
}
