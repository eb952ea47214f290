//! The store dies, is slow, stalls, refuses, or is away until there is no room left.

use std::time::Duration;

use crate::chaos::{
    case::Case,
    driver::{Driver, Pace},
    rig::{Claims, Network, Refuses, Rig, Setup},
    verdict::Verdict,
};

/// A batch that is not acknowledged for so long is sent again on a new stream; short, so that a case need not wait.
const ACK_TIMEOUT: &str = "1 s";
/// Answers go on while the store does not; a gap longer than this is the gateway's.
const NO_GAP: Duration = Duration::from_secs(2);
/// Acknowledgements that have to come while a fault lasts.
const DURING: u64 = 100;
const WITHIN: Duration = Duration::from_secs(20);

fn setup() -> Setup {
    Setup { store_proxy: true, ..Setup::default() }.set("store.ack_timeout", ACK_TIMEOUT)
}

fn load(rig: &Rig) -> anyhow::Result<Driver> {
    rig.load(Pace::default(), Duration::from_secs(rig.case.pick(60, 200)))
}

/// What holds in all of them: people do not notice.
fn unnoticed(mut verdict: Verdict) -> Verdict {
    let counts = verdict.counts.clone();
    verdict.must(counts.longest_gap < NO_GAP, || format!("a gap of {:?}", counts.longest_gap));
    verdict.must(counts.refused + counts.unknown == 0, || {
        format!("answers were refused or not replied to: {:?}, {} unknown", counts.refusals, counts.unknown)
    });
    verdict
}

/// SIGKILL at random moments.
pub(super) async fn sigkill(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, ..Setup::default() };
    let mut rig = setup.start(&case).await?;
    let load = load(&rig)?;
    let (kills, mut faults) = (case.pick(4, 30), case.faults());
    for _ in 0..kills {
        faults.pause(200, 900).await;
        let store = rig.store()?;
        store.kill();
        faults.pause(0, 500).await;
        store.restart().await?;
    }
    load.acknowledges(DURING, WITHIN).await?;
    let mut verdict = unnoticed(rig.judge(load).await?);
    verdict.note(format!("{kills} kills"));
    Ok(verdict)
}

/// Far slower than what comes in; then well again.
pub(super) async fn slow(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let load = load(&rig)?;
    load.acknowledges(DURING, WITHIN).await?;
    network(&mut rig, Network::Slow(case.pick(8_000, 16_000)))?;
    load.acknowledges(case.pick(300, 2500), Duration::from_secs(60)).await?;
    let waiting = rig.gateway(0)?.server.books().await?.spooled;
    network(&mut rig, Network::Pass)?;
    load.acknowledges(DURING, WITHIN).await?;
    let mut verdict = unnoticed(rig.judge(load).await?);
    verdict.must(waiting > 0, || "the store was not slow: nothing waited".to_owned());
    verdict.note(format!("{waiting} waited"));
    Ok(verdict)
}

/// SIGSTOP in the middle of a stream, for longer than a batch may wait for its acknowledgement.
pub(super) async fn frozen(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let load = load(&rig)?;
    for _ in 0..case.pick(1, 8) {
        load.acknowledges(DURING, WITHIN).await?;
        rig.store()?.signal("STOP")?;
        rig.gateway(0)?.server.logs("did not acknowledge a batch in time", WITHIN).await?;
        load.acknowledges(DURING, WITHIN).await?;
        rig.store()?.signal("CONT")?;
    }
    load.acknowledges(DURING, WITHIN).await?;
    Ok(unnoticed(rig.judge(load).await?))
}

/// The network to the store swallows everything and tells nobody; what was open then stays dead.
pub(super) async fn half_open(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    // Noticed by the bound on acknowledgements, not by the much later one on pings.
    rig.delivered_within = Duration::from_secs(10);
    let load = load(&rig)?;
    for _ in 0..case.pick(1, 8) {
        load.acknowledges(DURING, WITHIN).await?;
        network(&mut rig, Network::HalfOpen)?;
        rig.gateway(0)?.server.logs("did not acknowledge a batch in time", WITHIN).await?;
        // Now a new stream is being opened, into the void.
        load.acknowledges(case.pick(300, 400), WITHIN).await?;
        network(&mut rig, Network::Pass)?;
    }
    load.acknowledges(DURING, WITHIN).await?;
    Ok(unnoticed(rig.judge(load).await?))
}

/// It refuses one record in seven; they lie in the dead letters, and come in when they are retried.
pub(super) async fn refuses(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, refusing_store: true, ..Setup::default() };
    let rig = setup.start(&case).await?;
    rig.refusing()?.set(Refuses::OneIn(7));
    let load = load(&rig)?;
    load.acknowledges(case.pick(400, 4000), Duration::from_secs(90)).await?;
    let history = load.stop().await?;
    rig.delivered().await?;
    let (refused, mut dead) = (rig.refusing()?.refused(), 0);
    rig.refusing()?.set(Refuses::Nothing);
    for gateway in &rig.gateways {
        let server = &gateway.server;
        dead += server.books().await?.dead_lettered;
        server.voxgate(&["dead-letters", "retry", "--admin", &server.admin_url()])?;
    }
    let mut verdict = unnoticed(rig.judge_history(&history).await?);
    verdict.must(dead > 0 && dead == refused, || format!("{refused} were refused, {dead} are dead letters"));
    verdict.note(format!("{dead} dead letters"));
    Ok(verdict)
}

/// Away until the spool's budget is used up: then a clear refusal, and all that was acknowledged is stored after.
pub(super) async fn away(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup::default().set("spool.budget", case.pick("512 KiB", "4 MiB"));
    let mut rig = setup.start(&case).await?;
    let pace = Pace { rate: case.pick(150, 400), ..Pace::default() };
    let load = rig.load(pace, Duration::from_secs(case.pick(60, 200)))?;
    load.acknowledges(DURING, WITHIN).await?;
    rig.store()?.kill();
    load.refuses("spool_full", 100, Duration::from_secs(90)).await?;
    let (status, _) = rig.gateway(0)?.server.readyz().await?;
    rig.store()?.restart().await?;
    load.acknowledges(DURING, WITHIN).await?;
    let mut verdict = rig.judge(load).await?;
    verdict.must(status == 503, || format!("readyz was {status} without room in the spool"));
    let unclear = verdict.counts.unknown;
    verdict.must(unclear == 0, || format!("{unclear} got no reply"));
    let refused = verdict.counts.refusals.get("spool_full").copied().unwrap_or(0);
    verdict.note(format!("{refused} refused for want of room"));
    Ok(verdict)
}

fn network(rig: &mut Rig, network: Network) -> anyhow::Result<()> {
    rig.gateway(0)?.store_proxy.iter().for_each(|proxy| proxy.set(network));
    Ok(())
}
