//! The certificates in use, which a reload swaps.

use crate::{
    config::Settings,
    tls::{LiveClientTls, LiveServerTls},
};

/// The TLS of each listener, and of the way to the store.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// `[http]`
    pub http: LiveServerTls,
    /// `[grpc]`
    pub grpc: LiveServerTls,
    /// `[admin]`
    pub admin: LiveServerTls,
    /// `[store]`, where it is served.
    pub store: LiveServerTls,
    /// `[store]`, where it is a client's.
    pub to_store: LiveClientTls,
}

impl Certificates {
    /// Those of the start.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            http: LiveServerTls::new(settings.http.tls.clone()),
            grpc: LiveServerTls::new(settings.grpc.tls.clone()),
            admin: LiveServerTls::new(settings.admin.tls.clone()),
            store: LiveServerTls::new(settings.store.tls.clone()),
            to_store: LiveClientTls::new(settings.store.client_tls.clone()),
        }
    }

    /// Those of a reload, for new connections.
    pub(super) fn swap(&self, settings: Settings) {
        self.http.swap(settings.http.tls);
        self.grpc.swap(settings.grpc.tls);
        self.admin.swap(settings.admin.tls);
        self.store.swap(settings.store.tls);
        self.to_store.swap(settings.store.client_tls);
    }
}
