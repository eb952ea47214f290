//! The gateway dies.

use std::time::Duration;

use crate::chaos::{
    case::Case,
    driver::Pace,
    rig::{Claims, Setup},
    verdict::Verdict,
};

/// SIGKILL at random moments; restarted on the same data directory.
pub(super) async fn sigkill(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, ..Setup::default() };
    let mut rig = setup.start(&case).await?;
    let (kills, mut faults) = (case.pick(4, 50), case.faults());
    let load = rig.load(Pace::default(), Duration::from_secs(case.pick(60, 300)))?;
    for _ in 0..kills {
        faults.pause(200, 900).await;
        let place = faults.place(2);
        let server = &mut rig.gateway(place)?.server;
        server.kill();
        faults.pause(0, 100).await;
        server.restart().await?;
    }
    let more = load.acknowledged();
    load.acknowledges(50, Duration::from_secs(10)).await?;
    let mut verdict = rig.judge(load).await?;
    verdict.note(format!("{kills} kills, {more} acknowledged by the last"));
    Ok(verdict)
}
