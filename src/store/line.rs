//! A line to the store for single questions: dialled when first asked, and again after it broke.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tonic::{Code, Response, Status};

use super::{Client, client};
use crate::{catalog::Secret, tls::LiveClientTls};

/// Asks the store, each time within a bound. Clones are not needed: it is shared.
#[derive(Debug)]
pub(crate) struct StoreLine {
    url: String,
    key: Option<Secret>,
    tls: LiveClientTls,
    /// None until the first question, and after the line broke: certificates may be other ones by then.
    client: ArcSwapOption<Client>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The store cannot be asked now.
    #[error("the store cannot be asked now: {0}")]
    Away(String),
    /// The store says that what was asked is wrong, or is not there.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
}

impl StoreLine {
    /// A line to the store at an URL.
    pub(crate) fn new(url: String, key: Option<Secret>, tls: LiveClientTls) -> Self {
        Self { url, key, tls, client: ArcSwapOption::empty() }
    }

    /// Asks, and waits so long at the most.
    ///
    /// # Errors
    /// When nobody answers in time, or the store refuses.
    pub(crate) async fn ask<T>(
        &self,
        within: Duration,
        question: impl AsyncFnOnce(Client) -> Result<Response<T>, Status>,
    ) -> Result<T, AskError> {
        let client = self.client()?;
        match tokio::time::timeout(within, question(client)).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if is_away(status.code()) => {
                self.client.store(None);
                Err(AskError::Away(status.message().to_owned()))
            }
            Ok(Err(status)) => Err(AskError::Refused(Box::new(status))),
            Err(_) => {
                self.client.store(None);
                Err(AskError::Away("it did not answer in time".to_owned()))
            }
        }
    }

    fn client(&self) -> Result<Client, AskError> {
        if let Some(client) = self.client.load_full() {
            return Ok(Client::clone(&client));
        }
        let client = client::dial(&self.url, self.key.as_ref(), &self.tls.load());
        let client = client.map_err(|error| AskError::Away(error.to_string()))?;
        self.client.store(Some(Arc::new(client.clone())));
        Ok(client)
    }
}

/// A store whose key we do not have, and one that does not know the call, is none that can be asked, either.
const fn is_away(code: Code) -> bool {
    !matches!(
        code,
        Code::NotFound
            | Code::InvalidArgument
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
    )
}
