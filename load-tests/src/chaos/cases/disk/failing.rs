//! Calls of the disk that fail in the real binary (libfiu, between it and the C library).

use std::{process::Command, time::Duration};

use anyhow::ensure;

use super::{WITHIN, judge, load, setup};
use crate::chaos::{
    case::Case,
    rig::{Refuses, Server, Setup},
    verdict::Verdict,
};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// How long a fault lasts that does not pass at once.
const LASTS: Duration = Duration::from_secs(2);

const FSYNC: &[&str] = &["posix/io/sync/fdatasync", "posix/io/sync/fsync"];
const WRITE: &[&str] = &["posix/io/rw/pwrite"];
/// What a file system refuses that became read-only; files that are open stay so. (Not `write`: pipes and event
/// counters take it too.)
const CHANGE: &[&str] = &["posix/io/rw/pwrite", "posix/io/dir/rename", "posix/io/dir/unlink"];
/// Dead letters are files of their own; the spool's commits use neither.
const LETTERS: [(&[&str], i32); 2] = [(&["posix/io/sync/fsync"], EIO), (&["posix/io/dir/rename"], ENOSPC)];

/// The calls of one process, which can be made to fail.
struct Calls {
    fifo: String,
    pid: u32,
}

impl Calls {
    /// Starts a server anew so that its calls can fail.
    async fn of(server: &mut Server, case: &Case) -> anyhow::Result<Self> {
        let fifo = case.work.join(format!("fiu-{}", server.name)).display().to_string();
        server.launch.wrapper = ["fiu-run", "-x", "-f", &fifo].map(str::to_owned).to_vec();
        server.restart().await?;
        Ok(Self { fifo, pid: server.pid()? })
    }

    fn fail(&self, calls: &[&str], errno: i32, how: &str) -> anyhow::Result<()> {
        calls.iter().try_for_each(|call| self.tell(&format!("enable name={call},failinfo={errno}{how}")))
    }

    fn heal(&self, calls: &[&str]) -> anyhow::Result<()> {
        calls.iter().try_for_each(|call| self.tell(&format!("disable name={call}")))
    }

    fn tell(&self, command: &str) -> anyhow::Result<()> {
        let told = Command::new("fiu-ctrl")
            .args(["-f", &self.fifo, "-c", command, &self.pid.to_string()])
            .output()?;
        let said = String::from_utf8_lossy(&told.stderr);
        ensure!(told.status.success(), "fiu-ctrl: {said} (Debian package fiu-utils)");
        Ok(())
    }
}

/// Fsyncs of the gateway fail, once and for a while.
pub(crate) async fn fsync(case: Case) -> anyhow::Result<Verdict> {
    commits_fail(case, FSYNC, &[EIO]).await
}

/// Writes of the gateway fail, once and for a while.
pub(crate) async fn write(case: Case) -> anyhow::Result<Verdict> {
    let errors = case.pick(&[ENOSPC] as &[i32], &[EIO, ENOSPC]);
    commits_fail(case, WRITE, errors).await
}

/// The disk becomes read-only while the gateway runs. (No kernel remounts one so while files are open for writing;
/// this is what the process sees when the file system does it after an error.)
pub(crate) async fn read_only(case: Case) -> anyhow::Result<Verdict> {
    commits_fail(case, CHANGE, &[EROFS]).await
}

/// Commits fail while the store is away, so that what was acknowledged is on this disk alone; then the gateway is
/// killed.
async fn commits_fail(case: Case, calls: &[&str], errors: &[i32]) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let mut disk = Calls::of(&mut rig.gateway(0)?.server, &case).await?;
    let load = load(&rig, &case)?;
    for _ in 0..case.pick(1, 4) {
        for errno in errors {
            load.acknowledges(100, WITHIN).await?;
            rig.store()?.kill();
            for _ in 0..case.pick(2, 5) {
                disk.fail(calls, *errno, ",onetime")?;
                load.acknowledges(30, WITHIN).await?;
            }
            disk.heal(calls)?;
            // Open again, so that the next failure meets a commit.
            load.acknowledges(30, WITHIN).await?;
            let full = load.so_far().refusals.get("spool_full").copied().unwrap_or(0);
            disk.fail(calls, *errno, "")?;
            // Whether a commit meets it first, or the books that are written beside it, is chance.
            load.refuses("spool_full", full + 50, WITHIN).await?;
            // Delivery goes on, although the cursor cannot be written.
            rig.store()?.restart().await?;
            rig.delivered_to(|books| books.spooled == 0).await?;
            tokio::time::sleep(LASTS).await;
            disk.heal(calls)?;
            rig.store()?.kill();
            load.acknowledges(100, WITHIN).await?;
            let server = &mut rig.gateway(0)?.server;
            server.restart().await?;
            disk.pid = server.pid()?;
            rig.store()?.restart().await?;
        }
    }
    load.acknowledges(100, WITHIN).await?;
    let mut verdict = judge(&rig, load).await?;
    let failed = verdict.counts.refusals.get("spool_failed").copied().unwrap_or(0);
    verdict.note(format!("{failed} were told that their answer is not on disk"));
    Ok(verdict)
}

/// The store's fsyncs and writes fail: it acknowledges nothing that it could not commit.
pub(crate) async fn store(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup::default().start(&case).await?;
    let disk = Calls::of(rig.store()?, &case).await?;
    let load = load(&rig, &case)?;
    for _ in 0..case.pick(1, 4) {
        for (calls, errno) in [(FSYNC, EIO), (WRITE, ENOSPC)] {
            load.acknowledges(50, WITHIN).await?;
            disk.fail(calls, errno, ",onetime")?;
            load.acknowledges(50, WITHIN).await?;
            disk.heal(calls)?;
            disk.fail(calls, errno, "")?;
            rig.store()?.logs("a write to the store failed", WITHIN).await?;
            load.acknowledges(100, WITHIN).await?;
            disk.heal(calls)?;
            rig.delivered_to(|books| books.spooled < 100).await?;
        }
    }
    load.acknowledges(50, WITHIN).await?;
    judge(&rig, load).await
}

/// A dead letter cannot be kept: delivery waits rather than lose it, and each is there once in the end.
pub(crate) async fn dead_letters(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup { refusing_store: true, ..setup() }.start(&case).await?;
    let disk = Calls::of(&mut rig.gateway(0)?.server, &case).await?;
    let load = load(&rig, &case)?;
    rig.refusing()?.set(Refuses::OneIn(60));
    for _ in 0..case.pick(1, 4) {
        for (calls, errno) in LETTERS {
            load.acknowledges(50, WITHIN).await?;
            let delivered = rig.gateway(0)?.server.books().await?.delivered;
            disk.fail(calls, errno, "")?;
            rig.gateway(0)?.server.logs("a dead letter could not be kept", WITHIN).await?;
            load.acknowledges(100, WITHIN).await?;
            disk.heal(calls)?;
            rig.delivered_to(|books| books.delivered > delivered && books.spooled < 100).await?;
        }
    }
    let history = load.stop().await?;
    rig.delivered().await?;
    rig.refusing()?.set(Refuses::Nothing);
    let server = &rig.gateway(0)?.server;
    let (dead, said) = (
        server.books().await?.dead_lettered,
        server.voxgate(&["dead-letters", "retry", "--admin", &server.admin_url()])?,
    );
    let mut verdict = rig.judge_history(&history).await?;
    verdict.must(dead > 0, || format!("no dead letters: {said}"));
    verdict.note(format!("{dead} dead letters"));
    Ok(verdict)
}
