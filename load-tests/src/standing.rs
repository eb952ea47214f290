//! What a gateway holds and does beside the answers: memory for connections that say nothing, and what a reload of many
//! surveys does to the latency of those who answer meanwhile.

use std::{
    io::{Write as _, stdout},
    sync::Arc,
    time::Duration,
};

use anyhow::ensure;
use tokio::time::Instant;

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    latency::{open_loop, quantile},
    load::Connection,
    plan::Bench,
    system::{Shape, System},
};

/// Below the default of `http.connections`, so that none gives way.
const IDLE: u32 = 9_000;
const SURVEYS: u32 = 10_000;
/// Answers a second while the configuration is read again: a tenth of what a core takes, so that a reload shows.
const RATE: f64 = 1_000.0;

/// Prints the memory for each connection that was used once and is kept open.
pub(crate) async fn idle_connections(bench: Bench<'_>, shape: Shape) -> anyhow::Result<()> {
    let system = System::start(bench.plan, bench.cores, "idle-connections", shape).await?;
    let request = Request::Json(Numbers::default());
    let before = system.resident_bytes()?;
    let (mut idle, mut wire, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..IDLE {
        let mut connection = Connection::open(system.http).await?;
        request.write(&mut wire, &mut body);
        let status = connection.exchange(&wire).await?.status;
        ensure!(status == request.taken_status(), "a reply was {status}");
        idle.push(connection);
    }
    let each = (system.resident_bytes()? - before) / u64::from(IDLE);
    writeln!(stdout(), "{:<36}{each:>9} bytes", format!("each of {IDLE} idle connections"))?;
    Ok(())
}

/// Prints the latency of answers at a steady rate, and the same while the configuration is read again without a pause.
pub(crate) async fn reload(bench: Bench<'_>, shape: Shape) -> anyhow::Result<()> {
    let shape = Shape { surveys: SURVEYS, ..shape };
    let system = System::start(bench.plan, bench.cores, "reload", shape).await?;
    let request = Arc::new(Request::Json(Numbers::default()));
    let (mut quiet_ms, mut reloading_ms, mut reload_ms) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.plan.rounds {
        let length = Duration::from_millis(bench.plan.round_ms);
        quiet_ms.push(quantile(&mut open_loop(system.http, &request, RATE, length).await?.1));
        let load = open_loop(system.http, &request, RATE, length);
        let ((_, mut took_ms), took) = tokio::try_join!(load, reloads(&system, length))?;
        reloading_ms.push(quantile(&mut took_ms));
        reload_ms.push(took);
    }
    row("p99 of an answer, nothing is reloaded", &quiet_ms)?;
    row("p99 of an answer while reloading", &reloading_ms)?;
    row(&format!("a reload of {SURVEYS} surveys"), &reload_ms)
}

/// One reload after the other, each with another survey changed; how long one takes, ms.
async fn reloads(system: &System, length: Duration) -> anyhow::Result<f64> {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < length {
        system.reload_changed(count).await?;
        count += 1;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3 / f64::from(count))
}

fn row(what: &str, all_ms: &[f64]) -> anyhow::Result<()> {
    let Figure { median, min, max } = Figure::of(all_ms)?;
    writeln!(stdout(), "{what:<36}{median:>9.2}{min:>9.2}{max:>9.2} ms")?;
    Ok(())
}
