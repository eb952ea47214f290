//! A certificate with its chain and key: what a listener or a client shows of itself.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{
    CertificateError, Error, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::{TlsError, certificates, provider};
use crate::{catalog::Secret, clock::Timestamp};

/// A certificate and the chain above it.
#[derive(Clone)]
pub(crate) struct Chain {
    pem: Arc<str>,
    certificates: Vec<CertificateDer<'static>>,
}

/// A chain and the key of its first certificate.
#[derive(Clone)]
pub(crate) struct Identity {
    /// As rustls signs with it.
    pub(super) certified: Arc<CertifiedKey>,
    /// The chain as it was read.
    pub(super) chain_pem: Arc<str>,
    /// The key as it was read.
    pub(super) key_pem: Secret,
}

/// How a chain's time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Nothing to say.
    Current,
    /// One of its certificates ends soon, then.
    Ending(Timestamp),
    /// One has ended, then.
    Ended(Timestamp),
    /// One begins later, then.
    NotYet(Timestamp),
}

impl Chain {
    /// Reads a chain, its own certificate first.
    ///
    /// # Errors
    /// There is no certificate, or one of them is of no use.
    pub(crate) fn read(pem: &str) -> Result<Self, TlsError> {
        let certificates = certificates(pem)?;
        for certificate in &certificates {
            ParsedCertificate::try_from(certificate).map_err(TlsError::Certificate)?;
        }
        Ok(Self { pem: pem.into(), certificates })
    }

    /// How its time stands, looking so far ahead; the first of its certificates that has something to say.
    pub(crate) fn lifetime(&self, now: Timestamp, ahead: Duration) -> Lifetime {
        let found = [now, now.after(ahead)].into_iter().find_map(|at| {
            let seconds = u64::try_from(at.as_secs()).unwrap_or_default();
            let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            self.certificates.iter().find_map(|certificate| outside(certificate, at))
        });
        match found {
            Some(Outside::After(end)) if end < now => Lifetime::Ended(end),
            Some(Outside::After(end)) => Lifetime::Ending(end),
            Some(Outside::Before(begin)) => Lifetime::NotYet(begin),
            None => Lifetime::Current,
        }
    }
}

enum Outside {
    Before(Timestamp),
    After(Timestamp),
}

/// Whether a moment is outside a certificate's time. A verifier looks at the time before it looks for an authority, so
/// that it tells even when there is none to find.
fn outside(certificate: &CertificateDer<'_>, at: UnixTime) -> Option<Outside> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let verified = verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], at, &[]);
    let stamp = |time: UnixTime| Timestamp::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    match verified {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(Outside::After(stamp(not_after)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            Some(Outside::Before(stamp(not_before)))
        }
        _ => None,
    }
}

impl Identity {
    /// Puts a key to a chain.
    ///
    /// # Errors
    /// It is no key, or that of another certificate.
    pub(crate) fn new(chain: Chain, key_pem: &str) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| TlsError::NoKey)?;
        let certified = CertifiedKey::from_der(chain.certificates, key, &provider());
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::OtherKey,
            error => TlsError::Key(error),
        })?;
        Ok(Self { certified: Arc::new(certified), chain_pem: chain.pem, key_pem: Secret::new(key_pem) })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates, [redacted])", self.certified.cert.len())
    }
}
