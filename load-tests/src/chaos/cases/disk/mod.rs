//! The disk is full, fails, hangs, tears, forgets; and the directory is not what it should be.

pub(super) mod damaged;
pub(super) mod directory;
pub(super) mod failing;
pub(super) mod full;
pub(super) mod hanging;
mod segment;

use std::time::Duration;

use anyhow::ensure;

use crate::chaos::{
    case::Case,
    driver::{Driver, Pace},
    rig::{Rig, Server, Setup},
    verdict::Verdict,
};

/// Something that has to come while a fault lasts, or after it.
const WITHIN: Duration = Duration::from_secs(30);
/// The exit code of a start for which something is missing (sysexits.h).
const UNAVAILABLE: i32 = 69;

/// Small segments, so that many are filled in a short time.
fn setup() -> Setup {
    Setup::default().set("spool.segment_bytes", "64 KiB").set("spool.disk_floor", "0 B")
}

fn load(rig: &Rig, case: &Case) -> anyhow::Result<Driver> {
    let pace = Pace { rate: case.pick(150, 250), ..Pace::default() };
    rig.load(pace, Duration::from_secs(case.pick(90, 240)))
}

/// Judges where no record was destroyed: none may be set aside either.
async fn judge(rig: &Rig, load: Driver) -> anyhow::Result<Verdict> {
    let mut verdict = rig.judge(load).await?;
    let set_aside = set_aside(rig).await?;
    verdict.must(set_aside == 0, || format!("{set_aside} are set aside, and none was destroyed"));
    Ok(verdict)
}

/// Records that could not be read any more, of all gateways.
async fn set_aside(rig: &Rig) -> anyhow::Result<u64> {
    Ok(rig.books().await?.iter().map(|books| books.set_aside).sum())
}

/// Starts it, and wants it to end with a sentence that says why and what to do.
async fn refuses_to_start(server: &mut Server, words: &[&str]) -> anyhow::Result<()> {
    server.spawn()?;
    let status = server.ended(WITHIN).await?;
    let log = server.log();
    ensure!(status.code() == Some(UNAVAILABLE), "it ended with {status}:\n{log}");
    for words in words {
        ensure!(log.contains(words), "it does not say {words:?}:\n{log}");
    }
    Ok(())
}
