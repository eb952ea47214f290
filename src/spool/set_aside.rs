//! Bytes that are no frame where one should be, kept for whoever wants to look. Bounded; the books count the records
//! in any case.

use std::{
    io,
    path::{Path, PathBuf},
};

use tracing::warn;

use super::disk::{Disk, DiskFile, read_full, write_full};

/// Files kept at the most.
const FILES_MAX: usize = 256;
/// Bytes kept of each place at the most.
const BYTES_MAX: u64 = 1 << 20;

/// The directory for them.
pub(super) fn dir(spool: &Path) -> PathBuf {
    spool.join("set-aside")
}

/// Copies a broken place of a segment to a file of its own, once.
pub(super) fn keep(disk: &dyn Disk, spool: &Path, file: &dyn DiskFile, generation: u32, from: u64, to: u64) {
    match copy(disk, &dir(spool), file, generation, from, to) {
        Ok(true) => warn!(segment = generation, from, to, "a broken place in the spool was set aside"),
        Ok(false) => {}
        Err(error) => {
            warn!(%error, segment = generation, from, to, "a broken place in the spool was not kept")
        }
    }
}

fn copy(
    disk: &dyn Disk,
    dir: &Path,
    file: &dyn DiskFile,
    generation: u32,
    from: u64,
    to: u64,
) -> io::Result<bool> {
    let name = format!("{generation:010}-{from}.bytes");
    let kept = disk.list(dir)?;
    if kept.len() >= FILES_MAX || kept.contains(&name) {
        return Ok(false);
    }
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from).min(BYTES_MAX)).unwrap_or(0)];
    let read = read_full(file, &mut bytes, from)?;
    bytes.truncate(read);
    if bytes.iter().all(|byte| *byte == 0) {
        // The unused end of a segment whose successor is missing.
        return Ok(false);
    }
    let copy = disk.create(&dir.join(name))?;
    write_full(&*copy, &bytes, 0)?;
    copy.sync_data()?;
    disk.sync_dir(dir)?;
    Ok(true)
}
