//! Who wants no more invitations of which brand.
//!
//! Of all that a person said to a brand the newest stamp holds, and of two at once the one that wants none: a function
//! of the set of what was said, of which only the newest need be kept (invariant 2).

use rusqlite::{OptionalExtension as _, Transaction};

use super::{State, append::respondent_key};
use crate::{
    clock::Timestamp,
    proto::store::v1::{OptOut, OptedOut, Record, watch_response::Change},
};

/// Takes in what a person said, if it is news. No tombstone stands in its way, as an erased person must not be asked
/// again; and nothing is kept of it but the brand, the person's keyed hash and the time.
pub(super) fn take(
    tx: &Transaction<'_>,
    state: &mut State,
    record: &Record,
    opted_out: &OptedOut,
) -> rusqlite::Result<()> {
    let Some(person) = respondent_key(record) else { return Ok(()) };
    let known = tx
        .prepare_cached("SELECT stamp, withdrawn FROM opt_outs WHERE brand = ?1 AND person = ?2")?
        .query_row((&record.brand, person), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))
        .optional()?;
    let rank = |stamp_us: i64, withdrawn: bool| (stamp_us, !withdrawn);
    let said = rank(record.stamp_us, opted_out.withdrawn);
    if known.is_some_and(|(stamp_us, withdrawn)| rank(stamp_us, withdrawn) >= said) {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO opt_outs (changed, brand, person, stamp, withdrawn) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((state.next_change(), &record.brand, person, record.stamp_us, opted_out.withdrawn))?;
    Ok(())
}

/// Which of some people want no more invitations of a brand.
pub(crate) fn opt_outs(
    tx: &Transaction<'_>,
    brand: &str,
    people: &[[u8; 16]],
) -> rusqlite::Result<Vec<[u8; 16]>> {
    let mut query =
        tx.prepare_cached("SELECT 1 FROM opt_outs WHERE brand = ?1 AND person = ?2 AND NOT withdrawn")?;
    let mut found = Vec::new();
    for person in people {
        if query.exists((brand, person))? {
            found.push(*person);
        }
    }
    Ok(found)
}

/// Changes after a number, for the change feed.
pub(super) fn changes(tx: &Transaction<'_>, after: i64, limit: i64) -> rusqlite::Result<Vec<(i64, Change)>> {
    let mut query = tx.prepare_cached(
        "SELECT changed, brand, person, stamp, withdrawn FROM opt_outs WHERE changed > ?1 ORDER BY changed LIMIT ?2",
    )?;
    let change = |row: &rusqlite::Row<'_>| {
        let opt_out = OptOut {
            brand: row.get(1)?,
            respondent_key: hex::encode(row.get::<_, [u8; 16]>(2)?),
            at: Some(Timestamp::from_micros(row.get(3)?).to_proto()),
            withdrawn: row.get(4)?,
        };
        Ok((row.get(0)?, Change::OptOut(opt_out)))
    };
    query.query_map((after, limit), change)?.collect()
}
