//! `voxgate erase`: forgets a person in the store; the tombstone it leaves refuses what still lies in a spool.

use std::io::Write;

use anyhow::Context as _;

use super::store_access::{StoreAccess, StoreArgs, StoreFailure};
use crate::{
    catalog::{IdentityKey, RespondentKey},
    intake::Respondent,
    proto::store::v1::EraseRequest,
};

/// Whom to forget.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct EraseArgs {
    /// The person: ref:crm-0815, email:ann@example.org or phone:+41446681800
    #[arg(long, value_name = "KIND:VALUE")]
    pub(super) respondent: String,
    /// Which store
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Hashes how the person is named, and has the store forget them.
///
/// # Errors
/// A [`StoreFailure`] when the store cannot be asked; else when the respondent is none.
pub(super) async fn run(
    args: &EraseArgs,
    store: &StoreAccess,
    identity_key: &IdentityKey,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let key = respondent(&args.respondent, identity_key)?;
    let mut client = store.connect().await?;
    let request = EraseRequest { respondent_key: key.0.to_vec().into(), received_before: None };
    let erased = client.erase(request).await.map_err(StoreFailure::from)?.into_inner();
    writeln!(
        out,
        "Erased {} responses ({} records). What was received of this person before now and still arrives is refused.",
        erased.responses, erased.records
    )?;
    if erased.responses == 0 {
        writeln!(out, "Nothing was stored under this name; try their other references and contacts, too.")?;
    }
    Ok(out.flush()?)
}

/// The prefix must be there: what is forgotten by mistake does not come back.
fn respondent(text: &str, key: &IdentityKey) -> anyhow::Result<RespondentKey> {
    let named = text.split_once(':').filter(|(kind, _)| Respondent::KINDS.contains(kind));
    let (kind, value) = named.context("--respondent must begin with `ref:`, `email:` or `phone:`")?;
    let respondent = Respondent::parse(kind, value, key);
    Ok(respondent.map_err(|(_, form)| anyhow::anyhow!("--respondent {kind}: must be {form}"))?.key)
}

#[cfg(test)]
mod tests;
