//! The spool by itself, for the bench: waiters that append, a reader that delivers, and nothing of a gateway around
//! them.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;

use super::Spool;
use crate::{clock::Clock, config::settings, intake::claim::Runs};

/// A file of the log, as large as the default.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Room for more than a measure writes.
const BUDGET_BYTES: u64 = 64 << 30;
/// Records that are delivered at once, and their bytes.
const BATCH: (usize, usize) = (512, 1 << 20);

/// What the spool took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Records a second into segments that were never written before.
    pub fresh_per_sec: f64,
    /// Records a second while delivery goes on, into segments that were delivered and are used again.
    pub recycled_per_sec: f64,
}

/// Lets so many waiters append records of so many bytes, each the next one when its last is durable, for so long.
///
/// # Errors
/// The directory cannot be used, or an append fails.
pub async fn measure_spool(
    data: &Path,
    waiters: usize,
    record_bytes: usize,
    length: Duration,
) -> io::Result<Measured> {
    let load = Load { waiters, record: vec![7; record_bytes].into(), length };
    let kept = open(&data.join("fresh"), Duration::from_secs(3_600))?;
    let fresh_per_sec = load.appended_per_sec(&kept).await?;
    drop(kept);
    let let_go = open(&data.join("recycled"), Duration::ZERO)?;
    let recycled_per_sec = tokio::select! {
        never = deliver(&let_go) => match never? {},
        // The first time fills the segments that are used again.
        measured = async { load.appended_per_sec(&let_go).await?; load.appended_per_sec(&let_go).await } => measured?,
    };
    Ok(Measured { fresh_per_sec, recycled_per_sec })
}

fn open(data: &Path, keep_delivered: Duration) -> io::Result<Spool> {
    let settings = settings::Spool {
        budget: BUDGET_BYTES,
        disk_floor: 0,
        keep_delivered,
        segment_bytes: SEGMENT_BYTES,
        queue: 1_024,
    };
    std::fs::create_dir_all(data)?;
    Ok(Spool::open(data, &settings, Clock::System).map_err(io::Error::other)?.0)
}

/// Everything, as it comes.
async fn deliver(spool: &Spool) -> io::Result<std::convert::Infallible> {
    let mut reader = spool.reader();
    loop {
        let batch = reader.next(BATCH.0, BATCH.1).await;
        spool.advance(batch.last, 0)?;
    }
}

struct Load {
    waiters: usize,
    record: Bytes,
    length: Duration,
}

impl Load {
    async fn appended_per_sec(&self, spool: &Spool) -> io::Result<f64> {
        let (runs, begun) = (Arc::new(Runs::default()), Instant::now());
        let waiters = (0..self.waiters).map(|_| self.append(spool, &runs, begun));
        let mut records = 0.0;
        for appended in join_all(waiters).await {
            records += f64::from(appended?);
        }
        Ok(records / begun.elapsed().as_secs_f64())
    }

    /// One waiter; how many it appended.
    async fn append(&self, spool: &Spool, runs: &Runs, begun: Instant) -> io::Result<u32> {
        let mut records = 0;
        while begun.elapsed() < self.length {
            let room = spool.reserve(self.record.len()).map_err(io::Error::other)?;
            spool.append(room, runs.ticket(), self.record.clone()).await.map_err(io::Error::other)?;
            records += 1;
        }
        Ok(records)
    }
}
