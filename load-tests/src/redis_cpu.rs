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
    bench::say,
    figure::Figure,
    identity::{Numbers, Request},
    load::{Bound, Done, Order},
    scenario::{Bench, MEASURABLE_US},
    system::{Shape, System},
};

/// How long the plain key is kept: longer than the run.
const KEPT_MS: u64 = 3_600_000;

/// All of Redis's CPU for each answer, by its CPU for each `SET … NX GET PX` of a 16-byte key and an 8-byte value, as
/// many at once over one connection as the gateway has answers.
pub(crate) async fn ratio(bench: Bench<'_>) -> anyhow::Result<Figure> {
    let name = "redis_cpu_ratio";
    let system = System::start(bench.plan, bench.cores, name, Shape::sample(bench.plan)).await?;
    let connection = redis::Client::open(system.redis.url())?.get_multiplexed_async_connection().await?;
    let request = Arc::new(Request::Json(Numbers::default()));
    let keys = Arc::new(AtomicU64::new(0));
    let (connections, length) = (bench.plan.connections, Duration::from_millis(bench.plan.round_ms));
    let order = Order {
        status: request.taken_status(),
        request,
        connections,
        bound: Bound::length(length),
        trust: None,
    };
    let (mut all, mut ratios) = (Done::default(), Vec::new());
    for number in 1..=bench.plan.rounds {
        let (taken, spent) = system.answer(bench.clock, &order, |spent| spent.redis_us).await?;
        let (set, sets_us) = plain(bench, &system, &connection, &keys).await?;
        let (answer_us, set_us) = (taken.each(spent.redis_us), sets_us / as_f64(set));
        say(&format!(
            "{name} {number}/{}: Redis {answer_us:.2} µs an answer, {set_us:.2} µs a SET",
            bench.plan.rounds
        ));
        all.add(taken);
        ratios.push(answer_us / set_us);
    }
    system.check(all).await?;
    Figure::of(&ratios)
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
