//! TLS that a reload swaps: connections made from then on get the new one, open ones go on as they are.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;

use super::{ClientTls, ServerTls};

/// The TLS that a listener's new connections get, or none. Clones share it.
#[derive(Clone)]
pub(crate) struct LiveServerTls(Arc<ArcSwapOption<ServerConfig>>);

impl LiveServerTls {
    /// Begins with this one.
    pub(crate) fn new(tls: Option<ServerTls>) -> Self {
        Self(Arc::new(ArcSwapOption::new(tls.map(ServerTls::into_config))))
    }

    /// The one in use.
    pub(crate) fn load(&self) -> Option<Arc<ServerConfig>> {
        self.0.load_full()
    }

    /// Puts another in its place.
    pub(crate) fn swap(&self, tls: Option<ServerTls>) {
        self.0.store(tls.map(ServerTls::into_config));
    }
}

impl fmt::Debug for LiveServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveServerTls").finish_non_exhaustive()
    }
}

/// The TLS that a client's next connection gets. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LiveClientTls(Arc<ArcSwap<ClientTls>>);

impl LiveClientTls {
    /// Begins with this one.
    pub(crate) fn new(tls: ClientTls) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(tls)))
    }

    /// The one in use.
    pub(crate) fn load(&self) -> Arc<ClientTls> {
        self.0.load_full()
    }

    /// Puts another in its place.
    pub(crate) fn swap(&self, tls: ClientTls) {
        self.0.store(Arc::new(tls));
    }
}
