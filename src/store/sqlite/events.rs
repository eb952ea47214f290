//! Events among the records: told once in the change feed, and bounded for each response.
//!
//! Of the touches of one response the earliest are kept, by stamp and then by hash. Which those are does not depend on
//! the order they came in, so storage stays a function of the set of what it was given (invariant 2).

use rusqlite::Transaction;

use super::State;
use crate::{
    clock::Timestamp,
    proto::store::v1::{Record, Touch, record::Event, watch_response::Change},
    store::{RecordHash, merge::Entry, record::Checked},
};

/// Touches of one response; a scanner that asks for eleven scores by HEAD and by GET makes 22.
const TOUCHES: usize = 512;

/// What becomes of a new event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// Once this one is gone.
    Instead(RecordHash),
    /// None: it is later than all that are kept.
    None,
}

/// Whether there is room for one more record among those of its response.
pub(super) fn room(entries: &[Entry], checked: &Checked) -> Room {
    if !is_touch(&checked.record) {
        return Room::Free;
    }
    let age = |record: &Record, hash| (record.stamp_us, hash);
    let kept = entries.iter().filter(|entry| is_touch(&entry.record));
    if kept.clone().count() < TOUCHES {
        return Room::Free;
    }
    let latest = kept.map(|entry| age(&entry.record, entry.hash)).max();
    match latest.filter(|latest| *latest > age(&checked.record, checked.hash)) {
        Some((_, hash)) => Room::Instead(hash),
        None => Room::None,
    }
}

const fn is_touch(record: &Record) -> bool {
    matches!(record.event, Some(Event::Touched(_)))
}

/// Puts a record into the change feed, if it is an event.
pub(super) fn announce(tx: &Transaction<'_>, state: &mut State, checked: &Checked) -> rusqlite::Result<()> {
    if checked.record.event.is_some() {
        tx.prepare_cached("INSERT INTO events (changed, hash, response_id) VALUES (?1, ?2, ?3)")?
            .execute((state.next_change(), checked.hash.0, checked.response_id))?;
    }
    Ok(())
}

/// Takes a record that goes out of the change feed.
pub(super) fn forget(tx: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    if entry.record.event.is_some() {
        tx.prepare_cached("DELETE FROM events WHERE hash = ?1")?.execute([entry.hash.0])?;
    }
    Ok(())
}

/// What the change feed says of an event; nothing of an answer.
pub(super) fn change(record: &Record, response_id: String) -> Option<Change> {
    let at = Some(Timestamp::from_micros(record.stamp_us).to_proto());
    match record.event.as_ref()? {
        Event::Touched(touched) => {
            Some(Change::Touch(Touch { response_id, at, score: Some(touched.score), head: touched.head }))
        }
        // No record is kept of it.
        Event::OptedOut(_) => None,
    }
}
