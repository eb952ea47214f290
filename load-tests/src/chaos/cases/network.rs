//! Networks that fail between clients and gateway, and between gateway and store; clients that are slow, gone or
//! hostile.

mod frames;
mod hostile;

use std::time::Duration;

use self::hostile::Hostile;
use crate::chaos::{
    case::Case,
    driver::{Driver, Pace},
    rig::{Claims, Network, Rig, Setup},
    verdict::Verdict,
};

/// Longer than any case's faults take.
const AT_MOST: Duration = Duration::from_secs(300);
/// For so many acknowledgements after a fault: the load's clients connect anew meanwhile.
const SOON: Duration = Duration::from_secs(20);
/// Nobody else may feel a hostile client: the longest time without an acknowledgement beside one.
const UNFELT: Duration = Duration::from_secs(2);

/// The client's network ends connections, again and again.
pub(super) async fn client_cut(case: Case) -> anyhow::Result<Verdict> {
    client_network(case, Network::Cut).await
}

/// Nothing arrives any more, and nobody is told.
pub(super) async fn client_half_open(case: Case) -> anyhow::Result<Verdict> {
    client_network(case, Network::HalfOpen).await
}

async fn client_network(case: Case, fault: Network) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, client_proxy: true, ..Setup::default() };
    let mut rig =
        setup.set("http.header_timeout", "2 s").set("http.body_timeout", "2 s").start(&case).await?;
    let (rounds, mut faults) = (case.pick(3, 20), case.faults());
    let load = rig.load(quick(), AT_MOST)?;
    load.acknowledges(50, SOON).await?;
    for _ in 0..rounds {
        let place = faults.place(2);
        rig.gateway(place)?.set_client_network(fault);
        faults.pause(200, 800).await;
        rig.gateway(place)?.set_client_network(Network::Pass);
        load.acknowledges(50, SOON).await?;
    }
    let mut verdict = rig.judge(load).await?;
    verdict.note(format!("{rounds} times"));
    Ok(verdict)
}

/// A client that waits no longer than people do.
fn quick() -> Pace {
    Pace { reply_within: Duration::from_secs(2), ..Pace::default() }
}

/// Connections are reset while a body is on its way: those of the load, and others that send half of one.
pub(super) async fn client_reset_mid_body(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { client_proxy: true, ..Setup::default() };
    let mut rig = setup.start(&case).await?;
    let (rounds, mut faults) = (case.pick(5, 50), case.faults());
    let load = rig.load(quick(), AT_MOST)?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    for _ in 0..rounds {
        load.acknowledges(20, SOON).await?;
        hostile.reset_mid_body(case.pick(5, 50)).await?;
        rig.gateway(0)?.set_client_network(Network::Reset);
        faults.pause(20, 200).await;
        rig.gateway(0)?.set_client_network(Network::Pass);
    }
    load.acknowledges(50, SOON).await?;
    rig.judge(load).await
}

/// Heads and bodies of one byte a second, more than there are connections.
pub(super) async fn slow_loris(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup::default()
        .set("http.connections", case.pick(200, 1000))
        .set("http.header_timeout", "3 s")
        .set("http.body_timeout", "3 s");
    let (mut rig, load) = beside(setup, &case).await?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    let slow = hostile.loris(case.pick(150, 900), Duration::from_secs(case.pick(5, 60))).await?;
    let mut verdict = unfelt(&mut rig, load).await?;
    verdict.must(slow.left_open == 0, || format!("{} slow connections stayed open", slow.left_open));
    verdict.note(format!("{} slow connections, each ended within {:?}", slow.opened, slow.longest));
    Ok(verdict)
}

/// More idle connections than places, and time enough to keep them all.
pub(super) async fn idle_connections(case: Case) -> anyhow::Result<Verdict> {
    let idle = case.pick(400, 10_000);
    let setup = Setup::default().set("http.connections", idle - idle / 4).set("http.header_timeout", "120 s");
    let mut rig = setup.start(&case).await?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    let held = hostile.idle(usize::try_from(idle)?).await?;
    let load = rig.load(Pace::default(), AT_MOST)?;
    load.acknowledges(case.pick(200, 3000), SOON * 2).await?;
    let (_, peak) = rig.gateway(0)?.server.memory_bytes()?;
    let gave_way = held.iter().filter(|idle| hostile::is_closed(idle)).count();
    let mut verdict = unfelt(&mut rig, load).await?;
    verdict.must(gave_way > 0, || "no idle connection gave way".to_owned());
    verdict.note(format!("{idle} idle, {gave_way} gave way, peak {} MiB", peak >> 20));
    drop(held);
    Ok(verdict)
}

/// Clients that send and are gone before the receipt: the answer stays, and is there once.
pub(super) async fn client_gone_before_receipt(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = beside(Setup::default(), &case).await?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    let gone = hostile.gone_before_receipt(case.pick(200, 5000)).await?;
    load.acknowledges(50, SOON).await?;
    let mut history = load.stop().await?;
    let sent = gone.len();
    for (person, sent) in gone {
        history.note(person, sent);
    }
    let books = rig.gateway(0)?.server.books().await?;
    let mut verdict = rig.judge_history(&history).await?;
    verdict.must(verdict.counts.longest_gap < UNFELT, || "others felt it".to_owned());
    verdict.note(format!("{sent} gone; {books:?}"));
    Ok(verdict)
}

/// Streams that are opened and reset at once (CVE-2023-44487), on both listeners.
pub(super) async fn rapid_reset(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = beside(Setup::default(), &case).await?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    let cut_off = hostile.rapid_reset(case.pick(10, 200)).await?;
    let (_, peak) = rig.gateway(0)?.server.memory_bytes()?;
    let mut verdict = unfelt(&mut rig, load).await?;
    verdict.note(format!("{cut_off} floods, each cut off; peak {} MiB", peak >> 20));
    Ok(verdict)
}

/// gRPC clients that never read their receipts.
pub(super) async fn flow_control_stall(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = beside(Setup::default(), &case).await?;
    let hostile = Hostile::of(rig.gateway(0)?.server.http, rig.gateway(0)?.server.grpc);
    let (stalled, sent) = hostile.stall(case.pick(4, 32)).await?;
    load.acknowledges(case.pick(200, 5000), SOON * 3).await?;
    let (_, peak) = rig.gateway(0)?.server.memory_bytes()?;
    let mut history = load.stop().await?;
    let count = sent.len();
    for (person, sent) in sent {
        history.note(person, sent);
    }
    // They are still open, and the books come to their end all the same.
    let mut verdict = rig.judge_history(&history).await?;
    verdict.must(verdict.counts.longest_gap < UNFELT, || "others felt it".to_owned());
    verdict.note(format!("{} streams, {count} unread receipts, peak {} MiB", stalled.len(), peak >> 20));
    Ok(verdict)
}

/// The way to the store is cut, again and again.
pub(super) async fn store_cut(case: Case) -> anyhow::Result<Verdict> {
    store_network(case, Network::Cut).await
}

/// Nothing passes on the way to the store, and nobody is told.
pub(super) async fn store_half_open(case: Case) -> anyhow::Result<Verdict> {
    store_network(case, Network::HalfOpen).await
}

/// Connections to the store are reset while batches are on their way.
pub(super) async fn store_reset(case: Case) -> anyhow::Result<Verdict> {
    store_network(case, Network::Reset).await
}

/// One byte a second on the way to the store.
pub(super) async fn store_slow(case: Case) -> anyhow::Result<Verdict> {
    store_network(case, Network::Slow(1)).await
}

/// Clients do not notice what happens behind the gateway; all is delivered once it is well again.
async fn store_network(case: Case, fault: Network) -> anyhow::Result<Verdict> {
    let setup = Setup { store_proxy: true, ..Setup::default() }.set("store.ack_timeout", "2 s");
    let (mut rig, load) = beside(setup, &case).await?;
    let (rounds, mut faults) = (case.pick(2, 15), case.faults());
    for _ in 0..rounds {
        set_store_network(&mut rig, fault)?;
        load.acknowledges(100, SOON).await?;
        faults.pause(500, case.pick(1_000, 4_000)).await;
        set_store_network(&mut rig, Network::Pass)?;
        load.acknowledges(20, SOON).await?;
    }
    let mut verdict = unfelt(&mut rig, load).await?;
    verdict.must(verdict.counts.refused == 0, || "answers were refused".to_owned());
    verdict.note(format!("{rounds} times"));
    Ok(verdict)
}

fn set_store_network(rig: &mut Rig, network: Network) -> anyhow::Result<()> {
    for gateway in &rig.gateways {
        let proxy = gateway.store_proxy.as_ref();
        anyhow::Context::context(proxy, "there is no proxy before the store")?.set(network);
    }
    Ok(())
}

/// A load that is well, beside which something happens.
async fn beside(setup: Setup, case: &Case) -> anyhow::Result<(Rig, Driver)> {
    let rig = setup.start(case).await?;
    let load = rig.load(Pace::default(), AT_MOST)?;
    load.acknowledges(50, SOON).await?;
    Ok((rig, load))
}

/// Ends the load, which must not have felt anything.
async fn unfelt(rig: &mut Rig, load: Driver) -> anyhow::Result<Verdict> {
    load.acknowledges(50, SOON).await?;
    let mut verdict = rig.judge(load).await?;
    let gap = verdict.counts.longest_gap;
    verdict.must(gap < UNFELT, || format!("others felt it: nothing was acknowledged for {gap:?}"));
    let unknown = verdict.counts.unknown;
    verdict.must(unknown == 0, || format!("{unknown} got no reply"));
    Ok(verdict)
}
