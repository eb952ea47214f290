//! Short links on a gateway: asks the store what a handle stands for, and remembers it.
//!
//! Takes a handle out of an address. Gives the token of the long link.
//! Refuses handles that nobody made (a broken link), and all it does not remember while the store is away (try again:
//! the handle may exist). Bounds what it remembers, lookups at once, and the time of each.

use std::sync::Arc;

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::{Handle, Link};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    outcome::{Reason, Refusal},
    proto::store::v1::{GetLinkRequest, PutLinksRequest},
    store::{self, AskError, StoreLine},
};

/// How long a handle that nobody made is known as that. Short: a store that was restored may be given it yet.
const MISSING_FOR: std::time::Duration = std::time::Duration::from_secs(30);
/// When people and programs are asked to try again.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(10);

/// What the gateway knows of short links.
pub(crate) struct ShortLinks {
    store: Arc<StoreLine>,
    bounds: settings::Links,
    clock: Clock,
    found: Cache<Handle, Found>,
    /// Apart, so that guesses drive out nothing but guesses.
    missing: Cache<Handle, Timestamp>,
    lookups: Semaphore,
}

#[derive(Clone)]
struct Found {
    token: Arc<str>,
    at: Timestamp,
}

impl std::fmt::Debug for ShortLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShortLinks").field("remembered", &self.found.len()).finish_non_exhaustive()
    }
}

impl ShortLinks {
    /// Knows nothing yet.
    pub(crate) fn new(store: Arc<StoreLine>, bounds: settings::Links, clock: Clock) -> Self {
        Self {
            store,
            bounds,
            clock,
            found: Cache::new(bounds.cached),
            missing: Cache::new(bounds.cached),
            lookups: Semaphore::new(bounds.lookups),
        }
    }

    /// The token that a handle stands for.
    ///
    /// # Errors
    /// `bad_token` for a handle that nobody made or that is past its time, `store_unavailable` while nobody can tell.
    pub(crate) async fn token(&self, handle: Handle) -> Result<Arc<str>, Refusal> {
        let now = self.clock.now();
        let known = self.found.get(&handle);
        if let Some(known) = known.as_ref().filter(|known| now.since(known.at) < self.bounds.cached_for) {
            return Ok(Arc::clone(&known.token));
        }
        if self.missing.get(&handle).is_some_and(|at| now.since(at) < MISSING_FOR) {
            return Err(nobodys());
        }
        match self.look_up(handle).await {
            Ok(Some(token)) => {
                self.found.insert(handle, Found { token: Arc::clone(&token), at: now });
                Ok(token)
            }
            Ok(None) => {
                self.found.remove(&handle);
                self.missing.insert(handle, now);
                Err(nobodys())
            }
            // Nobody can tell whether it still holds: a link that opened an hour ago rather opens.
            Err(refusal) => known.map(|known| known.token).ok_or(refusal),
        }
    }

    async fn look_up(&self, handle: Handle) -> Result<Option<Arc<str>>, Refusal> {
        let Ok(_place) = self.lookups.try_acquire() else {
            return Err(away("many short links are opened at once; try again"));
        };
        let request = GetLinkRequest { handle: handle.as_str().to_owned() };
        let asked = self.store.ask(self.bounds.timeout, async move |mut store| store.get_link(request).await);
        match asked.await {
            Ok(reply) => Ok(reply.link.map(|link| link.token.into())),
            Err(AskError::Refused(status)) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "a short link could not be looked up");
                Err(away("the store that keeps short links cannot be asked; try again"))
            }
        }
    }

    /// Has the store keep links, and gives their handles in the same order.
    ///
    /// # Errors
    /// `store_unavailable` when it does not, or may not.
    pub(crate) async fn put(&self, links: &[&Link]) -> Result<Vec<Handle>, Refusal> {
        let now = self.clock.now();
        let mut handles = Vec::with_capacity(links.len());
        for some in links.chunks(store::LINKS) {
            let mut request = PutLinksRequest::default();
            for link in some {
                let handle = Handle::random();
                handles.push(handle);
                request.links.push(link.kept_under(handle, now));
            }
            let put =
                self.store.ask(self.bounds.timeout, async move |mut store| store.put_links(request).await);
            put.await.map_err(not_kept)?;
        }
        Ok(handles)
    }
}

fn nobodys() -> Refusal {
    Refusal::new(Reason::BadToken, "the link is incomplete, was altered, or is long past its time")
}

fn away(detail: &'static str) -> Refusal {
    Refusal::new(Reason::StoreUnavailable, detail).retry_after(RETRY_AFTER)
}

fn not_kept(error: AskError) -> Refusal {
    tracing::warn!(%error, "short links could not be kept");
    match error {
        AskError::Refused(status) if status.code() == tonic::Code::ResourceExhausted => away(
            "the store keeps as many short links as it may: raise its [links] kept, or order without `short`",
        ),
        _ => away("the store that keeps short links cannot be asked; try again, or order without `short`"),
    }
}

#[cfg(test)]
mod tests;
