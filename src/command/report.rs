//! `voxgate report`: scores with their intervals.

mod format;

use std::io::Write;

use super::{
    store_access::{StoreAccess, StoreArgs, StoreFailure},
    when,
};
use crate::{clock::Clock, proto::store::v1::SummarizeRequest};

/// What to report.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Only this survey
    #[arg(long, value_name = "ID")]
    pub(super) survey: Option<String>,
    /// Only this brand
    #[arg(long, value_name = "ID")]
    pub(super) brand: Option<String>,
    /// Only answered at or after: 2026-11-21T20:00:00Z, 2026-11-21, or a span back such as 7d
    #[arg(long, value_name = "T")]
    pub(super) since: Option<String>,
    /// Only answered before; written as --since
    #[arg(long, value_name = "T")]
    pub(super) until: Option<String>,
    /// IANA time zone of dates, days, weeks and months
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) tz: String,
    /// Groups, separated by commas: channel, brand, country, language, subject, identity, day, week, month,
    /// attribute:KEY
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    pub(super) by: Vec<String>,
    /// Count trials too
    #[arg(long)]
    pub(super) include_test: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Which store
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For reading: rounded, at most 100 columns wide for usual ids
    Table,
    /// An array of objects, not rounded
    Json,
    /// With a header, not rounded
    Csv,
}

/// Asks the store and prints what it counted.
///
/// # Errors
/// A [`StoreFailure`] when the store cannot be asked; else when a time, zone or group is none, or `out` cannot be
/// written.
pub(super) async fn run(
    args: &ReportArgs,
    store: &StoreAccess,
    clock: &Clock,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let request = request(args, clock)?;
    let mut client = store.connect().await?;
    let summary = client.summarize(request).await.map_err(StoreFailure::from)?.into_inner();
    match args.format {
        Format::Table => format::table(&args.by, &summary.rows, out)?,
        Format::Json => format::json(&args.by, &summary.rows, out)?,
        Format::Csv => format::csv(&args.by, &summary.rows, out)?,
    }
    Ok(out.flush()?)
}

fn request(args: &ReportArgs, clock: &Clock) -> anyhow::Result<SummarizeRequest> {
    let zone = when::zone(&args.tz)?;
    let time = |text: Option<&String>| {
        text.map(|text| when::parse(text, &zone, clock.now()).map(|time| time.to_proto())).transpose()
    };
    Ok(SummarizeRequest {
        survey: args.survey.clone().unwrap_or_default(),
        brand: args.brand.clone().unwrap_or_default(),
        since: time(args.since.as_ref())?,
        until: time(args.until.as_ref())?,
        time_zone: args.tz.clone(),
        by: args.by.clone(),
        include_test: args.include_test,
    })
}

#[cfg(test)]
mod tests;
