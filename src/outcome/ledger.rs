//! The books: since start, received = accepted + revised + duplicate + quarantined + limited + rejected + in flight.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use serde::Serialize;

use super::{Outcome, Reason};
use crate::survey::Channel;

/// Labels of `voxgate_submissions_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    channel: &'static str,
    brand: String,
    outcome: &'static str,
    reason: &'static str,
}

/// Counts each submission when it comes and once more when it ends.
#[derive(Debug, Default)]
pub struct Ledger {
    channels: [Counts; Channel::ALL.len()],
    respooled: AtomicU64,
    submissions: Family<Labels, Counter>,
}

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    ended: [AtomicU64; Outcome::ALL.len()],
}

/// A submission that has come and not yet ended. One that is dropped without an end was left by its client, and ends as
/// was [expected](InFlight::expect) of it: at first as `rejected`.
#[must_use]
#[derive(Debug)]
pub struct InFlight<'a> {
    ledger: &'a Ledger,
    channel: Channel,
    brand: Option<String>,
    on_drop: Option<(Outcome, Option<Reason>)>,
}

impl Ledger {
    /// A submission has come.
    pub fn receive(&self, channel: Channel) -> InFlight<'_> {
        if let Some(counts) = self.counts(channel) {
            counts.received.fetch_add(1, Ordering::Relaxed);
        }
        let on_drop = Some((Outcome::Rejected, Some(Reason::ClientGone)));
        InFlight { ledger: self, channel, brand: None, on_drop }
    }

    /// A double was written to the spool again, because it is not certain that nothing came in between.
    pub fn respool(&self) {
        self.respooled.fetch_add(1, Ordering::Relaxed);
    }

    /// The counter family `voxgate_submissions`, for the metrics registry.
    pub(crate) fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        registry.register("voxgate_submissions", "Submissions by how they ended", self.submissions.clone());
    }

    /// The books as they stand. Ends are read before comings, so that in flight is never less than zero.
    pub fn view(&self) -> LedgerView {
        let channels: BTreeMap<_, _> = Channel::ALL
            .iter()
            .filter_map(|channel| Some((channel.word(), self.counts(*channel)?.view())))
            .collect();
        let mut total = OutcomeCounts::default();
        for counts in channels.values() {
            total.add(counts);
        }
        LedgerView { total, respooled: self.respooled.load(Ordering::Relaxed), channels }
    }

    fn counts(&self, channel: Channel) -> Option<&Counts> {
        self.channels.get(channel as usize)
    }
}

impl InFlight<'_> {
    /// Says whose survey it is, once that is known.
    pub fn brand(&mut self, brand: &str) {
        self.brand = Some(brand.to_owned());
    }

    /// How it ends should its client go away now.
    pub fn expect(&mut self, outcome: Outcome, reason: Option<Reason>) {
        self.on_drop = Some((outcome, reason));
    }

    /// The submission's one end.
    pub fn end(mut self, outcome: Outcome, reason: Option<Reason>) {
        self.on_drop = None;
        self.count(outcome, reason);
    }

    fn count(&mut self, outcome: Outcome, reason: Option<Reason>) {
        let counts = self.ledger.counts(self.channel);
        if let Some(ended) = counts.and_then(|counts| counts.ended.get(outcome as usize)) {
            ended.fetch_add(1, Ordering::Relaxed);
        }
        let labels = Labels {
            channel: self.channel.word(),
            brand: self.brand.take().unwrap_or_default(),
            outcome: outcome.word(),
            reason: reason.map_or("", Reason::code),
        };
        self.ledger.submissions.get_or_create(&labels).inc();
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some((outcome, reason)) = self.on_drop {
            self.count(outcome, reason);
        }
    }
}

impl Counts {
    fn view(&self) -> OutcomeCounts {
        let ended = self.ended.each_ref().map(|count| count.load(Ordering::Acquire));
        let received = self.received.load(Ordering::Acquire);
        let [accepted, revised, duplicate, quarantined, limited, rejected] = ended;
        OutcomeCounts {
            received,
            in_flight: received.saturating_sub(ended.iter().sum()),
            accepted,
            revised,
            duplicate,
            quarantined,
            limited,
            rejected,
        }
    }
}

/// Counts of one channel, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeCounts {
    /// All that came.
    pub received: u64,
    /// Came and not yet ended.
    pub in_flight: u64,
    /// Ended as `accepted`.
    pub accepted: u64,
    /// Ended as `revised`.
    pub revised: u64,
    /// Ended as `duplicate`.
    pub duplicate: u64,
    /// Ended as `quarantined`.
    pub quarantined: u64,
    /// Ended as `limited`.
    pub limited: u64,
    /// Ended as `rejected`.
    pub rejected: u64,
}

impl OutcomeCounts {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.in_flight += other.in_flight;
        self.accepted += other.accepted;
        self.revised += other.revised;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        self.limited += other.limited;
        self.rejected += other.rejected;
    }

    /// Whether every submission has one end or is in flight.
    pub const fn balanced(&self) -> bool {
        let ended =
            self.accepted + self.revised + self.duplicate + self.quarantined + self.limited + self.rejected;
        self.received == ended + self.in_flight
    }
}

/// The books since start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// All channels together.
    #[serde(flatten)]
    pub total: OutcomeCounts,
    /// Doubles that were written again.
    pub respooled: u64,
    /// By channel.
    pub channels: BTreeMap<&'static str, OutcomeCounts>,
}
