//! Whom a client trusts, and what it shows.

use super::{Authorities, Identity};

/// The TLS of a client. Without authorities it trusts those of the system.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    authorities: Option<Authorities>,
    identity: Option<Identity>,
}

impl ClientTls {
    /// Trusts these authorities alone, and shows this when asked.
    pub(crate) const fn new(authorities: Option<Authorities>, identity: Option<Identity>) -> Self {
        Self { authorities, identity }
    }

    /// Whether it differs from what every client does.
    pub(crate) const fn is_set(&self) -> bool {
        self.authorities.is_some() || self.identity.is_some()
    }

    /// The authorities in PEM; none: the system's.
    pub(crate) fn authorities_pem(&self) -> Option<&str> {
        self.authorities.as_ref().map(|authorities| &*authorities.pem)
    }

    /// The chain and the key in PEM, to show when asked. The key is a secret: never print it.
    pub(crate) fn identity_pem(&self) -> Option<(&str, &str)> {
        self.identity.as_ref().map(|identity| (&*identity.chain_pem, identity.key_pem.expose()))
    }
}
