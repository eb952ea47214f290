//! Operators' decisions about held records.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Transaction};

use super::{LedgerError, State, append, respond};
use crate::{
    proto::store::v1::HeldState,
    store::{RecordHash, StoreError, merge::Decision},
};

/// Applies a decision to all records, or to none; returns how many were waiting.
pub(super) fn decide(
    tx: &Transaction<'_>,
    state: &mut State,
    ids: &[RecordHash],
    decision: Decision,
) -> Result<u32, LedgerError> {
    let mut waiting = 0;
    let mut responses = BTreeSet::new();
    for hash in ids {
        let (response_id, stands) = held(tx, *hash)?;
        if stands == HeldState::Discarded && decision == Decision::Released {
            return Err(LedgerError::Refused(StoreError::Discarded(hash.to_string())));
        }
        waiting += u32::from(stands == HeldState::Waiting);
        set_decision(tx, response_id, *hash, decision)?;
        responses.insert(response_id);
    }
    for id in responses {
        if let Some((mut response, entries)) = append::response(tx, id)? {
            respond::again(tx, state, &mut response, &entries)?;
        }
    }
    Ok(waiting)
}

fn held(tx: &Transaction<'_>, hash: RecordHash) -> Result<([u8; 16], HeldState), LedgerError> {
    let row = tx
        .prepare_cached("SELECT response_id, state FROM held WHERE hash = ?1")?
        .query_row([hash.0], |row| Ok((row.get(0)?, respond::held_state(row.get(1)?))))
        .optional()?;
    row.filter(|(_, stands)| *stands != HeldState::Settled)
        .ok_or_else(|| LedgerError::Refused(StoreError::UnknownHeld(hash.to_string())))
}

fn set_decision(
    tx: &Transaction<'_>,
    response_id: [u8; 16],
    hash: RecordHash,
    decision: Decision,
) -> rusqlite::Result<()> {
    let column = match decision {
        Decision::None => 0,
        Decision::Released => 1,
        Decision::Discarded => 2,
    };
    tx.prepare_cached(
        "UPDATE records SET decision = ?3
         WHERE response = (SELECT number FROM known WHERE id = ?1) AND hash = ?2",
    )?
    .execute((response_id, hash.0, column))?;
    Ok(())
}
