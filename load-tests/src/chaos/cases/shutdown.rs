//! SIGTERM: under load, twice in a row, and while the store is away.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::chaos::{
    case::Case,
    driver::Pace,
    history::Fate,
    plan::Way,
    rig::{Claims, Setup},
    script::{Say, Script},
    send::Address,
    verdict::Verdict,
};

/// For requests in flight, and then for delivery, s.
const DRAIN_S: i64 = 5;
/// A gateway has ended so long after SIGTERM: drain time, and what its background work may take.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// A receipt of what was half sent.
const REPLY_WITHIN: Duration = Duration::from_secs(20);
/// Requests that are half sent when the signal comes.
const HALF_SENT: u32 = 5;

/// Under load: exit code 0, nothing that was acknowledged is lost, and what was begun gets its receipt.
pub(super) async fn sigterm(case: Case) -> anyhow::Result<Verdict> {
    end_under_load(case, 1).await
}

/// The second signal changes nothing.
pub(super) async fn sigterm_twice(case: Case) -> anyhow::Result<Verdict> {
    end_under_load(case, 2).await
}

async fn end_under_load(case: Case, signals: u32) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, ..Setup::default() };
    let mut rig = setup.set("http.drain_s", DRAIN_S).start(&case).await?;
    let load = rig.load(Pace::of(&case), Duration::from_secs(case.pick(120, 240)))?;
    let (ends, mut faults) = (case.pick(2, 12), case.faults());
    let script = rig.script(ends * (HALF_SENT + 1))?;
    let mut receipts = 0;
    for end in 0..ends {
        load.acknowledges(50, Duration::from_secs(60)).await?;
        let place = faults.place(2);
        let half_sent = HalfSent::to(&script, rig.gateway(place)?.address(), place, end).await?;
        // What came to the same gateway after them was acknowledged, so it has read them.
        let person = ends * HALF_SENT + end;
        script.acknowledged(Say { gateway: place, way: Way::Json, person, score: 9, ordinal: 0 }).await?;
        load.acknowledges(20, Duration::from_secs(60)).await?;
        let server = &mut rig.gateway(place)?.server;
        for _ in 0..signals {
            server.signal("TERM")?;
            faults.pause(20, 50).await;
        }
        receipts += half_sent.finish().await?;
        let status = server.ended(ENDS_WITHIN).await?;
        ensure!(status.code() == Some(0), "it ended with {status}");
        server.restart().await?;
    }
    let mut history = load.stop().await?;
    history.merge(script.history());
    let mut verdict = rig.judge_history(&history).await?;
    let wanted = ends * HALF_SENT;
    verdict.must(receipts == wanted, || {
        format!("{receipts} of {wanted} requests that were half sent at SIGTERM got their receipt")
    });
    verdict.note(format!("{ends} ends"));
    Ok(verdict)
}

/// The store is away: what is left on disk is delivered after the next start.
pub(super) async fn store_away(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup::default().set("http.drain_s", DRAIN_S).start(&case).await?;
    let load = rig.load(Pace::of(&case), Duration::from_secs(case.pick(120, 120)))?;
    let mut left = Vec::new();
    for _ in 0..case.pick(1, 6) {
        load.acknowledges(50, Duration::from_secs(60)).await?;
        rig.store()?.kill();
        load.acknowledges(100, Duration::from_secs(60)).await?;
        let server = &mut rig.gateway(0)?.server;
        let asked = Instant::now();
        server.signal("TERM")?;
        let status = server.ended(ENDS_WITHIN).await?;
        ensure!(status.code() == Some(0), "it ended with {status}");
        ensure!(server.log().contains("records_left"), "it does not say how much is left on disk");
        left.push(asked.elapsed().as_millis());
        rig.store()?.restart().await?;
        rig.gateway(0)?.server.restart().await?;
    }
    load.acknowledges(50, Duration::from_secs(60)).await?;
    let mut verdict = rig.judge(load).await?;
    verdict.note(format!("ended in {left:?} ms"));
    Ok(verdict)
}

/// Requests whose second half is not sent yet.
struct HalfSent<'a> {
    script: &'a Script,
    open: Vec<(TcpStream, Vec<u8>, Say)>,
}

impl<'a> HalfSent<'a> {
    /// Sends the first half of some requests, of people of their own.
    async fn to(script: &'a Script, address: Address, gateway: usize, round: u32) -> anyhow::Result<Self> {
        let mut open = Vec::new();
        for number in 0..HALF_SENT {
            let person = round * HALF_SENT + number;
            let say = Say { gateway, way: Way::Json, person, score: 9, ordinal: 0 };
            let wire = script.wire(say)?;
            let mut stream = TcpStream::connect(address.http).await?;
            let (first, second) = wire.split_at(wire.len() - 20);
            stream.write_all(first).await?;
            open.push((stream, second.to_vec(), say));
        }
        Ok(Self { script, open })
    }

    /// Sends the rest; how many were acknowledged.
    async fn finish(self) -> anyhow::Result<u32> {
        let mut receipts = 0;
        for (mut stream, rest, say) in self.open {
            let mut head = [0; 12];
            let told = timeout(REPLY_WITHIN, async {
                stream.write_all(&rest).await?;
                stream.read_exact(&mut head).await
            });
            let is_told = told.await.is_ok_and(|read| read.is_ok()) && head.starts_with(b"HTTP/1.1 201");
            receipts += u32::from(is_told);
            let fate = if is_told { Fate::Acknowledged { held: false } } else { Fate::Broken };
            self.script.note(say, Duration::ZERO, fate);
        }
        Ok(receipts)
    }
}
