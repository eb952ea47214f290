//! Reads: one response, pages of responses and of held records, the change feed.

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, types::Type};
use uuid::Uuid;

use super::{events, opt_outs, respond};
use crate::{
    clock::Timestamp,
    proto::store::v1::{Erased, Held, Record, Response, WatchResponse, watch_response::Change},
    store::{RecordHash, page},
};

/// A page ends when its bodies have this many bytes: gRPC clients take 4 MiB unless told otherwise.
const PAGE_BYTES: usize = 3 << 20;

/// Some rows, and whether there are more.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// With the key to go on after each.
    pub(crate) rows: Vec<T>,
    /// Whether a page after this one has rows.
    pub(crate) more: bool,
}

/// Which responses; empty texts stand for all.
#[derive(Clone, Debug)]
pub(crate) struct ListFilter {
    pub(crate) survey: String,
    pub(crate) brand: String,
    pub(crate) interaction: String,
    /// Only with a provisional answer.
    pub(crate) provisional: bool,
    /// Only changed after this.
    pub(crate) after: i64,
    pub(crate) limit: usize,
}

/// Which held records; empty texts stand for all.
#[derive(Clone, Debug)]
pub(crate) struct HeldFilter {
    pub(crate) survey: String,
    pub(crate) brand: String,
    pub(crate) state: i32,
    /// Only after this one, by reception and hash.
    pub(crate) after: (i64, RecordHash),
    pub(crate) limit: usize,
}

/// One response; none when nothing counts under the id.
pub(crate) fn get(tx: &Transaction<'_>, id: [u8; 16]) -> rusqlite::Result<Option<Response>> {
    tx.prepare_cached(
        "SELECT changed, body FROM responses WHERE changed = (SELECT changed FROM known WHERE id = ?1)",
    )?
    .query_row([id], |row| Ok(response(row)?.1))
    .optional()
}

/// A page of responses, oldest change first, each with the number of its change.
pub(crate) fn responses(
    tx: &Transaction<'_>,
    filter: &ListFilter,
) -> rusqlite::Result<Page<(i64, Response)>> {
    // Statements of their own, so that each has the plan of its index.
    let sql = match (filter.interaction.as_str(), filter.provisional) {
        ("", true) => {
            "SELECT changed, body FROM responses
             WHERE provisional = 1 AND changed > ?1 AND ?4 = '' AND (?2 = '' OR survey = ?2)
               AND (?3 = '' OR brand = ?3) AND ?6
             ORDER BY changed LIMIT ?5"
        }
        ("", false) => {
            "SELECT changed, body FROM responses
             WHERE changed > ?1 AND ?4 = '' AND (?2 = '' OR survey = ?2) AND (?3 = '' OR brand = ?3) AND NOT ?6
             ORDER BY changed LIMIT ?5"
        }
        _ => {
            "SELECT changed, body FROM responses
             WHERE interaction = ?4 AND interaction <> '' AND changed > ?1
               AND (?2 = '' OR survey = ?2) AND (?3 = '' OR brand = ?3) AND (NOT ?6 OR provisional = 1)
             ORDER BY changed LIMIT ?5"
        }
    };
    let mut query = tx.prepare_cached(sql)?;
    let rows = query.query_map(
        (
            filter.after,
            &filter.survey,
            &filter.brand,
            &filter.interaction,
            one_more(filter.limit),
            filter.provisional,
        ),
        response,
    )?;
    fill(rows, filter.limit, |(_, response)| response.encoded_len())
}

/// A page of held records, oldest first.
pub(crate) fn held(tx: &Transaction<'_>, filter: &HeldFilter) -> rusqlite::Result<Page<Held>> {
    let mut query = tx.prepare_cached(
        "SELECT h.changed, h.hash, h.response_id, h.reason, h.state, r.body
         FROM held h JOIN records_by_id r ON r.response_id = h.response_id AND r.hash = h.hash
         WHERE h.state = ?1 AND (h.received, h.hash) > (?2, ?3)
           AND (?4 = '' OR h.survey = ?4) AND (?5 = '' OR h.brand = ?5)
         ORDER BY h.received, h.hash LIMIT ?6",
    )?;
    let (received, hash) = filter.after;
    let rows = query.query_map(
        (filter.state, received, hash.0, &filter.survey, &filter.brand, one_more(filter.limit)),
        |row| Ok(held_row(row)?.1),
    )?;
    fill(rows, filter.limit, Held::encoded_len)
}

/// The held records with these ids, in whichever state; the first unknown one when there is one.
pub(crate) fn held_by_ids(
    tx: &Transaction<'_>,
    ids: &[RecordHash],
) -> rusqlite::Result<Result<Vec<Held>, RecordHash>> {
    let mut query = tx.prepare_cached(
        "SELECT h.changed, h.hash, h.response_id, h.reason, h.state, r.body
         FROM held h JOIN records_by_id r ON r.response_id = h.response_id AND r.hash = h.hash
         WHERE h.hash = ?1",
    )?;
    let mut found = Vec::new();
    for id in ids {
        match query.query_row([id.0], |row| Ok(held_row(row)?.1)).optional()? {
            Some(held) => found.push(held),
            None => return Ok(Err(*id)),
        }
    }
    Ok(Ok(found))
}

/// The changes after a number, in order, with their numbers.
pub(crate) fn changes(
    tx: &Transaction<'_>,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Page<(i64, WatchResponse)>> {
    let mut all = changed_responses(tx, after, limit)?;
    all.extend(changed_held(tx, after, limit)?);
    all.extend(gone(tx, after, limit)?);
    all.extend(happened(tx, after, limit)?);
    all.extend(opt_outs::changes(tx, after, one_more(limit))?);
    all.sort_unstable_by_key(|(changed, _)| *changed);
    let change = |(changed, change)| {
        let cursor = page::cursor(changed);
        Ok((changed, WatchResponse { cursor, change: Some(change) }))
    };
    fill(all.into_iter().map(change), limit, |(_, change)| change.encoded_len())
}

fn changed_responses(tx: &Transaction<'_>, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, Change)>> {
    let sql = "SELECT changed, body FROM responses WHERE changed > ?1 ORDER BY changed LIMIT ?2";
    tx.prepare_cached(sql)?
        .query_map((after, one_more(limit)), |row| {
            response(row).map(|(changed, response)| (changed, Change::Response(response)))
        })?
        .collect()
}

fn changed_held(tx: &Transaction<'_>, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, Change)>> {
    tx.prepare_cached(
        "SELECT h.changed, h.hash, h.response_id, h.reason, h.state, r.body
         FROM held h JOIN records_by_id r ON r.response_id = h.response_id AND r.hash = h.hash
         WHERE h.changed > ?1 ORDER BY h.changed LIMIT ?2",
    )?
    .query_map((after, one_more(limit)), |row| {
        held_row(row).map(|(changed, held)| (changed, Change::Held(held)))
    })?
    .collect()
}

fn gone(tx: &Transaction<'_>, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, Change)>> {
    let sql = "SELECT changed, response_id FROM gone WHERE changed > ?1 ORDER BY changed LIMIT ?2";
    tx.prepare_cached(sql)?
        .query_map((after, one_more(limit)), |row| {
            let (changed, id) = (row.get(0)?, row.get(1)?);
            let at = Some(Timestamp::from_micros(changed).to_proto());
            Ok((changed, Change::Erased(Erased { response_id: uuid(id), at })))
        })?
        .collect()
}

fn happened(tx: &Transaction<'_>, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, Change)>> {
    let mut query = tx.prepare_cached(
        "SELECT e.changed, e.response_id, r.body
         FROM events e JOIN records_by_id r ON r.response_id = e.response_id AND r.hash = e.hash
         WHERE e.changed > ?1 ORDER BY e.changed LIMIT ?2",
    )?;
    let mut rows = query.query((after, one_more(limit)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let record: Record = decode(row.get_ref(2)?.as_blob()?)?;
        found.extend(events::change(&record, uuid(row.get(1)?)).map(|change| (row.get(0), change)));
    }
    found.into_iter().map(|(changed, change)| Ok((changed?, change))).collect()
}

/// Takes rows up to a count and to [`PAGE_BYTES`], at least one.
fn fill<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    limit: usize,
    size_bytes: impl Fn(&T) -> usize,
) -> rusqlite::Result<Page<T>> {
    let mut page = Page { rows: Vec::new(), more: false };
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += size_bytes(&row);
        if page.rows.len() == limit || (bytes > PAGE_BYTES && !page.rows.is_empty()) {
            page.more = true;
            break;
        }
        page.rows.push(row);
    }
    Ok(page)
}

/// One row more than asked tells whether there is a page after.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

fn response(row: &Row<'_>) -> rusqlite::Result<(i64, Response)> {
    let changed = row.get(0)?;
    let mut response: Response = decode(row.get_ref(1)?.as_blob()?)?;
    response.updated_at = Some(Timestamp::from_micros(changed).to_proto());
    Ok((changed, response))
}

fn held_row(row: &Row<'_>) -> rusqlite::Result<(i64, Held)> {
    let record: Record = decode(row.get_ref(5)?.as_blob()?)?;
    let held = Held {
        id: RecordHash(row.get(1)?).to_string(),
        response_id: uuid(row.get(2)?),
        reasons: vec![row.get(3)?],
        state: respond::held_state(row.get(4)?) as i32,
        record: Some(record),
    };
    Ok((row.get(0)?, held))
}

fn uuid(id: [u8; 16]) -> String {
    Uuid::from_bytes(id).to_string()
}

/// Decodes a message of ours; a body that cannot be read is a broken file.
pub(crate) fn decode<M: prost::Message + Default>(body: &[u8]) -> rusqlite::Result<M> {
    M::decode(body).map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error)))
}
