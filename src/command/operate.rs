//! `voxgate spool` and `voxgate dead-letters`: ask the running gateway, or look into a stopped one's data directory.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{ConfigDir, block_on, unprinted};
use crate::{
    admin::SpoolView,
    clock::{Clock, Timestamp},
    config::{Overrides, Settings},
    forward::DeadLetters,
    intake::claim::Runs,
    lifecycle::Failure,
    spool::Spool,
};

/// A command's question and its answer take no longer than this.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `voxgate spool`
#[derive(Debug, Args)]
pub(super) struct SpoolArgs {
    #[command(subcommand)]
    action: SpoolAction,
}

#[derive(Debug, Subcommand)]
enum SpoolAction {
    /// The books, the bytes, the age of what waits
    Status(Place),
    /// Send again what was appended since then, delivered or not; for a store restored from a backup
    Replay {
        /// RFC 3339, for example 2026-11-21T20:00:00Z
        #[arg(long, value_name = "T")]
        since: String,
        #[command(flatten)]
        place: Place,
    },
}

/// `voxgate dead-letters`
#[derive(Debug, Args)]
pub(super) struct DeadLetterArgs {
    #[command(subcommand)]
    action: DeadLetterAction,
}

#[derive(Debug, Subcommand)]
enum DeadLetterAction {
    /// Which records the store refused, and why
    List(Place),
    /// Append them to the spool again
    Retry(Place),
}

/// Where to ask.
#[derive(Debug, Args)]
struct Place {
    /// The running gateway's admin listener [default: the configuration's]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    admin: Option<String>,
    /// A stopped gateway's data directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigDir,
}

pub(super) fn spool(args: SpoolArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    match args.action {
        SpoolAction::Status(place) => {
            let settings = place.settings()?;
            let answer = match &place.data {
                Some(_) => stopped_status(&open_spool(&settings)?),
                None => place.ask(&settings, Method::Get, "/spool")?,
            };
            print(out, &answer)
        }
        SpoolAction::Replay { since, place } => {
            let since = Timestamp::parse(&since).ok_or_else(|| {
                Failure::Configuration(format!(
                    "--since {since} is no time; write it like 2026-11-21T20:00:00Z"
                ))
            })?;
            let settings = place.settings()?;
            let answer = match &place.data {
                Some(_) => stopped_replay(&open_spool(&settings)?, since)?,
                None => place.ask(&settings, Method::Post, &format!("/spool/replay?since={since}"))?,
            };
            print(out, &answer)
        }
    }
}

pub(super) fn dead_letters(args: DeadLetterArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (place, method, path) = match args.action {
        DeadLetterAction::List(place) => (place, Method::Get, "/dead-letters"),
        DeadLetterAction::Retry(place) => (place, Method::Post, "/dead-letters/retry"),
    };
    let settings = place.settings()?;
    let answer = match (&place.data, method) {
        (None, method) => place.ask(&settings, method, path)?,
        (Some(_), Method::Get) => stopped_letters(&settings)?,
        (Some(_), Method::Post) => block_on(stopped_retry(&settings))?,
    };
    print(out, &answer)
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Post,
}

impl Place {
    fn settings(&self) -> Result<Settings, Failure> {
        let overrides = Overrides { data: self.data.clone(), ..Overrides::default() };
        Ok(self.config.load(&overrides)?.settings)
    }

    fn ask(&self, settings: &Settings, method: Method, path: &str) -> Result<Value, Failure> {
        let scheme = if settings.admin.tls.is_some() { "https" } else { "http" };
        let base = self.admin.clone().unwrap_or_else(|| format!("{scheme}://{}", settings.admin.listen));
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let token = settings.admin.token.as_ref().map(|token| token.expose().to_owned());
        block_on(ask(url, method, token))
    }
}

async fn ask(url: String, method: Method, token: Option<String>) -> Result<Value, Failure> {
    let unavailable = |error: reqwest::Error| {
        Failure::Unavailable(format!(
            "{url} does not answer ({error}); is the gateway running? For a stopped one use --data DIR"
        ))
    };
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(unavailable)?;
    let request = match method {
        Method::Get => client.get(&url),
        Method::Post => client.post(&url),
    };
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.map_err(unavailable)?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(unavailable)?;
    if status.is_success() {
        return Ok(body);
    }
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no detail").to_owned();
    Err(Failure::Unavailable(format!("{url} answered {status}: {detail}")))
}

fn open_spool(settings: &Settings) -> Result<Spool, Failure> {
    match Spool::open(&settings.data, &settings.spool, Clock::System) {
        Ok((spool, _)) => Ok(spool),
        Err(error) => Err(Failure::Unavailable(format!("{error}; for a running gateway leave --data out"))),
    }
}

fn stopped_status(spool: &Spool) -> Value {
    let status = spool.status();
    serde_json::json!({
        "books": SpoolView::of(&status),
        "bytes": status.bytes,
        "segments": status.segments,
        "oldest_undelivered": status.oldest_undelivered.map(|at| at.to_string()),
    })
}

fn stopped_replay(spool: &Spool, since: Timestamp) -> Result<Value, Failure> {
    let records = spool
        .replay(since)
        .map_err(|error| Failure::Internal(format!("the spool could not be replayed: {error}")))?;
    spool.close();
    Ok(serde_json::json!({ "records": records, "since": since.to_string(), "sent": "at the next start" }))
}

fn open_letters(settings: &Settings) -> Result<DeadLetters, Failure> {
    DeadLetters::open(&settings.data, settings.store.dead_letters)
        .map_err(|error| Failure::Unavailable(format!("the dead letters cannot be opened: {error}")))
}

fn stopped_letters(settings: &Settings) -> Result<Value, Failure> {
    let letters = open_letters(settings)?;
    let listed = letters.list(usize::MAX).map_err(|error| Failure::Internal(error.to_string()))?;
    let listed: Vec<_> = listed.letters.iter().map(crate::admin::letter).collect();
    Ok(serde_json::json!({ "total": letters.len(), "dead_letters": listed }))
}

async fn stopped_retry(settings: &Settings) -> Result<Value, Failure> {
    let spool = open_spool(settings)?;
    let letters = open_letters(settings)?;
    let runs = Runs::default();
    let retried = crate::admin::retry(&spool, &letters, || runs.ticket()).await;
    spool.close();
    retried.map_err(|error| Failure::Internal(format!("the dead letters could not be retried: {error}")))
}

fn print(out: &mut impl Write, answer: &Value) -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(answer).unwrap_or_default();
    writeln!(out, "{text}").map_err(unprinted)?;
    Ok(ExitCode::SUCCESS)
}
