//! Closed-loop load: each connection sends its next request when the reply to the last has come, so a slow server is
//! asked less and nothing piles up. Right for CPU and throughput; latency would need an open loop.

mod connection;
mod http;
mod stream;

pub(crate) use self::{
    connection::{Connection, Reply},
    http::{Order, over_http},
    stream::over_grpc,
};

use std::time::Duration;

/// When a load ends: at whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) length: Duration,
    pub(crate) items: u64,
}

impl Bound {
    /// So long, however many answers that are.
    pub(crate) const fn length(length: Duration) -> Self {
        Self { length, items: u64::MAX }
    }
}

/// What came of a round's load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Answers that were acknowledged.
    pub(crate) items: u64,
    /// Requests that were refused for now (429, 503): the server has as much as it can do in time.
    pub(crate) refused: u64,
    /// From the first request to the last reply, s.
    pub(crate) wall_secs: f64,
}

impl Done {
    /// What came of going on.
    pub(crate) fn add(&mut self, more: Self) {
        self.items += more.items;
        self.refused += more.refused;
        self.wall_secs += more.wall_secs;
    }

    /// A share of what was spent on all answers.
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 answers")]
    pub(crate) fn each(self, spent_us: f64) -> f64 {
        spent_us / self.items as f64
    }

    /// Answers a second.
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 answers")]
    pub(crate) fn rate(self) -> f64 {
        self.items as f64 / self.wall_secs
    }
}
