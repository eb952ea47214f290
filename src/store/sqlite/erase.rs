//! Erasure: what was received of a person before a time goes, and whatever of it still comes is refused.

use rusqlite::Transaction;

use super::{
    State, append, links, respond, rule,
    tombstones::{Name, Tombstone},
};
use crate::store::merge::Entry;

/// Whom to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Erasure {
    /// Keyed hash of the person's reference or contact.
    pub(crate) respondent_key: [u8; 16],
    /// What was received before goes; none means all there is.
    pub(crate) received_before_us: Option<i64>,
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erased {
    /// Responses that lost records.
    pub(crate) responses: u64,
    /// Records.
    pub(crate) records: u64,
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.responses += more.responses;
        self.records += more.records;
    }
}

/// Erases from the responses in which the key occurs, and leaves tombstones for the key and for them.
pub(super) fn erase(
    tx: &Transaction<'_>,
    state: &mut State,
    erasure: &Erasure,
) -> rusqlite::Result<(Erased, Vec<Tombstone>)> {
    let responses = responses_of(tx, &erasure.respondent_key)?;
    let received_before_us = match erasure.received_before_us {
        Some(before_us) => before_us,
        None => after_everything(tx, state, &responses)?,
    };
    let names = responses.iter().copied().map(Name::Response);
    let names = std::iter::once(Name::Person(erasure.respondent_key)).chain(names);
    let buried: Vec<_> = names.map(|name| Tombstone { name, received_before_us }).collect();
    for tombstone in &buried {
        bury(tx, state, tombstone)?;
    }
    links::forget(tx, state, erasure.respondent_key, received_before_us)?;
    let mut erased = Erased::default();
    for id in responses {
        erased += erase_response(tx, state, id, received_before_us)?;
    }
    Ok((erased, buried))
}

/// Does again what left a tombstone, in a database that does not know of it.
pub(super) fn erase_again(
    tx: &Transaction<'_>,
    state: &mut State,
    tombstone: &Tombstone,
) -> rusqlite::Result<Erased> {
    let Tombstone { name, received_before_us } = *tombstone;
    if append::buried_before_us(tx, name)?.is_some_and(|known_us| known_us >= received_before_us) {
        return Ok(Erased::default());
    }
    match name {
        Name::Person(respondent_key) => {
            let erasure = Erasure { respondent_key, received_before_us: Some(received_before_us) };
            Ok(erase(tx, state, &erasure)?.0)
        }
        Name::Response(id) => {
            bury(tx, state, tombstone)?;
            erase_response(tx, state, id, received_before_us)
        }
    }
}

fn responses_of(tx: &Transaction<'_>, key: &[u8; 16]) -> rusqlite::Result<Vec<[u8; 16]>> {
    let mut query = tx.prepare_cached("SELECT response_id FROM people WHERE key = ?1")?;
    query.query_map([key], |row| row.get(0))?.collect()
}

/// Now; or just after the last record, when a gateway's clock is ahead of ours.
fn after_everything(tx: &Transaction<'_>, state: &State, responses: &[[u8; 16]]) -> rusqlite::Result<i64> {
    let mut before_us = state.clock.now().as_micros();
    for id in responses {
        let entries = append::response(tx, *id)?.map(|(_, entries)| entries).unwrap_or_default();
        let received = entries.into_iter().map(|entry| entry.record.received_us);
        before_us = received.map(|received_us| received_us.saturating_add(1)).fold(before_us, i64::max);
    }
    Ok(before_us)
}

fn erase_response(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    before_us: i64,
) -> rusqlite::Result<Erased> {
    let Some((mut response, entries)) = append::response(tx, id)? else { return Ok(Erased::default()) };
    let (gone, kept): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.record.received_us < before_us);
    for entry in &gone {
        append::delete(tx, &response, entry)?;
        forget_person(tx, id, entry, &kept)?;
    }
    match (gone.is_empty(), kept.is_empty()) {
        (true, _) => {}
        (false, true) => {
            rule::forget(tx, id)?;
            respond::remove(tx, state, response)?;
        }
        (false, false) => respond::again(tx, state, &mut response, &kept)?,
    }
    Ok(Erased { responses: u64::from(!gone.is_empty()), records: gone.len() as u64 })
}

/// Forgets that the response is also this person's, unless another of its records says so.
fn forget_person(tx: &Transaction<'_>, id: [u8; 16], gone: &Entry, kept: &[Entry]) -> rusqlite::Result<()> {
    let Some(key) = append::respondent_key(&gone.record) else { return Ok(()) };
    if !kept.iter().any(|entry| append::respondent_key(&entry.record) == Some(key)) {
        tx.prepare_cached("DELETE FROM people WHERE key = ?1 AND response_id = ?2")?.execute((key, id))?;
    }
    Ok(())
}

fn bury(tx: &Transaction<'_>, state: &mut State, tombstone: &Tombstone) -> rusqlite::Result<()> {
    let Tombstone { name, received_before_us } = *tombstone;
    state.latest_tombstone_us = state.latest_tombstone_us.max(received_before_us);
    tx.prepare_cached(
        "INSERT INTO tombstones VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET received_before = max(received_before, excluded.received_before)",
    )?
    .execute((name.bytes(), received_before_us))?;
    Ok(())
}
