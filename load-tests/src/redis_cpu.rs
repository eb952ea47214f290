//! What a fresh answer costs Redis, beside the plainest command that could tell a double.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    load::{Bound, Done, Order, over_http},
    plan::Bench,
    redis::Traffic,
    scenario::MEASURABLE_US,
    steady::{self, Steady},
    system::{Shape, System},
    terminal::say,
};

/// How long the plain key is kept: longer than the run.
const KEPT_MS: u64 = 3_600_000;

/// Answers that the gateway meets the buckets by before it is measured.
const WARM_UP: u64 = 30_000;

/// All of Redis's CPU for each answer, by its CPU for each `SET … NX GET PX` of a 16-byte key and an 8-byte value, as
/// many at once over one connection as the gateway has answers: in a fleet that has had its volume for months. Also
/// said for the first answers of a new one, of which nearly each opens a bucket.
pub(crate) async fn ratio(bench: Bench<'_>) -> anyhow::Result<Figure> {
    let shape = Shape::sample(bench.plan);
    let cold = Measured::start(bench, "redis_cpu_of_a_new_fleet", shape).await?;
    let cold = cold.rounds(1).await?;
    let shape = Shape { answers_per_day: steady::ANSWERS_PER_DAY, ..shape };
    let mut measured = Measured::start(bench, "redis_cpu_ratio", shape).await?;
    let filled = Steady::fill(&mut measured.connection).await?;
    measured.warm_up().await?;
    filled.is_found(&mut measured.connection).await?;
    let figure = Figure::of(&measured.rounds(bench.plan.rounds).await?)?;
    say(&format!(
        "redis_cpu_ratio: {:.2} where nearly each answer opens a bucket",
        Figure::of(&cold)?.median
    ));
    Ok(figure)
}

/// A gateway and its Redis, and what was done to them.
struct Measured<'a> {
    bench: Bench<'a>,
    name: &'static str,
    system: System,
    connection: MultiplexedConnection,
    order: Order,
    keys: Arc<AtomicU64>,
    all: Done,
}

impl<'a> Measured<'a> {
    async fn start(bench: Bench<'a>, name: &'static str, shape: Shape) -> anyhow::Result<Self> {
        let system = System::start(bench.plan, bench.cores, name, shape).await?;
        let connection = redis::Client::open(system.redis.url())?.get_multiplexed_async_connection().await?;
        let request = Arc::new(Request::Json(Numbers::default()));
        let order = Order {
            status: request.taken_status(),
            request,
            connections: bench.plan.connections,
            bound: Bound::length(Duration::from_millis(bench.plan.round_ms)),
            trust: None,
        };
        Ok(Self { bench, name, system, connection, order, keys: Arc::default(), all: Done::default() })
    }

    /// Not measured; the smoke form's rounds are too short for all of it.
    async fn warm_up(&mut self) -> anyhow::Result<()> {
        let length = Duration::from_millis(self.bench.plan.round_ms * 5);
        let order = Order { bound: Bound { length, items: WARM_UP }, ..self.order.clone() };
        self.all.add(over_http(self.system.http, &order).await?);
        self.system.settle().await
    }

    async fn rounds(mut self, rounds: u32) -> anyhow::Result<Vec<f64>> {
        let mut ratios = Vec::new();
        for number in 1..=rounds {
            ratios.push(self.round(&format!("{} {number}/{rounds}", self.name)).await?);
        }
        self.system.check(self.all).await?;
        Ok(ratios)
    }

    async fn round(&mut self, name: &str) -> anyhow::Result<f64> {
        let (bench, system) = (self.bench, &self.system);
        let before = system.redis.traffic()?;
        let (taken, spent) = system.answer(bench.clock, &self.order, |spent| spent.redis_us).await?;
        let between = system.redis.traffic()?;
        let (set, sets_us) = plain(bench, system, &self.connection, &self.keys).await?;
        let after = system.redis.traffic()?;
        let (answer_us, set_us) = (taken.each(spent.redis_us), sets_us / as_f64(set));
        say(&format!(
            "{name}: Redis {answer_us:.2} µs an answer ({}), {set_us:.2} µs a SET ({})",
            each(between.since(before), taken.items),
            each(after.since(between), set),
        ));
        self.all.add(taken);
        Ok(answer_us / set_us)
    }
}

/// What each of so many took of Redis.
fn each(Traffic { commands, reads, writes }: Traffic, items: u64) -> String {
    let [commands, reads, writes] = [commands, reads, writes].map(|count| as_f64(count) / as_f64(items));
    format!("{commands:.2} commands, {reads:.3} reads, {writes:.3} writes")
}

/// The plain command, until Redis has spent what can be measured; how many, and what it spent, µs.
async fn plain(
    bench: Bench<'_>,
    system: &System,
    connection: &MultiplexedConnection,
    keys: &Arc<AtomicU64>,
) -> anyhow::Result<(u64, f64)> {
    let length = Duration::from_millis(bench.plan.round_ms);
    let (before, mut set) = (system.spent(bench.clock)?, 0);
    loop {
        set += sets(connection, keys, bench.plan.connections, length).await?;
        let spent_us = system.spent(bench.clock)?.since(before).redis_us;
        if spent_us >= MEASURABLE_US {
            return Ok((set, spent_us));
        }
    }
}

/// Sets keys of their own for so long, so many at once; says how many.
async fn sets(
    connection: &MultiplexedConnection,
    keys: &Arc<AtomicU64>,
    at_once: u32,
    length: Duration,
) -> anyhow::Result<u64> {
    let end = Instant::now() + length;
    let mut setting = JoinSet::new();
    for _ in 0..at_once {
        let (mut connection, keys) = (connection.clone(), Arc::clone(keys));
        setting.spawn(async move {
            let mut set = 0;
            while Instant::now() < end {
                let key = u128::from(keys.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
                let mut command = redis::cmd("SET");
                command.arg(&key).arg(&[7_u8; 8]).arg("NX").arg("GET").arg("PX").arg(KEPT_MS);
                let _: Option<Vec<u8>> = command.query_async(&mut connection).await?;
                set += 1;
            }
            anyhow::Ok(set)
        });
    }
    let mut all = 0;
    while let Some(set) = setting.join_next().await {
        all += set??;
    }
    Ok(all)
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 commands")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
