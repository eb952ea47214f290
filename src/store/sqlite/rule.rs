//! Operators' rulings about who gave the answers of a response.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use uuid::Uuid;

use super::{LedgerError, State, append, respond};
use crate::{
    store::{StoreError, merge::Entry},
    verdict::Ruling,
};

/// Rules about all responses, or about none; returns how many were not ruled about like that before.
pub(super) fn rule(
    tx: &Transaction<'_>,
    state: &mut State,
    ids: &[[u8; 16]],
    confirmed: bool,
) -> Result<u32, LedgerError> {
    state.any_ruling = true;
    let mut new = 0;
    for id in ids {
        let has_answers = |entries: &[Entry]| entries.iter().any(|entry| entry.record.event.is_none());
        let found = append::response(tx, *id)?.filter(|(_, entries)| has_answers(entries));
        let Some((mut response, entries)) = found else {
            let id = Uuid::from_bytes(*id).to_string();
            return Err(LedgerError::Refused(StoreError::UnknownResponse(id)));
        };
        let before = of(tx, *id)?;
        new += u32::from(before.is_none_or(|before| before.confirmed != confirmed));
        // A gateway's clock may be ahead of ours.
        let received = entries.iter().map(|entry| entry.record.received_us);
        let until_us = received.fold(state.clock.now().as_micros(), i64::max);
        tx.prepare_cached("INSERT OR REPLACE INTO rulings VALUES (?1, ?2, ?3)")?
            .execute((id, confirmed, until_us))?;
        respond::again(tx, state, &mut response, &entries)?;
    }
    Ok(new)
}

/// The ruling about a response.
pub(super) fn of(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<Option<Ruling>> {
    tx.prepare_cached("SELECT confirmed, until FROM rulings WHERE response_id = ?1")?
        .query_row([id], |row| Ok(Ruling { confirmed: row.get(0)?, until_us: row.get(1)? }))
        .optional()
}

/// Forgets the ruling about a response of which nothing is left.
pub(super) fn forget(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM rulings WHERE response_id = ?1")?.execute([id])?;
    Ok(())
}

/// Whether there are rulings at all.
pub(super) fn any(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM rulings)", [], |row| row.get(0))
}
