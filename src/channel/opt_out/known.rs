//! What the store knows of opt-outs, asked for by those who make links and show pages.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::{
    catalog::RespondentKey,
    clock::{Clock, Timestamp},
    config::settings,
    proto::store::v1::FindOptOutsRequest,
    store::{AskError, PEOPLE, StoreLine},
};

/// What a page waits for the store to say whether its person is out: it says less rather than come late.
const PAGE_WAIT: Duration = Duration::from_millis(100);
/// How long a page goes by what was known.
const KNOWN_FOR: Duration = Duration::from_secs(30);

/// Asks the store who is out.
pub(crate) struct OptOuts {
    store: Arc<StoreLine>,
    bounds: settings::Links,
    clock: Clock,
    /// What pages were told. None: the store could not be asked.
    known: Cache<(String, RespondentKey), (Option<bool>, Timestamp)>,
    asking: Semaphore,
}

impl std::fmt::Debug for OptOuts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OptOuts").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl OptOuts {
    /// Knows nothing yet.
    pub(crate) fn new(store: Arc<StoreLine>, bounds: settings::Links, clock: Clock) -> Self {
        let (known, asking) = (Cache::new(bounds.cached), Semaphore::new(bounds.lookups));
        Self { store, bounds, clock, known, asking }
    }

    /// Which of some people want no more invitations of a brand.
    ///
    /// # Errors
    /// When the store does not say in time.
    pub(crate) async fn among(
        &self,
        brand: &str,
        people: &BTreeSet<RespondentKey>,
    ) -> Result<BTreeSet<RespondentKey>, AskError> {
        find(&self.store, self.bounds.timeout, brand, people).await
    }

    /// Whether a person is known to want no more, for a page that waits for a moment only.
    pub(crate) async fn is_out(&self, brand: &str, person: RespondentKey) -> bool {
        let now = self.clock.now();
        let name = (brand.to_owned(), person);
        if let Some((is_out, at)) = self.known.get(&name)
            && now.since(at) < KNOWN_FOR
        {
            return is_out.unwrap_or(false);
        }
        let Ok(_place) = self.asking.try_acquire() else { return false };
        let found = find(&self.store, PAGE_WAIT, brand, &[person].into()).await;
        let is_out = found.ok().map(|found| found.contains(&person));
        self.known.insert(name, (is_out, now));
        is_out.unwrap_or(false)
    }

    /// Takes in what a person said just now: the store hears of it in a moment.
    pub(crate) fn said(&self, brand: &str, person: RespondentKey, is_out: bool) {
        self.known.insert((brand.to_owned(), person), (Some(is_out), self.clock.now()));
    }
}

/// Asks a store.
///
/// # Errors
/// When it does not say in time.
pub(crate) async fn find(
    store: &StoreLine,
    within: Duration,
    brand: &str,
    people: &BTreeSet<RespondentKey>,
) -> Result<BTreeSet<RespondentKey>, AskError> {
    let mut found = BTreeSet::new();
    let people: Vec<_> = people.iter().map(|person| person.0.to_vec().into()).collect();
    for some in people.chunks(PEOPLE) {
        let request = FindOptOutsRequest { brand: brand.to_owned(), respondent_keys: some.to_vec() };
        let reply = store.ask(within, async move |mut store| store.find_opt_outs(request).await).await?;
        let keys = reply.respondent_keys.iter().filter_map(|key| key.as_ref().try_into().ok());
        found.extend(keys.map(RespondentKey));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::tests::Running,
        tls::{ClientTls, LiveClientTls},
    };

    const PERSON: RespondentKey = RespondentKey([8; 16]);
    const BOUNDS: settings::Links = settings::Links {
        kept: 10,
        kept_after: Duration::from_secs(60),
        cached: 100,
        cached_for: Duration::from_secs(600),
        timeout: Duration::from_secs(5),
        lookups: 8,
    };

    fn opt_outs(url: &str, clock: &Clock) -> OptOuts {
        let line = StoreLine::new(url.to_owned(), None, LiveClientTls::new(ClientTls::default()));
        OptOuts::new(Arc::new(line), BOUNDS, clock.clone())
    }

    #[tokio::test]
    async fn what_a_person_said_here_is_known_here_at_once_and_the_store_is_asked_again_later() {
        let running = Running::start().await;
        let opt_outs = opt_outs(&running.url, &running.clock);
        assert!(!opt_outs.is_out("acme", PERSON).await);
        opt_outs.said("acme", PERSON, true);
        assert!(opt_outs.is_out("acme", PERSON).await);
        assert!(!opt_outs.is_out("globex", PERSON).await);
        running.clock.advance(KNOWN_FOR);
        assert!(!opt_outs.is_out("acme", PERSON).await, "the store has not heard of it");
    }

    #[tokio::test]
    async fn a_page_waits_for_a_moment_only_and_links_say_that_nobody_can_tell() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let opt_outs = opt_outs(&format!("http://{}", silent.local_addr().unwrap()), &Clock::System);
        let begun = std::time::Instant::now();
        assert!(!opt_outs.is_out("acme", PERSON).await);
        assert!(!opt_outs.is_out("acme", PERSON).await, "asked once in a while");
        assert!(begun.elapsed() < BOUNDS.timeout, "{:?}", begun.elapsed());
        let line = &opt_outs.store;
        let asked = find(line, Duration::from_millis(200), "acme", &[PERSON].into()).await;
        assert!(matches!(asked, Err(AskError::Away(_))), "{asked:?}");
        let nobody = find(line, Duration::from_millis(200), "acme", &BTreeSet::new()).await;
        assert_eq!(nobody.unwrap(), BTreeSet::new());
    }
}
