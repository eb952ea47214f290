//! A certificate that a run makes for its gateway, and how its load trusts it.

use std::{fs, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tonic::transport::{Certificate, ClientTlsConfig};

use crate::config::ConfigDir;

/// Whom the certificate names.
const NAME: &str = "localhost";

/// Trusts one certificate.
#[derive(Clone)]
pub(crate) struct Trust {
    pem: String,
    connector: TlsConnector,
}

impl Trust {
    /// Makes a certificate and has both listeners of a configuration use it.
    pub(crate) fn install(config: &ConfigDir) -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
        let (pem, key) = (cert.pem(), signing_key.serialize_pem());
        fs::write(config.file("cert.pem"), &pem)?;
        fs::write(config.file("key.pem"), key)?;
        for listener in ["http", "grpc"] {
            config.set("gateway.toml", &format!("{listener}.tls_cert"), "cert.pem")?;
            config.set("gateway.toml", &format!("{listener}.tls_key"), "key.pem")?;
        }
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let client = versions.with_safe_default_protocol_versions()?.with_root_certificates(roots);
        Ok(Self { pem, connector: Arc::new(client.with_no_client_auth()).into() })
    }

    /// A connection over it.
    pub(crate) async fn connect(&self, address: SocketAddr) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let connected = self.connector.connect(ServerName::try_from(NAME)?, stream).await;
        connected.context("the TLS handshake failed")
    }

    /// The same for gRPC.
    pub(crate) fn of_grpc(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.pem)).domain_name(NAME)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}
