//! Short links: kept by their handle, bounded in number, forgotten after their time and with their person.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction};

use super::{LedgerError, State, append::buried_before_us, tombstones::Name};
use crate::{clock::Timestamp, store::StoreError};

/// Links past their time that each put forgets beside its own number: more than are made, so that they never pile up.
const SWEPT: usize = 256;

/// How many short links are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkBounds {
    /// At once.
    pub(crate) kept: u64,
    /// Past their expiry.
    pub(crate) kept_after: Duration,
}

/// What a handle stands for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ShortLink {
    /// As it stands in the address, in lower case.
    pub(crate) handle: String,
    /// Of the long link.
    pub(crate) token: String,
    /// Keyed hash of whom it asks.
    pub(crate) person: Option<[u8; 16]>,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// When its answers begin to be held.
    pub(crate) expires: Option<Timestamp>,
}

/// Whoever has a link answers for its person.
impl std::fmt::Debug for ShortLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShortLink").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Keeps links; returns how many there are then.
pub(super) fn put(
    tx: &Transaction<'_>,
    state: &mut State,
    links: &[ShortLink],
    bounds: LinkBounds,
) -> Result<u64, LedgerError> {
    let counted = match state.links.take() {
        Some(counted) => counted,
        None => count(tx)?,
    };
    let mut kept = counted.saturating_sub(sweep(tx, state.clock.now(), links.len().saturating_add(SWEPT))?);
    for link in links {
        if is_erased(tx, link)? {
            continue;
        }
        match token_of(tx, &link.handle)? {
            Some(token) if token == link.token => continue,
            Some(_) => return Err(LedgerError::Refused(StoreError::LinkTaken)),
            None if kept >= bounds.kept => {
                return Err(LedgerError::Refused(StoreError::LinksFull(bounds.kept)));
            }
            None => insert(tx, link, bounds)?,
        }
        kept += 1;
    }
    Ok(kept)
}

fn count(tx: &Transaction<'_>) -> rusqlite::Result<u64> {
    let counted: i64 = tx.query_row("SELECT count(*) FROM links", [], |row| row.get(0))?;
    Ok(counted.unsigned_abs())
}

/// Forgets some of those that are past their time; returns how many.
fn sweep(tx: &Transaction<'_>, now: Timestamp, at_most: usize) -> rusqlite::Result<u64> {
    let mut query = tx.prepare_cached(
        "DELETE FROM links WHERE handle IN (SELECT handle FROM links WHERE kept_until < ?1 LIMIT ?2)",
    )?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    Ok(query.execute((now.as_micros(), at_most))? as u64)
}

/// Whether its person was erased after it was made: a late retry brings nothing back.
fn is_erased(tx: &Transaction<'_>, link: &ShortLink) -> rusqlite::Result<bool> {
    let Some(person) = link.person else { return Ok(false) };
    let buried_us = buried_before_us(tx, Name::Person(person))?;
    Ok(buried_us.is_some_and(|before_us| link.made.as_micros() < before_us))
}

fn token_of(tx: &Transaction<'_>, handle: &str) -> rusqlite::Result<Option<String>> {
    let mut query = tx.prepare_cached("SELECT token FROM links WHERE handle = ?1")?;
    query.query_row([handle], |row| row.get(0)).optional()
}

fn insert(tx: &Transaction<'_>, link: &ShortLink, bounds: LinkBounds) -> rusqlite::Result<()> {
    let kept_until = link.expires.map(|expires| expires.after(bounds.kept_after).as_micros());
    let expires = link.expires.map(Timestamp::as_micros);
    tx.prepare_cached(
        "INSERT INTO links (handle, token, person, made, expires, kept_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((&link.handle, &link.token, link.person, link.made.as_micros(), expires, kept_until))?;
    Ok(())
}

/// Forgets the links of a person that were made before.
pub(super) fn forget(
    tx: &Transaction<'_>,
    state: &mut State,
    person: [u8; 16],
    before_us: i64,
) -> rusqlite::Result<()> {
    let mut query = tx.prepare_cached("DELETE FROM links WHERE person = ?1 AND made < ?2")?;
    if query.execute((person, before_us))? > 0 {
        state.links = None;
    }
    Ok(())
}

/// What a handle stands for; none when it was never kept, or is past its time.
pub(crate) fn link(
    tx: &Transaction<'_>,
    handle: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<ShortLink>> {
    let mut query = tx.prepare_cached(
        "SELECT token, person, made, expires FROM links
         WHERE handle = ?1 AND (kept_until IS NULL OR kept_until >= ?2)",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(ShortLink {
            handle: handle.to_owned(),
            token: row.get(0)?,
            person: row.get(1)?,
            made: Timestamp::from_micros(row.get(2)?),
            expires: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
        })
    };
    query.query_row((handle, now.as_micros()), read).optional()
}
