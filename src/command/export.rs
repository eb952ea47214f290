//! `voxgate export`: the responses as they stand, for other programs.

mod cursor;
mod rows;

use std::{io::Write, path::PathBuf};

use self::{cursor::Cursor, rows::Rows};
use super::{
    store_access::{StoreAccess, StoreArgs, StoreFailure},
    when,
};
use crate::{
    clock::{Clock, Timestamp},
    proto::store::v1::{ListResponsesRequest, Response, WatchRequest, watch_response::Change},
    store::Client,
};

/// What to export.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Only changed at or after: 2026-11-21T20:00:00Z, 2026-11-21, or a span back such as 7d
    #[arg(long, value_name = "T")]
    pub(super) since: Option<String>,
    /// IANA time zone of a date in --since
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) tz: String,
    /// Go on where the export that wrote this file ended, and write it
    #[arg(long, value_name = "FILE")]
    pub(super) cursor: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum)]
    pub(super) format: Format,
    /// Which store
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// How an export is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A response a line, as JSON
    Ndjson,
    /// An answer a row, with a header
    Csv,
}

/// Writes responses to `out`, oldest change first. To `notes` goes a line for each response that was erased since the
/// cursor, for whoever keeps copies.
///
/// The cursor is written when everything before it has been flushed; an export that fails is so repeated, not skipped.
///
/// # Errors
/// A [`StoreFailure`] when the store cannot be asked; else when a time or zone is none, or a file cannot be written.
pub(super) async fn run(
    args: &ExportArgs,
    store: &StoreAccess,
    clock: &Clock,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> anyhow::Result<()> {
    let zone = when::zone(&args.tz)?;
    let since = args.since.as_ref().map(|text| when::parse(text, &zone, clock.now())).transpose()?;
    let mut client = store.connect().await?;
    let mut rows = Rows::new(args.format, out)?;
    match &args.cursor {
        None => export_list(&mut client, since, &mut rows).await,
        Some(path) => export_feed(&mut client, &Cursor::new(path), since, &mut rows, notes).await,
    }
}

async fn export_list<W: Write>(
    client: &mut Client,
    since: Option<Timestamp>,
    rows: &mut Rows<'_, W>,
) -> anyhow::Result<()> {
    let updated_since = since.map(Timestamp::to_proto);
    let mut request = ListResponsesRequest { updated_since, page_size: 1_000, ..Default::default() };
    loop {
        let page = client.list_responses(request.clone()).await.map_err(StoreFailure::from)?.into_inner();
        page.responses.iter().try_for_each(|response| rows.write(response))?;
        if page.next_page_token.is_empty() {
            return rows.flush();
        }
        request.page_token = page.next_page_token;
    }
}

async fn export_feed<W: Write>(
    client: &mut Client,
    cursor: &Cursor<'_>,
    since: Option<Timestamp>,
    rows: &mut Rows<'_, W>,
    notes: &mut impl Write,
) -> anyhow::Result<()> {
    let request = WatchRequest { cursor: cursor.read()?, stop_at_end: true };
    let mut feed = client.watch(request).await.map_err(StoreFailure::from)?.into_inner();
    let mut last = None;
    while let Some(change) = feed.message().await.map_err(StoreFailure::from)? {
        match change.change {
            Some(Change::Response(response)) if is_since(&response, since) => rows.write(&response)?,
            Some(Change::Erased(erased)) => writeln!(notes, "erased {}", erased.response_id)?,
            _ => {}
        }
        last = Some(change.cursor);
    }
    rows.flush()?;
    notes.flush()?;
    last.map_or(Ok(()), |last| cursor.write(&last))
}

fn is_since(response: &Response, since: Option<Timestamp>) -> bool {
    let updated = response.updated_at.as_ref().map(Timestamp::from_proto);
    since.is_none_or(|since| updated.is_none_or(|updated| updated >= since))
}

/// Writes responses as `--format ndjson` does.
pub(super) fn lines(responses: &[Response], out: &mut impl Write) -> anyhow::Result<()> {
    let mut rows = Rows::new(Format::Ndjson, out)?;
    responses.iter().try_for_each(|response| rows.write(response))
}

#[cfg(test)]
mod tests;
