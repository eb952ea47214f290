//! What the disk itself takes: fdatasync of a small write into a file that is there already.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    time::Instant,
};

use crate::figure::Figure;

/// Size of a write: a group commit of a few records.
const BLOCK_BYTES: usize = 4096;
/// Blocks of the file; zero-filled first, like a segment of the spool, so that no sync has to allocate.
const BLOCKS: u64 = 2048;

/// Median time of a write with fdatasync, µs; of so many rounds.
pub(crate) fn fdatasync_p50_us(dir: &Path, rounds: u32, syncs: u64) -> anyhow::Result<Figure> {
    let path = dir.join("fdatasync");
    let file = File::create_new(&path)?;
    let block = [1_u8; BLOCK_BYTES];
    for number in 0..BLOCKS {
        file.write_all_at(&[0; BLOCK_BYTES], number * BLOCK_BYTES as u64)?;
    }
    file.sync_all()?;
    let mut medians = Vec::new();
    for _ in 0..rounds {
        let mut took_us = Vec::new();
        for number in 0..syncs {
            let started = Instant::now();
            file.write_all_at(&block, (number % BLOCKS) * BLOCK_BYTES as u64)?;
            file.sync_data()?;
            took_us.push(started.elapsed().as_secs_f64() * 1e6);
        }
        medians.push(Figure::of(&took_us)?.median);
    }
    fs::remove_file(path)?;
    Figure::of(&medians)
}
