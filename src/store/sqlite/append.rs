//! Takes records in: what is new is stored, and the responses it belongs to are computed again.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction};

use super::{
    State,
    events::{self, Room},
    known::{self, Known},
    opt_outs, respond,
    tombstones::Name,
};
use crate::{
    proto::store::v1::{Record, record::Event},
    store::{
        RecordHash,
        merge::{Decision, Entry},
        record::Checked,
    },
};

/// Stores batches. Responses are taken in the order of their ids, so that neighbours share pages.
pub(super) fn append(
    tx: &Transaction<'_>,
    state: &mut State,
    batches: Vec<Vec<Checked>>,
) -> rusqlite::Result<()> {
    let mut responses: BTreeMap<[u8; 16], Vec<Checked>> = BTreeMap::new();
    for checked in batches.into_iter().flatten() {
        if let Some(Event::OptedOut(opted_out)) = &checked.record.event {
            opt_outs::take(tx, state, &checked.record, opted_out)?;
            continue;
        }
        if !is_erased(tx, state, &checked)? {
            responses.entry(checked.response_id).or_default().push(checked);
        }
    }
    for (id, records) in responses {
        append_to_response(tx, state, id, records)?;
    }
    Ok(())
}

fn append_to_response(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    records: Vec<Checked>,
) -> rusqlite::Result<()> {
    let found = response(tx, id)?;
    let (is_first, mut is_new) = (found.is_none(), false);
    let (mut response, mut entries) = found.unwrap_or_else(|| (state.next_response(id), Vec::new()));
    for checked in records {
        if entries.iter().any(|entry| entry.hash == checked.hash) {
            continue;
        }
        match events::room(&entries, &checked) {
            Room::Free => {}
            Room::Instead(hash) => {
                for gone in entries.extract_if(.., |entry| entry.hash == hash) {
                    delete(tx, &response, &gone)?;
                }
            }
            Room::None => continue,
        }
        insert(tx, &response, &checked)?;
        events::announce(tx, state, &checked)?;
        entries.push(Entry { hash: checked.hash, record: checked.record, decision: Decision::None });
        is_new = true;
    }
    if !is_new {
        return Ok(());
    }
    match is_first {
        true => respond::first(tx, state, &mut response, &entries),
        false => respond::again(tx, state, &mut response, &entries),
    }
}

fn insert(tx: &Transaction<'_>, response: &Known, checked: &Checked) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO records (response, hash, body) VALUES (?1, ?2, ?3)")?.execute((
        response.number,
        checked.hash.0,
        &checked.body,
    ))?;
    if let Some(key) = respondent_key(&checked.record) {
        tx.prepare_cached("INSERT OR IGNORE INTO people (key, response_id) VALUES (?1, ?2)")?
            .execute((key, response.id))?;
    }
    Ok(())
}

/// Takes a record out, and whatever is made of it alone.
pub(super) fn delete(tx: &Transaction<'_>, response: &Known, entry: &Entry) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM records WHERE response = ?1 AND hash = ?2")?
        .execute((response.number, entry.hash.0))?;
    tx.prepare_cached("DELETE FROM held WHERE hash = ?1")?.execute([entry.hash.0])?;
    events::forget(tx, entry)
}

/// The keyed hash of the person who gave it; none when nobody knows who did.
pub(super) fn respondent_key(record: &Record) -> Option<[u8; 16]> {
    record.respondent_key.as_ref().try_into().ok()
}

/// A response and all its records; none when no record of it is kept.
pub(super) fn response(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<Option<(Known, Vec<Entry>)>> {
    let Some(known) = known::find(tx, id)? else { return Ok(None) };
    let entries = entries(tx, &known)?;
    Ok(Some((known, entries)))
}

fn entries(tx: &Transaction<'_>, response: &Known) -> rusqlite::Result<Vec<Entry>> {
    let mut query = tx.prepare_cached("SELECT hash, decision, body FROM records WHERE response = ?1")?;
    query
        .query_map([response.number], |row| entry(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob()?))?
        .collect()
}

fn entry(hash: [u8; 16], decision: i64, body: &[u8]) -> rusqlite::Result<Entry> {
    let decision = match decision {
        0 => Decision::None,
        1 => Decision::Released,
        _ => Decision::Discarded,
    };
    Ok(Entry { hash: RecordHash(hash), record: super::read::decode(body)?, decision })
}

/// Whether a tombstone of its person or of its response refuses it.
fn is_erased(tx: &Transaction<'_>, state: &State, checked: &Checked) -> rusqlite::Result<bool> {
    let received_us = checked.record.received_us;
    if received_us >= state.latest_tombstone_us {
        return Ok(false);
    }
    let who = respondent_key(&checked.record).map(Name::Person);
    for name in who.into_iter().chain([Name::Response(checked.response_id)]) {
        if buried_before_us(tx, name)?.is_some_and(|before_us| received_us < before_us) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was received before is refused under this name.
pub(super) fn buried_before_us(tx: &Transaction<'_>, name: Name) -> rusqlite::Result<Option<i64>> {
    let mut query = tx.prepare_cached("SELECT received_before FROM tombstones WHERE name = ?1")?;
    query.query_row([name.bytes()], |row| row.get(0)).optional()
}
