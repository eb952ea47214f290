//! How long an answer takes at 70 % of the highest rate, open loop: each has its moment, whether or not the server has
//! caught up, and what it waits for that moment's predecessors counts (no coordinated omission).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::ensure;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    load::{Connection, Done},
    plan::Bench,
    system::{Shape, System},
    terminal::say,
    throughput::{Saturation, Target},
};

/// Connections that take turns.
const CONNECTIONS: u32 = 128;
/// The share of the highest rate.
const SHARE: f64 = 0.7;
/// How many of a thousand are told of.
const PERMILLE: usize = 990;

/// Both figures of the same load.
pub(crate) struct Latency {
    /// From the moment an answer was due to its receipt, ms, 99 of 100.
    pub(crate) accept_p99_ms: Figure,
    /// From receipt to the store's commit, ms, 99 of 100; of each batch its oldest answer.
    pub(crate) stored_p99_ms: Figure,
}

/// Measures them.
pub(crate) async fn measure(bench: Bench<'_>) -> anyhow::Result<Latency> {
    let system = System::start(bench.plan, bench.cores, "latency", Shape::sample(bench.plan)).await?;
    let Saturation { connections, rate, mut all } = Target::gateway(&system).saturation(bench).await?;
    let rate = rate * SHARE;
    system.settle().await?;
    let request = Arc::new(Request::Json(Numbers::starting_at(1 << 40)));
    let (mut accepts, mut stores) = (Vec::new(), Vec::new());
    for number in 1..=bench.plan.rounds {
        let before = system.delivery_lags().await?;
        let length = Duration::from_millis(bench.plan.round_ms);
        let (done, mut took_ms) = open_loop(system.http, &request, rate, length).await?;
        system.settle().await?;
        let accept_ms = quantile(&mut took_ms);
        let stored_ms = system.delivery_lags().await?.since(&before).quantile(0.99) * 1e3;
        say(&format!(
            "latency {number}/{}: at {:.0}/s ({SHARE} of what {connections} connections reach) \
             99 of 100 have their receipt within {accept_ms:.2} ms and are stored within {stored_ms:.0} ms",
            bench.plan.rounds,
            done.rate(),
        ));
        all.add(done);
        accepts.push(accept_ms);
        stores.push(stored_ms);
    }
    system.check(all).await?;
    Ok(Latency { accept_p99_ms: Figure::of(&accepts)?, stored_p99_ms: Figure::of(&stores)? })
}

/// Sends so many a second for so long; what each took, ms.
pub(crate) async fn open_loop(
    address: SocketAddr,
    request: &Arc<Request>,
    rate: f64,
    length: Duration,
) -> anyhow::Result<(Done, Vec<f64>)> {
    let each = Duration::from_secs_f64(1.0 / rate);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address).await?);
    }
    let begin = Instant::now();
    let mut turns = JoinSet::new();
    for (place, connection) in (0..).zip(connections) {
        let turns_of_one =
            Turns { due: begin + each * place, every: each * CONNECTIONS, end: begin + length };
        turns.spawn(turns_of_one.take(connection, Arc::clone(request)));
    }
    let (mut took_ms, mut refused) = (Vec::new(), 0);
    while let Some(taken) = turns.join_next().await {
        let (took, not_taken) = taken??;
        took_ms.extend(took);
        refused += not_taken;
    }
    let items = took_ms.len() as u64;
    ensure!(items > 0, "no answer was taken");
    Ok((Done { items, refused, wall_secs: begin.elapsed().as_secs_f64() }, took_ms))
}

/// The moments of one connection.
struct Turns {
    due: Instant,
    every: Duration,
    end: Instant,
}

impl Turns {
    /// A turn that comes late, because the one before still waits, counts from when it was due.
    async fn take(
        mut self,
        mut connection: Connection,
        request: Arc<Request>,
    ) -> anyhow::Result<(Vec<f64>, u64)> {
        let (mut wire, mut body) = (Vec::new(), Vec::new());
        let (mut took_ms, mut refused) = (Vec::new(), 0);
        while self.due < self.end {
            sleep_until(self.due).await;
            request.write(&mut wire, &mut body);
            let reply = connection.exchange(&wire).await?;
            if reply.is_refusal() {
                refused += 1;
            } else {
                ensure!(reply.status == request.taken_status(), "a reply was {}", reply.status);
                took_ms.push(self.due.elapsed().as_secs_f64() * 1e3);
            }
            self.due += self.every;
        }
        Ok((took_ms, refused))
    }
}

/// What 99 of 100 took at the most.
pub(crate) fn quantile(took_ms: &mut [f64]) -> f64 {
    took_ms.sort_by(f64::total_cmp);
    let place = (took_ms.len() * PERMILLE / 1000).min(took_ms.len().saturating_sub(1));
    took_ms.get(place).copied().unwrap_or(f64::NAN)
}

/// The counts of a Prometheus histogram, by upper bound, cumulative.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// Reads it from what `/metrics` says.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn read(metrics: &str, name: &str) -> anyhow::Result<Self> {
        let prefix = format!("{name}_bucket{{le=\"");
        let buckets = metrics.lines().filter_map(|line| {
            let (bound, count) = line.strip_prefix(&prefix)?.split_once("\"} ")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, count.trim().parse().ok()?))
        });
        let buckets: Vec<_> = buckets.collect();
        ensure!(!buckets.is_empty(), "/metrics does not say {name}");
        Ok(Self(buckets))
    }

    fn since(&self, before: &Self) -> Self {
        let pairs = self.0.iter().zip(&before.0);
        Self(pairs.map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    /// Between the bounds of its bucket by even shares, as Prometheus reckons.
    fn quantile(&self, share: f64) -> f64 {
        let all = self.0.last().map_or(0.0, |(_, count)| *count);
        let wanted = all * share;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in &self.0 {
            if *count >= wanted && *count > below {
                let upper = if upper.is_finite() { *upper } else { lower };
                return lower + (upper - lower) * (wanted - below) / (count - below);
            }
            (lower, below) = (*upper, *count);
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# TYPE lag histogram\nlag_sum 1.0\nlag_bucket{le=\"0.01\"} 90\nlag_bucket{le=\"0.1\"} 100\n\
                           lag_bucket{le=\"+Inf\"} 100\n";

    #[test]
    fn a_quantile_lies_in_its_bucket_by_even_shares() {
        let lag = Histogram::read(METRICS, "lag").unwrap();
        assert!((lag.quantile(0.45) - 0.005).abs() < 1e-9);
        assert!((lag.quantile(0.99) - 0.091).abs() < 1e-9);
        assert!(lag.since(&lag).quantile(0.99).is_nan(), "nothing was delivered in between");
        assert!(Histogram::read(METRICS, "other").is_err());
    }

    #[test]
    fn what_99_of_100_take_is_the_hundredth_last() {
        let mut took: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        assert!((quantile(&mut took) - 991.0).abs() < 1e-9);
    }
}
