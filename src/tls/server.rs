//! What a listener shows, and whom it lets in.

use std::{fmt, sync::Arc};

use rustls::{
    ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::SingleCertAndKey,
};

use super::{Authorities, Identity, TlsError, provider};

/// What a listener speaks inside TLS; a client that offers protocols (ALPN, RFC 7301) must offer one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/2, or HTTP/1.1.
    Http,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Grpc,
}

impl Protocols {
    fn names(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Http => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Grpc => &[b"h2"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// The TLS of a listener. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// With authorities, a client must show a certificate that one of them signed.
    ///
    /// # Errors
    /// The authorities cannot be used.
    pub(crate) fn new(
        identity: &Identity,
        clients: Option<Authorities>,
        protocols: Protocols,
    ) -> Result<Self, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Key)?;
        let builder = builder.with_client_cert_verifier(verifier(clients)?);
        let shown = SingleCertAndKey::from(Arc::clone(&identity.certified));
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = protocols.names();
        Ok(Self(Arc::new(config)))
    }

    /// As rustls takes it.
    pub(crate) fn into_config(self) -> Arc<ServerConfig> {
        self.0
    }
}

fn verifier(clients: Option<Authorities>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(Authorities { roots, .. }) = clients else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let built = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    built.map_err(|error| TlsError::Authorities(error.to_string()))
}

/// The key is in there somewhere.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}
