//! The spool by itself, beside a plain file that is appended to and synced: what the log's format and its group commit
//! give over the least that is durable.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use voxgate::measure_spool;

use crate::{figure::Figure, plan::Bench, terminal::say};

/// Writers that wait for their own record.
const WAITERS: usize = 256;
/// Bytes of a record: an answer's, encoded.
const RECORD_BYTES: usize = 200;

/// Records a second of the spool in recycled segments, to those of a plain file; also said for fresh segments.
pub(crate) async fn ratio(bench: Bench<'_>) -> anyhow::Result<Figure> {
    let name = "spool_vs_append";
    let length = Duration::from_millis(bench.plan.round_ms);
    let mut ratios = Vec::new();
    for number in 1..=bench.plan.rounds {
        let plain = plain(&bench.plan.work.join("plain"), length).await?;
        let dir = bench.plan.work.join(name);
        fs::create_dir(&dir)?;
        let measured = measure_spool(&dir, WAITERS, RECORD_BYTES, length).await.context("the spool")?;
        fs::remove_dir_all(dir)?;
        say(&format!(
            "{name} {number}/{}: plain file {plain:.0}/s, recycled segments {:.0}/s, fresh ones {:.0}/s",
            bench.plan.rounds, measured.recycled_per_sec, measured.fresh_per_sec,
        ));
        ratios.push(measured.recycled_per_sec / plain);
    }
    Figure::of(&ratios)
}

/// One thread takes all that waits, appends it with one write, syncs, and tells each.
async fn plain(path: &Path, length: Duration) -> anyhow::Result<f64> {
    let mut file = File::create_new(path)?;
    let (send, mut receive) = mpsc::channel::<oneshot::Sender<()>>(WAITERS);
    let writer = thread::spawn(move || {
        let (mut waiting, mut bytes) = (Vec::new(), Vec::new());
        while receive.blocking_recv_many(&mut waiting, WAITERS) > 0 {
            bytes.resize(waiting.len() * RECORD_BYTES, 7);
            file.write_all(&bytes)?;
            file.sync_data()?;
            waiting.drain(..).for_each(|told| _ = told.send(()));
        }
        std::io::Result::Ok(())
    });
    let begun = Instant::now();
    let mut waiters = JoinSet::new();
    for _ in 0..WAITERS {
        let send = send.clone();
        waiters.spawn(async move {
            let mut records = 0_u32;
            while begun.elapsed() < length {
                let (tell, told) = oneshot::channel();
                send.send(tell).await?;
                told.await?;
                records += 1;
            }
            anyhow::Ok(records)
        });
    }
    drop(send);
    let mut records = 0.0;
    while let Some(one) = waiters.join_next().await {
        records += f64::from(one??);
    }
    let per_sec = records / begun.elapsed().as_secs_f64();
    writer.join().ok().context("the plain file's writer")??;
    fs::remove_file(path)?;
    Ok(per_sec)
}
