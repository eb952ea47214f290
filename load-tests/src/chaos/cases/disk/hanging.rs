//! Fsyncs of the real binary that do not end (strace, which holds the calls up).

use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::{WITHIN, judge, load, setup};
use crate::{
    chaos::{case::Case, driver::Driver, rig::Rig, verdict::Verdict},
    process::{Launch, Process},
};

/// How long a call is held up, as strace reads it.
const HELD_UP: &str = "5s";
/// Memory that is more than what a few seconds' answers take.
const MEMORY_BYTES: u64 = 128 << 20;

/// The next fsync of each thread of a process takes long; those after it do not. Ends when dropped.
fn hold_up_fsyncs(case: &Case, pid: u32) -> anyhow::Result<Process> {
    let inject = format!("inject=fdatasync:delay_enter={HELD_UP}:when=1");
    let pid = pid.to_string();
    let arguments = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject, "-p", &pid];
    let strace = Launch {
        program: "strace".into(),
        arguments: arguments.map(str::to_owned).to_vec(),
        wrapper: Vec::new(),
        environment: Vec::new(),
        log: case.work.join("strace.log"),
    };
    strace.start().context("strace is needed (Debian package strace)")
}

/// A commit hangs: the gateway lets nothing more in, and says so.
async fn hangs(rig: &mut Rig, load: &Driver, case: &Case) -> anyhow::Result<Process> {
    let server = &mut rig.gateway(0)?.server;
    let refused = load.so_far().refusals.get("spool_full").copied().unwrap_or(0);
    let holding = hold_up_fsyncs(case, server.pid()?)?;
    load.refuses("spool_full", refused + 30, WITHIN).await?;
    let (status, said) = server.readyz().await?;
    ensure!(status == 503, "a gateway whose commit hangs says that it is ready: {said}");
    ensure!(said.to_string().contains("has not ended a commit"), "it does not say why it refuses: {said}");
    Ok(holding)
}

/// Commits hang while the store is away, so that what was acknowledged is on this disk alone. Who waits for one gets the
/// receipt when it ends, or nothing when the gateway is killed meanwhile.
pub(crate) async fn fsync(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let load = load(&rig, &case)?;
    let mut peak = 0;
    for _ in 0..case.pick(1, 5) {
        load.acknowledges(100, WITHIN).await?;
        rig.store()?.kill();
        let holding = hangs(&mut rig, &load, &case).await?;
        load.acknowledges(100, WITHIN).await?;
        drop(holding);
        rig.gateway(0)?.server.ready().await?;
        load.acknowledges(30, WITHIN).await?;
        let holding = hangs(&mut rig, &load, &case).await?;
        let server = &mut rig.gateway(0)?.server;
        peak = peak.max(server.memory_bytes()?.1);
        server.kill();
        drop(holding);
        server.restart().await?;
        rig.store()?.restart().await?;
    }
    load.acknowledges(100, WITHIN).await?;
    let mut verdict = judge(&rig, load).await?;
    verdict.must(peak < MEMORY_BYTES, || format!("memory was {} MiB at its peak", peak >> 20));
    let waited = verdict.counts.slowest;
    verdict.must(waited > Duration::from_secs(2), || "nobody waited for a commit that hung".to_owned());
    verdict.note(format!("peak {} MiB", peak >> 20));
    Ok(verdict)
}
