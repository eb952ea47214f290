//! Channels: each knows one dialect and nothing else.
//!
//! Takes bytes from outside.
//! Gives a receipt or a refusal in the dialect it was spoken to in: a page, TwiML, a JSON problem, a gRPC status.
//! Refuses who cannot prove what must be proven, and what cannot be decoded.
//! Bounds time and size of heads and bodies, and the number of connections.

pub mod chat_widget;
pub(crate) mod email_link;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod ivr;
pub(crate) mod json;
pub(crate) mod link;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod site_form;

#[cfg(test)]
mod tests;

pub(crate) use self::http::Reply;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    catalog::{Action, ApiKey, ApiKeyHash, Catalog},
    clock::Clock,
    config::Settings,
    intake::Intake,
    outcome::{Reason, Refusal},
};

/// What every channel stands on.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Fixed at start.
    pub settings: Arc<Settings>,
    /// Swapped by a reload.
    pub catalog: Arc<ArcSwap<Catalog>>,
    /// Where submissions go.
    pub intake: Arc<Intake>,
    /// What short handles stand for.
    pub(crate) short_links: Arc<link::ShortLinks>,
    /// The time.
    pub clock: Clock,
}

/// The API key of an `Authorization: Bearer …` value that may do this.
///
/// # Errors
/// [`Reason::Unauthenticated`] without a known key, [`Reason::Forbidden`] when it may not.
pub(crate) fn authorize(
    catalog: &Catalog,
    authorization: Option<&str>,
    action: Action,
) -> Result<Arc<ApiKey>, Refusal> {
    let presented = authorization
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    let Some(presented) = presented else {
        let detail = "send an API key: `Authorization: Bearer …` (`voxgate key new` makes one)";
        return Err(Refusal::new(Reason::Unauthenticated, detail));
    };
    let key = catalog
        .api_keys
        .get(&ApiKeyHash::of(presented))
        .ok_or_else(|| Refusal::new(Reason::Unauthenticated, "the API key is not known here"))?;
    if !key.actions.contains(&action) {
        let detail = format!("the API key is not for the action `{}`", action.word());
        return Err(Refusal::new(Reason::Forbidden, detail));
    }
    Ok(Arc::clone(key))
}
