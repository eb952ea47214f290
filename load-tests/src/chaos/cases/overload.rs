//! More comes than the gateway can take.

mod flood;
mod probe;

use std::time::{Duration, Instant};

use self::flood::{Flood, Sends};
use crate::{
    chaos::{
        case::Case,
        rig::{Rig, Setup},
        verdict::Verdict,
    },
    cores::Cores,
};

/// Requests without a reply at once, at the most.
const CONNECTIONS: usize = 4000;
/// What the issue asks of a refusal.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);
/// And of the time after.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Latencies below this are all alike: schedulers, and neighbours on the machine.
const NOISE: Duration = Duration::from_millis(20);
/// In a second of a debug build.
const NOISE_OF_THE_SHORT: Duration = Duration::from_millis(100);
/// Connections that find out what it can take; the more wait together, the more is committed together, and the more is
/// refused: a debug build has nothing left for more than the fewest.
const RAMP: [usize; 4] = [16, 64, 256, 1000];
/// Far above what a healthy gateway has, far below what a queue without a bound would take.
const MEMORY_BYTES: u64 = 512 << 20;

/// Twice the capacity, open loop, on a gateway that has one core for all its roles; the load has the other.
pub(super) async fn twice(case: Case) -> anyhow::Result<Verdict> {
    let cores = Cores::share()?;
    let mut setup =
        Setup { all_roles: true, ..Setup::default() }.set("limits.per_api_key", "1000000000 / 1m");
    // The default, which other cases do without.
    setup = setup.set("limits.queue_delay", "10 ms");
    if cores.are_pinned() {
        setup.gateway_wrapper = ["taskset", "-c", &cores.server].map(str::to_owned).into();
    }
    let mut rig = setup.start(&case).await?;
    rig.delivered_within = Duration::from_secs(case.pick(30, 180));
    cores.settle()?;
    let connections = case.pick(CONNECTIONS / 4, CONNECTIONS);
    let mut flood = Flood::new(rig.gateway(0)?.address().http, connections);

    let capacity = capacity(&rig, &mut flood, Duration::from_secs(case.pick(1, 5))).await?;
    let calm = capacity / 4;
    let before = flood.run(calm, Duration::from_secs(case.pick(1, 5))).await?;
    let length = Duration::from_secs(case.pick(4, 120));
    let probe = flood.probe(length)?;
    let during = flood.run(capacity * 2, length).await?;
    let beside = flood.end(probe, length)?;
    let after = flood.run(calm, BACK_WITHIN * case.pick(1, 2)).await?;
    let back = after.since(BACK_WITHIN.mul_f64(case.pick(0.8, 1.0)));

    let (_, peak) = rig.gateway(0)?.server.memory_bytes()?;
    let mut verdict = judge(&mut rig, flood, &beside).await?;
    // A disk that paused while the capacity was looked for makes twice of it bearable.
    verdict.must(during.refused_one_of(10), || format!("twice {capacity}/s was no overload: run it again"));
    verdict.must(peak < MEMORY_BYTES, || format!("memory was {} MiB at its peak", peak >> 20));
    let [usual, then] = [&before, &back].map(|sends| sends.taken(0.99));
    let noise = case.pick(NOISE_OF_THE_SHORT, NOISE);
    verdict.must(then <= (usual * 2).max(noise), || {
        format!("{BACK_WITHIN:?} after the overload p99 was {then:?}, before it {usual:?}")
    });
    verdict.note(format!("peak {} MiB, capacity {capacity}/s", peak >> 20));
    verdict.note(format!("during: {}", during.told()));
    verdict.note(format!("beside it: {}", beside.told()));
    verdict.note(format!("before: {}; after: {}", before.told(), back.told()));
    Ok(verdict)
}

/// What is taken and delivered in a second, at the most: what is only taken waits in the spool.
async fn capacity(rig: &Rig, flood: &mut Flood, step: Duration) -> anyhow::Result<u32> {
    let mut most = 0;
    for connections in RAMP {
        let began = Instant::now();
        let taken = flood.saturate(connections, step).await?;
        rig.delivered().await?;
        most = most.max(Duration::from_secs(u64::from(taken)).div_duration_f64(began.elapsed()) as u32);
    }
    Ok(most)
}

/// What holds of every form: refusals came, in time and saying when to come back; and what the oracle says. A debug
/// build is too slow for the bound.
async fn judge(rig: &mut Rig, flood: Flood, beside: &Sends) -> anyhow::Result<Verdict> {
    let is_short = rig.case.is_short;
    let mut verdict = rig.judge_history(&flood.history()).await?;
    let slow = beside.refused(0.99);
    verdict.must(is_short || slow <= REFUSED_WITHIN, || format!("p99 of the refusals was {slow:?}"));
    verdict.must(verdict.counts.unknown == 0, || "some got neither a receipt nor a refusal".to_owned());
    Ok(verdict)
}
