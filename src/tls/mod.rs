//! Certificates and keys, made into what a listener or a client needs.
//!
//! Takes PEM texts as operators have them: a chain, its key, the authorities to trust.
//! Gives [`ServerTls`] and [`ClientTls`]: TLS 1.2 and 1.3 by rustls, with mutual TLS where authorities are named.
//! Refuses what could never serve: no certificate, no key, a key of another certificate.
//! Bounds nothing: the configuration bounds the files, a listener bounds the handshakes.

mod client;
mod identity;
mod live;
mod server;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use self::{
    client::ClientTls,
    identity::{Chain, Identity, Lifetime},
    live::{LiveClientTls, LiveServerTls},
    server::{Protocols, ServerTls},
};

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Why a PEM text is of no use. Reads on from the name of the file it came from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Nothing between the lines that begin and end a certificate.
    #[error("holds no certificate; it must be PEM, between -----BEGIN CERTIFICATE----- and its end")]
    NoCertificate,
    /// The lines are there, what they enclose is no certificate.
    #[error("holds a certificate that cannot be read: {0}")]
    Certificate(rustls::Error),
    /// No key, or one under a passphrase, which nobody could type.
    #[error("holds no private key; it must be PEM (PKCS #8, PKCS #1 or SEC 1) without a passphrase")]
    NoKey,
    /// Of a kind that rustls does not sign with.
    #[error("holds a key that cannot be used: {0}; use ECDSA P-256, Ed25519 or RSA of 2048 bits or more")]
    Key(rustls::Error),
    /// The key of another certificate.
    #[error("is not the key of the certificate beside it; name the two files that were made together")]
    OtherKey,
    /// Authorities of which none can be used.
    #[error("holds no authority that can be used: {0}")]
    Authorities(String),
}

/// Certificates that are trusted to sign others.
#[derive(Clone)]
pub(crate) struct Authorities {
    pem: Arc<str>,
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// Reads them all.
    ///
    /// # Errors
    /// There is none, or one of them is of no use.
    pub(crate) fn read(pem: &str) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| TlsError::Authorities(error.to_string()))?;
        }
        Ok(Self { pem: pem.into(), roots: Arc::new(roots) })
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.roots.len())
    }
}

/// All certificates of a text, at least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsError::NoCertificate)
}

/// The provider of all cryptography here, whichever one the process has installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
