//! Writes what a response says now, when it says something else than before.

use std::collections::BTreeMap;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction};

use super::{
    State,
    known::{self, Known},
    rule,
};
use crate::{
    proto::store::v1::{Confidence, HeldState, Response},
    store::{
        RecordHash,
        merge::{Entry, Hold, merge},
    },
};

/// The response's first records: nothing of it stands anywhere but in `gone`.
pub(super) fn first(
    tx: &Transaction<'_>,
    state: &mut State,
    known: &mut Known,
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let merged = merge(entries, None);
    if let Some(response) = &merged.response {
        insert(tx, state, known, response)?;
    }
    for (hash, hold) in &merged.held {
        write_hold(tx, state, known.id, entries, *hash, hold)?;
    }
    known::keep(tx, known)
}

/// The response was known: only what differs is written.
pub(super) fn again(
    tx: &Transaction<'_>,
    state: &mut State,
    known: &mut Known,
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let ruling = if state.any_ruling { rule::of(tx, known.id)? } else { None };
    let merged = merge(entries, ruling);
    update(tx, state, known, merged.response.as_ref())?;
    update_held(tx, state, known.id, entries, &merged.held)
}

fn update(
    tx: &Transaction<'_>,
    state: &mut State,
    known: &mut Known,
    response: Option<&Response>,
) -> rusqlite::Result<()> {
    if body(tx, known)? == response.map(Response::encode_to_vec) {
        return Ok(());
    }
    delete(tx, known)?;
    match response {
        Some(response) => insert(tx, state, known, response)?,
        None => mark_gone(tx, state, known.id)?,
    }
    known::keep(tx, known)
}

/// What stands of the response.
fn body(tx: &Transaction<'_>, known: &Known) -> rusqlite::Result<Option<Vec<u8>>> {
    let Some(changed) = known.changed else { return Ok(None) };
    let mut query = tx.prepare_cached("SELECT body FROM responses WHERE changed = ?1")?;
    query.query_row([changed], |row| row.get(0)).optional()
}

fn insert(
    tx: &Transaction<'_>,
    state: &mut State,
    known: &mut Known,
    response: &Response,
) -> rusqlite::Result<()> {
    if state.any_gone {
        tx.prepare_cached("DELETE FROM gone WHERE response_id = ?1")?.execute([known.id])?;
    }
    let changed = state.next_change();
    tx.prepare_cached("INSERT INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        changed,
        &response.survey,
        &response.brand,
        &response.interaction,
        response.answers.iter().any(|answer| answer.confidence() == Confidence::Provisional),
        response.encode_to_vec(),
    ))?;
    known.changed = Some(changed);
    Ok(())
}

fn delete(tx: &Transaction<'_>, known: &mut Known) -> rusqlite::Result<()> {
    if let Some(changed) = known.changed.take() {
        tx.prepare_cached("DELETE FROM responses WHERE changed = ?1")?.execute([changed])?;
    }
    Ok(())
}

/// None of the response's records is left.
pub(super) fn remove(tx: &Transaction<'_>, state: &mut State, mut known: Known) -> rusqlite::Result<()> {
    delete(tx, &mut known)?;
    known::forget(tx, &known)?;
    mark_gone(tx, state, known.id)
}

/// Says in the change feed that a response says nothing any more.
fn mark_gone(tx: &Transaction<'_>, state: &mut State, id: [u8; 16]) -> rusqlite::Result<()> {
    state.any_gone = true;
    tx.prepare_cached("INSERT OR REPLACE INTO gone (response_id, changed) VALUES (?1, ?2)")?
        .execute((id, state.next_change()))?;
    Ok(())
}

fn update_held(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    entries: &[Entry],
    held: &BTreeMap<RecordHash, Hold>,
) -> rusqlite::Result<()> {
    let stored = stored_holds(tx, id)?;
    for (hash, hold) in held {
        if stored.get(hash) != Some(hold) {
            write_hold(tx, state, id, entries, *hash, hold)?;
        }
    }
    for (hash, mut hold) in stored {
        if !held.contains_key(&hash) && hold.state != HeldState::Settled {
            hold.state = HeldState::Settled;
            write_hold(tx, state, id, entries, hash, &hold)?;
        }
    }
    Ok(())
}

fn stored_holds(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<BTreeMap<RecordHash, Hold>> {
    let sql = "SELECT hash, reason, questions, state FROM held WHERE response_id = ?1";
    let mut query = tx.prepare_cached(sql)?;
    query
        .query_map([id], |row| {
            let hold = Hold {
                reason: row.get(1)?,
                questions: questions(row.get_ref(2)?.as_str()?),
                state: held_state(row.get(3)?),
            };
            Ok((RecordHash(row.get(0)?), hold))
        })?
        .collect()
}

/// Questions as they stand in a column; their ids hold no control characters.
pub(crate) fn questions(column: &str) -> Vec<String> {
    column.split('\n').map(str::to_owned).collect()
}

pub(crate) fn held_state(column: i32) -> HeldState {
    HeldState::try_from(column).unwrap_or(HeldState::Unspecified)
}

fn write_hold(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    entries: &[Entry],
    hash: RecordHash,
    hold: &Hold,
) -> rusqlite::Result<()> {
    let Some(entry) = entries.iter().find(|entry| entry.hash == hash) else { return Ok(()) };
    tx.prepare_cached("INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
        (
            hash.0,
            id,
            &entry.record.survey,
            &entry.record.brand,
            &hold.reason,
            hold.questions.join("\n"),
            hold.state as i32,
            entry.record.received_us,
            state.next_change(),
        ),
    )?;
    Ok(())
}
