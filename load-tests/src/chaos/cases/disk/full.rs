//! A small disk, filled by somebody else.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::PathBuf,
};

use anyhow::ensure;

use super::{WITHIN, judge, load, setup};
use crate::chaos::{case::Case, rig::Server, verdict::Verdict};

/// Bytes written at once.
const CHUNK_BYTES: u64 = 4_096;

/// Gives a server a disk of its own of so many MiB under its data directory, empty. It is there for as long as the
/// process.
async fn on_small_disk(server: &mut Server, mib: u64) -> anyhow::Result<()> {
    let script = r#"mount -t tmpfs -o "size=$0" voxgate "$1" && shift && exec "$@""#;
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script];
    let place = [format!("{mib}m"), server.data.display().to_string()];
    server.launch.wrapper = unshare.into_iter().map(str::to_owned).chain(place).collect();
    server.restart().await
}

/// What somebody else put on the disk; taken away again when dropped.
struct Filler {
    path: PathBuf,
}

impl Filler {
    /// Fills the disk that the server sees to the last page.
    fn all(server: &mut Server) -> anyhow::Result<Self> {
        Self::of(server, u64::MAX)
    }

    /// Puts so many bytes on the disk that the server sees.
    fn of(server: &mut Server, bytes: u64) -> anyhow::Result<Self> {
        let data = fs::canonicalize(&server.data)?;
        let path = PathBuf::from(format!("/proc/{}/root{}/filler", server.pid()?, data.display()));
        let mut file = File::create(&path)?;
        let filler = Self { path };
        let mut written = 0;
        while written < bytes {
            match file.write_all(&[0; CHUNK_BYTES as usize]) {
                Ok(()) => written += CHUNK_BYTES,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filler)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// Full to the last page while the store is away: clear refusals, then delivery, then answers again in the room that
/// delivery gave, with the disk as full as before.
pub(crate) async fn spool(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    on_small_disk(&mut rig.gateway(0)?.server, 24).await?;
    let load = load(&rig, &case)?;
    let mut unready = true;
    for _ in 0..case.pick(1, 4) {
        load.acknowledges(100, WITHIN).await?;
        rig.store()?.kill();
        let filler = Filler::all(&mut rig.gateway(0)?.server)?;
        let refused = load.so_far().refusals.get("spool_full").copied().unwrap_or(0);
        load.refuses("spool_full", refused + 100, WITHIN).await?;
        unready &= rig.gateway(0)?.server.readyz().await?.0 == 503;
        rig.store()?.restart().await?;
        load.acknowledges(200, WITHIN).await?;
        drop(filler);
    }
    load.acknowledges(100, WITHIN).await?;
    let mut verdict = judge(&rig, load).await?;
    verdict.must(unready, || "a gateway on a full disk says that it is ready".to_owned());
    let refused = verdict.counts.refusals.get("spool_full").copied().unwrap_or(0);
    verdict.note(format!("{refused} refused for want of room"));
    Ok(verdict)
}

/// Less is free than the floor: nothing is let in, and what is spooled is delivered.
pub(crate) async fn floor(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().set("spool.disk_floor", "16 MiB").start(&case).await?;
    on_small_disk(&mut rig.gateway(0)?.server, 48).await?;
    let load = load(&rig, &case)?;
    for _ in 0..case.pick(1, 5) {
        load.acknowledges(100, WITHIN).await?;
        let filler = Filler::of(&mut rig.gateway(0)?.server, 36 << 20)?;
        let refused = load.so_far().refusals.get("spool_full").copied().unwrap_or(0);
        load.refuses("spool_full", refused + 100, WITHIN).await?;
        rig.delivered_to(|books| books.spooled == 0).await?;
        drop(filler);
    }
    load.acknowledges(100, WITHIN).await?;
    judge(&rig, load).await
}

/// The store's disk is full: it acknowledges nothing that it could not commit, and the spool keeps it until it can.
pub(crate) async fn store(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    on_small_disk(rig.store()?, 24).await?;
    let load = load(&rig, &case)?;
    let mut waiting = 0;
    for _ in 0..case.pick(1, 4) {
        load.acknowledges(100, WITHIN).await?;
        let filler = Filler::all(rig.store()?)?;
        rig.store()?.logs("a write to the store failed", WITHIN).await?;
        load.acknowledges(300, WITHIN).await?;
        let books = rig.gateway(0)?.server.books().await?;
        ensure!(books.spooled > 0, "nothing waits for a store whose disk is full: {books:?}");
        waiting = waiting.max(books.spooled);
        drop(filler);
        rig.delivered_to(|books| books.spooled < 200).await?;
    }
    load.acknowledges(100, WITHIN).await?;
    let mut verdict = judge(&rig, load).await?;
    verdict.note(format!("{waiting} waited"));
    Ok(verdict)
}
