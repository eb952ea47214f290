//! A data directory that must not be used: of a newer version, in use, read-only.

use std::{fs, time::Duration};

use anyhow::ensure;
use rusqlite::Connection;

use super::{UNAVAILABLE, WITHIN, judge, load, refuses_to_start, setup};
use crate::{
    chaos::{case::Case, rig::Rig, verdict::Verdict},
    process::Launch,
};

/// Answers wait, and the gateway is down.
async fn stopped_with_answers(case: &Case) -> anyhow::Result<(Rig, crate::chaos::driver::Driver)> {
    let mut rig = setup().start(case).await?;
    let load = load(&rig, case)?;
    load.acknowledges(100, WITHIN).await?;
    rig.store()?.kill();
    load.acknowledges(100, WITHIN).await?;
    rig.gateway(0)?.server.kill();
    Ok((rig, load))
}

/// A newer voxgate wrote the spool, then the store: an older one refuses, and changes nothing.
pub(crate) async fn newer_version(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = stopped_with_answers(&case).await?;
    let gateway = &mut rig.gateway(0)?.server;
    let version = gateway.data.join("VERSION");
    let ours = fs::read(&version)?;
    fs::write(&version, "2\n")?;
    refuses_to_start(gateway, &["newer voxgate", "run that one"]).await?;
    ensure!(fs::read(&version)? == b"2\n", "it changed the version");
    fs::write(&version, ours)?;
    let database = rig.store()?.data.join("store.sqlite");
    let schema = Connection::open(&database)?;
    let ours: i32 = schema.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    schema.pragma_update(None, "user_version", ours + 1)?;
    refuses_to_start(rig.store()?, &["schema version", "use the newer voxgate"]).await?;
    schema.pragma_update(None, "user_version", ours)?;
    drop(schema);
    rig.store()?.restart().await?;
    rig.gateway(0)?.server.restart().await?;
    load.acknowledges(100, WITHIN).await?;
    judge(&rig, load).await
}

/// The disk is mounted read-only: neither starts, and both say what to do.
pub(crate) async fn read_only(case: Case) -> anyhow::Result<Verdict> {
    let (mut rig, load) = stopped_with_answers(&case).await?;
    let gateway = &mut rig.gateway(0)?.server;
    let data = gateway.data.display().to_string();
    let script = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, &data];
    gateway.launch.wrapper = unshare.map(str::to_owned).to_vec();
    refuses_to_start(gateway, &["Read-only file system", "mount that disk for writing"]).await?;
    gateway.launch.wrapper.clear();
    gateway.restart().await?;
    rig.store()?.restart().await?;
    load.acknowledges(100, WITHIN).await?;
    judge(&rig, load).await
}

/// A second gateway is started on the directory, again and again: it refuses, and the first does not notice.
pub(crate) async fn two_gateways(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let load = load(&rig, &case)?;
    load.acknowledges(100, WITHIN).await?;
    for nth in 0..case.pick(3, 20) {
        let second = elsewhere(&rig.gateway(0)?.server.launch, nth);
        let status = second.start()?.ended(WITHIN).await?;
        let log = fs::read_to_string(&second.log)?;
        ensure!(status.code() == Some(UNAVAILABLE), "the second ended with {status}:\n{log}");
        ensure!(log.contains("in use by another gateway"), "the second does not say why:\n{log}");
        load.acknowledges(50, WITHIN).await?;
    }
    let mut verdict = judge(&rig, load).await?;
    let counts = verdict.counts.clone();
    let is_unnoticed = counts.refused + counts.unknown == 0 && counts.longest_gap < Duration::from_secs(2);
    verdict.must(is_unnoticed, || format!("the first was disturbed: {counts:?}"));
    Ok(verdict)
}

/// The same command on other ports, with a log of its own.
fn elsewhere(first: &Launch, nth: u32) -> Launch {
    let mut second = first.clone();
    let ports = ["--http", "--grpc", "--admin"];
    for place in 1..second.arguments.len() {
        let is_port = second.arguments.get(place - 1).is_some_and(|flag| ports.contains(&flag.as_str()));
        if let Some(address) = second.arguments.get_mut(place).filter(|_| is_port) {
            *address = "127.0.0.1:0".to_owned();
        }
    }
    second.log = first.log.with_extension(format!("second-{nth}.log"));
    second
}
