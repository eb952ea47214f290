//! Where the rows of a response are. Its id is a hash: under it stands this alone, and all else under a number that
//! grows, so that what comes in together lies together.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

/// A response of which records are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) id: [u8; 16],
    /// Under which its records stand.
    pub(super) number: i64,
    /// Under which it stands among the responses; none while nothing counts.
    pub(super) changed: Option<i64>,
}

/// The response with this id; none when no record of it is kept.
pub(super) fn find(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<Option<Known>> {
    tx.prepare_cached("SELECT number, changed FROM known WHERE id = ?1")?
        .query_row([id], |row| Ok(Known { id, number: row.get(0)?, changed: row.get(1)? }))
        .optional()
}

/// Keeps what is known of a response, new or not.
pub(super) fn keep(tx: &Transaction<'_>, known: &Known) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO known VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET changed = excluded.changed",
    )?
    .execute((known.id, known.number, known.changed))?;
    Ok(())
}

/// None of its records is left.
pub(super) fn forget(tx: &Transaction<'_>, known: &Known) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM known WHERE id = ?1")?.execute([known.id])?;
    Ok(())
}

/// The largest number that records stand under.
pub(super) fn last_number(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(response), 0) FROM records", [], |row| row.get(0))
}
