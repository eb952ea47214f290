//! Fsyncs of the real binary that do not end (strace, which holds the calls up).

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::time::timeout;

use super::{WITHIN, judge, load, setup};
use crate::{
    chaos::{
        case::Case,
        rig::{Rig, Server},
        verdict::Verdict,
    },
    identity::API_KEY,
    process::{LOOK_EVERY, Launch, Process},
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

/// A commit hangs: the gateway lets nothing more in, and says so. Asked by hand, since all of the load may wait for
/// that very commit.
async fn hangs(rig: &mut Rig, case: &Case) -> anyhow::Result<Process> {
    let server = &mut rig.gateway(0)?.server;
    let holding = hold_up_fsyncs(case, server.pid()?)?;
    let said = timeout(WITHIN, unready(server)).await.context("it stays ready while a commit hangs")??;
    ensure!(said.contains("has not ended a commit"), "it does not say why it refuses: {said}");
    let body = json!({
        "survey": "support-nps", "brand": "acme", "interaction": "nobody", "respondent": {"ref": "nobody"},
        "answers": {"recommend": 0},
    });
    let fields = format!("authorization: Bearer {API_KEY}\r\n");
    let (status, said) = server.submit("/v1/responses", &fields, &body.to_string()).await?;
    let is_full = said.get("code") == Some(&json!("spool_full"));
    ensure!(status == 503 && is_full, "it lets answers in: {status} {said}");
    Ok(holding)
}

/// What `/readyz` says when it is 503.
async fn unready(server: &Server) -> anyhow::Result<String> {
    loop {
        let (status, said) = server.readyz().await?;
        if status == 503 {
            return Ok(said.to_string());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Commits hang while the store is away, so that what was acknowledged is on this disk alone. Who waits for one gets
/// the receipt when it ends, or nothing when the gateway is killed meanwhile.
pub(crate) async fn fsync(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let load = load(&rig, &case)?;
    let mut peak = 0;
    for _ in 0..case.pick(1, 5) {
        load.acknowledges(100, WITHIN).await?;
        rig.store()?.kill();
        let holding = hangs(&mut rig, &case).await?;
        load.acknowledges(100, WITHIN).await?;
        drop(holding);
        rig.gateway(0)?.server.ready().await?;
        load.acknowledges(30, WITHIN).await?;
        let holding = hangs(&mut rig, &case).await?;
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
