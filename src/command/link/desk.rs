//! What `voxgate link` asks of the store.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::{
    channel::link::{Handle, Link},
    clock::Timestamp,
    command::store_access::{StoreAccess, StoreFailure},
    proto::store::v1::PutLinksRequest,
    store::{self, AskError, StoreLine},
    tls::LiveClientTls,
};

/// Asks the store between rows.
#[derive(Debug)]
pub(super) struct Desk {
    runtime: Runtime,
    store: StoreLine,
    timeout: Duration,
}

impl Desk {
    /// A desk that asks this store, each time for so long at the most.
    pub(super) fn new(access: StoreAccess, timeout: Duration) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let StoreAccess { url, key, tls } = access;
        Ok(Self { runtime, store: StoreLine::new(url, key, LiveClientTls::new(tls)), timeout })
    }

    /// Has the store keep links, and gives their handles in the same order.
    pub(super) fn keep(&self, links: &[&Link], now: Timestamp) -> Result<Vec<Handle>, StoreFailure> {
        let mut handles = Vec::with_capacity(links.len());
        for some in links.chunks(store::LINKS) {
            let mut request = PutLinksRequest::default();
            for link in some {
                let handle = Handle::random();
                handles.push(handle);
                request.links.push(link.kept_under(handle, now));
            }
            let put = async move |mut store: store::Client| store.put_links(request).await;
            self.runtime.block_on(self.store.ask(self.timeout, put)).map_err(failure)?;
        }
        Ok(handles)
    }
}

fn failure(error: AskError) -> StoreFailure {
    match error {
        AskError::Away(why) => StoreFailure::Unavailable(why),
        AskError::Refused(status) => (*status).into(),
    }
}
