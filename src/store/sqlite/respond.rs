//! Writes what a response says now, when it says something else than before.

use std::collections::BTreeMap;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction};

use super::{State, rule};
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
    id: [u8; 16],
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let merged = merge(entries, None);
    if let Some(response) = &merged.response {
        insert(tx, state, id, response)?;
    }
    for (hash, hold) in &merged.held {
        write_hold(tx, state, id, entries, *hash, hold)?;
    }
    Ok(())
}

/// The response was known: only what differs is written.
pub(super) fn again(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let ruling = if state.any_ruling { rule::of(tx, id)? } else { None };
    let merged = merge(entries, ruling);
    update(tx, state, id, merged.response.as_ref())?;
    update_held(tx, state, id, entries, &merged.held)
}

fn update(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    response: Option<&Response>,
) -> rusqlite::Result<()> {
    let stored: Option<(i64, Vec<u8>)> = tx
        .prepare_cached("SELECT changed, body FROM responses WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if stored.as_ref().map(|(_, body)| body.as_slice()) == response.map(Response::encode_to_vec).as_deref() {
        return Ok(());
    }
    if let Some((changed, _)) = stored {
        delete(tx, changed)?;
    }
    match response {
        Some(response) => insert(tx, state, id, response),
        None => mark_gone(tx, state, id),
    }
}

fn insert(
    tx: &Transaction<'_>,
    state: &mut State,
    id: [u8; 16],
    response: &Response,
) -> rusqlite::Result<()> {
    if state.any_gone {
        tx.prepare_cached("DELETE FROM gone WHERE response_id = ?1")?.execute([id])?;
    }
    tx.prepare_cached("INSERT INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute((
        state.next_change(),
        id,
        &response.survey,
        &response.brand,
        &response.interaction,
        response.encode_to_vec(),
        response.answers.iter().any(|answer| answer.confidence() == Confidence::Provisional),
    ))?;
    Ok(())
}

fn delete(tx: &Transaction<'_>, changed: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM responses WHERE changed = ?1")?.execute([changed])?;
    Ok(())
}

/// None of the response's records is left.
pub(super) fn remove(tx: &Transaction<'_>, state: &mut State, id: [u8; 16]) -> rusqlite::Result<()> {
    let changed: Option<i64> = tx
        .prepare_cached("SELECT changed FROM responses WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if let Some(changed) = changed {
        delete(tx, changed)?;
    }
    mark_gone(tx, state, id)
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
