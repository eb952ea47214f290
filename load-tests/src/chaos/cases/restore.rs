//! The store is restored from an older copy.

use std::{fs, time::Duration};

use anyhow::Context as _;
use rusqlite::Connection;
use voxgate::clock::Clock;

use crate::chaos::{
    case::Case,
    driver::Pace,
    rig::{Claims, Setup},
    verdict::Verdict,
};

/// A replay of each gateway's spool makes it whole.
pub(super) async fn replay(case: Case) -> anyhow::Result<Verdict> {
    let setup = Setup { gateways: 2, claims: Claims::Redis, ..Setup::default() };
    let mut rig = setup.start(&case).await?;
    let load = rig.load(Pace::default(), Duration::from_secs(case.pick(60, 200)))?;
    let more = case.pick(150, 2000);
    load.acknowledges(more, Duration::from_secs(60)).await?;
    // What was received before the copy began may have been delivered after it; too much does no harm.
    let since = Clock::System.now().before(Duration::from_secs(60)).to_string();
    let database = rig.store()?.data.join("store.sqlite");
    let copy = rig.case.work.join("older.sqlite");
    let name = copy.to_str().context("a path that is no text")?;
    Connection::open(&database)?.execute("VACUUM INTO ?1", [name])?;
    load.acknowledges(more, Duration::from_secs(60)).await?;
    let store = rig.store()?;
    store.kill();
    fs::rename(&copy, &database)?;
    for file in ["store.sqlite-wal", "store.sqlite-shm"] {
        fs::remove_file(store.data.join(file)).ok();
    }
    store.restart().await?;
    let mut replayed = Vec::new();
    for gateway in &rig.gateways {
        let server = &gateway.server;
        replayed.push(server.voxgate(&[
            "spool",
            "replay",
            "--since",
            &since,
            "--admin",
            &server.admin_url(),
        ])?);
    }
    load.acknowledges(50, Duration::from_secs(20)).await?;
    let mut verdict = rig.judge(load).await?;
    verdict.must(replayed.iter().all(|said| said.contains("records")), || format!("{replayed:?}"));
    Ok(verdict)
}
