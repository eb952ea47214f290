//! One run: everything in turn, then the table and the file.

use std::{
    collections::BTreeMap,
    fs,
    io::{Write as _, stdout},
    path::Path,
};

use anyhow::Context as _;

use crate::{
    append, claims,
    cores::{Cores, CpuClock},
    disk,
    figure::Figure,
    goal, growth, latency, peer,
    plan::{Bench, Plan},
    redis_cpu,
    scenario::{Floor, Scenario},
    terminal::say,
    throughput, upsert,
};

/// Runs the plan.
///
/// # Errors
/// Something that is needed is not there, or the run is void.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let figures = on_cores(plan, async |bench| figures(bench).await)?;
    writeln!(stdout(), "{}", goal::table(&figures))?;
    fs::write(&plan.out, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| format!("{} cannot be written", plan.out.display()))
}

/// Prints how the cost grows, up to so many claims and records.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_growth(plan: &Plan, most: u64) -> anyhow::Result<()> {
    on_cores(plan, async |bench| growth::measure(bench, &Floor::start(bench).await?, most).await)
}

/// Measures in a fresh directory, which is removed afterwards.
fn on_cores<T>(plan: &Plan, measure: impl AsyncFnOnce(Bench<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    fresh(&plan.work)?;
    let cores = Cores::share()?;
    cores.settle()?;
    if cores.are_pinned() {
        say(&format!(
            "servers on core {}, load on {}, Redis and store on {}",
            cores.server, cores.load, cores.others
        ));
    } else {
        say("nothing is pinned: that takes two cores and taskset; ratios are rough");
    }
    // The load has one core, so it has one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(Bench { plan, cores: &cores, clock: CpuClock::new()? }))?;
    fs::remove_dir_all(&plan.work)?;
    Ok(measured)
}

async fn figures(bench: Bench<'_>) -> anyhow::Result<BTreeMap<&'static str, Figure>> {
    let plan = bench.plan;
    let wanted = |name: &str| name.contains(&plan.only);
    let mut figures = BTreeMap::new();
    if wanted("fdatasync_p50_us") {
        figures.insert("fdatasync_p50_us", disk::fdatasync_p50_us(&plan.work, plan.rounds, plan.syncs)?);
    }
    let floor = Floor::start(bench).await?;
    for scenario in Scenario::ALL {
        if wanted(scenario.name()) {
            let figure = scenario.run(bench, &floor).await;
            figures.insert(scenario.name(), figure.with_context(|| scenario.name().to_owned())?);
        }
    }
    for name in ALONE.into_iter().filter(|name| wanted(name)) {
        let figure = alone(name, bench, &floor).await.with_context(|| name.to_owned())?;
        figures.insert(name, figure);
    }
    if wanted("accept_p99_ms") || wanted("stored_p99_ms") {
        let latency = latency::measure(bench).await.context("latency")?;
        figures.insert("accept_p99_ms", latency.accept_p99_ms);
        figures.insert("stored_p99_ms", latency.stored_p99_ms);
    }
    if wanted("redis_bytes_per_claim") {
        let bytes = claims::bytes_per_claim(bench, plan.claims).await.context("redis_bytes_per_claim")?;
        figures.insert("redis_bytes_per_claim", Figure::of(&[bytes])?);
    }
    Ok(figures)
}

/// Figures that are no CPU of the gateway beside the floor's.
const ALONE: [&str; 5] = [
    "http_json_throughput_ratio",
    "redis_cpu_ratio",
    "spool_vs_append",
    "store_records_vs_floor",
    "node_peer_cpu_ratio",
];

async fn alone(name: &str, bench: Bench<'_>, floor: &Floor) -> anyhow::Result<Figure> {
    match name {
        "http_json_throughput_ratio" => throughput::http_json(bench, floor).await,
        "redis_cpu_ratio" => redis_cpu::ratio(bench).await,
        "spool_vs_append" => append::ratio(bench).await,
        "store_records_vs_floor" => upsert::ratio(bench).await,
        _ => peer::node(bench).await,
    }
}

/// What a run before this one left behind is of no use.
fn fresh(work: &Path) -> anyhow::Result<()> {
    if work.exists() {
        fs::remove_dir_all(work).with_context(|| format!("{} cannot be emptied", work.display()))?;
    }
    fs::create_dir_all(work).with_context(|| format!("{} cannot be made", work.display()))
}
