//! `voxgate quarantine`: the held answers, wherever they came in, and the provisional ones, which a machine may have
//! given.

mod show;

use std::io::Write;

use super::{
    export,
    store_access::{StoreAccess, StoreArgs, StoreFailure},
};
use crate::proto::store::v1::{
    Confidence, DecideResponsesRequest, DiscardHeldRequest, Held, HeldState, ListHeldRequest,
    ListResponsesRequest, ReleaseHeldRequest,
};

/// What to do with the held answers.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct QuarantineArgs {
    /// What to do
    #[command(subcommand)]
    pub(super) action: Action,
}

/// What to do with the held answers.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List them, oldest first
    List(ListArgs),
    /// Show one whole
    Show(IdArgs),
    /// Let them count
    Release(IdArgs),
    /// Put them aside for good
    Discard(IdArgs),
    /// Say that a person gave provisional answers, by the ids of their responses
    Confirm(IdArgs),
    /// Say that a machine may have given answers, by the ids of their responses
    Doubt(IdArgs),
}

/// Which held answers to list.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only of this survey
    #[arg(long, value_name = "ID")]
    pub(super) survey: Option<String>,
    /// Only of this brand
    #[arg(long, value_name = "ID")]
    pub(super) brand: Option<String>,
    /// Where they stand
    #[arg(long, value_enum, default_value_t = State::Waiting)]
    pub(super) state: State,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Which store
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Some held answers.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct IdArgs {
    /// Their ids, as the list shows them
    #[arg(required = true, value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// Which store
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Where a held answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum State {
    /// For a decision
    Waiting,
    /// It counts
    Released,
    /// Put aside
    Discarded,
    /// A machine may have given it: responses that wait for a person's own answer, or for a decision
    Provisional,
}

/// How the list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For reading
    Table,
    /// A held answer a line, whole
    Ndjson,
}

impl QuarantineArgs {
    /// Which store is named.
    pub(super) const fn store(&self) -> &StoreArgs {
        match &self.action {
            Action::List(args) => &args.store,
            Action::Show(args)
            | Action::Release(args)
            | Action::Discard(args)
            | Action::Confirm(args)
            | Action::Doubt(args) => &args.store,
        }
    }
}

/// Does it.
///
/// # Errors
/// A [`StoreFailure`] when the store cannot be asked, or knows no such id.
pub(super) async fn run(
    args: &QuarantineArgs,
    store: &StoreAccess,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match &args.action {
        Action::List(args) if args.state == State::Provisional => provisional(args, store, out).await?,
        Action::List(args) => list(args, store, out).await?,
        Action::Show(args) => show(args.ids.clone(), store, out).await?,
        Action::Release(args) => release(args.ids.clone(), store, out).await?,
        Action::Discard(args) => discard(args.ids.clone(), store, out).await?,
        Action::Confirm(args) => decide(args.ids.clone(), Confidence::Confirmed, store, out).await?,
        Action::Doubt(args) => decide(args.ids.clone(), Confidence::Provisional, store, out).await?,
    }
    Ok(out.flush()?)
}

async fn list(args: &ListArgs, store: &StoreAccess, out: &mut impl Write) -> anyhow::Result<()> {
    let mut client = store.connect().await?;
    let state = match args.state {
        State::Waiting | State::Provisional => HeldState::Waiting,
        State::Released => HeldState::Released,
        State::Discarded => HeldState::Discarded,
    };
    let mut request = ListHeldRequest {
        survey: args.survey.clone().unwrap_or_default(),
        brand: args.brand.clone().unwrap_or_default(),
        state: state as i32,
        page_size: 1_000,
        ..Default::default()
    };
    let mut first = true;
    loop {
        let page = client.list_held(request.clone()).await.map_err(StoreFailure::from)?.into_inner();
        print(args.format, &page.held, first, out)?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
        first = false;
    }
}

async fn provisional(args: &ListArgs, store: &StoreAccess, out: &mut impl Write) -> anyhow::Result<()> {
    let mut client = store.connect().await?;
    let mut request = ListResponsesRequest {
        survey: args.survey.clone().unwrap_or_default(),
        brand: args.brand.clone().unwrap_or_default(),
        page_size: 1_000,
        provisional: true,
        ..Default::default()
    };
    let mut first = true;
    loop {
        let page = client.list_responses(request.clone()).await.map_err(StoreFailure::from)?.into_inner();
        match args.format {
            Format::Ndjson => export::lines(&page.responses, out)?,
            Format::Table if first && page.responses.is_empty() => writeln!(out, "Nothing is provisional.")?,
            Format::Table => show::provisional(&page.responses, first, out)?,
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
        first = false;
    }
}

fn print(format: Format, held: &[Held], first: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        Format::Ndjson => {
            for held in held {
                show::line(held, out)?;
            }
            Ok(())
        }
        Format::Table if first && held.is_empty() => Ok(writeln!(out, "Nothing is held.")?),
        Format::Table => Ok(show::table(held, first, out)?),
    }
}

async fn show(ids: Vec<String>, store: &StoreAccess, out: &mut impl Write) -> anyhow::Result<()> {
    let mut client = store.connect().await?;
    let request = ListHeldRequest { ids, ..Default::default() };
    let found = client.list_held(request).await.map_err(StoreFailure::from)?.into_inner();
    found.held.iter().try_for_each(|held| show::whole(held, out))
}

async fn release(ids: Vec<String>, store: &StoreAccess, out: &mut impl Write) -> anyhow::Result<()> {
    let asked = ids.len();
    let mut client = store.connect().await?;
    let reply = client.release_held(ReleaseHeldRequest { ids }).await.map_err(StoreFailure::from)?;
    match reply.into_inner().released as usize {
        released if released == asked => writeln!(out, "Released {released}.")?,
        released => writeln!(out, "Released {released} of {asked}; the others did not wait.")?,
    }
    Ok(())
}

async fn discard(ids: Vec<String>, store: &StoreAccess, out: &mut impl Write) -> anyhow::Result<()> {
    let asked = ids.len();
    let mut client = store.connect().await?;
    let reply = client.discard_held(DiscardHeldRequest { ids }).await.map_err(StoreFailure::from)?;
    match reply.into_inner().discarded as usize {
        discarded if discarded == asked => writeln!(out, "Discarded {discarded}.")?,
        discarded => writeln!(out, "Discarded {asked}; {discarded} of them waited.")?,
    }
    Ok(())
}

async fn decide(
    ids: Vec<String>,
    confidence: Confidence,
    store: &StoreAccess,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let asked = ids.len();
    let mut client = store.connect().await?;
    let request = DecideResponsesRequest { ids, confidence: confidence.into() };
    let reply = client.decide_responses(request).await.map_err(StoreFailure::from)?;
    let word = if confidence == Confidence::Confirmed { "Confirmed" } else { "Doubted" };
    match reply.into_inner().decided as usize {
        decided if decided == asked => writeln!(out, "{word} {decided}.")?,
        decided => writeln!(out, "{word} {asked}; {decided} of them anew.")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
