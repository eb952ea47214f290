//! A spool without threads: whoever opens it takes the turns of the writer and the keeper, in an order of its choosing.

use std::{io, path::Path, sync::Arc};

use super::{Disk, Keeper, OpenError, Recovery, Spool, Writer};
use crate::{clock::Clock, config::settings};

/// The writer's turns.
#[derive(Debug)]
pub(crate) struct WriterTurns(Writer);

/// The keeper's turns.
#[derive(Debug)]
pub(crate) struct KeeperTurns(Keeper);

/// Opens a spool as [`Spool::open`] does, on any disk. The keeper's first turn is still to be taken.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    data: &Path,
    settings: &settings::Spool,
    clock: Clock,
) -> Result<(Spool, Recovery, WriterTurns, KeeperTurns), OpenError> {
    let (shared, recovery, keeper, writer) = Spool::recover(disk, data, settings, clock)?;
    Ok((Spool::of(shared, Vec::new(), None), recovery, WriterTurns(writer), KeeperTurns(keeper)))
}

/// Bytes that a start left behind the last frame, of a commit that was torn: there must be none.
pub(crate) fn remains(disk: &dyn Disk, data: &Path) -> io::Result<usize> {
    super::recovery::remains(disk, &data.join("spool"))
}

impl WriterTurns {
    /// Whether a turn would neither wait for a record nor for the keeper.
    pub(crate) fn is_due(&self) -> bool {
        (self.0.has_backlog() || self.0.shared.queue.is_due()) && !self.0.shared.ahead.is_wanted()
    }

    /// One commit. False when there will be no more.
    pub(crate) fn turn(&mut self) -> bool {
        self.0.turn()
    }

    /// What the writer's thread does at its end.
    pub(crate) fn finish(self) {
        self.0.shared.gate.close();
        self.0.shared.queue.finish();
    }
}

impl KeeperTurns {
    /// Whether the writer waits for a segment, or soon will.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.shared.ahead.is_wanted()
    }

    /// One look around.
    pub(crate) fn turn(&mut self) {
        self.0.turn();
    }

    /// What the keeper's thread does at its end.
    pub(crate) fn finish(mut self) {
        self.0.keep_books(true);
    }
}
