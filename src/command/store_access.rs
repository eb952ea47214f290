//! How the commands reach the store, and what it means when they do not.

use tonic::{Code, Status};

use crate::{
    catalog::Secret,
    config::settings,
    store::{Client, ConnectError, connect},
    tls::ClientTls,
};

/// Which store to ask.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct StoreArgs {
    /// Address of the store, for example http://127.0.0.1:50052 [default: the configuration's]
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
}

/// A store and the key to it.
#[derive(Clone, Debug)]
pub(crate) struct StoreAccess {
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub(crate) url: String,
    /// The key that the store asks for, if any.
    pub(crate) key: Option<Secret>,
    /// Whom to trust there and what to show, where it is `https://`.
    pub(crate) tls: ClientTls,
}

/// Why the store did not do what a command asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreFailure {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store went away, or cannot do it now.
    #[error("the store cannot be asked now: {0}")]
    Unavailable(String),
    /// The store's key is missing or wrong.
    #[error("the store refused the key: set [store] key as the store has it")]
    Key,
    /// The store says that what was asked is wrong.
    #[error("{0}")]
    Refused(String),
}

impl StoreFailure {
    /// Whether trying again later may help (exit code 69).
    pub(super) const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Connect(ConnectError::Unreachable { .. }))
    }
}

impl From<Status> for StoreFailure {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::Key,
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange => {
                Self::Refused(status.message().to_owned())
            }
            Code::ResourceExhausted => Self::Refused(status.message().to_owned()),
            _ => Self::Unavailable(status.message().to_owned()),
        }
    }
}

impl StoreArgs {
    /// The store that was named, else the configuration's.
    pub(super) fn access(&self, configured: StoreAccess) -> StoreAccess {
        StoreAccess { url: self.store.clone().unwrap_or(configured.url), ..configured }
    }
}

impl StoreAccess {
    /// The store that the configuration names.
    pub(super) fn configured(settings: &settings::Store) -> Self {
        Self {
            url: settings.url_or(settings.listen),
            key: settings.key.clone(),
            tls: settings.client_tls.clone(),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// When the URL is none or nobody answers.
    pub(super) async fn connect(&self) -> Result<Client, StoreFailure> {
        Ok(connect(&self.url, self.key.as_ref(), &self.tls).await?)
    }
}
