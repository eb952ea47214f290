//! Authorities and certificates of a test's own, and clients that speak TLS with them.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{http::client_builder, plan::Plan};

#[path = "../../../src/tls/tests/authority.rs"]
mod authority;

pub(crate) use self::authority::{Authority, Issued};

impl Authority {
    /// A certificate that is good for as long as these tests are run.
    pub(crate) fn issue(&self) -> Issued {
        self.issue_between((2020, 1, 1), (2100, 1, 1))
    }

    /// Writes `ca.pem`, and a new `cert.pem` with its `key.pem`.
    pub(crate) fn write_to(&self, dir: &Path) -> Issued {
        let issued = self.issue();
        fs::write(dir.join("ca.pem"), &self.pem).unwrap();
        issued.write_to(dir);
        issued
    }

    /// An HTTP client that trusts this authority alone.
    pub(crate) fn http_client(&self, only_http1: bool) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.pem.as_bytes()).unwrap();
        let builder = client_builder().tls_certs_only([authority]);
        if only_http1 { builder.http1_only() } else { builder }.build().unwrap()
    }

    /// A gRPC channel that trusts this authority alone, and shows a certificate when it has one.
    pub(crate) fn channel(&self, addr: &str, shows: Option<&Issued>) -> Channel {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.pem));
        let tls = match shows {
            Some(issued) => tls.identity(Identity::from_pem(&issued.chain, &issued.key)),
            None => tls,
        };
        let endpoint = Endpoint::from_shared(format!("https://{addr}")).unwrap();
        endpoint.tls_config(tls).unwrap().connect_lazy()
    }

    /// A bare TLS connection that trusts this authority alone.
    pub(crate) async fn connect(&self, addr: &str) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(addr).await?).await
    }
}

impl Issued {
    /// Writes `cert.pem` and `key.pem`.
    pub(crate) fn write_to(&self, dir: &Path) {
        fs::write(dir.join("cert.pem"), &self.chain).unwrap();
        fs::write(dir.join("key.pem"), &self.key).unwrap();
    }

    /// The certificate as it goes over the wire.
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()
    }
}

impl Plan {
    /// Writes a certificate of this authority into the configuration, and serves a section with it.
    pub(crate) fn tls(self, section: &str, authority: &Authority) -> Self {
        authority.write_to(self.config.path());
        self.set(&format!("{section}.tls_cert"), "cert.pem").set(&format!("{section}.tls_key"), "key.pem")
    }

    /// The same, and lets in clients of this authority alone.
    pub(crate) fn mutual_tls(self, section: &str, authority: &Authority) -> Self {
        self.tls(section, authority).set(&format!("{section}.tls_client_ca"), "ca.pem")
    }

    /// Trusts this authority at the store (or Redis), and shows a certificate of it.
    pub(crate) fn client_tls(self, section: &str, authority: &Authority) -> Self {
        let shown = authority.issue();
        self.config.write("client-ca.pem", &authority.pem);
        self.config.write("client-cert.pem", &shown.chain);
        self.config.write("client-key.pem", &shown.key);
        self.set(&format!("{section}.tls_ca"), "client-ca.pem")
            .set(&format!("{section}.tls_client_cert"), "client-cert.pem")
            .set(&format!("{section}.tls_client_key"), "client-key.pem")
    }
}
